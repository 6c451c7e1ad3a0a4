"""What collecting took, also for whoever watches the cluster: Ray hands gauges to Prometheus."""

from __future__ import annotations

from ray.util.metrics import Gauge

from training.rollout_metrics import RolloutMetrics


class RayMetrics(RolloutMetrics):
    """As `RolloutMetrics`; every figure that is taken is a gauge of the cluster too, named
    `saccade_rollout_...`, on the port that Ray exports its own metrics on.
    """

    def take(self) -> dict[str, float]:
        """The figures since the last call; then count anew."""
        figures = super().take()
        for name, value in figures.items():
            _gauge(f"saccade_{name.replace('/', '_')}").set(value)
        return figures


_GAUGES: dict[str, Gauge] = {}


def _gauge(name: str) -> Gauge:
    """Ray takes each name once a process."""
    if name not in _GAUGES:
        _GAUGES[name] = Gauge(name, description="of collecting episodes; see docs/cluster.md")
    return _GAUGES[name]
