"""The arm's motors, driven towards a target pose at speeds that they can follow."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from sims.manipulation.kinematics import Chain, Solution, forward, inverse
from sims.manipulation.panda import MAX_SPEEDS
from sims.manipulation.physics import MAX_FINGER_WIDTH, Physics, Pose
from sims.manipulation.rotations import quat_of, rotation_of, rotation_vector

WORKSPACE_LOW = (0.20, -0.45, 0.010)
WORKSPACE_HIGH = (0.72, 0.45, 0.55)
"""Corners of the box in which targets of the end effector are kept [m]."""
REACHED = 0.003
"""A pose counts as reachable when inverse kinematics comes this near [m]; 15 mrad weigh as much."""
HASTE = 2.0
"""How much faster than a real Panda's the joints may go: the longest step of the VLA convention,
5 cm in a twentieth of a second, asks for about so much."""
JOINT_ACCELERATION = 40.0
"""Of the motors' targets, at most, so that the motors have the torque to follow them [rad/s^2]."""
SPEED, ACCELERATION = 1.2, 12.0
"""Of the point that the hand follows to its target, at most [m/s, m/s^2]."""
TURN_SPEED, TURN_ACCELERATION = 5.0, 60.0
"""The same for its rotation [rad/s, rad/s^2]."""
_RAMPS = 5
"""In how many pieces a tick moves the motors' targets, at most."""


