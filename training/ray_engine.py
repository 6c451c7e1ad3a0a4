"""An engine whose replicas of vLLM are Ray actors with GPUs of their own.

A conversation stays with the replica that answered it first, where its beginning is cached. New
weights go to all replicas together. A replica that dies is asked nothing more: others take over
what it was at, which gives the same replies, since each depends on its request alone. Another actor
takes its place as soon as it is up and has the current weights.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from policies.engines.vllm_config import VllmConfig
from policies.engines.vllm_transfer import FileSender, WeightSender, make_sender, weights_path
from policies.interface import Completion, GenerationRequest
from training.ray_engine_actor import ActorClient, EngineActor, MakeReplica

log = logging.getLogger("saccade.engine")

DEAD_ENGINE = "EngineDeadError"
"""What vLLM raises where the actor lives, but vLLM's own process is gone."""
MAX_DEATHS = 4
"""Per replica, without an answer in between: then something is wrong with all of them."""

Asked = dict[int, list[int]]
"""Number of a replica -> places of the requests that it is asked."""


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """A replica that is starting, or waits for weights.

    Attributes:
        handle: of its actor.
        started: the reference that is answered once it is up.
    """

    handle: Any
    started: Any


class RayVllmEngine:
    """An `Engine` over replicas in actors. See `policies.interface.Engine`.

    Args:
        make_replica: makes a replica inside an actor, with weights of `version`.
        config: how many, what each needs, and how weights get there.
        folder: for weights that come as files; all nodes see it under this path.
        version: of the weights that replicas start with.

    Attributes:
        num_deaths: replicas that were lost.
        max_context: most tokens of prompt and reply together.

    Raises:
        ValueError: where this process is in no Ray cluster, or one without room.
    """

    def __init__(
        self, make_replica: MakeReplica, config: VllmConfig, *, folder: Path, version: int = 0
    ) -> None:
        check_cluster(config)
        self._config, self._folder = config, Path(folder)
        self.weights_version = version
        self.num_deaths = self._deaths_in_a_row = 0
        self._sent = False  # before that, newcomers start with the very weights that are wanted
        self._lock = threading.Lock()
        self._make_replica = ray.put(make_replica)
        self._homes: dict[str, int] = {}
        self._up: dict[int, Any] = {}
        self._members: tuple[Any, ...] = ()
        self._client: ActorClient
        self._sender: WeightSender
        self._coming = {number: self._start() for number in range(config.num_engines)}
        contexts = [self._rise(number) for number in list(self._coming)]
        self.max_context = min(contexts)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """One completion per request, in order. See `VllmReplica.generate`."""
        done: dict[int, Completion] = {}
        with self._lock:
            while len(done) < len(requests):
                self._admit()
                rest = [place for place in range(len(requests)) if place not in done]
                done |= self._ask(requests, self._share_out(requests, rest))
        return [done[place] for place in range(len(requests))]

    def update_weights(self, source: Any, version: int) -> None:
        """Take new weights. See `VllmEngine.update_weights`. A replica that dies meanwhile is
        replaced, and the others have them.
        """
        if source is None:
            raise ValueError(
                "engine.backend=vllm holds weights of its own: update_weights needs the learner's "
                "module, not None"
            )
        with self._lock:
            for number in self._that_have_started():
                self._up[number] = self._coming.pop(number).handle
            self._meet()
            self._sender.send(source, version)
            self._sent = True
            for number, reason in self._client.lost.items():
                self._lose(number, reason)
            self._drop_file(keep=version)
            self.weights_version = version

    def forget(self, cache_keys: Sequence[str]) -> None:
        """These conversations need not stay where they are."""
        for key in cache_keys:
            self._homes.pop(key, None)

    def close(self) -> None:
        """End all replicas."""
        for handle in [*self._up.values(), *(n.handle for n in self._coming.values())]:
            ray.kill(handle)
        self._up, self._coming = {}, {}
        self._drop_file(keep=None)

    def _start(self) -> Newcomer:
        actor = ray.remote(EngineActor).options(
            num_cpus=0, num_gpus=gpus_per_engine(self._config), max_restarts=0, max_task_retries=0
        )
        handle = actor.remote([self._make_replica])
        return Newcomer(handle=handle, started=handle.start.remote())

    def _rise(self, number: int) -> int:
        """Wait for one of the first replicas. Returns its longest context.

        Raises:
            Exception: what making it raised, in its own words.
        """
        newcomer = self._coming.pop(number)
        self._up[number] = newcomer.handle
        try:
            return ray.get(newcomer.started, timeout=self._config.reply_timeout_seconds)
        except RayTaskError as error:
            raise error.cause from None

    def _admit(self) -> None:
        """Let newcomers in that have the current weights, or can be given them. Waits for one where
        nobody else is up.

        Raises:
            RuntimeError: where no replica is left, and none comes.
        """
        while True:
            for number in self._that_have_started():
                if not self._sent:
                    self._up[number] = self._coming.pop(number).handle
                elif self._config.transfer == "file":
                    self._bring_up_to_date(number)
                elif not self._up:
                    raise RuntimeError(
                        "all engines died, and with engine.vllm.transfer="
                        f"{self._config.transfer} new ones get weights at the next update alone; "
                        "with engine.vllm.transfer=file they get them at once"
                    )
            if self._up:
                return

    def _bring_up_to_date(self, number: int) -> None:
        """Give a newcomer the weights that the others have, from the file that was kept."""
        handle = self._coming.pop(number).handle
        client = self._make_client({number: handle})
        self._up[number] = handle
        FileSender(client, self._folder, keep=True).deliver(self.weights_version)
        for lost, reason in client.lost.items():
            self._lose(lost, reason)

    def _that_have_started(self) -> list[int]:
        """Numbers of the newcomers that can answer; waits for one where nobody else is up.

        Raises:
            RuntimeError: where none starts in time.
        """
        refs = {newcomer.started: number for number, newcomer in self._coming.items()}
        if not refs and self._up:
            return []
        patience = 0.0 if self._up else self._config.reply_timeout_seconds
        done = ray.wait(list(refs), num_returns=len(refs) if self._up else 1, timeout=patience)[0]
        if not done and not self._up:
            raise RuntimeError(
                f"no engine started within engine.vllm.reply_timeout_seconds={patience:g}"
            )
        started = []
        for ref in done:
            try:
                ray.get(ref)
                started.append(refs[ref])
            except RayError as error:
                self._lose(refs[ref], f"{type(error).__name__}: {str(error).splitlines()[0]}")
        return started

    def _meet(self) -> None:
        """A sender to all that are up; another one only where they are others than before."""
        members = tuple(self._up.values())
        if members == self._members:
            return
        self._members, self._client = members, self._make_client(self._up)
        self._sender = make_sender(
            self._config.transfer,
            self._client,
            folder=self._folder,
            num_workers=len(members) * self._config.tensor_parallel_size,
            address=ray.util.get_node_ip_address(),
            keep=True,
        )

    def _make_client(self, handles: dict[int, Any]) -> ActorClient:
        return ActorClient(
            handles,
            workers_per_actor=self._config.tensor_parallel_size,
            timeout=self._config.reply_timeout_seconds,
        )

    def _share_out(self, requests: Sequence[GenerationRequest], places: Sequence[int]) -> Asked:
        """To where a conversation was before, else to where the fewest are."""
        load = Counter({number: 0 for number in self._up})
        load.update(number for number in self._homes.values() if number in self._up)
        asked: Asked = {}
        for place in places:
            key = requests[place].cache_key
            if self._homes.get(key) not in self._up:
                number = min(load, key=lambda n: (load[n], n))
                self._homes[key] = number
                load[number] += 1
            asked.setdefault(self._homes[key], []).append(place)
        return asked

    def _ask(self, requests: Sequence[GenerationRequest], asked: Asked) -> dict[int, Completion]:
        """Place of a request -> its completion, for those whose replica answered.

        Raises:
            Exception: what generating raised, in its own words.
        """
        refs = {
            number: self._up[number].generate.remote(
                [requests[place] for place in places], self.weights_version
            )
            for number, places in asked.items()
        }
        done: dict[int, Completion] = {}
        for number, ref in refs.items():
            try:
                answers = ray.get(ref, timeout=self._config.reply_timeout_seconds)
            except (RayActorError, GetTimeoutError) as error:
                self._lose(number, f"{type(error).__name__}: {str(error).splitlines()[0]}")
                continue
            except RayTaskError as error:
                if type(error.cause).__name__ != DEAD_ENGINE:
                    raise error.cause from None
                self._lose(number, f"{DEAD_ENGINE}: {error.cause}")
                continue
            self._deaths_in_a_row = 0
            done |= dict(zip(asked[number], answers, strict=True))
        return done

    def _lose(self, number: int, reason: str) -> None:
        """Count a replica out and start another in its place.

        Raises:
            RuntimeError: where they die one after another.
        """
        log.warning("engine %d is lost and replaced: %s", number, reason)
        ray.kill(self._up.pop(number, None) or self._coming.pop(number).handle)
        self.num_deaths += 1
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > MAX_DEATHS * self._config.num_engines:
            raise RuntimeError(f"engines die one by one. The last, {number}: {reason}")
        self._coming[number] = self._start()

    def _drop_file(self, *, keep: int | None) -> None:
        """Remove the weights that were on their way, but for those of a version."""
        if self.weights_version != keep:
            weights_path(self._folder, self.weights_version).unlink(missing_ok=True)


def gpus_per_engine(config: VllmConfig) -> float:
    """GPUs that Ray sets aside for one replica."""
    given = config.gpus_per_engine
    return float(config.tensor_parallel_size) if given is None else given


def check_cluster(config: VllmConfig) -> None:
    """Raise `ValueError` where this process is in no cluster, or replicas could never all start."""
    if not ray.is_initialized():
        raise ValueError(
            "engine.vllm.placement is 'ray', but this run is in no Ray cluster: set "
            "rollout.kind=ray, which starts or joins one, or engine.vllm.placement=process"
        )
    needed, offered = config.num_engines * gpus_per_engine(config), ray.cluster_resources()
    if needed > offered.get("GPU", 0.0):
        raise ValueError(
            f"engine.vllm.num_engines={config.num_engines} with {gpus_per_engine(config):g} GPUs "
            f"each needs {needed:g} GPUs of Ray, which has {offered.get('GPU', 0.0):g}: set fewer, "
            "or engine.vllm.gpus_per_engine below 1 to share"
        )
