"""A toy script's schemas and YAML files, complete enough to be got wrong in every way."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class Light(enum.Enum):
    DAY = "day"
    NIGHT = "night"


@dataclass(kw_only=True)
class RoomConfig:
    """A room.

    Attributes:
        num_chairs: how many chairs.
        light: the lamp.
    """

    num_chairs: int = 4
    light: Light = Light.DAY


@dataclass(kw_only=True)
class SweepConfig:
    """Settings of an algorithm."""

    learning_rate: float = 0.1
    widths: list[int] = field(default_factory=lambda: [1, 2])


@dataclass(kw_only=True)
class ToyScript:
    """A script.

    Attributes:
        room: where it happens.
        algorithm: how it learns.
        name: name of the run; it becomes
            the folder's name.
        seed, steps: whole numbers.
        resume: a checkpoint to go on from, or null.
    """

    room: RoomConfig = field(default_factory=RoomConfig)
    algorithm: SweepConfig = field(default_factory=SweepConfig)
    name: str = "toy"
    seed: int = 0
    steps: int = 10
    resume: str | None = None

    def check(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not math.isfinite(self.algorithm.learning_rate):
            raise ValueError(
                f"algorithm.learning_rate must be finite, got {self.algorithm.learning_rate}"
            )


@dataclass(kw_only=True)
class NeedyScript:
    """A script with a setting that must be given.

    Attributes:
        checkpoint: what to load.
    """

    checkpoint: str = MISSING


FILES = {
    "toy.yaml": "defaults: [toy_schema, room: small/den, experiment: null, _self_]\nseed: 7\n",
    "needy.yaml": "defaults: [needy_schema, _self_]\n",
    "bare.yaml": "seed: 1\n",
    "room/small/den.yaml": "# A den with few chairs.\nnum_chairs: 2\n",
    "room/hall.yaml": "# @package _global_.room\n\n# A hall.\nnum_chairs: 40\n",
    "room/misspelt.yaml": "num_chair: 1\n",
    "room/mistyped.yaml": "num_chairs: several\n",
    "room/unreadable.yaml": "num_chairs: [1\n",
    "room/_shared.yaml": "num_chairs: 0\n",
    "experiment/big.yaml": "# @package _global_\ndefaults: [override /room: hall]\nsteps: 99\n",
    "experiment/lost.yaml": "# @package _global_\ndefaults: [override /room: cellar]\n",
}


Run = Callable[..., tuple[int, list[tuple[ToyScript, str]], str, str]]
"""Runs the toy script: (exit code, what main received, stdout, stderr)."""


def register(config_name: str) -> None:
    """Stands in for `configs.store.register_schemas`, whatever the primary file."""
    ConfigStore.instance().store(name="toy_schema", node=ToyScript)
    ConfigStore.instance().store(name="needy_schema", node=NeedyScript)
