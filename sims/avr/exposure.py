"""How much of a small sphere somewhere would be in view: rays from the eye to its silhouette."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sims.avr.viewer import DISTANCE, HALF_WIDTH, LOOK_AT
from sims.avr.vocabulary import SIZES
from sims.rendering import BACKDROP_GROUP, import_mujoco

if TYPE_CHECKING:
    import mujoco

NUM_RAYS = 25
ABSENT_GROUP = 5
"""Geoms of this group are met by no ray and shown in no picture."""


def shown_shares(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    eye: np.ndarray,
    centres: np.ndarray,
    without: Sequence[int] | None = None,
) -> np.ndarray:
    """Shares of small spheres' silhouettes that the picture shows, (n,) in [0, 1]: rays from the
    eye reach them, and they lie within the frame.

    Args:
        model, data: MuJoCo's, with kinematics and the camera's field of view up to date.
        eye: of the viewer, (3,) [m].
        centres: of the spheres, (n, 3) [m].
        without: per sphere the id of a body that does not stand in its way; -1 for none. None
            stands for none at all.
    """
    rays = silhouette_rays(centres - eye)
    absent = np.full(len(centres), -1) if without is None else np.asarray(without)
    reached = np.empty(rays.shape[:2], dtype=bool)
    for body in set(absent.tolist()):  # MuJoCo leaves out one body for all rays of a call
        chosen = absent == body
        reached[chosen] = _reach(model, data, eye, rays[chosen], body)
    shown = reached & _in_frame(rays, eye, float(model.cam_fovy[0]))
    return shown.sum(axis=1) / NUM_RAYS


def _reach(
    model: mujoco.MjModel, data: mujoco.MjData, eye: np.ndarray, rays: np.ndarray, without: int
) -> np.ndarray:
    """Which rays, (n, 25, 3), meet nothing before their end, bool (n, 25)."""
    count = rays.shape[0] * rays.shape[1]
    geoms, lengths = np.zeros(count, dtype=np.int32), np.zeros(count)
    start, flat, cast = np.array(eye), rays.ravel(), import_mujoco().mj_multiRay
    cast(
        model, data, start, flat, _GROUPS, 1, without, geoms, lengths,
        nray=count, cutoff=math.inf, **_ray_settings(),
    )  # fmt: skip
    return ((lengths < 0) | (lengths >= 1)).reshape(rays.shape[:2])  # negative: nothing was hit


@lru_cache(maxsize=1)
def _ray_settings() -> dict[str, None]:
    """That no normals are wanted, where this version of MuJoCo asks."""
    knows_normals = "normal" in (import_mujoco().mj_multiRay.__doc__ or "")
    return {"normal": None} if knows_normals else {}


def _in_frame(rays: np.ndarray, eye: np.ndarray, fovy: float) -> np.ndarray:
    """Which rays, (n, 25, 3), run through the picture that an eye takes there, bool (n, 25)."""
    across_up_depth = rays @ _camera_axes(tuple(eye.tolist()), fovy)
    inside: np.ndarray = np.abs(across_up_depth[..., :2]) <= across_up_depth[..., 2:]
    return inside[..., 0] & inside[..., 1]


@lru_cache(maxsize=64)
def _camera_axes(eye: tuple[float, float, float], fovy: float) -> np.ndarray:
    """The axes of the camera at an eye as columns, (3, 3): to the right and up, in half widths and
    half heights of the picture at a depth of 1, and into the depth.
    """
    x, y, z = ((np.array(eye) - LOOK_AT) / DISTANCE).tolist()  # from the scene's middle to the eye
    level = math.hypot(x, y)
    right, up = (-y / level, x / level, 0.0), (-x * z / level, -y * z / level, level)
    half_width, half_height = HALF_WIDTH / DISTANCE, math.tan(math.radians(fovy) / 2)
    return np.array([right, up, (-x, -y, -z)]).T / (half_width, half_height, 1.0)


def silhouette_rays(ahead: np.ndarray) -> np.ndarray:
    """Rays from an eye to points spread evenly over the discs that small spheres show to it.

    Args:
        ahead: from the eye to the centres of the spheres, (n, 3) [m].

    Returns:
        (n, 25, 3) [m].
    """
    axes = np.array([_disc_axes(*centre) for centre in ahead.tolist()])
    return ahead[:, None] + _DISC_POINTS @ axes


def _disc_axes(x: float, y: float, z: float) -> tuple[tuple[float, float, float], ...]:
    """To the right and up in the disc of a sphere that stands there, seen from the origin."""
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    level = math.hypot(x, y)
    return (y / level, -x / level, 0.0), (-x * z / level, -y * z / level, level)


def _sunflower(count: int, radius: float) -> np.ndarray:
    """Points that share a disc out in equal areas, (count, 2)."""
    steps = np.arange(count)
    r = radius * np.sqrt((steps + 0.5) / count)
    angle = steps * math.pi * (3.0 - math.sqrt(5.0))
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)


_DISC_POINTS = _sunflower(NUM_RAYS, 0.95 * SIZES["small"])
_GROUPS = np.array(
    [group not in (BACKDROP_GROUP, ABSENT_GROUP) for group in range(6)], dtype=np.uint8
)
