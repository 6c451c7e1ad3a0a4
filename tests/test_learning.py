"""The claim that matters, at two thirds of the demo's length: it learns to see, then where to look.

Slow: about ten minutes on two cores.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scripts.real_scripts import call


@pytest.mark.slow
@pytest.mark.render
def test_reinforcement_teaches_where_to_look(tmp_path: Path) -> None:
    arguments = (
        "experiment=demo",
        f"run.root={tmp_path}",
        "cold_start.num_steps=320",
        "cold_start.learner.total_steps=320",
        "algorithm.num_steps=24",
        "continue_imitation=false",
        "num_films=0",
        "rows=[constant,cold_start,grpo,blind,expert]",
    )
    assert call("train", *arguments) == 0
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
    table = summary["tables"]["evaluation"]
    accuracy = {row: cell["acc_fa"]["mean"] for row, cell in table.items()}
    assert accuracy["expert"] >= 0.97
    assert accuracy["cold_start"] > accuracy["constant"]
    assert accuracy["grpo"] > accuracy["cold_start"]
    assert table["grpo"]["igr"]["mean"] > table["cold_start"]["igr"]["mean"] + 0.2
    errors = (table["blind"]["acc_fa"]["stderr"], table["constant"]["acc_fa"]["stderr"])
    assert accuracy["blind"] <= accuracy["constant"] + 2 * sum(e**2 for e in errors) ** 0.5
