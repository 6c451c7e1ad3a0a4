"""Reward terms on how much was said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.advantages import overlong_penalty
from training.episode import Episode


def overlong(group: Sequence[Episode], *, limit: float = 1024, margin: float = 256) -> np.ndarray:
    """DAPO's soft punishment of long episodes (arXiv:2503.14476, equation 13): 0 up to `limit -
    margin` sampled tokens, then falling linearly to -1 at `limit`, and -1 beyond.

    Raises:
        ValueError: the policy has no tokens, or not 0 < margin <= limit.
    """
    lengths = np.array([sum(map(len, _replies(episode))) for episode in group])
    return overlong_penalty(lengths, limit=limit, margin=margin)


def _replies(episode: Episode) -> list[np.ndarray]:
    replies = [turn.output.reply_ids for turn in episode.turns]
    known = [reply for reply in replies if reply is not None]
    if len(known) != len(replies):
        raise ValueError("reward term 'overlong' counts tokens; this policy has none")
    return known


def text_bonus(group: Sequence[Episode], *, each: float = 0.001, most: float = 0.25) -> np.ndarray:
    """min(`most`, `each` x characters of all replies): the length reward of VLM-R3
    (arXiv 2505.16192).
    """
    lengths = [sum(len(turn.output.text or "") for turn in e.turns) for e in group]
    return np.minimum(most, each * np.array(lengths, dtype=float))
