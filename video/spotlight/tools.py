"""Which frames a request means: plain arithmetic over frame numbers and seconds."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from video.sampling import sample_frames


def uniform_indices(num_frames: int, num: int) -> list[int]:
    """Frames spread evenly over a whole film, its first and its last among them.

    `linspace(0, num_frames - 1, num)` cut to whole numbers (FrameThinker's first scan).

    Args:
        num_frames: of the film, at least 1.
        num: how many are wanted, at least 1; fewer come back where the film has fewer.

    Returns:
        Indices in ascending order, each once.
    """
    return sample_frames("linspace", num_frames, num)


def spotlight_indices(start: int, end: int, num: int) -> list[int]:
    """Frames spread evenly between two frames, neither of them included.

    `sorted(set(int(linspace(start + 1, end - 1, num))))` (FrameThinker); the middle one where a
    single frame is wanted.

    Args:
        start, end: frame numbers, 0 <= start and start + 2 <= end.
        num: how many are wanted, at least 1; fewer come back where the stretch has fewer.

    Returns:
        Indices in (start, end) in ascending order, each once.

    Raises:
        ValueError: where no frame lies between the two.
    """
    if end - start < 2:
        raise ValueError(f"no frame lies between {start} and {end}")
    if num == 1:
        return [(start + end) // 2]
    return _whole(np.linspace(start + 1, end - 1, num))


def rewatch_times(
    start_seconds: float, end_seconds: float, *, fps: float, min_frames: int, max_frames: int
) -> np.ndarray:
    """Times at which a stretch is watched again, densely: the middles of equal parts of it
    (REVISOR: 2 frames a second, 4 to 512 frames).

    Args:
        start_seconds, end_seconds: the stretch, half-open [s].
        fps: frames per second that are aimed at.
        min_frames, max_frames: bounds of how many.

    Returns:
        float64 (N,), ascending, inside the stretch [s].
    """
    length = end_seconds - start_seconds
    num = min(max(round(length * fps), min_frames), max_frames)
    return start_seconds + length * (np.arange(num) + 0.5) / num


def widen_interval(
    start_seconds: float, end_seconds: float, *, min_seconds: float, duration_seconds: float
) -> tuple[float, float]:
    """A stretch of at least `min_seconds` with the same middle, moved to lie in the film.

    Args:
        start_seconds, end_seconds: the stretch asked for [s].
        min_seconds: shortest legal length [s]; the whole film where that is shorter.
        duration_seconds: of the film.
    """
    missing = max(0.0, min(min_seconds, duration_seconds) - (end_seconds - start_seconds))
    start = min(max(0.0, start_seconds - missing / 2), duration_seconds)
    end = min(duration_seconds, max(end_seconds + missing / 2, start + min_seconds))
    return max(0.0, min(start, end - min(min_seconds, duration_seconds))), end


def cut_segments(
    duration_seconds: float, *, num: int, min_seconds: float, max_seconds: float
) -> list[tuple[float, float]]:
    """Equal stretches that a film is cut into: `num` of them, or as many as keeps each within the
    two lengths (Video-CoM: 10 segments, re-cut so that each lasts 10 to 30 s).

    Args:
        duration_seconds: of the film, above 0.
        num: how many there are where their length fits.
        min_seconds, max_seconds: a film shorter than the first is one segment.
    """
    most = max(1, math.floor(duration_seconds / min_seconds))
    fewest = math.ceil(duration_seconds / max_seconds)
    count = max(min(num, most), fewest)
    edges = np.linspace(0.0, duration_seconds, count + 1).tolist()
    return list(pairwise(edges))


def evenly_chosen(values: list[int], num: int) -> list[int]:
    """`num` of the values, spread evenly, in order; all of them where there are no more,
    the middle one where one is wanted.
    """
    if num >= len(values):
        return values
    if num == 1:
        return [values[len(values) // 2]]
    return [values[i] for i in _whole(np.linspace(0, len(values) - 1, num))]


def _whole(values: np.ndarray) -> list[int]:
    return sorted({int(value) for value in values})
