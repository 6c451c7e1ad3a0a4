"""Devices that hide what is in or on a piece of furniture."""

from __future__ import annotations

from sims.avr.devices.parts import (
    BOTTOM,
    PANEL,
    ROOM,
    DeviceDraw,
    block,
    make_device,
    shell,
    turned,
)
from sims.avr.things import Device, Geom

CABINET_HEIGHT = 0.98
GAP = 0.02
"""Between what slides and what it slides in [m]."""
DRAWER_TRAVEL = 0.95
SHUTTER_TRAVEL = 0.93
TRAY_FLOOR = BOTTOM + GAP
"""Underside of a drawer, over the bottom of its cabinet [m]."""


def make_drawer(draw: DeviceDraw) -> Device:
    """A drawer in a cabinet, the place in the drawer: it has to be opened and looked into.

    Laid open, the drawer has no front, and one sees into the cabinet.
    """
    x, y, yaw = draw.around(0.72)
    inner, (outside, inside) = (ROOM + 0.16, 1.02), draw.paints(2)
    sides = ("back", "left", "right", "top", "bottom")
    cabinet = shell(inner, CABINET_HEIGHT, paint=outside, sides=sides)
    drawer = draw.body(
        "drawer",
        _tray(inner, inside, has_front=draw.hides),
        at=(x, y, 0.0),
        yaw=yaw,
        mount="sliding",
        travel=(0.0, -DRAWER_TRAVEL, 0.0),
    )
    return make_device(
        draw.place(x, y, TRAY_FLOOR + BOTTOM, carrier="drawer"),
        drawer,
        draw.body("cabinet", cabinet, at=(x, y, 0.0), yaw=yaw, mount="fixed"),
    )


def make_cupboard(draw: DeviceDraw) -> Device:
    """A cupboard with a shutter that slides up, the place behind the shutter.

    Some have no back, and can be looked into from behind. Laid open, the shutter is an empty frame.
    """
    x, y, yaw = draw.around(0.45)
    inner, (outside, inside) = (ROOM + 0.05, ROOM + 0.05), draw.paints(2)
    sides = ("left", "right", "top", "bottom", "back")[: 4 if draw.chance(0.4) else 5]
    cupboard = shell(inner, CABINET_HEIGHT, paint=outside, sides=sides)
    shutter = draw.body(
        "shutter",
        _shutter(inner, inside, is_frame=not draw.hides),
        at=(x, y, 0.0),
        yaw=yaw,
        mount="sliding",
        travel=(0.0, 0.0, SHUTTER_TRAVEL),
    )
    return make_device(
        draw.place(x, y, BOTTOM),
        shutter,
        draw.body("cupboard", cupboard, at=(x, y, 0.0), yaw=yaw, mount="fixed"),
    )


def make_shelf(draw: DeviceDraw) -> Device:
    """A high shelf with a lip, the place on it: one has to look down on it, or round the lip.

    Some have sides that rise above the board. The board reaches far enough back to take the shadow
    of what stands on it. Laid open, it has no lip.
    """
    x, y, yaw = draw.around(0.3)
    (paint,), board = draw.paints(), draw.between(1.2, 1.5)
    width, depth, rise = ROOM + 0.05, 1.45, 0.86
    sides = board + (rise if draw.chance(0.5) else 0.0)
    lip = rise if draw.hides else 0.04
    out = (width + PANEL) / 2
    geoms = (
        block(width, depth, PANEL, paint=paint, at=(0.0, 0.0, board - PANEL)),
        block(width, PANEL, lip, paint=paint, at=(0.0, (PANEL - depth) / 2, board)),
        block(PANEL, depth, sides, paint=paint, at=(-out, 0.0, 0.0)),
        block(PANEL, depth, sides, paint=paint, at=(out, 0.0, 0.0)),
    )
    dx, dy = turned(0.0, -0.12, yaw)
    return make_device(
        draw.place(x + dx, y + dy, board),
        draw.body("shelf", geoms, at=(x, y, 0.0), yaw=yaw, mount="fixed"),
    )


def _tray(inner: tuple[float, float], paint: str, *, has_front: bool) -> tuple[Geom, ...]:
    """A drawer with low sides for a cabinet of that inner width and depth, in its frame."""
    width, depth, low = inner[0] - 2 * GAP, inner[1] - GAP, 0.26
    z, y = TRAY_FLOOR, -GAP / 2
    x, back = width / 2 - BOTTOM / 2, y + depth / 2 - BOTTOM / 2
    height = CABINET_HEIGHT + PANEL - GAP if has_front else 0.16
    return (
        block(width, depth, BOTTOM, paint=paint, at=(0.0, y, z)),
        block(BOTTOM, depth, low, paint=paint, at=(-x, y, z)),
        block(BOTTOM, depth, low, paint=paint, at=(x, y, z)),
        block(width, BOTTOM, low, paint=paint, at=(0.0, back, z)),
        block(inner[0] + 2 * PANEL, PANEL, height, paint=paint, at=(0.0, _front_y(inner), GAP)),
    )


def _shutter(inner: tuple[float, float], paint: str, *, is_frame: bool) -> tuple[Geom, ...]:
    """A panel that closes a cabinet of that inner width and depth, or four rails round its edge."""
    width, height, y = inner[0] + 2 * PANEL, CABINET_HEIGHT + PANEL - GAP, _front_y(inner)
    if not is_frame:
        return (block(width, PANEL, height, paint=paint, at=(0.0, y, GAP)),)
    rail, x = 0.08, width / 2 - 0.04
    return (
        block(width, PANEL, rail, paint=paint, at=(0.0, y, GAP)),
        block(width, PANEL, rail, paint=paint, at=(0.0, y, GAP + height - rail)),
        block(rail, PANEL, height, paint=paint, at=(-x, y, GAP)),
        block(rail, PANEL, height, paint=paint, at=(x, y, GAP)),
    )


def _front_y(inner: tuple[float, float]) -> float:
    """Where the front of a cabinet of that inner width and depth slides, clear of it [m]."""
    return -(inner[1] + GAP + 3 * PANEL) / 2
