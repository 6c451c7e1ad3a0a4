"""Distances of paths, against sums done by hand, brute force over all couplings, and the measured
table of VLA-R1's reward.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.rewards.trajectories import (
    DIAGONAL,
    angle_length_frechet,
    angle_length_score,
    discrete_frechet,
    dynamic_time_warping,
    end_errors,
    hausdorff,
    local_lengths,
    path_rmse,
    resample_path,
    sharp_path_score,
    tangents,
)

UNIT = st.floats(0.0, 1.0, allow_subnormal=False)
PATHS = st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=5)
DISTANCES = (
    discrete_frechet,
    dynamic_time_warping,
    hausdorff,
    path_rmse,
    angle_length_frechet,
    angle_length_score,
    sharp_path_score,
)
DOWN = np.array([0.0, 0.1])
NORMALISER = math.sqrt(2) + 0.25 * math.pi + 0.10 * math.log(10)


def couplings(rows: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    """Every order-preserving walk from (0, 0) to the last pair."""
    if (rows, columns) == (1, 1):
        yield [(0, 0)]
    for down, right in ((1, 0), (0, 1), (1, 1)):
        if rows > down and columns > right:
            for walk in couplings(rows - down, columns - right):
                yield [*walk, (rows - 1, columns - 1)]


def line(start: tuple[float, float], angle: float, step: float, count: int = 3) -> np.ndarray:
    along = step * np.arange(count)[:, None] * np.array([math.cos(angle), math.sin(angle)])
    return np.array(start) + along


@pytest.mark.parametrize(
    ("offset", "angle", "ratio", "reward"),
    [
        (0.0, 0.0, 1.0, 1.0),
        (0.05, 0.2, 1.2, 0.956),
        (0.10, 0.5, 1.5, 0.90),
        (0.30, math.pi / 2, 2.0, 0.72),
        (0.50, math.pi, 3.0, 0.48),
    ],
)
def test_the_measured_table_of_the_published_path_reward(
    offset: float, angle: float, ratio: float, reward: float
) -> None:
    """Two points so near each other that the offset is the same from each, turned and stretched:
    0.9 x (1 - D / 2.43) + 0.1 for the form.
    """
    tiny = 1e-6
    right = line((0.4, 0.4), 0.0, tiny, 2)
    predicted = line((0.4 + offset, 0.4), angle, tiny * ratio, 2)
    distance = angle_length_frechet(predicted, right)
    assert distance == pytest.approx(offset + 0.25 * angle + 0.10 * math.log(ratio), abs=1e-5)
    score = 0.9 * angle_length_score(predicted, right) + 0.1
    assert score == pytest.approx(reward, abs=0.005)


def test_the_normaliser_is_the_published_one() -> None:
    """Opposite corners, opposite directions, ten times the length: the worst that counts."""
    assert pytest.approx(2.4299, abs=1e-4) == NORMALISER
    first, second = [[0, 0], [1e-9, 0]], [[1, 1], [1 - 1e-8, 1]]
    assert angle_length_frechet(first, second) == pytest.approx(NORMALISER, abs=1e-6)
    assert angle_length_score(first, second) == pytest.approx(0, abs=1e-6)


def test_tangents_and_lengths_by_hand() -> None:
    """Right, then up, then back down: blended at the corner, that before where they cancel."""
    path = np.array([[0, 0], [1, 0], [1, 2], [1, 1]], dtype=float)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(tangents(path), [[1, 0], [half, half], [0, 1], [0, -1]])
    np.testing.assert_allclose(local_lengths(path), [1, 2, 1, 1])
    repeated = np.array([[0, 0], [0, 0], [0, 3]], dtype=float)
    np.testing.assert_allclose(tangents(repeated), [[0, 0], [0, 1], [0, 1]])
    np.testing.assert_allclose(local_lengths(repeated), [0, 3, 3])


def test_the_cost_of_each_pair_by_hand() -> None:
    """A bend against a line, three points each: the pairs in order cost 0, (0.1 away, 45 degrees,
    as long) and (0.1 x sqrt 2 away, 90 degrees, as long); no other coupling avoids the last.
    """
    bend, straight = [[0, 0], [0.1, 0], [0.1, 0.1]], [[0, 0], [0.1, 0], [0.2, 0]]
    wanted = 0.1 * math.sqrt(2) + 0.25 * math.pi / 2
    assert angle_length_frechet(bend, straight) == pytest.approx(wanted)
    assert angle_length_frechet(bend, straight, angle_weight=0) == pytest.approx(
        discrete_frechet(bend, straight)
    )


def test_repeated_points_cost_without_bound_as_published_and_nothing_when_resampled() -> None:
    """The repeated point has length 1e-12 against 0.1: 0.1 x ln(1e11) = 2.53, which is past the
    normaliser.
    """
    right = line((0.2, 0.2), 0.0, 0.1, 4)
    repeated = np.concatenate([right[:1], right])
    assert angle_length_frechet(repeated, right) == pytest.approx(
        0.1 * math.log((0.1 + 1e-12) / 1e-12)
    )
    assert angle_length_score(repeated, right) == 0
    assert sharp_path_score(repeated, right) == pytest.approx(1)


def test_single_points() -> None:
    """No direction, and as long as each other; against a path the length of nothing counts."""
    assert angle_length_frechet([[0.1, 0.1]], [[0.4, 0.5]]) == pytest.approx(0.5)
    assert angle_length_score([[0.1, 0.1]], [[0.1, 0.1], [0.2, 0.1]]) == 0
    assert discrete_frechet([[0.1, 0.1]], [[0.1, 0.1], [0.2, 0.1]]) == pytest.approx(0.1)
    assert sharp_path_score([[0.1, 0.1]], [[0.1, 0.1]]) == 1
    np.testing.assert_allclose(resample_path([[0.3, 0.4]], 3), [[0.3, 0.4]] * 3)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    ("path", "problem"),
    [([], r"this one is \(0,\)"), ([[0.1, math.nan]], "not finite"), ([[1, 2, 3]], r"\(1, 3\)")],
)
def test_what_is_no_path_is_an_error(distance: object, path: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        distance(path, [[0.1, 0.1]])  # type: ignore[operator]
    with pytest.raises(ValueError, match=problem):
        distance([[0.1, 0.1]], path)  # type: ignore[operator]


@given(PATHS, PATHS)
def test_couplings_are_the_cheapest_of_all(first: list[object], second: list[object]) -> None:
    a, b = np.array(first), np.array(second)
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    walks = [[distances[pair] for pair in walk] for walk in couplings(len(a), len(b))]
    assert discrete_frechet(a, b) == pytest.approx(min(max(walk) for walk in walks))
    shortest = min(sum(walk) for walk in walks) / max(len(a), len(b))
    assert dynamic_time_warping(a, b) == pytest.approx(shortest)


@given(PATHS, PATHS)
def test_distances_are_symmetric_bounded_and_ordered(
    first: list[object], second: list[object]
) -> None:
    for distance in DISTANCES:
        there, back = distance(first, second), distance(second, first)  # type: ignore[arg-type]
        assert there == pytest.approx(back)
        assert there >= 0
    a, b = np.array(first), np.array(second)
    frechet = discrete_frechet(a, b)
    assert hausdorff(a, b) <= frechet + 1e-12
    assert max(end_errors(a, b)) <= frechet + 1e-12
    assert frechet <= angle_length_frechet(a, b) + 1e-12
    for distance in (discrete_frechet, dynamic_time_warping, hausdorff, path_rmse):
        assert distance(a, b) <= DIAGONAL + 1e-12
    assert 0 <= angle_length_score(a, b) <= 1
    assert 0 < sharp_path_score(a, b) <= 1


def test_plain_distances_by_hand() -> None:
    """A path one tenth below another, and one that runs the other way."""
    right = line((0.2, 0.2), 0.0, 0.1, 3)
    below = right + DOWN
    for distance in (discrete_frechet, dynamic_time_warping, hausdorff, path_rmse):
        assert distance(right, below) == pytest.approx(0.1)
    assert hausdorff(right, right[::-1]) == 0
    assert discrete_frechet(right, right[::-1]) == pytest.approx(0.2)
    moved = np.array([[0.05, 0], [0, 0], [0.1, 0]])
    assert end_errors(right, below + moved) == pytest.approx(
        (math.hypot(0.1, 0.05), math.hypot(0.1, 0.1))
    )


def test_resampling_keeps_equal_shares_of_the_length() -> None:
    """Three to the right and one down, at shares 0, 1/4, 1/2, 3/4, 1; the repeated corner is not
    seen.
    """
    path = [[0, 0], [3, 0], [3, 0], [3, 1]]
    np.testing.assert_allclose(resample_path(path, 5), [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1]])
    many = [[0, 0], [0.1, 0], [0.2, 0], [3, 0], [3, 1]]
    assert path_rmse(path, many) == pytest.approx(0, abs=1e-12)


def test_the_sharp_score_by_hand() -> None:
    """All 0.1 below: 1 / e each for the path and its ends; the end alone 0.1 off the same."""
    right = line((0.2, 0.2), 0.0, 0.1, 3)
    assert sharp_path_score(right + DOWN, right) == pytest.approx(1 / math.e)
    assert sharp_path_score(right, right) == 1
    turned = line((0.5, 0.2), math.pi / 2, 0.1, 3)
    assert sharp_path_score(turned, right) < 0.1 < angle_length_score(turned, right)
