"""What a viewer of one frame can tell, and nothing else."""

from __future__ import annotations

from video.questions import EvidenceBox, Interval
from video.synthetic.events import Event
from video.synthetic.layout import (
    BULB_HEIGHT,
    BULB_RADIUS,
    SHELF_TOP,
    Box,
    item_box,
    make_layout,
)
from video.synthetic.record import Film
from video.synthetic.scene import Scene, scene_at
from video.synthetic.visits import Sprite, sprite_box, visit_box
from video.synthetic.vocabulary import PARTS, Item

LAMP = "lamp"
"""What a visitor touches that touches the lamp."""


def frame_facts(film: Film, index: int) -> dict[str, object]:
    """What a viewer of this one frame could tell, JSON-able.

    Args:
        film: the film.
        index: of the frame, in [0, num_frames).

    Returns:
        `frame` (int) and `seconds` [s]; `chapter`, the number in the caption or on the card, or
        None; `card`, what the card shows, or None: a dict with `chapter`, `color`, `shape` and
        `box_xyxy_norm`; `lamp`, "on", "off" or None where none is in view; `standing`, a list of
        dicts with `name`, `color`, `shape`, `place` (from the left, from 0), `part` ("left",
        "middle", "right" third of the shelf) and `box_xyxy_norm`; `visitor`, None or a dict with
        `color`, `shape`, `box_xyxy_norm` and `touches`, the name of what it carries, "lamp", or
        None. On a card nothing else is in view.
    """
    scene = scene_at(film, index)
    facts: dict[str, object] = {"frame": index, "seconds": index / film.fps}
    if scene.card is not None:
        assert scene.emblem is not None
        card = {"chapter": scene.card, **_describe(film, scene.emblem)}
        return {**facts, "chapter": scene.card, "card": card} | dict(
            lamp=None, standing=[], visitor=None
        )
    third = film.config.num_places // 3
    standing = [
        {**_describe(film, sprite), "place": place, "part": PARTS[place // third]}
        for place, sprite in scene.standing
    ]
    lamp = None if scene.lamp is None else "on" if scene.lamp else "off"
    return {
        **facts,
        "chapter": scene.caption,
        "card": None,
        "lamp": lamp,
        "standing": standing,
        "visitor": _visitor(film, scene),
    }


def _describe(film: Film, sprite: Sprite) -> dict[str, object]:
    box = sprite_box(film.config, sprite)
    item = sprite.item
    return {
        "name": item.name,
        "color": item.color,
        "shape": item.shape,
        "box_xyxy_norm": list(box),
    }


def _visitor(film: Film, scene: Scene) -> dict[str, object] | None:
    if scene.visitor is None:
        return None
    touches = scene.carried.item.name if scene.carried else LAMP if scene.touches_lamp else None
    return {**_describe(film, scene.visitor), "touches": touches}


def visitor_boxes(film: Film, event: Event) -> tuple[EvidenceBox, ...]:
    """Where a visitor and what it carries are, for each quarter of a second (or frame, where
    that is longer) of the frames that tell who did it.
    """
    start, end = event.telling_frames
    step = max(1, film.fps // 4)
    parts = [(first, min(first + step, end)) for first in range(start, end, step)]
    return tuple(
        EvidenceBox(
            interval=frames_interval(film, first, last),
            box_xyxy_norm=visit_box(film.config, event, first, last),
        )
        for first, last in parts
    )


def standing_box(film: Film, frame: int, name: str) -> Box | None:
    """Where a thing on the shelf is at a frame; None where it is not on the shelf."""
    for _, sprite in scene_at(film, frame).standing:
        if sprite.item.name == name:
            return sprite_box(film.config, sprite)
    return None


def place_box(film: Film, place: int) -> Box:
    """Where a place of the shelf is, with room for the largest thing."""
    layout = make_layout(film.config)
    radius = layout.thing_radius
    largest = Item(color=film.config.colors[0], shape="sphere")
    return item_box(largest, layout.place_x[place], SHELF_TOP + radius, radius, layout.half_width)


def lamp_box(film: Film) -> Box:
    """Where the lamp's bulb is; the film must have one."""
    layout = make_layout(film.config)
    assert layout.lamp_x is not None
    bulb = Item(color=film.config.colors[0], shape="sphere")
    return item_box(bulb, layout.lamp_x, SHELF_TOP + BULB_HEIGHT, BULB_RADIUS, layout.half_width)


def frames_interval(film: Film, start_frame: int, end_frame: int) -> Interval:
    """The time that frames are on show, half-open."""
    return Interval(start_seconds=start_frame / film.fps, end_seconds=end_frame / film.fps)
