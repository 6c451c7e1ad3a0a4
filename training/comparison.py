"""Two runs on the same questions: is the difference more than chance? Pure numpy."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

MAX_TABLE = 4_000_000
"""Most numbers drawn at a time, so that memory stays bounded."""


@dataclass(frozen=True, kw_only=True)
class McNemarResult:
    """McNemar's exact test of two runs whose scores are right or wrong.

    Attributes:
        only_first, only_second: questions that just the one run has right.
        both, neither: questions that both have right, and wrong.
        p_value: probability, were the runs equally good, of a split of the questions on which they
            differ that is at least as uneven; two-sided. 1 where they differ on none.
    """

    only_first: int
    only_second: int
    both: int
    neither: int
    p_value: float


@dataclass(frozen=True, kw_only=True)
class BootstrapResult:
    """The difference of two runs' means, first - second, by paired bootstrap.

    Attributes:
        difference: on the questions themselves.
        stderr: standard deviation of the difference over the resamples; None for one cluster.
        low, high: the percentile interval; both `difference` for one cluster.
        p_value: two-sided, 2 min(P(d <= 0), P(d >= 0)) over the resamples, at most 1, with 1 added
            to counts and number so that it is never 0 (Davison and Hinkley, 1997, section 4.2);
            1 for one cluster.
        n: number of questions.
        num_clusters: number of films.
    """

    difference: float
    stderr: float | None
    low: float
    high: float
    p_value: float
    n: int
    num_clusters: int


def mcnemar(first: Sequence[float], second: Sequence[float]) -> McNemarResult:
    """McNemar's exact test (two-sided binomial).

    It takes questions as independent; where several are about one film, the bootstrap by films is
    the one to trust.

    Args:
        first, second: the runs' scores of the same questions in the same order, each 0 or 1.

    Raises:
        ValueError: for different lengths, no questions, or scores other than 0 and 1.
    """
    one, two = _check_pair(first, second)
    for values in (one, two):
        other = values[(values != 0) & (values != 1)]
        if other.size:
            raise ValueError(f"McNemar's test needs scores of 0 or 1, got {other[0]}")
    only_first, only_second = int(np.sum(one > two)), int(np.sum(one < two))
    both = int(np.sum((one == 1) & (two == 1)))
    return McNemarResult(
        only_first=only_first,
        only_second=only_second,
        both=both,
        neither=len(one) - only_first - only_second - both,
        p_value=binomial_two_sided(only_first, only_first + only_second),
    )


def binomial_two_sided(successes: int, trials: int) -> float:
    """Probability of a split of `trials` fair coins at least as uneven as this one.

    2 P(X <= min(k, n - k)), at most 1; 1 for no trials.
    """
    smaller = min(successes, trials - successes)
    if 2 * smaller >= trials:
        return 1.0
    # Log of each term, since 2^-n underflows for thousands of questions.
    ranks = np.arange(smaller + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    logs = log_factorial[trials] - log_factorial[ranks] - log_factorial[trials - ranks]
    logs -= trials * math.log(2)
    return min(1.0, float(2 * np.exp(logs).sum()))


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    rng: np.random.Generator,
    clusters: Sequence[Hashable] | None = None,
    num_resamples: int = 10_000,
    confidence: float = 0.95,
) -> BootstrapResult:
    """Draw the questions anew, with replacement, and see how far the difference of means varies.

    Args:
        first, second: the runs' scores of the same questions in the same order, any finite numbers.
        rng: where the draws come from.
        clusters: the film of each question: films are drawn, with all their questions, since
            questions about one film are not independent. None draws questions.
        num_resamples: at least 100.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: for different lengths, no questions, or numbers out of range.
    """
    one, two = _check_pair(first, second)
    if num_resamples < 100:
        raise ValueError(f"num_resamples is {num_resamples}; it must be at least 100")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; legal: between 0 and 1")
    sums, counts = _sum_by_cluster(one - two, clusters)
    difference = float(sums.sum() / counts.sum())
    if len(sums) == 1:
        return BootstrapResult(
            difference=difference,
            stderr=None,
            low=difference,
            high=difference,
            p_value=1.0,
            n=len(one),
            num_clusters=1,
        )
    draws = _resample(sums, counts, rng, num_resamples)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(draws, [tail, 100 - tail])
    # Differences of equal runs differ from 0 by rounding at most.
    rounding = 1e-12 * max(1.0, float(np.abs(draws).max()))
    below, above = int(np.sum(draws <= rounding)), int(np.sum(draws >= -rounding))
    return BootstrapResult(
        difference=difference,
        stderr=float(draws.std(ddof=1)),
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * (min(below, above) + 1) / (num_resamples + 1)),
        n=len(one),
        num_clusters=len(sums),
    )


def _check_pair(first: Sequence[float], second: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    one, two = (np.asarray(values, dtype=np.float64).reshape(-1) for values in (first, second))
    if len(one) != len(two):
        raise ValueError(
            f"a paired comparison needs the same questions: {len(one)} and {len(two)} scores"
        )
    if not len(one):
        raise ValueError("a paired comparison needs at least one question, got none")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("a paired comparison needs finite scores")
    return one, two


def _sum_by_cluster(
    values: np.ndarray, clusters: Sequence[Hashable] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values of each cluster, float64 (G,)."""
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(f"{len(clusters)} clusters for {len(values)} questions")
    numbers: dict[Hashable, int] = {}
    which = np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters])
    return np.bincount(which, weights=values), np.bincount(which).astype(np.float64)


def _resample(
    sums: np.ndarray, counts: np.ndarray, rng: np.random.Generator, num_resamples: int
) -> np.ndarray:
    """float64 (num_resamples,): the mean of each resample of clusters."""
    draws = np.empty(num_resamples)
    size = max(1, MAX_TABLE // len(sums))
    for start in range(0, num_resamples, size):
        stop = min(start + size, num_resamples)
        picked = rng.integers(len(sums), size=(stop - start, len(sums)))
        draws[start:stop] = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
    return draws
