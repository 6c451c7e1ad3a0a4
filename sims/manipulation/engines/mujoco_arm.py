"""The arm as a part of a MuJoCo model, written as MJCF text."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from sims.manipulation import panda
from sims.manipulation.engines.mujoco_model import (
    ROBOT_BIT,
    WORLD_BIT,
    camera_xml,
    geom_xml,
    numbers,
)
from sims.manipulation.panda import Link
from sims.manipulation.physics import EngineUnavailableError
from sims.manipulation.scene import Camera

ROBOT_PREFIX = "robot/"
VISUAL_GROUP, HIDDEN_GROUP = 1, 3
"""Of geoms that are drawn and touch nothing, and of those that touch and are not drawn."""


@lru_cache(maxsize=1)
def mesh_files() -> dict[str, bytes]:
    """Meshes that PyBullet brings along for the arm: OBJ files by name.

    Raises:
        EngineUnavailableError: where it is not installed.
    """
    found = importlib.util.find_spec("pybullet_data")
    if found is None or found.origin is None:
        raise EngineUnavailableError(
            "robot.name=panda_mesh needs the meshes that PyBullet brings along: "
            "pip install pybullet (wheels up to Python 3.11), or take robot.name=panda"
        )
    folder = Path(found.origin).parent / "franka_panda" / "meshes"
    files = {f"{name}.obj": folder / "visual" / f"{name}.obj" for name in ("hand", "finger")}
    for index in range(8):  # the outermost come without a finer shape
        kind = "collision" if index in (0, 7) else "visual"
        files[f"link{index}.obj"] = folder / kind / f"link{index}.obj"
    return {name: one_object(path.read_text(encoding="utf-8")) for name, path in files.items()}


def one_object(text: str) -> bytes:
    """An OBJ file with all its objects as one, without textures: MuJoCo reads only one object."""
    lines = [line for line in text.splitlines() if line.startswith(("v ", "vn ", "f "))]
    return "\n".join(re.sub(r"(\d+)/\d+", r"\1/", line) for line in lines).encode()


def mesh_assets_xml() -> str:
    """MJCF of those meshes."""
    return "".join(
        f'<mesh name="{ROBOT_PREFIX}{name.removesuffix(".obj")}" file="{name}"/>'
        for name in mesh_files()
    )


def panda_xml(hand_cameras: Iterable[Camera], *, meshes: bool = False) -> str:
    """MJCF of the arm's bodies.

    Args:
        hand_cameras: cameras on its hand.
        meshes: whether it is drawn by `mesh_assets_xml` rather than by the shapes that touch.
    """
    links = {link.name: _link_xml(link, meshes) for link in panda.LINKS}
    fingers = _finger_xml("left_finger", 0.0, links) + _finger_xml("right_finger", math.pi, links)
    cameras = "".join(map(camera_xml, hand_cameras))
    turn = numbers(math.cos(panda.HAND_TURN / 2), 0, 0, math.sin(panda.HAND_TURN / 2))
    inner = (
        f'<body name="{ROBOT_PREFIX}hand" pos="0 0 {panda.FLANGE_LENGTH}" quat="{turn}"'
        f' gravcomp="1">{links["hand"]}'
        f'<site name="{ROBOT_PREFIX}ee" pos="0 0 {panda.EE_LENGTH}" rgba="0 0 0 0"/>'
        f"{cameras}{fingers}</body>"
    )
    for index in reversed(range(len(panda.DH_PARAMETERS))):
        inner = _joint_xml(index, links[f"link{index + 1}"] + inner)
    base = f'<body name="{ROBOT_PREFIX}link0">{links["link0"]}{inner}</body>'
    return base


def _joint_xml(index: int, inner: str) -> str:
    """The body that joint `index` moves, with all that is in it."""
    alpha, a, d = panda.DH_PARAMETERS[index]
    position = (a, -d * math.sin(alpha), d * math.cos(alpha))
    turn = (math.cos(alpha / 2), math.sin(alpha / 2), 0.0, 0.0)
    limits = numbers(panda.LOWER_LIMITS[index], panda.UPPER_LIMITS[index])
    return (
        f'<body name="{ROBOT_PREFIX}link{index + 1}" pos="{numbers(*position)}"'
        f' quat="{numbers(*turn)}" gravcomp="1">'
        f'<joint name="{ROBOT_PREFIX}joint{index + 1}" axis="0 0 1" range="{limits}"'
        f' armature="{panda.ARMATURES[index]}"/>{inner}</body>'
    )


def _finger_xml(name: str, turn: float, links: dict[str, str]) -> str:
    quat = numbers(math.cos(turn / 2), 0, 0, math.sin(turn / 2))
    return (
        f'<body name="{ROBOT_PREFIX}{name}" pos="0 0 {panda.FINGER_BASE}" quat="{quat}"'
        f' gravcomp="1"><joint name="{ROBOT_PREFIX}{name}" type="slide" axis="0 1 0"'
        f' range="0 {panda.FINGER_TRAVEL}" armature="{panda.FINGER_ARMATURE}"/>'
        f"{links[name]}</body>"
    )


def _link_xml(link: Link, meshes: bool) -> str:
    is_finger = link.name.endswith("finger")
    friction = panda.FINGER_FRICTION if is_finger else panda.ARM_FRICTION
    rest = (
        f'contype="{ROBOT_BIT}" conaffinity="{WORLD_BIT}" '
        f'friction="{numbers(friction, 0.01, 0.0002)}"'
    )
    drawn = ""
    if meshes:
        rest += f' group="{HIDDEN_GROUP}"'
        drawn = (
            f'<geom type="mesh" mesh="{ROBOT_PREFIX}{"finger" if is_finger else link.name}"'
            f' contype="0" conaffinity="0" group="{VISUAL_GROUP}" mass="0"'
            f' rgba="{numbers(*(panda.GREY if is_finger else panda.LIGHT), 1)}"/>'
        )
    geoms = "".join(geom_xml(part, 0.0, rest) for part in link.parts)
    return (
        f'<inertial mass="{link.mass}" pos="{numbers(*link.centre)}"'
        f' fullinertia="{numbers(*link.inertia)}"/>{geoms}{drawn}'
    )


def panda_drive_xml() -> str:
    """MJCF of the arm's motors, and of what couples its fingers."""
    motors = []
    for index, (damping, force) in enumerate(
        zip(panda.SERVO_DAMPING, panda.MAX_TORQUES, strict=True)
    ):
        limits = numbers(panda.LOWER_LIMITS[index], panda.UPPER_LIMITS[index])
        stiffness = damping / panda.SERVO_SECONDS
        motors.append(motor_xml(f"joint{index + 1}", stiffness, damping, force, limits))
    limits = numbers(0, panda.FINGER_TRAVEL)
    fingers = [
        motor_xml(name, panda.FINGER_STIFFNESS, panda.FINGER_DAMPING, panda.FINGER_FORCE, limits)
        for name in ("left_finger", "right_finger")
    ]
    couple = (
        f'<joint joint1="{ROBOT_PREFIX}left_finger" joint2="{ROBOT_PREFIX}right_finger"'
        ' solref="0.01 1" solimp="0.95 0.99 0.001"/>'
    )
    return f"<actuator>{''.join(motors + fingers)}</actuator><equality>{couple}</equality>"


def motor_xml(joint: str, stiffness: float, damping: float, force: float, limits: str) -> str:
    """MJCF of a motor that drives a joint to a position."""
    return (
        f'<general joint="{ROBOT_PREFIX}{joint}" biastype="affine" gainprm="{stiffness!r}"'
        f' biasprm="{numbers(0, -stiffness, -damping)}" forcerange="{numbers(-force, force)}"'
        f' ctrlrange="{limits}"/>'
    )
