"""Where the hand would hit something: looked up before it moves, by geometry alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sims.avr.handling.grasps import Grasp
from sims.avr.handling.room import Shapes, hand_points
from sims.manipulation.engines.mujoco_arm import ROBOT_PREFIX
from sims.manipulation.kinematics import inverse, panda_chain
from sims.manipulation.panda import HOME
from sims.manipulation.physics import MAX_FINGER_WIDTH, Pose
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

RETREATS = (0.0, 0.02, 0.05)
"""How far back on its way in the hand is looked at [m]."""
REACHED = 0.002
"""How near inverse kinematics must come to a pose [m]."""
MAX_ITERATIONS = 30
SPARE = 0.002
"""Added to the gap of the fingers where it is looked whether there is room for them [m]."""


class Clearance:
    """Says what an arm in a scene would touch.

    Args:
        model: of arm and scene.
        data: its state, which is left alone.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._mj, self._model = import_mujoco(), model
        self._data = self._mj.MjData(model)
        self._data.qpos[:] = data.qpos
        self._mj.mj_kinematics(model, self._data)
        arm = [f"{ROBOT_PREFIX}joint{index}" for index in range(1, 8)]
        fingers = [f"{ROBOT_PREFIX}{side}_finger" for side in ("left", "right")]
        self._arm, self._fingers = (
            [int(model.joint(name).qposadr[0]) for name in names] for names in (arm, fingers)
        )
        owners = [model.body(int(body)).name for body in model.geom_bodyid]
        self._is_robot = np.array([name.startswith(ROBOT_PREFIX) for name in owners])
        others = np.flatnonzero(~self._is_robot & (model.geom_bodyid > 0))
        self._shapes = Shapes(model, self._data, others)
        self._chain = panda_chain()

    def can_grasp(self, grasp: Grasp) -> bool:
        """Whether the hand has room to get to a grasp, and its fingers to close on the body."""
        backs = [-back * grasp.approach for back in RETREATS]
        width = min(grasp.opening + SPARE, MAX_FINGER_WIDTH)
        closed = grasp.width + SPARE / 2
        return self._is_free(_moved(grasp.pose, backs), width) and self._is_free(
            [grasp.pose], closed
        )

    def has_way_down(self, pose: Pose, width: float) -> bool:
        """Whether the hand can come straight down to a pose with that gap of the fingers [m]."""
        ups = [np.array([0.0, 0.0, back]) for back in RETREATS]
        return self._is_free(_moved(pose, ups), width)

    def _is_free(self, poses: Sequence[Pose], width: float) -> bool:
        """Whether the arm can be in all of these poses, near each other, and touch nothing."""
        if self._shapes.hold_any(hand_points(poses[0], width)):
            return False
        joints = np.array(HOME)
        for pose in poses:
            solution = inverse(
                self._chain, pose, joints, max_iterations=MAX_ITERATIONS, restarts=False
            )
            joints = solution.joint_pos
            if solution.error > REACHED or self._touches(joints, width):
                return False
        return True

    def _touches(self, joints: np.ndarray, width: float) -> bool:
        """Whether the arm touches anything with these joint positions, (7,) [rad]."""
        self._data.qpos[self._arm], self._data.qpos[self._fingers] = joints, width / 2
        self._mj.mj_kinematics(self._model, self._data)
        self._mj.mj_collision(self._model, self._data)
        contact = self._data.contact
        return bool(self._is_robot[contact.geom[contact.dist < 0]].any())


def _moved(pose: Pose, ways: Sequence[np.ndarray]) -> list[Pose]:
    return [Pose(position=pose.position + way, quat=pose.quat) for way in ways]
