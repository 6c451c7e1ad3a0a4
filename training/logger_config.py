"""Where metrics go beside the run's own files, and what every such place is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MODES = ("off", "offline", "online")


@dataclass(kw_only=True)
class LoggerConfig:
    """Where metrics go beside the run's own files.

    Attributes:
        wandb: "off", "offline" (files under the run's directory, `wandb sync` sends them) or
            "online".
        project: project name at Weights & Biases.
        tensorboard: whether TensorBoard's event files are written, under the run's directory.
    """

    wandb: str = "off"
    project: str = "saccade"
    tensorboard: bool = False

    def check(self) -> None:
        """Raise `ValueError` for an unknown mode."""
        if self.wandb not in MODES:
            raise ValueError(f"logger.wandb is {self.wandb!r}; legal: {', '.join(MODES)}")


class Mirror(Protocol):
    """A place that shows metrics while a run goes on."""

    def log(self, step: int, metrics: dict[str, float], *, phase: str) -> None:
        """Show one line of metrics.

        Args:
            step: optimizer steps taken in the phase.
            metrics: name -> value.
            phase: the stage of training, within which steps are counted.
        """
        ...

    def close(self) -> None:
        """Write what is left. Harmless when called again."""
        ...


def package_missing(package: str, setting: str) -> ModuleNotFoundError:
    """What to raise where a package is not installed that a setting needs.

    Args:
        package: its name, which is that of our extra too.
        setting: as the user wrote it, "name=value".
    """
    return ModuleNotFoundError(
        f"{setting} needs the package {package}: pip install 'saccade[{package}]'", name=package
    )
