"""The mirror to Weights & Biases: off by default, offline files, and a clear word when missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.wandb_mirror import LoggerConfig, WandbMirror


class FakeWandb:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.started: dict = {}
        self.logged: list[dict] = []
        self.num_finished = 0

    def init(self, **settings):
        self.started = settings
        return SimpleNamespace(log=self.logged.append, finish=self.finish)

    def finish(self) -> None:
        self.num_finished += 1


def test_off_means_that_wandb_is_not_even_imported(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    mirror = WandbMirror(LoggerConfig(), tmp_path, {})
    mirror.log(1, {"loss": 1.0}, phase="grpo")
    mirror.close()
    assert list(tmp_path.iterdir()) == []


def test_metrics_are_named_by_phase_and_counted_within_it(tmp_path: Path, monkeypatch) -> None:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    mirror = WandbMirror(LoggerConfig(wandb="offline", project="p"), tmp_path / "mine", {"a": 1})
    mirror.log(3, {"loss": 1.0, "reward/final_answer": 0.5}, phase="grpo")
    mirror.close()
    mirror.close()
    assert fake.started == {
        "mode": "offline",
        "project": "p",
        "dir": str(tmp_path / "mine"),
        "name": "mine",
        "config": {"a": 1},
    }
    assert fake.logged == [{"grpo/loss": 1.0, "grpo/reward/final_answer": 0.5, "grpo/step": 3}]
    assert fake.num_finished == 1


def test_switched_on_without_the_package(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"logger\.wandb=offline needs .*pip install 'saccade\[wandb\]'"
    ):
        WandbMirror(LoggerConfig(wandb="offline"), tmp_path, {})


def test_an_unknown_mode() -> None:
    with pytest.raises(ValueError, match=r"logger\.wandb is 'on'; legal: off, offline, online"):
        LoggerConfig(wandb="on").check()
