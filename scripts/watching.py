"""Watches an arm while it carries out an action, for films: policies are shown what is before and
after alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium

from sims.manipulation.env import ManipulationEnv
from sims.manipulation.tasks.view import View
from sims.manipulation.truth import world_truth
from training.film_motion import Motion, Shot

TICKS_PER_SHOT = 2
"""Of actions that take many ticks, such as waypoints, one tick in so many is filmed."""


class Watched(gymnasium.Wrapper):
    """An environment whose episodes are watched; they run as they would unwatched.

    Args:
        env: any; of a `ManipulationEnv` every motion is watched, of others the end alone.
        motions: where an episode's motion goes, by its seed.
    """

    def __init__(self, env: gymnasium.Env, motions: dict[int, Motion]) -> None:
        super().__init__(env)
        self._motions, self._motion = motions, Motion()
        world = env.unwrapped
        self._control = _WatchedControl(world) if isinstance(world, ManipulationEnv) else None
        if self._control is not None and isinstance(world, ManipulationEnv):
            world.control = self._control

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start an episode with an empty motion."""
        self._motion = Motion()
        if seed is not None:
            self._motions[seed] = self._motion
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        """Act, and keep what was seen on the way."""
        shots: list[Shot] = []
        if self._control is not None:
            self._control.start(shots)
        try:
            result = self.env.step(action)
        finally:
            if self._control is not None:
                self._control.stop()
        self._motion.shots.append(shots[:-1])  # what the last one shows is shown next anyhow
        self._motion.last = tuple(result[0]["images"])
        return result


class _WatchedControl:
    """A control mode as it is, whose ticks are watched between `start` and `stop`.

    Args:
        world: whose control it takes the place of.
    """

    def __init__(self, world: ManipulationEnv) -> None:
        self._world, self._inner = world, world.control
        self._shots: list[Shot] | None = None
        self._row = 0

    def __getattr__(self, name: str) -> Any:
        """Everything else is the control mode's own."""
        return getattr(self._inner, name)

    def start(self, shots: list[Shot]) -> None:
        """Put what is seen from now on into a list."""
        self._shots, self._row = shots, 0

    def stop(self) -> None:
        """Watch no more."""
        self._shots = None

    def ticks(self, order: Any) -> Iterator[None]:
        """Carry out an order."""
        many = self._world.config.control in ("waypoint", "text")
        for tick, _ in enumerate(self._inner.ticks(order)):
            if self._shots is not None and tick % (TICKS_PER_SHOT if many else 1) == 0:
                self._shots.append(self._shot())
            yield
        self._row += 1

    def _shot(self) -> Shot:
        world = self._world
        config, view = world.config, View(world.physics)
        pictures = tuple(
            world.physics.render(camera, config.height, config.width).rgb
            for camera in config.cameras
        )
        standing = world.draw.task.standing(view)
        truth = world_truth(world.draw, view, standing, world.physics)
        return Shot(row=self._row, pictures=pictures, truth=truth)
