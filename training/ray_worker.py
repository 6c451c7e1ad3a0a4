"""An environment actor as the driver knows it: what it holds, what it was sent, how long it may
take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from training.ray_actor import Begin, EnvActor, Order, process_variables
from training.rollout_config import RolloutConfig


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message that an actor has not replied to.

    Attributes:
        ref: of the reply.
        tickets: of the episodes that it is about.
        seconds: how long it may take once the actor gets to it [s].
    """

    ref: Any
    tickets: frozenset[int]
    seconds: float


class Worker:
    """One actor. It is asked to start when this is made.

    Ray neither restarts it nor tries a call again: the state of a simulation is lost with its
    process, and a step that is carried out twice is another episode.

    Args:
        number: of its place among the actors, which its successor takes.
        config: what it needs, and how long it may take.
        make_env: the reference of what makes its environments.
        num_envs: how many it holds.
        keyed: whether they are of many kinds.

    Attributes:
        number: as above.
        where: machine and process, once it is up.
        tickets: of the episodes it holds.
        is_up: whether it has started.
    """

    def __init__(
        self, number: int, config: RolloutConfig, make_env: Any, num_envs: int, *, keyed: bool
    ) -> None:
        self.number, self._config = number, config
        self.where, self.is_up = "not up yet", False
        self.tickets: set[int] = set()
        self._outbox: list[Order] = []
        self._apart: set[int] = set()
        self._messages: deque[Message] = deque()
        self._since = time.monotonic()
        actor = ray.remote(EnvActor).options(
            num_cpus=config.cpus_per_actor,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        variables = process_variables(number, config.render_devices)
        self.handle = actor.remote([make_env], num_envs, keyed, variables)
        self._starting = self.handle.where.remote()

    @property
    def awaited(self) -> Any:
        """The reference that it will answer next; None where it has nothing to do."""
        if not self.is_up:
            return self._starting
        return self._messages[0].ref if self._messages else None

    @property
    def suspects(self) -> frozenset[int]:
        """The episodes that it is at."""
        return self._messages[0].tickets if self._messages else frozenset()

    @property
    def seconds_late(self) -> float:
        """For how much longer than it may it has been at a message [s]; below 0 while it may."""
        if not self._messages:
            return -1.0
        return time.monotonic() - self._since - self._messages[0].seconds

    def rise(self, where: str) -> None:
        """It is up."""
        self.where, self.is_up = where, True

    def give(self, order: Order, *, apart: bool = False) -> None:
        """Put an order into the outbox.

        Args:
            order: any.
            apart: whether the orders of this episode are not to share a message from now on.
        """
        if apart:
            self._apart.add(order.ticket)
        self._outbox.append(order)

    def forget(self, ticket: int) -> None:
        """An episode is over."""
        self.tickets.discard(ticket)
        self._apart.discard(ticket)

    def send(self) -> None:
        """Send what has gathered, in messages of a few orders.

        What is to be apart is sent when nothing else is under way, and nothing else is until its
        reply is here: the replies to other messages may be lost with a process too.
        """
        while self._outbox:
            alone = self._outbox[0].ticket in self._apart
            if self._messages and (alone or self._messages[-1].tickets & self._apart):
                return
            size = 1 if alone else self._num_together()
            self._post(self._outbox[:size])
            self._outbox = self._outbox[size:]

    def _num_together(self) -> int:
        """How many of the orders in the outbox make up the next message."""
        most = self._outbox[: self._config.steps_per_call]
        places = [place for place, order in enumerate(most) if order.ticket in self._apart]
        return min([*places, len(most)])

    def done(self) -> None:
        """It has replied to its oldest message."""
        self._messages.popleft()
        self._since = time.monotonic()

    def kill(self) -> None:
        """End its process. Harmless where that is gone."""
        ray.kill(self.handle)

    def _post(self, orders: Sequence[Order]) -> None:
        if not self._messages:
            self._since = time.monotonic()
        message = Message(
            ref=self.handle.work.remote(orders),
            tickets=frozenset(order.ticket for order in orders),
            seconds=sum(self._seconds_for(order) for order in orders),
        )
        self._messages.append(message)

    def _seconds_for(self, order: Order) -> float:
        if isinstance(order, Begin):
            return self._config.reset_timeout_seconds
        return self._config.step_timeout_seconds
