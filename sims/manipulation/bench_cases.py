"""What is timed about the manipulation environments.

A case makes one unit and returns the process time that it took and 1. What a frame needs beside
the action itself (a new episode where one is over) is left out.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sims.manipulation.config import ManipulationConfig
from sims.manipulation.env import ManipulationEnv
from sims.manipulation.physics import ENGINES, EngineUnavailableError, Picture

Case = Callable[[], tuple[float, int]]
"""Returns process time [s], and the number of units that it was spent on."""

TASK = "pick_place"
NUM_ACTIONS = 500
ENGINE_CASES: dict[str, dict[str, Any]] = {
    "front_128": {"cameras": ["front"], "height": 128, "width": 128},
    "both_128": {"cameras": ["front", "wrist"], "height": 128, "width": 128},
    "front_224": {"cameras": ["front"], "height": 224, "width": 224},
}
"""Name -> what is shown at every step."""


def manipulation_cases() -> dict[str, Case]:
    """Name -> case, for every physics engine that is installed. Names end with the unit."""
    cases: dict[str, Case] = {}
    for engine in ENGINES:
        try:
            cases |= engine_cases(engine)
        except EngineUnavailableError as error:
            print(f"{engine} is left out: {error}")
    return cases


def engine_cases(engine: str) -> dict[str, Case]:
    """The cases of a physics engine: frames of several kinds, steps without pictures, and resets.

    Raises:
        EngineUnavailableError: where it is not installed.
    """
    config = ManipulationConfig(engine=engine)
    frames = {name: time_frames(replace(config, **shown)) for name, shown in ENGINE_CASES.items()}
    cases = {
        **frames,
        "physics": time_frames(config, pictures=False),
        "reset": time_resets(config),
    }
    return {f"ours.{engine}_{name}_per_core_second": case for name, case in cases.items()}


def time_frames(config: ManipulationConfig, *, pictures: bool = True) -> Case:
    """An action of random numbers, and all that the environment shows and says of it.

    Args:
        config: of the environment.
        pictures: whether they are drawn; False shows black ones.
    """
    env, over = ManipulationEnv(config, TASK), True
    space: Any = env.action_space
    size = (NUM_ACTIONS, *space.shape)
    actions = np.random.default_rng(0).uniform(space.low, space.high, size).astype(np.float32)
    next_action = itertools.cycle(actions)
    if not pictures:
        blank = Picture(rgb=np.zeros((config.height, config.width, 3), dtype=np.uint8))
        setattr(env.physics, "render", lambda *_, **__: blank)  # noqa: B010  (of this one alone)

    def case() -> tuple[float, int]:
        nonlocal over
        if over:
            env.reset()
        action = next(next_action)
        start = time.process_time()
        _, _, terminated, truncated, _ = env.step(action)
        spent = time.process_time() - start
        over = terminated or truncated
        return spent, 1

    env.reset(seed=0)
    return case


def time_resets(config: ManipulationConfig) -> Case:
    """A scene and an instruction are drawn, built, shown, and their facts worked out."""
    env, seeds = ManipulationEnv(config, TASK), itertools.count()

    def case() -> tuple[float, int]:
        seed = next(seeds)
        start = time.process_time()
        env.reset(seed=seed)
        return time.process_time() - start, 1

    return case


def frame_settings(engine: str) -> dict[str, float]:
    """How a frame of `front_128` is made, by the names of the peers' settings."""
    config = ManipulationConfig(engine=engine, **ENGINE_CASES["front_128"])
    env = ManipulationEnv(config, TASK)
    physics_dt = env.physics.physics_dt
    env.close()
    return {
        "height": config.height,
        "width": config.width,
        "substeps": round(config.control_dt / physics_dt),
        "physics_dt_ms": 1000 * physics_dt,
        "shadows": float(config.shadows),
        "reflections": 0.0,
        "samples": 0.0,
    }
