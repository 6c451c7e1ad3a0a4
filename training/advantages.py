"""From the rewards of a group to one advantage per token.

Pure functions over numpy arrays; no gradients, no torch. A group is the episodes of one task from
one start. The caller leaves failed episodes out before it comes here: NaN raises and is never read
as 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCALES = ("std", "none", "leave_one_out", "accepted")


def group_advantages(rewards: np.ndarray, *, scale: str = "std", eps: float = 1e-4) -> np.ndarray:
    """How much better each member did than its group (GRPO, arXiv:2402.03300).

    `(r - mean(r)) / (std(r) + eps)` with the Bessel-corrected standard deviation (divide by G - 1),
    as in TRL and verl. The two differ in eps alone: TRL adds 1e-4 (our default), verl 1e-6. With
    scale "none" the difference to the mean is returned as it is (Dr. GRPO, arXiv:2503.20783), with
    "leave_one_out" the difference to the mean of the others, `G / (G - 1)` times as much (RLOO,
    arXiv:2402.14740). With "accepted" nothing is compared: members that earned more than 0 get 1
    and all others 0, so that a step on fresh rollouts imitates those that were right
    (rejection-sampling fine-tuning, as in STaR, arXiv:2203.14465, and RAFT, arXiv:2304.06767).

    Args:
        rewards: (G,), one number per member, G >= 1.
        scale: "std", "none", "leave_one_out" or "accepted".
        eps: added to the standard deviation, >= 0.

    Returns:
        float64 (G,), summing to 0 up to rounding, and exactly 0 everywhere when all rewards are
        equal, which includes groups of one; but with "accepted" 0 or 1.

    Raises:
        ValueError: a reward is NaN or infinite, or an argument is out of range.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    _check_arguments(scale, eps)
    if rewards.ndim != 1 or rewards.size == 0:
        raise ValueError(f"rewards must have shape (G,) with G >= 1, not {rewards.shape}")
    if not np.isfinite(rewards).all():
        raise ValueError(f"rewards must be finite; got {rewards.tolist()}")
    if scale == "accepted":
        return (rewards > 0).astype(np.float64)
    # The mean of equal floats can differ from them in the last bit, and dividing by eps makes it
    # large.
    if rewards.min() == rewards.max():
        return np.zeros_like(rewards)
    centred = rewards - rewards.mean()
    if scale == "leave_one_out":
        return centred * (len(rewards) / (len(rewards) - 1))
    return centred if scale == "none" else centred / (rewards.std(ddof=1) + eps)


def turn_advantages(
    outcome: np.ndarray,
    turn_rewards: Sequence[np.ndarray],
    *,
    outcome_weight: float = 1.0,
    turn_weight: float = 1.0,
    scale: str = "std",
    eps: float = 1e-4,
) -> list[np.ndarray]:
    """One advantage per turn: the group's outcome, plus a comparison of equal turns across the
    group.

    A[i, t] = outcome_weight * (R[i] - mean R) / (std R + eps)
            + turn_weight * (g[i, t] - mean g[:, t]) / (std g[:, t] + eps)

    The second mean and deviation run over the members that have a turn t; the others are left out,
    and a turn that only one member reached gets 0 there. With turn_weight 0 every turn carries the
    member's `group_advantages`.

    Args:
        outcome: R, (G,), one reward per episode.
        turn_rewards: g, G arrays of shape (turns of that episode,); an episode may have no turn.
        outcome_weight, turn_weight: finite.
        scale, eps: as in `group_advantages`, for both parts.

    Returns:
        G float64 arrays, shaped like `turn_rewards`.

    Raises:
        ValueError: NaN anywhere, or the two arguments disagree on the size of the group.
    """
    if len(outcome) != len(turn_rewards):
        raise ValueError(
            f"{len(outcome)} outcomes but turn rewards for {len(turn_rewards)} episodes"
        )
    for name, weight in (("outcome_weight", outcome_weight), ("turn_weight", turn_weight)):
        if not np.isfinite(weight):
            raise ValueError(f"{name} must be finite, got {weight}")
    rewards = [np.asarray(row, dtype=np.float64) for row in turn_rewards]
    base = outcome_weight * group_advantages(outcome, scale=scale, eps=eps)
    advantages = [np.full(len(row), value) for row, value in zip(rewards, base, strict=True)]
    for turn in range(max(len(row) for row in rewards)):
        members = [i for i, row in enumerate(rewards) if len(row) > turn]
        column = np.array([rewards[i][turn] for i in members])
        credit = group_advantages(column, scale=scale, eps=eps)
        for i, value in zip(members, credit, strict=True):
            advantages[i][turn] += turn_weight * value
    return advantages


