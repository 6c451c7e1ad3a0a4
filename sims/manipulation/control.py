"""From numbers to motor targets: one class per numeric control mode."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space

from sims.manipulation.arm import (
    WORKSPACE_HIGH,
    WORKSPACE_LOW,
    Arm,
    gripper_width,
    pointing_down,
    turn,
)
from sims.manipulation.config import ManipulationConfig
from sims.manipulation.kinematics import chain_of
from sims.manipulation.orders import Control, Counts, Goal
from sims.manipulation.physics import Physics, Pose
from sims.manipulation.rotations import rotation_of, rotation_vector

__all__ = [
    "BoxControl",
    "Control",
    "Counts",
    "DeltaControl",
    "Goal",
    "JointControl",
    "WaypointControl",
    "make_control",
]

WAYPOINT_SPEED = 0.4
"""Fastest that a waypoint is approached [m/s]."""
WAYPOINT_TURN_SPEED = 2.0
"""Fastest that the hand turns on the way [rad/s]."""
ARRIVED = 0.004
"""A waypoint is reached when the hand is this near [m]."""
_MAX_WAIT, _MAX_FINGER_WAIT = 12, 10
"""Most ticks for arriving after the way, and for the fingers."""


class BoxControl:
    """What the numeric modes share: reading chunks, clipping, holding still.

    Args:
        config: of the environment.
        physics: moves the arm.
    """

    def __init__(self, config: ManipulationConfig, physics: Physics) -> None:
        self.arm = Arm(physics, chain_of(config.robot), config.control_dt)
        self.counts = Counts()
        self._low, self._high = (np.asarray(bound, np.float32) for bound in self._bounds(config))
        length = config.chunk_length
        self._chunk_length, self._width = length, len(self._low)
        bounds = (self._low, self._high)
        low, high = bounds if length == 1 else (np.tile(bound, (length, 1)) for bound in bounds)
        self.space: Space[Any] = Box(low, high, dtype=np.float32)

    def _bounds(self, config: ManipulationConfig) -> tuple[Any, Any]:
        """Lowest and highest order, each (D,)."""
        raise NotImplementedError

    def begin(self) -> None:
        """Take over an arm that was just reset."""
        self.counts = Counts()
        self.arm.begin()

    def orders(self, action: Any) -> list[np.ndarray]:
        """The rows of an action, float64 (D,) each."""
        expected = f"({self._width},) or (h, {self._width}) with 1 <= h <= {self._chunk_length}"
        try:
            rows = np.array(action, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"the action is no array of numbers; its shape is {expected}"
            ) from error
        shape = rows.shape
        rows = rows[None] if rows.ndim == 1 else rows
        if (
            rows.ndim != 2
            or rows.shape[1] != self._width
            or (not 1 <= len(rows) <= self._chunk_length)
        ):
            raise ValueError(f"the action has shape {shape}; it must be {expected}")
        return list(rows)

    def ticks(self, order: np.ndarray) -> Iterator[None]:
        """Carry out a row, clipped; one that is not finite holds still for a tick."""
        if not np.isfinite(order).all():
            self.counts.invalid += 1
            self._tick()
            yield
            return
        clipped = np.clip(order, self._low, self._high)
        self.counts.clipped += bool((clipped != order).any())
        yield from self._move(clipped)

    def _move(self, order: np.ndarray) -> Iterator[None]:
        raise NotImplementedError

    def aim(self, goal: Goal) -> np.ndarray:
        """The order, inside the action space, that goes towards a goal."""
        raise NotImplementedError

    def _tick(self) -> bool:
        """Lead the hand towards its target for `control_dt`. Returns whether it can go there."""
        reached = self.arm.lead()
        self.arm.tick()
        return reached

    def facts(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """The arm's targets and the counts."""
        return {"arm": self.arm.get_state(), "counts": vars(self.counts).copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.arm.set_state(state["arm"])
        self.counts = Counts(**state["counts"])

    def _fit(self, order: np.ndarray) -> np.ndarray:
        return np.clip(order, self._low, self._high).astype(np.float32)

    def _next_pose(
        self, goal: Goal, max_step: float, max_turn: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """From the commanded pose towards a goal: translation [m] and rotation vector [rad]."""
        pose = self.arm.target
        step = _limit(goal.position - pose.position, min(goal.speed, max_step))
        goal_rotation = rotation_of(pointing_down(goal.yaw))
        return step, _limit(rotation_vector(goal_rotation @ rotation_of(pose.quat).T), max_turn)


class DeltaControl(BoxControl):
    """`ee_delta`: translation, rotation vector and gripper, in shares of the largest step."""

    def __init__(self, config: ManipulationConfig, physics: Physics) -> None:
        super().__init__(config, physics)
        self._scale = np.repeat([config.max_translation, config.max_rotation], 3)

    def _bounds(self, config: ManipulationConfig) -> tuple[Any, Any]:
        return -np.ones(7), np.ones(7)

    def _move(self, order: np.ndarray) -> Iterator[None]:
        motion, pose = order[:6] * self._scale, self.arm.target
        quat = turn(pose.quat, motion[3:])
        inside = self.arm.go_to(Pose(position=pose.position + motion[:3], quat=quat))
        self.arm.width = gripper_width(order[6])
        reached = self._tick()
        self.counts.unreachable += not (inside and reached)
        yield

    def aim(self, goal: Goal) -> np.ndarray:
        """The step towards a goal."""
        step, rotation = self._next_pose(goal, self._scale[0], self._scale[3])
        motion = np.concatenate([step, rotation]) / self._scale
        return self._fit(np.append(motion, goal.gripper))


class JointControl(BoxControl):
    """`joint_pos`: positions of the arm's joints [rad], gripper."""

    def _bounds(self, config: ManipulationConfig) -> tuple[Any, Any]:
        chain = chain_of(config.robot)
        return np.append(chain.lower, -1.0), np.append(chain.upper, 1.0)

    def _move(self, order: np.ndarray) -> Iterator[None]:
        self.arm.go_to_joints(order[:-1])
        self.arm.width = gripper_width(order[-1])
        self._tick()
        yield

    def _tick(self) -> bool:
        self.arm.tick()
        return True

    def aim(self, goal: Goal) -> np.ndarray:
        """Joint positions a step nearer to a goal."""
        step, rotation = self._next_pose(goal, 0.05, 0.25)
        pose = self.arm.target
        near = Pose(position=pose.position + step, quat=turn(pose.quat, rotation))
        return self._fit(np.append(self.arm.solve(near).joint_pos, goal.gripper))


class WaypointControl(BoxControl):
    """`waypoint`: position [m], yaw [rad], gripper. The hand goes there in a straight line, waits
    until it has arrived, and then moves its fingers.
    """

    def __init__(self, config: ManipulationConfig, physics: Physics) -> None:
        super().__init__(config, physics)
        self._control_dt = config.control_dt

    def _bounds(self, config: ManipulationConfig) -> tuple[Any, Any]:
        return (*WORKSPACE_LOW, -math.pi, -1.0), (*WORKSPACE_HIGH, math.pi, 1.0)

    def _move(self, order: np.ndarray) -> Iterator[None]:
        goal = Pose(position=order[:3].copy(), quat=pointing_down(order[3]))
        yield from self.travel(goal)
        yield from self.close_to(gripper_width(order[4]))

    def travel(self, goal: Pose) -> Iterator[None]:
        """In a straight line to a pose, or to the nearest that can be reached."""
        start, reached = self.arm.target, True
        way = goal.position - start.position
        rotation = rotation_vector(rotation_of(goal.quat) @ rotation_of(start.quat).T)
        seconds = max(
            float(np.linalg.norm(way)) / WAYPOINT_SPEED,
            float(np.linalg.norm(rotation)) / WAYPOINT_TURN_SPEED,
        )
        num_ticks = max(1, math.ceil(1.5 * seconds / self._control_dt))
        for tick in range(1, num_ticks + 1):
            share = _ease(tick / num_ticks)
            quat = turn(start.quat, share * rotation)
            inside = self.arm.go_to(Pose(position=start.position + share * way, quat=quat))
            reached = self._tick() and inside
            yield
        for _ in range(_MAX_WAIT):
            if self.arm.distance_to_target() < ARRIVED:
                break
            reached = self._tick() and reached
            yield
        self.counts.unreachable += not reached

    def close_to(self, width: float) -> Iterator[None]:
        """Move the fingers until they stand still."""
        if width == self.arm.width:
            return
        self.arm.width = width
        for waited in range(_MAX_FINGER_WAIT):
            before = self.arm.physics.finger_width()
            self._tick()
            yield
            if waited and abs(self.arm.physics.finger_width() - before) < 5e-4:
                return

    def aim(self, goal: Goal) -> np.ndarray:
        """The goal itself."""
        yaw = math.remainder(goal.yaw, 2 * math.pi)
        return self._fit(np.array([*goal.position, yaw, goal.gripper]))


def _ease(share: float) -> float:
    """Of the way, at a share of the time: slow at both ends."""
    return share * share * (3.0 - 2.0 * share)


def _limit(vector: np.ndarray, length: float) -> np.ndarray:
    """The vector, made no longer than `length`."""
    size = float(np.linalg.norm(vector))
    return vector if size <= length else vector * (length / size)


_CONTROLS: dict[str, type[BoxControl]] = {
    "ee_delta": DeltaControl,
    "joint_pos": JointControl,
    "waypoint": WaypointControl,
}


def make_control(config: ManipulationConfig, physics: Physics) -> Control:
    """The control mode that a configuration names.

    Raises:
        ValueError: for one that is not there.
    """
    if config.control not in _CONTROLS:
        raise ValueError(f"env.config.control is {config.control!r}; legal: {', '.join(_CONTROLS)}")
    return _CONTROLS[config.control](config, physics)
