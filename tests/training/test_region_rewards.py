"""Scores of predicted boxes, against areas done by hand and the measured table of VLA-R1."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.rewards.regions import (
    area_ratio,
    box_giou,
    box_giou_scaled,
    box_iou,
    detection_score,
    mean_average_precision,
    point_in_box,
    salience_score,
    sharp_box_score,
)

UNIT = st.floats(0.0, 1.0, allow_subnormal=False)
RIGHT = (0.40, 0.44, 0.49, 0.56)
"""9 by 12 hundredths of the picture, as in the measured table."""


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    xs, ys = (sorted((draw(UNIT), draw(UNIT))) for _ in range(2))
    return [xs[0], ys[0], xs[1], ys[1]]


@pytest.mark.parametrize(
    ("predicted", "giou", "reward"),
    [
        (RIGHT, 1.00, 1.00),
        ((0.45, 0.44, 0.54, 0.56), 0.29, 0.68),
        ((0, 0, 1, 1), 0.01, 0.555),
        ((0.25, 0.25, 0.75, 0.75), 0.04, 0.57),
        ((0.75, 0.05, 0.80, 0.10), -0.94, 0.13),
    ],
)
def test_the_measured_table_of_the_published_box_reward(
    predicted: tuple[float, ...], giou: float, reward: float
) -> None:
    """0.9 x (GIoU + 1) / 2 + 0.1 for the form."""
    assert box_giou(predicted, RIGHT) == pytest.approx(giou, abs=0.006)
    assert 0.9 * box_giou_scaled(predicted, RIGHT) + 0.1 == pytest.approx(reward, abs=0.006)


def test_iou_and_giou_of_two_boxes_by_hand() -> None:
    """2 x 2 at the origin and 2 x 2 at (1, 1): 1 shared of 7, in a hull of 9."""
    first, second = (0, 0, 2, 2), (1, 1, 3, 3)
    assert box_iou(first, second) == pytest.approx(1 / 7)
    assert box_giou(first, second) == pytest.approx(1 / 7 - 2 / 9)
    # Side by side with a gap of 1: nothing shared, union 2 in a hull of 3.
    assert box_giou((0, 0, 1, 1), (2, 0, 3, 1)) == pytest.approx(-1 / 3)


def test_empty_boxes_agree_with_nothing() -> None:
    point, reversed_box = (0.5, 0.5, 0.5, 0.5), (0.6, 0.6, 0.4, 0.4)
    for empty in (point, reversed_box):
        assert box_iou(empty, empty) == 0
        assert box_iou(empty, RIGHT) == 0
        assert area_ratio(empty, RIGHT) == 0
        assert not point_in_box((0.5, 0.5), empty)
    assert box_giou(point, point) == -1


@pytest.mark.parametrize("score", [box_iou, box_giou, area_ratio, sharp_box_score])
def test_what_is_no_box_is_an_error(score: object) -> None:
    with pytest.raises(ValueError, match="not finite"):
        score((0, 0, math.nan, 1), RIGHT)  # type: ignore[operator]
    with pytest.raises(ValueError, match="four numbers"):
        score(RIGHT, (0, 0, 1))  # type: ignore[operator]


@given(boxes(), boxes())
def test_overlaps_are_symmetric_and_bounded(first: list[float], second: list[float]) -> None:
    iou, giou = box_iou(first, second), box_giou(first, second)
    assert iou == box_iou(second, first)
    assert giou == pytest.approx(box_giou(second, first))
    assert 0 <= iou <= 1
    assert -1 <= giou <= iou + 1e-12
    assert 0 <= sharp_box_score(first, second) <= 1


def test_a_point_lies_in_a_box() -> None:
    assert point_in_box((0.45, 0.5), RIGHT)
    assert point_in_box((0.40, 0.44), RIGHT)
    assert not point_in_box((0.39, 0.5), RIGHT)


def test_the_sharp_score_by_hand() -> None:
    """Beside the right box, as large, 0.2 from centre to centre: 0 + 0.2 / e. Twice as wide around
    the same centre: IoU 1 / 2 and half the area at no distance: 0.8 / 2 + 0.2 / 2.
    """
    beside = (0.60, 0.44, 0.69, 0.56)
    assert sharp_box_score(beside, RIGHT) == pytest.approx(0.2 / math.e)
    wide = (0.355, 0.44, 0.535, 0.56)
    assert sharp_box_score(wide, RIGHT) == pytest.approx(0.5)
    assert sharp_box_score(RIGHT, RIGHT) == pytest.approx(1)


def test_a_near_miss_beats_a_box_around_everything_in_the_sharp_score_alone() -> None:
    near, whole = (0.51, 0.44, 0.60, 0.56), (0, 0, 1, 1)
    assert box_giou_scaled(near, RIGHT) < box_giou_scaled(whole, RIGHT)
    assert sharp_box_score(near, RIGHT) > 5 * sharp_box_score(whole, RIGHT)


def test_salience_counts_what_is_seen() -> None:
    """Seen are the left two of four columns: the left half holds it all and nothing else; the whole
    box all of it, half full; a quarter of it half, full; twice the box to the left half as full.
    """
    right = (0.2, 0.2, 0.6, 0.6)
    seen = np.array([[1, 1, 0, 0]] * 4)
    cases = {
        (0.2, 0.2, 0.4, 0.6): 1.0,
        right: 0.5,
        (0.2, 0.2, 0.3, 0.6): 0.5,
        (0.0, 0.2, 0.4, 0.6): 0.5,
        (0.25, 0.2, 0.3, 0.6): 0.25,
        (0.7, 0.7, 0.9, 0.9): 0.0,
        (0.3, 0.3, 0.3, 0.3): 0.0,
    }
    for predicted, wanted in cases.items():
        assert salience_score(predicted, right, seen) == pytest.approx(wanted)


def test_salience_is_weighted() -> None:
    """The left half carries 3 of 4 parts at full strength; the right half 1 of 4 at a third."""
    right, seen = (0, 0, 1, 1), np.array([[3, 1]])
    assert salience_score((0, 0, 0.5, 1), right, seen) == pytest.approx(0.75)
    assert salience_score((0.5, 0, 1, 1), right, seen) == pytest.approx(0.25 / 3)
    assert salience_score((0, 0, 1, 1), right, seen) == pytest.approx(2 / 3)


def test_a_salience_map_must_hold_some() -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W\)"):
        salience_score(RIGHT, RIGHT, np.array([1.0]))
    with pytest.raises(ValueError, match="at least 0"):
        salience_score(RIGHT, RIGHT, np.array([[-1.0]]))
    with pytest.raises(ValueError, match="0 everywhere"):
        salience_score(RIGHT, RIGHT, np.zeros((2, 2)))


def test_average_precision_by_hand() -> None:
    """One right box. Named first: precision 1 at every recall; named second: 1 / 2. A box with an
    IoU of 0.72 is right at 5 of 10 thresholds.
    """
    other = (0.0, 0.0, 0.1, 0.1)
    assert mean_average_precision([RIGHT, other], [RIGHT]) == 1
    assert mean_average_precision([other, RIGHT], [RIGHT]) == pytest.approx(0.5)
    loose = (0.40, 0.44, 0.49, 0.44 + 0.12 * 0.72)
    assert mean_average_precision([loose], [RIGHT]) == pytest.approx(0.5)
    # One of two found: precision 1 up to recall 0.5, that is at 51 of 101 places.
    assert mean_average_precision([RIGHT], [RIGHT, other]) == pytest.approx(51 / 101)


def test_a_right_box_is_found_once() -> None:
    """Named twice: a hit and a false alarm after full recall, which costs no precision, but the
    length penalty halves it.
    """
    assert mean_average_precision([RIGHT, RIGHT], [RIGHT]) == 1
    assert detection_score([RIGHT, RIGHT], [RIGHT]) == pytest.approx(0.5)


def test_detection_of_nothing() -> None:
    assert detection_score([], []) == 1
    assert detection_score([RIGHT], []) == 0
    assert detection_score([], [RIGHT]) == 0
