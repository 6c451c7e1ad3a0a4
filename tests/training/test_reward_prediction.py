"""How well rewards predict success, against areas counted pair by pair and worked out by hand."""

from __future__ import annotations

import html
import json
import math
import re
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.reward_prediction import (
    Rollouts,
    area,
    area_difference,
    area_within_starts,
    prediction_row,
    roc_curve,
)
from training.roc_chart import draw_roc_curves, true_rate_at

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
WON = np.array([True, True, False, True, False])
APART = np.arange(5)
"""Every rollout from a start of its own."""


def pairwise_area(scores: np.ndarray, won: np.ndarray) -> float:
    """Share of pairs of a success and a failure that are ordered rightly."""
    pairs = list(product(scores[won], scores[~won]))
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


def delong_stderr(scores: np.ndarray, won: np.ndarray) -> float:
    """sqrt(S10 / m + S01 / n) with S the variances of the placements (DeLong 1988)."""
    placed = [np.mean([(a > b) + 0.5 * (a == b) for b in scores[~won]]) for a in scores[won]]
    passed = [np.mean([(a > b) + 0.5 * (a == b) for a in scores[won]]) for b in scores[~won]]
    variances = (np.var(some, ddof=1) / len(some) for some in (placed, passed))
    return math.sqrt(sum(variances))


def test_area_by_hand() -> None:
    """Successes 0.9, 0.8, 0.6 over failures 0.7, 0.5: 2 + 2 + 1 of 6 pairs.

    Pulls: of successes (1 - 5/6)/3 = 1/18 twice and (1/2 - 5/6)/3 = -1/9; of failures
    (2/3 - 5/6)/2 = -1/12 and (1 - 5/6)/2 = 1/12. Their squares sum to 4/216 + 3/216 = 7/216, times
    5/4.
    """
    cell = area(SCORES, WON, APART)
    assert (cell["mean"], cell["n"]) == (pytest.approx(5 / 6), 5)
    assert cell["stderr"] == pytest.approx(math.sqrt(7 / 216 * 5 / 4))


def test_rollouts_of_one_start_are_one_draw() -> None:
    """Starts 0 0 1 1 1: pulls sum to 2/18 and to -2/18, and 2 starts double the squares."""
    cell = area(SCORES, WON, np.array([0, 0, 1, 1, 1]))
    assert cell["stderr"] == pytest.approx(math.sqrt(2 * 2 * (1 / 9) ** 2))
    assert area(SCORES, WON, np.zeros(5))["stderr"] is None


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30).filter(
        lambda some: len({won for _, won in some}) == 2
    )
)
def test_area_is_the_share_of_pairs(rollouts: list[tuple[int, bool]]) -> None:
    scores, won = (np.array(some) for some in zip(*rollouts, strict=True))
    cell = area(scores, won, np.arange(len(won)))
    assert cell["mean"] == pytest.approx(pairwise_area(scores, won))
    assert area(-scores, won, np.arange(len(won)))["mean"] == pytest.approx(1 - cell["mean"])
    curve = roc_curve(scores, won)
    assert np.trapezoid(curve.true_rates, curve.false_rates) == pytest.approx(cell["mean"])
    assert (np.diff(curve.true_rates) >= 0).all()
    assert (np.diff(curve.false_rates) >= 0).all()


def test_one_rollout_per_start_has_delongs_error() -> None:
    rng = np.random.default_rng(0)
    won = rng.random(400) < 0.4
    scores = np.round(rng.normal(size=400) + 0.8 * won, 1)
    cell = area(scores, won, np.arange(400))
    assert cell["stderr"] == pytest.approx(delong_stderr(scores, won), rel=0.01)


def test_the_error_covers_rollouts_that_share_a_start() -> None:
    """Starts differ in how much they earn, and each is solved by all of its 4 rollouts or by none:
    the spread of the area over repetitions is what its error says.
    """
    rng = np.random.default_rng(1)
    starts = np.repeat(np.arange(60), 4)
    areas, errors = [], []
    for _ in range(300):
        won = np.repeat(rng.random(60) < 0.5, 4)
        scores = np.repeat(rng.normal(size=60), 4) + 0.5 * won + 0.3 * rng.normal(size=240)
        cell = area(scores, won, starts)
        areas.append(cell["mean"])
        errors.append(cell["stderr"])
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.12)


