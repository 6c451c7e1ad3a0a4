"""The experiments of studies run from the command line to their tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scripts.real_scripts import call

SMALL = (
    "debug=tiny",
    "cold_start.num_steps=2",
    "algorithm.num_steps=1",
    "evaluation.num_episodes=4",
    "world_study.num_episodes=2",
    "constant_episodes=20",
    "engine.max_new_tokens=8",
    "num_threads=1",
    "num_films=0",
)


def tables_of(tmp_path: Path, *choices: str) -> dict:
    assert call("train", *choices, *SMALL, f"run.root={tmp_path}", "run.name=mine") == 0
    return json.loads((tmp_path / "mine" / "summary.json").read_text())["tables"]


def test_one_policy_is_measured_in_every_family(tmp_path: Path) -> None:
    tables = tables_of(tmp_path, "experiment=one_policy", "algorithm.groups_per_step=4")
    stages = ("cold_start", "grpo", "blind", "expert")
    assert set(tables["worlds"]) == {
        f"{family}_{stage}" for family in ("scenes", "films", "hand") for stage in stages
    }
    assert tables["worlds"]["scenes_expert"]["acc_fa"]["mean"] == 1.0


@pytest.mark.slow
def test_the_demo_study_compares_all_its_arms(tmp_path: Path) -> None:
    rft = "study.arms.rft.algorithm"
    fewer = (f"{rft}.num_steps=1", f"{rft}.groups_per_step=2", f"{rft}.group_size=4")
    tables = tables_of(tmp_path, "experiment=demo_study", "study.seeds=[0]", *fewer)
    arms = {"rft", "answer_only", "expected_gain", "entropy_drop", "sft_continued"}
    blindfolded = {"trained_blind", "trained_on_question", "trained_on_first_view"}
    assert {"grpo", "expert", *arms, *blindfolded} <= set(tables["study"])
    assert {f"grpo less {name}" for name in arms} <= set(tables["differences"])
    assert len(tables["crossed"]) == 5
