"""Sizes, cut-outs and time stamps of pictures, and a sheet of them for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from sims.glyphs import glyph

STAMP_HEIGHT = 120
"""Time stamps grow by whole factors with the height of the picture, from this height [px]."""


def fit_size(height: int, width: int, max_height: int, max_width: int) -> tuple[int, int]:
    """A picture's size (height, width) [px], scaled down to fit, its aspect ratio kept, cut to
    whole pixels.

    FrameThinker's rule, but in whole numbers: its released code loses a row of 1280 x 720 to
    rounding (448 x 251 for 448 x 252).
    """
    if height <= max_height and width <= max_width:
        return height, width
    if max_width * height <= max_height * width:
        return max(1, height * max_width // width), max_width
    return max_height, max(1, width * max_height // height)


def cut_out(
    picture: np.ndarray,
    box_xyxy_norm: tuple[float, float, float, float],
    *,
    max_height: int,
    max_width: int,
) -> np.ndarray:
    """A part of a picture, scaled up or down as far as fits.

    Args:
        picture: uint8 (H, W, 3).
        box_xyxy_norm: (x0, y0, x1, y1) in [0, 1]; widened to whole pixels.
        max_height, max_width: largest size of what comes back [px].

    Returns:
        uint8 (h, w, 3), h <= max_height and w <= max_width.
    """
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box_xyxy_norm
    left, top = min(int(x0 * width), width - 1), min(int(y0 * height), height - 1)
    right, bottom = max(left + 1, math.ceil(x1 * width)), max(top + 1, math.ceil(y1 * height))
    part = picture[top:bottom, left:right]
    scale = min(max_height / part.shape[0], max_width / part.shape[1])
    return resize(part, max(1, int(part.shape[0] * scale)), max(1, int(part.shape[1] * scale)))


def resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture at another size, uint8 (height, width, 3), by bicubic interpolation."""
    if picture.shape[:2] == (height, width):
        return picture.copy()
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)).copy()


def draw_stamp(picture: np.ndarray, text: str) -> None:
    """Draw a time into the lower left corner, white on black, in place.

    Args:
        picture: uint8 (H, W, 3).
        text: of digits, colons and points; what does not fit is cut off.
    """
    scale = max(1, round(picture.shape[0] / STAMP_HEIGHT))
    glyphs = [glyph(sign) for sign in text]
    narrow = np.hstack([np.pad(glyph, ((1, 1), (1, 0))) for glyph in glyphs])
    dot = np.ones((scale, scale), dtype=np.uint8)
    plate = np.kron(np.pad(narrow, ((0, 0), (0, 1))), dot).astype(np.uint8)
    plate = plate[-picture.shape[0] :, : picture.shape[1]]
    picture[-plate.shape[0] :, : plate.shape[1]] = 255 * plate[..., None]


def make_sheet(pictures: Sequence[np.ndarray], columns: int | None = None) -> np.ndarray:
    """Pictures side by side in rows of so many, uint8 (H, W, 3); None for as square a sheet as may
    be. A single row is as wide as its pictures.
    """
    columns = min(columns or math.ceil(math.sqrt(len(pictures))), len(pictures))
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    sheet = np.zeros((math.ceil(len(pictures) / columns) * height, columns * width, 3), np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
