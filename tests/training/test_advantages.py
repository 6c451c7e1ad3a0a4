"""Group and turn advantages against numbers worked out by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.advantages import (
    generalized_advantages,
    group_advantages,
    has_signal,
    most_varied,
    overlong_penalty,
    spread_over_tokens,
    turn_advantages,
    whiten,
)

REWARDS = st.lists(st.floats(-10, 10, allow_nan=False), min_size=2, max_size=8)


def test_group_by_hand():
    # mean 0.25; deviations .75, -.25, -.25, -.25; Bessel variance (.5625 + 3 * .0625) / 3 = .25,
    # so std = .5 and the advantages are 1.5 and -.5 three times.
    assert group_advantages(np.array([1, 0, 0, 0]), eps=0.0) == pytest.approx(
        [1.5, -0.5, -0.5, -0.5], abs=1e-15
    )


@pytest.mark.parametrize(("eps", "first"), [(1e-4, 0.75 / 0.5001), (1e-6, 0.75 / 0.500001)])
def test_eps_is_added_to_the_deviation(eps, first):
    assert group_advantages(np.array([1, 0, 0, 0]), eps=eps)[0] == pytest.approx(first, rel=1e-12)


def test_scale_none_is_the_distance_to_the_mean():
    assert group_advantages(np.array([2.0, 5.0]), scale="none").tolist() == [-1.5, 1.5]


def test_equal_rewards_give_exact_zeros():
    # 0.1 three times has a mean of 0.10000000000000002, which is why this needs care.
    assert group_advantages(np.full(3, 0.1)).tolist() == [0.0, 0.0, 0.0]
    assert group_advantages(np.array([7.0])).tolist() == [0.0]


@given(REWARDS, st.floats(-100, 100))
def test_shift_by_a_constant_changes_nothing(rewards, shift):
    rewards = np.round(rewards, 3)
    moved = group_advantages(rewards + round(shift, 3))
    np.testing.assert_allclose(moved, group_advantages(rewards), atol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_leave_one_out_compares_with_the_others(size):
    rewards = np.random.default_rng(size).normal(size=size)
    found = group_advantages(rewards, scale="leave_one_out")
    for i, advantage in enumerate(found):
        others = np.delete(rewards, i)
        assert advantage == pytest.approx(rewards[i] - others.mean(), abs=1e-12)


def test_rejection_sampling_takes_what_earned_anything():
    rewards = np.array([0.0, 1.0, -0.2, 0.5])
    assert group_advantages(rewards, scale="accepted").tolist() == [0.0, 1.0, 0.0, 1.0]
    assert group_advantages(np.ones(3), scale="accepted").tolist() == [1.0, 1.0, 1.0]
    assert not has_signal(group_advantages(np.zeros(3), scale="accepted"))


@given(REWARDS, st.sampled_from(["std", "none", "leave_one_out"]))
def test_advantages_sum_to_zero(rewards, scale):
    assert group_advantages(np.round(rewards, 3), scale=scale).sum() == pytest.approx(0, abs=1e-9)


def test_bad_rewards_raise():
    with pytest.raises(ValueError, match=r"must be finite.*nan"):
        group_advantages(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"shape \(G,\)"):
        group_advantages(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"'range'.*std"):
        group_advantages(np.zeros(2), scale="range")
    with pytest.raises(ValueError, match=r"eps must be.*-1"):
        group_advantages(np.zeros(2), eps=-1)


def test_turns_by_hand():
    # Outcome 1, 0, 0: mean 1/3, deviations 2/3, -1/3, -1/3, variance (4 + 1 + 1) / 9 / 2 = 1/3,
    # so the outcome part is 2/3 * sqrt(3) = 1.1547 and -0.57735 twice.
    # Turn 0 of members 0, 1, 2 earned 3, 1, 2: mean 2, std 1: +1, -1, 0.
    # Turn 1 of members 0, 2 earned 0, 4: mean 2, std sqrt(8): -0.70711, +0.70711.
    # Turn 2 was reached by member 2 alone: 0.
    result = turn_advantages(
        np.array([1.0, 0.0, 0.0]),
        [np.array([3.0, 0.0]), np.array([1.0]), np.array([2.0, 4.0, 9.0])],
        outcome_weight=2.0,
        turn_weight=10.0,
        eps=0.0,
    )
    expected = [[12.3094, -4.7617], [-11.1547], [-1.1547, 5.9164, -1.1547]]
    for row, wanted in zip(result, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-4)


def test_turns_without_weight_are_grpo():
    outcome = np.array([0.3, -1.0, 2.0, 0.3])
    turns = [np.arange(n, dtype=float) for n in (1, 3, 2, 4)]
    result = turn_advantages(outcome, turns, turn_weight=0.0)
    for row, value in zip(result, group_advantages(outcome), strict=True):
        np.testing.assert_array_equal(row, np.full(len(row), value))


def test_turn_credit_sums_to_zero_at_every_turn():
    rng = np.random.default_rng(0)
    turns = [rng.normal(size=n) for n in (2, 4, 3, 4)]
    result = turn_advantages(np.zeros(4), turns, outcome_weight=0.0)
    for turn in range(4):
        column = [row[turn] for row in result if len(row) > turn]
        assert sum(column) == pytest.approx(0, abs=1e-12)


def test_an_episode_without_turns_has_no_advantages():
    result = turn_advantages(np.array([1.0, 0.0]), [np.array([]), np.array([1.0])])
    assert [len(row) for row in result] == [0, 1]


def test_bad_turn_rewards_raise():
    with pytest.raises(ValueError, match="2 outcomes but turn rewards for 1"):
        turn_advantages(np.zeros(2), [np.zeros(1)])
    with pytest.raises(ValueError, match="must be finite"):
        turn_advantages(np.zeros(2), [np.zeros(1), np.array([np.nan])])
    with pytest.raises(ValueError, match="turn_weight must be finite"):
        turn_advantages(np.zeros(1), [np.zeros(1)], turn_weight=float("inf"))


def test_spread_over_tokens():
    spread = spread_over_tokens(np.array([0.5, -2.0]), np.array([-1, 0, 0, -1, 1, -1]))
    assert spread.tolist() == [0.0, 0.5, 0.5, 0.0, -2.0, 0.0]
    assert spread_over_tokens(np.array([]), np.array([-1, -1])).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"spans -1\.\.2; legal: -1\.\.1"):
        spread_over_tokens(np.array([0.5, -2.0]), np.array([-1, 2]))


def test_has_signal():
    assert not has_signal(group_advantages(np.full(4, 0.7)))
    assert has_signal(group_advantages(np.array([0.0, 1.0])))
    assert has_signal([np.zeros(2), np.array([0.0, 0.1])])
    assert not has_signal([np.zeros(2), np.zeros(0)])


def test_most_varied_takes_from_both_ends() -> None:
    # Of 0, 0, 0, 1, 2, 5: {0, 0, 5} has variance 5.56, {0, 2, 5} 4.22, {0, 0, 0} 0, {1, 2, 5} 2.89.
    assert most_varied(np.array([0.0, 5.0, 0.0, 1.0, 2.0, 0.0]), 3) == [0, 1, 2]
    # {0, 1, 2, 9} has variance 12.5, {0, 1, 4, 9} 12.25, {0, 2, 4, 9} 11.19.
    assert most_varied(np.array([4.0, 0.0, 9.0, 1.0, 2.0]), 4) == [1, 2, 3, 4]


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_most_varied_is_the_best_of_all_subsets(count: int) -> None:
    rewards = np.random.default_rng(count).normal(size=8).round(1)
    best = max(np.var(rewards[list(s)]) for s in itertools.combinations(range(8), count))
    assert np.var(rewards[most_varied(rewards, count)]) == pytest.approx(best)


def test_most_varied_takes_all_when_there_are_too_few() -> None:
    assert most_varied(np.array([1.0, 2.0]), 6) == [0, 1]


def test_generalized_advantages_by_hand():
    # discount 0.5, lambda 0.5, value 4 after the end. Deltas: 1 + 0.5 * 2 - 1 = 1,
    # 0 + 0.5 * 0 - 2 = -2, 3 + 0.5 * 4 - 0 = 5. Backwards with 0.25: 5, -2 + 1.25 = -0.75,
    # 1 - 0.1875 = 0.8125. Returns are these plus 1, 2, 0.
    advantages, returns = generalized_advantages(
        np.array([1.0, 0.0, 3.0]),
        np.array([1.0, 2.0, 0.0]),
        discount=0.5,
        decay=0.5,
        last_value=4.0,
    )
    assert advantages.tolist() == [0.8125, -0.75, 5.0]
    assert returns.tolist() == [1.8125, 1.25, 5.0]


@pytest.mark.parametrize("num_turns", [0, 1, 2, 6])
@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
def test_generalized_advantages_at_both_ends_of_lambda(num_turns, discount):
    rewards, values = np.random.default_rng(num_turns).normal(size=(2, num_turns))
    ahead = [
        sum(discount ** (k - t) * rewards[k] for k in range(t, num_turns)) for t in range(num_turns)
    ]
    _, returns = generalized_advantages(rewards, values, discount=discount, decay=1.0)
    assert returns == pytest.approx(np.array(ahead), abs=1e-9)
    advantages, _ = generalized_advantages(rewards, values, discount=discount, decay=0.0)
    steps = rewards + discount * np.append(values, 0.0)[1:] - values
    assert advantages == pytest.approx(steps, abs=1e-12)


def test_bad_turns_raise():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(1,\)"):
        generalized_advantages(np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="finite"):
        generalized_advantages(np.zeros(1), np.array([np.nan]))
    with pytest.raises(ValueError, match="decay is 1.5"):
        generalized_advantages(np.zeros(1), np.zeros(1), decay=1.5)


def test_whitening_is_over_everything_together():
    # 1, 2, 3 and 6: mean 3, Bessel variance (4 + 1 + 0 + 9) / 3 = 14 / 3.
    rows = whiten([np.array([1.0, 2.0]), np.array([]), np.array([3.0, 6.0])], eps=0.0)
    std = np.sqrt(14 / 3)
    assert [len(row) for row in rows] == [2, 0, 2]
    assert np.concatenate(rows) == pytest.approx(np.array([-2, -1, 0, 3]) / std)
    assert whiten([np.full(3, 0.1)])[0].tolist() == [0.0, 0.0, 0.0]


def test_overlong_penalty_by_hand():
    lengths = np.array([10, 80, 85, 100, 500])
    assert overlong_penalty(lengths, limit=100, margin=20).tolist() == [0, 0, -0.25, -1, -1]
    with pytest.raises(ValueError, match="margin = 20; legal: 0 < margin <= limit"):
        overlong_penalty(lengths, limit=10, margin=20)
