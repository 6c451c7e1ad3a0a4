"""Reward terms about how a policy goes about looking: which actions it uses, and whether its turns
fit together (FrameThinker, arXiv 2509.24304).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.episode import Episode
from training.rewards.records import last_truth, read_film_truth, turn_truths


def consistent(group: Sequence[Episode]) -> np.ndarray:
    """1 where the episode passes the consistency verification of FrameThinker, else 0. Multiply
    other terms by it: `scale: consistent`.
    """
    return np.array(
        [
            float(bool(read_film_truth(e, last_truth(e), "consistent", term="consistent")))
            for e in group
        ]
    )


def chose_frames(group: Sequence[Episode]) -> np.ndarray:
    """1 where the policy asked for frames and was shown them, at least once, else 0."""
    kinds = [_kinds(episode, "chose_frames") for episode in group]
    return np.array([float("look" in some) for some in kinds])


def asked_time(group: Sequence[Episode]) -> np.ndarray:
    """1 where the policy asked for the frame number at a time and was told it, at least once,
    else 0: the condition of the paper's bonus.
    """
    kinds = [_kinds(episode, "asked_time") for episode in group]
    return np.array([float("time" in some) for some in kinds])


def asked_named_time(group: Sequence[Episode]) -> np.ndarray:
    """1 where a frame number above 0 was told for a time, and the question names a clock time,
    else 0: the condition of the released code's bonus.
    """
    return np.array([float(_asked_named_time(episode)) for episode in group])


def _asked_named_time(episode: Episode) -> bool:
    term = "asked_named_time"
    named = read_film_truth(episode, last_truth(episode), "mentions_time", term=term)
    turns = turn_truths(episode)
    told = [read_film_truth(episode, turn, "time_answer", term=term) for turn in turns]
    return bool(named) and any(frame is not None and frame > 0 for frame in told)


def _kinds(episode: Episode, term: str) -> set[str]:
    """What the replies of an episode were."""
    turns = turn_truths(episode)
    for turn in turns:  # other environments have kinds too: this key tells films apart
        read_film_truth(episode, turn, "shown_frames", term=term)
    return {str(turn.get("kind")) for turn in turns}
