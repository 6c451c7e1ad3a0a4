"""The arm over the table, and what it can do there with a body."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sims.avr.handling.grasps import Grasp
from sims.manipulation.config import ManipulationConfig
from sims.manipulation.control import WaypointControl
from sims.manipulation.engines.mujoco_physics import MujocoPhysics
from sims.manipulation.panda import HOME
from sims.manipulation.physics import MAX_FINGER_WIDTH, Pose
from sims.manipulation.rotations import rotation_of
from sims.manipulation.scene import Scene
from sims.rendering import import_mujoco

Watch = Callable[[MujocoPhysics], None]

FINGERS = {"left_finger", "right_finger"}
SQUEEZE = 0.016
"""How much narrower than what they hold the fingers want to be [m]: 10 N each."""
TRAVEL_HEIGHT = 0.19
"""At which the hand travels, or what stands there would be hit [m]."""
HELD_UP, GIVE = 0.004, 0.003
"""A hand that is farther from where it should be is held up, and goes back by so much [m]."""
CALM_SPEED, MAX_CALM_TICKS = 0.01, 16
"""The world is calm when nothing moves faster [m/s]; so many ticks are waited for that at most."""


class Hand:
    """An arm at rest over a scene.

    Args:
        scene: what stands on the table.
        watch: called after each tick of 0.05 s; None for nobody.

    Attributes:
        physics: simulates arm and scene.
    """

    def __init__(self, scene: Scene, watch: Watch | None = None) -> None:
        config = ManipulationConfig(control="waypoint")
        self.physics = MujocoPhysics(config.robot)
        self.physics.reset(scene, np.array(HOME), MAX_FINGER_WIDTH)
        _let_sleep(self.physics)
        self._watch = watch
        self._control = WaypointControl(config, self.physics)
        self._control.begin()
        self._loose = [body.name for body in scene.bodies if body.mass is not None]

    def position(self, name: str) -> np.ndarray:
        """Where a body is, (3,) [m]."""
        return self.physics.body_pose(name).position

    def move(self, position: np.ndarray, quat: np.ndarray | None = None) -> None:
        """In a straight line to a position (3,) [m], turning to `quat`, or as it is turned."""
        turn = self._control.arm.target.quat if quat is None else quat
        for _ in self._control.travel(Pose(position=position, quat=turn)):
            self._look()

    def shift(self, x: float, y: float, z: float) -> None:
        """By so much from where it is to be [m]."""
        self.move(self._control.arm.target.position + np.array([x, y, z]))

    def stop_pressing(self) -> None:
        """Where the hand was held up on its way, be content with where it is."""
        arm = self._control.arm
        if arm.distance_to_target() > HELD_UP:
            here = self.physics.ee_pose().position
            back = here - arm.target.position
            self.move(here + GIVE * back / np.linalg.norm(back))

    def open_to(self, width: float) -> None:
        """Move the fingers to a gap [m], until they stand still."""
        for _ in self._control.close_to(width):
            self._look()

    def take(self, name: str, grasp: Grasp) -> bool:
        """Go to a grasp from above and close the fingers. Returns whether they hold the body."""
        before = grasp.pose.position - 0.05 * grasp.approach
        self.open_to(grasp.opening)
        self.move(np.array([*before[:2], max(before[2], TRAVEL_HEIGHT)]), grasp.pose.quat)
        self.move(before)
        self.move(grasp.pose.position)
        self.open_to(max(0.0, grasp.width - SQUEEZE))
        return self.holds(name)

    def come_down(self, pose: Pose, width: float) -> None:
        """Travel to above a pose with that gap of the fingers [m], and straight down to it."""
        self.open_to(width)
        self.move(np.array([*pose.position[:2], TRAVEL_HEIGHT]), pose.quat)
        self.move(pose.position)

    def let_go(self, grasp: Grasp) -> None:
        """Open the fingers, as wide as they go or what is beside them lets them, and go back the
        way the hand came.
        """
        self.open_to(MAX_FINGER_WIDTH)
        back = 0.05 * rotation_of(grasp.pose.quat)[:, 2]
        self.shift(*(-back).tolist())

    def holds(self, name: str) -> bool:
        """Whether both fingers touch a body."""
        touching = {other for pair in self.physics.contacts() if name in pair for other in pair}
        return touching >= FINGERS

    def wait_for_calm(self, held: str = "") -> None:
        """Until nothing moves any more but what is held, or for so long that it is no use."""
        names = [name for name in self._loose if name != held]
        for _ in range(MAX_CALM_TICKS):
            if max(map(self.physics.body_speed, names), default=0.0) < CALM_SPEED:
                return
            self._control.arm.tick()
            self._look()

    def _look(self) -> None:
        if self._watch is not None:
            self._watch(self.physics)


def _let_sleep(physics: MujocoPhysics) -> None:
    """What rests costs nothing until it is touched, where this version of MuJoCo knows how."""
    physics.model.opt.enableflags |= getattr(import_mujoco().mjtEnableBit, "mjENBL_SLEEP", 0)
