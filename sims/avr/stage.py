"""The stage: one live MuJoCo model whose geoms are edited in place to become any scene.

Nothing is compiled at a reset: every stage of a process copies one compiled model with spare slots,
and a scene is a handful of array writes followed by forward kinematics.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sims.avr.scene import (
    BACK_Y,
    FRONT_Y,
    STATIONS,
    HidingPlace,
    Scene,
    SceneObject,
    column_x,
)
from sims.avr.vocabulary import COLORS, CUBE_HALF_EDGE, MATERIALS, SIZES
from sims.rendering import RenderSettings, import_mujoco, shared_renderer

if TYPE_CHECKING:
    import mujoco

NUM_SLOTS = 12
AZIMUTH_DEG = {
    "front": 0.0,
    "half left": -30.0,
    "half right": 30.0,
    "left side": -90.0,
    "right side": 90.0,
}
ELEVATION_DEG = 15.0
LOOK_AT = (0.0, 0.55 * (FRONT_Y + BACK_Y), 0.45)
SEEN_FRACTION = 0.4
"""An object is seen when it shows at least this share of the pixels it has when unobstructed."""
EXAMINED_FRACTION = 0.6
"""A hiding place is examined when an object standing there would show at least this share."""
VIEWER_DISTANCE = 9.0
WALL_HALF_SIZE = (0.1, 0.75, 0.7)
WALL_GAP = 1.2
"""From the centre of the outermost column to a wall [m]."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One picture and what it shows.

    Attributes:
        picture: uint8 (H, W, 3).
        pixels: visible pixels of each object of the scene, in the scene's order.
        boxes: per object the visible box (x0, y0, x1, y1) [px], half-open, or None.
        seen: per object, whether enough of it is visible to be recognised.
        examined: columns whose hiding place lies open to this view.
    """

    picture: np.ndarray
    pixels: tuple[int, ...]
    boxes: tuple[tuple[int, int, int, int] | None, ...]
    seen: tuple[bool, ...]
    examined: frozenset[int]


@lru_cache(maxsize=1)
def stage_xml() -> str:
    """The model: floor, lights, one camera, two walls and `NUM_SLOTS` free bodies."""
    slots = "\n".join(
        f'<body name="slot{i}" pos="0 0 -50"><freejoint name="slot{i}"/>'
        f'<geom name="slot{i}" type="sphere" size="0.35 0.35 0.35" material="rubber"/></body>'
        for i in range(NUM_SLOTS)
    )
    wall_size = " ".join(str(half) for half in WALL_HALF_SIZE)
    walls = "\n".join(
        f'<body name="wall_{side}" mocap="true" pos="0 0 -50"><geom name="wall_{side}" type="box" '
        f'size="{wall_size}" rgba="0.30 0.26 0.24 1"/></body>'
        for side in ("left", "right")
    )
    return f"""<mujoco model="avr_stage">
      <visual><global offwidth="640" offheight="640"/><quality shadowsize="512" offsamples="0"
        numslices="20" numstacks="12"/>
        <headlight ambient="0.45 0.45 0.45" diffuse="0.3 0.3 0.3" specular="0 0 0"/>
        <map znear="0.05" zfar="60"/><rgba haze="0.75 0.78 0.8 1"/></visual>
      <asset><texture name="sky" type="skybox" builtin="gradient" rgb1="0.86 0.89 0.93"
          rgb2="0.62 0.70 0.80" width="32" height="192"/>
        <material name="rubber" specular="0.1" shininess="0.1"/>
        <material name="metal" specular="1" shininess="0.85"/></asset>
      <worldbody>
        <light name="key" directional="true" pos="0 -6 9" dir="0 0.5 -0.85"
          diffuse="0.55 0.55 0.55" specular="0.5 0.5 0.5" castshadow="true"/>
        <geom name="floor" type="plane" size="40 40 80" group="2" rgba="0.73 0.73 0.72 1"/>
        <body name="viewer" mocap="true"><camera name="viewer"/></body>
        {walls}
        {slots}
      </worldbody></mujoco>"""


@lru_cache(maxsize=1)
def _compiled_stage() -> mujoco.MjModel:
    return import_mujoco().MjModel.from_xml_string(stage_xml())


class Stage:
    """Shows scenes.

    Args:
        image_height, image_width: size of the pictures [px].
        shadows: whether the key light casts shadows.
        num_columns: how wide the scene is, which sets the viewer's field of view.

    Attributes:
        model, data: MuJoCo's, standing as the last scene that was shown.
        first_slot_geom: geom id of the first object; the others follow.
    """

    def __init__(
        self, image_height: int, image_width: int, *, shadows: bool, num_columns: int
    ) -> None:
        self._settings = RenderSettings(height=image_height, width=image_width, shadows=shadows)
        self._mj = import_mujoco()
        self.model = copy.copy(_compiled_stage())
        self.data = self._mj.MjData(self.model)
        self._wall_x = column_x(num_columns - 1, num_columns) + WALL_GAP
        half_width = self._wall_x + 0.3  # the walls are in the first picture
        self._focal = image_width * VIEWER_DISTANCE / (2 * half_width)  # [px]
        self.model.cam_fovy[0] = math.degrees(2 * math.atan(image_height / (2 * self._focal)))
        self.first_slot_geom = self.model.geom("slot0").id
        self._first_slot_body = self.model.body("slot0").id
        self._material_ids = {name: self.model.material(name).id for name in MATERIALS}
        kinds = self._mj.mjtGeom
        self._shapes = {  # shape -> MuJoCo's type, and its sizes as shares of the radius
            "sphere": (kinds.mjGEOM_SPHERE, (1.0, 0.0, 0.0)),
            "cylinder": (kinds.mjGEOM_CYLINDER, (1.0, 1.0, 0.0)),
            "cube": (kinds.mjGEOM_BOX, (CUBE_HALF_EDGE,) * 3),
        }
        self._viewer_poses = {station: self._viewer_pose(station) for station in STATIONS}

    def show(self, scene: Scene) -> View:
        """Place the scene, look from its station, and say what is visible."""
        self._place(scene)
        renderer = shared_renderer(stage_xml(), self._settings)
        picture, geoms = renderer.render(self.model, self.data)
        count = len(scene.objects)
        slots = geoms - self.first_slot_geom
        pixels, boxes = _measure(slots, count)
        seen = tuple(
            thing.present and number >= SEEN_FRACTION * self._full_pixels(thing)
            for thing, number in zip(scene.objects, pixels, strict=True)
        )
        return View(
            picture=picture, pixels=pixels, boxes=boxes, seen=seen, examined=self._examined(scene)
        )

    def _place(self, scene: Scene) -> None:
        if len(scene.objects) > NUM_SLOTS:
            raise ValueError(f"{len(scene.objects)} objects; the stage has {NUM_SLOTS} slots")
        qpos = self.data.qpos.reshape(NUM_SLOTS, 7)
        qpos[:] = (0.0, 0.0, -50.0, 1.0, 0.0, 0.0, 0.0)
        for slot, thing in enumerate(scene.objects):
            if thing.present:
                self._dress(slot, thing)
                height = _half_height(thing)
                turn = (math.cos(thing.yaw / 2), 0.0, 0.0, math.sin(thing.yaw / 2))
                qpos[slot] = (thing.x, thing.y, height, *turn)
        for index, (side, sign) in enumerate((("left", -1), ("right", 1))):
            up = WALL_HALF_SIZE[2] if side in scene.walls else -50.0
            self.data.mocap_pos[index + 1] = (sign * self._wall_x, BACK_Y + 0.1, up)
        self.data.mocap_pos[0], self.data.mocap_quat[0] = self._viewer_poses[scene.station]
        self._mj.mj_kinematics(self.model, self.data)
        self._mj.mj_camlight(self.model, self.data)

    def _dress(self, slot: int, thing: SceneObject) -> None:
        """Give a slot's geom the shape, size, colour and material of an object."""
        geom, radius = self.first_slot_geom + slot, SIZES[thing.size]
        kind, proportions = self._shapes[thing.shape]
        self.model.geom_type[geom] = kind
        self.model.geom_size[geom] = [radius * share for share in proportions]
        self.model.geom_rbound[geom] = 2.0 * radius
        self.model.geom_rgba[geom, :3] = [level / 255.0 for level in COLORS[thing.color]]
        self.model.geom_matid[geom] = self._material_ids[thing.material]

    def _viewer_pose(self, station: str) -> tuple[np.ndarray, np.ndarray]:
        """Where the viewer stands [m] and how it is turned (w, x, y, z)."""
        azimuth, elevation = math.radians(AZIMUTH_DEG[station]), math.radians(ELEVATION_DEG)
        out = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])  # from the centre, level
        back = math.cos(elevation) * out + np.array([0.0, 0.0, math.sin(elevation)])
        right = np.cross((0.0, 0.0, 1.0), back)
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(back, right), back], axis=1)
        quat = np.empty(4)
        self._mj.mju_mat2Quat(quat, frame.flatten())
        return np.asarray(LOOK_AT) + VIEWER_DISTANCE * back, quat

    def _full_pixels(self, thing: SceneObject) -> float:
        """Pixels of the unobstructed silhouette, reckoned as a disc or an unrotated rectangle."""
        radius = SIZES[thing.size]
        area = {
            "sphere": math.pi * radius**2,
            "cylinder": 4 * radius**2,
            "cube": 4 * (CUBE_HALF_EDGE * radius) ** 2,
        }[thing.shape]
        away = math.dist((thing.x, thing.y, _half_height(thing)), self.data.cam_xpos[0])
        return area * (self._focal / away) ** 2

    def _examined(self, scene: Scene) -> frozenset[int]:
        """Columns whose hiding place would show an object standing there, occupied or not."""
        return frozenset(
            place.column
            for place in scene.hiding_places
            if self._exposure(scene, place) >= EXAMINED_FRACTION
        )

    def _exposure(self, scene: Scene, place: HidingPlace) -> float:
        """Share of a small sphere at the place that rays from the viewer reach, in [0, 1].

        Whatever stands at the place itself is left out of the way, so the number is the same
        whether or not the place is occupied: what counts as examined tells nothing about what is
        there.
        """
        occupant = next(
            (
                slot
                for slot, thing in enumerate(scene.objects)
                if thing.present and math.hypot(thing.x - place.x, thing.y - place.y) < 0.3
            ),
            None,
        )
        body = -1 if occupant is None else self._first_slot_body + occupant
        eye = self.data.cam_xpos[0].copy()
        rays = _silhouette_points(eye, np.array([place.x, place.y, SIZES["small"]])) - eye
        geom, cast = np.zeros(1, dtype=np.int32), self._mj.mj_ray
        lengths = [cast(self.model, self.data, eye, ray, None, 1, body, geom) for ray in rays]
        return sum(not 0 <= length < 1 for length in lengths) / len(rays)  # -1: nothing was hit


