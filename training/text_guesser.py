"""What words alone give away: linear classifiers that read a question and its options, blind.

Three things are guessed from the text of a first observation: the right answer among those on
offer, whether the first view suffices, and which listed action is worth most. Every guess is a
choice between candidates. A candidate is scored by hashed features of its own words, each alone and
paired with every word, every two adjoining words and every option that stands in the text
(conditional logit, trained with Adagrad).
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.checks import check_at_least

WORD = re.compile(r"\[[^\]]*\]|\w+")
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Of Fibonacci hashing: spreads pairs of hashes."""
FIRST_SQUARE = 1e-2
"""What Adagrad's sums of squares start from: words that come seldom are learned slowly."""


@dataclass(kw_only=True)
class GuesserConfig:
    """How the classifiers are trained.

    Attributes:
        num_folds: questions are split into so many parts, at least 2; each is guessed by a
            classifier that was trained on the others.
        num_epochs: passes over the questions, at least 1.
        batch_size: questions per step, at least 1.
        learning_rate: of Adagrad, above 0.
        weight_decay: pulls weights in use towards 0, 0 or more.
        hash_bits: 2 to this power is the number of weights, 8 to 24.
    """

    num_folds: int = 6
    num_epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 0.03
    weight_decay: float = 1e-6
    hash_bits: int = 20

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "guesser", num_folds=2, num_epochs=1, batch_size=1, weight_decay=0)
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"guesser.learning_rate is {self.learning_rate}; it must be above 0")
        if not 8 <= self.hash_bits <= 24:
            raise ValueError(f"guesser.hash_bits is {self.hash_bits}; legal: 8 to 24")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Candidates to choose from, one or more of them right.

    Attributes:
        own: per candidate, hashes of what it says.
        context: hashes of what the whole text says.
        right: (candidates,) bool.
    """

    own: tuple[np.ndarray, ...]
    context: np.ndarray
    right: np.ndarray


class Guesser:
    """A conditional logit over hashed features.

    Args:
        config: how it is trained.
        seed: decides the order of the batches.
    """

    def __init__(self, config: GuesserConfig, seed: int = 0) -> None:
        self._config, self._rng = config, np.random.default_rng(seed)
        self._weights = np.zeros(1 << config.hash_bits)
        self._squares = np.full(1 << config.hash_bits, FIRST_SQUARE)

    def fit(self, choices: Sequence[Choice]) -> None:
        """Train on questions whose answers are known."""
        size = self._config.batch_size
        order = self._rng.permutation(len(choices))
        batches = [
            _Batch([choices[i] for i in order[start : start + size]], self._config.hash_bits)
            for start in range(0, len(order), size)
        ]
        for _ in range(self._config.num_epochs):
            for index in self._rng.permutation(len(batches)):
                self._step(batches[index])

    def guess(self, choices: Sequence[Choice]) -> np.ndarray:
        """(questions,) index of the likeliest candidate of each."""
        size, found = self._config.batch_size, []
        for start in range(0, len(choices), size):
            batch = _Batch(choices[start : start + size], self._config.hash_bits)
            scores = batch.scores(self._weights)
            found += [int(np.argmax(part)) for part in np.split(scores, batch.first[1:])]
        return np.array(found, dtype=int)

    def _step(self, batch: _Batch) -> None:
        residual = batch.probabilities(self._weights) - batch.target
        per_feature = np.repeat(residual / len(batch.first), batch.lengths)
        slope = np.bincount(batch.indices, per_feature, minlength=len(self._weights))
        used = np.flatnonzero(slope)
        pull = slope[used] + self._config.weight_decay * self._weights[used]
        self._squares[used] += pull**2
        self._weights[used] -= self._config.learning_rate * pull / np.sqrt(self._squares[used])


class _Batch:
    """The features of some questions, flat.

    Attributes:
        indices: (features,) of all candidates, one after the other.
        lengths: (candidates,) how many features each has.
        first: (questions,) index of each one's first candidate.
        target: (candidates,) the right ones share 1.
    """

    def __init__(self, choices: Sequence[Choice], hash_bits: int) -> None:
        features = [_features(own, c.context, hash_bits) for c in choices for own in c.own]
        counts = np.array([len(choice.own) for choice in choices])
        self.indices = np.concatenate(features)
        self.lengths = np.array([len(part) for part in features])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.counts, self.first = counts, np.cumsum(counts) - counts
        self.target = np.concatenate([c.right / max(c.right.sum(), 1) for c in choices])

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """(candidates,) sums of weights."""
        return np.add.reduceat(weights[self.indices], self.starts)

    def probabilities(self, weights: np.ndarray) -> np.ndarray:
        """(candidates,) the softmax of the scores within each question."""
        scores = self.scores(weights)
        raised = np.exp(scores - np.repeat(np.maximum.reduceat(scores, self.first), self.counts))
        return raised / np.repeat(np.add.reduceat(raised, self.first), self.counts)


def cross_guess(choices: Sequence[Choice], config: GuesserConfig, seed: int = 0) -> np.ndarray:
    """Guess every question by a classifier that has not seen it.

    Returns:
        (questions,) index of the candidate guessed.
    """
    fold_of = np.random.default_rng(seed).permutation(len(choices)) % config.num_folds
    guesses = np.zeros(len(choices), dtype=int)
    for fold in range(config.num_folds):
        held = np.flatnonzero(fold_of == fold).tolist()
        guesser = Guesser(config, seed=seed + fold)
        guesser.fit([choices[i] for i in np.flatnonzero(fold_of != fold).tolist()])
        guesses[held] = guesser.guess([choices[i] for i in held])
    return guesses


def hash_tokens(tokens: Iterable[str]) -> np.ndarray:
    """uint64 hashes of strings, the same in every process."""
    return np.array([zlib.crc32(token.encode()) for token in tokens], dtype=np.uint64)


def words_of(text: str) -> list[str]:
    """Words, and two adjoining words, of a text; what stands in brackets is one word."""
    words = WORD.findall(text.lower())
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]


def _features(own: np.ndarray, context: np.ndarray, hash_bits: int) -> np.ndarray:
    """Hash buckets of a candidate's own tokens and of all pairs with the context's."""
    pairs = (own[:, None] * MULTIPLIER) ^ (context[None, :] + np.uint64(1))
    mixed = np.concatenate([own, pairs.ravel()]) * MULTIPLIER
    return (mixed >> np.uint64(64 - hash_bits)).astype(np.int64)
