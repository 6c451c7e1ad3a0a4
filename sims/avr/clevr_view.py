"""A world as it was at the start, as a CLEVR scene: what the questions' programs run on."""

from __future__ import annotations

import math

from sims.avr.things import Body, Contents, Layout, area_of
from sims.avr.world_model import thing_bodies
from sims.clevr.scene import ClevrObject, ClevrScene, compute_relationships

DIRECTIONS = {
    "left": (-1.0, 0.0, 0.0),
    "right": (1.0, 0.0, 0.0),
    "behind": (0.0, 1.0, 0.0),
    "front": (0.0, -1.0, 0.0),
    "above": (0.0, 0.0, 1.0),
    "below": (0.0, 0.0, -1.0),
}
"""Along the floor, as the first view sees it."""


def make_clevr_scene(
    layout: Layout,
    contents: Contents,
    yaws: dict[str, float] | None = None,
    *,
    image_index: int = 0,
    image_filename: str = "scene.png",
    split: str = "new",
) -> ClevrScene:
    """Every CLEVR object of a world at its start: the large ones first, then what places hold.

    A metre of ours is a unit of CLEVR's: objects have the same sizes. Walls and furniture are no
    objects, and where objects are in the picture is left open.

    Args:
        layout: devices, places and walls.
        contents: what every place holds.
        yaws: place name -> how the thing there is turned [rad]; None for not at all.
        image_index, image_filename, split: of the picture of the scene, for CLEVR's files.
    """
    bodies = [body for body in layout.bodies() if body.thing is not None]
    bodies += thing_bodies(layout, contents, yaws or {})
    objects = [_clevr_object(body) for body in bodies]
    return ClevrScene(
        objects=objects,
        image_index=image_index,
        image_filename=image_filename,
        split=split,
        directions=dict(DIRECTIONS),
        relationships=compute_relationships(objects, DIRECTIONS),
    )


def _clevr_object(body: Body) -> ClevrObject:
    """A body that has CLEVR attributes; its only geom is centred on its frame."""
    thing = body.thing
    if thing is None:
        raise ValueError(f"body {body.name!r} is no CLEVR object")
    return ClevrObject(
        size=thing.size,
        color=thing.color,
        material=thing.material,
        shape=thing.shape,
        coords_3d=body.pos,
        rotation=math.degrees(body.yaw) % 360,
        area=area_of(body.pos[0]),
    )
