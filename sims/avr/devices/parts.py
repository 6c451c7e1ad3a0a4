"""What devices are made of: paints, panels, blocks, and the draw that shapes each device."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sims.avr.things import BACK_ROW_Y, COLUMN_X, Body, Device, Geom, Place, Thing
from sims.avr.viewer import FIRST_STATION

PAINTS: dict[str, tuple[int, int, int]] = {
    "wood": (199, 164, 120),
    "birch": (222, 200, 164),
    "clay": (192, 152, 132),
    "slate": (146, 156, 168),
    "linen": (214, 205, 196),
    "wall": (134, 138, 132),
}
"""Paint of furniture -> RGB in 0..255: muted, so that none is mistaken for a colour of CLEVR's."""
DEVICE_PAINTS = tuple(name for name in PAINTS if name != "wall")
"""What devices are painted with; "wall" is for the walls of the room."""

PANEL = 0.06
"""How thick a wall of a box is [m]."""
BOTTOM = 0.04
"""How thick the bottom of a box is [m]."""
SLIT = 0.002
"""Between the side of a box and what it stands on: too narrow to be seen [m]."""
ROOM = 1.0
"""Inner width of what a small thing stands in: any fits at any turn, with clearance [m]."""
HEADROOM = 0.9
"""Inner height of what a small thing stands under [m]."""
OPEN_PLACE_Y = 0.2
"""Where the place of a device in the back row lies open [m]."""
JITTER = 0.1
"""How far devices stand from the middle of their column, at most [m]."""
SIDES = ("front", "back", "left", "right", "top", "bottom")
EYE_Y = float(FIRST_STATION.eye()[1])

T = TypeVar("T")


def x_along_ray(x: float, from_y: float, to_y: float) -> float:
    """x at `to_y` on the ray from the first view's eye through (x, from_y), all in metres."""
    return x * (to_y - EYE_Y) / (from_y - EYE_Y)


def yaw_to_eye(x: float, y: float) -> float:
    """The turn that makes the front (-y) of a body at (x, y) face the first view's eye [rad]."""
    return -math.atan2(x, y - EYE_Y)


