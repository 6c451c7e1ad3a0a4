"""A quick look at whether the hand alone has room: points all over it against every shape.

It never calls room taken that is free, so what it lets pass is still to be looked at more closely.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sims.manipulation import panda
from sims.manipulation.physics import Pose
from sims.manipulation.rotations import rotation_of
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

SPACING = 0.015
"""Between the points, about [m]."""
WITHIN = 5e-4
"""Points less deep in a shape than this do not count [m]."""


class Shapes:
    """Boxes, cylinders and spheres where they are now.

    Args:
        model, data: MuJoCo's.
        geoms: ids of the geoms to know, (n,).
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray) -> None:
        kinds = import_mujoco().mjtGeom
        self._centres = data.geom_xpos[geoms].copy()
        self._turns = data.geom_xmat[geoms].reshape(-1, 3, 3).copy()
        size, kind = model.geom_size[geoms] - WITHIN, model.geom_type[geoms]
        self._round = kind == int(kinds.mjGEOM_CYLINDER)
        self._ball = kind == int(kinds.mjGEOM_SPHERE)
        self._radius = np.where(self._round | self._ball, size[:, 0], np.inf)
        self._half = np.where(self._round[:, None], size[:, [0, 0, 1]], size)
        self._half[self._ball] = size[self._ball, :1]
        self._bound = np.linalg.norm(self._half, axis=1)

    def hold_any(self, points: np.ndarray) -> bool:
        """Whether any of the points (m, 3) lies in one of them."""
        lowest, highest = points.min(axis=0), points.max(axis=0)
        away = np.maximum(lowest - self._centres, self._centres - highest)
        near = np.flatnonzero((away < self._bound[:, None]).all(axis=1))
        local = (points - self._centres[near, None]) @ self._turns[near]
        inside = (np.abs(local) < self._half[near, None]).all(axis=2)
        if not inside.any():
            return False
        squares = local**2
        flat = np.where(self._ball[near, None], squares.sum(axis=2), squares[..., :2].sum(axis=2))
        return bool((inside & (flat < self._radius[near, None] ** 2)).any())


def hand_points(pose: Pose, width: float) -> np.ndarray:
    """Points on the hand and its fingers, (m, 3) [m].

    Args:
        pose: of the end effector.
        width: gap of the fingers [m].
    """
    hand, finger = _points()
    aside, mirrored = np.array([0.0, width / 2, 0.0]), np.array([1.0, -1.0, 1.0])
    left = finger + aside
    every = np.concatenate([hand, left, left * mirrored])
    return every @ rotation_of(pose.quat).T + pose.position


@lru_cache(maxsize=1)
def _points() -> tuple[np.ndarray, np.ndarray]:
    """Of the hand's lower side and of a finger at the middle, in the end effector's frame."""
    links = {link.name: link for link in panda.LINKS}
    (palm,) = links["hand"].parts
    hand = _grid(palm.position, palm.size)
    finger = np.concatenate([_grid(p.position, p.size) for p in links["left_finger"].parts])
    lowest = hand[:, 2] > hand[:, 2].max() - 1e-9
    back, ahead = (np.array([0.0, 0.0, z]) for z in (panda.EE_LENGTH, panda.FINGER_BASE))
    return hand[lowest] - back, finger + ahead - back


def _grid(centre: tuple[float, float, float], half: tuple[float, float, float]) -> np.ndarray:
    """Points all through a box, its corners among them, (m, 3) [m]."""
    ticks = [
        np.linspace(c - h, c + h, 2 + int(2 * h / SPACING))
        for c, h in zip(centre, half, strict=True)
    ]
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)
