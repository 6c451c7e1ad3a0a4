"""The arm and a scene in MuJoCo."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.mujoco_model import PHYSICS_DT
from sims.manipulation.engines.mujoco_world import World, structure_of
from sims.manipulation.physics import Picture, Pose, SimulationDivergedError
from sims.manipulation.rotations import quat_of
from sims.manipulation.scene import Scene
from sims.rendering import RenderSettings, SceneRenderer, import_mujoco

if TYPE_CHECKING:
    import mujoco

MAX_SPEED = 100.0
"""Nothing sound moves faster [m/s, rad/s]."""
NUM_LAST_STATES = 3
TOUCHING = 5e-4
"""What is so near counts as touching [m]: what is lightly pushed along is touched in most steps
only.
"""


class MujocoPhysics:
    """`Physics` by MuJoCo.

    Gravity pulls at everything; that it pulls at the arm is made up for, as in a real Panda, whose
    controller adds the torques that carry its own weight.

    Args:
        robot: which arm.
        shadows: whether the light casts shadows.

    Raises:
        EngineUnavailableError: where the robot's meshes are not installed.
        ValueError: where the robot's own file does not fit its configuration.
    """

    physics_dt = PHYSICS_DT

    def __init__(self, robot: RobotConfig, *, shadows: bool = False) -> None:
        self._mj, self._shadows = import_mujoco(), shadows
        self._world: World | None = None
        self._last_states: deque[np.ndarray] = deque(maxlen=NUM_LAST_STATES)
        self._structure = structure_of(robot)
        self._stale_poses = self._stale_contacts = True

    @property
    def _built(self) -> World:
        if self._world is None:
            raise RuntimeError("no scene yet; call reset(scene, joint_pos, finger_width) first")
        return self._world

    @property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's model of the arm and the scene."""
        return self._built.model

    @property
    def data(self) -> mujoco.MjData:
        """MuJoCo's state of the arm and the scene."""
        return self._built.data

    @property
    def label_names(self) -> tuple[str, ...]:
        return self._built.label_names

    def reset(self, scene: Scene, joint_pos: np.ndarray, finger_width: float) -> None:
        world = self._world = World(self._structure, scene)
        world.data.qpos[world.arm_qpos] = joint_pos
        world.data.qpos[world.finger_qpos] = world.finger_pos(finger_width)
        for address, start in world.slide_starts:
            world.data.qpos[address] = start
        self.set_targets(joint_pos, finger_width)
        self._last_states.clear()
        self._refresh()
        self._stale_contacts = True
        self._remember()

    def set_targets(self, joint_pos: np.ndarray, finger_width: float) -> None:
        world = self._built
        world.data.ctrl[: world.num_arm] = joint_pos
        world.data.ctrl[world.num_arm :] = world.finger_pos(finger_width)

    def step(self, num_steps: int) -> None:
        world = self._built
        self._stale_poses = self._stale_contacts = True
        with _no_log_file(self._mj):
            self._mj.mj_step(world.model, world.data, num_steps)
        speed = np.abs(world.data.qvel).max(initial=0.0)
        if not speed < MAX_SPEED or not np.isfinite(world.data.qpos.sum()):
            self._diverged(float(speed))
        self._remember()

    def _remember(self) -> None:
        self._last_states.append(self._snapshot())

    def _snapshot(self) -> np.ndarray:
        world = self._built
        state = np.empty(world.state_size)
        self._mj.mj_getState(world.model, world.data, state, world.state_kind)
        return state

    def _diverged(self, speed: float) -> None:
        """Go back to the last sound state and say so."""
        last, time = list(self._last_states), float(self.data.time)
        self.set_state({"state": last[-1]})
        raise SimulationDivergedError(
            f"after {time:.3f} s something moves at {speed:.3g} m/s or rad/s, above {MAX_SPEED:g}",
            [{"state": state.tolist()} for state in last],
        )

    def _refresh(self) -> None:
        """Bring poses up to date: a step leaves them as they were before it."""
        world = self._built
        self._mj.mj_kinematics(world.model, world.data)
        self._mj.mj_camlight(world.model, world.data)
        self._stale_poses = False

    def _posed(self) -> mujoco.MjData:
        if self._stale_poses:
            self._refresh()
        return self._built.data

    def joint_pos(self) -> np.ndarray:
        return self.data.qpos[self._built.arm_qpos]

    def joint_vel(self) -> np.ndarray:
        return self.data.qvel[self._built.arm_dofs]

    def finger_width(self) -> float:
        return self._built.finger_width()

    def ee_pose(self) -> Pose:
        data, site = self._posed(), self._built.ee_site
        return Pose(
            position=data.site_xpos[site].copy(), quat=quat_of(data.site_xmat[site].reshape(3, 3))
        )

    def body_pose(self, name: str) -> Pose:
        index = self._built.body(name)
        data = self._posed()
        return Pose(position=data.xpos[index].copy(), quat=data.xquat[index].copy())

    def body_speed(self, name: str) -> float:
        dofs = self._built.body_dofs[self._built.body(name)]
        return float(np.linalg.norm(self.data.qvel[dofs]))

    def slide_value(self, name: str) -> float:
        address = self._built.slide_qpos.get(self._built.body(name))
        if address is None:
            raise KeyError(f"body {name!r} has no slide joint")
        return float(self.data.qpos[address])

    def contacts(self) -> set[tuple[str, str]]:
        world, data = self._built, self._posed()
        if self._stale_contacts:
            world.model.geom_margin[:] = TOUCHING / 2
            self._mj.mj_collision(world.model, data)
            world.model.geom_margin[:] = 0.0  # pushes as if there were no gap, were it left
            self._stale_contacts = False
        names = world.contact_names
        found = set()
        for one, other in data.contact.geom[data.contact.dist < TOUCHING].tolist():
            pair = (names[one], names[other])
            if pair[0] != pair[1] and "" not in pair:
                found.add((min(pair), max(pair)))
        return found

    def render(
        self, camera: str, height: int, width: int, *, depth: bool = False, labels: bool = False
    ) -> Picture:
        world, data = self._built, self._posed()
        index, renderer = world.camera(camera), self._renderer(height, width)
        rgb, distances = renderer.photograph(world.model, data, index, depth=depth)
        marks = None
        if labels:
            marks = renderer.segment(world.model, data, index, labels=world.labels)
        return Picture(rgb=rgb, depth=distances, labels=marks)

    def _renderer(self, height: int, width: int) -> SceneRenderer:
        settings = RenderSettings(height=height, width=width, shadows=self._shadows)
        return self._structure.renderer(settings)

    def camera_pose(self, camera: str) -> Pose:
        index, data = self._built.camera(camera), self._posed()
        return Pose(
            position=data.cam_xpos[index].copy(), quat=quat_of(data.cam_xmat[index].reshape(3, 3))
        )

    def get_state(self) -> dict[str, np.ndarray]:
        return {"state": self._snapshot()}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        world = self._built
        vector = np.asarray(state["state"], dtype=np.float64)
        if vector.shape != (world.state_size,):
            raise ValueError(
                f"the state has {vector.shape} numbers, the scene needs ({world.state_size},); "
                "reset with an equal scene first"
            )
        self._mj.mj_setState(world.model, world.data, vector, world.state_kind)
        self._stale_poses = self._stale_contacts = True
        self._last_states.clear()
        self._remember()

    def close(self) -> None:
        self._world = None
        self._last_states.clear()


@contextmanager
def _no_log_file(mj: ModuleType) -> Iterator[None]:
    """Keep MuJoCo from writing of what is raised anyway to a file in the working folder."""
    before = mj.get_mju_user_warning()
    mj.set_mju_user_warning(_ignore)
    try:
        yield
    finally:
        mj.set_mju_user_warning(before)


def _ignore(message: str) -> None:
    """`SimulationDivergedError` says it."""
