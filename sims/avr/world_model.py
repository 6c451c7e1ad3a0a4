"""A world as a MuJoCo model: from a layout and what its places hold to MJCF.

Every world is compiled anew, which takes less than a millisecond; all worlds share one renderer,
since they have the same textures and no meshes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from sims.avr.devices import PAINTS
from sims.avr.things import Body, Contents, Geom, Layout, Place, Thing, thing_geom
from sims.avr.vocabulary import COLORS

MAX_GEOMS = 200
"""Most geoms that a world may have; the renderer is made for as many."""
WALLS = {
    # side -> half-extents and centre [m]
    "left": ((0.08, 1.7, 0.75), (-3.6, 0.9, 0.75)),
    "right": ((0.08, 1.7, 0.75), (3.6, 0.9, 0.75)),
    "back": ((3.3, 0.08, 0.75), (0.0, 3.3, 0.75)),
}
PHYSICS_DT = 0.005
DENSITY = 150.0
"""Of everything that moves [kg/m^3]."""

_OPTIONS = f"""<option timestep="{PHYSICS_DT}" integrator="implicitfast" iterations="30"
    cone="elliptic" impratio="30"><flag multiccd="enable"/></option>
  <statistic center="0 0.3 0.5" extent="7"/>
  <visual><global offwidth="640" offheight="640"/><quality shadowsize="512" offsamples="0"
    numslices="20" numstacks="12"/>
    <headlight ambient="0.3 0.3 0.3" diffuse="0.5 0.5 0.5" specular="0 0 0"/>
    <map znear="0.05" zfar="20"/><rgba haze="0.75 0.78 0.8 1"/></visual>
  <default><geom friction="0.8 0.05 0.02" condim="3" density="{DENSITY}" solref="0.015 1"
    solimp="0.99 0.9 0.001" margin="4e-6"/></default>"""
"""Elliptic cones and a friction much stiffer than the normal force keep what leans from creeping.
Contacts are stiff at the surface, and their margin is how deep a body would sink into what bears
it: what is drawn as touching rests from the first step on."""
_ROLLING = {
    "box": "",
    "cylinder": ' condim="6"',
    "sphere": ' condim="6" friction="0.8 0.05 0.1" margin="2e-5"',  # it rests on a single point
}
"""How primitives differ from the default: what can roll has rolling friction."""


def _assets(sky_width: int, dent_width: int) -> str:
    """Textures of these widths [px], and the materials."""
    return f"""<asset><texture name="sky" type="skybox" builtin="gradient" rgb1="0.86 0.89 0.93"
      rgb2="0.62 0.70 0.80" width="{sky_width}" height="{6 * sky_width}"/>
    <texture name="hammered" type="cube" builtin="flat" rgb1="0.74 0.74 0.74" mark="random"
      markrgb="1 1 1" random="0.35" width="{dent_width}" height="{dent_width}"/>
    <material name="floor" rgba="0.73 0.73 0.72 1" specular="0"/>
    <material name="rubber" specular="0.1" shininess="0.1"/>
    <material name="metal" texture="hammered" specular="0.7" shininess="0.9"/></asset>"""


# The shared renderer has the textures. In the worlds' own models a pixel stands for each, which
# saves a sixth of the time that it takes to compile them.
_RENDERER_HEADER = _OPTIONS + _assets(sky_width=32, dent_width=12)
_WORLD_HEADER = _OPTIONS + _assets(sky_width=1, dent_width=1)
# Cylinders jump when they stand on a plane; on a box they stand. Group 5 is never drawn.
_ROOM = """<light name="key" directional="true" pos="0 -6 9" dir="0 0.5 -0.85"
      diffuse="0.5 0.5 0.5" specular="0.5 0.5 0.5" castshadow="true"/>
    <geom name="floor" type="plane" size="40 40 80" group="2" material="floor"
      contype="0" conaffinity="0"/>
    <geom name="ground" type="box" size="40 40 0.5" pos="0 0 -0.5" group="5"/>
    <camera name="viewer" pos="0 -9 3"/>"""


@lru_cache(maxsize=1)
def empty_room_xml() -> str:
    """The model without anything in it: what the shared renderer is made from."""
    return f"<mujoco>{_RENDERER_HEADER}<worldbody>{_ROOM}</worldbody></mujoco>"


def world_xml(
    layout: Layout, contents: Contents, yaws: dict[str, float], *, textured: bool = False
) -> str:
    """The model of a world.

    Args:
        layout: devices, places and walls.
        contents: what stands in each place.
        yaws: place name -> how the thing there is turned about the vertical [rad].
        textured: whether to put the textures in, for a renderer of its own.
    """
    header = _RENDERER_HEADER if textured else _WORLD_HEADER
    bodies = [_wall_xml(side) for side in layout.walls]
    bodies += [_body_xml(body) for body in layout.bodies()]
    bodies += [_body_xml(body) for body in thing_bodies(layout, contents, yaws)]
    locks = "".join(
        f'<joint joint1="{body.name}" polycoef="{_opening(body)} 0 0 0 0" solref="0.01 1"/>'
        for body in layout.bodies()
        if body.mount == "sliding"
    )
    return (
        f"<mujoco>{header}<worldbody>{_ROOM}{''.join(bodies)}</worldbody>"
        f"<equality>{locks}</equality></mujoco>"
    )


def thing_bodies(layout: Layout, contents: Contents, yaws: dict[str, float]) -> Iterator[Body]:
    """The small things as bodies, named like their places."""
    for place in layout.places():
        thing = contents.get(place.name)
        if thing is not None:
            yield thing_body(place, thing, yaws.get(place.name, 0.0))


def thing_body(place: Place, thing: Thing, yaw: float) -> Body:
    """A small thing standing in its place."""
    x, y, z = place.pos
    geom = thing_geom(thing)
    above = z + geom.size[-1]  # of every primitive, half its height
    return Body(name=place.name, geoms=(geom,), pos=(x, y, above), yaw=yaw, thing=thing)


def _wall_xml(side: str) -> str:
    size, pos = WALLS[side]
    geom = Geom(shape="box", size=size, paint="wall")
    return _body_xml(Body(name=f"wall:{side}", geoms=(geom,), pos=pos, mount="fixed"))


def _body_xml(body: Body) -> str:
    quat = (math.cos(body.yaw / 2), 0.0, 0.0, math.sin(body.yaw / 2))
    joint, attributes = "", ""
    if body.mount == "free":
        joint = f'<joint name="{body.name}" type="free" damping="0.4"/>'
    elif body.mount == "sliding":
        joint = f'<joint name="{body.name}" type="slide" axis="{_numbers(body.travel)}"/>'
        attributes = ' gravcomp="1"'
    geoms = "".join(_geom_xml(geom) for geom in body.geoms)
    return (
        f'<body name="{body.name}" pos="{_numbers(body.pos)}" quat="{_numbers(quat)}"{attributes}>'
        f"{joint}{geoms}</body>"
    )


def _geom_xml(geom: Geom) -> str:
    rgb = [level / 255 for level in (COLORS.get(geom.paint) or PAINTS[geom.paint])]
    return (
        f'<geom type="{geom.shape}" size="{_numbers(geom.size)}" pos="{_numbers(geom.pos)}" '
        f'material="{geom.material}" rgba="{_numbers(rgb)} 1"{_ROLLING[geom.shape]}/>'
    )


def _opening(body: Body) -> float:
    """How far a sliding body stands along its travel [m]."""
    return math.hypot(*body.travel) if body.is_open else 0.0


def _numbers(values: tuple[float, ...] | list[float]) -> str:
    return " ".join(f"{value:.9g}" for value in values)
