"""Reward terms: plain functions of a group of finished episodes.

A term returns one number per episode, ndarray (G,), or one number per turn, a list of G arrays
(turns,). It has no weight in it. The name of the function is its name in configuration and in the
logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from policies.replies import read_reply
from training.episode import Episode

TermValues = np.ndarray | list[np.ndarray]
RewardTerm = Callable[[Sequence[Episode]], TermValues]


def final_answer(group: Sequence[Episode]) -> np.ndarray:
    """1 where the task was solved, else 0."""
    return np.array([float(episode.success) for episode in group])


def reply_format(group: Sequence[Episode]) -> np.ndarray:
    """Share of an episode's replies that are `<think>...</think>` and one answer or action
    tag, in [0, 1].
    """
    return np.array(
        [
            np.mean([read_reply(turn.output.text or "").well_formed for turn in episode.turns])
            for episode in group
        ]
    )


def information_gain(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: 1 where the action showed something that the question hinges on, else 0.

    The un-occlusion rule of CLEVR-AVR (arXiv 2510.21111, metric IGR), judged by the simulator.
    """
    return [np.array([float(turn.get("gained", False)) for turn in _truth(e)]) for e in group]


def needless_action(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: 1 where the policy acted although what it had seen proved the answer.
    Weigh it negatively.
    """
    return [np.array([float(_is_needless(turn)) for turn in _truth(e)]) for e in group]


def num_turns(group: Sequence[Episode]) -> np.ndarray:
    """Replies given. Weigh it negatively for economy."""
    return np.array([float(len(episode.turns)) for episode in group])


def _is_needless(turn: dict[str, Any]) -> bool:
    return turn.get("kind") == "action" and bool(turn.get("sufficient", False))


def _truth(episode: Episode) -> list[dict[str, Any]]:
    if episode.truth is None or len(episode.truth.turns) != len(episode.turns):
        raise ValueError(f"episode {episode.episode_id} has no truth for each of its turns")
    return episode.truth.turns


REWARD_TERMS: dict[str, RewardTerm] = {
    term.__name__: term
    for term in (final_answer, reply_format, information_gain, needless_action, num_turns)
}
"""Name in configuration -> term."""
