"""The photograph of a scene: taken once, kept for a while, taken again when it is needed again.

Episodes keep scenes, which are small; photographs are kept in one cache for the whole process,
whose size is bounded. A photograph is a function of its scene, so nobody can tell one that was
kept from one that was taken again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sims.rendering import RenderSettings, SceneRenderer, import_mujoco, shared_renderer
from sims.tools.config import ASPECT
from sims.tools.coordinates import Box
from sims.tools.scene_model import MAX_GEOMS, scene_xml, texture_files
from sims.tools.scenes import Scene
from sims.tools.sight import compile_scene, label_boxes, label_shares

if TYPE_CHECKING:
    import mujoco

COARSE = 4
"""Segmentation and distances are kept at a quarter of the photograph's width."""
MIN_LEVEL = 96
"""The coarsest copy of the photograph is at least this wide [px]."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """Where one of the scene's items is in its photograph.

    Attributes:
        box: around what is in view of it [px]; None where nothing is.
        label: around its label, whether in view or not [px].
        label_share: how much of the label is in view, in [0, 1].
    """

    box: Box | None
    label: Box
    label_share: float


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A photograph and what is known of it; read-only.

    Attributes:
        levels: the photograph, uint8 (H, W, 3), and copies of half the size each.
        owners: which item is seen where, int8 (H / 4, W / 4), -1 for none.
        distances: along the camera's axis [m], float16 (H / 4, W / 4).
        sightings: one per item.
    """

    levels: tuple[np.ndarray, ...]
    owners: np.ndarray
    distances: np.ndarray
    sightings: tuple[Sighting, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height [px]."""
        return self.levels[0].shape[1], self.levels[0].shape[0]

    @property
    def whole(self) -> Box:
        """All of it."""
        width, height = self.size
        return Box(0.0, 0.0, float(width), float(height))

    @property
    def num_bytes(self) -> int:
        """The memory that it takes."""
        arrays = (*self.levels, self.owners, self.distances)
        return sum(array.nbytes for array in arrays)

    def show(self, region: Box, size: tuple[int, int]) -> np.ndarray:
        """A part of the photograph as a picture, uint8 (height, width, 3), a fresh array.

        Args:
            region: inside the photograph [px].
            size: of the picture, (width, height) [px].
        """
        reduction = min(region.width / size[0], region.height / size[1])
        level = min(max(int(np.log2(max(reduction, 1.0))), 0), len(self.levels) - 1)
        source = self.levels[level]
        height, width = source.shape[:2]
        scale_x, scale_y = width / self.size[0], height / self.size[1]
        x0, x1 = region.x0 * scale_x, region.x1 * scale_x
        y0, y1 = region.y0 * scale_y, region.y1 * scale_y
        left, top = max(0, int(x0) - 4), max(0, int(y0) - 4)  # what the filter reads beside it
        part = source[top : min(height, int(y1) + 5), left : min(width, int(x1) + 5)]
        inside = (x0 - left, y0 - top, x1 - left, y1 - top)
        picture = Image.fromarray(np.ascontiguousarray(part))
        return np.array(picture.resize(size, Image.Resampling.BICUBIC, box=inside))


class PhotographCache:
    """Photographs by scene, those used last, up to a number of bytes; for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Scene, int, bool], Photograph] = OrderedDict()
        self._lock = threading.RLock()
        self._num_bytes = 0
        self.num_taken = 0

    def get(self, scene: Scene, width: int, *, shadows: bool, max_bytes: int) -> Photograph:
        """The photograph of a scene, taken where it is not kept.

        Args:
            scene: what is shown.
            width: of the photograph [px].
            shadows: whether the light casts shadows.
            max_bytes: of all that are kept; the newest is kept in any case.
        """
        key = (scene, width, shadows)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = take_photograph(scene, width, shadows=shadows)
                self._num_bytes += found.num_bytes
                self.num_taken += 1
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and self._num_bytes > max_bytes:
                self._num_bytes -= self._kept.popitem(last=False)[1].num_bytes
            return found

    def num_bytes(self) -> int:
        """The memory that the kept ones take."""
        return self._num_bytes

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self._num_bytes = 0


PHOTOGRAPHS = PhotographCache()
"""The cache of this process."""


def take_photograph(scene: Scene, width: int, *, shadows: bool) -> Photograph:
    """Render a scene.

    Args:
        scene: what is shown; its labels are written.
        width: of the photograph [px].
        shadows: whether the light casts shadows.
    """
    model, data = compile_scene(scene)
    renderer = _renderer(width, shadows=shadows)
    picture, depth = renderer.photograph(model, data, 0, depth=True)
    assert depth is not None
    coarse = _renderer(width // COARSE, shadows=False)
    owners = coarse.segment(model, data, 0, labels=_owners(model, len(scene.items)))
    size = (picture.shape[1], picture.shape[0])
    labels = label_boxes(scene, model, data, size)
    sightings = tuple(
        Sighting(box=_box_of(owners == index, size), label=label, label_share=share)
        for index, (label, share) in enumerate(
            zip(labels, label_shares(scene, model, data), strict=True)
        )
    )
    distances = np.ascontiguousarray(depth[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE])
    return Photograph(
        levels=_levels(picture),
        owners=_frozen(owners.astype(np.int8)),
        distances=_frozen(distances.astype(np.float16)),
        sightings=sightings,
    )


def _owners(model: mujoco.MjModel, num_items: int) -> np.ndarray:
    """For each geom the item that it belongs to, -1 for none and for the background."""
    items = {model.body(f"item{index}").id: index for index in range(num_items)}
    return np.array([*(items.get(int(body), -1) for body in model.geom_bodyid), -1], np.int16)


def _box_of(mask: np.ndarray, size: tuple[int, int]) -> Box | None:
    """The box around a coarse mask, in pixels of the photograph."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    step_x, step_y = size[0] / mask.shape[1], size[1] / mask.shape[0]
    edges = (columns[0] * step_x, rows[0] * step_y, columns[-1] + 1, rows[-1] + 1)
    return Box(float(edges[0]), float(edges[1]), float(edges[2] * step_x), float(edges[3] * step_y))


def _levels(picture: np.ndarray) -> tuple[np.ndarray, ...]:
    """The picture and copies of half the width and height each."""
    levels = [picture]
    while levels[-1].shape[1] >= 2 * MIN_LEVEL:
        levels.append(np.array(Image.fromarray(levels[-1]).reduce(2)))
    return tuple(_frozen(level) for level in levels)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _renderer(width: int, *, shadows: bool) -> SceneRenderer:
    settings = RenderSettings(height=round(width / ASPECT), width=width, shadows=shadows)
    return shared_renderer("look", settings, MAX_GEOMS, make_model=_textured_model)


@lru_cache(maxsize=1)
def _any_scene() -> Scene:
    return Scene(layout="table", items=(), scraps=(), wood=(1.0,) * 3, wall=(1.0,) * 3, light=0.0)


def _textured_model() -> mujoco.MjModel:
    """What the shared renderers are made from: it has the textures."""
    read = import_mujoco().MjModel.from_xml_string
    return read(scene_xml(_any_scene()), assets=texture_files(real=True))
