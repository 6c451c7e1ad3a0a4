"""`check_belief.py`, from its command line, on a handful of episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configs.check_belief_schema import POLICIES, CheckBeliefScript
from scripts.check_belief import GOALS, calibration_figures, log_loss_figures, main
from scripts.hydra_door import run_script
from sims.avr.calibration import CHOOSERS, Turn
from sims.avr.reference import Divergence
from sims.avr.scene_types import KINDS


def run(*overrides: str) -> int:
    return run_script(
        main, config_name="check_belief", schema=CheckBeliefScript, argv=list(overrides)
    )


@pytest.mark.render
def test_the_figures_are_written(tmp_path: Path) -> None:
    small = ["num_episodes=5", "num_actions=2", "image_size=64", "kinds=[occlusion]"]
    fewer = ["num_scenes=1", "num_draws=500", "num_searches=1", "reference_share=1"]
    assert run(*small, *fewer, f"run.root={tmp_path}") == 0
    summary = json.loads((tmp_path / "check_belief" / "summary.json").read_text())
    assert set(GOALS) - {"log_loss.largest_excess"} <= set(summary["figures"])
    assert set(summary["tables"]["excess_by_policy_and_turn"]) == set(POLICIES)
    first = summary["tables"]["surprise_by_question_and_turn"].values()
    assert sum(row["turn_0"]["n"] for row in first) == 5


def make_turns(count: int, *, gold: str, reference: float) -> list[Turn]:
    said = {"yes": 0.5, "no": 0.5}
    other = {"yes": reference, "no": 1 - reference}
    return [
        Turn(
            question_kind="exist",
            scene_type="in_box",
            turn=1,
            gold=gold,
            belief=said,
            reference=other,
            action_kind="pick",
            divergence=Divergence(anywhere=0.25, elsewhere=0.0),
        )
        for _ in range(count)
    ]


def test_the_excess_is_a_mean_over_episodes() -> None:
    """30 times ln(0.8 / 0.5) and 10 times ln(0.2 / 0.5), of which 0.8 and 0.2 are expected; and 0
    over the belief's own entropy.
    """
    turns = make_turns(30, gold="yes", reference=0.8) + make_turns(10, gold="no", reference=0.8)
    figures = log_loss_figures([[turn] for turn in turns])
    realised = (30 * 0.4700036292 - 10 * 0.9162907319) / 40
    expected = 0.8 * 0.4700036292 - 0.2 * 0.9162907319
    assert figures["log_loss.mean_excess"] == pytest.approx(realised)
    assert figures["log_loss.mean_expected_excess"] == pytest.approx(expected)
    assert figures["log_loss.largest_excess"] == pytest.approx(expected)
    assert figures["log_loss.mean_over_own_entropy"] == pytest.approx(0)
    few = log_loss_figures([turns[:10], turns[10:20]])  # of two episodes that are alike
    assert "log_loss.largest_excess" not in few
    assert few["log_loss.mean_excess"] == pytest.approx(0.4700036292)
    assert few["log_loss.mean_excess_stderr"] == pytest.approx(0)


def test_calibration_is_of_all_answers_and_of_each_class() -> None:
    """One half said; "yes" came true in three of four cases, "no" in one."""
    turns = make_turns(3, gold="yes", reference=0.5) + make_turns(1, gold="no", reference=0.5)
    figures = calibration_figures(turns)
    assert figures["calibration.num_statements"] == 8
    assert figures["calibration.error"] == pytest.approx(0)
    assert figures["calibration.classwise_error"] == pytest.approx(0.25)


def test_the_names_in_the_schema_are_those_of_the_code() -> None:
    assert tuple(CHOOSERS) == POLICIES
    assert tuple(CheckBeliefScript().kinds) == KINDS


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("kinds=[box]", r"kinds is ['box']; legal: one or more of occlusion, stack, composite"),
        ("policies=[]", "policies is []; legal: one or more of expert, random"),
        ("num_episodes=1", "num_episodes is 1; it must be at least 2"),
        ("reference_share=2", "reference_share is 2.0; legal: 0 to 1"),
    ],
)
def test_bad_input_is_named(override: str, message: str, tmp_path: Path, capsys) -> None:
    assert run(override, f"run.root={tmp_path}") == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
