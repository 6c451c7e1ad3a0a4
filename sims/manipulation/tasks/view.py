"""The world as it stands, read from the physics when asked for and only once."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from sims.manipulation.physics import Physics, Pose

FINGERS = ("left_finger", "right_finger")


class View:
    """A reading of one moment; make a new one after every step.

    Args:
        physics: what is read.
    """

    def __init__(self, physics: Physics) -> None:
        self._physics = physics
        self._poses: dict[str, Pose] = {}

    @cached_property
    def ee(self) -> Pose:
        """The end effector."""
        return self._physics.ee_pose()

    @cached_property
    def ee_yaw(self) -> float:
        """Turn of a hand that points down about the vertical, 0 at rest, in [-pi, pi] [rad]."""
        w, x, y, z = self.ee.quat
        # The hand's x axis, which the rest pose has along the world's x.
        return math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))

    @cached_property
    def finger_width(self) -> float:
        """Gap between the finger tips [m]."""
        return self._physics.finger_width()

    @cached_property
    def contacts(self) -> set[tuple[str, str]]:
        """As of `Physics.contacts`."""
        return self._physics.contacts()

    def pose(self, name: str) -> Pose:
        """Of a body."""
        if name not in self._poses:
            self._poses[name] = self._physics.body_pose(name)
        return self._poses[name]

    def position(self, name: str) -> np.ndarray:
        """Of a body, (3,) [m]."""
        return self.pose(name).position

    def yaw(self, name: str) -> float:
        """Of a body about the vertical [rad]."""
        w, x, y, z = self.pose(name).quat
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    def speed(self, name: str) -> float:
        """Of a body [m/s]."""
        return self._physics.body_speed(name)

    def slide(self, name: str) -> float:
        """Where a body's slide joint stands [m]."""
        return self._physics.slide_value(name)

    def touch(self, one: str, two: str) -> bool:
        """Whether two names touch."""
        return (min(one, two), max(one, two)) in self.contacts

    def fingers_on(self, name: str) -> int:
        """How many fingers touch a body."""
        return sum(self.touch(finger, name) for finger in FINGERS)

    def grasped(self, name: str) -> bool:
        """Whether both fingers touch a body."""
        return self.fingers_on(name) == 2

    def height_over(self, name: str) -> float:
        """Of the end effector over a body's centre [m]."""
        return float(self.ee.position[2] - self.position(name)[2])


def sideways(one: np.ndarray, two: np.ndarray) -> float:
    """Horizontal distance of two points [m]."""
    return math.hypot(one[0] - two[0], one[1] - two[1])


def nearness(distance: float, scale: float = 0.3) -> float:
    """1 at distance 0, falling to 0 at `scale` [m]."""
    return min(1.0, max(0.0, 1.0 - distance / scale))
