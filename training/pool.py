"""Pools: where environments live while episodes are collected.

A pool runs many episodes at once, each under a ticket that the collector chooses. It takes orders
(`begin`, `step`, `end`) without making the caller wait for their answers, and hands the answers
out as they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium

from training.rollout_metrics import RolloutMetrics
from training.seat import Answer, Move, Seat

MakeEnv = Callable[[], gymnasium.Env]
MakeVariant = Callable[[Mapping[str, Any]], gymnasium.Env]
"""Settings of the environment's configuration to replace -> environment."""
MakeKeyedEnv = Callable[[str], gymnasium.Env]
MakePool = Callable[[MakeEnv, int], "Pool"]


@dataclass(frozen=True, kw_only=True)
class EpisodeSpec:
    """Which episode to collect.

    Attributes:
        seed: of the environment's reset.
        sample_index: which member of the seed's group; it decides the sampling noise.
        env_key: which of a `MixedPool`'s environments; "" for a pool of one kind.
    """

    seed: int
    sample_index: int = 0
    env_key: str = ""


class Pool(Protocol):
    """Runs the environments of many episodes.

    Attributes:
        num_envs: how many episodes are in flight at once, while nothing is lost.
        max_wait_seconds: how long an answered conversation may wait for others to share the
            policy's batch [s].
        max_attempts: how often an episode is tried whose worker is lost, at least 1.
        metrics: what collecting from this pool took.
    """

    num_envs: int
    max_wait_seconds: float
    max_attempts: int

    @property
    def capacity(self) -> int:
        """How many episodes can be in flight now. It falls below `num_envs` with every worker that
        is lost and not yet replaced.
        """

    @property
    def metrics(self) -> RolloutMetrics:
        """What collecting cost."""

    def begin(
        self, ticket: int, spec: EpisodeSpec, *, style: str | None = None, apart: bool = False
    ) -> None:
        """Begin an episode; its first answer will come under this ticket, never used before.

        Args:
            ticket: names the episode.
            spec: which episode.
            style: of the expert whose moves are wanted with every answer; None for none.
            apart: whether it is suspected of what its last worker was lost over, and so shares no
                message with others.

        Raises:
            ValueError: for a style that the environment does not have, at the latest from
                `answers`.
        """

    def step(self, ticket: int, move: Move) -> None:
        """Carry out a move in an episode whose last answer was not its end."""

    def end(self, ticket: int) -> None:
        """Break an episode off; nothing more is heard of it."""

    def answers(self, timeout: float | None) -> Sequence[tuple[int, Answer]]:
        """What has been answered since the last call, each with its ticket.

        Args:
            timeout: how long to wait for the first [s]; None waits for one, or for the capacity to
                grow, as long as it takes.

        Raises:
            TooManyFailuresError: where there is no worker left, and none starts.
        """

    def action_space(self) -> gymnasium.Space | None:
        """The environments' action space; None where they are of many kinds."""

    def close(self) -> None:
        """Free the environments. A pool that is used again makes new ones."""


class LocalPool:
    """Environments of one kind in this process, made when first needed and used again.

    Args:
        make_env: makes one environment.
        num_envs: how many episodes are in flight at once, at least 1.
    """

    max_wait_seconds = math.inf  # all answers are there at once, so nobody waits
    max_attempts = 1

    def __init__(self, make_env: MakeEnv, num_envs: int) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}; it must be at least 1")
        self._make_env, self.num_envs = make_env, num_envs
        self.metrics = RolloutMetrics()
        self._idle: list[gymnasium.Env] = []
        self._seats: dict[int, Seat] = {}
        self._answers: list[tuple[int, Answer]] = []

    @property
    def capacity(self) -> int:
        """Nothing is lost in one process."""
        return self.num_envs

    def begin(
        self, ticket: int, spec: EpisodeSpec, *, style: str | None = None, apart: bool = False
    ) -> None:
        """Reset an environment to the episode."""
        seat = Seat(self._take(spec.env_key), env_key=spec.env_key, style=style)
        self._seats[ticket] = seat
        self._note(ticket, seat.reset(spec.seed))

    def step(self, ticket: int, move: Move) -> None:
        """Step the episode's environment."""
        self._note(ticket, self._seats[ticket].step(move))

    def end(self, ticket: int) -> None:
        """Free the episode's environment."""
        seat = self._seats.pop(ticket, None)
        self._answers = [(other, answer) for other, answer in self._answers if other != ticket]
        if seat is not None:
            self._give_back(seat.env, seat.env_key)

    def answers(self, timeout: float | None) -> Sequence[tuple[int, Answer]]:
        """All answers: here every order is carried out when it is given."""
        answers, self._answers = self._answers, []
        return answers

    def action_space(self) -> gymnasium.Space | None:
        """That of an environment, which is made for it if need be."""
        env = self._take("")
        self._give_back(env, "")
        return env.action_space

    def close(self) -> None:
        """Close every idle environment."""
        while self._idle:
            self._idle.pop().close()

    def _note(self, ticket: int, answer: Answer) -> None:
        self._answers.append((ticket, answer))
        if answer.failure is not None:  # an environment that raised is not used again
            with suppress(Exception):
                self._seats.pop(ticket).env.close()
        elif answer.is_over:
            seat = self._seats.pop(ticket)
            self._give_back(seat.env, seat.env_key)

    def _take(self, env_key: str) -> gymnasium.Env:
        """An idle environment; there is only one kind of them, whatever the key."""
        return self._idle.pop() if self._idle else self._make_env()

    def _give_back(self, env: gymnasium.Env, env_key: str) -> None:
        """Keep an environment whose episode is over."""
        self._idle.append(env)


class MixedPool(LocalPool):
    """Environments of many kinds, for episodes that say which. None is kept for later.

    Args:
        make_env: makes the environment of a key.
        num_envs: how many episodes are in flight at once, at least 1.
    """

    def __init__(self, make_env: MakeKeyedEnv, num_envs: int) -> None:
        super().__init__(lambda: make_env(""), num_envs)
        self._make_keyed = make_env

    def action_space(self) -> gymnasium.Space | None:
        """None: there are many."""
        return None

    def _take(self, env_key: str) -> gymnasium.Env:
        return self._make_keyed(env_key)

    def _give_back(self, env: gymnasium.Env, env_key: str) -> None:
        env.close()
