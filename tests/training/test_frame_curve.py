"""Accuracy over frame budgets and paired comparisons, against numbers worked out by hand."""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.training.film_records import film_episode
from training.episode import Episode, Failure
from training.frame_curve import (
    BudgetPoint,
    accuracy_by_budget,
    pair_episodes,
    paired_difference,
)
from training.frame_curve_chart import draw_frame_curve
from training.rewards.video_terms import frames_used

BROKEN = Failure(stage="env", message="x")


def episodes(rights: str, used: int = 8, first_seed: int = 0) -> list[Episode]:
    """One episode per character, of seeds in order: "1" right, "0" wrong, "x" failed."""
    return [
        replace(
            film_episode({"num_frames_used": used}, success=right == "1"),
            seed=first_seed + index,
            failure=BROKEN if right == "x" else None,
        )
        for index, right in enumerate(rights)
    ]


def test_accuracy_by_budget() -> None:
    """3 of 4: s = 0.5, so the standard error is 0.25; the failed one is left out."""
    curve = accuracy_by_budget({16: episodes("1110x", used=12), 8: episodes("1")})
    assert curve == [
        BudgetPoint(budget=8, mean=1.0, stderr=None, n=1, frames_used=8.0),
        BudgetPoint(budget=16, mean=0.75, stderr=0.25, n=4, frames_used=12.0),
    ]


def test_a_curve_needs_episodes() -> None:
    with pytest.raises(ValueError, match="frame budget 8 has no whole episode among 1"):
        accuracy_by_budget({8: episodes("x")})
    with pytest.raises(ValueError, match="frame budget 0; legal: at least 1"):
        accuracy_by_budget({0: episodes("1")})


def test_paired_difference() -> None:
    """Differences 1, 0, 0, -1, 1, 0, 0, 1: mean 0.25, s^2 = (4 - 8/16) / 7 = 0.5."""
    new, old = "11001101", "01010100"
    difference = paired_difference(episodes(new), episodes(old))
    assert difference.n == 8
    assert difference.mean == 0.25
    assert difference.stderr == pytest.approx(0.25)
    assert difference.lower == pytest.approx(0.25 - 1.6448536 * 0.25)
    assert difference.upper == pytest.approx(0.25 + 1.6448536 * 0.25)


def many(num_worse: int, num_better: int, n: int = 400) -> tuple[list[Episode], list[Episode]]:
    new = "0" * num_worse + "1" * (n - num_worse)
    old = "1" * num_worse + "0" * num_better + "1" * (n - num_worse - num_better)
    return episodes(new), episodes(old)


@pytest.mark.parametrize(
    ("num_worse", "num_better", "lower", "holds"),
    [
        (0, 0, 0.0, True),
        (2, 2, -0.0082347, True),
        (8, 4, -0.0242389, False),
        (12, 12, -0.0201707, False),
    ],
)
def test_non_inferiority_with_a_margin(num_worse, num_better, lower, holds) -> None:
    """Of 400 pairs, d = (better - worse) / 400 and s^2 = ((better + worse) - 400 d^2) / 399."""
    d = (num_better - num_worse) / 400
    s = math.sqrt((num_better + num_worse - 400 * d * d) / 399)
    difference = paired_difference(*many(num_worse, num_better))
    assert difference.lower == pytest.approx(d - 1.6448536 * s / 20, abs=1e-7)
    assert difference.lower == pytest.approx(lower, abs=1e-6)
    assert difference.is_no_worse(0.02) is holds


def test_the_test_errs_in_one_of_twenty() -> None:
    """A policy that is worse by exactly the margin passes in about 5 % of the samples."""
    new, old = many(0, 0)
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(400):
        drawn = {id(new[0]): rng.choice([-1, 1, 0], size=400, p=[0.06, 0.04, 0.9])}
        measure = partial(lambda some, group: some.get(id(group[0]), np.zeros(400)), drawn)
        passed += paired_difference(new, old, measure=measure).is_no_worse(0.02)
    assert 0.02 < passed / 400 < 0.09


