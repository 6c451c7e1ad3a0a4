"""What is drawn on pictures: numbered marks, boxes and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from sims.glyphs import glyph
from sims.tools.coordinates import Box, Point

INK = (230, 0, 126)
"""A colour that nothing in the scenes has."""
DIMMED = 0.35
"""How bright `darken` leaves what is not to stand out."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something drawn.

    Attributes:
        kind: "mark" (one point), "box" (its two corners) or "line" (its two ends).
        points: in the photograph [px].
        number: written beside it.
        label: what the policy called it; it is not drawn.
    """

    kind: str
    points: tuple[Point, ...]
    number: int
    label: str


def draw_marks(picture: np.ndarray, region: Box, marks: Sequence[Mark]) -> np.ndarray:
    """A picture with what lies in it of the marks.

    Args:
        picture: uint8 (H, W, 3).
        region: the part of the photograph that it shows.
        marks: to draw, the last on top.

    Returns:
        A fresh array where there are marks, else the picture itself.
    """
    if not marks:
        return picture
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    height, width = picture.shape[:2]
    stroke = max(1, width // 160)
    for mark in marks:
        places = [
            (
                (point.x - region.x0) / region.width * width,
                (point.y - region.y0) / region.height * height,
            )
            for point in mark.points
        ]
        if mark.kind == "box":
            pen.rectangle([*places[0], *places[1]], outline=INK, width=stroke)
        elif mark.kind == "line":
            pen.line([*places[0], *places[1]], fill=INK, width=stroke)
        else:
            (x, y), radius = places[0], 2 * stroke
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=INK, width=stroke)
        _write_number(image, mark.number, places[0], stroke)
    return np.array(image)


def darken(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture in which all is dark but what a mask of the whole of it names.

    Args:
        picture: uint8 (H, W, 3).
        mask: bool, of any size.
    """
    bright = Image.fromarray(mask.astype(np.uint8) * 255)
    size = (picture.shape[1], picture.shape[0])
    weight = np.asarray(bright.resize(size, Image.Resampling.BOX), dtype=np.float32) / 255
    return np.rint(picture * (DIMMED + (1.0 - DIMMED) * weight[..., None])).astype(np.uint8)


def _write_number(image: Image.Image, number: int, place: tuple[float, float], scale: int) -> None:
    """A number on a plate to the upper left of a place, where that lies in the picture."""
    x, y = place
    if not (0 <= x < image.width and 0 <= y < image.height):
        return
    digits = np.concatenate([np.pad(glyph(d), ((1, 1), (1, 0))) for d in str(number)], axis=1)
    bits = np.kron(np.pad(digits, ((0, 0), (0, 1))), np.ones((scale, scale), dtype=np.uint8))
    plate = np.where(bits[..., None] > 0, (255, 255, 255), INK).astype(np.uint8)
    left = min(max(0, round(x) - plate.shape[1] - 2 * scale), image.width - plate.shape[1])
    top = min(max(0, round(y) - plate.shape[0] - 2 * scale), image.height - plate.shape[0])
    image.paste(Image.fromarray(plate), (max(0, left), max(0, top)))
