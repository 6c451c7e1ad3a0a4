"""Where environments run while episodes are collected, and what becomes of those that break."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from training.checks import check_at_least

KINDS = ("local", "ray")
ASYNCHRONIES = ("sync", "one_step_off", "async")
ADDRESS = re.compile(r"auto|[\w.\-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")


@dataclass(kw_only=True)
class RolloutConfig:
    """In which processes environments run, and how far collecting may run ahead of learning.

    Attributes:
        kind: "local", in this process, or "ray", in actors of a Ray cluster. Equal seeds give
            equal episodes in both.
        asynchrony: "sync" collects a step's episodes with the weights that the step improves;
            "one_step_off" collects the next step's meanwhile; "async" collects up to
            `max_staleness` steps ahead.
        max_staleness: how many steps of the algorithm old the weights behind a turn may be, 1 or
            more; only "async" reads it.
        address: a running Ray cluster, as host:port, or "auto" for the one on this machine; null
            starts one in this machine for the run alone.
        num_actors: processes that hold environments, at least 1. `num_envs` is shared out among
            them evenly, so it must be a multiple.
        cpus_per_actor: logical cores that Ray sets aside for each, above 0.
        steps_per_call: most resets and steps that go to an actor in one message, at least 1. Half
            of an actor's environments or fewer lets it work on some while others are thought
            about.
        max_wait_ms: how long a conversation waits for others to share the policy's batch [ms], 0
            or more.
        max_attempts: how often an episode is tried whose actor is lost, at least 1.
        reset_timeout_seconds, step_timeout_seconds: an actor that takes longer for one is killed
            and replaced [s], above 0.
        start_timeout_seconds: how long the first actor may take to start [s], above 0.
        object_store_mib: shared memory of a Ray that is started here [MiB], at least 80.
        render_devices: EGL devices that actors draw with, taken in turn; empty leaves the choice to
            MuJoCo, which takes the first.
        gpu_rendering: whether an actor that draws in software is an error.
        prometheus: whether Ray exports what collecting and training measure, for a Prometheus that
            scrapes the cluster.
    """

    kind: str = "local"
    asynchrony: str = "sync"
    max_staleness: int = 1
    address: str | None = None
    num_actors: int = 2
    cpus_per_actor: float = 1.0
    steps_per_call: int = 2
    max_wait_ms: float = 10.0
    max_attempts: int = 3
    reset_timeout_seconds: float = 120.0
    step_timeout_seconds: float = 60.0
    start_timeout_seconds: float = 120.0
    object_store_mib: int = 400
    render_devices: list[int] = field(default_factory=list)
    gpu_rendering: bool = False
    prometheus: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        _check_named("kind", self.kind, KINDS)
        _check_named("asynchrony", self.asynchrony, ASYNCHRONIES)
        check_at_least(self, "rollout", num_actors=1, steps_per_call=1, max_wait_ms=0)
        check_at_least(self, "rollout", max_attempts=1, max_staleness=1, object_store_mib=80)
        for name in (
            "cpus_per_actor",
            "reset_timeout_seconds",
            "step_timeout_seconds",
            "start_timeout_seconds",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"rollout.{name} is {getattr(self, name)}; it must be above 0")
        if any(device < 0 for device in self.render_devices):
            raise ValueError(
                f"rollout.render_devices is {self.render_devices}; each must be 0 or more"
            )
        if self.prometheus and self.kind != "ray":
            raise ValueError(
                f"rollout.prometheus is true with rollout.kind={self.kind}, which has no Ray that "
                "could export metrics; legal: false, or rollout.kind=ray"
            )
        if self.address is not None and not ADDRESS.fullmatch(self.address):
            raise ValueError(
                f"rollout.address is {self.address!r}; legal: host:port, auto, or null for a Ray "
                "of this run's own"
            )

    @property
    def steps_ahead(self) -> int:
        """How many steps collecting may be ahead of learning."""
        return {"sync": 0, "one_step_off": 1, "async": self.max_staleness}[self.asynchrony]

    def check_num_envs(self, num_envs: int) -> None:
        """Raise `ValueError` where environments can not be shared out evenly among the actors."""
        if self.kind == "ray" and (num_envs < 1 or num_envs % self.num_actors):
            raise ValueError(
                f"num_envs is {num_envs}; it must be a multiple of rollout.num_actors, "
                f"{self.num_actors}"
            )


def _check_named(name: str, value: str, legal: tuple[str, ...]) -> None:
    if value not in legal:
        raise ValueError(f"rollout.{name} is {value!r}; legal: {', '.join(legal)}")
