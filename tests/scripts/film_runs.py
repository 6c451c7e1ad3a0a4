"""Films of half a minute on disk, and the scripts that write, ask and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.scripts.real_scripts import call

FILM = {
    "height": 56,
    "width": 84,
    "fps": 4,
    "min_seconds": 20.0,
    "max_seconds": 40.0,
    "min_chapters": 1,
    "max_chapters": 1,
    "visit_seconds": 1.5,
    "num_places": 3,
    "num_taken": 1,
    "num_brought": 0,
    "num_moved": 0,
    "num_kept": 1,
    "max_switches": 0,
}
FILMS = (
    "dataset=long_video",
    "dataset.num_films=4",
    "num_workers=1",
    "run.name=films",
    *(f"dataset.film.{name}={value}" for name, value in FILM.items()),
)
"""Four films of 20 to 40 seconds."""


def films_of(folder: Path) -> list[Path]:
    return sorted((folder / "videos").iterdir())


def questions_of(folder: Path) -> list[dict[str, Any]]:
    return read_lines(folder / "questions.jsonl")


def about(folder: Path, film: Path) -> list[str]:
    """Ids of the questions about a film."""
    return [q["question_id"] for q in questions_of(folder) if q["video"] == f"videos/{film.name}"]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def evaluate(root: Path, folder: Path, *argv: str) -> int:
    given = (f"data_dir={folder}", "policy=random", f"run.root={root}")
    return call("evaluate", "benchmark=synthetic", *given, *argv)


def summary_of(root: Path, name: str = "evaluate") -> dict[str, Any]:
    return json.loads((root / name / "summary.json").read_text())
