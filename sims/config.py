"""Which environment, as plain data. Standard library only."""

from __future__ import annotations

import math
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
class MixtureConfig:
    """Which families of environments are mixed, and how often each comes.

    Attributes:
        parts: name of a family -> its environment, driven by words.
        shares: name -> how often it is drawn, in relation to the others, 0 or more; a family that
            is not named is never drawn. Empty draws all equally often.
        demonstrators: name -> the style of the family's expert where the mixture's expert acts in
            style "demonstrator"; "best" for one that is not named.
    """

    parts: dict[str, EnvConfig] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    demonstrators: dict[str, str] = field(default_factory=dict)

    def check(self, prefix: str = "") -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if not self.parts:
            raise ValueError(f"{prefix}parts is empty; it must name at least one environment")
        for setting in ("shares", "demonstrators"):
            for name in getattr(self, setting):
                if name not in self.parts:
                    raise ValueError(
                        f"{prefix}{setting} names {name!r}; legal: {', '.join(self.parts)}"
                    )
        for name, share in self.shares.items():
            if not (math.isfinite(share) and share >= 0):
                raise ValueError(f"{prefix}shares.{name} is {share}; it must be 0 or more")
        if self.shares and not sum(self.shares.values()) > 0:
            raise ValueError(f"{prefix}shares are all 0; at least one must be above 0")
        for name, part in self.parts.items():
            try:
                part.check()
            except ValueError as error:
                raise ValueError(f"{prefix}parts.{name}: {error}") from None

    def chances(self) -> dict[str, float]:
        """Name of every family that is drawn -> its probability; they add up to 1."""
        shares = self.shares or dict.fromkeys(self.parts, 1.0)
        total = sum(shares.values())
        return {name: share / total for name, share in shares.items() if share > 0}


@dataclass(kw_only=True)
class MixtureEnvConfig(EnvConfig):
    """Several environments as one.

    Attributes:
        id: its Gymnasium id.
        config: which environments, and how often each.
    """

    id: str = "Saccade/Mixture-v0"
    config: MixtureConfig = field(default_factory=MixtureConfig)

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
