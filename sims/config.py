"""Which environment, as plain data. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sims.avr.config import AvrConfig
from sims.manipulation.config import ManipulationConfig
from sims.tools.config import LookConfig


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


@dataclass(kw_only=True)
class ManipulationEnvConfig(EnvConfig):
    """A manipulation environment.

    Attributes:
        id: its Gymnasium id, such as "Manipulation/Push-v0".
        config: robot, control, cameras and what varies.
    """

    id: str = "Manipulation/Reach-v0"
    config: ManipulationConfig = field(default_factory=ManipulationConfig)

    def kwargs(self) -> dict[str, Any]:
        """The configuration."""
        return {"config": self.config}

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        self.config.check("env.config.")


@dataclass(kw_only=True)
class LookEnvConfig(EnvConfig):
    """A visual tool environment.

    Attributes:
        id: its Gymnasium id: Look/Search-v0, Look/Compare-v0 or Look/Inspect-v0.
        config: what is shown, asked and offered.
    """

    id: str = "Look/Search-v0"
    config: LookConfig = field(default_factory=LookConfig)

    def kwargs(self) -> dict[str, Any]:
        """The configuration."""
        return {"config": self.config}

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        self.config.check("env.config.")


@dataclass(kw_only=True)
class BenchmarkConfig:
    """A fixed list of questions.

    Attributes:
        name: which.
        num_questions: how many of its questions are asked, evenly spread over it, at least 2; null
            for all.
    """

    name: str = ""
    num_questions: int | None = None

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        if not self.name:
            raise ValueError("benchmark.name is empty; give the name of a benchmark")
        if self.num_questions is not None and self.num_questions < 2:
            raise ValueError(
                f"benchmark.num_questions is {self.num_questions}; it must be at least 2, or null"
            )
