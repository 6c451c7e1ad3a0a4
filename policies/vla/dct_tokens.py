"""Compressed action tokens in the manner of FAST (arXiv 2501.09747): cosine transform along time,
rounding, byte-pair encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from policies.vla.integer_pairs import IntegerPairs, train_pairs
from policies.vla.ranges import Ranges, whole_chunk

MAX_TRAINING_CHUNKS = 2000


def dct_matrix(size: int) -> np.ndarray:
    """The orthonormal DCT-II as a matrix, float64 (size, size): coefficients = matrix @ signal.

    Row k is sqrt(2/N) cos(pi (n + 1/2) k / N), the first one divided by sqrt(2) (Ahmed, Natarajan
    and Rao 1974). Its transpose is its inverse.
    """
    n = np.arange(size)
    matrix = np.sqrt(2 / size) * np.cos(np.pi * (n + 0.5) * n[:, None] / size)
    matrix[0] /= np.sqrt(2)
    return matrix


class DctCodec:
    """Chunk -> cosine coefficients per dimension, scaled and rounded -> tokens.

    Coefficients are written lowest frequency first, all varying dimensions of one frequency side by
    side. A token stands for one or more of them, so replies differ in length.
    """

    name = "dct"
    continuous = False

    def __init__(
        self, *, ranges: Ranges, num_steps: int, scale: float, pairs: IntegerPairs
    ) -> None:
        """
        Args:
            ranges: of each dimension.
            num_steps: rows of a chunk.
            scale: factor of the coefficients before rounding.
            pairs: integers <-> tokens.
        """
        self.ranges, self.num_steps, self.scale, self.pairs = ranges, num_steps, scale, pairs
        self.num_dims = len(ranges.low)
        self.vocabulary_size = pairs.vocabulary_size
        self._matrix = dct_matrix(num_steps)

    @property
    def total_cost(self) -> int:
        """Coefficients that the tokens of a reply must add up to."""
        return self.num_steps * int(self.ranges.free.sum())

    @property
    def token_costs(self) -> np.ndarray:
        """Coefficients that each token stands for."""
        return self.pairs.run_lengths

    def coefficients(self, actions: np.ndarray) -> np.ndarray:
        """The rounded coefficients of a chunk, int64 (total_cost,), before tokens are made."""
        chunk = whole_chunk(actions, self.num_steps, self.num_dims)
        return _coefficients(chunk, self.ranges, self._matrix, self.scale)

    def encode(self, actions: np.ndarray) -> np.ndarray:
        """See `ActionCodec`. A coefficient beyond all those fitted on is cut to the largest."""
        return np.asarray(self.pairs.encode(self.coefficients(actions)), dtype=np.int64)

    def decode(self, tokens: np.ndarray) -> tuple[np.ndarray, str | None]:
        """See `ActionCodec`."""
        numbers = np.asarray(self.pairs.decode(np.asarray(tokens).tolist()), dtype=np.float64)
        if len(numbers) != self.total_cost:
            hold = np.zeros((self.num_steps, self.num_dims), dtype=np.float32)
            return hold, f"{len(numbers)} coefficients instead of {self.total_cost}"
        signal = self._matrix.T @ (numbers.reshape(self.num_steps, -1) / self.scale)
        return self.ranges.restore(signal).astype(np.float32), None

    def to_json(self) -> dict[str, Any]:
        """See `ActionCodec`."""
        return {
            "name": self.name,
            "num_steps": self.num_steps,
            "scale": self.scale,
            "ranges": self.ranges.to_json(),
            "pairs": self.pairs.to_json(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> DctCodec:
        """What `to_json` gave."""
        return cls(
            ranges=Ranges.from_json(record["ranges"]),
            num_steps=record["num_steps"],
            scale=record["scale"],
            pairs=IntegerPairs.from_json(record["pairs"]),
        )


def fit_dct(
    chunks: Sequence[np.ndarray], *, ranges: Ranges, scale: float, vocabulary_size: int
) -> DctCodec:
    """A codec whose pairs are learned from chunks of equal shape (H, D), from at most
    `MAX_TRAINING_CHUNKS` of them, evenly spread.
    """
    num_steps = len(chunks[0])
    matrix = dct_matrix(num_steps)
    every = -(-len(chunks) // MAX_TRAINING_CHUNKS)
    texts = [_coefficients(chunk, ranges, matrix, scale) for chunk in chunks[::every]]
    pairs = train_pairs(texts, vocabulary_size=vocabulary_size)
    return DctCodec(ranges=ranges, num_steps=num_steps, scale=scale, pairs=pairs)


def _coefficients(
    chunk: np.ndarray, ranges: Ranges, matrix: np.ndarray, scale: float
) -> np.ndarray:
    return np.rint(matrix @ ranges.normalise(chunk) * scale).astype(np.int64).ravel()
