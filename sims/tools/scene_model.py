"""A scene as a MuJoCo model: nothing moves, everything is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from sims.tools.scenes import Camera, Scene
from sims.tools.symbols import label_names, label_png
from sims.tools.things import COLORS, KINDS, Item, Part

MAX_GEOMS = 260
"""Most geoms that a scene may have; the renderer is made for as many."""
PLATE = 0.001
"""Half the thickness of a label [m]."""
STEEPNESS = {"table": 1.0, "shelves": 0.3, "counter": 0.8}
"""Layout -> how steeply the light falls; it has to reach into shelves."""


def scene_xml(scene: Scene) -> str:
    """The model of a scene. Bodies are "item0", "item1", ..., their labels "label0", ..."""
    bodies = [_item_xml(index, item) for index, item in enumerate(scene.items)]
    bodies += [
        f'<body pos="{_numbers(scrap.pos)}" quat="{_yaw(scrap.yaw)}">'
        f"{_part_xml(scrap.part, (1.0, 1.0, 1.0))}</body>"
        for scrap in scene.scraps
    ]
    along, across = 0.55 * math.cos(scene.light), 0.55 * math.sin(scene.light)
    light = (
        f'<light directional="true" pos="{_numbers((-2 * across, -2 * along, 3.0))}" '
        f'dir="{_numbers((across, along, -STEEPNESS[scene.layout]))}" diffuse="0.6 0.6 0.57" '
        'specular="0.25 0.25 0.25" castshadow="true"/>'
    )
    return (
        f"<mujoco>{_SETTINGS}{_assets_xml()}<worldbody>{light}{_camera_xml(scene.camera)}"
        f"{_room_xml(scene)}{''.join(bodies)}</worldbody></mujoco>"
    )


@lru_cache(maxsize=2)
def texture_files(*, real: bool) -> dict[str, bytes]:
    """The PNG files that `scene_xml` names.

    Args:
        real: whether they are what they show. Only the renderer's own model needs that: textures
            are drawn from there, and a scene's model compiles faster with a pixel for each.
    """
    if not real:
        return dict.fromkeys((*_label_files(), "wood.png"), _png(np.full((1, 1, 3), 255.0)))
    files = {f"{name}.png": label_png(name) for name in label_names()}
    return {**files, "wood.png": _png(_wood())}


def _label_files() -> list[str]:
    return [f"{name}.png" for name in label_names()]


_SETTINGS = """<statistic center="0 0 0.4" extent="2.6"/>
  <visual><headlight ambient="0.34 0.34 0.35" diffuse="0.26 0.26 0.26" specular="0 0 0"/>
    <map znear="0.2" zfar="6" shadowclip="0.65"/>
    <quality numslices="48" numstacks="24" offsamples="0"/></visual>"""


@lru_cache(maxsize=1)
def _assets_xml() -> str:
    labels = "".join(
        f'<texture name="{name}" type="2d" file="{name}.png"/>'
        f'<material name="{name}" texture="{name}" specular="0.05"/>'
        for name in label_names()
    )
    return (
        f'<asset>{labels}<texture name="wood" type="2d" file="wood.png"/>'
        '<material name="wood" texture="wood" specular="0.15" shininess="0.3" texrepeat="2 1"/>'
        '<material name="glossy" specular="0.45" shininess="0.6"/>'
        '<material name="dull" specular="0.05"/></asset>'
    )


def _camera_xml(camera: Camera) -> str:
    back = np.asarray(camera.eye) - np.asarray(camera.target)
    back /= np.linalg.norm(back)
    right = np.cross((0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    axes = (*right, *np.cross(back, right))
    return (
        f'<camera name="camera" pos="{_numbers(camera.eye)}" xyaxes="{_numbers(axes)}" '
        f'fovy="{camera.fovy:.6f}"/>'
    )


def _room_xml(scene: Scene) -> str:
    """Furniture, floor and walls; their group is the backdrop's."""
    wall, wood = _numbers(scene.wall), _numbers(scene.wood)
    walls = (
        f'<geom type="box" size="4 0.02 3" pos="0 1.5 0.5" material="dull" rgba="{wall} 1" '
        'group="2"/>'
        '<geom type="box" size="4 4 0.02" pos="0 0 -0.95" material="dull" '
        'rgba="0.55 0.54 0.52 1" group="2"/>'
    )
    boards = "".join(
        f'<geom type="box" size="{_numbers(size)}" pos="{_numbers(pos)}" material="wood" '
        f'rgba="{wood} 1" group="2"/>'
        for size, pos in _FURNITURE[scene.layout]
    )
    return walls + boards


_Board = tuple[tuple[float, float, float], tuple[float, float, float]]
_FURNITURE: dict[str, tuple[_Board, ...]] = {
    "table": (((1.75, 1.05, 0.03), (0.0, 0.0, -0.03)),),
    "shelves": (
        *(((1.3, 0.24, 0.018), (0.0, 0.02, z - 0.018)) for z in (0.0, 0.52, 1.04, 1.53)),
        *(((0.02, 0.24, 0.8), (x, 0.02, 0.747)) for x in (-1.3, 1.3)),
        ((1.3, 0.015, 0.8), (0.0, 0.275, 0.747)),
    ),
    "counter": (
        ((1.75, 0.95, 0.03), (0.0, 0.1, -0.03)),
        ((1.4, 0.2, 0.018), (0.0, 0.66, 0.532)),
        *(((0.02, 0.2, 0.27), (x, 0.66, 0.25)) for x in (-1.38, 1.38)),
    ),
}


def _item_xml(index: int, item: Item) -> str:
    kind, rgb = KINDS[item.kind], COLORS[item.color]
    parts = "".join(_part_xml(part, rgb) for part in kind.parts)
    half = item.label_size / 2
    place = _numbers((0.0, -kind.front - PLATE, kind.label_height))
    label = (
        f'<geom name="label{index}" type="box" size="{_numbers((half, half, PLATE))}" '
        f'pos="{place}" zaxis="0 -1 0" material="{item.label}"/>'
    )
    return (
        f'<body name="item{index}" pos="{_numbers(item.pos)}" quat="{_yaw(item.yaw)}">'
        f"{parts}{label}</body>"
    )


def _part_xml(part: Part, own: tuple[float, float, float]) -> str:
    turn = (math.cos(part.tilt / 2), 0.0, math.sin(part.tilt / 2), 0.0)
    return (
        f'<geom type="{part.shape}" size="{_numbers(part.size)}" pos="{_numbers(part.pos)}" '
        f'quat="{_numbers(turn)}" material="glossy" rgba="{_numbers(part.rgb or own)} 1"/>'
    )


def _wood() -> np.ndarray:
    """Grain, in shades near white, (256, 512, 3)."""
    rng = np.random.default_rng(0)
    rows = np.cumsum(rng.normal(0.0, 5.0, 256))
    rows -= np.linspace(rows[0], rows[-1], 256)
    waves = 6.0 * np.sin(np.linspace(0, 9, 512))[None, :] + rng.normal(0.0, 4.0, (256, 512))
    grey = np.clip(226 + rows[:, None] + waves, 170, 255)
    return np.repeat(grey[..., None], 3, axis=2)


def _png(picture: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _yaw(angle: float) -> str:
    return _numbers((math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)))


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.6f}" for value in values)
