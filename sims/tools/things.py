"""What stands about, as plain data: named things that carry a label, and scraps that carry none.

Coordinates are metres: x to the right of the camera, y away from it, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.78, 0.13, 0.12),
    "orange": (0.93, 0.48, 0.10),
    "yellow": (0.95, 0.83, 0.18),
    "green": (0.16, 0.55, 0.22),
    "cyan": (0.25, 0.75, 0.78),
    "blue": (0.15, 0.28, 0.75),
    "purple": (0.48, 0.22, 0.66),
    "pink": (0.93, 0.52, 0.66),
}
"""Name -> RGB in [0, 1]; a thing's own colour."""
_WHITE, _STEEL = (0.93, 0.92, 0.88), (0.72, 0.73, 0.75)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A primitive of a thing.

    Attributes:
        shape: "box", "cylinder", "sphere" or "capsule".
        size: half-extents of a box, (radius, half-height) of a cylinder or capsule, (radius,) [m].
        pos: centre, from the middle of the thing's foot [m].
        rgb: its colour in [0, 1]; None for the thing's own.
        tilt: turn about the y axis [rad].
    """

    shape: str
    size: tuple[float, ...]
    pos: tuple[float, float, float]
    rgb: tuple[float, float, float] | None = None
    tilt: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of thing.

    Attributes:
        parts: what it is made of.
        front: how far its front is from its middle [m].
        label_height: of the middle of its label above its foot [m].
        label_room: side of the largest label that it has room for [m].
    """

    parts: tuple[Part, ...]
    front: float
    label_height: float
    label_room: float


def _cylinder(
    radius: float, low: float, high: float, rgb: tuple[float, float, float] | None = None
) -> Part:
    """An upright cylinder between two heights."""
    pos = (0.0, 0.0, (low + high) / 2)
    return Part(shape="cylinder", size=(radius, (high - low) / 2), pos=pos, rgb=rgb)


KINDS: dict[str, Kind] = {
    "box": Kind(
        parts=(
            Part(shape="box", size=(0.115, 0.085, 0.085), pos=(0, 0, 0.085)),
            Part(shape="box", size=(0.12, 0.09, 0.018), pos=(0, 0, 0.188)),
        ),
        front=0.085,
        label_height=0.085,
        label_room=0.14,
    ),
    "can": Kind(
        parts=(
            _cylinder(0.085, 0.0, 0.012, _STEEL),
            _cylinder(0.083, 0.012, 0.218),
            _cylinder(0.085, 0.218, 0.23, _STEEL),
        ),
        front=0.083,
        label_height=0.115,
        label_room=0.13,
    ),
    "bottle": Kind(
        parts=(
            _cylinder(0.078, 0.0, 0.2),
            Part(shape="sphere", size=(0.078,), pos=(0, 0, 0.2)),
            _cylinder(0.03, 0.2, 0.34),
            _cylinder(0.036, 0.34, 0.375, _WHITE),
        ),
        front=0.078,
        label_height=0.105,
        label_room=0.13,
    ),
    "book": Kind(
        parts=(
            Part(shape="box", size=(0.1, 0.012, 0.14), pos=(0, -0.03, 0.14)),
            Part(shape="box", size=(0.094, 0.02, 0.134), pos=(0.002, 0, 0.14), rgb=_WHITE),
            Part(shape="box", size=(0.1, 0.012, 0.14), pos=(0, 0.03, 0.14)),
        ),
        front=0.042,
        label_height=0.15,
        label_room=0.15,
    ),
    "mug": Kind(
        parts=(
            _cylinder(0.09, 0.0, 0.17),
            _cylinder(0.078, 0.17, 0.172, (0.16, 0.11, 0.08)),
            Part(shape="capsule", size=(0.014, 0.03), pos=(0.115, 0, 0.135), tilt=1.5708),
            Part(shape="capsule", size=(0.014, 0.04), pos=(0.145, 0, 0.085)),
            Part(shape="capsule", size=(0.014, 0.03), pos=(0.115, 0, 0.04), tilt=1.5708),
        ),
        front=0.09,
        label_height=0.085,
        label_room=0.13,
    ),
    "ball": Kind(
        parts=(
            Part(shape="sphere", size=(0.105,), pos=(0, 0, 0.115)),
            _cylinder(0.055, 0.0, 0.02, _STEEL),
        ),
        front=0.105,
        label_height=0.115,
        label_room=0.12,
    ),
}
"""Name -> what it looks like."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A thing with a label.

    Attributes:
        kind: a key of `KINDS`.
        color: a key of `COLORS`.
        pos: where its foot stands [m].
        yaw: its turn about the vertical [rad]; at 0 its label looks at the camera's side.
        label_size: side of its label [m].
        label: what is on it, one of `symbols.label_names()`.
    """

    kind: str
    color: str
    pos: tuple[float, float, float]
    yaw: float
    label_size: float
    label: str

    @property
    def name(self) -> str:
        """What it is called, "red mug"; no other thing of its scene is called so."""
        return f"{self.color} {self.kind}"

    @property
    def symbol(self) -> str:
        """What its label shows, such as "K"."""
        return self.label.partition("-")[2]


@dataclass(frozen=True, kw_only=True)
class Scrap:
    """Something small without a name.

    Attributes:
        part: its shape and colour, from where it stands.
        pos: where it stands [m].
        yaw: its turn about the vertical [rad].
    """

    part: Part
    pos: tuple[float, float, float]
    yaw: float
