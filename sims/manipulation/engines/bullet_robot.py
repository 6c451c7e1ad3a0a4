"""The robot in a PyBullet world: the Panda that PyBullet brings along, or a user's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sims.manipulation import panda
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.bullet_client import Client, bullet_data, memory_file

PANDA = RobotConfig(
    name="file",
    path="franka_panda/panda.urdf",
    arm_joints=[f"panda_joint{i}" for i in range(1, 8)],
    finger_joints=["panda_finger_joint1", "panda_finger_joint2"],
    ee_link="panda_hand",
)
"""What is where in PyBullet's Panda."""
COLORS = {"panda_link0": panda.DARK, "panda_hand": panda.GREY}
"""Link of the Panda -> its color, where it is not `panda.LIGHT`; the fingers are dark."""
UNKNOWN_FORCE = 1000.0
"""Of motors whose largest one the file does not tell [N m or N]."""
COUPLING_FORCE = 100.0
"""With which the fingers are held at one distance from the middle, at most [N]."""
COUPLING_STIFFNESS = 0.2
"""Share of what the fingers are apart from that, that a step takes back."""


@dataclass(kw_only=True)
class RobotHandle:
    """The robot in the world.

    Attributes:
        body: its id.
        arm, fingers: indices of their joints, which are also those of the links they move.
        ee_link, ee_offset: the end effector's frame is that of the link, moved along its z [m].
        num_links: how many links it has beside its base.
        forces: most that the motors of the arm's joints and the fingers give [N m or N].
    """

    body: int
    arm: list[int]
    fingers: list[int]
    ee_link: int
    ee_offset: float
    num_links: int
    forces: list[float]


def load_robot(client: Client, config: RobotConfig) -> RobotHandle:
    """Put the robot at the world's origin.

    Raises:
        ValueError: where its file cannot be read, or lacks what the configuration names.
    """
    is_panda = config.name != "file"
    names = PANDA if is_panda else config
    flags = 0 if is_panda else client.URDF_USE_INERTIA_FROM_FILE
    with robot_file(config) as path:
        try:
            body = client.loadURDF(path, useFixedBase=True, flags=flags)
        except client.error as problem:
            raise ValueError(f"env.config.robot.path is {config.path!r}: {problem}") from problem
    joints, links, efforts = {}, {}, []
    for index in range(client.getNumJoints(body)):
        info = client.getJointInfo(body, index)
        joints[info[1].decode()], links[info[12].decode()] = index, index
        efforts.append(info[10] or UNKNOWN_FORCE)
        client.changeDynamics(body, index, linearDamping=0, angularDamping=0, jointDamping=0)
    arm = [_find(joints, name, "arm_joints") for name in names.arm_joints]
    fingers = [_find(joints, name, "finger_joints") for name in names.finger_joints]
    robot = RobotHandle(
        body=body,
        arm=arm,
        fingers=fingers,
        ee_link=_find(links, names.ee_link, "ee_link"),
        ee_offset=panda.EE_LENGTH if is_panda else 0.0,
        num_links=len(joints),
        forces=[*panda.MAX_TORQUES, *[panda.FINGER_FORCE] * 2]
        if is_panda
        else [efforts[joint] for joint in (*arm, *fingers)],
    )
    if len(robot.fingers) == 2:
        couple_fingers(client, robot)
    if config.name == "panda":
        paint(client, robot, links)
    return robot


def couple_fingers(client: Client, robot: RobotHandle) -> None:
    """Keep two fingers equally far from the middle, so that what they hold does not swim."""
    gear = client.createConstraint(
        robot.body,
        robot.fingers[0],
        robot.body,
        robot.fingers[1],
        jointType=client.JOINT_GEAR,
        jointAxis=[1, 0, 0],
        parentFramePosition=[0, 0, 0],
        childFramePosition=[0, 0, 0],
    )
    client.changeConstraint(gear, gearRatio=-1, erp=COUPLING_STIFFNESS, maxForce=COUPLING_FORCE)


def paint(client: Client, robot: RobotHandle, links: dict[str, int]) -> None:
    """Give the Panda's links the colors that they have in MuJoCo."""
    for name, link in {"panda_link0": -1, **links}.items():
        color = panda.DARK if link in robot.fingers else COLORS.get(name, panda.LIGHT)
        client.changeVisualShape(robot.body, link, rgbaColor=(*color, 1.0))


@contextlib.contextmanager
def robot_file(config: RobotConfig) -> Iterator[str]:
    """Path of the robot's URDF file. The Panda is drawn as the convex hulls that touch, unless its
    fine meshes are asked for: with them, a picture costs five times as much.

    Raises:
        ValueError: where the user's own is none.
    """
    source = bullet_data() / str(PANDA.path)
    if config.name == "panda_mesh":
        yield str(source)
    elif config.name == "panda":
        text = source.read_text(encoding="utf-8")
        text = text.replace("package://meshes/visual/", "package://meshes/collision/")
        with memory_file(text.replace("package://", f"{source.parent}/").encode()) as path:
            yield path
    else:
        own = Path(config.path or "")
        if own.suffix.lower() != ".urdf" or not own.is_file():
            raise ValueError(
                f"env.config.robot.path is {config.path!r}; engine=bullet needs a URDF file (.urdf)"
            )
        yield str(own)


def _find(places: dict[str, int], name: str, setting: str) -> int:
    if name not in places:
        raise ValueError(
            f"env.config.robot.{setting} names {name!r}; the file has {', '.join(places)}"
        )
    return places[name]
