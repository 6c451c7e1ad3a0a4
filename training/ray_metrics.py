"""Figures for whoever watches the cluster: Ray exports them to Prometheus beside its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ray.util.metrics import Counter, Gauge, Metric

from training.rollout_metrics import RolloutMetrics

PREFIX = "saccade"
EVENTS = {
    "rollout/turns": "Steps that environments answered.",
    "rollout/episodes": "Episodes that came to an end.",
    "rollout/lost_attempts": "Attempts at an episode that ended with the loss of a worker.",
    "rollout/restarts": "Environment actors that were replaced.",
}
"""What is counted from the beginning of the process on, and what it is."""

Kind = TypeVar("Kind", bound=Metric)


class RayMetrics(RolloutMetrics):
    """As `RolloutMetrics`; every figure that is taken is exported too: events as counters,
    everything else as gauges.
    """

    def take(self) -> dict[str, float]:
        """The figures since the last call; then count anew."""
        events = {
            "rollout/turns": self.num_turns,
            "rollout/episodes": len(self.episode_seconds),
            "rollout/lost_attempts": self.num_lost,
            "rollout/restarts": self.num_restarts,
        }
        figures = super().take()
        for name, count in events.items():
            if count:
                _metric(Counter, name, EVENTS[name]).inc(count)
        for name, value in figures.items():
            if name not in EVENTS:
                _metric(Gauge, name, "Of collecting episodes; see docs/cluster.md.").set(value)
        return figures


class RayMirror:
    """Exports what training logs as gauges `saccade_training_...` with the stage as label "phase".
    What `RayMetrics` exports is left out. See `training.logger_config.Mirror`.
    """

    def log(self, step: int, metrics: dict[str, float], *, phase: str) -> None:
        """Set the gauges to one line of metrics."""
        for name, value in {**metrics, "step": step}.items():
            if exported_name(name) not in _METRICS and name not in EVENTS:
                gauge = _metric(Gauge, f"training/{name}", "Of training.", tag_keys=("phase",))
                gauge.set(value, tags={"phase": phase})

    def close(self) -> None:
        """Nothing to close: Ray goes on exporting the last values until the process ends."""


def exported_name(name: str) -> str:
    """A metric's name without what Prometheus forbids in names."""
    return f"{PREFIX}_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}"


_METRICS: dict[str, Any] = {}


def _metric(
    make: Callable[..., Kind], name: str, description: str, *, tag_keys: tuple[str, ...] = ()
) -> Kind:
    """The metric of a name; Ray takes each name once a process."""
    exported = exported_name(name)
    if exported not in _METRICS:
        _METRICS[exported] = make(exported, description=description, tag_keys=tag_keys)
    return _METRICS[exported]
