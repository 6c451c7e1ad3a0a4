"""Configuration of the adapters. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sims.config import EnvConfig

EXTERNAL_IDS = {
    "External/GymnasiumRobotics-v0": "sims.external.gymnasium_robotics:GymnasiumRoboticsEnv",
    "External/Robosuite-v0": "sims.external.robosuite:RobosuiteEnv",
    "External/Metaworld-v0": "sims.external.metaworld:MetaworldEnv",
}
"""Gymnasium id -> entry point."""
LOOKS = ("plain", "package")
STATES = ("robot", "package")


@dataclass(kw_only=True)
class ExternalConfig:
    """A task of another package.

    Attributes:
        task: the package's own name for it; the adapters name their defaults.
        options: further arguments for what the package makes its environments with, such as
            `robots` of robosuite or `reward_type` of gymnasium-robotics.
        cameras: names of the model's cameras, at least one; "default" is the package's own view.
        height, width: of each picture [px], at least 16.
        look: "plain" draws no shadows, reflections or multisampling, many times faster on a CPU;
            "package" draws what the package draws.
        state: "robot" (its joint positions and, where known, where its hand is), or "package": all
            numbers that the package observes, those of things and goals included.
        max_steps: an episode is truncated after this many actions, at least 1; null for as many as
            the package says.
        paraphrases: whether the instruction is worded in several ways; False words it in one.
    """

    task: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    cameras: list[str] = field(default_factory=lambda: ["default"])
    height: int = 128
    width: int = 128
    look: str = "plain"
    state: str = "robot"
    max_steps: int | None = None
    paraphrases: bool = True

    def check(self, prefix: str = "env.config.") -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        for name, legal in {"look": LOOKS, "state": STATES}.items():
            if getattr(self, name) not in legal:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)!r}; legal: {', '.join(legal)}"
                )
        if not self.cameras or not all(self.cameras):
            raise ValueError(
                f'{prefix}cameras is {self.cameras}; name one or more, or "default" for the '
                "package's own view"
            )
        for name in ("height", "width"):
            if getattr(self, name) < 16:
                raise ValueError(f"{prefix}{name} is {getattr(self, name)}; it must be at least 16")
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(
                f"{prefix}max_steps is {self.max_steps}; it must be at least 1, or null"
            )


@dataclass(kw_only=True)
class ExternalEnvConfig(EnvConfig):
    """Another package's environment.

    Attributes:
        id: one of `EXTERNAL_IDS`.
        config: which task, and what is shown of it.
    """

    id: str = "External/GymnasiumRobotics-v0"
    config: ExternalConfig = field(default_factory=ExternalConfig)

    def kwargs(self) -> dict[str, Any]:
        """The configuration."""
        return {"config": self.config}

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        self.config.check("env.config.")
