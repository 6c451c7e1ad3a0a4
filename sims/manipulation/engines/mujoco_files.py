"""A user's own robot from a URDF or MJCF file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.manipulation import panda
from sims.manipulation.cameras import local_pose
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.mujoco_arm import HIDDEN_GROUP, ROBOT_PREFIX, one_object
from sims.manipulation.engines.mujoco_model import (
    CAMERA_PREFIX,
    ROBOT_BIT,
    WORLD_BIT,
    scene_xml,
    texture_files,
)
from sims.manipulation.kinematics import Chain
from sims.manipulation.scene import Scene
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

EE_SITE = "saccade_ee"
LEAST_ARMATURE = 0.02
"""Of the user's joints: the motors need some inertia to work against [kg m^2]."""
ARMATURE_SHARE = 0.5
"""Of the inertia that a joint moves, at least so much again is its motor's."""


def read_chain(robot: RobotConfig) -> Chain:
    """The joints of a robot of the user's own, read at the pose that its file calls zero.

    Raises:
        ValueError: where a joint or link that the configuration names is not in the file, or a
            joint does not move the end effector.
    """
    mj, model = import_mujoco(), _robot_spec(robot).compile()
    data = mj.MjData(model)
    mj.mj_kinematics(model, data)
    joints = [model.joint(name).id for name in robot.arm_joints]
    carried = _ancestors(model, int(model.body(robot.ee_link).id))
    for name, joint in zip(robot.arm_joints, joints, strict=True):
        if int(model.jnt_bodyid[joint]) not in carried:
            raise ValueError(f"arm joint {name!r} does not move ee_link {robot.ee_link!r}")
    anchors = data.xanchor[joints]
    origins = np.tile(np.eye(4), (len(joints), 1, 1))
    origins[:, :3, 3] = np.diff(anchors, axis=0, prepend=0.0)
    body = model.body(robot.ee_link).id
    end = np.eye(4)
    end[:3, :3] = data.xmat[body].reshape(3, 3)
    end[:3, 3] = data.xpos[body] - anchors[-1]
    limited = model.jnt_limited[joints].astype(bool)
    return Chain(
        origins=origins,
        axes=data.xaxis[joints].copy(),
        slides=model.jnt_type[joints] == int(mj.mjtJoint.mjJNT_SLIDE),
        end=end,
        lower=np.where(limited, model.jnt_range[joints, 0], -2 * np.pi),
        upper=np.where(limited, model.jnt_range[joints, 1], 2 * np.pi),
        home=np.array(robot.home or [0.0] * len(joints), dtype=np.float64),
    )


def build_file_model(robot: RobotConfig, scene: Scene) -> mujoco.MjModel:
    """The model of a scene with the user's robot in it."""
    mj = import_mujoco()
    spec = mj.MjSpec.from_string(scene_xml(scene), assets=texture_files())
    own = _robot_spec(robot)
    hand = own.body(robot.ee_link)
    for camera in scene.cameras:
        if camera.on_hand:
            pose = local_pose(camera)
            position = pose.position - [0.0, 0.0, panda.EE_LENGTH]
            hand.add_camera(
                name=CAMERA_PREFIX + camera.name, fovy=camera.fovy, pos=position, quat=pose.quat
            )
    spec.attach(own, prefix=ROBOT_PREFIX, frame=spec.worldbody.add_frame())
    for camera in spec.cameras:
        camera.name = camera.name.removeprefix(ROBOT_PREFIX)
    return spec.compile()


def _robot_spec(robot: RobotConfig) -> mujoco.MjSpec:
    """The file's robot with our motors, an end effector, and nothing that touches itself."""
    spec = _load(robot)
    for motor in list(spec.actuators):
        spec.delete(motor)
    hand = _find(spec.body(robot.ee_link), "ee_link", robot.ee_link, [b.name for b in spec.bodies])
    hand.add_site(name=EE_SITE, group=HIDDEN_GROUP)
    for body in spec.bodies:
        body.gravcomp = 1.0
        drawn = any(not (geom.contype or geom.conaffinity) for geom in body.geoms)
        for geom in body.geoms:
            if geom.contype or geom.conaffinity:
                geom.contype, geom.conaffinity = ROBOT_BIT, WORLD_BIT
                geom.group = HIDDEN_GROUP if drawn else geom.group
    _add_motors(spec, robot)
    return spec


