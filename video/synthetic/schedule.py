"""When things happen: times that are uniform over a film and keep clear of each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_TRIES = 2000
Stretch = tuple[int, int]
"""Frames, half-open."""


class CrowdedError(ValueError):
    """More happens than there is time for."""


def spaced_on_circle(num: int, length: int, min_gap: float, rng: np.random.Generator) -> np.ndarray:
    """Times at least `min_gap` apart, each uniform over the whole length.

    The gaps are drawn for a circle, which is then turned at random: that makes every time uniform,
    which times drawn on a line with gaps between them are not.

    Args:
        num: how many, at least 1, with num * min_gap below length.
        length: of the circle [frames].
        min_gap: smallest distance, around the circle too [frames].

    Returns:
        int (num,), ascending, in [0, length).

    Raises:
        CrowdedError: where they do not fit.
    """
    slack = length - num * min_gap
    if slack <= 0:
        raise CrowdedError(f"{num} times do not fit into {length} frames, {min_gap:g} apart")
    gaps = min_gap + slack * rng.dirichlet(np.ones(num))
    times = (np.cumsum(gaps) + rng.uniform(0, length)) % length
    return np.sort(times.astype(int))


def overlaps(stretch: Stretch, others: Sequence[Stretch], margin: int) -> bool:
    """Whether a stretch comes closer than `margin` frames to any of the others."""
    start, end = stretch
    return any(start < b + margin and a < end + margin for a, b in others)


def free_starts(
    num: int,
    length: int,
    *,
    span: int,
    margin: int,
    blocked: Sequence[Stretch],
    rng: np.random.Generator,
) -> list[int] | None:
    """First frames of `num` visits, each uniform over where it may be; None where a draw fails.

    Args:
        num: how many.
        length: of the film [frames].
        span: of a visit [frames].
        margin: smallest distance to each other and to what is blocked [frames].
        blocked: stretches that are taken.
    """
    starts = [int(rng.integers(0, length - span + 1)) for _ in range(num)]
    taken = list(blocked)
    for start in starts:
        if overlaps((start, start + span), taken, margin):
            return None
        taken.append((start, start + span))
    return starts


def fill_gaps(
    length: int,
    *,
    span: int,
    margin: int,
    mean_gap: float,
    blocked: Sequence[Stretch],
    rng: np.random.Generator,
) -> list[int]:
    """First frames of visits that fill what is left of a film, in order, exponential gaps between.

    Args:
        length, span, margin, blocked: as for `free_starts`.
        mean_gap: mean time from the end of one to the start of the next, above the margin [frames].
    """
    starts: list[int] = []
    ordered = sorted(blocked)
    nearest = 0  # first blocked stretch that is not yet behind
    time = int(rng.exponential(mean_gap))
    while time + span <= length:
        while nearest < len(ordered) and ordered[nearest][1] + margin <= time:
            nearest += 1
        if nearest < len(ordered) and ordered[nearest][0] < time + span + margin:
            time = ordered[nearest][1] + margin + int(rng.exponential(mean_gap))
        else:
            starts.append(time)
            time += span + margin + int(rng.exponential(mean_gap))
    return starts
