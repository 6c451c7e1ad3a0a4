"""A scene as a MuJoCo model, written as MJCF text; the arm is in `mujoco_arm`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

from sims.manipulation.cameras import local_pose
from sims.manipulation.scene import TEXTURES, Body, Camera, Part, Scene
from sims.rendering import BACKDROP_GROUP

PHYSICS_DT = 0.0025
"""Time of one step [s]: the longest at which grasps are firm."""
BODY_PREFIX = "thing/"
CAMERA_PREFIX = "camera/"
TEXTURE_SIZE = 64
TABLE_CENTRE = (0.35, 0.0)
TABLE_HALF = (0.65, 0.75, 0.025)
ROOM_HALF = (4.0, 4.0, 2.4)
"""Of the room around it all [m]: what lies behind is its walls."""
FLOOR_Z = -0.4
"""Where things come to rest that fall off the table [m]."""
WORLD_BIT, ROBOT_BIT = 1, 2
"""Things touch everything, the arm touches all but itself."""
ROUND = ("cylinder", "sphere", "capsule")


def numbers(*values: float) -> str:
    """As an MJCF attribute; every bit of the values is kept."""
    return " ".join(repr(float(value)) for value in values)


@lru_cache(maxsize=1)
def texture_files() -> dict[str, bytes]:
    """PNG files of the textures but the plain one, in shades of white."""
    row, column = np.mgrid[0:TEXTURE_SIZE, 0:TEXTURE_SIZE] / TEXTURE_SIZE
    rng = np.random.default_rng(5)
    grain = rng.random((TEXTURE_SIZE, TEXTURE_SIZE))
    rings = np.sin(2 * math.pi * (7 * row + 0.35 * np.sin(2 * math.pi * column)))
    shades = {
        "checker": 1 - 0.5 * ((np.floor(row * 8) + np.floor(column * 8)) % 2),
        "stripes": 1 - 0.5 * (np.floor(column * 12) % 2),
        "wood": 0.83 + 0.12 * rings + 0.05 * grain,
        "noise": 0.55 + 0.45 * np.kron(grain[:32, :32], np.ones((2, 2))),
    }
    return {f"{name}.png": _png(shade) for name, shade in shades.items()}


def _png(shade: np.ndarray) -> bytes:
    pixels = np.repeat(np.round(255 * shade).astype(np.uint8)[:, :, None], 3, axis=2)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def scene_xml(scene: Scene, *, arm: str = "", extras: str = "", assets: str = "") -> str:
    """MJCF of a scene.

    Args:
        scene: what stands on the table.
        arm: MJCF of the arm's bodies, to stand in the world.
        extras: MJCF of what drives it.
        assets: MJCF of its assets.
    """
    fixed = [camera_xml(camera) for camera in scene.cameras if not camera.on_hand]
    things = [_body_xml(body) for body in scene.bodies]
    return (
        f"<mujoco>{_settings_xml(scene)}<asset>{_textures_xml()}{_walls_xml()}{assets}</asset><worldbody>"
        f"{_surroundings_xml(scene)}{''.join(fixed)}{arm}{''.join(things)}</worldbody>"
        f"{extras}</mujoco>"
    )


def _settings_xml(scene: Scene) -> str:
    ambient = numbers(*[scene.lighting.ambient] * 3)
    return f"""<compiler angle="radian" autolimits="true"/>
  <option timestep="{PHYSICS_DT}" integrator="Euler" cone="elliptic" impratio="10"
    iterations="100" ls_iterations="50"><flag autoreset="disable"/></option>
  <statistic center="0.45 0 0" extent="1" meansize="0.05"/>
  <visual><map znear="0.02" zfar="12" shadowclip="1.2"/>
    <quality shadowsize="512" offsamples="0" numslices="16" numstacks="8" numquads="4"/>
    <headlight ambient="{ambient}" diffuse="0 0 0" specular="0 0 0"/></visual>
  <default><geom solref="0.01 1" solimp="0.95 0.99 0.001"/>
    <joint solreflimit="0.005 1" solimplimit="0.95 0.99 0.001"/></default>"""


def _textures_xml() -> str:
    return "".join(
        f'<texture name="{name}" type="cube" file="{name}.png"/>'
        f'<material name="{name}" texture="{name}" specular="0.2" shininess="0.3"/>'
        for name in TEXTURES
        if name != "plain"
    )


def _walls_xml() -> str:
    """MJCF of a box without a floor that is seen from within."""
    corners = [(x, y, z) for x in (1, -1) for y in (-1, 1) for z in (-1, 1)]
    vertices = " ".join(numbers(*np.multiply(corner, ROOM_HALF)) for corner in corners)
    faces = "0 1 3 0 3 2 4 6 7 4 7 5 0 4 5 0 5 1 2 3 7 2 7 6 1 5 7 1 7 3"
    return (
        f'<mesh name="walls" inertia="shell" vertex="{vertices}" face="{faces}"/>'
        '<material name="walls" specular="0" emission="0.4"/>'
    )


def _surroundings_xml(scene: Scene) -> str:
    light, color = scene.lighting, scene.table_color
    eye = np.array([0.45, 0.0, 0.0]) - 2.0 * np.array(light.direction)
    friction = numbers(scene.table_friction, 0.005, 0.0001)
    backdrop = numbers(*scene.backdrop_color, 1)
    return f"""<light name="key" directional="true" pos="{numbers(*eye)}"
      dir="{numbers(*light.direction)}" diffuse="{numbers(*[light.diffuse] * 3)}"
      ambient="0 0 0" specular="0.15 0.15 0.15" castshadow="true"/>
    <geom name="floor" type="plane" size="{numbers(*ROOM_HALF[:2], 1)}" pos="0 0 {FLOOR_Z}"
      group="{BACKDROP_GROUP}" rgba="{backdrop}" contype="{WORLD_BIT}" conaffinity="3"/>
    <geom name="walls" type="mesh" mesh="walls" material="walls" group="{BACKDROP_GROUP}"
      pos="0 0 {FLOOR_Z + ROOM_HALF[2]}" rgba="{backdrop}" contype="0" conaffinity="0"/>
    <geom name="table" type="box" size="{numbers(*TABLE_HALF)}" condim="4" friction="{friction}"
      pos="{numbers(*TABLE_CENTRE, -TABLE_HALF[2])}" {_look_xml(color, scene.table_texture)}
      contype="{WORLD_BIT}" conaffinity="3"/>"""


def _look_xml(color: Iterable[float], texture: str) -> str:
    material = "" if texture == "plain" else f'material="{texture}"'
    return f'rgba="{numbers(*color, 1)}" {material}'


def camera_xml(camera: Camera) -> str:
    """MJCF of a camera in the frame that carries it."""
    pose = local_pose(camera)
    return (
        f"<camera name={quoteattr(CAMERA_PREFIX + camera.name)} fovy={quoteattr(repr(camera.fovy))}"
        f' pos="{numbers(*pose.position)}" quat="{numbers(*pose.quat)}"/>'
    )


def _body_xml(body: Body) -> str:
    joint = ""
    if body.slide is not None:
        joint = (
            f'<joint type="slide" axis="{numbers(*body.slide.axis)}" range="0 '
            f'{body.slide.travel!r}" damping="{body.slide.damping!r}"/>'
        )
    elif body.mass is not None:
        joint = "<freejoint/>"
    volumes = [_volume(part) for part in body.parts]
    shares = [None if body.mass is None else body.mass * v / sum(volumes) for v in volumes]
    touch = WORLD_BIT if body.collides else 0
    bits = f'contype="{touch}" conaffinity="{3 * touch}"'
    geoms = [
        geom_xml(part, mass, f'{bits} friction="{numbers(body.friction, 0.005, 0.0002)}"')
        for part, mass in zip(body.parts, shares, strict=True)
    ]
    return (
        f"<body name={quoteattr(BODY_PREFIX + body.name)}"
        f' pos="{numbers(*body.position)}" quat="{numbers(*body.quat)}">'
        f"{joint}{''.join(geoms)}</body>"
    )


def geom_xml(part: Part, mass: float | None, rest: str) -> str:
    """MJCF of a part; `mass` is None for what cannot move, `rest` further attributes."""
    x, y, z = part.size
    size = {"box": (x, y, z), "sphere": (x,)}.get(part.shape, (x, z))
    weight = "" if mass is None else f'mass="{mass!r}"'
    condim = 6 if part.shape in ROUND else 4
    return (
        f'<geom type="{part.shape}" size="{numbers(*size)}" pos="{numbers(*part.position)}"'
        f' quat="{numbers(*part.quat)}" {_look_xml(part.color, part.texture)} {weight}'
        f' condim="{condim}" {rest}/>'
    )


def _volume(part: Part) -> float:
    x, y, z = part.size
    ball = 4 / 3 * math.pi * x**3
    rod = 2 * math.pi * x * x * z
    return {"box": 8 * x * y * z, "sphere": ball, "cylinder": rod, "capsule": rod + ball}[
        part.shape
    ]
