"""Which environment, as plain data. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sims.avr.config import AvrConfig


@dataclass(kw_only=True)
class EnvConfig:
    """An environment by its Gymnasium id.

    Attributes:
        id: a registered id, such as "AVR/Occlusion-v0".
    """

    id: str = "AVR/Occlusion-v0"

    def kwargs(self) -> dict[str, Any]:
        """What `gymnasium.make` is given beside the id."""
        return {}

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""


@dataclass(kw_only=True)
class AvrEnvConfig(EnvConfig):
    """An active visual reasoning environment.

    Attributes:
        id: its Gymnasium id.
        config: what the worlds look like.
    """

    config: AvrConfig = field(default_factory=AvrConfig)

    def kwargs(self) -> dict[str, Any]:
        """The configuration."""
        return {"config": self.config}

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        self.config.check("env.config.")
