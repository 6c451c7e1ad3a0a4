"""Pictures of scenes: MuJoCo draws the things, Pillow's own font the words.

One small model serves all films: its geoms are moved, shaped and painted for each picture, with
nothing left over from the one before, so that a picture depends on its scene alone.
"""

from __future__ import annotations

import math
import os
import threading
from functools import lru_cache

import numpy as np
from PIL import ImageFont

from sims.rendering import RenderSettings, SceneRenderer, import_mujoco
from video.synthetic.config import FilmConfig
from video.synthetic.layout import (
    BULB_HEIGHT,
    BULB_RADIUS,
    CAMERA_DISTANCE,
    CAMERA_TILT,
    CUBE_YAW,
    FLOOR,
    SHELF_TOP,
    Layout,
    make_layout,
)
from video.synthetic.scene import Scene, Sprite
from video.synthetic.vocabulary import FILM_COLORS

TINTS = (
    ((244, 240, 228), (214, 205, 186)),
    ((222, 236, 246), (180, 198, 214)),
    ((228, 244, 226), (184, 206, 182)),
    ((247, 228, 226), (216, 188, 184)),
    ((236, 230, 246), (196, 188, 212)),
    ((232, 232, 232), (192, 192, 192)),
)
"""(wall, floor) of each look: RGB in 0..255, pale, so that every colour of a thing stands out."""
SHELF_RGB = (120, 96, 72)
LAMP_OFF, LAMP_ON = (70, 70, 80), (255, 214, 90)
NUM_SLOTS = 14
"""Most items in a picture: twelve places, a visitor and what it carries."""
UP = np.eye(3).ravel()
TURNED = np.array(
    [
        [math.cos(CUBE_YAW), -math.sin(CUBE_YAW), 0.0],
        [math.sin(CUBE_YAW), math.cos(CUBE_YAW), 0.0],
        [0.0, 0.0, 1.0],
    ]
).ravel()


@lru_cache(maxsize=1)
def _model_xml() -> str:
    tilt_sin, tilt_cos = math.sin(CAMERA_TILT), math.cos(CAMERA_TILT)
    fovy = 2 * math.degrees(math.atan(1 / CAMERA_DISTANCE))
    position = f"0 {-CAMERA_DISTANCE * tilt_cos:.6f} {CAMERA_DISTANCE * tilt_sin:.6f}"
    fixed = ("wall", "floor", "shelf", "post", "bulb", "halo")
    names = [*fixed, *(f"item{index}" for index in range(NUM_SLOTS))]
    geoms = "".join(f'<geom name="{name}" type="box" size="1 1 1"/>' for name in names)
    return f"""<mujoco><statistic center="0 0 0" extent="4"/>
      <visual><headlight ambient="0.62 0.62 0.62" diffuse="0.12 0.12 0.12" specular="0 0 0"/>
      <quality shadowsize="512" offsamples="0" numslices="24" numstacks="16"/>
      <map znear="0.1" zfar="20"/></visual><worldbody>
      <light directional="true" pos="-3 -6 8" dir="0.45 0.6 -0.75" diffuse="0.42 0.42 0.42"
        specular="0.25 0.25 0.25" ambient="0 0 0" castshadow="false"/>
      <camera name="eye" pos="{position}" fovy="{fovy:.6f}"
        xyaxes="1 0 0 0 {tilt_sin:.6f} {tilt_cos:.6f}"/>{geoms}</worldbody></mujoco>"""


