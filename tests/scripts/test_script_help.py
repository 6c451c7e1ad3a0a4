"""`--help`: a newcomer sees what the script does, what can be chosen and what can be set."""

from __future__ import annotations

from scripts.script_help import field_docs
from tests.scripts.toy_script import NeedyScript, Run, ToyScript


def test_help_says_what_a_newcomer_needs(run: Run) -> None:
    code, calls, out, err = run("--help", examples=["python scripts/toy.py experiment=big"])
    assert code == 0
    assert not calls
    assert err == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "The toy script's folder, and a way to run it inside the test's process."
    assert "python scripts/toy.py experiment=big" in lines
    assert "room where it happens." in lines
    assert "small/den (default) A den with few chairs." in lines
    assert "hall A hall." in lines
    assert "big" in lines
    assert "seed=7 whole numbers. (a whole number)" in lines
    assert "steps=10 whole numbers. (a whole number)" in lines
    assert "algorithm.* how it learns." in lines
    assert "resume=null a checkpoint to go on from, or null. (text or null)" in lines
    assert "_shared" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_help_without_a_complete_configuration(run: Run) -> None:
    code, _, out, _ = run("-h", name="needy", schema=NeedyScript)
    assert code == 0
    assert "checkpoint=???" in out


def test_field_docs_joins_lines_and_splits_names() -> None:
    docs = field_docs(ToyScript)
    assert docs["name"] == "name of the run; it becomes the folder's name."
    assert docs["seed"] == docs["steps"] == "whole numbers."
