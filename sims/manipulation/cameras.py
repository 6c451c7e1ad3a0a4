"""Pinhole cameras: from points of the world to pixels, and back by depth.

Pixel (0, 0) is the upper left corner of the picture, x to the right and y down, so pixel centres
lie at halves. A camera's `Pose` follows the OpenGL convention of `Physics.camera_pose` (x right, y
up, looking along -z); matrices for others follow OpenCV's (x right, y down, z forward).
"""

from __future__ import annotations

import math

import numpy as np

from sims.manipulation.physics import Pose
from sims.manipulation.rotations import quat_of, rotation_of
from sims.manipulation.scene import Camera

FRONT = Camera(name="front", position=(1.2, 0.0, 0.85), target=(0.465, 0.0, 0.1), fovy=36.0)
"""Looks at the workspace from ahead and above, so the arm comes from the far side."""
WRIST = Camera(
    name="wrist", position=(0.07, 0.0, 0.03), target=(0.04, 0.0, 0.14), fovy=75.0, on_hand=True
)
"""Sits on the hand and looks past the finger tips."""

_FLIP = np.diag([1.0, -1.0, -1.0])
"""Between OpenGL's and OpenCV's axes."""


def local_pose(camera: Camera) -> Pose:
    """Where a camera is in the frame that carries it: the world's, or the hand's.

    In the picture, the world's z points up, and the hand's x for a camera on the hand; straight
    above its target, a camera of the world shows its x up.
    """
    position = np.array(camera.position, dtype=np.float64)
    back = position - np.array(camera.target, dtype=np.float64)
    back /= np.linalg.norm(back)
    up = np.array((1.0, 0.0, 0.0) if camera.on_hand else (0.0, 0.0, 1.0))
    if abs(up @ back) > 1 - 1e-9:
        up = np.array((0.0, 0.0, 1.0) if camera.on_hand else (1.0, 0.0, 0.0))
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(back, right), back], axis=1)
    return Pose(position=position, quat=quat_of(rotation))


def intrinsics(fovy: float, height: int, width: int) -> np.ndarray:
    """The camera matrix, float64 (3, 3) [px], of square pixels.

    Args:
        fovy: vertical field of view [degrees].
        height, width: of the picture [px].
    """
    focal = height / 2 / math.tan(math.radians(fovy) / 2)
    return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def extrinsics(pose: Pose) -> np.ndarray:
    """World to camera, float64 (4, 4), in OpenCV's convention."""
    rotation = _FLIP @ rotation_of(pose.quat).T
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ pose.position
    return matrix


def project(
    points: np.ndarray, camera_matrix: np.ndarray, world_to_camera: np.ndarray
) -> np.ndarray:
    """Where points of the world appear.

    Args:
        points: (..., 3) [m].
        camera_matrix: of `intrinsics`.
        world_to_camera: of `extrinsics`.

    Returns:
        float64 (..., 3): x and y [px], which may lie outside the picture, and the distance along
        the optical axis [m]. What is not in front of the camera has NaN for x and y.
    """
    seen = np.asarray(points, dtype=np.float64) @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    depth = seen[..., 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = np.where(depth > 1e-9, seen @ camera_matrix[:2].T / depth, np.nan)
    return np.concatenate([pixels, depth], axis=-1)


def lift(
    pixels: np.ndarray, depth: np.ndarray, camera_matrix: np.ndarray, world_to_camera: np.ndarray
) -> np.ndarray:
    """The points of the world that appear at pixels: the inverse of `project`.

    Args:
        pixels: (..., 2), x and y [px].
        depth: (...), distance along the optical axis [m].
        camera_matrix: of `intrinsics`.
        world_to_camera: of `extrinsics`.

    Returns:
        float64 (..., 3) [m].
    """
    pixels, depth = np.asarray(pixels, dtype=np.float64), np.asarray(depth, dtype=np.float64)
    seen = _rays(pixels, camera_matrix) * depth[..., None]
    return (seen - world_to_camera[:3, 3]) @ world_to_camera[:3, :3]


def lift_to_height(
    pixels: np.ndarray, z: float, camera_matrix: np.ndarray, world_to_camera: np.ndarray
) -> np.ndarray:
    """The points of a horizontal plane that appear at pixels.

    Args:
        pixels: (..., 2), x and y [px].
        z: height of the plane [m].
        camera_matrix: of `intrinsics`.
        world_to_camera: of `extrinsics`.

    Returns:
        float64 (..., 3) [m]; NaN where the plane is not in front of the camera at that pixel.
    """
    rotation = world_to_camera[:3, :3]
    eye = -world_to_camera[:3, 3] @ rotation
    along = _rays(np.asarray(pixels, dtype=np.float64), camera_matrix) @ rotation
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (z - eye[2]) / along[..., 2]
    distance = np.where(np.isfinite(distance) & (distance > 0), distance, np.nan)
    points = eye + along * distance[..., None]
    points[..., 2] = np.where(np.isnan(distance), np.nan, z)
    return points


def _rays(pixels: np.ndarray, camera_matrix: np.ndarray) -> np.ndarray:
    """Directions through pixels in the camera's frame, 1 m deep: (..., 3)."""
    plane = (pixels - camera_matrix[:2, 2]) / np.diagonal(camera_matrix)[:2]
    return np.concatenate([plane, np.ones_like(plane[..., :1])], axis=-1)
