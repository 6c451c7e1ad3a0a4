"""Draws cluttered tables and shelves: what stands where, and from where it is photographed.

What the labels say is no part of the drawing: questions decide that (`sims.tools.questions`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sims.tools.config import ASPECT
from sims.tools.symbols import label_names
from sims.tools.things import COLORS, KINDS, Item, Part, Scrap

BLANK = label_names()[0]
"""What stands on labels that nobody has written yet."""
SLOT = 0.47
"""Between the middles of neighbours in a row [m]."""
_SCRAP_RGB = ((0.9, 0.88, 0.8), (0.3, 0.3, 0.33), (0.55, 0.42, 0.3), (0.6, 0.66, 0.7))
_WOODS = ((0.80, 0.62, 0.42), (0.66, 0.46, 0.30), (0.88, 0.78, 0.62), (0.62, 0.58, 0.55))
_WALLS = ((0.86, 0.87, 0.85), (0.80, 0.84, 0.88), (0.90, 0.86, 0.79), (0.78, 0.83, 0.78))


Palette = tuple[Sequence[str], Sequence[str]]
"""Colours and kinds of named things."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Where things stand side by side.

    Attributes:
        y, z: depth and height [m].
        slots: how many there are, centred about `x`.
        x: middle of the row [m].
    """

    y: float
    z: float
    slots: int
    x: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Camera:
    """From where the photograph is taken.

    Attributes:
        eye, target: [m].
        half_width: half of what its width takes in at the target [m].
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    half_width: float

    @property
    def distance(self) -> float:
        """From the eye to the target [m]."""
        return math.dist(self.eye, self.target)

    @property
    def fovy(self) -> float:
        """Vertical field of view [degrees]."""
        return math.degrees(2 * math.atan(self.half_width / ASPECT / self.distance))


