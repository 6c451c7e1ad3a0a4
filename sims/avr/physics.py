"""Runs the physics of a world until it comes to rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sims.avr.exposure import ABSENT_GROUP
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

STILL_SPEED = 0.8e-3
"""A world is at rest when no part moves faster than this [m/s, rad/s]."""
TREMBLE = 0.3e-3
"""From `PATIENCE_CHECKS` on it also counts as at rest when nothing moves farther than this in
`WINDOW_CHECKS` checks: a lid that lies on two edges trembles for ever [m, or parts of a turn]."""
CHECK_STEPS = 4
WINDOW_CHECKS = 5
PATIENCE_CHECKS = 25
MAX_CHECKS = 200
"""What still moves after so many checks, four seconds, is stopped where it is."""
LIMBO_Z = -60.0
"""Where bodies are kept that have been taken away [m]."""


class Physics:
    """Moves the bodies of one world.

    Args:
        model, data: MuJoCo's.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._mj, self._model, self._data = import_mujoco(), model, data
        self._kept: list[tuple[int, int]] = []

    def keep_away(self, bodies: Sequence[int]) -> None:
        """Hold these free bodies, and no others, where they cannot be met or seen.

        Args:
            bodies: MuJoCo's ids, in the order in which they are to stand.
        """
        away = np.isin(self._model.geom_bodyid, list(bodies))
        self._model.geom_contype[away] = 0
        self._model.geom_conaffinity[away] = 0
        self._model.geom_group[away] = ABSENT_GROUP
        joints = self._model.body_jntadr[list(bodies)]
        positions, velocities = self._model.jnt_qposadr[joints], self._model.jnt_dofadr[joints]
        self._kept = list(zip(map(int, positions), map(int, velocities), strict=True))

    def step(self, count: int = 1) -> None:
        """Let some time steps pass."""
        self._hold_kept()
        self._mj.mj_step(self._model, self._data, count)
        self._hold_kept()

    def settle(self) -> float:
        """Let time pass until everything is at rest, and stop what still moves.

        Returns:
            The fastest motion that was left to be stopped [m/s, rad/s].
        """
        qpos = self._data.qpos
        earlier = qpos.copy()
        for check in range(1, MAX_CHECKS + 1):
            self.step(CHECK_STEPS)
            speed = self.max_speed()
            if speed < STILL_SPEED:
                break
            if check % WINDOW_CHECKS == 0:
                if check > PATIENCE_CHECKS and np.abs(qpos - earlier).max() < TREMBLE:
                    break
                earlier = qpos.copy()
        self._data.qvel[:] = 0.0
        self.update()
        return speed

    def update(self) -> None:
        """Bring what depends on positions up to date: bodies, geoms, camera and light."""
        self._mj.mj_kinematics(self._model, self._data)
        self._mj.mj_camlight(self._model, self._data)

    def max_speed(self) -> float:
        """The fastest motion of any part [m/s or rad/s]."""
        return float(np.abs(self._data.qvel).max(initial=0.0))

    def _hold_kept(self) -> None:
        for index, (position, velocity) in enumerate(self._kept):
            self._data.qpos[position : position + 3] = (4.0 * index, 0.0, LIMBO_Z)
            self._data.qvel[velocity : velocity + 6] = 0.0
