"""Which held-out worlds a row of a table has solved: what runs are compared by, world by world."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from training.episode import Episode
from training.run_directory import write_atomic

FILE = "outcomes.json"
Outcomes = dict[int, float]
"""Seed of a held-out world -> 1 where its task was solved, else 0."""


def keep_outcomes(run_path: Path, row: str, episodes: Sequence[Episode]) -> None:
    """Write a row's outcomes into a run's folder, beside those of other rows. Failed episodes are
    left out.
    """
    kept = load_outcomes(run_path)
    kept[row] = {e.seed: float(e.success) for e in episodes if e.failure is None}
    write_atomic(run_path / FILE, json.dumps(kept))


def load_outcomes(run_path: Path) -> dict[str, Outcomes]:
    """Row -> outcomes; empty where the folder has none."""
    path = run_path / FILE
    if not path.exists():
        return {}
    rows = json.loads(path.read_text())
    return {row: {int(seed): value for seed, value in kept.items()} for row, kept in rows.items()}
