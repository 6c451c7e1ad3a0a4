"""The statistics of `meta/stats.json`: per feature and number, over the frames.

An episode's are exact for numbers; of pictures as many are looked at as LeRobot looks at, every
n-th pixel of large ones. Over episodes they are joined as LeRobot joins them: minimum, maximum,
mean and standard deviation as of all frames together, quantiles as the mean of the episodes'
quantiles, weighted by their frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.episode import decode_png

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
STATISTICS = ("min", "max", "mean", "std", "count", *QUANTILES)
MIN_PICTURES, MAX_PICTURES = 100, 10_000
LARGE, WANTED = 300, 150
"""Pictures with an edge of LARGE pixels or more are thinned out to about WANTED."""

Statistics = dict[str, np.ndarray]


def number_statistics(values: np.ndarray) -> Statistics:
    """Statistics of one feature of an episode.

    Args:
        values: (frames,) or (frames, ...), of any numeric type or bool.

    Returns:
        Name -> float64 array of a frame's shape, (1,) for single numbers; `count` int64 (1,).
    """
    flat = np.asarray(values, dtype=np.float64)
    return _over_rows(flat[:, None] if flat.ndim == 1 else flat, len(flat))


def picture_statistics(pngs: Sequence[bytes]) -> Statistics:
    """Statistics of a picture feature of an episode, per channel, float64 (3, 1, 1) in [0, 1].

    All follow from how often each of the 256 values occurs.
    """
    chosen = _sample(len(pngs))
    counts = np.zeros((3, 256), dtype=np.int64)
    for index in chosen:
        picture = _thin(decode_png(pngs[index]))
        for channel in range(3):
            counts[channel] += np.bincount(picture[..., channel].ravel(), minlength=256)
    channels = [_from_counts(some) for some in counts]
    found = {k: np.array([c[k] for c in channels]).reshape(3, 1, 1) / 255.0 for k in channels[0]}
    return found | {"count": np.array([len(chosen)])}


def _from_counts(counts: np.ndarray) -> dict[str, float]:
    """Statistics of values 0 to 255 by how often each occurs; quantiles as NumPy's default has
    them, by interpolating between the two nearest values.
    """
    values, total, upto = np.arange(256), int(counts.sum()), np.cumsum(counts)
    mean = float(values @ counts) / total
    there = values[counts > 0]
    found = {
        "min": float(there[0]),
        "max": float(there[-1]),
        "mean": mean,
        "std": float(np.sqrt((values - mean) ** 2 @ counts / total)),
    }
    for name, share in QUANTILES.items():
        at = share * (total - 1)
        low, high = np.searchsorted(upto, [np.floor(at), np.ceil(at)], side="right")
        found[name] = float(low + (high - low) * (at - np.floor(at)))
    return found


def join_statistics(parts: Sequence[Mapping[str, Statistics]]) -> dict[str, Statistics]:
    """Statistics of several sets of frames as those of all, weighted by their counts."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _join([part[name] for part in parts if name in part]) for name in names}


def to_json(statistics: Mapping[str, Statistics]) -> dict[str, Any]:
    """Plain lists of numbers."""
    return {
        name: {k: v.tolist() for k, v in statistic.items()}
        for name, statistic in statistics.items()
    }


def from_json(record: Mapping[str, Mapping[str, Any]]) -> dict[str, Statistics]:
    """What `to_json` gave."""
    return {
        name: {
            k: np.atleast_1d(np.asarray(v, dtype=np.int64 if k == "count" else np.float64))
            for k, v in statistic.items()
        }
        for name, statistic in record.items()
    }


def _over_rows(values: np.ndarray, count: int) -> Statistics:
    found = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([count]),
    }
    quantiles = np.quantile(values, list(QUANTILES.values()), axis=0)
    return found | dict(zip(QUANTILES, quantiles, strict=True))


def _join(parts: Sequence[Statistics]) -> Statistics:
    counts = np.array([int(part["count"][0]) for part in parts])
    weights = counts / counts.sum()

    def mean_of(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.tensordot(weights, np.stack(values), axes=1)

    mean = mean_of([part["mean"] for part in parts])
    variance = mean_of([part["std"] ** 2 + (part["mean"] - mean) ** 2 for part in parts])
    joined = {
        "min": np.min([part["min"] for part in parts], axis=0),
        "max": np.max([part["max"] for part in parts], axis=0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": np.array([counts.sum()]),
    }
    return joined | {name: mean_of([part[name] for part in parts]) for name in QUANTILES}


def _sample(count: int) -> np.ndarray:
    """Which of a feature's pictures are looked at: LeRobot's rule, evenly spread."""
    wanted = max(min(count, MIN_PICTURES), min(int(count**0.75), MAX_PICTURES))
    return np.round(np.linspace(0, count - 1, wanted)).astype(int)


def _thin(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if max(height, width) < LARGE:
        return picture
    step = max(1, (width if width > height else height) // WANTED)
    return picture[::step, ::step]
