"""A run's folder: what is written when, and what is never overwritten or passed off as a result."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from training.run_directory import RunDirectory, open_run_directory, peak_rss_mib, write_atomic

CELL = {"mean": 0.5, "stderr": 0.1, "n": 20}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run that has started and written its configuration."""
    opened = open_run_directory(tmp_path / "runs" / "one")
    opened.write_config("seed: 0\n")
    return opened


def test_a_run_from_start_to_end(run: RunDirectory) -> None:
    run.log(1, {"loss": np.float32(0.5)}, phase="grpo")
    assert run.status == "running" and not run.summary_path.exists()
    run.write_summary("train.py x=1", {"minutes": 2}, {"evaluation": {"grpo": {"acc_fa": CELL}}})
    summary = json.loads(run.summary_path.read_text())
    assert set(summary) == {"command", "seconds", "peak_rss_mib", "figures", "tables"}
    assert summary["tables"]["evaluation"]["grpo"]["acc_fa"] == CELL
    assert summary["seconds"] >= 0 and summary["peak_rss_mib"] > 5
    assert run.status == "finished"


def test_metrics_are_one_json_object_per_line(run: RunDirectory) -> None:
    run.log(1, {"loss": 0.5, "reward": 1}, phase="grpo")
    run.log(2, {"loss": 0.25}, phase="grpo")
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert [(x["step"], x["phase"], x["loss"]) for x in lines] == [
        (1, "grpo", 0.5),
        (2, "grpo", 0.25),
    ]
    assert lines == run.load_metrics()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_refused_by_name(run: RunDirectory, bad: float) -> None:
    with pytest.raises(ValueError, match="'grad_norm' at step 3"):
        run.log(3, {"loss": 0.1, "grad_norm": bad}, phase="grpo")
    assert run.load_metrics() == []


def test_a_metric_cannot_take_a_reserved_name(run: RunDirectory) -> None:
    with pytest.raises(ValueError, match="'phase' is reserved"):
        run.log(1, {"phase": 2.0})


def test_resuming_drops_later_lines_of_that_phase_only(run: RunDirectory) -> None:
    for phase in ("cold_start", "grpo"):
        for step in range(1, 5):
            run.log(step, {"loss": 0.1}, phase=phase)
    resumed = open_run_directory(run.path, resume=True)
    resumed.drop_after(2, "grpo")
    left = [(x["phase"], x["step"]) for x in resumed.load_metrics()]
    assert left == [("cold_start", s) for s in (1, 2, 3, 4)] + [("grpo", 1), ("grpo", 2)]


def test_a_line_cut_off_by_a_crash_does_not_spoil_the_next(run: RunDirectory) -> None:
    run.log(1, {"loss": 0.1})
    with run.metrics_path.open("a") as file:
        file.write('{"step": 2, "pha')
    resumed = open_run_directory(run.path, resume=True)
    resumed.log(2, {"loss": 0.2})
    assert [x["step"] for x in resumed.load_metrics()] == [1, 2]


def test_a_resumed_run_counts_its_seconds_on(run: RunDirectory) -> None:
    run.metrics_path.write_text('{"step": 1, "phase": "", "elapsed_seconds": 100.0}\n')
    assert 100 <= open_run_directory(run.path, resume=True).elapsed_seconds < 130


def test_a_result_is_not_overwritten_unasked(run: RunDirectory) -> None:
    run.write_summary("x", {}, {})
    with pytest.raises(FileExistsError, match="finished run.*resume=true.*overwrite=true"):
        open_run_directory(run.path)
    assert run.summary_path.exists()


def test_overwriting_leaves_nothing_of_the_old_run(run: RunDirectory) -> None:
    run.write_summary("x", {}, {})
    (run.checkpoints_path / "step_1").mkdir(parents=True)
    new = open_run_directory(run.path, overwrite=True)
    assert [item.name for item in new.path.iterdir()] == ["status.json"]


def test_overwriting_never_deletes_a_folder_that_no_run_made(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="not made by a run"):
        open_run_directory(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_run_that_failed_before_it_began_can_be_repeated(run: RunDirectory) -> None:
    assert open_run_directory(run.path).status == "running"


def test_an_unfinished_run_with_work_in_it_is_kept(run: RunDirectory) -> None:
    run.log(1, {"loss": 0.1})
    with pytest.raises(FileExistsError, match="unfinished run"):
        open_run_directory(run.path)


def test_a_resumed_run_is_not_taken_for_its_earlier_result(run: RunDirectory) -> None:
    run.write_summary("x", {}, {})
    resumed = open_run_directory(run.path, resume=True)
    assert resumed.status == "running" and not resumed.summary_path.exists()
    assert (resumed.path / "summary.previous.json").exists()


def test_resuming_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no config.yaml"):
        open_run_directory(tmp_path / "missing", resume=True)
    assert not (tmp_path / "missing").exists()


def test_contradicting_wishes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="contradict"):
        open_run_directory(tmp_path / "x", resume=True, overwrite=True)


@pytest.mark.parametrize(
    ("figures", "cell", "message"),
    [
        ({"speed": math.nan}, CELL, "figure 'speed' is nan"),
        ({}, {**CELL, "mean": math.inf}, "evaluation.grpo.acc_fa.mean is inf"),
        ({}, {"mean": 0.5}, "evaluation.grpo.acc_fa has keys"),
    ],
)
def test_a_bad_summary_is_refused_whole(
    run: RunDirectory, figures: dict, cell: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run.write_summary("x", figures, {"evaluation": {"grpo": {"acc_fa": cell}}})
    assert not run.summary_path.exists() and run.status == "running"


def test_a_failed_atomic_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomic(tmp_path / "a.txt", "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(tmp_path / "a.txt", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_rss_mib()
    block = np.ones(2**25)  # 256 MiB
    assert peak_rss_mib() >= max(before, 256) and block.sum() == 2**25


def test_a_resumed_run_keeps_the_peak_memory_it_had_before(tmp_path: Path) -> None:
    run = open_run_directory(tmp_path / "run")
    run.write_config("a: 1")
    run.write_summary("train", {}, {})
    before = json.loads(run.summary_path.read_text())
    before["peak_rss_mib"] = 1e6
    run.summary_path.write_text(json.dumps(before))
    again = open_run_directory(tmp_path / "run", resume=True)
    again.write_summary("train", {}, {})
    assert json.loads(again.summary_path.read_text())["peak_rss_mib"] == 1e6
