"""Paired comparisons of two runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.comparison import binomial_two_sided, mcnemar, paired_bootstrap


def test_mcnemar_by_hand() -> None:
    first = [1, 1, 1, 1, 0, 1, 0]
    second = [0, 0, 0, 1, 0, 0, 1]
    result = mcnemar(first, second)
    assert (result.only_first, result.only_second, result.both, result.neither) == (4, 1, 1, 1)
    # 2 (C(5, 0) + C(5, 1)) / 2^5
    assert result.p_value == pytest.approx(12 / 32)


@pytest.mark.parametrize(("few", "all_"), [(0, 0), (0, 1), (3, 6), (2, 7), (17, 60), (1900, 4000)])
def test_mcnemar_is_the_exact_binomial_test(few: int, all_: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="compared with scipy, a development extra")
    expected = stats.binomtest(few, all_).pvalue if all_ else 1.0
    assert binomial_two_sided(few, all_) == pytest.approx(expected, rel=1e-9)
    assert binomial_two_sided(all_ - few, all_) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_equal_runs() -> None:
    assert mcnemar([1, 0, 1], [1, 0, 1]).p_value == 1.0


def test_bootstrap_by_hand() -> None:
    # Differences 1, 0, 0, 1: a resample's mean is binomial(4, 1/2) / 4.
    result = paired_bootstrap(
        [1, 1, 0, 1],
        [0, 1, 0, 0],
        rng=np.random.default_rng(0),
        num_resamples=200_000,
        confidence=0.8,
    )
    assert result.difference == 0.5 and result.n == result.num_clusters == 4
    assert result.stderr == pytest.approx(0.25, rel=0.01)
    assert (result.low, result.high) == (0.25, 0.75)
    assert result.p_value == pytest.approx(2 / 16, rel=0.03)


def test_films_are_drawn_whole() -> None:
    # Two films of opposite difference: both the same film, half the time; never in between.
    first, second = [1, 1, 0, 0], [0, 0, 1, 1]
    films = ["a", "a", "b", "b"]
    clustered = paired_bootstrap(first, second, rng=np.random.default_rng(0), clusters=films)
    assert clustered.num_clusters == 2 and clustered.difference == 0.0
    assert clustered.stderr == pytest.approx(math.sqrt(0.5), rel=0.03)
    assert (clustered.low, clustered.high) == (-1.0, 1.0)
    single = paired_bootstrap(first, second, rng=np.random.default_rng(0))
    assert single.stderr == pytest.approx(0.5, rel=0.03)


def test_films_of_unequal_size_weigh_by_their_questions() -> None:
    result = paired_bootstrap(
        [1, 1, 1, 0], [0, 0, 0, 0], rng=np.random.default_rng(0), clusters=[1, 1, 1, 2]
    )
    assert result.difference == 0.75 and set(np.round([result.low, result.high], 6)) <= {0.0, 1.0}


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        first = rng.random(120) < 0.7
        second = np.where(rng.random(120) < 0.5, first, rng.random(120) < 0.5)  # truth 0.1
        result = paired_bootstrap(
            first.tolist(), second.tolist(), rng=rng, num_resamples=500, confidence=0.9
        )
        covered += result.low <= 0.1 <= result.high
    assert 0.83 <= covered / 200 <= 0.96


def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(6)
    small = 0
    for _ in range(300):
        scores = rng.random((2, 80))
        small += paired_bootstrap(*scores, rng=rng, num_resamples=400).p_value < 0.1
    assert 0.05 <= small / 300 <= 0.16


def test_equal_seeds_equal_results() -> None:
    scores = np.random.default_rng(1).random((2, 50))
    results = [paired_bootstrap(*scores, rng=np.random.default_rng(7)) for _ in range(2)]
    assert results[0] == results[1]
    other = paired_bootstrap(*scores, rng=np.random.default_rng(8))
    assert other.low != results[0].low and other.difference == results[0].difference


def test_one_film_has_no_spread() -> None:
    result = paired_bootstrap([1, 0], [0, 0], rng=np.random.default_rng(0), clusters=["a", "a"])
    assert (result.difference, result.stderr, result.p_value) == (0.5, None, 1.0)


def test_equal_runs_have_no_difference() -> None:
    scores = [0.1, 0.7, 0.3]
    result = paired_bootstrap(scores, scores, rng=np.random.default_rng(0))
    assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_many_questions_fit_in_memory() -> None:
    scores = np.random.default_rng(0).random((2, 30_000))
    result = paired_bootstrap(*scores, rng=np.random.default_rng(0), num_resamples=300)
    error = np.std(scores[0] - scores[1]) / math.sqrt(30_000)
    assert result.stderr == pytest.approx(error, rel=0.15)


def test_bad_input() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="2 and 1 scores"):
        mcnemar([1, 0], [1])
    with pytest.raises(ValueError, match="at least one question"):
        paired_bootstrap([], [], rng=rng)
    with pytest.raises(ValueError, match=r"scores of 0 or 1, got 0\.5"):
        mcnemar([1, 0.5], [1, 0])
    with pytest.raises(ValueError, match="finite"):
        paired_bootstrap([1.0, math.nan], [0.0, 0.0], rng=rng)
    with pytest.raises(ValueError, match="num_resamples is 10"):
        paired_bootstrap([1], [0], rng=rng, num_resamples=10)
    with pytest.raises(ValueError, match="confidence is 1"):
        paired_bootstrap([1], [0], rng=rng, confidence=1.0)
    with pytest.raises(ValueError, match="3 clusters for 2 questions"):
        paired_bootstrap([1, 0], [0, 0], rng=rng, clusters=[1, 2, 3])
