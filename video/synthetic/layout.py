"""Where things are in a film's world, and where that is in the frame.

The camera looks along +y, a little downwards, at a plane y = 0 that is 2 units high and as wide as
the frame's shape says: x to the right, z up, (0, 0) in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from video.synthetic.config import FilmConfig
from video.synthetic.vocabulary import Item

CAMERA_DISTANCE = 14.0
CAMERA_TILT = math.radians(9.0)
SHELF_TOP = 0.06
FLOOR = -0.95
CUBE_YAW = math.radians(24.0)
BULB_HEIGHT, BULB_RADIUS = 0.4, 0.14
"""Of the lamp, above the shelf."""
Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) as shares of width and height, from the top left corner."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Sizes and positions in a film's world.

    Attributes:
        half_width: of what is in view.
        place_x: x of each place on the shelf.
        thing_radius, visitor_radius: of a sphere.
        lamp_x: x of the lamp; None for no lamp.
    """

    half_width: float
    place_x: tuple[float, ...]
    thing_radius: float
    visitor_radius: float
    lamp_x: float | None

    @property
    def edge_x(self) -> float:
        """How far from the middle a visitor is when it enters or leaves: wholly in view."""
        return self.half_width - self.visitor_radius

    @property
    def visitor_z(self) -> float:
        """Height of a visitor's centre."""
        return FLOOR + self.visitor_radius

    @property
    def carried_z(self) -> float:
        """Height of the centre of what it carries."""
        return FLOOR + 2 * self.visitor_radius + self.carried_radius

    @property
    def carried_radius(self) -> float:
        """Of what a visitor carries: it fits between the visitor and the shelf, and may be smaller
        there than on the shelf.
        """
        return min(self.thing_radius, -FLOOR / 2 - self.visitor_radius)

    @property
    def shelf_x(self) -> tuple[float, float]:
        """Where the shelf begins and ends."""
        half = (self.place_x[1] - self.place_x[0]) / 2
        end = self.half_width if self.lamp_x is None else self.lamp_x + 0.6 * half
        return self.place_x[0] - half, end


def make_layout(config: FilmConfig) -> Layout:
    """The layout of films of a configuration."""
    return _layout(
        config.width / config.height, config.num_places, config.has_lamp, config.visitor_radius
    )


@lru_cache(maxsize=32)
def _layout(half_width: float, num_places: int, has_lamp: bool, visitor_radius: float) -> Layout:
    usable = 2 * half_width * (0.84 if has_lamp else 1.0)
    pitch = usable / num_places
    places = tuple(-half_width + pitch * (index + 0.5) for index in range(num_places))
    return Layout(
        half_width=half_width,
        place_x=places,
        thing_radius=min(0.43 * pitch, 0.36),
        visitor_radius=min(visitor_radius, 0.4 * 2 * half_width / 3),
        lamp_x=half_width * 0.85 if has_lamp else None,
    )


def half_extents(item: Item, radius: float) -> tuple[float, float, float]:
    """Half-extents (x, y, z) of the box around an item as it stands."""
    if item.shape == "cube":
        edge = 0.8 * radius
        wide = edge * (math.cos(CUBE_YAW) + math.sin(CUBE_YAW))
        return wide, wide, edge
    if item.shape == "cylinder":
        return 0.72 * radius, 0.72 * radius, radius
    return radius, radius, radius


def item_box(item: Item, x: float, z: float, radius: float, half_width: float) -> Box:
    """The box of an item in the frame, cut to the frame."""
    if item.shape == "sphere":  # a box's corners would lie outside its outline
        u, v = project(x, 0.0, z, half_width)
        points = [(u + side * radius / (2 * half_width), v + side * radius / 2) for side in (-1, 1)]
    else:
        rise = half_extents(item, radius)[2]
        points = [
            project(x + dx, dy, z + dz, half_width)
            for dx, dy in _outline(item, radius)
            for dz in (-rise, rise)
        ]
    us, vs = zip(*points, strict=True)
    return _clip(min(us)), _clip(min(vs)), _clip(max(us)), _clip(max(vs))


def _outline(item: Item, radius: float) -> list[tuple[float, float]]:
    """Points around an item seen from above: a cube's corners, or of a circle."""
    first, turn, reach = math.pi / 8, math.pi / 4, 0.72 * radius / math.cos(math.pi / 8)
    if item.shape == "cube":
        first, turn, reach = CUBE_YAW + math.pi / 4, math.pi / 2, 0.8 * radius * math.sqrt(2)
    angles = (first + turn * index for index in range(round(2 * math.pi / turn)))
    return [(reach * math.cos(angle), reach * math.sin(angle)) for angle in angles]


def project(x: float, y: float, z: float, half_width: float) -> tuple[float, float]:
    """Where a point is in the frame: shares of its width and height from the top left."""
    cos, sin = math.cos(CAMERA_TILT), math.sin(CAMERA_TILT)
    depth = CAMERA_DISTANCE + y * cos - z * sin
    height = y * sin + z * cos
    return 0.5 + x * CAMERA_DISTANCE / depth / (2 * half_width), (
        0.5 - height * CAMERA_DISTANCE / depth / 2
    )


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around some, at least one."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _clip(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