def _half_height(thing: SceneObject) -> float:
    return SIZES[thing.size] * (CUBE_HALF_EDGE if thing.shape == "cube" else 1.0)


def _silhouette_points(eye: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """25 points spread over the disc that a small sphere shows to the eye, (25, 3)."""
    x, y, z = (centre - eye) / math.dist(centre, eye)
    level = math.hypot(x, y)
    right = np.array([y, -x, 0.0]) / level
    up = np.array([-x * z, -y * z, level * level]) / level
    return centre + _DISC_POINTS @ np.stack([right, up])


def _sunflower(count: int, radius: float) -> np.ndarray:
    """Points that share a disc out in equal areas, (count, 2)."""
    steps = np.arange(count)
    r = radius * np.sqrt((steps + 0.5) / count)
    angle = steps * math.pi * (3.0 - math.sqrt(5.0))
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)


_DISC_POINTS = _sunflower(25, 0.95 * SIZES["small"])


def _measure(
    slots: np.ndarray, count: int
) -> tuple[tuple[int, ...], tuple[tuple[int, int, int, int] | None, ...]]:
    """Visible pixels and boxes of the first `count` slots in a picture of slot numbers."""
    small = slots.astype(np.int8)  # a fraction of the memory to go over, per slot
    pixels: list[int] = []
    boxes: list[tuple[int, int, int, int] | None] = []
    for slot in range(count):
        mask = small == slot
        pixels.append(int(np.count_nonzero(mask)))
        boxes.append(_box(mask) if pixels[-1] else None)
    return tuple(pixels), tuple(boxes)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