class FilmRenderer(SceneRenderer):
    """Draws scenes of films; belongs to the thread that made it.

    Args:
        height, width: of the pictures [px].
    """

    def __init__(self, height: int, width: int) -> None:
        mj = import_mujoco()
        self._model = mj.MjModel.from_xml_string(_model_xml())
        self._data = mj.MjData(self._model)
        mj.mj_forward(self._model, self._data)
        self._types = {
            "cube": int(mj.mjtGeom.mjGEOM_BOX),
            "sphere": int(mj.mjtGeom.mjGEOM_SPHERE),
            "cylinder": int(mj.mjtGeom.mjGEOM_CYLINDER),
        }
        self._ids = {self._model.geom(index).name: index for index in range(self._model.ngeom)}
        super().__init__(self._model, RenderSettings(height=height, width=width, shadows=False))

    def picture(self, scene: Scene, layout: Layout) -> np.ndarray:
        """A scene without its words: uint8 (H, W, 3), a fresh array."""
        self._model.geom_rgba[:] = 0.0  # what is not in the scene is not drawn
        self._model.geom_rbound[:] = 100.0
        self._set_room(scene, layout)
        sprites = [sprite for _, sprite in scene.standing]
        sprites += [s for s in (scene.emblem, scene.visitor, scene.carried) if s is not None]
        for index, sprite in enumerate(sprites):
            self._set_sprite(f"item{index}", sprite)
        self._gl.make_current()
        self._camera.fixedcamid = 0
        return np.ascontiguousarray(self._draw(self._model, self._data, truth=False))

    def _set_room(self, scene: Scene, layout: Layout) -> None:
        wall, floor = TINTS[scene.tint % len(TINTS)]
        if scene.lamp:
            wall = (min(255, wall[0] + 9), min(255, wall[1] + 9), min(255, wall[2] + 9))
        wide = layout.half_width * 1.2
        self._set("wall", "cube", (0.0, 1.2, 0.0), (wide, 0.05, 2.0), wall)
        if scene.card is not None:
            return
        self._set("floor", "cube", (0.0, 0.0, FLOOR - 0.5), (wide, 1.19, 0.5), floor)
        left, right = layout.shelf_x
        middle, half = (left + right) / 2, (right - left) / 2
        self._set("shelf", "cube", (middle, 0.0, SHELF_TOP - 0.03), (half, 0.25, 0.03), SHELF_RGB)
        if scene.lamp is not None and layout.lamp_x is not None:
            self._set_lamp(layout.lamp_x, scene.lamp)

    def _set_lamp(self, x: float, lit: bool) -> None:
        color = LAMP_ON if lit else LAMP_OFF
        post = (0.02, 0.02, 0.14)
        self._set("post", "cube", (x, 0.0, SHELF_TOP + 0.14), post, (60, 60, 60))
        bulb = (x, 0.0, SHELF_TOP + BULB_HEIGHT)
        self._set("bulb", "sphere", bulb, (BULB_RADIUS,) * 3, color)
        if lit:
            self._set("halo", "sphere", bulb, (1.8 * BULB_RADIUS,) * 3, color, alpha=0.35)

    def _set_sprite(self, name: str, sprite: Sprite) -> None:
        radius = sprite.radius
        size = {
            "cube": (0.8 * radius,) * 3,
            "sphere": (radius,) * 3,
            "cylinder": (0.72 * radius, radius, radius),
        }[sprite.item.shape]
        color = FILM_COLORS[sprite.item.color]
        self._set(name, sprite.item.shape, (sprite.x, 0.0, sprite.z), size, color, turned=True)

    def _set(
        self,
        name: str,
        shape: str,
        pos: tuple[float, float, float],
        size: tuple[float, ...],
        color: tuple[int, ...],
        *,
        alpha: float = 1.0,
        turned: bool = False,
    ) -> None:
        index = self._ids[name]
        self._model.geom_type[index] = self._types[shape]
        self._model.geom_size[index] = size
        self._model.geom_rgba[index] = (*(value / 255 for value in color), alpha)
        self._data.geom_xpos[index] = pos
        self._data.geom_xmat[index] = TURNED if turned and shape == "cube" else UP


@lru_cache(maxsize=4)
def _renderer(height: int, width: int, owner: tuple[int, int]) -> FilmRenderer:
    return FilmRenderer(height, width)


def draw_scene(scene: Scene, config: FilmConfig) -> np.ndarray:
    """The picture of a scene: uint8 (height, width, 3), a fresh array."""
    owner = (os.getpid(), threading.get_ident())
    renderer = _renderer(config.height, config.width, owner)
    picture = renderer.picture(scene, make_layout(config))
    if scene.card is not None:
        _write(picture, f"Chapter {scene.card}", size=config.height * 0.2, top=0.16, middle=True)
    elif scene.caption is not None:
        _write(picture, f"Chapter {scene.caption}", size=config.height * 0.085, top=0.03)
    return picture


def _write(
    picture: np.ndarray, text: str, *, size: float, top: float, middle: bool = False
) -> None:
    """Put dark words on a picture, in place, from `top` (share of the height) down."""
    mask = _mask(text, round(size))[..., None]
    height, width = mask.shape[:2]
    y = round(top * picture.shape[0])
    x = (picture.shape[1] - width) // 2 if middle else round(0.02 * picture.shape[1])
    x, height, width = max(0, x), min(height, len(picture) - y), min(width, picture.shape[1])
    patch = picture[y : y + height, x : x + width]
    ink = mask[: patch.shape[0], : patch.shape[1]].astype(np.uint16)
    patch[:] = (patch * (255 - ink) + 20 * ink) // 255


@lru_cache(maxsize=128)
def _mask(text: str, size: int) -> np.ndarray:
    """How dark each pixel of a text is: uint8 (H, W)."""
    font = ImageFont.load_default(max(6, size))
    mask = font.getmask(text)
    return np.asarray(mask, dtype=np.uint8).reshape(mask.size[::-1])