def test_difference_of_two_scores_on_the_same_rollouts() -> None:
    """A score less itself is 0 for certain; less one that tells nothing, its area less 0.5."""
    same = area_difference(SCORES, 2 * SCORES, WON, APART)
    assert (same["mean"], same["stderr"]) == (0.0, 0.0)
    flat = area_difference(SCORES, np.zeros(5), WON, APART)
    assert flat["mean"] == pytest.approx(5 / 6 - 0.5)
    assert flat["stderr"] == pytest.approx(area(SCORES, WON, APART)["stderr"])


def test_within_starts_only_rollouts_of_one_start_are_compared() -> None:
    """Start 0: 0.2 won, 0.1 lost: 1 of 1. Start 1: 0.9 won, 0.9 and 0.8 lost: 1.5 of 2. Start 2 was
    always won. Over all, 0.2 loses against 0.9 and 0.8.
    """
    scores = np.array([0.2, 0.1, 0.9, 0.9, 0.8, 0.5])
    won = np.array([True, False, True, False, False, True])
    starts = np.array([0, 0, 1, 1, 1, 2])
    cell = area_within_starts(scores, won, starts)
    assert cell is not None
    assert (cell["mean"], cell["n"]) == (pytest.approx(2.5 / 3), 3)
    assert area(scores, won, starts)["mean"] < 0.7
    assert area_within_starts(scores, won, np.arange(6)) is None


def test_ties_pass_together() -> None:
    curve = roc_curve(np.array([1.0, 0.5, 0.5, 0.0]), np.array([True, True, False, False]))
    np.testing.assert_allclose(curve.false_rates, [0, 0, 0.5, 1])
    np.testing.assert_allclose(curve.true_rates, [0, 0.5, 1, 1])
    assert true_rate_at(curve, 0.49) == 0.5
    assert true_rate_at(curve, 0.5) == 1.0


def test_where_all_end_alike_nothing_is_predicted() -> None:
    with pytest.raises(ValueError, match="5 of 5 rollouts succeeded"):
        area(SCORES, np.ones(5, dtype=bool), APART)
    some = Rollouts(starts=APART, successes=np.ones(5, dtype=bool), rewards={"r": SCORES})
    assert set(prediction_row(some, "r")) == {"success", "earned_by_success"}


def test_rollouts_are_checked() -> None:
    with pytest.raises(ValueError, match=r"r has shape \(4,\); expected \(5,\)"):
        Rollouts(starts=APART, successes=WON, rewards={"r": SCORES[:4]})
    with pytest.raises(ValueError, match="r has values that are not finite"):
        Rollouts(starts=APART, successes=WON, rewards={"r": np.full(5, np.nan)})


def test_the_row_and_the_chart() -> None:
    some = Rollouts(starts=APART, successes=WON, rewards={"a<b": SCORES, "flat": np.zeros(5)})
    row = prediction_row(some, "a<b")
    assert row["success"]["mean"] == pytest.approx(0.6)
    assert row["earned_by_success"]["mean"] == pytest.approx((0.9 + 0.8 + 0.6) / 3)
    assert row["earned_by_failure"]["n"] == 2
    curves = {name: roc_curve(scores, WON) for name, scores in some.rewards.items()}
    areas = {name: prediction_row(some, name)["auc"] for name in curves}
    body = draw_roc_curves(curves, areas)
    root = ElementTree.fromstring(body)
    assert len(root.findall(".//polyline")) == 2
    assert "a&lt;b, area 0.833" in body
    found = re.search(r'data-curve="([^"]*)"', body)
    assert found is not None
    data = json.loads(html.unescape(found.group(1)))
    assert len(data["points"]) == len(data["words"]) == 21
    assert "0.50 of the failures above: a<b 1.00; flat 0.00" in data["words"][10]
    with pytest.raises(ValueError, match="0 curves; legal: 1 to 5"):
        draw_roc_curves({}, {})
