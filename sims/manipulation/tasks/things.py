"""What can be asked for: colours, shapes, and the bodies that have them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sims.manipulation.scene import Body, Color, Part, Shape, Vector

COLORS: dict[str, Color] = {
    "red": (0.84, 0.12, 0.11),
    "green": (0.10, 0.58, 0.17),
    "blue": (0.12, 0.25, 0.85),
    "yellow": (0.96, 0.83, 0.10),
    "purple": (0.52, 0.14, 0.68),
    "orange": (0.98, 0.50, 0.05),
}
"""What training says and shows: name -> RGB."""
HELD_OUT_COLORS: dict[str, Color] = {
    "cyan": (0.10, 0.80, 0.85),
    "pink": (1.00, 0.55, 0.75),
    "black": (0.08, 0.08, 0.09),
}
"""What only the held-out kind "color" asks for."""
COVER_COLOR: Color = (0.50, 0.42, 0.34)
CABINET_COLOR: Color = (0.45, 0.36, 0.28)
HANDLE_COLOR: Color = (0.92, 0.92, 0.92)


@dataclass(frozen=True, kw_only=True)
class ThingShape:
    """A shape that fits the hand.

    Attributes:
        primitive: what it is made of.
        size: as of a `Part` [m].
        turns: by which angles it looks the same to the fingers [rad]; 0 for any angle. The fingers
            close along its y axis.
    """

    primitive: Shape
    size: Vector
    turns: float = math.pi / 2

    @property
    def half_height(self) -> float:
        """Of the thing at rest [m]."""
        return self.size[2]

    @property
    def radius(self) -> float:
        """Of the smallest upright cylinder round it [m]."""
        return math.hypot(self.size[0], self.size[1]) if self.primitive == "box" else self.size[0]


SHAPES: dict[str, ThingShape] = {
    "cube": ThingShape(primitive="box", size=(0.024, 0.024, 0.024)),
    "cylinder": ThingShape(primitive="cylinder", size=(0.025, 0.025, 0.018), turns=0.0),
    "ball": ThingShape(primitive="sphere", size=(0.025, 0.025, 0.025), turns=0.0),
    "brick": ThingShape(primitive="box", size=(0.033, 0.019, 0.018), turns=math.pi),
    "post": ThingShape(primitive="cylinder", size=(0.017, 0.017, 0.036), turns=0.0),
}
"""Every shape, by what it is called."""
HELD_OUT_SHAPES = ("brick", "post")
"""What only the held-out kind "shape" asks for, and nothing else shows."""

PLATE_HALF_HEIGHT = 0.005
MARK_HALF_HEIGHT = 0.0006
COVER_HALF = 0.042
COVER_HEIGHT = 0.058
_COVER_WALL = 0.003
KNOB_HALF: Vector = (0.012, 0.010, 0.016)


def color_of(name: str) -> Color:
    """RGB of a colour of training or of a held-out one."""
    return {**COLORS, **HELD_OUT_COLORS}[name]


def yaw_quat(yaw: float) -> tuple[float, float, float, float]:
    """A turn about the vertical [rad] as (w, x, y, z)."""
    return (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where and how something stands.

    Attributes:
        x, y: on the table [m].
        yaw: about the vertical [rad].
        texture: one of `scene.TEXTURES`.
        mass: [kg].
        friction: coefficient of sliding friction.
    """

    x: float
    y: float
    yaw: float = 0.0
    texture: str = "plain"
    mass: float = 0.06
    friction: float = 0.8


def make_thing(color: str, shape: str, spot: Spot, *, bottom: float = 0.0) -> Body:
    """A thing to handle, such as "red_cube"; `bottom` is the height of what it stands on [m]."""
    kind = SHAPES[shape]
    part = Part(shape=kind.primitive, size=kind.size, color=color_of(color), texture=spot.texture)
    return Body(
        name=f"{color}_{shape}",
        parts=(part,),
        position=(spot.x, spot.y, bottom + kind.half_height),
        quat=yaw_quat(spot.yaw),
        mass=spot.mass,
        friction=spot.friction,
    )


def make_mark(color: str, radius: float, spot: Spot) -> Body:
    """A disc drawn on the table, such as "blue_mark"."""
    size = (radius, radius, MARK_HALF_HEIGHT)
    return Body(
        name=f"{color}_mark",
        parts=(Part(shape="cylinder", size=size, color=color_of(color)),),
        position=(spot.x, spot.y, MARK_HALF_HEIGHT),
        collides=False,
    )


def make_plate(color: str, radius: float, spot: Spot) -> Body:
    """A low plate that cannot be moved, such as "blue_plate"."""
    size = (radius, radius, PLATE_HALF_HEIGHT)
    part = Part(shape="cylinder", size=size, color=color_of(color), texture=spot.texture)
    return Body(
        name=f"{color}_plate",
        parts=(part,),
        position=(spot.x, spot.y, PLATE_HALF_HEIGHT),
        friction=spot.friction,
    )


def make_cover(name: str, spot: Spot) -> Body:
    """A box without a bottom, upside down over something, with a knob to lift it by."""
    half, wall, middle = COVER_HALF, _COVER_WALL, COVER_HEIGHT / 2

    def board(size: Vector, position: Vector) -> Part:
        return Part(
            shape="box", size=size, color=COVER_COLOR, position=position, texture=spot.texture
        )

    sides = [board((wall, half, middle), (s * (half - wall), 0.0, 0.0)) for s in (-1, 1)]
    ends = [board((half - 2 * wall, wall, middle), (0.0, s * (half - wall), 0.0)) for s in (-1, 1)]
    lid = board((half, half, wall), (0.0, 0.0, middle - wall))
    knob = Part(
        shape="box",
        size=KNOB_HALF,
        color=HANDLE_COLOR,
        position=(0.0, 0.0, middle + KNOB_HALF[2]),
        name="knob",
    )
    return Body(
        name=name,
        parts=(*sides, *ends, lid, knob),
        position=(spot.x, spot.y, middle),
        quat=yaw_quat(spot.yaw),
        mass=spot.mass + 0.04,
        friction=spot.friction,
    )
