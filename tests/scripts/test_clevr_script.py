"""`clevr.py`: CLEVR's files answered, and worlds of ours written as CLEVR's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configs.clevr_schema import ClevrScript
from scripts.clevr import main
from scripts.hydra_door import run_script


def run(*overrides: str) -> int:
    return run_script(main, config_name="clevr", schema=ClevrScript, argv=list(overrides))


def write_clevr_files(folder: Path) -> list[str]:
    """Two objects and three questions in CLEVR's format; the last answer in the file is wrong."""
    things = [
        {"color": "red", "shape": "cube", "size": "large", "material": "metal"},
        {"color": "blue", "shape": "sphere", "size": "small", "material": "rubber"},
    ]
    for thing in things:
        thing.update({"3d_coords": [0, 0, 0], "pixel_coords": [0, 0, 0], "rotation": 0.0})
    name = {"image_index": 0, "image_filename": "CLEVR_val_000000.png", "split": "val"}
    relations = {"left": [[], [0]], "right": [[1], []], "front": [[], []], "behind": [[], []]}
    scene = {**name, "objects": things, "relationships": relations, "directions": {}}
    start = {"function": "scene", "inputs": [], "value_inputs": []}
    count = [start, {"function": "count", "inputs": [0], "value_inputs": []}]
    red = {"function": "filter_color", "inputs": [0], "value_inputs": ["red"]}
    is_red = [start, red, {"function": "exist", "inputs": [1], "value_inputs": []}]
    asked = [("How many things?", count, "2"), ("Red?", is_red, "yes"), ("Count?", count, "7")]
    questions = [
        {**name, "question": text, "program": program, "answer": answer, "question_family_index": 0}
        for text, program, answer in asked
    ]
    info = {"split": "val", "version": "1.0", "date": "", "license": ""}
    for key, records in (("scenes", [scene]), ("questions", questions)):
        (folder / f"{key}.json").write_text(json.dumps({"info": info, key: records}))
    return [f"scenes={folder / 'scenes.json'}", f"questions={folder / 'questions.json'}"]


def test_programs_are_run_and_answers_compared(tmp_path: Path) -> None:
    files = write_clevr_files(tmp_path)
    assert run(*files, f"run.root={tmp_path}") == 0
    assert json.loads((tmp_path / "clevr" / "answers.json").read_text()) == ["2", "yes", "2"]
    summary = json.loads((tmp_path / "clevr" / "summary.json").read_text())
    assert summary["tables"]["clevr"]["answers"]["accuracy"]["mean"] == pytest.approx(2 / 3)


def test_what_is_exported_answers_itself(tmp_path: Path) -> None:
    size = ["env.config.image_height=56", "env.config.image_width=56"]
    made = run("env=avr/composite", "num_scenes=6", f"run.root={tmp_path}", *size)
    assert made == 0
    folder = tmp_path / "clevr"
    assert len(list((folder / "images").iterdir())) == 6
    again = ["run.name=check", f"run.root={tmp_path}"]
    files = [f"scenes={folder / 'scenes.json'}", f"questions={folder / 'questions.json'}"]
    assert run(*files, *again) == 0
    summary = json.loads((tmp_path / "check" / "summary.json").read_text())
    assert summary["tables"]["clevr"]["answers"]["accuracy"] == {"mean": 1.0, "stderr": 0.0, "n": 6}


def test_bad_files_are_told_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("scenes=a.json", f"run.root={tmp_path}") == 2
    assert "questions is None" in capsys.readouterr().err
    files = write_clevr_files(tmp_path)
    (tmp_path / "scenes.json").write_text('{"info": {}, "scenes": [{"objects": 3}]}')
    assert run(*files, f"run.root={tmp_path}") == 2
    assert "scenes" in capsys.readouterr().err
