"""Where a body can be taken hold of: grasps and starting points of pushes, best ones first.

All lengths are metres on the table, all poses are the end effector's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sims.manipulation.arm import pointing_down
from sims.manipulation.physics import MAX_FINGER_WIDTH, Pose
from sims.manipulation.rotations import quat_of, rotation_of
from sims.manipulation.scene import Body, Part

TIP = 0.009
"""How far the finger tips reach beyond the end effector [m]."""
PAD_HALF_WIDTH, PAD_HEIGHT = 0.0085, 0.028
"""Of what touches at a finger, across and along it [m]."""
REACH = 0.048
"""How far down its fingers the hand can take hold of something [m]."""
SHALLOW = (0.009, 0.0028)
"""More depths at which what has flat sides can be held from above: over things beside it [m]."""
LEAST_HOLD = 0.004
"""How much of their breadth fingers must have on a body whose edge they hold [m]."""
MARGINS = (0.006, 0.003)
"""Beside each open finger on the way in, the second where there is no room for the first [m]."""
PUSH_GAPS = (0.004, 0.012, 0.024, 0.034)
"""Between a body and the fingers that are going to push it [m]."""
PUSH_HEIGHT = 0.004
"""Of the finger tips over the body's foot [m]."""
TILTS = (0.0, math.radians(35), -math.radians(35), math.radians(60), -math.radians(60))
"""How far from straight down the hand may lean, the way it is held in the fingers [rad]."""


@dataclass(frozen=True, kw_only=True)
class Grasp:
    """A way to take hold of a body.

    Attributes:
        pose: of the end effector when the fingers close.
        width: of what is between the fingers [m].
        opening: gap of the fingers on the way in [m].
    """

    pose: Pose
    width: float
    opening: float

    @property
    def approach(self) -> np.ndarray:
        """The direction in which the hand points, (3,)."""
        return rotation_of(self.pose.quat)[:, 2]


def grasps(body: Body, pose: Pose) -> Iterator[Grasp]:
    """Grasps of a body, those from straight above first.

    Args:
        body: its shape.
        pose: where it is now.
    """
    for tilt, yaw in itertools.product(TILTS, _yaws(body, pose)):
        yield from _grasps_along(body, pose, _leaning(yaw, tilt))


def pushes(body: Body, pose: Pose, side: float) -> Iterator[Pose]:
    """Where closed fingers, broad side ahead, start to push a body along y, the nearest first.

    Args:
        body, pose: as of `grasps`.
        side: 1.0 to push it towards growing y, -1.0 for the other way.
    """
    low, high = extent(body, pose, np.array([0.0, 1.0, 0.0]))
    near, far = extent(body, pose, np.array([1.0, 0.0, 0.0]))
    floor, _ = extent(body, pose, np.array([0.0, 0.0, 1.0]))
    face = low if side > 0 else high
    for gap, share in itertools.product(PUSH_GAPS, (0.5, 0.7, 0.3)):
        x = near + share * (far - near)
        point = np.array([x, face - side * (PAD_HALF_WIDTH + gap), floor + PUSH_HEIGHT + TIP])
        yield Pose(position=point, quat=pointing_down(math.pi / 2))


def extent(body: Body, pose: Pose, direction: np.ndarray) -> tuple[float, float]:
    """The lowest and highest coordinate of a body along a direction (3,) of length 1 [m]."""
    lows, highs = _extents(body, pose, direction[:, None])
    return float(lows.min()), float(highs.max())


def _yaws(body: Body, pose: Pose) -> list[float]:
    """Turns of the hand at which its fingers close along an axis of the body that lies level."""
    if all(part.shape != "box" for part in body.parts):
        return [0.0, math.pi / 2, math.pi / 4, -math.pi / 4]
    axes = rotation_of(pose.quat).T
    yaws = [math.atan2(axis[1], axis[0]) - math.pi / 2 for axis in axes if abs(axis[2]) < 0.3]
    wrapped = [math.remainder(yaw, math.pi) for yaw in yaws] or [0.0, math.pi / 2]
    return sorted(wrapped, key=abs)


def _leaning(yaw: float, tilt: float) -> np.ndarray:
    """Rotation (3, 3) of a hand that leans by `tilt` about the line between its fingers."""
    cosine, sine = math.cos(tilt), math.sin(tilt)
    lean = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    return rotation_of(pointing_down(yaw)) @ lean


def _grasps_along(body: Body, pose: Pose, hand: np.ndarray) -> Iterator[Grasp]:
    """Grasps by a hand of that rotation (3, 3), those near the body's middle first."""
    lows, highs = _extents(body, pose, hand)
    middle = (lows.min(axis=0) + highs.max(axis=0)) / 2
    half = float(highs[:, 0].max() - lows[:, 0].min()) / 2
    edge = half + PAD_HALF_WIDTH - LEAST_HOLD
    has_flat_sides = all(part.shape != "sphere" for part in body.parts)
    more = SHALLOW if has_flat_sides and hand[2, 2] < -0.99 else ()
    for offset in (0.0, half / 2, -half / 2, edge, -edge) if has_flat_sides else (0.0,):
        across = float(middle[0]) + offset
        under = (lows[:, 0] < across + PAD_HALF_WIDTH) & (highs[:, 0] > across - PAD_HALF_WIDTH)
        if under.any():
            yield from _grasps_at(lows[under], highs[under], across, hand, more)


def _grasps_at(
    lows: np.ndarray,
    highs: np.ndarray,
    across: float,
    hand: np.ndarray,
    shallow: tuple[float, ...],
) -> Iterator[Grasp]:
    """Grasps of the parts, with extents (n, 3) in the hand's axes, that lie before its fingers, the
    deepest first.
    """
    near, far = float(lows[:, 2].min()), float(highs[:, 2].max())
    height = far - near
    depths = (0.6 * height + 0.006, 0.022, *shallow)
    for depth in dict.fromkeys(min(depth, height - 5e-4, REACH) for depth in depths):
        tip = near + depth
        between = (lows[:, 2] < tip - 1e-4) & (highs[:, 2] > tip - PAD_HEIGHT)
        if not between.any():
            continue
        left, right = float(lows[between, 1].min()), float(highs[between, 1].max())
        width = right - left
        if width + 2 * MARGINS[-1] > MAX_FINGER_WIDTH:
            continue
        point = hand @ (across, (left + right) / 2, tip - TIP)
        grip = Pose(position=point, quat=quat_of(hand))
        for opening in dict.fromkeys(min(width + 2 * m, MAX_FINGER_WIDTH) for m in MARGINS):
            yield Grasp(pose=grip, width=width, opening=opening)


def _extents(body: Body, pose: Pose, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of each part along axes, the columns of (3, n): (parts, n)."""
    turn = rotation_of(pose.quat)
    centres = np.array([part.position for part in body.parts]) @ turn.T + pose.position
    turns = [turn @ rotation_of(np.array(part.quat)) for part in body.parts]
    pairs = zip(body.parts, turns, strict=True)
    reaches = np.array([_reach_along(part, turned, axes) for part, turned in pairs])
    return centres @ axes - reaches, centres @ axes + reaches


def _reach_along(part: Part, turn: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """How far a part reaches from its centre along axes, (n,) [m]."""
    along = np.abs(turn.T @ axes)  # of the part's own axes, (3, n)
    size = np.array(part.size)
    if part.shape == "box":
        return size @ along
    if part.shape == "sphere":
        return np.full(axes.shape[1], size[0])
    return size[2] * along[2] + size[0] * np.sqrt(np.maximum(0.0, 1.0 - along[2] ** 2))
