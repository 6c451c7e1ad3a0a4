"""A seat: the place in which one episode's environment runs, and what it answers.

Pools of every kind run episodes in seats, in this process or in others, so that an episode is the
same wherever it runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import gymnasium
import numpy as np

from policies.interface import Observation, PolicyOutput
from training.episode import Failure, config_hash, encode_png

Move = str | np.ndarray
"""What a policy does: a reply, or an action chunk, float32 (H, D)."""


@dataclass(kw_only=True)
class Answer:
    """What an environment says to a reset or a step.

    Attributes:
        env_id: its Gymnasium id.
        env_config_hash: of its configuration; empty where it has none.
        observation: what is shown next; None once the episode is over.
        image_pngs: the pictures of `observation`, PNG encoded.
        options: the lettered options on offer next.
        truth: private facts, of the reset or of the step.
        expert_move: what the environment's expert would do next, where that was asked for.
        reward: of the step; None where there was none, or it broke.
        success: whether the task is solved.
        terminated, truncated: Gymnasium's meaning.
        failure: why the episode can not go on.
        is_bystander: whether the episode's worker was lost while it was at another episode.
        last_states: where a simulation broke down, its last sound states, oldest first.
    """

    env_id: str = ""
    env_config_hash: str = ""
    observation: Observation | None = None
    image_pngs: tuple[bytes, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)
    expert_move: Move | None = None
    reward: float | None = None
    success: bool = False
    terminated: bool = False
    truncated: bool = False
    failure: Failure | None = None
    is_bystander: bool = False
    last_states: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether the episode ends here."""
        return self.terminated or self.truncated or self.failure is not None


class Seat:
    """Runs one episode of an environment. Whatever the environment raises becomes a failure.

    Args:
        env: ready to be reset.
        env_key: which of a pool's environments it is.
        style: how the expert acts whose moves are asked for with every answer; None for none.

    Raises:
        ValueError: for a style that is none of the environment's `expert_styles`.
    """

    def __init__(self, env: gymnasium.Env, *, env_key: str = "", style: str | None = None) -> None:
        self.env, self.env_key, self._style = env, env_key, style
        styles: Any = getattr(env.unwrapped, "expert_styles", (style,))
        if style is not None and style not in styles:
            raise ValueError(f"expert style {style!r} is unknown; legal: {', '.join(styles)}")

    def reset(self, seed: int) -> Answer:
        """Begin the episode."""
        config = getattr(self.env.unwrapped, "config", None)
        answer = Answer(
            env_id=self.env.spec.id if self.env.spec else type(self.env.unwrapped).__name__,
            env_config_hash=config_hash(config) if is_dataclass(config) else "",
        )
        try:
            obs, info = self.env.reset(seed=seed)
            answer.truth = info.get("truth", {})
            self._show(answer, obs, info)
        except Exception as error:  # a broken world is a record, not a crash
            answer.failure = failure_of("env", error)
        return answer

    def step(self, move: Move) -> Answer:
        """Carry out one move."""
        answer = Answer()
        try:
            obs, reward, terminated, truncated, info = self.env.step(self._action(move))
            if not math.isfinite(reward):
                raise ValueError(f"the environment's reward is {reward}; it must be finite")
            answer.reward = float(reward)
            answer.truth = info.get("truth", {})
            answer.success = bool(info.get("success", False))
            answer.terminated, answer.truncated = bool(terminated), bool(truncated)
            if not answer.is_over:
                self._show(answer, obs, info)
        except Exception as error:  # a broken world is a record, not a crash
            answer.failure = failure_of("env", error)
            answer.last_states = list(getattr(error, "last_states", []))
        return answer

    def _show(self, answer: Answer, obs: dict[str, Any], info: dict[str, Any]) -> None:
        """Fill in what the policy sees next, and the expert's move where that is wanted."""
        answer.observation = Observation.from_env(obs)
        answer.image_pngs = tuple(encode_png(image) for image in answer.observation.images)
        answer.options = dict(info.get("options", {}))
        if self._style is not None:
            world: Any = self.env.unwrapped
            answer.expert_move = world.expert_reply(self._style)

    def _action(self, move: Move) -> Move:
        """What the environment is stepped with: a chunk of one action is that action where the
        environment takes one at a time.
        """
        if isinstance(move, str):
            return move
        space = self.env.action_space
        takes_one = isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1
        return move[0] if takes_one and len(move) == 1 else move


def move_of(output: PolicyOutput) -> Move:
    """What of a policy's output goes to the environment."""
    if output.action is not None:
        return output.action
    assert output.text is not None  # a `PolicyOutput` has one of the two
    return output.text


def failure_of(stage: str, error: Exception) -> Failure:
    """An exception as it is recorded."""
    return Failure(stage=stage, message=f"{type(error).__name__}: {error}")
