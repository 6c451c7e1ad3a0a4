"""Mirrors metrics to Weights & Biases, offline unless asked otherwise. Imports wandb only
when switched on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.logger_config import LoggerConfig, package_missing

__all__ = ["LoggerConfig", "WandbMirror"]


class WandbMirror:
    """Sends what `log` is given to a Weights & Biases run, or nowhere when switched off. See
    `training.logger_config.Mirror`.

    Args:
        config: the mode.
        directory: the run's directory; offline files go there.
        settings: the run's configuration, shown beside the curves.

    Raises:
        ModuleNotFoundError: when switched on without the package; says what to install.
    """

    def __init__(self, config: LoggerConfig, directory: Path, settings: dict[str, Any]) -> None:
        self._run: Any = None
        if config.wandb == "off":
            return
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise package_missing("wandb", f"logger.wandb={config.wandb}") from error
        self._run = wandb.init(
            mode=config.wandb,  # type: ignore[arg-type]
            project=config.project,
            dir=str(directory),
            name=directory.name,
            config=settings,
        )

    def log(self, step: int, metrics: dict[str, float], *, phase: str) -> None:
        """One line of metrics, each named phase/metric; `phase/step` counts within the phase."""
        if self._run is not None:
            named = {f"{phase}/{name}": value for name, value in metrics.items()}
            self._run.log({**named, f"{phase}/step": step})

    def close(self) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish()
            self._run = None
