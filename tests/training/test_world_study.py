"""The same seeds in other worlds, played in an environment whose every episode is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from policies.scripted import ConstantPolicy
from tests.training.counting import CountEnv
from training.evaluation import EvaluationConfig
from training.held_out import HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.pool import LocalPool
from training.reporter import Reporter
from training.run_directory import open_run_directory
from training.seeding import task_seeds
from training.world_study import WorldStudy, WorldStudyConfig

SEEDS = task_seeds("test", 0, 4)
WORLDS = {"near": {"scan_only": False}, "far": {"scan_only": True}}


class Counts:
    """Makes counting environments, and remembers what was played in them."""

    def __init__(self) -> None:
        self.seeds: list[int | None] = []

    def __call__(self, settings: Mapping[str, Any]) -> CountEnv:
        if settings.keys() - {"scan_only"}:
            raise ValueError("no such setting")
        return CountEnv(4, settings["scan_only"], self.seeds)


def make_study(path: Path, make_variant: Counts, **worlds: dict[str, Any]) -> WorldStudy:
    config = WorldStudyConfig(worlds=worlds or WORLDS, num_episodes=len(SEEDS))
    return WorldStudy(
        config,
        make_variant,
        path,
        num_envs=3,
        evaluation=EvaluationConfig(),
        sampling_seed=0,
    )


def test_every_world_has_a_row_of_its_own(tmp_path: Path) -> None:
    """Seeds need 1 to 4 frames; three suffice for three of them, a scan of four for two."""
    study = make_study(tmp_path, Counts())
    study.measure("grpo", lambda: ConstantPolicy("3"))
    rows = study.tables()["worlds"]
    assert {name: row["acc_fa"]["mean"] for name, row in rows.items()} == {
        "near_grpo": 0.75,
        "far_grpo": 0.5,
    }
    assert {row["acc_fa"]["n"] for row in rows.values()} == {4}


def test_a_resumed_study_plays_nothing_again(tmp_path: Path) -> None:
    study = make_study(tmp_path, Counts())
    study.measure("grpo", lambda: ConstantPolicy("3"))
    counts = Counts()
    again = make_study(tmp_path, counts)
    again.measure("grpo", lambda: ConstantPolicy("1"))
    assert counts.seeds == []
    assert again.tables() == study.tables()


def test_a_wrong_setting_is_said_before_anything_is_played(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such setting"):
        make_study(tmp_path, Counts(), far={"distance": 3})


def test_a_world_without_settings_is_refused() -> None:
    with pytest.raises(ValueError, match=r"world_study\.worlds\.near is empty; it must name"):
        WorldStudyConfig(worlds={"near": {}}).check()


def test_rows_that_do_not_exist_are_refused() -> None:
    config = HeldOutConfig(world_study=WorldStudyConfig(worlds=WORLDS, rows=["best"]))
    with pytest.raises(ValueError, match=r"world_study\.rows has 'best'; legal: random, constant"):
        config.check()


def test_rows_are_measured_in_all_worlds_and_told(tmp_path: Path) -> None:
    run = open_run_directory(tmp_path)
    reporter = Reporter(run, title="t", num_films=0)
    config = HeldOutConfig(
        evaluation=EvaluationConfig(num_episodes=4),
        rows=["grpo"],
        world_study=WorldStudyConfig(worlds=WORLDS, num_episodes=4),
    )
    pool = LocalPool(lambda: CountEnv(4, False, []), 3)
    held_out = HeldOut(config, pool, reporter, run, stop=StopRequest(), make_variant=Counts())
    held_out.evaluate("grpo", lambda: ConstantPolicy("3"))
    held_out.evaluate("blind", lambda: ConstantPolicy("1"))
    reporter.finish()
    tables = json.loads((tmp_path / "summary.json").read_text())["tables"]
    assert list(tables["worlds"]) == ["near_grpo", "far_grpo"]
    assert "far grpo" in (tmp_path / "report.html").read_text()


def test_an_environment_without_settings_has_no_other_worlds(tmp_path: Path) -> None:
    run = open_run_directory(tmp_path)
    config = HeldOutConfig(world_study=WorldStudyConfig(worlds=WORLDS))
    with pytest.raises(ValueError, match=r"world_study\.worlds names near, far; legal for an"):
        HeldOut(
            config,
            LocalPool(lambda: CountEnv(4, False, []), 1),
            Reporter(run, title="t", num_films=0),
            run,
            stop=StopRequest(),
        )