def test_fewer_frames() -> None:
    """8 - 12 everywhere but once, where it is 20 - 12."""
    new = [*episodes("000", used=8), *episodes("0", used=20, first_seed=3)]
    few = paired_difference(new, episodes("0000", used=12), measure=frames_used)
    assert (few.mean, few.stderr) == (-1, pytest.approx(3))  # s = 6
    assert not few.is_lower()
    assert paired_difference(new[:3], episodes("000", used=12), measure=frames_used).is_lower()


def test_pairs_are_of_one_question() -> None:
    new, old = episodes("01x1"), episodes("x011")
    assert [pair[0].seed for pair in pair_episodes(new, old[::-1])] == [1, 3]
    with pytest.raises(ValueError, match="4 episodes of 4 seeds and 3 of 3, of which 3 are common"):
        pair_episodes(new, old[:3])
    with pytest.raises(ValueError, match="5 episodes of 4 seeds and 4 of 4"):
        pair_episodes([*new, new[0]], old)
    new[1].truth.initial["question_id"] = "q7"
    with pytest.raises(ValueError, match="seed 1 is question 'q7' in one list and None"):
        pair_episodes(new, old)


def test_too_little_to_compare() -> None:
    with pytest.raises(
        ValueError, match="1 pairs of whole episodes; a comparison needs at least 2"
    ):
        paired_difference(episodes("1x"), episodes("11"))
    with pytest.raises(ValueError, match="confidence is 0.4; legal: above 0.5"):
        paired_difference(episodes("11"), episodes("11"), confidence=0.4)


def point(budget: int, mean: float, stderr: float | None = 0.02) -> BudgetPoint:
    return BudgetPoint(budget=budget, mean=mean, stderr=stderr, n=400, frames_used=budget / 2)


CURVES = {
    "cold start": [point(8, 0.4), point(16, 0.5), point(32, 0.6)],
    "after <GRPO>": [point(8, 0.5), point(16, 0.7), point(32, 0.8, None)],
}


def test_the_chart_is_well_formed_and_says_its_numbers() -> None:
    chart = draw_frame_curve(CURVES, chance=0.25)
    root = ElementTree.fromstring(chart)
    svg = root.find("svg")
    assert [text.text for text in svg.iter("text") if text.get("class") == "row"] == list(CURVES)
    data = json.loads(root.get("data-curve"))
    assert len(data["points"]) == 3
    assert data["words"][1] == (
        "16 frames: cold start 0.5 ± 0.02, n = 400, 8 used; "
        "after <GRPO> 0.7 ± 0.02, n = 400, 8 used"
    )
    assert "after <GRPO>" not in chart
    assert html.escape("after <GRPO>") in chart
    assert svg.find("circle[@class='hover']") is not None
    assert "chance" in chart
    assert len(svg.findall("path[@class='whisker']")) == 5, "no whisker without a standard error"


def test_better_is_higher_and_doubling_is_one_step() -> None:
    chart = draw_frame_curve(CURVES)
    lines = [
        [tuple(map(float, pair.split(","))) for pair in joined.split()]
        for joined in re.findall(r'polyline points="([^"]+)"', chart)
    ]
    for low, high in zip(*lines, strict=True):
        assert low[0] == high[0]
        assert high[1] < low[1]
    first, second, third = (x for x, _ in lines[0])
    assert second - first == pytest.approx(third - second, abs=0.2)
    heights = [y for _, y in lines[0]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)


def test_one_point_is_a_chart_too() -> None:
    page = ElementTree.fromstring(draw_frame_curve({"one": [point(8, 1.0, None)]}))
    dots = [one for one in page.iter("circle") if "hover" not in one.get("class", "")]
    assert len(dots) == 1
    assert not any("whisker" in one.get("class", "") for one in page.iter("path"))


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="0 curves; legal: 1 to 5"):
        draw_frame_curve({})
    with pytest.raises(ValueError, match="curve 'none' has no points"):
        draw_frame_curve({"none": []})