def _add_motors(spec: mujoco.MjSpec, robot: RobotConfig) -> None:
    model = spec.compile()
    names = [joint.name for joint in spec.joints]
    for name in robot.arm_joints:
        joint = _find(spec.joint(name), "arm_joints", name, names)
        moved = float(model.dof_M0[model.joint(name).dofadr[0]])
        share = ARMATURE_SHARE * moved + LEAST_ARMATURE
        joint.armature = max(float(joint.armature), share)
        damping = 4 * (moved + joint.armature) / panda.SERVO_SECONDS
        _add_motor(spec, name, damping / panda.SERVO_SECONDS, damping)
    for name in robot.finger_joints:
        joint = _find(spec.joint(name), "finger_joints", name, names)
        joint.armature = max(float(joint.armature), panda.FINGER_ARMATURE)
        motor = _add_motor(spec, name, panda.FINGER_STIFFNESS, panda.FINGER_DAMPING)
        motor.forcelimited = True
        motor.forcerange = [-panda.FINGER_FORCE, panda.FINGER_FORCE]


def _add_motor(
    spec: mujoco.MjSpec, joint: str, stiffness: float, damping: float
) -> mujoco.MjsActuator:
    mj = import_mujoco()
    motor = spec.add_actuator(name=f"motor/{joint}", target=joint)
    motor.trntype = mj.mjtTrn.mjTRN_JOINT
    motor.biastype = mj.mjtBias.mjBIAS_AFFINE
    motor.gainprm[0] = stiffness
    motor.biasprm[1], motor.biasprm[2] = -stiffness, -damping
    return motor


def _find(found: Any, field: str, name: str, names: list[str]) -> Any:
    """What the configuration names, unless it is None."""
    if found is None:
        raise ValueError(
            f"env.config.robot.{field} names {name!r}, which is not in the file; there are "
            f"{', '.join(filter(None, names))}"
        )
    return found


def _ancestors(model: mujoco.MjModel, body: int) -> set[int]:
    found = {body}
    while body:
        body = int(model.body_parentid[body])
        found.add(body)
    return found


def _load(robot: RobotConfig) -> mujoco.MjSpec:
    mj, path = import_mujoco(), Path(str(robot.path))
    if not path.is_file():
        raise ValueError(f"env.config.robot.path is {robot.path!r}, which is not a file")
    text = path.read_text(encoding="utf-8")
    try:
        if "<robot" not in text:
            return mj.MjSpec.from_file(str(path))
        text, files = _urdf_text(text, path.parent.resolve())
        return mj.MjSpec.from_string(text, assets=files)
    except ValueError as error:
        raise ValueError(f"MuJoCo cannot read {path}: {error}") from error


def _urdf_text(text: str, folder: Path) -> tuple[str, dict[str, bytes]]:
    """A URDF file that says how MuJoCo should take it, and its meshes by names of our own."""
    names: dict[Path, str] = {}

    def rename(match: re.Match[str]) -> str:
        path = _mesh_path(match[2], folder)
        names.setdefault(path, f"{len(names)}_{path.name}")
        return f"{match[1]}{names[path]}{match[3]}"

    text = re.sub(r'(<mesh[^>]*filename=")([^"]+)(")', rename, text)
    files = {name: _mesh_bytes(path) for path, name in names.items()}
    if "<mujoco" in text:
        return text, files
    settings = (
        '<mujoco><compiler strippath="false" fusestatic="false" discardvisual="false"'
        ' balanceinertia="true" boundmass="0.001" boundinertia="0.000001"/></mujoco>'
    )
    return re.sub(r"(<robot\b[^>]*>)", rf"\1{settings}", text, count=1), files


def _mesh_bytes(path: Path) -> bytes:
    if path.suffix.lower() == ".obj":
        return one_object(path.read_text(encoding="utf-8"))
    return path.read_bytes()


def _mesh_path(name: str, folder: Path) -> Path:
    """Where a mesh is that a URDF names by package, or by a path from its own folder or above."""
    bare = Path(re.sub(r"^(package|file)://", "", name))
    shorter = Path(*bare.parts[1:]) if len(bare.parts) > 1 else bare
    for base in (folder, *folder.parents):
        for tail in (bare, shorter):
            if (base / tail).is_file():
                return base / tail
    raise ValueError(f"mesh {name!r} is neither beside the URDF file nor in a folder above it")
