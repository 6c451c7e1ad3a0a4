"""Pictures of a PyBullet world by its software renderer, which needs no OpenGL."""

from __future__ import annotations

import math

import numpy as np

from sims.manipulation.engines.bullet_client import Client
from sims.manipulation.engines.bullet_model import World
from sims.manipulation.kinematics import rotation_of
from sims.manipulation.physics import Picture, Pose
from sims.manipulation.scene import Camera, Scene

NEAR, FAR = 0.02, 12.0
"""Nearer and farther things are not drawn [m]."""
LINK_SHIFT = 24
"""In a segmentation code, the link's index plus one stands above the body's id by so many bits."""


def draw(
    client: Client,
    world: World,
    scene: Scene,
    camera: Camera,
    pose: Pose,
    size: tuple[int, int],
    *,
    shadows: bool,
    depth: bool,
    labels: bool,
) -> Picture:
    """What a camera at a pose sees. See `Physics.render`."""
    (height, width), light = size, scene.lighting
    _, _, rgba, buffer, codes = client.getCameraImage(
        width,
        height,
        view_matrix(pose),
        projection_matrix(camera.fovy, height, width),
        lightDirection=[-x for x in light.direction],
        lightDistance=3.0,
        lightAmbientCoeff=light.ambient,
        lightDiffuseCoeff=light.diffuse,
        lightSpecularCoeff=0.05,
        shadow=int(shadows),
        renderer=client.ER_TINY_RENDERER,
        flags=client.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX,
    )
    codes = np.asarray(codes).reshape(height, width)
    rgb = np.array(rgba, dtype=np.uint8).reshape(height, width, 4)[:, :, :3]
    rgb = np.where((codes == -1)[:, :, None], backdrop(scene), rgb)
    return Picture(
        rgb=rgb,
        depth=metres(np.asarray(buffer).reshape(height, width)) if depth else None,
        labels=label_codes(world, codes) if labels else None,
    )


def backdrop(scene: Scene) -> np.ndarray:
    """The backdrop's color, uint8 (3,)."""
    return (255 * np.array(scene.backdrop_color)).round().astype(np.uint8)


def view_matrix(pose: Pose) -> list[float]:
    """World to camera, as OpenGL wants it: 16 numbers, column by column."""
    turn = rotation_of(pose.quat).T
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, -turn @ pose.position
    return matrix.T.ravel().tolist()


def projection_matrix(fovy: float, height: int, width: int) -> list[float]:
    """Camera to clip space, as OpenGL wants it: 16 numbers, column by column.

    The renderer takes its samples at the pixels' corners; half a pixel to the left and downwards
    puts them into the middles.

    Args:
        fovy: vertical field of view [degrees].
        height, width: of the picture [px].
    """
    scale = 1 / math.tan(math.radians(fovy) / 2)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1] = scale * height / width, scale
    matrix[0, 2], matrix[1, 2] = 1 / width, 1 / height
    matrix[2, 2], matrix[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
    matrix[3, 2] = -1
    return matrix.T.ravel().tolist()


def metres(buffer: np.ndarray) -> np.ndarray:
    """Distances along the optical axis [m], float32 (H, W), of an OpenGL depth buffer."""
    values = buffer.astype(np.float64)
    return (FAR * NEAR / (FAR - (FAR - NEAR) * values)).astype(np.float32)


def label_codes(world: World, codes: np.ndarray) -> np.ndarray:
    """Labels int16 (H, W) of the renderer's segmentation codes."""
    labels = np.full(codes.shape, -1, dtype=np.int16)
    for code in np.unique(codes):
        if code >= 0:
            place = (int(code) & ((1 << LINK_SHIFT) - 1), (int(code) >> LINK_SHIFT) - 1)
            labels[codes == code] = world.labels.get(place, -1)
    return labels
