"""Reward terms that make tools worth trying, or worth sparing, by how the whole group uses them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policies.replies import read_reply
from training.episode import Episode
from training.rewards.looking import last_call_failed, num_calls


def curiosity(group: Sequence[Episode], *, rate: float = 0.3) -> np.ndarray:
    """max(0, `rate` - share of the group that called) for those that called, else 0: the curiosity
    of Pixel Reasoner (arXiv 2505.15966), which weighs it 0.5.
    """
    called = _called(group)
    return called * max(0.0, rate - float(called.mean()))


def curiosity_code(
    group: Sequence[Episode], *, rate: float = 0.3, softening: float = 2.0
) -> np.ndarray:
    """max(0, `rate` - q) / `softening` / q for those that called, else 0, with q the share of the
    group that called: the form of the authors' code of Pixel Reasoner, which weighs it 0.25 and has
    `softening` 2 for pictures and 1.5 for films.
    """
    called = _called(group)
    share = float(called.mean())
    return called * max(0.0, rate - share) / softening / share if share > 0 else called


def calls_beyond(group: Sequence[Episode], *, allowed: float = 1) -> np.ndarray:
    """max(0, calls - `allowed`). Weigh it negatively; -0.05 is Pixel Reasoner's."""
    return np.array([max(0.0, num_calls(episode) - allowed) for episode in group])


def last_call_held(group: Sequence[Episode]) -> np.ndarray:
    """0 where the last call came to an error, else 1. Multiply the answer by it (`scale`), as the
    authors' code of Pixel Reasoner does.
    """
    return np.array([float(not last_call_failed(episode)) for episode in group])


def group_aware_order(
    group: Sequence[Episode],
    *,
    direct_right: float = 1.0,
    called_right: float = 0.8,
    called_right_alone: float = 1.0,
    called_wrong: float = 0.5,
    called_wrong_in_vain: float = 0.5,
    direct_wrong_formed: float = 0.1,
) -> np.ndarray:
    """The group-aware reward of Chain-of-Focus (AGAR, released code): it stands in place of the
    answer's score.

    Where some member of the group is right without a call: `direct_right`, `called_right`,
    `called_wrong`, and for wrong ones without a call `direct_wrong_formed` if their replies are
    well formed, else 0. Where some are right, but only with calls: `called_right_alone`,
    `called_wrong`, 0. Where all are wrong: `called_wrong_in_vain` for those that called, else 0.

    The last is as published and pays for calling whatever comes of it, even if nobody is right;
    `called_wrong_in_vain: 0` and `called_wrong: 0` close that door.
    """
    called = _called(group) > 0
    right = np.array([episode.success for episode in group], dtype=bool)
    if (right & ~called).any():
        formed = np.array([_is_well_formed(episode) for episode in group])
        return np.select(
            [right & ~called, right & called, called],
            [direct_right, called_right, called_wrong],
            direct_wrong_formed * formed,
        )
    if right.any():
        return np.select([right, called], [called_right_alone, called_wrong], 0.0)
    return np.where(called, called_wrong_in_vain, 0.0)


def _called(group: Sequence[Episode]) -> np.ndarray:
    """1 for the members that used a tool or acted, (G,)."""
    return np.array([float(num_calls(episode) > 0) for episode in group])


def _is_well_formed(episode: Episode) -> bool:
    return all(read_reply(turn.output.text or "").well_formed for turn in episode.turns)
