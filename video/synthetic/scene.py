"""What is in the picture at a frame: all that its pixels depend on."""

from __future__ import annotations

from dataclasses import dataclass

from video.synthetic.layout import SHELF_TOP, Layout, half_extents, make_layout
from video.synthetic.record import Film
from video.synthetic.visits import Sprite, visitor_at
from video.synthetic.vocabulary import Item


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is in a picture; equal scenes have equal pixels.

    Attributes:
        tint: look of the chapter.
        card: number on the chapter's card; None where no card is shown. On a card are nothing but
            the number and the emblem.
        caption: number of the chapter in the corner; None where there is none.
        lamp: whether the lamp is on; None for no lamp.
        standing: (place, sprite) of what is on the shelf.
        emblem: on the card.
        visitor: who is in the picture.
        carried: what the visitor carries.
        touches_lamp: whether the visitor does.
    """

    tint: int
    card: int | None = None
    caption: int | None = None
    lamp: bool | None = None
    standing: tuple[tuple[int, Sprite], ...] = ()
    emblem: Sprite | None = None
    visitor: Sprite | None = None
    carried: Sprite | None = None
    touches_lamp: bool = False


def scene_at(film: Film, frame: int) -> Scene:
    """The scene at a frame, in [0, num_frames)."""
    chapter, layout = film.chapter_at(frame), make_layout(film.config)
    if frame < chapter.card_end:
        assert chapter.emblem is not None
        emblem = Sprite(item=chapter.emblem, x=0.0, z=-0.35, radius=0.42)
        return Scene(tint=chapter.tint, card=chapter.number, emblem=emblem)
    standing = tuple(
        (place, _standing(layout, place, item))
        for place, item in sorted(film.shelf_at(frame).items())
    )
    visitor, carried, touches = visitor_at(film.config, film.event_at(frame), frame)
    return Scene(
        tint=chapter.tint,
        caption=chapter.number if len(film.chapters) > 1 else None,
        lamp=bool(film.switches_before(frame) % 2) if film.config.has_lamp else None,
        standing=standing,
        visitor=visitor,
        carried=carried,
        touches_lamp=touches,
    )


def _standing(layout: Layout, place: int, item: Item) -> Sprite:
    height = half_extents(item, layout.thing_radius)[2]
    x, radius = layout.place_x[place], layout.thing_radius
    return Sprite(item=item, x=x, z=SHELF_TOP + height, radius=radius)