def turned(dx: float, dy: float, yaw: float) -> tuple[float, float]:
    """The offset (dx, dy) turned by `yaw` [m, rad]."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return dx * cos - dy * sin, dx * sin + dy * cos


def block(
    width: float,
    depth: float,
    height: float,
    *,
    paint: str,
    at: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Geom:
    """A cuboid.

    Args:
        width, depth, height: its extents along x, y, z [m].
        paint: name of its paint.
        at: the middle of its underside in the body's frame [m].
    """
    x, y, z = at
    half = (width / 2, depth / 2, height / 2)
    return Geom(shape="box", size=half, pos=(x, y, z + height / 2), paint=paint)


def shell(
    inner: tuple[float, float],
    height: float,
    *,
    paint: str,
    sides: Collection[str],
) -> tuple[Geom, ...]:
    """A hollow box round the frame's origin, whose walls stand on z = 0.

    Args:
        inner: its inner width (x) and depth (y) [m].
        height: of its walls; a top lies on them, a bottom between them [m].
        paint: name of its paint.
        sides: which of `SIDES` it has.
    """
    width, depth = inner
    outer = width + 2 * PANEL, depth + 2 * PANEL
    x, y = (width + PANEL) / 2, (depth + PANEL) / 2
    # Between a front and a back, the sides bear nothing: every face that rests on another costs
    # the physics contacts.
    is_closed = "front" in sides and "back" in sides
    long, slit = (depth, SLIT) if is_closed else (outer[1], 0.0)
    panels = {
        "front": (outer[0], PANEL, height, (0.0, -y, 0.0)),
        "back": (outer[0], PANEL, height, (0.0, y, 0.0)),
        "left": (PANEL, long, height - 2 * slit, (-x, 0.0, slit)),
        "right": (PANEL, long, height - 2 * slit, (x, 0.0, slit)),
        "top": (*outer, PANEL, (0.0, 0.0, height)),
        "bottom": (width, depth, BOTTOM, (0.0, 0.0, 0.0)),
    }
    return tuple(
        block(*panels[side][:3], paint=paint, at=panels[side][3]) for side in SIDES if side in sides
    )


@dataclass(frozen=True, kw_only=True)
class DeviceDraw:
    """What a device is drawn from.

    Attributes:
        rng: source of all its randomness.
        column: 0, 1 or 2, from left to right.
        hides: whether it hides its place from the first view, or lays it open.
        vocabulary: attribute -> the values that large objects may take ("color", "shape",
            "material").
    """

    rng: np.random.Generator
    column: int
    hides: bool
    vocabulary: Mapping[str, Sequence[str]]

    def chance(self, probability: float) -> bool:
        """Whether something happens that has this probability."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A number drawn uniformly."""
        return low + (high - low) * float(self.rng.random())

    def one_of(self, options: Sequence[T]) -> T:
        """One of them, drawn uniformly."""
        return options[int(len(options) * self.rng.random())]

    def x(self) -> float:
        """Where the device stands: near the middle of its column [m]."""
        return COLUMN_X[self.column] + self.between(-JITTER, JITTER)

    def paints(self, count: int = 1) -> list[str]:
        """Different paints of furniture, at most as many as there are."""
        first, step = int(5 * self.rng.random()), 1 + int(4 * self.rng.random())
        # Any step leads through all of a prime number of paints.
        return [DEVICE_PAINTS[(first + step * index) % 5] for index in range(count)]

    def mount(self, free: float) -> str:
        """How a part is mounted: "free" with the given probability, else "fixed"."""
        return "free" if self.chance(free) else "fixed"

    def large_thing(self) -> Thing:
        """A large object of the vocabulary."""
        color, shape, material = (
            self.one_of(self.vocabulary[name]) for name in ("color", "shape", "material")
        )
        return Thing(color=color, shape=shape, size="large", material=material)

    def behind(self, device_y: float, place_y: float) -> tuple[float, float, Place]:
        """Where a device stands that hides what is behind it, and its place.

        One that lays its place open stands in the back row, the place in front of it.

        Args:
            device_y, place_y: where they stand when the place is hidden [m].

        Returns:
            x and y of the device [m], and the place.
        """
        x = self.x()
        if self.hides:
            return x, device_y, self.place(x_along_ray(x, device_y, place_y), place_y)
        return x, BACK_ROW_Y, self.place(x, OPEN_PLACE_Y + self.between(-JITTER, JITTER))

    def around(self, y: float) -> tuple[float, float, float]:
        """x, y [m] and yaw [rad] of a device that stands round its place, its front to the eye."""
        x, y = self.x(), y + self.between(-JITTER, JITTER)
        return x, y, yaw_to_eye(x, y) + self.between(-0.12, 0.12)

    def place(self, x: float, y: float, z: float = 0.0, carrier: str = "") -> Place:
        """The device's place; `carrier` is the part that it moves with."""
        return Place(
            name=f"hidden{self.column}",
            pos=(x, y, z),
            carrier=self._name(carrier),
            hidden=self.hides,
        )

    def body(
        self,
        part: str,
        geoms: Sequence[Geom],
        *,
        at: tuple[float, float, float],
        yaw: float = 0.0,
        mount: str = "free",
        travel: tuple[float, float, float] = (0.0, 0.0, 0.0),
        below: str = "",
        thing: Thing | None = None,
    ) -> Body:
        """A part of the device; the arguments are `Body`'s, with parts named without column."""
        return Body(
            name=self._name(part),
            geoms=tuple(geoms),
            pos=at,
            yaw=yaw,
            mount=mount,
            travel=travel,
            below=self._name(below),
            thing=thing,
        )

    def _name(self, part: str) -> str:
        return f"{self.column}:{part}" if part else ""


def make_device(place: Place, *bodies: Body) -> Device:
    """A device whose every part is a handle, in the order given: the outermost first."""
    return Device(bodies=bodies, place=place, handles=tuple(body.name for body in bodies))
