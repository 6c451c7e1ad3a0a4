"""What every adapter needs: a seat for a world driven by words, and what it shows as chat."""

from __future__ import annotations

from typing import Any

import gymnasium
from PIL import Image

from policies.interface import Observation
from training.pool import MakeEnv
from training.seat import Seat

REWARDS = ("return", "success")
"""What others' trainers are told of an episode: the sum of the environment's rewards, or 1 where
the task was solved and else 0."""

Content = str | list[dict[str, Any]]
"""Words, or blocks of words and pictures, as a chat message holds them."""


def open_seat(make_env: MakeEnv, reward: str) -> Seat:
    """A seat for episodes of an environment.

    Raises:
        ValueError: for a reward that is none of `REWARDS`, or an environment that is not driven by
            words.
    """
    if reward not in REWARDS:
        raise ValueError(f"reward is {reward!r}; legal: {', '.join(REWARDS)}")
    env = make_env()
    if isinstance(env.action_space, gymnasium.spaces.Box):
        raise ValueError(
            f"{type(env.unwrapped).__name__} takes actions of numbers, and a chat model replies in "
            "words: choose an environment, or a setting such as control=text, whose actions are "
            "replies"
        )
    return Seat(env)


def chat_content(observation: Observation) -> Content:
    """An observation as the content of a chat message: words where there is no picture, else blocks
    in the order in which they are read, pictures as `PIL.Image`.
    """
    if not observation.images:
        return observation.text
    return [_block(part) for part in observation.parts()]


def _block(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image", "image": Image.fromarray(part)}
