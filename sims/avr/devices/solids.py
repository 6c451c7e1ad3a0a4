"""Devices that hide what stands behind something massive on the floor."""

from __future__ import annotations

import math

from sims.avr.devices.parts import DeviceDraw, block, make_device, x_along_ray
from sims.avr.things import BEHIND_Y, DEVICE_Y, Device, Geom, thing_geom


def make_large_object(draw: DeviceDraw) -> Device:
    """A large object of CLEVR's, the place behind it."""
    thing = draw.large_thing()
    x, y, place = draw.behind(DEVICE_Y, draw.between(1.22, BEHIND_Y))
    geom = thing_geom(thing)
    yaw = draw.between(0.0, 2 * math.pi)
    body = draw.body("object", (geom,), at=(x, y, geom.size[-1]), yaw=yaw, thing=thing)
    return make_device(place, body)


def make_row(draw: DeviceDraw) -> Device:
    """Two pillars side by side, one a step back, the place behind both.

    Neither hides the place alone, so taking one away shows half of it. Seen from the first view
    they overlap, and no gap shows between them.
    """
    (paint,), round_ones = draw.paints(), draw.chance(0.5)
    height, mount = draw.between(1.25, 1.5), draw.mount(free=0.75)
    x, y, place = draw.behind(-0.3, draw.between(1.35, 1.55))
    step = 0.76 if draw.hides else 0.0
    apart = 0.32 if draw.hides else 0.44
    left_is_back = draw.chance(0.5)
    bodies = []
    for part, side, is_back in (
        ("left pillar", -1.0, left_is_back),
        ("right pillar", 1.0, not left_is_back),
    ):
        back_y = y + step * is_back
        at = (x_along_ray(x, y, back_y) + side * apart, back_y, 0.0)
        geom = _pillar(0.4 if round_ones else 0.38, height, paint, is_round=round_ones)
        bodies.append(draw.body(part, (geom,), at=at, mount=mount))
    return make_device(place, *bodies)


def _pillar(radius: float, height: float, paint: str, *, is_round: bool) -> Geom:
    if not is_round:
        return block(2 * radius, 2 * radius, height, paint=paint)
    size = (radius, height / 2)
    return Geom(shape="cylinder", size=size, pos=(0.0, 0.0, height / 2), paint=paint)
