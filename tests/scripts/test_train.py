"""`scripts/train.py` as a user runs it: to the end, interrupted, and resumed."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.scripts.real_scripts import TINY_TRAIN, call, start
from training.checkpoint_folder import latest_checkpoint
from training.experiment import ROWS
from training.run_directory import RunDirectory


def test_a_tiny_run_from_end_to_end(tmp_path: Path) -> None:
    process = start("train", "debug=tiny", "run.name=mine", cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    run = tmp_path / "runs" / "mine"
    assert f"Report: {run.relative_to(tmp_path)}/report.html" in out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]
    assert {p.name for p in run.iterdir()} >= {
        "config.yaml",
        "metrics.jsonl",
        "summary.json",
        "report.html",
        "checkpoints",
        "episodes",
        "models",
    }
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["tables"]["evaluation"]) == set(ROWS)
    expert = summary["tables"]["evaluation"]["expert"]["acc_fa"]
    assert expert["n"] == 8
    assert expert["mean"] >= 0.75  # three turns are not always enough
    assert 0 < summary["peak_rss_mib"] < 8192
    assert not list(run.rglob("*.pkl")) + list(run.rglob("*.pt")) + list(run.rglob("*.bin"))


def wait_for(path: Path, num_lines: int, process) -> None:
    for _ in range(600):
        if path.exists() and path.read_text().count("\n") >= num_lines:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    pytest.fail(f"{path} did not reach {num_lines} lines within a minute")


def test_ctrl_c_leaves_a_checkpoint_that_resumes(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "mine"
    process = start(
        "train", *TINY_TRAIN, "run.name=mine", "cold_start.num_steps=100000", cwd=tmp_path
    )
    try:
        wait_for(path / "metrics.jsonl", 3, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "run.resume=true" in err
    assert "Traceback" not in err
    run = RunDirectory(path)
    steps = [line["step"] for line in run.load_metrics()]
    checkpoint = latest_checkpoint(run.checkpoints_path / "cold_start")
    assert checkpoint.name == f"step-{steps[-1]:06d}"
    assert run.status == "interrupted"
    assert not run.summary_path.exists()
    to_the_end = (f"cold_start.num_steps={steps[-1] + 1}", f"run.root={path.parent}")
    assert call("train", *TINY_TRAIN, "run.name=mine", "run.resume=true", *to_the_end) == 0
    cold = [line["step"] for line in run.load_metrics() if line["phase"] == "cold_start"]
    assert cold == [*steps, steps[-1] + 1]
    assert run.status == "finished"
    assert run.summary_path.exists()


def test_the_configuration_is_kept_and_composes_again(tmp_path: Path) -> None:
    root = f"run.root={tmp_path}"
    assert call("train", *TINY_TRAIN, root, "run.name=mine", "seed=5") == 0
    config = (tmp_path / "mine" / "config.yaml").read_text()
    assert "\nseed: 5\n" in f"\n{config}"
    assert "- behind_large_object" in config
    assert "episodes_per_step: 2" in config


def test_wandb_works_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name, value in {"WANDB_SILENT": "true", "WANDB_DISABLE_GIT": "true"}.items():
        monkeypatch.setenv(name, value)
    process = start("train", *TINY_TRAIN, "logger=wandb_offline", "run.name=mine", cwd=tmp_path)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert list((tmp_path / "runs" / "mine" / "wandb").glob("offline-run-*/*.wandb"))
