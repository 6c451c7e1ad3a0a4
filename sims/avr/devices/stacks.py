"""Devices that hide what stands behind or among stacked blocks."""

from __future__ import annotations

from sims.avr.devices.parts import (
    HEADROOM,
    ROOM,
    DeviceDraw,
    block,
    make_device,
    turned,
    yaw_to_eye,
)
from sims.avr.things import Body, Device

LEVELS = {2: ("upper", "lower"), 3: ("upper", "middle", "lower")}
"""Number of blocks in a pile -> what they are called, from the top."""

Point = tuple[float, float, float]


def make_tower(draw: DeviceDraw) -> Device:
    """Two or three blocks on top of each other, the place behind them."""
    x, y, place = draw.behind(0.0, draw.between(0.9, 1.2))
    yaw = yaw_to_eye(x, y) + draw.between(-0.2, 0.2)
    return make_device(place, *_pile(draw, "block", (x, y), yaw, depth=0.8))


def make_beams(draw: DeviceDraw) -> Device:
    """Two or three long beams on top of each other, the place behind them."""
    x, y, place = draw.behind(0.25, draw.between(0.94, 1.2))
    yaw = yaw_to_eye(x, y) + draw.between(-0.1, 0.1)
    return make_device(place, *_pile(draw, "beam", (x, y), yaw, depth=0.4))


def make_pyramid(draw: DeviceDraw) -> Device:
    """Two blocks side by side that carry a third, the place behind them.

    In half of them the upper block does the hiding, in the others the lower two. They are turned so
    that the gap between the lower two does not point at the eye.
    """
    x, y, place = draw.behind(0.0, draw.between(0.9, 1.05))
    away = 1.0 if x > 0 else -1.0
    yaw = away * draw.between(0.14, 0.22) if draw.hides else yaw_to_eye(x, y)
    width, depth, paints, at = 0.64, 0.62, draw.paints(3), (x, y, 0.0)
    if draw.chance(0.5):
        height, upper = draw.between(0.36, 0.42), (1.2, depth, draw.between(0.75, 0.85))
    else:
        height, upper = draw.between(1.06, 1.12), (draw.between(0.7, 0.85), depth, 0.45)
    lower, out = (width, depth, height), width / 2 + 0.01
    return make_device(
        place,
        _part(draw, "upper block", upper, (x, y, height), yaw, paint=paints[0], below="left block"),
        _part(draw, "left block", lower, at, yaw, paint=paints[1], offset=(-out, 0.0)),
        _part(draw, "right block", lower, at, yaw, paint=paints[2], offset=(out, 0.0)),
    )


def make_portal(draw: DeviceDraw) -> Device:
    """A slab on two pillars with a block before it, the place under the slab.

    Some of the blocks are fixed. Laid open, the block stands behind.
    """
    x, y, yaw = draw.around(0.35)
    at, (front, top, sides) = (x, y, 0.0), draw.paints(3)
    depth, wide, thick = 0.9, 0.2, 0.12
    pillar, slab = (wide, depth, HEADROOM), (ROOM + 2 * wide + 0.04, depth, thick)
    cover, mount = (1.3, 0.22, HEADROOM + thick + 0.06), draw.mount(free=0.6)
    away = (depth + cover[1]) / 2 + 0.03
    out = (ROOM + wide) / 2
    parts = [
        _part(draw, "slab", slab, (x, y, HEADROOM), yaw, paint=top, below="left pillar"),
        _part(draw, "left pillar", pillar, at, yaw, paint=sides, offset=(-out, 0.0)),
        _part(draw, "right pillar", pillar, at, yaw, paint=sides, offset=(out, 0.0)),
    ]
    offset = (0.0, -away if draw.hides else away)
    before = _part(draw, "block", cover, at, yaw, paint=front, offset=offset, mount=mount)
    # What is fixed is dealt with last.
    parts.insert(0 if mount == "free" else len(parts), before)
    return make_device(draw.place(x, y), *parts)


def make_ring(draw: DeviceDraw) -> Device:
    """Blocks all round the place and a slab on top of them.

    Some of the front blocks are fixed. Laid open, the front block lies on the slab.
    """
    x, y, yaw = draw.around(0.35)
    at, paints = (x, y, 0.0), draw.paints(5)
    thick, high = 0.2, 0.1
    out, wide = (ROOM + thick) / 2 + 0.02, ROOM + 2 * thick
    slab, side, back = (wide, wide, high), (thick, ROOM, HEADROOM), (wide, thick, HEADROOM)
    parts = [
        _part(draw, "slab", slab, (x, y, HEADROOM), yaw, paint=paints[0], below="back block"),
        _part(draw, "left block", side, at, yaw, paint=paints[1], offset=(-out, 0.0)),
        _part(draw, "right block", side, at, yaw, paint=paints[2], offset=(out, 0.0)),
        _part(draw, "back block", back, at, yaw, paint=paints[3], offset=(0.0, out)),
    ]
    mount, part, paint = draw.mount(free=0.6), "front block", paints[4]
    if draw.hides:
        front = _part(draw, part, back, at, yaw, paint=paint, offset=(0.0, -out), mount=mount)
    else:
        above, flat = (x, y, HEADROOM + high), (wide, HEADROOM, thick)
        front = _part(draw, part, flat, above, yaw, paint=paint, below="slab")
    parts.insert(0 if mount == "free" else len(parts), front)  # as in a portal
    return make_device(draw.place(x, y), *parts)


def _part(
    draw: DeviceDraw,
    part: str,
    size: Point,
    at: Point,
    yaw: float,
    *,
    paint: str,
    offset: tuple[float, float] = (0.0, 0.0),
    below: str = "",
    mount: str = "free",
) -> Body:
    """A cuboid of that width, depth and height, `offset` from `at` in the turned frame [m]."""
    dx, dy = turned(*offset, yaw)
    return draw.body(
        part,
        (block(*size, paint=paint),),
        at=(at[0] + dx, at[1] + dy, at[2]),
        yaw=yaw,
        below=below,
        mount=mount,
    )


def _pile(
    draw: DeviceDraw, part: str, at: tuple[float, float], yaw: float, *, depth: float
) -> list[Body]:
    """Two or three blocks on top of each other, listed from the top, narrowing upwards.

    In half of them the upper one is so tall that it does the hiding alone.
    """
    names = [f"{level} {part}" for level in LEVELS[draw.one_of((2, 3))]]
    count, paints, total = len(names), draw.paints(len(names)), draw.between(1.35, 1.5)
    top = 0.72 * total if draw.chance(0.5) else total / count
    rest = (total - top) / (count - 1)
    widths = sorted(draw.between(1.15, 1.4) for _ in names)
    return [
        _part(
            draw,
            name,
            (widths[index], depth, rest if index else top),
            (*at, (count - 1 - index) * rest),
            yaw,
            paint=paints[index],
            below=names[index + 1] if index + 1 < count else "",
        )
        for index, name in enumerate(names)
    ]
