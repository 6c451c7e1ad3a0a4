"""Byte-pair encoding (Sennrich et al., arXiv 1508.07909) of sequences of integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np


class IntegerPairs:
    """A vocabulary of integers and of runs of them that often stand together.

    Token k < high - low + 1 is the integer low + k; the others are pairs of earlier tokens.
    """

    def __init__(self, *, low: int, high: int, merges: Sequence[tuple[int, int]] = ()) -> None:
        """
        Args:
            low, high: smallest and largest integer; others are taken for the nearer one.
            merges: pairs of tokens that became one token, in the order in which they did.
        """
        if low > high:
            raise ValueError(f"low={low} must not be above high={high}")
        self.low, self.high = low, high
        self.merges = [(int(a), int(b)) for a, b in merges]
        self._runs: list[tuple[int, ...]] = [(value,) for value in range(low, high + 1)]
        self._ranks: dict[tuple[int, int], int] = {}
        for first, second in self.merges:
            if not (0 <= first < len(self._runs) and 0 <= second < len(self._runs)):
                raise ValueError(f"merge {(first, second)} names a token that is not there yet")
            self._ranks[first, second] = len(self._runs)
            self._runs.append(self._runs[first] + self._runs[second])

    @property
    def vocabulary_size(self) -> int:
        """Tokens there are."""
        return len(self._runs)

    @property
    def run_lengths(self) -> np.ndarray:
        """int64 (vocabulary_size,): integers that a token stands for."""
        return np.array([len(run) for run in self._runs], dtype=np.int64)

    def encode(self, integers: Iterable[int]) -> list[int]:
        """The tokens of a sequence: the earliest merges first."""
        tokens = [min(max(int(i), self.low), self.high) - self.low for i in integers]
        while len(tokens) > 1:
            pairs = list(pairwise(tokens))
            merged = min(self._ranks.get(pair, self.vocabulary_size) for pair in pairs)
            if merged == self.vocabulary_size:
                break
            tokens = _merge(tokens, self.merges[merged - (self.high - self.low + 1)], merged)
        return tokens

    def decode(self, tokens: Iterable[int]) -> list[int]:
        """The integers of a sequence of tokens.

        Raises:
            IndexError: for a token that does not exist.
        """
        return [integer for token in tokens for integer in self._runs[token]]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"low": self.low, "high": self.high, "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> IntegerPairs:
        """What `to_json` gave."""
        merges = [(first, second) for first, second in record["merges"]]
        return cls(low=record["low"], high=record["high"], merges=merges)


def train_pairs(sequences: Sequence[np.ndarray], *, vocabulary_size: int) -> IntegerPairs:
    """Learn merges from sequences: again and again the commonest pair becomes a token.

    Args:
        sequences: of integers, at least one, none empty.
        vocabulary_size: most tokens; the single integers are kept even where they are more. Fewer
            where no pair comes twice.
    """
    low = min(int(np.min(s)) for s in sequences)
    high = max(int(np.max(s)) for s in sequences)
    merges: list[tuple[int, int]] = []
    # A gap of -1 between sequences keeps pairs from reaching across.
    text = np.concatenate([np.append(np.asarray(s, dtype=np.int64) - low, -1) for s in sequences])
    for new in range(high - low + 1, vocabulary_size):
        left, right = text[:-1], text[1:]
        codes = left * new + right
        counts = np.bincount(codes[(left >= 0) & (right >= 0)], minlength=1)
        best = int(counts.argmax())
        if counts[best] < 2:
            break
        merges.append(divmod(best, new))
        text = _merge_everywhere(text, merges[-1], new)
    return IntegerPairs(low=low, high=high, merges=merges)


def _merge(tokens: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    """`tokens` with every pair replaced, from the left."""
    merged, index = [], 0
    while index < len(tokens):
        if tuple(tokens[index : index + 2]) == pair:
            merged.append(new)
            index += 2
        else:
            merged.append(tokens[index])
            index += 1
    return merged


def _merge_everywhere(text: np.ndarray, pair: tuple[int, int], new: int) -> np.ndarray:
    """`_merge` of a long array at once."""
    places = np.flatnonzero((text[:-1] == pair[0]) & (text[1:] == pair[1]))
    if pair[0] == pair[1]:
        # In a run such as 4 4 4 the matches overlap, and every second one counts.
        starts = np.flatnonzero(np.diff(places, prepend=-2) != 1)
        run = np.repeat(starts, np.diff(starts, append=len(places)))
        places = places[(np.arange(len(places)) - run) % 2 == 0]
    text = text.copy()
    text[places] = new
    return np.delete(text, places + 1)
