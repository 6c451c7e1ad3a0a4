"""A compiled MuJoCo model of arm and scene, and what its numbers mean by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sims.manipulation import panda
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.mujoco_arm import (
    ROBOT_PREFIX,
    mesh_assets_xml,
    mesh_files,
    panda_drive_xml,
    panda_xml,
)
from sims.manipulation.engines.mujoco_model import (
    BODY_PREFIX,
    CAMERA_PREFIX,
    scene_xml,
    texture_files,
)
from sims.manipulation.scene import Scene
from sims.rendering import (
    RenderSettings,
    SceneRenderer,
    import_mujoco,
    shared_renderer,
)

if TYPE_CHECKING:
    import mujoco

MAX_GEOMS = 160
"""Most geoms of a scene that the shared renderer shows."""
NO_LABEL = -1
SURROUNDINGS = ("table", "floor", "walls")
FINGER_NAMES = ("left_finger", "right_finger")


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What all scenes of one robot have in common.

    Attributes:
        build: makes the model of a scene.
        renderer: this thread's renderer for such models.
        arm_joints, finger_joints: names of the joints that are driven, in the order of the motors.
        finger_travel: how far each finger joint opens [m].
        ee_site: name of the site that is the end effector.
    """

    build: Callable[[Scene], mujoco.MjModel]
    renderer: Callable[[RenderSettings], SceneRenderer]
    arm_joints: tuple[str, ...]
    finger_joints: tuple[str, ...]
    finger_travel: float
    ee_site: str


def structure_of(robot: RobotConfig) -> Structure:
    """What all scenes of a robot have in common.

    Raises:
        EngineUnavailableError: where its meshes are not installed.
        ValueError: where its file does not fit its configuration.
    """
    if robot.name != "file":
        return _panda(robot.name == "panda_mesh")
    return _own(json.dumps(asdict(robot)))


@lru_cache(maxsize=2)
def _panda(meshes: bool) -> Structure:
    assets = mesh_assets_xml() if meshes else ""
    files = texture_files() | (mesh_files() if meshes else {})

    def text(scene: Scene) -> str:
        arm = panda_xml([camera for camera in scene.cameras if camera.on_hand], meshes=meshes)
        return scene_xml(scene, arm=arm, extras=panda_drive_xml(), assets=assets)

    def build(scene: Scene) -> mujoco.MjModel:
        return import_mujoco().MjModel.from_xml_string(text(scene), files)

    def renderer(settings: RenderSettings) -> SceneRenderer:
        return shared_renderer(empty, settings, MAX_GEOMS, make_model=lambda: build(Scene()))

    empty = text(Scene())
    return Structure(
        build=lru_cache(maxsize=16)(build),
        renderer=renderer,
        arm_joints=tuple(f"{ROBOT_PREFIX}joint{index}" for index in range(1, 8)),
        finger_joints=(f"{ROBOT_PREFIX}left_finger", f"{ROBOT_PREFIX}right_finger"),
        finger_travel=panda.FINGER_TRAVEL,
        ee_site=f"{ROBOT_PREFIX}ee",
    )


@lru_cache(maxsize=4)
def _own(settings: str) -> Structure:
    """Args: settings: a `RobotConfig` as JSON."""
    robot = RobotConfig(**json.loads(settings))
    from sims.manipulation.engines.mujoco_files import EE_SITE, build_file_model

    def build(scene: Scene) -> mujoco.MjModel:
        return build_file_model(robot, scene)

    def renderer(quality: RenderSettings) -> SceneRenderer:
        return shared_renderer(settings, quality, MAX_GEOMS, make_model=lambda: build(Scene()))

    build(Scene())  # so that what is wrong is said at once
    return Structure(
        build=lru_cache(maxsize=16)(build),
        renderer=renderer,
        arm_joints=tuple(ROBOT_PREFIX + name for name in robot.arm_joints),
        finger_joints=tuple(ROBOT_PREFIX + name for name in robot.finger_joints),
        finger_travel=robot.finger_travel,
        ee_site=ROBOT_PREFIX + EE_SITE,
    )


