"""Number marks: small discs drawn into a picture, so that options can name what they mean.

Marks are dealt at random, so a number says nothing about what it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from sims.avr.sight import Sight
from sims.avr.world import World
from sims.glyphs import glyph

MAX_MARK = 30
"""More than any world has handles."""
MIN_PIXELS = 30
"""A body that shows fewer pixels is not marked (times the square of the marks' size)."""
REFERENCE_HEIGHT = 168
"""Marks grow by whole factors with the height of the picture, from this height [px]."""
SPOTS_PER_SIDE = 7
"""A mark may sit at any crossing of a grid of this many lines over its body's box."""
CENTRING = 0.5
"""Pixels of cover that one pixel nearer to the middle of the body is worth."""
_STEPS = np.arange(float(SPOTS_PER_SIDE))


def deal_marks(names: Sequence[str], rng: np.random.Generator) -> dict[str, int]:
    """Different numbers from 1 to `MAX_MARK`, at random: how many there are does not show."""
    numbers = rng.permutation(MAX_MARK)[: len(names)] + 1
    return {name: int(number) for name, number in zip(names, numbers, strict=True)}


def draw_marks(picture: np.ndarray, marks: Mapping[str, int], sight: Sight, world: World) -> None:
    """Draw the mark of every body in view onto the body itself, in place.

    A mark sits where it covers as little as can be of small things, and of bodies not its own.

    Args:
        picture: uint8 (H, W, 3).
        marks: body name -> number.
        sight: says where in the picture the bodies are.
        world: knows their ids.
    """
    scale = _scale(picture)
    is_small = np.zeros(world.model.nbody, dtype=bool)
    is_small[[world.model.body(n).id for n, thing in world.contents.items() if thing]] = True
    for name, number in marks.items():
        if shows_mark(name, sight):
            plate = _plate(number, scale)
            body = world.model.body(name).id
            top, left = _choose_spot(sight, name, plate.shape[:2], body, is_small)
            picture[top : top + plate.shape[0], left : left + plate.shape[1]] = plate


def shows_mark(name: str, sight: Sight) -> bool:
    """Whether a body shows enough of itself to carry a mark."""
    return sight.pixels.get(name, 0) >= MIN_PIXELS * _scale(sight.picture) ** 2


def _scale(picture: np.ndarray) -> int:
    """The size of a mark's dots [px]."""
    return max(1, round(picture.shape[0] / REFERENCE_HEIGHT))


def _choose_spot(
    sight: Sight, name: str, size: tuple[int, int], body: int, is_small: np.ndarray
) -> tuple[int, int]:
    """The top left pixel of the best spot for a plate of this size, among a grid over the body's
    visible box.

    Args:
        sight: where the body is.
        name: the body's.
        size: of the plate, (height, width) [px].
        body: its id.
        is_small: for every id, whether that body is a small thing.
    """
    x0, y0, x1, y1 = sight.boxes[name]
    height, width = sight.body_ids.shape
    rows, tops = _spots(y0, y1 - 1, size[0], height)
    columns, lefts = _spots(x0, x1 - 1, size[1], width)
    first, start = int(tops[0]), int(lefts[0])
    ids = sight.body_ids[first : int(tops[-1]) + size[0], start : int(lefts[-1]) + size[1]]
    own, small = ids == body, is_small[ids]
    covered = _sums(4 * small.astype(np.int32) - own, tops - first, lefts - start, size)
    away = np.hypot(rows - (y0 + y1 - 1) / 2, (columns - (x0 + x1 - 1) / 2)[:, None])
    best = int(np.argmin(covered.T + CENTRING * away))
    column, row = divmod(best, SPOTS_PER_SIDE)
    return int(tops[row]), int(lefts[column])


def _spots(low: int, high: int, length: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Middles of plates spread from `low` to `high`, and where plates of that length start so that
    they end before `limit`: float and int64 (`SPOTS_PER_SIDE`,) [px].
    """
    middles = _STEPS * ((high - low) / (SPOTS_PER_SIDE - 1)) + low
    middles[-1] = high
    starts = np.rint(middles).astype(int) - length // 2
    return middles, np.minimum(np.maximum(starts, 0), limit - length)


def _sums(
    costs: np.ndarray, tops: np.ndarray, lefts: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Sums over rectangles of one size, one for each top and left, (len(tops), len(lefts))."""
    integral = np.zeros((costs.shape[0] + 1, costs.shape[1] + 1), dtype=np.int64)
    costs.cumsum(axis=0).cumsum(axis=1, out=integral[1:, 1:])
    upper, lower = integral[tops], integral[tops + size[0]]
    bands = lower - upper
    return bands[:, lefts + size[1]] - bands[:, lefts]


@lru_cache(maxsize=256)
def _plate(number: int, scale: int) -> np.ndarray:
    """A number, dark on white with a dark rim, uint8 (7 s, (4 d + 3) s, 3) for d digits."""
    glyphs = [glyph(digit) for digit in str(number)]
    ink = np.zeros((7, 4 * len(glyphs) + 1), dtype=np.uint8)
    for index, digit in enumerate(glyphs):
        ink[1:6, 4 * index + 1 : 4 * index + 4] = digit
    level = np.where(np.kron(ink, np.ones((scale, scale), dtype=np.uint8)), 20, 250)
    plate = np.pad(level, 1, constant_values=20)
    return np.repeat(plate[..., None], 3, axis=2).astype(np.uint8)
