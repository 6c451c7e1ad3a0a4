"""Environments that break in ways only a process of their own survives, and the Ray they run in."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.training.guessing import GuessEnv
from training.rollout_config import RolloutConfig

SETTINGS: dict[str, Any] = {
    "kind": "ray",
    "num_actors": 2,
    "cpus_per_actor": 0.5,
    "object_store_mib": 100,
    "reset_timeout_seconds": 20.0,
    "step_timeout_seconds": 20.0,
}


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray for all tests of a process, ended with them."""
    pytest.importorskip("ray")
    from training.ray_session import start_ray, stop_ray

    start_ray(RolloutConfig(**{**SETTINGS, "num_actors": 4}))
    yield
    stop_ray()


def ray_pool(make_env, num_envs: int = 4, *, keyed: bool = False, **settings: Any):
    from training.ray_rollout import RayPool

    return RayPool(make_env, num_envs, RolloutConfig(**{**SETTINGS, **settings}), keyed=keyed)


class RoughEnv(GuessEnv):
    """A `GuessEnv` whose process may end, or hang, at the first step of an episode.

    Args:
        fatal, hanging, slow: seeds at which that happens; a slow one takes `seconds`.
        once: a folder in which it is noted what has happened, so that it happens once; None for
            every time.
        seconds: that a slow step takes.
    """

    def __init__(
        self,
        *,
        fatal: tuple[int, ...] = (),
        hanging: tuple[int, ...] = (),
        slow: tuple[int, ...] = (),
        once: Path | None = None,
        seconds: float = 1.0,
    ) -> None:
        super().__init__()
        self._fatal, self._hanging, self._slow = fatal, hanging, slow
        self._once, self._seconds = once, seconds

    def step(self, action: str):
        seed = self.seeds[-1]
        assert seed is not None
        if seed in (*self._fatal, *self._hanging) and self._turn == 0 and self._is_due(seed):
            if seed in self._fatal:
                os._exit(1)
            time.sleep(600)
        if seed in self._slow:
            time.sleep(self._seconds)
        return super().step(action)

    def _is_due(self, seed: int) -> bool:
        if self._once is None:
            return True
        note = self._once / str(seed)
        if note.exists():
            return False
        note.touch()
        return True


def rough(**settings: Any) -> partial[RoughEnv]:
    return partial(RoughEnv, **settings)
