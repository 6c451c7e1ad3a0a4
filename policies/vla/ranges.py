"""The ranges that numbers span in a data set, and chunks of the right shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranges:
    """Per dimension, the range that is told apart; beyond, numbers count as its nearest end.

    Attributes:
        low, high: float64 (D,), low <= high. Equal in a dimension that never varies.
    """

    low: np.ndarray
    high: np.ndarray

    def __post_init__(self) -> None:
        if self.low.shape != self.high.shape or self.low.ndim != 1:
            raise ValueError(f"low has shape {self.low.shape} and high {self.high.shape}; legal: D")
        if not (np.isfinite(self.low).all() and np.isfinite(self.high).all()):
            raise ValueError("low and high must be finite")
        if (self.low > self.high).any():
            raise ValueError(f"low={self.low.tolist()} must not be above {self.high.tolist()}")

    @property
    def free(self) -> np.ndarray:
        """bool (D,): the dimensions that vary."""
        return self.high > self.low

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """The varying dimensions of (..., D), with `low` at -1 and `high` at 1."""
        free = self.free
        low, high = self.low[free], self.high[free]
        return 2 * (np.asarray(values, dtype=np.float64)[..., free] - low) / (high - low) - 1

    def restore(self, normalised: np.ndarray) -> np.ndarray:
        """The inverse of `normalise`: (..., D), the other dimensions at their one value."""
        free = self.free
        values = np.broadcast_to(self.low, (*normalised.shape[:-1], len(self.low))).copy()
        low, high = self.low[free], self.high[free]
        values[..., free] = low + (normalised + 1) / 2 * (high - low)
        return values

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Ranges:
        """What `to_json` gave."""
        low, high = (np.asarray(record[name], dtype=np.float64) for name in ("low", "high"))
        return cls(low=low, high=high)


def fit_ranges(
    rows: np.ndarray,
    *,
    low: float = 0.0,
    high: float = 100.0,
    exempt: Sequence[int] = (),
    still_share: float = 0.0,
) -> Ranges:
    """The ranges of a data set.

    Args:
        rows: (N, D), at least one row.
        low, high: percentiles in [0, 100]; OpenVLA (arXiv 2406.09246) takes 1 and 99.
        exempt: dimensions that take the smallest and largest number instead. So does a dimension
            whose percentiles are equal, such as a gripper that closes on 1 % of all steps.
        still_share: a dimension whose range is at most this share of the widest one counts as one
            that never varies, at its median: what little it does is rounding.

    Raises:
        ValueError: for no rows, numbers that are not finite, or a dimension that does not exist.
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"ranges need rows of shape (N, D) with N at least 1, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("ranges need finite numbers")
    width = rows.shape[1]
    wrong = [dim for dim in exempt if not -width <= dim < width]
    if wrong:
        raise ValueError(f"exempt holds {wrong[0]}; legal for {width} dimensions: -{width}..")
    bounds = np.percentile(rows, [low, high], axis=0)
    whole = bounds[0] == bounds[1]
    whole[list(exempt)] = True
    bounds = np.where(whole, [rows.min(axis=0), rows.max(axis=0)], bounds)
    widths = bounds[1] - bounds[0]
    still = widths <= still_share * widths.max()
    lows, highs = np.where(still, np.median(rows, axis=0), bounds)
    return Ranges(low=lows, high=highs)


def whole_chunk(actions: np.ndarray, num_steps: int, num_dims: int) -> np.ndarray:
    """A chunk of exactly `num_steps` rows: a shorter one goes on with its last row.

    Args:
        actions: (h, D) or (D,), 1 <= h <= num_steps.
        num_steps: H.
        num_dims: D.

    Returns:
        float64 (H, D).

    Raises:
        ValueError: for another shape, or numbers that are not finite.
    """
    chunk = np.atleast_2d(np.asarray(actions, dtype=np.float64))
    if chunk.ndim != 2 or chunk.shape[1] != num_dims or not 1 <= len(chunk) <= num_steps:
        raise ValueError(
            f"an action chunk of shape {chunk.shape}; legal: (1..{num_steps}, {num_dims})"
        )
    if not np.isfinite(chunk).all():
        raise ValueError("an action chunk must be finite")
    return np.concatenate([chunk, np.repeat(chunk[-1:], num_steps - len(chunk), axis=0)])
