"""The numbers of a study: means over training seeds, and paired differences between arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean

import numpy as np

from training.avr_metrics import Cell, Row
from training.comparison import paired_bootstrap
from training.outcomes import Outcomes
from training.run_directory import Tables
from training.statistics import mean_stderr

CONFIDENCE = 0.90
"""Of the two-sided interval, whose lower end is the one-sided 95 % bound."""


@dataclass(kw_only=True)
class StudyResults:
    """What a study has found so far.

    Attributes:
        rows: name -> training seed -> that policy's row on held-out worlds.
        outcomes: name -> training seed -> which of these worlds it solved.
        crossed: actor -> answerer -> training seed -> share of right final answers.
    """

    rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    outcomes: dict[str, dict[int, Outcomes]] = field(default_factory=dict)
    crossed: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)

    def add(self, name: str, seed: int, row: Row, outcomes: Outcomes) -> None:
        """Take a policy's row and outcomes from one training seed."""
        self.rows.setdefault(name, {})[seed] = row
        self.outcomes.setdefault(name, {})[seed] = outcomes


def study_tables(results: StudyResults, main: str) -> Tables:
    """The study as tables.

    Args:
        results: what was found.
        main: name of the row that others are compared with.

    Returns:
        `study`: a row per policy; means over training seeds of the means over worlds, with the
        standard error over seeds (None for one seed). `seeds`: `acc_fa` of each training seed, with
        the standard error over its worlds. `differences`: `main` less each other row (see
        `paired_difference`). `crossed`: a row per actor, a column per answerer.
    """
    tables: dict[str, dict[str, dict[str, Cell]]] = {
        "study": {name: _over_seeds(by_seed) for name, by_seed in results.rows.items()},
        "seeds": {name: _by_seed(by_seed) for name, by_seed in results.rows.items()},
        "differences": {},
        "crossed": {
            f"{actor} acts": {
                f"{answerer} answers": mean_stderr(by_seed.values())
                for answerer, by_seed in by_answerer.items()
            }
            for actor, by_answerer in results.crossed.items()
        },
    }
    for name, outcomes in results.outcomes.items():
        if name != main and main in results.outcomes:
            compared = paired_difference(results.outcomes[main], outcomes)
            if compared is not None:
                tables["differences"][f"{main} less {name}"] = compared
    return {name: rows for name, rows in tables.items() if rows}


def paired_difference(
    first: Mapping[int, Outcomes], second: Mapping[int, Outcomes]
) -> dict[str, Cell] | None:
    """How many more held-out worlds the first solves than the second.

    World by world and training seed by training seed. The bootstrap draws worlds, with all training
    seeds of each, so its error says how sure the difference is of these training runs on other
    worlds; the spread between training seeds stands beside it.

    Args:
        first, second: training seed -> outcomes. A policy that no training seed changes has one
            entry, which is compared with every seed of the other.

    Returns:
        `difference` (its error over worlds), `lower_95` (the one-sided 95 % bound over worlds) and
        `over_seeds` (the same difference with the standard error over training seeds); None where
        there is nothing in common.
    """
    pairs = _pairs(first, second)
    ones = [one for pair in pairs.values() for one, _, _ in pair]
    twos = [two for pair in pairs.values() for _, two, _ in pair]
    worlds = [world for pair in pairs.values() for _, _, world in pair]
    if not worlds:
        return None
    found = paired_bootstrap(
        ones, twos, rng=np.random.default_rng(0), clusters=worlds, confidence=CONFIDENCE
    )
    by_seed = [mean(one - two for one, two, _ in pair) for pair in pairs.values() if pair]
    return {
        "difference": {"mean": found.difference, "stderr": found.stderr, "n": found.num_clusters},
        "lower_95": {"mean": found.low, "stderr": None, "n": found.num_clusters},
        "over_seeds": mean_stderr(by_seed),
    }


def _pairs(
    first: Mapping[int, Outcomes], second: Mapping[int, Outcomes]
) -> dict[int, list[tuple[float, float, int]]]:
    """Training seed -> (first, second, world) of every world that both have played."""
    pairs: dict[int, list[tuple[float, float, int]]] = {}
    for seed in sorted(set(first) | set(second)):
        one, two = _outcomes_of(first, seed), _outcomes_of(second, seed)
        pairs[seed] = [(one[w], two[w], w) for w in sorted(set(one) & set(two))]
    return pairs


def _outcomes_of(by_seed: Mapping[int, Outcomes], seed: int) -> Outcomes:
    """Those of a training seed; of the only one there is; none."""
    if len(by_seed) == 1:
        return next(iter(by_seed.values()))
    return by_seed.get(seed, {})


def _over_seeds(by_seed: Mapping[int, Row]) -> dict[str, Cell]:
    """Means over training seeds of each metric that all of them have."""
    rows = list(by_seed.values())
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: mean_stderr([float(row[name]["mean"] or 0.0) for row in rows]) for name in names}


def _by_seed(by_seed: Mapping[int, Row]) -> dict[str, Cell]:
    return {
        f"seed_{seed}": row[name]
        for seed, row in sorted(by_seed.items())
        for name in _score_name(row)
    }


def _score_name(row: Row) -> Sequence[str]:
    return [name for name in ("acc_fa", "success") if name in row][:1]
