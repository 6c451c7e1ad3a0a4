"""What a random policy, the best constant answers and the planning expert reach on a benchmark.

They are computed once, when the manifest is made, and lie beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.run_directory import Tables

DIGITS = 6
REFERENCES = ("random", "constant", "plan")


@dataclass(frozen=True, kw_only=True)
class References:
    """The tables of the reference policies.

    Attributes:
        manifest_sha256: of the manifest that they were played on.
        tables: a name of `REFERENCES` -> its tables, see `training.benchmark_tables`.
        num_drawn: worlds drawn to find the manifest's.
        num_unsolved: how many of those were left out because the planner could not prove the
            answer.
    """

    manifest_sha256: str
    tables: dict[str, Tables]
    num_drawn: int
    num_unsolved: int

    def rows(self) -> dict[str, Any]:
        """The references as rows of one table."""
        return {
            name: next(iter(tables["evaluation"].values())) for name, tables in self.tables.items()
        }


def references_text(references: References) -> str:
    """The references as the JSON that `load_references` reads, one row a line."""
    lines = []
    for policy, tables in references.tables.items():
        for table, rows in tables.items():
            for row, cells in rows.items():
                numbers = {
                    metric: [_short(cell["mean"]), _short(cell["stderr"]), cell["n"]]
                    for metric, cell in cells.items()
                }
                lines.append(json.dumps([policy, table, row, numbers]))
    head = {
        "manifest_sha256": references.manifest_sha256,
        "num_drawn": references.num_drawn,
        "num_unsolved": references.num_unsolved,
    }
    rows_text = ",\n".join(lines)
    return json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{rows_text}\n ]\n}}\n'


def load_references(path: Path, manifest_sha256: str) -> References | None:
    """Read the references of a manifest; None where there are none.

    Raises:
        ValueError: where they are another manifest's.
    """
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["manifest_sha256"] != manifest_sha256:
        raise ValueError(
            f"{path} belongs to a manifest with sha256 {record['manifest_sha256'][:12]}..., not to "
            f"{manifest_sha256[:12]}...; make it anew with scripts/build_benchmark.py"
        )
    tables: dict[str, Any] = {}
    for policy, table, row, numbers in record["rows"]:
        cells = {
            metric: {"mean": mean, "stderr": stderr, "n": count}
            for metric, (mean, stderr, count) in numbers.items()
        }
        tables.setdefault(policy, {}).setdefault(table, {})[row] = cells
    return References(
        manifest_sha256=manifest_sha256,
        tables=tables,
        num_drawn=record["num_drawn"],
        num_unsolved=record["num_unsolved"],
    )


def _short(value: float | int | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)
