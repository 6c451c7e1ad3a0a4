"""Means and their standard errors."""

import math

import pytest

from training.statistics import mean_stderr


def test_numbers_by_hand() -> None:
    # Deviations from 5 are -3, -1, 1, 3: the variance is 20 / 3, the error its root over root 4.
    result = mean_stderr([2, 4, 6, 8])
    assert result == {"mean": 5.0, "stderr": pytest.approx(math.sqrt(20 / 12)), "n": 4}


def test_a_share_of_successes() -> None:
    # For k of n successes the formula becomes sqrt(p (1 - p) / (n - 1)).
    result = mean_stderr([True] * 3 + [False] * 7)
    assert result["mean"] == pytest.approx(0.3)
    assert result["stderr"] == pytest.approx(math.sqrt(0.3 * 0.7 / 9))


def test_one_value_has_no_standard_error() -> None:
    assert mean_stderr(iter([4.0])) == {"mean": 4.0, "stderr": None, "n": 1}


def test_nothing_to_average() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_stderr([])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="at position 1"):
        mean_stderr([1.0, bad])
