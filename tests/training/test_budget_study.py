"""Accuracy over frame budgets, played in an environment whose every episode is known beforehand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.interface import Conversation, PolicyOutput
from policies.scripted import ConstantPolicy
from tests.training.counting import CountEnv, Variants
from tests.training.film_records import film_episode
from training.budget_study import MODES, BudgetStudy, BudgetStudyConfig, scan_ceiling
from training.episode import Episode, Failure
from training.evaluation import EvaluationConfig
from training.experiment import Experiment, ExperimentConfig
from training.frame_curve import BudgetPoint
from training.held_out import HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.reporter import Reporter
from training.rollout import LocalPool
from training.run_directory import RunDirectory, open_run_directory
from training.seeding import task_seeds
from training.wandb_mirror import LoggerConfig, WandbMirror

SEEDS = task_seeds("test", 0, 4)
"""The first is a multiple of 4."""
BUDGETS = [4, 2]


class Watched(ConstantPolicy):
    """Keeps what it was asked; raises Ctrl-C once it has answered so often.

    Args:
        reply: to everything.
        patience: number of answers.
    """

    def __init__(self, reply: str, patience: float = math.inf) -> None:
        super().__init__(reply)
        self.asked: list[Conversation] = []
        self._patience = patience

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        if len(self.asked) >= self._patience:
            raise KeyboardInterrupt
        self.asked += conversations
        return super().act(conversations)


def make_study(path: Path, variants: Variants | None = None, **settings: Any) -> BudgetStudy:
    return BudgetStudy(
        BudgetStudyConfig(**{"budgets": BUDGETS, "num_episodes": len(SEEDS), **settings}),
        variants or Variants(),
        path,
        num_envs=3,
        evaluation=EvaluationConfig(),
        sampling_seed=7,
    )


@pytest.fixture
def study(tmp_path: Path) -> BudgetStudy:
    """A cold start that looks at three frames, and a reinforced policy that looks at four."""
    made = make_study(tmp_path)
    made.measure("cold_start", ConstantPolicy("3"))
    made.measure("grpo", ConstantPolicy("4"))
    return made


def test_every_budget_is_played_in_both_modes_on_the_same_seeds(tmp_path: Path) -> None:
    variants, policy = Variants(), Watched("3")
    make_study(tmp_path, variants).measure("cold_start", policy)
    kinds = {(budget, scan_only) for budget in BUDGETS for scan_only in (False, True)}
    assert variants.seeds.keys() == kinds
    assert all(sorted(seeds) == SEEDS for seeds in variants.seeds.values())
    assert {conversation.sampling_seed for conversation in policy.asked} == {7}


def test_the_table_has_a_row_per_stage_mode_and_budget(study: BudgetStudy) -> None:
    rows = study.tables()["frame_budgets"]
    assert set(rows) == {
        f"{stage}_{mode}_{budget}"
        for stage in ("cold_start", "grpo")
        for mode in MODES
        for budget in BUDGETS
    }
    accuracy = {name: row["acc_fa"]["mean"] for name, row in rows.items()}
    assert accuracy["cold_start_spotlight_2"] == 0.5  # two frames do for the first two seeds
    assert accuracy["cold_start_spotlight_4"] == 0.75
    assert accuracy["grpo_spotlight_4"] == 1.0
    assert accuracy["grpo_scan_only_2"] == 0.25  # and a scan of two for the first
    assert rows["cold_start_spotlight_4"]["frames"] == {"mean": 3.0, "stderr": 0.0, "n": 4}
    assert rows["cold_start_scan_only_4"]["frames"]["mean"] == 4.0
    assert "reward" not in rows["grpo_spotlight_4"]


def test_the_curves_go_from_few_frames_to_many(study: BudgetStudy) -> None:
    curves = study.curves()
    names = {"cold_start, spotlight", "cold_start, scan only", "grpo, spotlight", "grpo, scan only"}
    assert set(curves) == names
    # Of four, two and three right: s = sqrt(1/3) and sqrt(1/4).
    two, four = curves["cold_start, spotlight"]
    assert two == BudgetPoint(
        budget=2, mean=0.5, stderr=pytest.approx(math.sqrt(1 / 12)), n=4, frames_used=2.0
    )
    assert four == BudgetPoint(budget=4, mean=0.75, stderr=0.25, n=4, frames_used=3.0)


def test_the_figures_are_differences_of_the_same_questions_at_the_largest_budget(
    study: BudgetStudy,
) -> None:
    """Right with four frames where three do not suffice: 0, 0, 0, 1. Right where a scan of four is
    not: 0, 0, 1, 1. A bound is 1.644854 standard errors away, s / 2.
    """
    figures = study.figures("grpo", "cold_start")
    assert figures == pytest.approx(
        {
            "accuracy_change": 0.25,
            "accuracy_change_at_least": 0.25 - 1.644854 * 0.25,
            "frames_change": 1.0,
            "frames_change_at_most": 1.0,
            "accuracy_over_scan": 0.5,
            "accuracy_over_scan_at_least": 0.5 - 1.644854 * math.sqrt(1 / 3) / 2,
        },
        abs=1e-6,
    )


def scanned(sufficient: bool | None, num_options: int = 4, **fields: Any) -> Episode:
    episode = film_episode({}, **fields)
    assert episode.truth is not None
    episode.truth.initial["sufficient"] = sufficient
    options = {letter: letter for letter in "ABCD"[:num_options]}
    return replace(episode, turns=[replace(episode.turns[0], options=options)])


def test_the_ceiling_of_a_scan_guesses_where_it_missed_the_evidence() -> None:
    """1, 1/4, 1/2, and 0 where the answer is a stretch: mean 7/16; eight frames each. Squares of
    deviations: 81 + 9 + 1 + 49 of 256, over 3 and 4.
    """
    broken = replace(scanned(True), failure=Failure(stage="env", message="x"))
    played = [scanned(True), scanned(False), scanned(False, 2), scanned(False, 0), broken]
    assert scan_ceiling(6, played) == BudgetPoint(
        budget=6,
        mean=0.4375,
        stderr=pytest.approx(math.sqrt(140 / 256 / 12)),
        n=4,
        frames_used=8.0,
    )
    assert scan_ceiling(6, [*played, scanned(None)]) is None
    assert scan_ceiling(6, [broken]) is None


def test_the_ceiling_stands_beside_the_policies(tmp_path: Path) -> None:
    """A scan of two does for the first of four questions, one of four for two; else one of two."""
    study = make_study(tmp_path, Variants(names_evidence=True))
    study.measure("cold_start", ConstantPolicy("3"))
    rows = study.tables()["frame_budgets"]
    assert rows["any_scan_at_most_2"]["acc_fa"]["mean"] == 0.625
    assert rows["any_scan_at_most_4"]["acc_fa"]["mean"] == 0.75
    points = study.curves()["any scan at most"]
    assert [(point.budget, point.mean) for point in points] == [(2, 0.625), (4, 0.75)]


def test_there_are_no_figures_before_both_stages_are_measured(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    assert study.tables() == study.curves() == study.figures("grpo", "cold_start") == {}
    study.measure("cold_start", ConstantPolicy("3"))
    assert study.figures("grpo", "cold_start") == {}


def test_a_resumed_study_plays_nothing_again(study: BudgetStudy, tmp_path: Path) -> None:
    variants, policy = Variants(), Watched("4")
    again = make_study(tmp_path, variants)
    again.measure("cold_start", policy)
    again.measure("grpo", policy)
    assert policy.asked == []
    assert variants.seeds == {}
    assert again.tables() == study.tables()
    assert again.curves() == study.curves()
    assert again.figures("grpo", "cold_start") == study.figures("grpo", "cold_start")


def test_an_interrupted_study_goes_on_where_it_stopped(study: BudgetStudy, tmp_path: Path) -> None:
    folder, first = tmp_path / "other", Watched("3", patience=6)
    with pytest.raises(KeyboardInterrupt):
        make_study(folder).measure("cold_start", first)
    second, gone_on = Watched("3"), make_study(folder)
    gone_on.measure("cold_start", second)
    gone_on.measure("grpo", ConstantPolicy("4"))
    kept = len(first.asked) + len(second.asked) - len(MODES) * len(BUDGETS) * len(SEEDS)
    assert 0 <= kept < 3, "no more than what was in flight is played twice"
    assert len(second.asked) < len(MODES) * len(BUDGETS) * len(SEEDS)
    assert gone_on.tables() == study.tables()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budgets": [8, 0]}, r"budget_study\.budgets is \[8, 0\]; each must be at least 1"),
        ({"budgets": [8, 8]}, r"budgets is \[8, 8\]; each must be at least 1 and stand once"),
        ({"num_episodes": 1}, r"budget_study\.num_episodes is 1; it must be at least 2"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BudgetStudyConfig(**settings).check()


def make_held_out(
    path: Path, budgets: list[int], variants: Variants | None
) -> tuple[HeldOut, Reporter, StopRequest]:
    config = HeldOutConfig(
        num_envs=3, budget_study=BudgetStudyConfig(budgets=budgets, num_episodes=len(SEEDS))
    )
    run, stop = open_run_directory(path), StopRequest()
    reporter = Reporter(run, title="t", num_films=0)
    pool = LocalPool(lambda: CountEnv(4, False, []), 3)
    return (
        HeldOut(config, pool, reporter, run, stop=stop, make_variant=variants),
        reporter,
        stop,
    )


def test_the_study_is_in_summary_and_report(tmp_path: Path) -> None:
    held_out, reporter, _ = make_held_out(tmp_path, BUDGETS, Variants())
    held_out.measure_budgets("cold_start", ConstantPolicy("3"))
    assert "Accuracy over frame budgets" in (tmp_path / "report.html").read_text()
    held_out.measure_budgets("grpo", ConstantPolicy("4"))
    reporter.finish()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert len(summary["tables"]["frame_budgets"]) == 8
    assert summary["figures"]["accuracy_change"] == 0.25
    assert "grpo, scan only" in (tmp_path / "report.html").read_text()


def test_without_budgets_there_is_no_study(tmp_path: Path) -> None:
    variants = Variants()
    held_out, reporter, _ = make_held_out(tmp_path, [], variants)
    held_out.measure_budgets("cold_start", ConstantPolicy("3"))
    reporter.finish()
    assert variants.seeds == {}
    assert not (tmp_path / "budget_study").exists()
    assert "frame_budgets" not in json.loads((tmp_path / "summary.json").read_text())["tables"]


def test_ctrl_c_is_heeded_between_two_budgets(tmp_path: Path) -> None:
    variants = Variants()
    held_out, _, stop = make_held_out(tmp_path, BUDGETS, variants)
    stop.requested = True
    with pytest.raises(KeyboardInterrupt, match=r"after cold_start_spotlight_4; go on with run\."):
        held_out.measure_budgets("cold_start", ConstantPolicy("3"))
    assert list(variants.seeds) == [(4, False)]


def test_an_environment_without_frame_budgets_is_refused(tmp_path: Path) -> None:
    config = ExperimentConfig(budget_study=BudgetStudyConfig(budgets=[8]))
    mirror = WandbMirror(LoggerConfig(), tmp_path, {})
    with pytest.raises(ValueError, match=r"budget_study\.budgets is \[8\]; legal for an enviro"):
        Experiment(
            config,
            lambda: CountEnv(4, False, []),
            RunDirectory(tmp_path),
            title="t",
            mirror=mirror,
        )
