"""`scripts/evaluate.py` on a set of questions about films: which are asked, what is kept, resuming
once films that were missing are there.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.scripts.real_scripts import call
from video.synthetic.config import FilmConfig
from video.synthetic.dataset import write_dataset

pytestmark = pytest.mark.render
FILM = FilmConfig(
    height=60,
    width=96,
    fps=10,
    min_seconds=60.0,
    max_seconds=60.0,
    min_chapters=2,
    max_chapters=2,
    num_taken=2,
    question_kinds=["what_taken", "what_card", "where"],
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("films")
    write_dataset(FILM, directory, [1, 2, 3])
    return directory


def evaluate(root: Path, data_dir: Path, *argv: str) -> int:
    command = (f"data_dir={data_dir}", f"run.root={root}", "num_envs=2", "policy=random")
    return call("evaluate", "benchmark=synthetic", "env.config.frame_budget=4", *command, *argv)


def asked_in(root: Path) -> list[str]:
    lines = (root / "evaluate" / "predictions.jsonl").read_text().splitlines()
    return [json.loads(line)["question_id"] for line in lines]


def ids_in(directory: Path) -> list[str]:
    rows = (directory / "questions.jsonl").read_text().splitlines()
    return [json.loads(row)["question_id"] for row in rows]


def test_every_question_is_asked_once(films: Path, tmp_path: Path) -> None:
    assert evaluate(tmp_path, films) == 0
    assert asked_in(tmp_path) == ids_in(films)
    summary = json.loads((tmp_path / "evaluate" / "summary.json").read_text())
    assert summary["figures"]["num_without_prediction"] == 0
    row = summary["tables"]["evaluation"]["synthetic_test"]
    assert row["frames"]["mean"] == 4
    assert {"accuracy_strict", "accuracy_lenient", "evidence_hit"} <= row.keys()
    asked = json.loads((tmp_path / "evaluate" / "asked.json").read_text())
    assert len(asked["prompt_sha256"]) == 64
    assert asked["settings"]["frame_budget"] == 4


def test_only_the_kinds_asked_for(films: Path, tmp_path: Path) -> None:
    assert evaluate(tmp_path, films, "env.config.question_kinds=[where,what_card]") == 0
    assert asked_in(tmp_path) == [q for q in ids_in(films) if not q.endswith("what_taken")]


def test_films_that_come_later_are_asked_about_when_resumed(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And those played before keep their replies."""
    part = tmp_path / "part"
    shutil.copytree(films, part)
    first = sorted((part / "videos").iterdir())[0]
    kept = first.rename(tmp_path / first.name)
    assert evaluate(tmp_path, part) == 0
    assert "1 film(s) missing:" in capsys.readouterr().out
    before = asked_in(tmp_path)
    assert before == [q for q in ids_in(films) if not q.startswith(first.stem)]
    replies = _replies(tmp_path)
    kept.rename(first)
    assert evaluate(tmp_path, part, "run.resume=true") == 0
    assert asked_in(tmp_path) == ids_in(films)
    after = _replies(tmp_path)
    assert {name: after[name] for name in replies} == replies


def _replies(root: Path) -> dict[str, str]:
    lines = (root / "evaluate" / "predictions.jsonl").read_text().splitlines()
    return {row["question_id"]: row["reply_text"] for row in map(json.loads, lines)}