class Arm:
    """Holds what the motors are told.

    Args:
        physics: moves the arm.
        chain: its joints.
        control_dt: time of a tick [s].

    Attributes:
        target: the commanded pose of the end effector.
        joint_target: the joint positions that give it, (n,) [rad].
        width: the commanded gap of the fingers [m].
    """

    def __init__(self, physics: Physics, chain: Chain, control_dt: float) -> None:
        self.physics, self.chain = physics, chain
        self._control_dt = control_dt
        speeds = MAX_SPEEDS if chain.num_joints == len(MAX_SPEEDS) else (min(MAX_SPEEDS),)
        self._max_speed = HASTE * np.asarray(speeds)
        self.joint_target = np.zeros(chain.num_joints)
        self._motors, self._joint_speed = np.zeros((2, chain.num_joints))
        self.target = self._led = forward(chain, self.joint_target)
        self._led_speed = np.zeros(6)
        self.width = MAX_FINGER_WIDTH

    def begin(self) -> None:
        """Take over an arm at rest: targets are where it is."""
        self.joint_target = self.physics.joint_pos().copy()
        self._motors = self.joint_target.copy()
        self._joint_speed = np.zeros_like(self._motors)
        self.target = forward(self.chain, self.joint_target)
        self._led, self._led_speed = self.target, np.zeros(6)
        self.width = self.physics.finger_width()

    def solve(self, pose: Pose) -> Solution:
        """Joint positions for a pose, near the present target's."""
        return inverse(self.chain, pose, self.joint_target, max_iterations=20, restarts=False)

    def go_to(self, pose: Pose) -> bool:
        """Make a pose the target, as far as it is in the workspace; `lead` finds out whether the
        arm can reach it.

        Returns:
            Whether it is in the workspace.
        """
        inside = np.clip(pose.position, WORKSPACE_LOW, WORKSPACE_HIGH)
        self.target = Pose(position=inside, quat=pose.quat)
        return bool((np.abs(inside - pose.position) < 1e-9).all())

    def go_to_joints(self, joint_pos: np.ndarray) -> None:
        """Make joint positions (n,) the target [rad]."""
        self.joint_target = np.clip(joint_pos, self.chain.lower, self.chain.upper)
        self.target = self._led = forward(self.chain, self.joint_target)

    def lead(self) -> bool:
        """Lead the hand a tick nearer to its target, in a straight line and without jerks.

        Returns:
            Whether the arm can reach so far; else the target is now the nearest that it can.
        """
        seconds, led = self._control_dt, self._led
        way = self.target.position - led.position
        rotation = rotation_vector(rotation_of(self.target.quat) @ rotation_of(led.quat).T)
        speed = np.concatenate(
            [
                _speed_up(self._led_speed[:3], way, SPEED, ACCELERATION, seconds),
                _speed_up(self._led_speed[3:], rotation, TURN_SPEED, TURN_ACCELERATION, seconds),
            ]
        )
        self._led_speed = speed
        self._led = Pose(
            position=led.position + speed[:3] * seconds, quat=turn(led.quat, speed[3:] * seconds)
        )
        solution = self.solve(self._led)
        self.joint_target = solution.joint_pos
        if solution.error > REACHED:
            self.target = self._led = forward(self.chain, self.joint_target)
            self._led_speed = np.zeros(6)
        return solution.error <= REACHED

    def tick(self) -> None:
        """Simulate `control_dt` while the motors' targets move to the joint target, no faster and
        no more abruptly than the motors can.
        """
        num_steps = max(1, round(self._control_dt / self.physics.physics_dt))
        start, way = self._motors, self._joint_way()
        ends = np.linspace(0, num_steps, min(_RAMPS, num_steps) + 1).astype(int)
        for begin, end in pairwise(ends.tolist()):
            self._motors = start + way * (end / num_steps)
            self.physics.set_targets(self._motors, self.width)
            self.physics.step(end - begin)

    def _joint_way(self) -> np.ndarray:
        """How far the motors' targets move in this tick, (n,) [rad]."""
        seconds = self._control_dt
        speed = _brake(self.joint_target - self._motors, JOINT_ACCELERATION, seconds)
        speed = np.clip(speed, -self._max_speed, self._max_speed)
        change = JOINT_ACCELERATION * seconds
        self._joint_speed = self._joint_speed + np.clip(speed - self._joint_speed, -change, change)
        return self._joint_speed * seconds

    def distance_to_target(self) -> float:
        """From the end effector to the commanded position [m]."""
        return float(np.linalg.norm(self.physics.ee_pose().position - self.target.position))

    def get_state(self) -> dict[str, Any]:
        """What is commanded, copied."""
        return {
            "joint_target": self.joint_target.copy(),
            "motors": self._motors.copy(),
            "joint_speed": self._joint_speed.copy(),
            "target": _copy(self.target),
            "led": _copy(self._led),
            "led_speed": self._led_speed.copy(),
            "width": float(self.width),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.joint_target = np.array(state["joint_target"])
        self._motors = np.array(state["motors"])
        self._joint_speed = np.array(state["joint_speed"])
        self.target, self._led = (
            Pose(position=np.array(state[name][0]), quat=np.array(state[name][1]))
            for name in ("target", "led")
        )
        self._led_speed = np.array(state["led_speed"])
        self.width = float(state["width"])


def _copy(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    return pose.position.copy(), pose.quat.copy()


def _brake(way: np.ndarray, acceleration: float, seconds: float) -> np.ndarray:
    """Speed at which a way [rad or m] is covered in a tick, or else in time to brake at its end."""
    away = np.abs(way)
    return np.sign(way) * np.minimum(away / seconds, 0.8 * np.sqrt(2 * acceleration * away))


def _speed_up(
    speed: np.ndarray, way: np.ndarray, fastest: float, acceleration: float, seconds: float
) -> np.ndarray:
    """The next velocity along a way, (3,), after the present one."""
    away = float(np.linalg.norm(way))
    if away > 1e-9:
        wanted = way / away * min(fastest, float(_brake(np.array(away), acceleration, seconds)))
    else:
        wanted = np.zeros(3)
    change = wanted - speed
    size = float(np.linalg.norm(change))
    return speed + change * min(1.0, acceleration * seconds / max(size, 1e-12))


def gripper_width(gripper: float) -> float:
    """Gap of the fingers [m] for a gripper number from -1, open, to 1, closed."""
    return MAX_FINGER_WIDTH * (1.0 - float(gripper)) / 2.0


def gripper_number(width: float) -> float:
    """The number for a gap of the fingers [m], in [-1, 1]."""
    return 1.0 - 2.0 * width / MAX_FINGER_WIDTH


def pointing_down(yaw: float) -> np.ndarray:
    """Quaternion (4,) of a hand that points down, turned about the vertical [rad]."""
    return np.array([0.0, math.cos(yaw / 2), math.sin(yaw / 2), 0.0])


def turn(quat: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """A pose's quaternion (4,) after a rotation vector (3,) in the world's frame [rad]."""
    angle = float(np.linalg.norm(rotation))
    if angle < 1e-12:
        return quat.copy()
    axis = np.sin(angle / 2) * rotation / angle
    by = np.array([math.cos(angle / 2), *axis])
    return quat_of(rotation_of(by) @ rotation_of(quat))
