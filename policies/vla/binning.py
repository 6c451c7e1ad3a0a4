"""One token per number: the bins of RT-2 and OpenVLA."""

from __future__ import annotations

from typing import Any

import numpy as np

from policies.vla.ranges import Ranges, whole_chunk


def bin_of(normalised: np.ndarray, num_bins: int) -> np.ndarray:
    """The bin, int64 0..num_bins - 1, of numbers that should lie in [-1, 1]; others get the nearest
    bin.
    """
    bins = np.floor((normalised + 1) / 2 * num_bins)
    return np.clip(bins, 0, num_bins - 1).astype(np.int64)


def center_of(bins: np.ndarray, num_bins: int) -> np.ndarray:
    """The middle of bins, in [-1, 1]."""
    return (2 * np.asarray(bins, dtype=np.float64) + 1) / num_bins - 1


class UniformCodec:
    """Every number of a chunk is one of `num_bins` bins of equal width over its dimension's range
    (arXiv 2406.09246, section 3.2). Row by row; dimensions that never vary take no token.
    """

    name = "uniform"
    continuous = False

    def __init__(self, *, ranges: Ranges, num_steps: int, num_bins: int) -> None:
        """
        Args:
            ranges: of each dimension.
            num_steps: rows of a chunk.
            num_bins: tokens of the vocabulary, at least 2.
        """
        if num_bins < 2:
            raise ValueError(f"num_bins={num_bins} must be at least 2")
        self.ranges, self.num_steps, self.vocabulary_size = ranges, num_steps, num_bins
        self.num_dims = len(ranges.low)

    @property
    def total_cost(self) -> int:
        """Tokens of every reply: one per number that varies."""
        return self.num_steps * int(self.ranges.free.sum())

    @property
    def token_costs(self) -> np.ndarray:
        """1 for every token."""
        return np.ones(self.vocabulary_size, dtype=np.int64)

    def encode(self, actions: np.ndarray) -> np.ndarray:
        """See `ActionCodec`."""
        chunk = whole_chunk(actions, self.num_steps, self.num_dims)
        return bin_of(self.ranges.normalise(chunk), self.vocabulary_size).ravel()

    def decode(self, tokens: np.ndarray) -> tuple[np.ndarray, str | None]:
        """See `ActionCodec`."""
        tokens = np.asarray(tokens)
        if len(tokens) != self.total_cost:
            hold = np.zeros((self.num_steps, self.num_dims), dtype=np.float32)
            return hold, f"{len(tokens)} tokens instead of {self.total_cost}"
        centers = center_of(tokens, self.vocabulary_size).reshape(self.num_steps, -1)
        return self.ranges.restore(centers).astype(np.float32), None

    def to_json(self) -> dict[str, Any]:
        """See `ActionCodec`."""
        return {
            "name": self.name,
            "num_steps": self.num_steps,
            "num_bins": self.vocabulary_size,
            "ranges": self.ranges.to_json(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> UniformCodec:
        """What `to_json` gave."""
        return cls(
            ranges=Ranges.from_json(record["ranges"]),
            num_steps=record["num_steps"],
            num_bins=record["num_bins"],
        )
