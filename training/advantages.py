"""From the rewards of a group to one advantage per token.

Pure functions over numpy arrays; no gradients, no torch. A group is the episodes of one task from
one start. The caller leaves failed episodes out before it comes here: NaN raises and is never read
as 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCALES = ("std", "none")


def group_advantages(rewards: np.ndarray, *, scale: str = "std", eps: float = 1e-4) -> np.ndarray:
    """How much better each member did than its group (GRPO, arXiv:2402.03300).

    `(r - mean(r)) / (std(r) + eps)` with the Bessel-corrected standard deviation (divide by G - 1),
    as in TRL and verl. The two differ in eps alone: TRL adds 1e-4 (our default), verl 1e-6. With
    scale "none" the difference to the mean is returned as it is (Dr. GRPO, arXiv:2503.20783).

    Args:
        rewards: (G,), one number per member, G >= 1.
        scale: "std" or "none".
        eps: added to the standard deviation, >= 0.

    Returns:
        float64 (G,), summing to 0 up to rounding. Exactly 0 everywhere when all rewards are equal,
        which includes groups of one.

    Raises:
        ValueError: a reward is NaN or infinite, or an argument is out of range.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    _check_arguments(scale, eps)
    if rewards.ndim != 1 or rewards.size == 0:
        raise ValueError(f"rewards must have shape (G,) with G >= 1, not {rewards.shape}")
    if not np.isfinite(rewards).all():
        raise ValueError(f"rewards must be finite; got {rewards.tolist()}")
    # The mean of equal floats can differ from them in the last bit, and dividing by eps makes it
    # large.
    if rewards.min() == rewards.max():
        return np.zeros_like(rewards)
    centred = rewards - rewards.mean()
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
