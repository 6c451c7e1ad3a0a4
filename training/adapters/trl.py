"""Our environments for TRL's GRPOTrainer, as its `environment_factory` (TRL 1.16, where that is
experimental). Nothing of TRL is imported: it asks an environment for methods, not for a class.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from training.adapters.chat_worlds import Content, chat_content, open_seat
from training.pool import MakeEnv
from training.seat import Answer
from training.seeding import task_seeds

INTRODUCTION = (
    "You act in a world, one reply at a time. Send each reply with the tool `act`, which shows you "
    "what comes of it, until the episode is over; then say so without a tool.\n\n"
)
"""What stands before the environment's first observation."""
OVER = "The episode is over."


class TrlEnvironment:
    """One environment as TRL plays it: `reset` for every episode, replies through the tool `act`,
    the reward at the end. TRL takes every other public method for a tool, so there is none.

    What an environment raises ends the episode: the model is told that it is over, and TRL leaves
    the episode out of what it learns from.

    Args:
        make_env: makes the environment, which must be driven by words.
        reward: one of `training.adapters.chat_worlds.REWARDS`.

    Attributes:
        num_turns: replies in this episode. Like the next ones, for reward functions, which are
            given the environments.
        success: whether the task is solved.
        env_return: sum of the environment's rewards.
        failure: what the environment raised; None while it has not.

    Raises:
        ValueError: for an unknown reward, or an environment that is not driven by words.
    """

    def __init__(self, make_env: MakeEnv, *, reward: str = "return") -> None:
        self._seat, self._reward = open_seat(make_env, reward), reward
        self._is_over = True
        self.num_turns, self.success, self.env_return = 0, False, 0.0
        self.failure: str | None = None

    def reset(self, *, seed: int | None = None, **row: Any) -> Content:
        """Begin an episode.

        Args:
            seed: of the world; the members of a group have the same.
            row: what else stands in the row of the data set; not read.

        Returns:
            What is shown first, which TRL appends to the prompt.

        Raises:
            ValueError: without a seed.
        """
        if seed is None:
            raise ValueError(
                "train_dataset has no column seed, without which the members of a group would be "
                "in different worlds: make its rows with training.adapters.trl.make_rows"
            )
        self.num_turns, self.success, self.env_return = 0, False, 0.0
        self.failure = None
        return self._show(self._seat.reset(int(seed)))

    def act(self, reply: str) -> Content:
        """Sends one reply to the world and shows what comes of it.

        Args:
            reply: The whole reply, written as the world asks for it, with its tags.

        Returns:
            What is seen next, or that the episode is over.
        """
        if self._is_over:
            raise RuntimeError(f"{OVER} Say so without a tool.")
        answer = self._seat.step(reply)
        self.num_turns += 1
        self.success = answer.success
        self.env_return += answer.reward or 0.0
        return self._show(answer)

    def get_reward(self) -> float | None:
        """The reward of the episode; None where the environment broke, which TRL leaves out."""
        if self.failure is not None:
            return None
        return self.env_return if self._reward == "return" else float(self.success)

    def _show(self, answer: Answer) -> Content:
        self._is_over = answer.is_over
        if answer.failure is not None:
            self.failure = answer.failure.message
        if answer.is_over or answer.observation is None:
            return OVER
        return chat_content(answer.observation)


def make_rows(
    num_rows: int, *, seeds: Iterable[int] | None = None, introduction: str = INTRODUCTION
) -> list[dict[str, Any]]:
    """Rows of a data set for GRPOTrainer: `Dataset.from_list(make_rows(1000))`.

    Args:
        num_rows: how many worlds.
        seeds: of the worlds, at least that many; None takes those that our own reinforcement
            trains on, none of which an evaluation of ours meets.
        introduction: what stands before the environment's first observation.
    """
    chosen = task_seeds("reinforcement", 0, num_rows) if seeds is None else seeds
    prompt = [{"role": "user", "content": introduction}]
    return [
        {"prompt": prompt, "seed": seed} for _, seed in zip(range(num_rows), chosen, strict=False)
    ]
