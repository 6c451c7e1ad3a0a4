"""A world as a scene on the arm's table, a twentieth of its size, and poses between the two.

The arm stands behind the world and reaches towards the first view's eye, so its front camera sees
the world from where the viewer stands at first. The arm's x points towards that viewer, its y to
the viewer's right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sims.avr.devices import PAINTS
from sims.avr.things import Geom, Place, thing_geom
from sims.avr.vocabulary import COLORS
from sims.avr.world import World
from sims.avr.world_model import WALLS
from sims.manipulation import scene
from sims.manipulation.cameras import WRIST
from sims.manipulation.physics import Pose
from sims.manipulation.rotations import quat_of, rotation_of

SCALE = 1 / 20
"""Metres of the table per metre of the world: the widest things just fit between the fingers."""
MIDDLE = (0.50, 0.0)
"""Where the middle of the world is on the table, (x, y) [m]."""
DENSITY = 800.0
"""Of everything loose [kg/m^3]."""
VIEWER = scene.Camera(name="front", position=(1.05, 0.0, 0.42), target=(0.47, 0.0, 0.06), fovy=45.0)
"""Where the first view's eye is, a little higher."""
_SHAPES: dict[str, scene.Shape] = {"box": "box", "cylinder": "cylinder", "sphere": "sphere"}
_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""From the world's axes to the table's."""

Color = tuple[float, float, float]


def to_table(position: np.ndarray, rotation: np.ndarray) -> Pose:
    """A pose on the table of what is at a position (3,) [m], turned by (3, 3), in the world."""
    return Pose(
        position=SCALE * (_TURN @ position) + (*MIDDLE, 0.0), quat=quat_of(_TURN @ rotation)
    )


def to_world(pose: Pose) -> Pose:
    """A pose in the world of what is on the table."""
    return Pose(
        position=_TURN.T @ (pose.position - (*MIDDLE, 0.0)) / SCALE,
        quat=quat_of(_TURN.T @ rotation_of(pose.quat)),
    )


def loose_names(world: World) -> list[str]:
    """Names of all bodies that can be moved and are still there."""
    names = [body.name for body in world.layout.bodies() if body.mount == "free"]
    names += [p.name for p in world.layout.places() if world.contents.get(p.name) is not None]
    return [name for name in names if name not in world.picked]


def takes_along(world: World, place: Place) -> bool:
    """Whether what stands in a place goes with its carrier when that is lifted: whether the carrier
    has a floor under it.
    """
    body = world.body(place.carrier)
    if body is None:
        return False
    bottoms = [geom.pos[2] - geom.size[-1] for geom in body.geoms]
    return place.pos[2] > body.pos[2] + min(bottoms) + 1e-6


def pose_of(world: World, name: str) -> Pose:
    """Where a body of the world is on the table, now."""
    index = world.model.body(name).id
    return to_table(world.data.xpos[index], world.data.xmat[index].reshape(3, 3))


def make_scene(world: World) -> scene.Scene:
    """The world as it stands, on the arm's table. Drawers and shutters cannot move there."""
    loose = set(loose_names(world))
    bodies = [
        _body(world, name, geoms, is_loose=name in loose)
        for name, geoms in _all_bodies(world)
        if name not in world.picked
    ]
    return scene.Scene(bodies=tuple(bodies), cameras=(VIEWER, WRIST))


def _all_bodies(world: World) -> Iterator[tuple[str, tuple[Geom, ...]]]:
    """Name and geoms of everything that stands in the world."""
    for side in world.layout.walls:
        yield f"wall:{side}", (Geom(shape="box", size=WALLS[side][0], paint="wall"),)
    for body in world.layout.bodies():
        yield body.name, body.geoms
    for place in world.layout.places():
        thing = world.contents.get(place.name)
        if thing is not None:
            yield place.name, (thing_geom(thing),)


def _body(world: World, name: str, geoms: tuple[Geom, ...], *, is_loose: bool) -> scene.Body:
    pose = pose_of(world, name)
    parts = tuple(_part(geom) for geom in geoms)
    x, y, z = pose.position.tolist()
    a, b, c, d = pose.quat.tolist()
    return scene.Body(
        name=name,
        parts=parts,
        position=(x, y, z),
        quat=(a, b, c, d),
        mass=DENSITY * sum(map(_volume, parts)) if is_loose else None,
    )


def _part(geom: Geom) -> scene.Part:
    red, green, blue = (level / 255 for level in (COLORS.get(geom.paint) or PAINTS[geom.paint]))
    x, y, z = (SCALE * value for value in geom.pos)
    shape = _SHAPES[geom.shape]
    size = [SCALE * value for value in geom.size]
    return scene.Part(
        shape=shape,
        size=(size[0], size[1], size[2]) if shape == "box" else (size[0], size[0], size[-1]),
        color=(red, green, blue),
        position=(x, y, z),
    )


def _volume(part: scene.Part) -> float:
    """[m^3]."""
    x, y, z = part.size
    return {"box": 8 * x * y * z, "cylinder": 2 * math.pi * x * y * z}.get(
        part.shape, 4 / 3 * math.pi * x * y * z
    )