ROWS: dict[str, tuple[Row, ...]] = {
    "table": (
        Row(y=-0.55, z=0.0, slots=5, x=0.0),
        Row(y=-0.02, z=0.0, slots=5, x=SLOT / 2),
        Row(y=0.52, z=0.0, slots=6),
    ),
    "shelves": (
        Row(y=0.0, z=0.0, slots=5),
        Row(y=0.0, z=0.52, slots=5, x=0.06),
        Row(y=0.0, z=1.04, slots=5, x=-0.06),
    ),
    "counter": (
        Row(y=-0.5, z=0.0, slots=5),
        Row(y=0.02, z=0.0, slots=5, x=SLOT / 2),
        Row(y=0.62, z=0.55, slots=5),
    ),
}
CAMERAS = {
    "table": Camera(eye=(0.0, -3.0, 2.9), target=(0.0, -0.02, 0.1), half_width=1.32),
    "shelves": Camera(eye=(0.0, -4.2, 1.05), target=(0.0, 0.0, 0.72), half_width=1.32),
    "counter": Camera(eye=(0.0, -3.9, 2.0), target=(0.0, 0.1, 0.27), half_width=1.36),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scene, whole: equal scenes give equal photographs.

    Attributes:
        layout: one of `config.LAYOUTS`.
        items: the named things.
        scraps: what else lies about.
        wood, wall: colours of the furniture and of the room, in [0, 1].
        light: azimuth of the light [rad]; 0 comes from behind the camera.
    """

    layout: str
    items: tuple[Item, ...]
    scraps: tuple[Scrap, ...]
    wood: tuple[float, float, float]
    wall: tuple[float, float, float]
    light: float

    @property
    def camera(self) -> Camera:
        """From where it is photographed."""
        return CAMERAS[self.layout]

    def with_labels(self, labels: Sequence[str]) -> Scene:
        """The same scene with other labels, one for each item."""
        items = [replace(item, label=label) for item, label in zip(self.items, labels, strict=True)]
        return replace(self, items=tuple(items))


def draw_scene(
    layout: str,
    *,
    num_items: int,
    num_scraps: int,
    label_side: float | None,
    num_alike: int = 0,
    palette: Palette = (tuple(COLORS), tuple(KINDS)),
    rng: np.random.Generator,
) -> Scene:
    """Draw a scene whose labels are not written yet.

    Args:
        layout: one of `config.LAYOUTS`.
        num_items: things with names, all different, at most `num_slots(layout)`.
        num_scraps: small things without.
        label_side: side of a label as a share of the photograph's width; None for labels as large
            as things have room for.
        num_alike: so many things, the first of the scene's items, have one colour that no other
            has; 0 for no such rule.
        palette: colours and kinds of named things.
        rng: the only source of chance.
    """
    rows = ROWS[layout]
    slots = [(row, slot) for row in rows for slot in range(row.slots)]
    chosen = rng.permutation(len(slots))[:num_items].tolist()
    names = _draw_names(num_items, num_alike, palette, rng)
    items = [
        _draw_item(name, slots[slot], CAMERAS[layout], label_side, rng)
        for name, slot in zip(names, chosen, strict=True)
    ]
    free = [(row, slot + 0.5) for row in rows for slot in range(-1, row.slots)]
    where = rng.permutation(len(free))[:num_scraps].tolist()
    return Scene(
        layout=layout,
        items=tuple(items),
        scraps=tuple(_draw_scrap(free[index], rng) for index in where),
        wood=_WOODS[int(rng.integers(len(_WOODS)))],
        wall=_WALLS[int(rng.integers(len(_WALLS)))],
        light=float(rng.uniform(-0.7, 0.7)),
    )


def num_slots(layout: str) -> int:
    """How many named things a layout has room for."""
    return sum(row.slots for row in ROWS[layout])


def depth_of(camera: Camera, point: Sequence[float]) -> float:
    """How far a point is from the eye along the camera's axis [m]."""
    eye, target = np.asarray(camera.eye), np.asarray(camera.target)
    return float((np.asarray(point) - eye) @ (target - eye) / camera.distance)


def _draw_names(
    num: int, num_alike: int, palette: Palette, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """Different (colour, kind), the first `num_alike` of a colour of their own."""
    colors, kinds = ([some[i] for i in rng.permutation(len(some)).tolist()] for some in palette)
    alike = [(colors[0], kind) for kind in kinds[:num_alike]]
    rest = [(color, kind) for color in colors[bool(alike) :] for kind in kinds]
    return alike + [rest[i] for i in rng.permutation(len(rest))[: num - num_alike].tolist()]


def _draw_item(
    name: tuple[str, str],
    place: tuple[Row, float],
    camera: Camera,
    label_side: float | None,
    rng: np.random.Generator,
) -> Item:
    (color, kind), (row, slot) = name, place
    x = _slot_x(row, slot) + float(rng.uniform(-0.05, 0.05))
    y = row.y + float(rng.uniform(-0.03, 0.03))
    yaw = float(rng.uniform(-0.2, 0.2))
    scatter = float(rng.uniform(0.92, 1.08))
    room = KINDS[kind].label_room
    if label_side is not None:
        width = 2 * camera.half_width * depth_of(camera, (x, y, row.z + 0.1)) / camera.distance
        room = min(room, scatter * label_side * width)
    return Item(color=color, kind=kind, pos=(x, y, row.z), yaw=yaw, label_size=room, label=BLANK)


def _draw_scrap(place: tuple[Row, float], rng: np.random.Generator) -> Scrap:
    """A cube, a ball, a pen or a coin between two slots."""
    row, slot = place
    shape = ("box", "sphere", "capsule", "cylinder")[int(rng.integers(4))]
    palette = (*_SCRAP_RGB, *COLORS.values())
    rgb = palette[int(rng.integers(len(palette)))]
    size, height, tilt = {
        "box": ((0.03, 0.03, 0.03), 0.03, 0.0),
        "sphere": ((0.032,), 0.032, 0.0),
        "capsule": ((0.009, 0.06), 0.009, math.pi / 2),
        "cylinder": ((0.04, 0.006), 0.006, 0.0),
    }[shape]
    x = _slot_x(row, slot) + float(rng.uniform(-0.04, 0.04))
    y = row.y - float(rng.uniform(0.02, 0.12))
    part = Part(shape=shape, size=size, pos=(0.0, 0.0, height), rgb=rgb, tilt=tilt)
    return Scrap(part=part, pos=(x, y, row.z), yaw=float(rng.uniform(-1.5, 1.5)))


def _slot_x(row: Row, slot: float) -> float:
    return row.x + SLOT * (slot - (row.slots - 1) / 2)
