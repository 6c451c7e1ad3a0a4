"""The study of rewards as predictors of success: what is played, kept, tabulated and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from policies.scripted import RandomPolicy
from tests.training.guessing import make_pool
from tests.training.handling_records import BOX, PATH, handling_episode, moved, predicted
from training.episode import Failure
from training.evaluation import EvaluationConfig
from training.held_out import HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.reporter import Reporter
from training.reward_prediction import Rollouts
from training.reward_study import RewardStudy, RewardStudyConfig, score_rollouts, slice_rollouts
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout import LocalPool
from training.run_directory import open_run_directory

REWARDS = {
    "turns": RewardConfig(terms={"num_turns": RewardTermConfig()}),
    "answer": RewardConfig(terms={"final_answer": RewardTermConfig()}),
}
CONFIG = RewardStudyConfig(rewards=REWARDS, num_starts=10, group_size=3)


def make_study(path: Path, pool: LocalPool) -> RewardStudy:
    return RewardStudy(CONFIG, pool, path, evaluation=EvaluationConfig(), sampling_seed=0)


def test_numbers_are_kept_and_not_played_again(tmp_path: Path) -> None:
    study = make_study(tmp_path, make_pool())
    study.measure("cold_start", RandomPolicy())
    row = study.tables()["reward_prediction"]["cold_start_answer"]
    assert row["auc"]["mean"] == 1.0
    assert row["auc"]["n"] == 30
    assert row["earned_by_success"]["mean"] - row["earned_by_failure"]["mean"] == 1.0
    gain = "auc_gain.cold_start_answer"
    assert study.figures().keys() == {gain, f"{gain}.stderr"}
    titles = [chart.title for chart in study.charts()]
    assert titles == ["Which reward predicts success: cold start"]

    def refuse() -> None:
        raise AssertionError("an environment was made")

    again = make_study(tmp_path, LocalPool(refuse, 1))
    again.measure("cold_start", RandomPolicy())
    assert again.tables() == study.tables()
    assert again.figures() == study.figures()


def test_it_stands_in_summary_and_report(tmp_path: Path) -> None:
    config = HeldOutConfig(reward_study=CONFIG, rows=[])
    config.check()
    run = open_run_directory(tmp_path)
    reporter = Reporter(run, title="t", num_films=0)
    held_out = HeldOut(config, make_pool(), reporter, run, stop=StopRequest())
    asked: list[float] = []

    def make_policy(temperature: float) -> RandomPolicy:
        asked.append(temperature)
        return RandomPolicy()

    held_out.measure_rewards("grpo", make_policy)
    reporter.finish()
    assert asked == [1.0]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert "grpo_answer" in summary["tables"]["reward_prediction"]
    assert "auc_gain.grpo_answer" in summary["figures"]
    assert "Which reward predicts success: grpo" in (tmp_path / "report.html").read_text()


def test_slices_are_scored_apart() -> None:
    """Three boxes were asked for and two paths; one episode failed."""
    boxes = [handling_episode(predicted("box", BOX), success=won, asked="box") for won in (1, 1, 0)]
    paths = [
        handling_episode(
            predicted("trajectory", moved(PATH, by, 0)), success=by == 0, asked="trajectory"
        )
        for by in (0, 0.3)
    ]
    broken = handling_episode(predicted("none"), asked="box")
    broken.failure = Failure(stage="env", message="x")
    rewards = {"path": RewardConfig(terms={"trajectory_frechet": RewardTermConfig()})}
    config = RewardStudyConfig(rewards=rewards, slices=["asked_for_box", "asked_for_path"])
    config.check()
    parts = slice_rollouts([*boxes, *paths, broken], config)
    assert [len(some.starts) for some in parts.values()] == [3, 2]
    np.testing.assert_array_equal(parts["asked_for_path"].successes, [True, False])
    np.testing.assert_allclose(
        parts["asked_for_path"].rewards["path"], [1.0, 1.0 - 0.3 / np.sqrt(2)]
    )
    assert isinstance(score_rollouts(paths, rewards), Rollouts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_starts": 1}, "reward_study.num_starts is 1; it must be at least 2"),
        ({"temperature": 0.0}, "reward_study.temperature is 0.0; it must be above 0"),
        (
            {"slices": ["asked_for_tea"]},
            "reward_study.slices has 'asked_for_tea'; legal: .*asked_for_box",
        ),
        (
            {"rewards": {"r": RewardConfig(terms={"tea": RewardTermConfig()})}},
            "reward term 'tea' is unknown",
        ),
    ],
)
def test_bad_settings_are_named(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RewardStudyConfig(**changes).check()


def test_a_slice_needs_one_number_per_episode() -> None:
    config = RewardStudyConfig(slices=["progress_gain"])
    with pytest.raises(ValueError, match="'progress_gain', which gives numbers per turn"):
        slice_rollouts([handling_episode(predicted("box", BOX, progress_best=0.0))], config)
