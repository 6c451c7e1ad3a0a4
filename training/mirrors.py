"""All places that a run's metrics go to beside its own files, as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.logger_config import LoggerConfig, Mirror
from training.tensorboard_mirror import TensorboardMirror
from training.wandb_mirror import WandbMirror


class Mirrors:
    """Weights & Biases, TensorBoard and the metrics of a Ray cluster, those that are switched on.
    See `training.logger_config.Mirror`.

    Args:
        config: which files are written.
        directory: the run's directory.
        settings: the run's configuration, shown beside the curves.
        prometheus: whether this process's Ray exports the metrics too (`rollout.prometheus`).

    Raises:
        ModuleNotFoundError: when something is switched on without its package; says what to
            install.
    """

    def __init__(
        self,
        config: LoggerConfig,
        directory: Path,
        settings: dict[str, Any],
        *,
        prometheus: bool = False,
    ) -> None:
        self._mirrors: list[Mirror] = [
            WandbMirror(config, directory, settings),
            TensorboardMirror(config, directory, settings),
        ]
        if prometheus:
            from training.ray_metrics import RayMirror  # which needs the package ray

            self._mirrors.append(RayMirror())

    def log(self, step: int, metrics: dict[str, float], *, phase: str) -> None:
        """One line of metrics, to all of them."""
        for mirror in self._mirrors:
            mirror.log(step, metrics, phase=phase)

    def close(self) -> None:
        """Close all of them."""
        for mirror in self._mirrors:
            mirror.close()
