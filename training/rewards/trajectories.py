"""How far apart two paths are: pure functions over points (N, 2).

The order of the points counts, save for Hausdorff's distance; nothing is resampled unless said. A
path has one point or more, all finite; anything else raises `ValueError`. Points of pictures are
normalised by width and height, so that the longest distance is the square root of 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

Points = np.ndarray | Sequence[Sequence[float]]

DIAGONAL = math.sqrt(2.0)
"""Longest distance in a normalised picture."""
ANGLE_WEIGHT = 0.25
RATIO_WEIGHT = 0.10
"""Weights of VLA-R1's code."""
TINY = 1e-12
"""A shorter segment has neither direction nor length; the constant of VLA-R1's code."""


def discrete_frechet(first: Points, second: Points) -> float:
    """Discrete Frechet distance: the smallest leash that lets two walkers go from point to point,
    never back (Eiter and Mannila 1994).
    """
    return _cheapest_coupling(_distances(check_path(first), check_path(second)), max)


def dynamic_time_warping(first: Points, second: Points) -> float:
    """Smallest sum of distances over order-preserving couplings (Sakoe and Chiba 1978), over the
    number of points of the longer path: at most the longest distance between two points.
    """
    costs = _distances(check_path(first), check_path(second))
    return _cheapest_coupling(costs, lambda past, now: past + now) / max(costs.shape)


def hausdorff(first: Points, second: Points) -> float:
    """Largest distance from a point of either path to the nearest point of the other."""
    distances = _distances(check_path(first), check_path(second))
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))


def path_rmse(first: Points, second: Points, *, num_points: int = 32) -> float:
    """Root mean square of the distances between points at equal shares of the two lengths."""
    pair = [resample_path(path, num_points) for path in (first, second)]
    return float(np.sqrt(np.mean(np.sum((pair[0] - pair[1]) ** 2, axis=1))))


def end_errors(first: Points, second: Points) -> tuple[float, float]:
    """Distances of the starts and of the ends."""
    a, b = check_path(first), check_path(second)
    return math.dist(a[0], b[0]), math.dist(a[-1], b[-1])


def angle_length_frechet(
    first: Points,
    second: Points,
    *,
    angle_weight: float = ANGLE_WEIGHT,
    ratio_weight: float = RATIO_WEIGHT,
) -> float:
    """Angle-length augmented Frechet distance of VLA-R1 (arXiv 2510.01623), after its code.

    A discrete Frechet distance whose cost of a pair of points is their distance + `angle_weight` x
    the angle between the tangents [rad] + `ratio_weight` x |ln of the ratio of local lengths|. As
    in the code, a point without direction has angle 0 to all others, and lengths of 0 count as
    1e-12, so that a repeated point costs up to 2.8 against one that is not.
    """
    a, b = check_path(first), check_path(second)
    costs = _distances(a, b) + angle_weight * _angles(tangents(a), tangents(b))
    costs += ratio_weight * _log_ratios(local_lengths(a), local_lengths(b))
    return _cheapest_coupling(costs, max)


def angle_length_score(
    first: Points,
    second: Points,
    *,
    angle_weight: float = ANGLE_WEIGHT,
    ratio_weight: float = RATIO_WEIGHT,
) -> float:
    """1 - min(1, D / (sqrt 2 + angle_weight pi + ratio_weight ln 10)), in [0, 1], where D is the
    distance above: the trajectory reward of VLA-R1's code. With its weights D is divided by 2.43.
    """
    distance = angle_length_frechet(
        first, second, angle_weight=angle_weight, ratio_weight=ratio_weight
    )
    largest = DIAGONAL + angle_weight * math.pi + ratio_weight * math.log(10.0)
    return 1.0 - min(1.0, distance / largest)


def sharp_path_score(
    predicted: Points, right: Points, *, scale: float = 0.1, num_points: int = 16
) -> float:
    """(exp(-F / scale) + exp(-E / scale)) / 2, in (0, 1], 1 for the right path alone. Ours.

    F is the discrete Frechet distance of both paths resampled to `num_points`, E the larger of the
    errors of start and end, where a hand closes and opens. What is resampled has neither repeated
    points nor too many; directions need no term of their own, since the order of points has them.

    Args:
        predicted, right: normalised paths.
        scale: distance at which a score has fallen to 1/e, above 0 [picture widths].
        num_points: at least 2.
    """
    pair = [resample_path(path, num_points) for path in (predicted, right)]
    path, ends = discrete_frechet(*pair), max(end_errors(*pair))
    return (math.exp(-path / scale) + math.exp(-ends / scale)) / 2


def resample_path(path: Points, num_points: int) -> np.ndarray:
    """(num_points, 2): points at equal shares of the length, ends included. A path without length
    becomes its point, repeated.
    """
    points = check_path(path)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    wanted = np.linspace(0.0, along[-1], num_points)
    return np.stack([np.interp(wanted, along, points[:, axis]) for axis in (0, 1)], axis=1)


def tangents(path: np.ndarray) -> np.ndarray:
    """(N, 2): unit direction at each point, 0 where there is none. That of the segment at either
    end; inside the normalised sum of those before and after, and where they cancel that before.
    """
    if len(path) == 1:
        return np.zeros((1, 2))
    steps = np.array([_unit(step) for step in np.diff(path, axis=0)])
    blends = np.array([_unit(both) for both in steps[:-1] + steps[1:]]).reshape(-1, 2)
    cancel = np.linalg.norm(blends, axis=1) == 0
    blends[cancel] = steps[:-1][cancel]
    return np.concatenate([steps[:1], blends, steps[-1:]])


def local_lengths(path: np.ndarray) -> np.ndarray:
    """(N,): length of the segment that starts at each point; at the last, of the one before; 0 for
    a single point.
    """
    if len(path) == 1:
        return np.zeros(1)
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    return np.concatenate([lengths, lengths[-1:]])


def check_path(path: Points) -> np.ndarray:
    """The path as float64 (N, 2).

    Raises:
        ValueError: where it is empty, not of points (x, y), or not finite.
    """
    points = np.asarray(path, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"a path is (N, 2) with N of at least 1; this one is {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("a path has coordinates that are not finite")
    return points


def _cheapest_coupling(costs: np.ndarray, join: Callable[[float, float], float]) -> float:
    """Cheapest walk from the first pair to the last, one point on in one path or in both, where
    `join` adds a pair to the cost of a walk.
    """
    rows = costs.tolist()
    before: list[float] = []
    for i, row in enumerate(rows):
        now: list[float] = []
        for j, cost in enumerate(row):
            past = [now[j - 1]] if j else []
            past += [before[j]] if i else []
            past += [before[j - 1]] if i and j else []
            now.append(join(min(past), cost) if past else cost)
        before = now
    return float(before[-1])


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first[:, None] - second[None], axis=2)


def _angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(M, N): angles between unit vectors [rad], 0 where one is 0."""
    angles = np.arccos(np.clip(first @ second.T, -1.0, 1.0))
    known = [np.linalg.norm(vectors, axis=1) > 0 for vectors in (first, second)]
    return np.where(known[0][:, None] & known[1][None], angles, 0.0)


def _log_ratios(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(M, N): |ln(length / length)|; where one of the two is 0, both count 1e-12 more."""
    both = (first[:, None] > TINY) & (second[None] > TINY)
    more = np.where(both, 0.0, TINY)
    return np.abs(np.log(first[:, None] + more) - np.log(second[None] + more))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length >= TINY else np.zeros(2)
