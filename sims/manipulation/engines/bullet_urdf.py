"""A scene's bodies as URDF text, with the masses and inertias that their shapes give."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from sims.manipulation.kinematics import rotation_of
from sims.manipulation.scene import Body, Part

MIN_INERTIA = 1e-7
"""Of any link [kg m^2]: below that, the engine's solver loses its digits."""


CYLINDER = Path(__file__).with_name("cylinder.obj")
"""Of radius 1 and half height 1."""


@dataclass(frozen=True, kw_only=True)
class LinkParts:
    """The parts of a body that one link holds, so that a picture can tell them from the others.

    Attributes:
        part_name: of all of them; "" for those without a name.
        parts: at least one, but for the first link of a body whose parts all have names.
    """

    part_name: str
    parts: tuple[Part, ...]


def link_parts(body: Body) -> list[LinkParts]:
    """The links of a body: first its unnamed parts, then one link for each part name."""
    names = list(dict.fromkeys(["", *(part.name for part in body.parts)]))
    links = [
        LinkParts(part_name=name, parts=tuple(p for p in body.parts if p.name == name))
        for name in names
    ]
    return links if links[0].parts else links[1:]


def body_urdf(body: Body) -> str:
    """A robot description of a body, whose first link's frame is the body's.

    A body with a slide joint hangs by it on a first, empty link that stands in the world.
    """
    volumes = [sum(map(volume, link.parts)) for link in link_parts(body)]
    lines = [f"<robot name={quoteattr(body.name)}>"]
    names = [f"link{i}" for i in range(len(volumes))]
    if body.slide is not None:
        lines += ['<link name="world"/>', slide_joint(body)]
    for name, link, share in zip(names, link_parts(body), volumes, strict=True):
        mass = (1.0 if body.mass is None else body.mass) * share / sum(volumes)
        lines += [f'<link name="{name}">', inertial(link.parts, mass)]
        lines += [shape for i, part in enumerate(link.parts) for shape in shapes(body, part, i)]
        lines.append("</link>")
    for name in names[1:]:
        lines.append(
            f'<joint name="{name}" type="fixed"><parent link="link0"/>'
            f'<child link="{name}"/></joint>'
        )
    return "\n".join([*lines, "</robot>"])


def slide_joint(body: Body) -> str:
    """The joint of a body that slides, with its limits."""
    assert body.slide is not None
    return (
        '<joint name="slide" type="prismatic"><parent link="world"/><child link="link0"/>'
        f'<axis xyz="{numbers(body.slide.axis)}"/>'
        f'<limit lower="0" upper="{numbers([body.slide.travel])}" effort="1000" velocity="10"/>'
        f'<dynamics damping="{numbers([body.slide.damping])}" friction="0"/></joint>'
    )


def shapes(body: Body, part: Part, index: int) -> list[str]:
    """What is drawn of a part, and what touches."""
    origin = f'<origin xyz="{numbers(part.position)}" rpy="{numbers(roll_pitch_yaw(part.quat))}"/>'
    drawn, touched = (
        f"{origin}<geometry>{element}</geometry>"
        for element in (look_element(part), shape_element(part))
    )
    color = f'<color rgba="{numbers(part.color)} 1"/>'
    material = f"<material name={quoteattr(f'{part.name}/{index}')}>{color}</material>"
    look = f"<visual>{drawn}{material}</visual>"
    return [look, f"<collision>{touched}</collision>"] if body.collides else [look]


def look_element(part: Part) -> str:
    """The URDF element of what is drawn of a part."""
    if part.shape != "cylinder":
        return shape_element(part)
    return f'<mesh filename={quoteattr(str(CYLINDER))} scale="{numbers(part.size)}"/>'


def shape_element(part: Part) -> str:
    """The URDF element of a part's shape."""
    x, y, z = part.size
    if part.shape == "box":
        return f'<box size="{numbers((2 * x, 2 * y, 2 * z))}"/>'
    if part.shape == "sphere":
        return f'<sphere radius="{numbers([x])}"/>'
    return f'<{part.shape} radius="{numbers([x])}" length="{numbers([2 * z])}"/>'


def numbers(values: Iterable[float]) -> str:
    """Numbers as URDF wants them; every bit is kept, and NumPy's do not name their type."""
    return " ".join(repr(float(value)) for value in values)


def inertial(parts: tuple[Part, ...], mass: float) -> str:
    """Mass, centre and inertia of solid parts of one density."""
    center, inertia = mass_properties(parts, mass)
    entries = {"xx": (0, 0), "xy": (0, 1), "xz": (0, 2), "yy": (1, 1), "yz": (1, 2), "zz": (2, 2)}
    values = " ".join(f'i{name}="{numbers([inertia[at]])}"' for name, at in entries.items())
    return (
        f'<inertial><origin xyz="{numbers(center)}"/><mass value="{numbers([mass])}"/>'
        f"<inertia {values}/></inertial>"
    )


def mass_properties(parts: tuple[Part, ...], mass: float) -> tuple[np.ndarray, np.ndarray]:
    """Centre of mass (3,) [m] and inertia about it (3, 3) [kg m^2], in the body's frame.

    Args:
        parts: solid, all of one density; where they overlap, they count twice.
        mass: of them all [kg].
    """
    volumes = np.array([volume(part) for part in parts])
    masses = mass * volumes / volumes.sum()
    positions = np.array([part.position for part in parts])
    center = masses @ positions / mass
    total = MIN_INERTIA * np.eye(3)
    for part, share, position in zip(parts, masses, positions, strict=True):
        turn, off = rotation_of(np.array(part.quat)), position - center
        total += turn @ np.diag(share * unit_inertia(part)) @ turn.T
        total += share * (off @ off * np.eye(3) - np.outer(off, off))
    return center, total


def volume(part: Part) -> float:
    """Of a part [m^3]."""
    x, y, z = part.size
    ball, tube = 4 / 3 * math.pi * x**3, 2 * math.pi * x**2 * z
    return {"box": 8 * x * y * z, "sphere": ball, "cylinder": tube, "capsule": ball + tube}[
        part.shape
    ]


def unit_inertia(part: Part) -> np.ndarray:
    """Moments of inertia (3,) of a solid part of mass 1 about its own axes [m^2]."""
    x, y, z = part.size
    if part.shape == "box":
        return np.array([y * y + z * z, x * x + z * z, x * x + y * y]) / 3
    if part.shape == "sphere":
        return np.full(3, 0.4 * x * x)
    tube = np.array([x * x / 4 + z * z / 3, x * x / 4 + z * z / 3, x * x / 2])
    if part.shape == "cylinder":
        return tube
    share = (4 / 3 * math.pi * x**3) / volume(part)  # of the two half balls
    across = 0.4 * x * x + z * z + 0.75 * x * z
    return (1 - share) * tube + share * np.array([across, across, 0.4 * x * x])


def roll_pitch_yaw(quat: tuple[float, ...]) -> tuple[float, float, float]:
    """Angles about the fixed x, y and z axes [rad] of a quaternion (w, x, y, z)."""
    turn = rotation_of(np.array(quat))
    pitch = math.asin(float(np.clip(-turn[2, 0], -1, 1)))
    if abs(turn[2, 0]) > 1 - 1e-12:  # straight up or down: all of the turn is roll
        return math.atan2(-math.copysign(1, turn[2, 0]) * turn[0, 1], turn[1, 1]), pitch, 0.0
    return math.atan2(turn[2, 1], turn[2, 2]), pitch, math.atan2(turn[1, 0], turn[0, 0])