def generalized_advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    *,
    discount: float = 1.0,
    decay: float = 0.95,
    last_value: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Generalized advantage estimation over the turns of one episode (arXiv:1506.02438).

    With V[t] the critic's value before turn t, and V[T] = last_value,

        delta[t] = rewards[t] + discount * V[t + 1] - V[t]
        A[t] = delta[t] + discount * decay * A[t + 1]

    Args:
        rewards: (T,), earned by each turn; the outcome of the episode is part of the last.
        values: V, (T,).
        discount: of a turn later, in [0, 1].
        decay: GAE's lambda, in [0, 1]: 0 trusts the critic, 1 only what was earned.
        last_value: of what came after the last turn: 0 where the episode ended there. An episode
            that was cut off may hand in the critic's value.

    Returns:
        Advantages A and returns A + V, which the critic learns; both float64 (T,).

    Raises:
        ValueError: shapes that differ, a number that is not finite, or an argument out of range.
    """
    rewards, values = (np.asarray(array, dtype=np.float64) for array in (rewards, values))
    if rewards.ndim != 1 or rewards.shape != values.shape:
        raise ValueError(f"rewards and values have shapes {rewards.shape} and {values.shape}")
    if not np.isfinite([*rewards, *values, last_value]).all():
        raise ValueError(f"all must be finite; got {rewards}, {values}, {last_value}")
    for name, factor in (("discount", discount), ("decay", decay)):
        if not 0 <= factor <= 1:
            raise ValueError(f"{name} is {factor}; legal: 0 to 1")
    following = np.append(values, last_value)[1:]
    deltas = rewards + discount * following - values
    advantages = np.zeros(len(rewards))
    ahead = 0.0
    for turn in reversed(range(len(rewards))):
        ahead = advantages[turn] = deltas[turn] + discount * decay * ahead
    return advantages, advantages + values


def whiten(advantages: Sequence[np.ndarray], *, eps: float = 1e-8) -> list[np.ndarray]:
    """Shift and scale to mean 0 and (Bessel-corrected) deviation 1 over everything together.

    Args:
        advantages: arrays (turns,), such as those of all episodes of a batch.
        eps: added to the deviation, >= 0.

    Returns:
        Arrays of the same shapes; zeros where all numbers are equal or there is only one.
    """
    numbers = np.concatenate([np.asarray(row, dtype=np.float64) for row in advantages])
    if numbers.size == 0 or numbers.min() == numbers.max():
        return [np.zeros(len(row)) for row in advantages]
    mean, std = numbers.mean(), numbers.std(ddof=1)
    return [(np.asarray(row, dtype=np.float64) - mean) / (std + eps) for row in advantages]


def overlong_penalty(num_tokens: np.ndarray, *, limit: float, margin: float) -> np.ndarray:
    """DAPO's soft punishment of long replies (arXiv:2503.14476, equation 13).

    0 up to `limit - margin` tokens, then falling linearly to -1 at `limit`, and -1 beyond.

    Args:
        num_tokens: (G,), length of each reply or episode.
        limit: longest legal length, above 0. DAPO: 20480.
        margin: width of the slope, above 0 and at most `limit`. DAPO: 4096.

    Raises:
        ValueError: limit or margin out of range.
    """
    if not (np.isfinite(limit) and 0 < margin <= limit):
        raise ValueError(f"limit = {limit}, margin = {margin}; legal: 0 < margin <= limit")
    over = np.asarray(num_tokens, dtype=np.float64) - (limit - margin)
    return -np.clip(over / margin, 0.0, 1.0)


def spread_over_tokens(turn_advantages: np.ndarray, turn_index: np.ndarray) -> np.ndarray:
    """Give every token the advantage of the turn that produced it.

    Args:
        turn_advantages: (turns,), for the whole episode, entry t for turn t.
        turn_index: int (T,), as in `policies.interface.Sample`; -1 for tokens that no turn
            produced.

    Returns:
        float64 (T,), 0 where `turn_index` is -1.

    Raises:
        ValueError: a token names a turn that has no advantage.
    """
    values = np.asarray(turn_advantages, dtype=np.float64)
    turns = np.asarray(turn_index)
    if turns.size and (turns.min() < -1 or turns.max() >= len(values)):
        raise ValueError(
            f"turn_index spans {turns.min()}..{turns.max()}; legal: -1..{len(values) - 1}"
        )
    produced = turns >= 0
    spread = np.zeros(len(turns))
    spread[produced] = values[turns[produced]]
    return spread


def most_varied(rewards: np.ndarray, count: int) -> list[int]:
    """Indices, ascending, of the `count` rewards with the largest variance.

    Such a subset is some of the highest and the rest of the lowest (arXiv 2504.13818),
    so all splits are tried. Of equal subsets, the one with most of the highest is taken.

    Args:
        rewards: (G,).
        count: at least 1; with `count >= G` all are taken.
    """
    order = np.argsort(rewards, kind="stable")
    if count >= len(order):
        return list(range(len(order)))
    splits = [
        np.concatenate([order[:low], order[len(order) - (count - low) :]])
        for low in range(count + 1)
    ]
    variances = [float(np.var(rewards[split])) for split in splits]
    return sorted(int(i) for i in splits[int(np.argmax(variances))])


def has_signal(advantages: np.ndarray | Sequence[np.ndarray]) -> bool:
    """Whether any advantage differs from 0.

    A group whose members all got the same reward has none, and only costs time in the loss (DAPO,
    arXiv:2503.14476, refills such groups).

    Args:
        advantages: (G,), or G arrays of shape (turns,) or (T,).
    """
    return any(bool(np.any(np.asarray(row) != 0)) for row in advantages)


def _check_arguments(scale: str, eps: float) -> None:
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; legal: {SCALES}")
    if not (np.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps must be finite and >= 0, got {eps}")
