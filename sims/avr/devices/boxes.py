"""Devices that hide what stands inside or under a hollow box."""

from __future__ import annotations

from sims.avr.devices.parts import (
    BOTTOM,
    HEADROOM,
    PANEL,
    ROOM,
    DeviceDraw,
    block,
    make_device,
    shell,
    turned,
)
from sims.avr.things import Body, Device

WALLS = ("front", "back", "left", "right")
BOX_INNER = (ROOM, 1.2)
BOX_HEIGHT = 1.12
LID = 0.08
"""How thick a lid is [m]."""
BACK_OF_BOX = 0.14
"""How far behind the middle of a box the place is, so that its front hides less from above [m]."""
COVER_GAP = 0.06
"""Between a cover and the larger one over it [m]."""

Point = tuple[float, float, float]


def make_open_box(draw: DeviceDraw) -> Device:
    """A box without a top, the place in it: one has to look down into it, or take it away."""
    x, y, yaw = draw.around(0.2)
    (paint,), mount = draw.paints(), draw.mount(free=0.5)
    box = shell(BOX_INNER, BOX_HEIGHT, paint=paint, sides=_sides(draw, "bottom"))
    dx, dy = turned(0.0, BACK_OF_BOX, yaw)
    return make_device(
        draw.place(x + dx, y + dy, BOTTOM, carrier="box"),
        draw.body("box", box, at=(x, y, 0.0), yaw=yaw, mount=mount),
    )


def make_lidded_box(draw: DeviceDraw) -> Device:
    """A box with a loose lid, the place in it: the lid comes off before one can look down."""
    x, y, yaw = draw.around(0.2)
    mount = draw.mount(free=0.5)
    lid, box = _lidded(draw, (x, y, 0.0), yaw, paints=draw.paints(2), mount=mount)
    dx, dy = turned(0.0, BACK_OF_BOX, yaw)
    return make_device(draw.place(x + dx, y + dy, BOTTOM, carrier="box"), lid, box)


def make_raised_box(draw: DeviceDraw) -> Device:
    """A box with a loose lid on a block, the place in the box."""
    x, y, yaw = draw.around(0.2)
    rise, paints = draw.between(0.3, 0.45), draw.paints(3)
    stand = block(1.2, 1.4, rise, paint=paints[2])
    lid, box = _lidded(draw, (x, y, rise), yaw, paints=paints, below="block")
    dx, dy = turned(0.0, BACK_OF_BOX, yaw)
    return make_device(
        draw.place(x + dx, y + dy, rise + BOTTOM, carrier="box"),
        lid,
        box,
        draw.body("block", (stand,), at=(x, y, 0.0), yaw=yaw),
    )


def make_stacked_boxes(draw: DeviceDraw) -> Device:
    """An empty box on a box without a top, the place in the lower one."""
    x, y, yaw = draw.around(0.2)
    height, (under, over) = draw.between(0.9, 0.98), draw.paints(2)
    inner, mount = (ROOM, 1.1), draw.mount(free=0.5)
    lower = shell(inner, height, paint=under, sides=_sides(draw, "bottom"))
    upper = shell(inner, draw.between(0.4, 0.55), paint=over, sides=WALLS)
    floor = block(inner[0] + 2 * PANEL, inner[1] + 2 * PANEL, BOTTOM, paint=over)
    dx, dy = turned(0.0, 0.1, yaw)
    return make_device(
        draw.place(x + dx, y + dy, BOTTOM, carrier="lower box"),
        draw.body("upper box", (*upper, floor), at=(x, y, height), yaw=yaw, below="lower box"),
        draw.body("lower box", lower, at=(x, y, 0.0), yaw=yaw, mount=mount),
    )


def make_cover(draw: DeviceDraw) -> Device:
    """A cover without a bottom, the place under it."""
    x, y, yaw = draw.around(0.2)
    (paint,) = draw.paints()
    return make_device(
        draw.place(x, y, carrier="cover"), _cover(draw, "cover", (x, y, 0.0), yaw, paint=paint)
    )


def make_stacked_covers(draw: DeviceDraw) -> Device:
    """A cover under a larger cover, the place under both."""
    x, y, yaw = draw.around(0.2)
    at, (outside, inside) = (x, y, 0.0), draw.paints(2)
    wider = 2 * (PANEL + COVER_GAP)
    return make_device(
        draw.place(x, y, carrier="inner cover"),
        _cover(draw, "outer cover", at, yaw, paint=outside, wider=wider),
        _cover(draw, "inner cover", at, yaw, paint=inside),
    )


def make_raised_cover(draw: DeviceDraw) -> Device:
    """A cover on a block, the place on the block under the cover."""
    x, y, yaw = draw.around(0.2)
    rise, (over, under) = draw.between(0.35, 0.6), draw.paints(2)
    stand = block(1.2, 1.2, rise, paint=under)
    return make_device(
        draw.place(x, y, rise, carrier="cover"),
        _cover(draw, "cover", (x, y, rise), yaw, paint=over, below="block"),
        draw.body("block", (stand,), at=(x, y, 0.0), yaw=yaw),
    )


def make_chimney(draw: DeviceDraw) -> Device:
    """Three rings stacked to a chimney, the place at its bottom.

    It is too deep to be looked into until rings are taken off.
    """
    x, y, yaw = draw.around(0.2)
    height, paints, sides = draw.between(0.46, 0.52), draw.paints(3), _sides(draw)
    rings = [
        draw.body(
            part,
            shell((1.05, 1.05), height, paint=paint, sides=sides),
            at=(x, y, level * height),
            yaw=yaw,
            below=below,
        )
        for part, level, below, paint in (
            ("top ring", 2, "middle ring", paints[0]),
            ("middle ring", 1, "bottom ring", paints[1]),
            ("bottom ring", 0, "", paints[2]),
        )
    ]
    return make_device(draw.place(x, y, carrier="bottom ring"), *rings)


def _sides(draw: DeviceDraw, *more: str) -> tuple[str, ...]:
    """The sides of a hollow box: one that lays its place open has no front."""
    return (*(WALLS if draw.hides else WALLS[1:]), *more)


def _cover(
    draw: DeviceDraw,
    part: str,
    at: Point,
    yaw: float,
    *,
    paint: str,
    wider: float = 0.0,
    below: str = "",
) -> Body:
    """A cover that stands at `at`, `wider` than one that just takes a small thing [m]."""
    inner = (ROOM + wider, ROOM + wider)
    geoms = shell(inner, HEADROOM + wider / 2, paint=paint, sides=_sides(draw, "top"))
    return draw.body(part, geoms, at=at, yaw=yaw, below=below)


def _lidded(
    draw: DeviceDraw,
    at: Point,
    yaw: float,
    *,
    paints: list[str],
    mount: str = "free",
    below: str = "",
) -> tuple[Body, Body]:
    """A lid, and the box it lies on, in the first two paints."""
    box = shell(BOX_INNER, BOX_HEIGHT, paint=paints[1], sides=_sides(draw, "bottom"))
    slab = block(BOX_INNER[0] + 2 * PANEL, BOX_INNER[1] + 2 * PANEL, LID, paint=paints[0])
    above = (at[0], at[1], at[2] + BOX_HEIGHT)
    return (
        draw.body("lid", (slab,), at=above, yaw=yaw, below="box"),
        draw.body("box", box, at=at, yaw=yaw, mount=mount, below=below),
    )
