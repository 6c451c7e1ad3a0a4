"""Where visitors are while they are in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from video.synthetic.config import FilmConfig
from video.synthetic.events import Event
from video.synthetic.layout import (
    Box,
    Layout,
    item_box,
    make_layout,
    union,
)
from video.synthetic.vocabulary import Item

HOP_HEIGHT = 0.3
"""How far a visitor rises that touches the lamp."""


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """An item somewhere in the picture.

    Attributes:
        item: what it is.
        x, z: its centre, in the film's world.
        radius: of a sphere of its size.
    """

    item: Item
    x: float
    z: float
    radius: float


def visitor_at(
    config: FilmConfig, event: Event | None, frame: int
) -> tuple[Sprite | None, Sprite | None, bool]:
    """The visitor at a frame, what it carries, and whether it touches the lamp.

    Args:
        config: gives the layout.
        event: who visits at this frame; None for nobody.
        frame: its index.
    """
    if event is None:
        return None, None, False
    layout = make_layout(config)
    holds = event.hold_start <= frame < event.hold_end
    touches = holds and event.kind == "switch"
    x = round(visitor_x(config, layout, event, frame), 4)
    rise = HOP_HEIGHT if touches else 0.0
    radius = layout.visitor_radius
    visitor = Sprite(item=event.visitor, x=x, z=layout.visitor_z + rise, radius=radius)
    if not holds or event.thing is None:
        return visitor, None, touches
    small = layout.carried_radius
    return visitor, Sprite(item=event.thing, x=x, z=layout.carried_z, radius=small), False


def visitor_x(config: FilmConfig, layout: Layout, event: Event, frame: int) -> float:
    """Where the visitor of an event is: on straight lines between where it stops."""
    points = _stops(layout, event)
    for (start, x0), (end, x1) in pairwise(points):
        if frame <= end:
            share = (frame - start) / max(1, end - start)
            x = x0 + share * (x1 - x0)
            break
    if config.hop:
        return min(layout.place_x, key=lambda place: abs(place - x))
    return x


def _stops(layout: Layout, event: Event) -> list[tuple[int, float]]:
    """(frame, x) where a visitor comes in, takes, puts, stops or touches, and leaves."""
    first, last = event.start_frame, event.end_frame - 1
    middle: list[tuple[int, float]] = []
    if event.kind == "switch":
        assert layout.lamp_x is not None
        x = min(layout.lamp_x, layout.edge_x)
        middle = [(event.hold_start, x), (event.hold_end - 1, x)]
    elif event.kind == "pass":
        if event.place_from is not None:
            third = (last - first) // 3
            x = layout.place_x[event.place_from]
            middle = [(first + third, x), (last - third, x)]
    else:
        if event.place_from is not None:
            middle.append((event.hold_start, layout.place_x[event.place_from]))
        if event.place_to is not None:
            middle.append((event.hold_end - 1, layout.place_x[event.place_to]))
    inner = [(frame, max(-layout.edge_x, min(layout.edge_x, x))) for frame, x in middle]
    return [(first, event.enters * layout.edge_x), *inner, (last, event.leaves * layout.edge_x)]


def sprite_box(config: FilmConfig, sprite: Sprite) -> Box:
    """Where a sprite is in the frame."""
    half_width = make_layout(config).half_width
    return item_box(sprite.item, sprite.x, sprite.z, sprite.radius, half_width)


def visit_box(config: FilmConfig, event: Event, start_frame: int, end_frame: int) -> Box:
    """Where a visitor and what it carries are in the frame, from one frame up to another.

    Args:
        config: gives the layout.
        event: the visit.
        start_frame, end_frame: half-open, at least one frame, within the visit.
    """
    sprites = [
        sprite
        for frame in range(start_frame, end_frame)
        for sprite in visitor_at(config, event, frame)[:2]
        if sprite is not None
    ]
    return union(sprite_box(config, sprite) for sprite in sprites)
