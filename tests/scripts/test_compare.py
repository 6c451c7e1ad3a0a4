"""`compare.py`: two evaluations of a video benchmark, question by question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from configs.compare_schema import CompareScript
from scripts.compare import main
from scripts.hydra_door import run_script


def run(*overrides: str) -> int:
    return run_script(main, config_name="compare", schema=CompareScript, argv=list(overrides))


def write_run(folder: Path, scores: dict[str, float | None], **fields: Any) -> str:
    folder.mkdir()
    lines = [
        {
            "benchmark": "lvbench",
            "split": "test",
            "question_id": name,
            "video": f"film{name[0]}.mp4",
            "scores": {} if score is None else {"accuracy_strict": score, "frames": 8 * score},
        }
        | fields
        for name, score in scores.items()
    ]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(folder)


def test_runs_are_paired_by_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_run(
        tmp_path / "a", {"1a": 1, "1b": 1, "2a": 1, "2b": 0, "3a": 1, "4a": 1, "5": None}
    )
    second = write_run(tmp_path / "b", {"3a": 0, "2b": 1, "2a": 0, "1b": 1, "1a": 0, "9a": 1})
    assert run(f"first={first}", f"second={second}", f"run.root={tmp_path}") == 0
    summary = json.loads((tmp_path / "compare" / "summary.json").read_text())
    figures = summary["figures"]
    assert figures["difference"] == pytest.approx(0.4)
    assert (figures["num_only_first_right"], figures["num_only_second_right"]) == (3, 1)
    assert figures["p_mcnemar"] == pytest.approx(2 * (1 + 4) / 16)
    assert (figures["num_questions"], figures["num_draws"]) == (5, 3)
    assert (figures["num_only_in_first"], figures["num_only_in_second"]) == (1, 1)
    assert figures["num_unscored_in_first"] == 1
    rows = summary["tables"]["evaluation"]
    assert rows["first"]["accuracy_strict"]["mean"] == pytest.approx(0.8)
    assert rows["difference"]["accuracy_strict"]["n"] == 5
    assert (tmp_path / "compare" / "report.html").is_file()
    assert "p_mcnemar 0.625" in capsys.readouterr().out


def test_scores_that_are_not_right_or_wrong_have_no_mcnemar(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {"1a": 1, "2a": 0.5})
    second = write_run(tmp_path / "b", {"1a": 0, "2a": 0})
    arguments = (f"first={first}", f"second={second}", f"run.root={tmp_path}", "metric=frames")
    assert run(*arguments, "by_video=false") == 0
    figures = json.loads((tmp_path / "compare" / "summary.json").read_text())["figures"]
    assert figures["difference"] == 6.0 and "p_mcnemar" not in figures


@pytest.mark.parametrize(
    ("second", "overrides", "message"),
    [
        ({"1a": 1}, ("metric=miou",), "has no score 'miou'; legal: accuracy_strict, frames"),
        ({"7a": 1}, (), "have no question in common"),
        ({"1a": 1}, ("second=/nowhere",), "/nowhere is not there"),
        ({"1a": 1}, ("confidence=2",), "confidence is 2.0"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    second: dict[str, float],
    overrides: tuple[str, ...],
    message: str,
) -> None:
    paths = [write_run(tmp_path / "a", {"1a": 1}), write_run(tmp_path / "b", dict(second))]
    given = (f"first={paths[0]}", f"second={paths[1]}", f"run.root={tmp_path}", *overrides)
    assert run(*given) == 2
    assert message in capsys.readouterr().err


def test_other_sets_and_broken_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_run(tmp_path / "a", {"1a": 1})
    other = write_run(tmp_path / "b", {"1a": 1}, benchmark="mlvu")
    assert run(f"first={first}", f"second={other}", f"run.root={tmp_path}") == 2
    assert "is of lvbench test" in capsys.readouterr().err
    (tmp_path / "b" / "predictions.jsonl").write_text('{"benchmark": "lvbench"}\n')
    assert run(f"first={first}", f"second={other}", f"run.root={tmp_path}") == 2
    assert "predictions.jsonl:1: no prediction" in capsys.readouterr().err
