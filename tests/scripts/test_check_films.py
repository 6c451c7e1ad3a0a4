"""`check_films.py`, from its command line, on a handful of films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.check_films import GOALS, headlines
from scripts.film_checks import constant_hits
from tests.scripts.film_runs import FILM
from tests.scripts.real_scripts import call
from video.questions import VideoQuestion

SMALL = (
    *(f"film.{name}={value}" for name, value in FILM.items()),
    "film.question_kinds=[what_taken,what_at_time,when,where]",
    "num_films=12",
    "guesser.num_folds=2",
    "guesser.num_epochs=1",
)


def check(root: Path, *overrides: str) -> dict[str, Any]:
    assert call("check_films", *SMALL, *overrides, f"run.root={root}") == 0
    return json.loads((root / "check_films" / "summary.json").read_text())


def test_tables_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = check(tmp_path)
    guessing, search = summary["tables"]["guessing"], summary["tables"]["search"]
    assert set(guessing) == {"what_taken", "what_at_time", "where", "needles", "all"}
    assert set(search) == {*guessing, "when"}
    columns = {"chance", "constant", "blind", "metadata"}
    assert columns <= set(guessing["what_taken"])
    assert {"accuracy", "frames", "replies", "evidence_seen"} <= set(search["when"])
    assert "uniform_scan" in search["needles"] and "uniform_scan" not in search["where"]
    figures = summary["figures"]
    assert set(GOALS) <= set(figures)
    assert figures["expert.success"] == search["all"]["accuracy"]["mean"] > 0.9
    assert figures["num_films"] == 12
    assert figures["num_questions"] == search["all"]["accuracy"]["n"]
    assert figures["event_times.changes_ks_critical"] == pytest.approx(1.358 / np.sqrt(12))
    assert "(goal: at least 0.97)" in capsys.readouterr().out


@pytest.mark.render
def test_files_are_written_for_their_metadata_and_not_kept(tmp_path: Path) -> None:
    plain, told = check(tmp_path / "a"), check(tmp_path / "b", "write_files=true")
    assert list((tmp_path / "b").rglob("*.mp4")) == []
    tables = [summary["tables"]["guessing"]["all"] for summary in (plain, told)]
    assert tables[0]["blind"] == tables[1]["blind"]
    assert tables[0]["metadata"]["n"] == tables[1]["metadata"]["n"]


def make_question(kind: str, letter: str) -> VideoQuestion:
    return VideoQuestion(
        question_id="q", video="f", text="?", kind=kind, options=("x", "y"), answer=letter
    )


def test_the_constant_letter_is_found_in_the_other_half_of_the_films() -> None:
    """By kind: in the first half "when" is B twice of three, in the second A twice of three."""
    films = ["one", "two", "one", "two", "one", "two"]
    letters = ["B", "A", "B", "A", "A", "B"]
    questions = [make_question("when", letter) for letter in letters]
    hits = constant_hits(films, questions)
    assert hits.tolist() == [0, 0, 0, 0, 1, 1]
    other = [make_question("where", "B"), make_question("where", "B")]
    hits = constant_hits([*films, "one", "two"], [*questions, *other])
    assert hits.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_questions_without_needles_have_no_figures_about_them() -> None:
    cell = {"mean": 1.0, "stderr": None, "n": 3}
    assert headlines({"all": {"blind": cell}}, {"all": {"accuracy": cell}}) == {
        "expert.success": 1.0
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("num_films=9", "num_films is 9; it must be at least 10"),
        ("film.fps=0", "film.fps is 0; legal: 1 to 60"),
        ("frame_budget=0", "frame_budget is 0; it must be at least 1"),
        ("purpose=exam", "seed purpose 'exam' is unknown; legal: train"),
        ("guesser.num_folds=1", "guesser.num_folds is 1; it must be at least 2"),
    ],
)
def test_bad_input_writes_nothing(override: str, message: str, tmp_path: Path, capsys) -> None:
    assert call("check_films", *SMALL, override, f"run.root={tmp_path}") == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_questions_without_options_cannot_be_guessed(tmp_path: Path, capsys) -> None:
    given = ("film.question_kinds=[when]", f"run.root={tmp_path}")
    assert call("check_films", *SMALL, *given) == 2
    assert "film.question_kinds is when; nothing to guess" in capsys.readouterr().err
