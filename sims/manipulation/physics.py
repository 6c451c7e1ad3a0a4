"""The one interface behind which the physics engines stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sims.manipulation.config import RobotConfig
from sims.manipulation.scene import Scene

ENGINES = ("mujoco", "bullet")
NUM_ARM_JOINTS = 7
MAX_FINGER_WIDTH = 0.08
"""Widest gap between the finger tips of a Panda hand [m]."""


class EngineUnavailableError(RuntimeError):
    """The package behind a physics engine is not installed."""


class SimulationDivergedError(RuntimeError):
    """Positions or velocities are not finite, or beyond all reason.

    Args:
        message: what was found, where and when.
        last_states: states of `Physics.get_state`, as JSON-able dicts, oldest first: the last ones
            that were still sound, for replay.
    """

    def __init__(self, message: str, last_states: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.last_states = last_states


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where something is.

    Attributes:
        position: float64 (3,) [m].
        quat: float64 (4,), (w, x, y, z), of length 1.
    """

    position: np.ndarray
    quat: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a camera sees. All arrays are fresh.

    Attributes:
        rgb: uint8 (H, W, 3).
        depth: float32 (H, W), distance along the optical axis [m]; None where not asked for.
        labels: int16 (H, W), index into `Physics.label_names`, -1 for table and backdrop; None
            where not asked for.
    """

    rgb: np.ndarray
    depth: np.ndarray | None = None
    labels: np.ndarray | None = None


class Physics(Protocol):
    """A robot arm with a gripper among the bodies of a scene. One per environment.

    The arm's motors follow joint targets under gravity; nothing but contacts and motors moves
    anything. Equal calls give bit-equal results in one version of an engine.
    """

    physics_dt: float
    """Time of one step [s]."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """What `Picture.labels` index: "robot", then per body its name, and "body/part" for each
        named part. A named part's pixels carry the part's label, the others the body's.
        """

    def reset(self, scene: Scene, joint_pos: np.ndarray, finger_width: float) -> None:
        """Build a scene and put the arm at rest into `joint_pos` (7,) [rad], targets there too."""

    def set_targets(self, joint_pos: np.ndarray, finger_width: float) -> None:
        """What the motors drive to from now on: (7,) [rad], and the gap of the fingers [m]."""

    def step(self, num_steps: int) -> None:
        """Simulate.

        Raises:
            SimulationDivergedError: see there.
        """

    def joint_pos(self) -> np.ndarray:
        """(7,) float64 [rad]."""

    def joint_vel(self) -> np.ndarray:
        """(7,) float64 [rad/s]."""

    def finger_width(self) -> float:
        """Gap between the finger tips [m]."""

    def ee_pose(self) -> Pose:
        """The point between the finger tips; z points out of the hand, y from finger to finger."""

    def body_pose(self, name: str) -> Pose:
        """Of a body of the scene.

        Raises:
            KeyError: for an unknown name.
        """

    def body_speed(self, name: str) -> float:
        """Length of the velocity of a body's frame [m/s]."""

    def slide_value(self, name: str) -> float:
        """Where a body's slide joint stands [m]."""

    def contacts(self) -> set[tuple[str, str]]:
        """Pairs of names that touch, each in alphabetical order: bodies, "table", "left_finger",
        "right_finger", and "robot" for the rest of the arm.
        """

    def render(
        self, camera: str, height: int, width: int, *, depth: bool = False, labels: bool = False
    ) -> Picture:
        """What a camera of the scene sees [px]; depth and labels cost extra."""

    def camera_pose(self, camera: str) -> Pose:
        """Of a camera now: x right, y up, looking along -z (the OpenGL convention)."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that `set_state` needs to go on bit-identically in the same scene."""

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Go back to what `get_state` gave, after a `reset` with an equal scene."""

    def close(self) -> None:
        """Free everything. Harmless when called twice."""


def make_physics(engine: str, robot: RobotConfig, *, shadows: bool = False) -> Physics:
    """A physics engine with a robot in it. Imports the engine's package.

    Raises:
        EngineUnavailableError: where it is not installed.
        ValueError: for an unknown engine.
    """
    if engine == "mujoco":
        from sims.manipulation.engines.mujoco_physics import MujocoPhysics

        return MujocoPhysics(robot, shadows=shadows)
    if engine == "bullet":
        from sims.manipulation.engines.bullet_physics import BulletPhysics

        return BulletPhysics(robot, shadows=shadows)
    raise ValueError(f"env.config.engine is {engine!r}; legal: {', '.join(ENGINES)}")
