"""From what was predicted in a picture to where the hand goes: pure functions over one camera.

Where things stand is read from the depth picture, at the ends of a path and under them; between its
ends a path lies in the task's plane, since a picture says nothing about height there. A waypoint is
what waypoint control takes: (x, y, z [m], yaw [rad], gripper), the hand pointing down, fingers open
at -1 and closed at 1 once it is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sims.manipulation.cameras import lift, lift_to_height

HANDLINGS = ("reach", "push", "carry", "pull", "grasp")
"""How a path or a box is acted on: go to its end from above; push along it with fingers a little
apart; grasp at its start, carry along it and put down at its end; grasp at its start and pull along
it; grasp and lift.
"""
OPEN, FORK, CLOSED = -1.0, 0.3, 1.0
HOVER = 0.16
"""Height at which the hand travels, clear of whatever stands on the table [m]."""
GRASP_DEPTH = 0.02
"""How far the finger tips go below the surface that is seen where they grasp [m]."""
LOWEST = 0.02
"""Lowest that the finger tips go to grasp [m]."""
PUSH_HEIGHT = 0.012
"""Of the finger tips while they push [m]."""
RUN_UP = 0.03
"""How far behind its start a push sets the fingers down [m]."""
CLEARANCE = 0.004
"""Between a thing that is put down, or a finger that touches, and what is below [m]."""
FOOT = 0.012
"""Radius around a point in which depth decides what is below [m]."""
THINNEST, TALLEST = 0.003, 0.14
"""What is lower is the table, and what is higher the arm, on which nothing stands [m]."""
_HEIGHTS = np.arange(0.20, 0.0, -0.002)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One picture of the world, with depth.

    Attributes:
        depth: (H, W), distance along the optical axis [m].
        camera_matrix: (3, 3) [px].
        world_to_camera: (4, 4), in OpenCV's convention.
    """

    depth: np.ndarray
    camera_matrix: np.ndarray
    world_to_camera: np.ndarray

    @cached_property
    def cloud(self) -> np.ndarray:
        """(H W, 3): the points that are seen [m]."""
        height, width = self.depth.shape
        pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1) + 0.5
        points = lift(pixels, self.depth, self.camera_matrix, self.world_to_camera)
        return points.reshape(-1, 3)

    def surface(self, at: Sequence[float]) -> np.ndarray:
        """(3,): what is seen at a normalised point of the picture [m]."""
        height, width = self.depth.shape
        column = min(int(at[0] * width), width - 1)
        row = min(int(at[1] * height), height - 1)
        pixel = np.array([at[0] * width, at[1] * height])
        depth = self.depth[row, column]
        return lift(pixel, depth, self.camera_matrix, self.world_to_camera)

    def at_height(self, at: Sequence[float], z: float) -> np.ndarray:
        """(3,): the point of a horizontal plane that appears at a normalised point [m]. Where the
        plane is behind the camera there, the surface that is seen, raised to z.
        """
        height, width = self.depth.shape
        pixel = np.array([at[0] * width, at[1] * height])
        point = lift_to_height(pixel, z, self.camera_matrix, self.world_to_camera)
        return point if np.isfinite(point).all() else np.array([*self.surface(at)[:2], z])


def plan_waypoints(kind: str, value: Sequence[Any], sight: Sight, handling: str) -> np.ndarray:
    """The waypoints that carry out a prediction.

    Args:
        kind: "trajectory" or "box".
        value: as of `spoken.Prediction`.
        sight: of the camera that the prediction is about, at the time it was made.
        handling: one of `HANDLINGS`, for a trajectory; a box is always grasped at its middle and
            lifted.

    Returns:
        float64 (N, 5), N of at least 2. They may be out of reach: control clamps and counts that.

    Raises:
        ValueError: for another handling.
    """
    if handling not in HANDLINGS:
        raise ValueError(f"handling is {handling!r}; legal: {', '.join(HANDLINGS)}")
    if kind == "box":
        x0, y0, x1, y1 = value
        return _grasp(sight, [[(x0 + x1) / 2, (y0 + y1) / 2]])
    plans = {"reach": _reach, "push": _push, "carry": _carry, "pull": _pull, "grasp": _grasp}
    return plans[handling](sight, value)


def grasp_point(sight: Sight, at: Sequence[float]) -> np.ndarray:
    """(3,): where finger tips meet round what is seen at a normalised point [m].

    Fingers go `GRASP_DEPTH` below the surface, and as much further along the line of sight: a point
    inside a thing appears where that line leaves it on the near side.
    """
    z = max(LOWEST, float(sight.surface(at)[2]) - GRASP_DEPTH)
    return sight.at_height(at, z)


