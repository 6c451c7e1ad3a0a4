"""A replica of vLLM in a Ray actor, and several of them as one that takes weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from policies.engines.vllm import VllmReplica
from policies.interface import Completion, GenerationRequest

log = logging.getLogger("saccade.engine")

MakeReplica = Callable[[], VllmReplica]


class EngineActor:
    """Holds a replica. See `policies.engines.vllm.VllmReplica`, whose methods these are.

    Args:
        make_replica: a list that holds the reference of the function that makes it.
    """

    def __init__(self, make_replica: list[Any]) -> None:
        self._make_replica = make_replica
        self._replica: VllmReplica

    def start(self) -> int:
        """Make the replica. To be called first, once; then what goes wrong is said in its own
        words, which Ray keeps for itself where a constructor fails.

        Returns:
            The longest context.
        """
        self._replica = ray.get(self._make_replica[0])()
        return self._replica.max_context

    def generate(self, requests: Sequence[GenerationRequest], version: int) -> list[Completion]:
        """One completion per request, from weights of this version and no other."""
        return self._replica.generate(requests, version=version)

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """First phase."""
        self._replica.init_weight_transfer_engine(init_info)

    def start_weight_update(self) -> None:
        """Second phase."""
        self._replica.start_weight_update()

    def update_weights(self, update_info: Any) -> None:
        """Third phase."""
        self._replica.update_weights(update_info)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Fourth phase."""
        self._replica.finish_weight_update(weight_version)


class ActorClient:
    """Several actors that take weights as one. See `policies.engines.vllm_transfer.WeightClient`.

    An actor that dies on the way is left out from then on; the others go on.

    Args:
        handles: number of each actor -> its handle.
        workers_per_actor: processes of each that have a rank of their own.
        timeout: how long each may take for one phase [s].

    Attributes:
        lost: number of an actor -> why it was left out.
    """

    def __init__(self, handles: dict[int, Any], *, workers_per_actor: int, timeout: float) -> None:
        self._handles, self._timeout = dict(handles), timeout
        self._workers_per_actor = workers_per_actor
        self.lost: dict[int, str] = {}

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """First phase; ranks, where the back end has them, go on from actor to actor."""
        infos = {}
        for place, number in enumerate(self._handles):
            infos[number] = dict(init_info)
            if "rank_offset" in init_info:
                infos[number]["rank_offset"] += place * self._workers_per_actor
        self._all("init_weight_transfer_engine", lambda number: infos[number])

    def start_weight_update(self) -> None:
        """Second phase."""
        self._all("start_weight_update")

    def update_weights(self, update_info: Any) -> None:
        """Third phase."""
        self._all("update_weights", lambda _: update_info)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Fourth phase."""
        self._all("finish_weight_update", lambda _: weight_version)

    def _all(self, phase: str, argument: Callable[[int], Any] | None = None) -> None:
        """One phase of all at once.

        Raises:
            RayError: what a phase raised in an actor that lives.
        """
        refs = {
            number: getattr(handle, phase).remote(*([argument(number)] if argument else []))
            for number, handle in self._handles.items()
            if number not in self.lost
        }
        for number, ref in refs.items():
            try:
                ray.get(ref, timeout=self._timeout)
            except (RayActorError, GetTimeoutError) as error:
                self.lost[number] = f"{type(error).__name__} in {phase}"
