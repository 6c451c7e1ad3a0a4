"""Devices that hide what stands behind, between or inside upright panels."""

from __future__ import annotations

import math

from sims.avr.devices.parts import (
    HEADROOM,
    PANEL,
    ROOM,
    DeviceDraw,
    block,
    make_device,
    shell,
    turned,
)
from sims.avr.things import Device

WALL_THICKNESS = 0.12
WALL_LENGTH = 1.42


def make_wall(draw: DeviceDraw) -> Device:
    """A wall, the place behind it: a low one can be looked over, a tall one only round."""
    (paint,), is_low = draw.paints(), draw.chance(0.5)
    height = draw.between(1.03, 1.08) if is_low else draw.between(1.55, 1.7)
    x, y, place = draw.behind(0.55, 1.45 if is_low else draw.between(1.1, 1.45))
    panel = block(WALL_LENGTH, WALL_THICKNESS, height, paint=paint)
    yaw = draw.between(-0.12, 0.12)
    return make_device(place, draw.body("wall", (panel,), at=(x, y, 0.0), yaw=yaw, mount="fixed"))


def make_alley(draw: DeviceDraw) -> Device:
    """Two parallel walls in one piece, the place between them, seen along the alley alone.

    Laid open, the alley points at the eye.
    """
    x, y, yaw = draw.around(0.85)
    (paint,), height, gap = draw.paints(), draw.between(1.15, 1.35), draw.between(1.1, 1.2)
    if not draw.hides:
        yaw += math.pi / 2
    offset = (gap + PANEL) / 2
    walls = [block(1.3, PANEL, height, paint=paint, at=(0.0, s * offset, 0.0)) for s in (-1, 1)]
    mount = draw.mount(free=0.3)
    return make_device(
        draw.place(x, y), draw.body("double wall", walls, at=(x, y, 0.0), yaw=yaw, mount=mount)
    )


def make_corner(draw: DeviceDraw) -> Device:
    """Two walls that meet, the place in the corner, seen from behind and from one side."""
    x, y, yaw = draw.around(0.75)
    (paint,), height, side = draw.paints(), draw.between(1.3, 1.55), draw.one_of((-1.0, 1.0))
    if not draw.hides:
        yaw += math.pi
    walls = (
        block(1.4, PANEL, height, paint=paint, at=(0.0, -0.56, 0.0)),
        block(PANEL, 1.05, height, paint=paint, at=(side * 0.67, 0.0, 0.0)),
    )
    mount = draw.mount(free=0.3)
    return make_device(
        draw.place(x, y), draw.body("corner", walls, at=(x, y, 0.0), yaw=yaw, mount=mount)
    )


def make_screen(draw: DeviceDraw) -> Device:
    """A screen on two feet, light enough to be moved, the place behind it."""
    (paint,), height = draw.paints(), draw.between(1.15, 1.65)
    x, y, place = draw.behind(0.25, draw.between(1.08, 1.45))
    geoms = [block(WALL_LENGTH, PANEL, height, paint=paint)]
    geoms += [block(0.12, 0.66, 0.1, paint=paint, at=(sign * 0.55, 0.0, 0.0)) for sign in (-1, 1)]
    yaw = draw.between(-0.12, 0.12)
    return make_device(place, draw.body("screen", geoms, at=(x, y, 0.0), yaw=yaw))


def make_tunnel(draw: DeviceDraw) -> Device:
    """A roofed passage that runs across the view, the place in its middle.

    Laid open, it points at the eye.
    """
    x, y, yaw = draw.around(0.55)
    if not draw.hides:
        yaw += math.pi / 2
    (paint,), sides = draw.paints(), ("front", "back", "top")
    tunnel = shell((draw.between(1.0, 1.15), ROOM), 0.95, paint=paint, sides=sides)
    return make_device(draw.place(x, y), draw.body("tunnel", tunnel, at=(x, y, 0.0), yaw=yaw))


def make_niche(draw: DeviceDraw) -> Device:
    """Three walls round the place, open to one side: to the back, the left or the right.

    Laid open, they are open to the front.
    """
    x, y, yaw = draw.around(0.55)
    opening = draw.one_of(("back", "left", "right")) if draw.hides else "front"
    sides = [side for side in ("front", "back", "left", "right") if side != opening]
    (paint,) = draw.paints()
    walls = shell((1.1, 1.1), draw.between(1.2, 1.4), paint=paint, sides=sides)
    mount = draw.mount(free=0.4)
    return make_device(
        draw.place(x, y), draw.body("niche", walls, at=(x, y, 0.0), yaw=yaw, mount=mount)
    )


def make_blocked_niche(draw: DeviceDraw) -> Device:
    """A roofed niche that faces the eye, two stacked blocks before its door.

    Laid open, the blocks stand behind it.
    """
    x, y, yaw = draw.around(0.5)
    inner, paints = (1.05, 1.0), draw.paints(3)
    niche = shell(inner, HEADROOM + 0.02, paint=paints[0], sides=("back", "left", "right", "top"))
    depth, lower, upper = 0.36, draw.between(0.45, 0.55), 0.58
    gap = 0.03 + PANEL + (inner[1] + depth) / 2
    dx, dy = turned(0.0, -gap if draw.hides else gap, yaw)
    at = (x + dx, y + dy)
    bodies = (
        draw.body(
            "upper block",
            (block(1.22, depth, upper, paint=paints[1]),),
            at=(*at, lower),
            yaw=yaw,
            below="lower block",
        ),
        draw.body(
            "lower block", (block(1.28, depth, lower, paint=paints[2]),), at=(*at, 0.0), yaw=yaw
        ),
        draw.body("niche", niche, at=(x, y, 0.0), yaw=yaw, mount="fixed"),
    )
    return make_device(draw.place(x, y), *bodies)
