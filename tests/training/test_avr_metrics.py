"""The metrics of active visual reasoning, counted by hand on episodes written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.training.records import make_episode, make_truth
from training import avr_metrics
from training.avr_metrics import METRICS, path_efficiency, ratio
from training.episode import Episode
from training.statistics import mean_stderr


def truth(kind: str, *, sufficient: bool = False, gained: bool = False, drop: float = 0.0) -> dict:
    return {**make_truth(kind, sufficient=sufficient, gained=gained), "entropy_drop": drop}


def episode(*truths: dict, entropy: float, success: bool = False) -> Episode:
    made = make_episode(*truths, success=success, sufficient=truths[0]["sufficient"])
    made.truth.initial["entropy"] = entropy
    return made


@pytest.fixture
def episodes() -> list[Episode]:
    """answered at once, right            looks: none; judged 1 of 1 sufficient
    acted needlessly, then right       looks: 1 needless; judged 1 of 2 sufficient
    two looks, then right              looks: 1 gains by the rule and in entropy, 1 in neither;
                                       judged 2 of 2 insufficient and 1 of 1 sufficient
    guessed at once                    looks: the guess; judged 0 of 1 insufficient
    void, a misleading look, a guess   looks: 3, 1 gains by the rule alone; judged 1 of 3
    """
    return [
        episode(truth("answer", sufficient=True), entropy=0.0, success=True),
        episode(
            truth("action", sufficient=True),
            truth("answer", sufficient=True),
            entropy=0.0,
            success=True,
        ),
        episode(
            truth("action"),
            truth("action", gained=True, drop=0.8),
            truth("answer", sufficient=True),
            entropy=0.8,
            success=True,
        ),
        episode(truth("answer"), entropy=0.5),
        episode(
            truth("invalid"),
            truth("action", gained=True, drop=-0.2),
            truth("answer"),
            entropy=0.5,
        ),
    ]


def test_shares_by_hand(episodes: list[Episode]) -> None:
    cells = {name: metric(episodes) for name, metric in METRICS.items()}
    found = {name: (pytest.approx(cell["mean"]), cell["n"]) for name, cell in cells.items()}
    assert found == {
        "acc_isj": (2 / 5, 5),
        "acc_isj_balanced": ((3 / 4 + 3 / 6) / 2, 10),
        "igr": (2 / 7, 7),
        "igr_entropy": (1 / 7, 7),
        "acc_fa": (3 / 5, 5),
        "information": ((1 + 0 - 0.4) / 3, 3),
        "invalid": (1 / 10, 10),
        "turns": (10 / 5, 5),
    }


def test_the_error_of_a_share_treats_episodes_and_not_decisions_as_draws(
    episodes: list[Episode],
) -> None:
    # Residuals gains - (2/7) looks: 0, -2/7, 3/7, -2/7, 1/7; squares sum to 18/49.
    stderr = math.sqrt(5 / 4 * 18 / 49) / 7
    assert avr_metrics.igr(episodes)["stderr"] == pytest.approx(stderr)


def test_ratios_with_one_decision_each_are_plain_means() -> None:
    values = [1.0, 0.0, 0.0, 1.0, 1.0]
    assert ratio(values, [1] * 5) == pytest.approx(mean_stderr(values))
    assert ratio([1], [2]) == {"mean": 0.5, "stderr": None, "n": 2}
    assert ratio([0, 0], [0, 0]) is None


def test_errors_cover_the_truth_as_often_as_they_say() -> None:
    """Ratios of correlated decisions, drawn often: the spread is what the error says."""
    rng = np.random.default_rng(0)
    means, errors = [], []
    for _ in range(400):
        looks = rng.integers(1, 6, size=80)
        gains = rng.binomial(looks, rng.beta(1, 1, size=80))
        cell = ratio(gains.tolist(), looks.tolist())
        means.append(cell["mean"])
        errors.append(cell["stderr"])
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.1)


@pytest.mark.parametrize("kind", ["action", "answer"])
def test_one_reply_to_everything_is_half_right_in_the_balanced_judgement(kind: str) -> None:
    first_views = [True, True, True, False]
    same = [episode(truth(kind, sufficient=s), entropy=0.5) for s in first_views]
    assert avr_metrics.acc_isj(same)["mean"] in (0.25, 0.75)
    assert avr_metrics.acc_isj_balanced(same)["mean"] == 0.5
    assert avr_metrics.acc_isj_balanced(same[:3]) is None


def test_the_error_of_the_balanced_judgement_by_hand() -> None:
    # Sufficient: right 1 of 1, 0 of 1. Insufficient: 1 of 1, 1 of 1, 0 of 1.
    kinds = [("answer", True), ("action", True), ("action", False), ("action", False)]
    drawn = [episode(truth(k, sufficient=s), entropy=0.5) for k, s in [*kinds, ("answer", False)]]
    cell = avr_metrics.acc_isj_balanced(drawn)
    assert cell["mean"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    pulls = [0.5 * 0.5 / 2, -0.5 * 0.5 / 2, 1 / 3 / 3 / 2, 1 / 3 / 3 / 2, -2 / 3 / 3 / 2]
    assert cell["stderr"] == pytest.approx(math.sqrt(5 / 4 * sum(p * p for p in pulls)))


def test_path_efficiency_by_hand(episodes: list[Episode]) -> None:
    # 1/1; 1/2; 3 turns where 4 are optimal count as 1; wrong answers count as 0.
    cell = path_efficiency(episodes, [1, 1, 4, 3, 3])
    assert (cell["mean"], cell["n"]) == (pytest.approx(2.5 / 5), 5)


def test_worlds_without_a_belief_have_no_metrics_of_it() -> None:
    plain = [make_episode(make_truth("answer"))] * 2
    assert avr_metrics.igr_entropy(plain) is None
    assert avr_metrics.information(plain) is None
    assert avr_metrics.igr(plain)["n"] == 2
