"""What one picture shows: pixels, boxes, and the places whose content it reveals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sims.avr.world import World
from sims.avr.world_model import MAX_GEOMS, empty_room_xml
from sims.rendering import RenderSettings, shared_renderer

Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1) [px], half-open."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One picture and what it shows.

    Attributes:
        picture: uint8 (H, W, 3).
        body_ids: int16 (H, W), MuJoCo's id of the body at each pixel, 0 for floor and background.
        pixels: visible pixels of each body in view, by name.
        boxes: visible box of each body in view, by name.
        shows: names of the places whose content (a thing, or emptiness) the picture reveals.
    """

    picture: np.ndarray
    body_ids: np.ndarray
    pixels: dict[str, int]
    boxes: dict[str, Box]
    shows: frozenset[str]


def look(world: World, settings: RenderSettings) -> Sight:
    """Render the world as its viewer sees it now, and say what is to be seen."""
    world.set_picture_size(settings.height, settings.width)
    renderer = shared_renderer(empty_room_xml(), settings, MAX_GEOMS)
    labels = np.append(world.model.geom_bodyid, 0).astype(np.int16)  # the last: nothing
    picture, bodies = renderer.render(world.model, world.data, labels=labels)
    pixels, boxes = _measure(bodies)
    names = [world.model.body(index).name for index in range(world.model.nbody)]
    return Sight(
        picture=picture,
        body_ids=bodies,
        pixels={names[index]: count for index, count in pixels.items()},
        boxes={names[index]: box for index, box in boxes.items()},
        shows=world.seen(),
    )


def _measure(bodies: np.ndarray) -> tuple[dict[int, int], dict[int, Box]]:
    """Visible pixels and boxes of every body in a picture of body ids.

    They are counted by runs: stretches of a row that show one body.
    """
    ids, rows, lefts, rights = _runs(bodies)
    if not len(ids):
        return {}, {}
    firsts = np.flatnonzero(np.diff(ids, prepend=0))  # of each body; its rows are in order
    lasts = np.append(firsts[1:], len(ids)) - 1
    counts = np.add.reduceat(rights - lefts, firsts)
    edges = (
        np.minimum.reduceat(lefts, firsts),
        rows[firsts],
        np.maximum.reduceat(rights, firsts),
        rows[lasts] + 1,
    )
    found = ids[firsts].tolist()
    boxes = zip(*(edge.tolist() for edge in edges), strict=True)
    return dict(zip(found, counts.tolist(), strict=True)), dict(zip(found, boxes, strict=True))


def _runs(bodies: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bodies' runs, sorted by body and row: ids, rows, first columns, and columns after the last;
    each (n,).
    """
    height, width = bodies.shape
    padded = np.zeros((height, width + 1), dtype=bodies.dtype)  # no run goes on in the next row
    padded[:, 1:] = bodies
    flat = padded.ravel()
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.append(starts[1:], len(flat))
    ids = flat[starts]
    order = np.flatnonzero(ids)
    order = order[np.argsort(ids[order], kind="stable")]
    rows, lefts = np.divmod(starts[order] - 1, width + 1)
    return ids[order], rows, lefts, lefts + (ends - starts)[order]