class World:
    """A model, its state, and what its numbers mean.

    Args:
        structure: of the robot.
        scene: what stands around it.
    """

    def __init__(self, structure: Structure, scene: Scene) -> None:
        mj = import_mujoco()
        model = self.model = structure.build(scene)
        self.data, self.scene = mj.MjData(model), scene
        self.state_kind = int(mj.mjtState.mjSTATE_INTEGRATION)
        self.state_size = mj.mj_stateSize(model, self.state_kind)
        self.num_arm = len(structure.arm_joints)
        arm = [model.joint(name) for name in structure.arm_joints]
        self.arm_qpos = np.array([joint.qposadr[0] for joint in arm])
        self.arm_dofs = np.array([joint.dofadr[0] for joint in arm])
        fingers = [model.joint(name) for name in structure.finger_joints]
        self.finger_qpos = np.array([joint.qposadr[0] for joint in fingers], dtype=int)
        self._fingers = [int(model.jnt_bodyid[joint.id]) for joint in fingers]
        # some files let one finger open to the negative side
        self._signs = np.array(
            [-1.0 if joint.range[1] <= 0 > joint.range[0] else 1.0 for joint in fingers]
        )
        self._travel = structure.finger_travel
        self.ee_site = model.site(structure.ee_site).id
        self._bodies = {body.name: model.body(BODY_PREFIX + body.name).id for body in scene.bodies}
        self._cameras = {c.name: model.camera(CAMERA_PREFIX + c.name).id for c in scene.cameras}
        self.body_dofs = {index: self._dofs(index) for index in self._bodies.values()}
        self.slide_qpos = {
            self._bodies[body.name]: int(
                model.jnt_qposadr[model.body_jntadr[self._bodies[body.name]]]
            )
            for body in scene.bodies
            if body.slide is not None
        }

    def _dofs(self, body: int) -> slice:
        """Those that move a body's frame along."""
        start, count = self.model.body_dofadr[body], self.model.body_dofnum[body]
        return slice(start, start + min(count, 3))

    def finger_pos(self, width: float) -> np.ndarray:
        """Finger joints for a gap between the tips [m], as wide as they can."""
        opening = min(max(width / max(1, len(self._signs)), 0.0), self._travel)
        return opening * self._signs

    def finger_width(self) -> float:
        """Gap between the finger tips now [m]."""
        return float(self.data.qpos[self.finger_qpos] @ self._signs)

    @property
    def slide_starts(self) -> list[tuple[int, float]]:
        """(address in qpos, start) of the slide joints."""
        return [
            (self.slide_qpos[self._bodies[body.name]], body.slide.start)
            for body in self.scene.bodies
            if body.slide is not None
        ]

    def body(self, name: str) -> int:
        """MuJoCo's id of a body of the scene; `KeyError` where there is none."""
        if name not in self._bodies:
            raise KeyError(f"no body {name!r}; there are {', '.join(self._bodies)}")
        return self._bodies[name]

    def camera(self, name: str) -> int:
        """MuJoCo's id of a camera of the scene; `KeyError` where there is none."""
        if name not in self._cameras:
            raise KeyError(f"no camera {name!r}; there are {', '.join(self._cameras)}")
        return self._cameras[name]

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """See `Physics.label_names`."""
        names = ["robot"]
        for body in self.scene.bodies:
            names.append(body.name)
            named = [part.name for part in body.parts if part.name]
            names += [f"{body.name}/{part}" for part in dict.fromkeys(named)]
        return tuple(names)

    @cached_property
    def labels(self) -> np.ndarray:
        """Index into `label_names` for each geom, int16 (ngeom + 1,), the last for nothing."""
        index = {name: number for number, name in enumerate(self.label_names)}
        labels = np.full(self.model.ngeom + 1, index["robot"], dtype=np.int16)
        labels[-1] = NO_LABEL
        for name in SURROUNDINGS:
            labels[self.model.geom(name).id] = NO_LABEL
        for body in self.scene.bodies:
            first = self.model.body_geomadr[self._bodies[body.name]]
            for offset, part in enumerate(body.parts):
                name = f"{body.name}/{part.name}" if part.name else body.name
                labels[first + offset] = index[name]
        return labels

    @cached_property
    def contact_names(self) -> list[str]:
        """Name of each geom in `Physics.contacts`; "" for what is not told."""
        model = self.model
        of_body = {index: name for name, index in self._bodies.items()}
        of_body |= dict(zip(self._fingers, FINGER_NAMES, strict=False))
        for body in range(1, model.nbody):  # what hangs on a finger is finger; parents come first
            parent = int(model.body_parentid[body])
            if of_body.get(parent) in FINGER_NAMES:
                of_body[body] = of_body[parent]
        names = [of_body.get(int(body), "robot") for body in model.geom_bodyid]
        for name in SURROUNDINGS:
            names[model.geom(name).id] = name if name == "table" else ""
        return names