def resting_point(
    sight: Sight, at: Sequence[float], above: float, *, without: np.ndarray | None = None
) -> np.ndarray:
    """(3,): where the finger tips are when they have come down along a line of sight until they are
    `above` over what is below them [m].

    Args:
        sight: what is seen.
        at: a normalised point.
        above: distance of finger tips and ground, such as how high they hold a thing [m].
        without: (3,), a point from which things were carried off: what is seen within 5 cm of it
            is gone.
    """
    cloud = sight.cloud[(sight.cloud[:, 2] > THINNEST) & (sight.cloud[:, 2] < TALLEST)]
    if without is not None:
        cloud = cloud[np.linalg.norm(cloud[:, :2] - without[:2], axis=1) > 0.05]
    for z in _HEIGHTS:
        point = sight.at_height(at, float(z))
        below = cloud[np.linalg.norm(cloud[:, :2] - point[:2], axis=1) < FOOT, 2]
        ground = max(0.0, float(below.max(initial=0.0)))
        if z <= ground + above:
            return np.array([*point[:2], ground + above])
    return sight.at_height(at, above)


def _reach(sight: Sight, points: Sequence[Sequence[float]]) -> np.ndarray:
    """Above the path, then down at its end with closed fingers."""
    end = resting_point(sight, points[-1], CLEARANCE)
    travel = [sight.at_height(at, HOVER) for at in points[1:-1]]
    return _waypoints([*travel, _raised(end, HOVER), end], CLOSED)


def _push(sight: Sight, points: Sequence[Sequence[float]]) -> np.ndarray:
    """Down behind the start, along the path just above the table, back a little, and up.

    The fingers are a little apart, one on either side of the path's direction, so that nothing
    turns away between them.
    """
    path = [sight.at_height(at, PUSH_HEIGHT) for at in points]
    ahead = [p - path[0] for p in path if np.linalg.norm(p - path[0]) >= RUN_UP]
    along = ahead[0] / np.linalg.norm(ahead[0]) if ahead else np.array([1.0, 0.0, 0.0])
    yaw = math.remainder(math.atan2(along[1], along[0]), math.pi)
    behind = path[0] - RUN_UP * along
    back = path[-1] - RUN_UP * along
    way = [_raised(behind, HOVER), behind, *path, back, _raised(back, HOVER)]
    return _waypoints(way, FORK, yaw)


def _carry(sight: Sight, points: Sequence[Sequence[float]]) -> np.ndarray:
    """Grasp, up, along the path at travelling height, down until it rests, let go, up."""
    start = grasp_point(sight, points[0])
    held = float(start[2]) + CLEARANCE
    end = resting_point(sight, points[-1], held, without=start)
    travel = [sight.at_height(at, HOVER) for at in points[1:-1]]
    carried = [_raised(start, HOVER), *travel, _raised(end, HOVER)]
    return np.concatenate(
        [
            _waypoints([_raised(start, HOVER)], OPEN),
            _waypoints([start, *carried], CLOSED),
            _waypoints([end, _raised(end, HOVER)], OPEN),
        ]
    )


def _pull(sight: Sight, points: Sequence[Sequence[float]]) -> np.ndarray:
    """Grasp, along the path at that height, let go."""
    start = grasp_point(sight, points[0])
    path = [start, *(sight.at_height(at, float(start[2])) for at in points[1:])]
    return np.concatenate(
        [
            _waypoints([_raised(start, HOVER)], OPEN),
            _waypoints(path, CLOSED),
            _waypoints([path[-1]], OPEN),
        ]
    )


def _grasp(sight: Sight, points: Sequence[Sequence[float]]) -> np.ndarray:
    """Grasp at the start, and up."""
    start = grasp_point(sight, points[0])
    return np.concatenate(
        [
            _waypoints([_raised(start, HOVER)], OPEN),
            _waypoints([start, _raised(start, HOVER)], CLOSED),
        ]
    )


def _raised(point: np.ndarray, z: float) -> np.ndarray:
    """The point at a height, or where it is if that is higher."""
    return np.array([*point[:2], max(z, float(point[2]))])


def _waypoints(points: Sequence[np.ndarray], gripper: float, yaw: float = 0.0) -> np.ndarray:
    return np.array([[*point, yaw, gripper] for point in points])
