"""The arm: a Franka Emika Panda with its hand, described once for every physics engine.

Joint frames are Franka's own (Craig's modified Denavit-Hartenberg parameters, from the Franka
Control Interface documentation, "Robot and interface specifications"). Masses, centres of mass and
inertias are the ones identified by Gaz, Cognetti, Oliva, Robuffo Giordano and De Luca, "Dynamic
identification of the Franka Emika Panda robot with retrieval of feasible parameters using
penalty-based optimization" (RA-L 2019). The shapes are rods and boxes of our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sims.manipulation.scene import Color, Part, Quaternion, Shape, Vector

DH_PARAMETERS = (
    (0.0, 0.0, 0.333),
    (-math.pi / 2, 0.0, 0.0),
    (math.pi / 2, 0.0, 0.316),
    (math.pi / 2, 0.0825, 0.0),
    (-math.pi / 2, -0.0825, 0.384),
    (math.pi / 2, 0.0, 0.0),
    (math.pi / 2, 0.088, 0.0),
)
"""Per joint alpha [rad], a [m], d [m]: turn about x, go along x, turn by the joint about z, go
along z."""
FLANGE_LENGTH = 0.107
"""From the last joint's frame to the flange, along z [m]."""
HAND_TURN = -math.pi / 4
"""Of the hand against the flange, about z [rad]."""
EE_LENGTH = 0.1034
"""From the hand's frame to the point between the finger tips, along z [m]."""
FINGER_BASE = 0.0584
"""From the hand's frame to the fingers' frames, along z [m]. They slide along y, apart."""

LOWER_LIMITS = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
UPPER_LIMITS = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)
"""Of the joints [rad]."""
MAX_SPEEDS = (2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61)
"""Of the joints [rad/s]."""
MAX_TORQUES = (87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0)
"""Of the motors [N m]."""
READY = (0.0, -math.pi / 4, 0.0, -3 * math.pi / 4, 0.0, math.pi / 2, math.pi / 4)
"""Franka's own pose of rest [rad]."""
HOME = (0.0, -0.2324, 0.0, -2.4599, 0.0, 2.2275, math.pi / 4)
"""Ours [rad]: the hand points straight down, a forearm's length above the workspace."""

ARMATURES = (1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.3)
"""Inertia of each arm motor as it is felt at its joint, behind the gears [kg m^2]."""
SERVO_SECONDS = 0.02
"""How far the motors lag behind a target that moves evenly [s]: the stiffness of a joint over its
damping. In PyBullet it is the time step over `positionGain`."""
SERVO_DAMPING = (480.0, 600.0, 400.0, 400.0, 70.0, 70.0, 70.0)
"""Of the motors [N m s/rad]."""

FINGER_TRAVEL = 0.04
"""Of each finger [m]."""
FINGER_FORCE = 30.0
"""With which each finger closes, at most [N]; Franka's hand has 70."""
FINGER_STIFFNESS = 1200.0
"""Of each finger's motor [N/m]."""
FINGER_DAMPING = 60.0
"""Of each finger's motor [N s/m]."""
FINGER_ARMATURE = 0.4
"""Inertia of the fingers' motor as each finger feels it [kg]."""
FINGER_FRICTION = 1.0
"""Coefficient of sliding friction of the finger tips."""
ARM_FRICTION = 0.5
"""Coefficient of sliding friction of the rest of the arm."""

