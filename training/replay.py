"""Replay of recorded episodes: the seed and the replies give the same pictures again."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from training.episode import Episode


class ReplayError(ValueError):
    """An episode does not come out as it was recorded."""


def replay_episode(env: gymnasium.Env[Any, Any], episode: Episode) -> list[np.ndarray]:
    """Live an episode of language replies again, and hold it to its record.

    Args:
        env: as it was configured when the episode was recorded.
        episode: the record; its truth is not needed.

    Returns:
        Every picture, those after the last reply included, each uint8 (H, W, 3).

    Raises:
        ReplayError: naming the first turn whose text or pictures differ.
    """
    obs, info = env.reset(seed=episode.seed)
    pictures: list[np.ndarray] = list(obs["images"])
    for number, turn in enumerate(episode.turns):
        recorded = turn.images()
        same = len(recorded) == len(obs["images"]) and all(
            np.array_equal(new, old) for new, old in zip(obs["images"], recorded, strict=True)
        )
        if obs["text"] != turn.text or not same:
            raise ReplayError(
                f"episode {episode.episode_id}, turn {number}: the environment shows something "
                "else; replay needs the configuration and the versions it was recorded with"
            )
        obs, _, _, _, info = env.step(turn.output.text)
        pictures += list(obs["images"])
    if bool(info.get("success", False)) != episode.success:
        raise ReplayError(f"episode {episode.episode_id} ends with another outcome")
    return pictures
