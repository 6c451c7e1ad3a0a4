"""Where the labels of a scene are in its photograph, and which of them can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.rendering import import_mujoco
from sims.tools.config import ASPECT
from sims.tools.coordinates import Box
from sims.tools.scene_model import scene_xml, texture_files
from sims.tools.scenes import Scene

if TYPE_CHECKING:
    import mujoco

RAYS = 5
"""Per side of a grid over a label, by which one tells how much of it is in view."""
SEEN_SHARE = 0.95
"""Share of a label that must be in view for it to be read."""


def compile_scene(scene: Scene) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """The scene's model, with positions up to date."""
    mj = import_mujoco()
    model = mj.MjModel.from_xml_string(scene_xml(scene), assets=texture_files(real=False))
    data = mj.MjData(model)
    mj.mj_kinematics(model, data)
    mj.mj_camlight(model, data)
    return model, data


def label_shares(scene: Scene, model: mujoco.MjModel, data: mujoco.MjData) -> list[float]:
    """How much of each item's label the camera sees, in [0, 1]: rays from the eye reach it, and it
    lies in the frame.
    """
    steps = np.linspace(-0.9, 0.9, RAYS)
    grid = np.array([(x, y, 0.0) for x in steps for y in steps])
    frame = Box(0.0, 0.0, 1.0, 1.0)
    return [
        _reached(model, data, model.geom(f"label{index}").id, grid) * (box.share_in(frame) > 0.999)
        for index, box in enumerate(label_boxes(scene, model, data, (1, 1)))
    ]


def _reached(model: mujoco.MjModel, data: mujoco.MjData, geom: int, grid: np.ndarray) -> float:
    """Share of points of a geom that rays from the camera reach."""
    eye, found = data.cam_xpos[0].copy(), np.zeros(1, dtype=np.int32)
    hits = 0
    for point in _points_on(model, data, geom, grid):
        import_mujoco().mj_ray(model, data, eye, point - eye, None, 1, -1, found)
        hits += int(found[0]) == geom
    return hits / len(grid)


def label_boxes(
    scene: Scene, model: mujoco.MjModel, data: mujoco.MjData, size: tuple[int, int]
) -> list[Box]:
    """Where the labels are in a photograph of that (width, height), whether in view or not [px]."""
    corners = np.array([(x, y, 1.0) for x in (-1, 1) for y in (-1, 1)], dtype=float)
    boxes = []
    for index in range(len(scene.items)):
        points = _points_on(model, data, model.geom(f"label{index}").id, corners)
        pixels = _project(points, model, data, size)
        boxes.append(Box(*map(float, (*pixels.min(axis=0), *pixels.max(axis=0)))))
    return boxes


def _points_on(
    model: mujoco.MjModel, data: mujoco.MjData, geom: int, grid: np.ndarray
) -> np.ndarray:
    """Points of a box, given in its half-extents, in the world, (n, 3) [m]."""
    axes = data.geom_xmat[geom].reshape(3, 3)
    return data.geom_xpos[geom] + (grid * model.geom_size[geom]) @ axes.T


def _project(
    points: np.ndarray, model: mujoco.MjModel, data: mujoco.MjData, size: tuple[int, int]
) -> np.ndarray:
    """Pixels of points, (n, 2)."""
    local = (points - data.cam_xpos[0]) @ data.cam_xmat[0].reshape(3, 3)
    reach = np.tan(np.radians(model.cam_fovy[0]) / 2) * local[:, 2]  # negative: it looks along -z
    x = size[0] / 2 * (1.0 - local[:, 0] / reach / ASPECT)
    y = size[1] / 2 * (1.0 + local[:, 1] / reach)
    return np.stack([x, y], axis=1)


def readable_side(label: Box, region: Box, size: tuple[int, int], *, full: bool = True) -> float:
    """How large a label is shown: the shorter side of its box [px], 0 where part of it is cut off.

    Args:
        label: its box in the photograph.
        region: the part of the photograph that is shown.
        size: of the picture, (width, height) [px].
        full: whether enlarging beyond the photograph's own pixels counts as no gain.
    """
    if label.share_in(region) < 0.98:
        return 0.0
    scale = min(size[0] / region.width, size[1] / region.height)
    return min(label.width, label.height) * (min(scale, 1.0) if full else scale)
