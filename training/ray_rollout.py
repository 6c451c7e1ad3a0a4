"""A pool whose environments live in Ray actors.

Nothing waits for the slowest: every actor works off its own messages, and whatever has answered is
handed out. An actor that dies, or takes longer than its time, takes its episodes with it: each is
answered with a failure of the stage "worker", upon which the collector begins it anew, and another
actor takes the place as soon as the cluster has room. Until then the capacity is lower.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import ray
from ray.exceptions import RayError, RayTaskError

from training.episode import Failure
from training.pool import EpisodeSpec, MakeEnv, MakeKeyedEnv
from training.ray_actor import Begin, End, Reply, Step, is_software
from training.ray_metrics import RayMetrics
from training.ray_session import start_ray
from training.ray_worker import Worker
from training.rollout import TooManyFailuresError
from training.rollout_config import RolloutConfig
from training.rollout_metrics import RolloutMetrics
from training.seat import Answer, Move
from training.wire import unpack

log = logging.getLogger("saccade.rollout")

WATCH_SECONDS = 1.0
"""How often actors are looked after while none of them answers [s]."""
TICK_SECONDS = 0.001
"""Ray waits for whole ticks; to wait for less is not to wait."""
MAX_DEATHS = 4
"""Per actor, without the end of an episode in between: then something is wrong with all of them."""


class RayPool:
    """Environments in Ray actors, several in each. See `training.pool.Pool`.

    Args:
        make_env: makes an environment, of a key where `keyed`. It is stored once in the cluster,
            with all that it holds on to, and fetched by every actor.
        num_envs: how many episodes are in flight at once, a multiple of `config.num_actors`.
        config: how many actors, and what becomes of those that break.
        keyed: whether environments are of many kinds.

    Attributes:
        renderers: number of an actor -> the `GL_RENDERER` that it draws with, once it has drawn.

    Raises:
        ValueError: where `num_envs` can not be shared out, the address does not answer, or the
            cluster is too small.
    """

    def __init__(
        self,
        make_env: MakeEnv | MakeKeyedEnv,
        num_envs: int,
        config: RolloutConfig,
        *,
        keyed: bool = False,
    ) -> None:
        config.check()
        config.check_num_envs(num_envs)
        self.num_envs, self._config, self._keyed = num_envs, config, keyed
        self._envs_per_actor = num_envs // config.num_actors
        self.max_wait_seconds = config.max_wait_ms / 1000
        self.max_attempts = config.max_attempts
        self.metrics = RayMetrics() if config.prometheus else RolloutMetrics()
        self.renderers: dict[int, str] = {}
        start_ray(config)
        self._make_env = ray.put(make_env)
        self._workers: list[Worker] = []
        self._home: dict[int, Worker] = {}
        self._answers: list[tuple[int, Answer]] = []
        self._deaths = 0
        self._up_at = 0.0

    @property
    def capacity(self) -> int:
        """Environments of the actors that are up; the first to ask has them started."""
        if not self._workers:
            self._workers = [self._start(number) for number in range(self._config.num_actors)]
            self._up_at = time.monotonic()
        return self._envs_per_actor * sum(worker.is_up for worker in self._workers)

    def begin(
        self, ticket: int, spec: EpisodeSpec, *, style: str | None = None, apart: bool = False
    ) -> None:
        """Send an episode to the actor that has the fewest."""
        up = [worker for worker in self._workers if worker.is_up]
        worker = min(up, key=lambda worker: len(worker.tickets))
        worker.tickets.add(ticket)
        self._home[ticket] = worker
        worker.give(Begin(ticket=ticket, spec=spec, style=style), apart=apart)

    def step(self, ticket: int, move: Move) -> None:
        """Send a move to the actor that has the episode."""
        worker = self._home.get(ticket)
        if worker is not None:  # else it is lost, and that is among the answers to come
            worker.give(Step(ticket=ticket, move=move))

    def end(self, ticket: int) -> None:
        """Tell the actor that an episode is broken off."""
        worker = self._home.get(ticket)
        if worker is not None:
            worker.give(End(ticket=ticket))
            self._forget(ticket)

    def answers(self, timeout: float | None) -> Sequence[tuple[int, Answer]]:
        """What has come in; see `Pool.answers`."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        size = self.capacity
        while True:
            for worker in self._workers:
                worker.send()
            left = deadline - time.monotonic()
            left = left if left > TICK_SECONDS else 0.0
            self._receive(0.0 if self._answers else min(left, WATCH_SECONDS))
            self._watch()
            if self._answers or left == 0.0 or self.capacity > size:
                answers, self._answers = self._answers, []
                return answers

    def action_space(self) -> gymnasium.Space | None:
        """That of an actor's environments."""
        if self._keyed:
            return None
        while not self.capacity:
            self.answers(None)
        up = next(worker for worker in self._workers if worker.is_up)
        return self._get(up.handle.action_space.remote())

    def close(self) -> None:
        """End the actors. What they were at is lost."""
        for worker in self._workers:
            worker.kill()
        self._workers, self._answers = [], []
        self._home.clear()

    def _start(self, number: int) -> Worker:
        return Worker(number, self._config, self._make_env, self._envs_per_actor, keyed=self._keyed)

    def _receive(self, patience: float) -> None:
        """Take in the next reply of every actor that has one, and wait for the first [s]."""
        awaited = {w.awaited: w for w in self._workers if w.awaited is not None}
        if not awaited:
            time.sleep(patience)
            return
        done, others = ray.wait(list(awaited), num_returns=1, timeout=patience)
        if done and others:
            done += ray.wait(others, num_returns=len(others), timeout=0)[0]
        for ref in done:
            self._take_in(awaited[ref], ref)

    def _take_in(self, worker: Worker, ref: Any) -> None:
        try:
            reply = self._get(ref)
        except RayError as error:
            self._lose(worker, f"{type(error).__name__}: {str(error).splitlines()[0]}")
            return
        if not worker.is_up:
            worker.rise(reply)
            return
        worker.done()
        self._note(worker, reply)

    def _get(self, ref: Any) -> Any:
        """A value. What the maker of environments raised in an actor is raised as if made here."""
        try:
            return ray.get(ref)
        except RayTaskError as error:
            raise error.cause from None

    def _note(self, worker: Worker, reply: Reply) -> None:
        for ticket, answer in reply.answers:
            if answer.is_over:
                self._deaths = 0
            if self._home.get(ticket) is worker:  # else it was broken off
                self._answers.append((ticket, unpack(answer)))
                if answer.is_over:
                    self._forget(ticket)
        if reply.gl_renderer:
            self._note_renderer(worker, reply.gl_renderer)

    def _note_renderer(self, worker: Worker, renderer: str) -> None:
        """Say what draws, so that a fall-back to software is seen.

        Raises:
            ValueError: where it is software and must not be.
        """
        log.info("environment actor %d (%s) draws with %s", worker.number, worker.where, renderer)
        self.renderers[worker.number] = renderer
        if self._config.gpu_rendering and is_software(renderer):
            raise ValueError(
                f"rollout.gpu_rendering=true, but environment actor {worker.number} "
                f"({worker.where}) draws with {renderer}: name EGL devices that are GPUs in "
                "rollout.render_devices, or set rollout.gpu_rendering=false"
            )

    def _forget(self, ticket: int) -> None:
        self._home.pop(ticket).forget(ticket)

    def _watch(self) -> None:
        """End the actors that take too long.

        Raises:
            TooManyFailuresError: where none is up, and none has started in time.
        """
        for worker in list(self._workers):
            if worker.seconds_late > 0:
                self._lose(worker, "no answer in time, killed")
        config, now = self._config, time.monotonic()
        if any(worker.is_up for worker in self._workers):
            self._up_at = now
        elif now - self._up_at > config.start_timeout_seconds:
            raise TooManyFailuresError(
                "no environment actor started within rollout.start_timeout_seconds="
                f"{config.start_timeout_seconds:g}: rollout.num_actors={config.num_actors} with "
                f"rollout.cpus_per_actor={config.cpus_per_actor:g} finds no room in the cluster"
            )

    def _lose(self, worker: Worker, reason: str) -> None:
        """Count an actor out, with its episodes, and ask for another in its place.

        Raises:
            TooManyFailuresError: where they die one after another.
        """
        worker.kill()
        told = f"environment actor {worker.number} ({worker.where}): {reason}"
        log.warning("%s; %d episodes begin anew", told, len(worker.tickets))
        suspects = worker.suspects
        for ticket in sorted(worker.tickets):
            self._forget(ticket)
            failure = Failure(stage="worker", message=told)
            answer = Answer(failure=failure, is_bystander=ticket not in suspects)
            self._answers.append((ticket, answer))
        self._deaths += 1
        if self._deaths > MAX_DEATHS * self._config.num_actors:
            raise TooManyFailuresError(f"environment actors die one by one. The last: {told}")
        self.metrics.num_restarts += 1
        self._workers[worker.number] = self._start(worker.number)
