"""Which joints of a MuJoCo model are its robot's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

STUCK_DAMPING = 1e6
"""A joint with more than this is there to be held in place, as the wheels' of Fetch are."""


def robot_joints(model: mujoco.MjModel) -> list[int]:
    """The hinge and slide joints of every kinematic tree that an actuator or a weld moves.

    Things on the table hang by free joints of their own, or nothing drives them, and are left out.
    """
    mj = import_mujoco()
    joint_kinds = {int(mj.mjtTrn.mjTRN_JOINT), int(mj.mjtTrn.mjTRN_JOINTINPARENT)}
    moved = [
        int(model.actuator_trnid[i, 0])
        for i in range(model.nu)
        if int(model.actuator_trntype[i]) in joint_kinds
    ]
    roots = {_root(model, joint) for joint in moved} | _welded_roots(model)
    single = {int(mj.mjtJoint.mjJNT_HINGE), int(mj.mjtJoint.mjJNT_SLIDE)}
    return [
        joint
        for joint in range(model.njnt)
        if int(model.jnt_type[joint]) in single
        and _root(model, joint) in roots
        and model.dof_damping[model.jnt_dofadr[joint]] < STUCK_DAMPING
    ]


def _welded_roots(model: mujoco.MjModel) -> set[int]:
    """Roots of the trees that a weld ties to something, as Fetch's arm is to what leads it."""
    mj = import_mujoco()
    welds = [i for i in range(model.neq) if int(model.eq_type[i]) == int(mj.mjtEq.mjEQ_WELD)]
    bodies = [int(body) for i in welds for body in (model.eq_obj1id[i], model.eq_obj2id[i])]
    return {int(model.body_rootid[body]) for body in bodies} - {0}


def joint_positions(model: mujoco.MjModel, data: mujoco.MjData, joints: list[int]) -> np.ndarray:
    """Where hinge and slide joints stand, float64 (J,) [rad] or [m]."""
    return data.qpos[[int(model.jnt_qposadr[joint]) for joint in joints]]


def _root(model: mujoco.MjModel, joint: int) -> int:
    return int(model.body_rootid[model.jnt_bodyid[joint]])