LIGHT: Color = (0.90, 0.91, 0.92)
DARK: Color = (0.20, 0.21, 0.24)
GREY: Color = (0.55, 0.57, 0.60)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A rigid piece of the arm.

    Attributes:
        name: "link0" (the base) to "link7", "hand", "left_finger", "right_finger".
        mass: [kg].
        centre: of mass, in the link's frame [m].
        inertia: about the centre of mass, in the link's frame: xx, yy, zz, xy, xz, yz [kg m^2].
        parts: its shape, in the link's frame. All of them collide with things, none with the arm.
    """

    name: str
    mass: float
    centre: Vector
    inertia: tuple[float, float, float, float, float, float]
    parts: tuple[Part, ...]


def _rod(start: Vector, end: Vector, radius: float, color: Color, shape: Shape = "capsule") -> Part:
    """A capsule or cylinder from one point to another."""
    along = np.subtract(end, start)
    length = float(np.linalg.norm(along))
    middle = (np.add(start, end) / 2).tolist()
    return Part(
        shape=shape,
        size=(radius, radius, length / 2),
        color=color,
        position=(middle[0], middle[1], middle[2]),
        quat=_turn_from_z(along / length),
    )


def _turn_from_z(direction: np.ndarray) -> Quaternion:
    """The shortest turn that takes z to a direction of length 1."""
    x, y, z = direction.tolist()
    if z < -1 + 1e-12:
        return (0.0, 1.0, 0.0, 0.0)
    scale = math.sqrt(2 * (1 + z))
    return (scale / 2, -y / scale, x / scale, 0.0)


def _box(centre: Vector, size: Vector, color: Color) -> Part:
    return Part(shape="box", size=size, color=color, position=centre)


_FINGER = (
    _box((0.0, 0.0125, 0.012), (0.0085, 0.0075, 0.014), DARK),
    _box((0.0, 0.0075, 0.040), (0.0085, 0.0075, 0.0140), GREY),
)
_FINGER_INERTIA = (2.375e-6, 2.375e-6, 7.5e-7, 0.0, 0.0, 0.0)

LINKS = (
    Link(
        name="link0",
        mass=0.629769,
        centre=(-0.041018, -0.00014, 0.049974),
        inertia=(0.00315, 0.00388, 0.004285, 8.2904e-7, 0.00015, 8.2299e-6),
        parts=(
            _box((-0.045, 0.0, 0.03), (0.105, 0.075, 0.03), DARK),
            _rod((0.0, 0.0, 0.05), (0.0, 0.0, 0.14), 0.075, LIGHT, "cylinder"),
        ),
    ),
    Link(
        name="link1",
        mass=4.970684,
        centre=(0.003875, 0.002081, -0.04762),
        inertia=(0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169),
        parts=(_rod((0.0, 0.0, -0.193), (0.0, 0.0, -0.03), 0.062, LIGHT),),
    ),
    Link(
        name="link2",
        mass=0.646926,
        centre=(-0.003141, -0.02872, 0.003495),
        inertia=(0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704),
        parts=(
            _rod((0.0, 0.0, -0.085), (0.0, 0.0, 0.085), 0.064, DARK, "cylinder"),
            _rod((0.0, -0.02, 0.0), (0.0, -0.17, 0.0), 0.058, LIGHT),
        ),
    ),
    Link(
        name="link3",
        mass=3.228604,
        centre=(0.027518, 0.039252, -0.066502),
        inertia=(0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805),
        parts=(_rod((0.0, 0.0, -0.13), (0.055, 0.0, -0.02), 0.056, LIGHT),),
    ),
    Link(
        name="link4",
        mass=3.587895,
        centre=(-0.05317, 0.104419, 0.027454),
        inertia=(0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641),
        parts=(
            _rod((0.0, 0.0, -0.08), (0.0, 0.0, 0.08), 0.060, DARK, "cylinder"),
            _rod((-0.02, 0.02, 0.0), (-0.0825, 0.12, 0.0), 0.052, LIGHT),
        ),
    ),
    Link(
        name="link5",
        mass=1.225946,
        centre=(-0.011953, 0.041065, -0.038437),
        inertia=(0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229),
        parts=(
            _rod((0.0, 0.0, -0.26), (0.0, 0.045, -0.12), 0.050, LIGHT),
            _rod((0.0, 0.065, -0.14), (0.0, 0.065, -0.01), 0.038, LIGHT),
        ),
    ),
    Link(
        name="link6",
        mass=1.666555,
        centre=(0.060149, -0.014117, -0.010517),
        inertia=(0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341),
        parts=(
            _rod((0.0, 0.0, -0.06), (0.0, 0.0, 0.05), 0.050, DARK, "cylinder"),
            _rod((0.02, 0.0, 0.0), (0.088, 0.0, 0.0), 0.048, LIGHT),
        ),
    ),
    Link(
        name="link7",
        mass=0.735522,
        centre=(0.010517, -0.004252, 0.061597),
        inertia=(0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741),
        parts=(_rod((0.0, 0.0, 0.03), (0.0, 0.0, 0.105), 0.044, LIGHT, "cylinder"),),
    ),
    Link(
        name="hand",
        mass=0.73,
        centre=(-0.01, 0.0, 0.03),
        inertia=(0.001, 0.0025, 0.0017, 0.0, 0.0, 0.0),
        parts=(_box((0.0, 0.0, 0.03), (0.03, 0.1, 0.03), GREY),),
    ),
    Link(
        name="left_finger",
        mass=0.015,
        centre=(0.0, 0.0075, 0.03),
        inertia=_FINGER_INERTIA,
        parts=_FINGER,
    ),
    Link(
        name="right_finger",
        mass=0.015,
        centre=(0.0, 0.0075, 0.03),
        inertia=_FINGER_INERTIA,
        parts=_FINGER,
    ),
)
"""From the base on. The right finger's frame is the left one's turned half round about z."""
