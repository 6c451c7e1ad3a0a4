"""What stands in a world, as plain data: things, the bodies that hide them, and their places.

A world has three *columns*. In each stands one *device*: a large object, a wall, a box, a cupboard,
a stack, whatever may hide something. A device has one *place*, where one small thing may stand, and
either hides it from the first view or lays it open. Further places lie in the open before the
devices. Small things stand in places and nowhere else.

Coordinates are metres in the world's frame: x to the right of the first view, y away from it, z up;
the floor is z = 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sims.avr.vocabulary import CUBE_HALF_EDGE, SIZES

COLUMN_X = (-2.1, 0.0, 2.1)
"""Where the devices stand [m]."""
DEVICE_Y = 0.0
"""Where a device stands that hides its place [m]."""
BEHIND_Y = 1.45
"""The place behind a device [m]."""
BACK_ROW_Y = 1.6
"""Where a device stands that lays its place open: nothing stands behind the back row [m]."""
OPEN_SPOTS = ((-1.05, -1.35), (0.0, -2.2), (1.05, -1.35))
"""(x, y) of the places in the open [m]."""
AREAS = ("left", "middle", "right")
"""The thirds of the world, by the x of a place: below -0.7, between, above 0.7."""
AREA_EDGE = 0.7
WALL_SIDES = ("left", "right", "back")


def area_of(x: float) -> str:
    """The area that a place with this x [m] lies in."""
    return "left" if x < -AREA_EDGE else "right" if x > AREA_EDGE else "middle"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object of CLEVR's vocabulary.

    Attributes:
        color, shape, size, material: CLEVR's names.
    """

    color: str
    shape: str
    size: str
    material: str

    def describe(self) -> str:
        """CLEVR's order of words, e.g. "large red metal cube"."""
        return f"{self.size} {self.color} {self.material} {self.shape}"


@dataclass(frozen=True, kw_only=True)
class Geom:
    """A primitive that a body is made of.

    Attributes:
        shape: "box", "cylinder" (upright) or "sphere".
        size: half-extents (x, y, z) of a box, (radius, half-height) of a cylinder, (radius,) [m].
        pos: centre, in the body's frame [m].
        paint: a name of `COLORS` or of `PAINTS` (furniture).
        material: "rubber" or "metal".
    """

    shape: str
    size: tuple[float, ...]
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    paint: str = "wood"
    material: str = "rubber"


def thing_geom(thing: Thing) -> Geom:
    """The primitive that a CLEVR object is, centred on its body's frame."""
    radius = SIZES[thing.size]
    shape, size = {
        "sphere": ("sphere", (radius,)),
        "cylinder": ("cylinder", (radius, radius)),
        "cube": ("box", (CUBE_HALF_EDGE * radius,) * 3),
    }[thing.shape]
    return Geom(shape=shape, size=size, paint=thing.color, material=thing.material)


@dataclass(frozen=True, kw_only=True)
class Body:
    """Something rigid: a large object, a wall, a lid, a drawer.

    Attributes:
        name: unique in the world, e.g. "1:lid" for the lid in column 1.
        geoms: what it is made of.
        pos: where its frame stands at the start [m]. It must stand at rest there: touching what it
            rests on, touching nothing else.
        yaw: its turn about the vertical [rad].
        mount: "free" (falls, rolls, can be picked and pushed), "fixed", or "sliding" (a drawer or
            shutter, which opens and closes along `travel`).
        travel: for "sliding", the way it moves when it is opened, in its own frame [m].
        is_open: for "sliding", whether it stands open at the start.
        below: name of the body it stands on; "" for the floor.
        thing: its CLEVR attributes, for large objects; None for walls and furniture.
    """

    name: str
    geoms: tuple[Geom, ...]
    pos: tuple[float, float, float]
    yaw: float = 0.0
    mount: str = "free"
    travel: tuple[float, float, float] = (0.0, 0.0, 0.0)
    is_open: bool = False
    below: str = ""
    thing: Thing | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A spot where one small thing may stand.

    Attributes:
        name: unique in the world: "hidden0".."hidden2" by column for places of devices, "open0"..
            for places in the open.
        pos: the point of the floor, shelf or drawer bottom under its centre, at the start [m].
        carrier: name of the body that it moves with (a drawer); "" where it stays.
        hidden: whether it is hidden from the first view.
    """

    name: str
    pos: tuple[float, float, float]
    carrier: str = ""
    hidden: bool = False

    @property
    def area(self) -> str:
        """The one of `AREAS` that it lies in."""
        return area_of(self.pos[0])


@dataclass(frozen=True, kw_only=True)
class Device:
    """What stands in one column.

    Attributes:
        bodies: its parts.
        place: where a small thing may stand.
        handles: names of the bodies that can be acted on, in the order in which they are best
            dealt with (the lid before the box). Free ones can be picked and pushed, sliding ones
            opened and closed.
    """

    bodies: tuple[Body, ...]
    place: Place
    handles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A world without its small things.

    Attributes:
        scene_type: name of the scene type.
        devices: one per column, from left to right.
        open_places: the places in the open.
        walls: which of `WALL_SIDES` are closed off by a wall.
    """

    scene_type: str
    devices: tuple[Device, ...]
    open_places: tuple[Place, ...] = ()
    walls: tuple[str, ...] = ()

    def bodies(self) -> Iterator[Body]:
        """Every body of every device."""
        for device in self.devices:
            yield from device.bodies

    def places(self) -> tuple[Place, ...]:
        """Every place: the devices' from left to right, then those in the open."""
        return (*(device.place for device in self.devices), *self.open_places)

    def hidden_places(self) -> tuple[Place, ...]:
        """The places that the first view does not show."""
        return tuple(place for place in self.places() if place.hidden)


Contents = dict[str, Thing | None]
"""Place name -> the small thing standing there, or None where the place is empty."""
