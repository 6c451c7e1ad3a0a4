"""What is printed on labels: black signs on white that tell nothing once they are too small.

Every sign of a kind has the same amount of ink, with its centre of gravity in the middle of the
label: from afar all labels of a kind are the same grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from itertools import pairwise

import numpy as np
from PIL import Image

SIDE = 64
"""Of a label's texture [px]."""
CELL = 7
"""Of a letter's bitmap, in pixels of the texture."""
PAPER = 236.0
MEAN_INK = 0.15
"""Share of black of every label; a sign that covers more is printed in a lighter grey."""
DOTS_AREA = 0.16
"""Share of a label that its dots cover."""

LETTERS = {  # 7 rows of 5; none that options go by
    "E": "11111100001000011110100001000011111",
    "F": "11111100001000011110100001000010000",
    "H": "10001100011000111111100011000110001",
    "K": "10001100101010011000101001001010001",
    "M": "10001110111010110101100011000110001",
    "N": "10001110011100110101100111001110001",
    "P": "11110100011000111110100001000010000",
    "R": "11110100011000111110101001001010001",
    "S": "01111100001000001110000010000111110",
    "U": "10001100011000110001100011000101110",
    "X": "10001100010101000100010101000110001",
    "Z": "11111000010001000100010001000011111",
}
DOTS = ("3", "4", "5", "6")
"""Numbers of dots. They stand on a circle: one or two would show their place from afar."""
DOTS_RADIUS = 20
"""Of that circle [px]."""
DOT_COLORS = {
    "red": (205, 30, 30),
    "blue": (30, 60, 205),
    "green": (20, 130, 30),
    "yellow": (240, 215, 40),
}
PINWHEELS = (9.5, 19.0, 28.0)
"""Inner, middle and outer radius of the two pinwheels around the middle dot [px]."""
MIDDLE = 7.0
"""Radius of that dot [px]."""
BLADES = 4
"""How often each colour comes in a pinwheel."""
KINDS = ("letter", "dots", "color")


def symbols_of(kind: str) -> tuple[str, ...]:
    """What a label of this kind can show: letters, numbers of dots, or the colour of its middle
    dot.
    """
    return {"letter": tuple(LETTERS), "dots": DOTS, "color": tuple(DOT_COLORS)}[kind]


@lru_cache(maxsize=1)
def label_names() -> tuple[str, ...]:
    """Every label there is, as "kind-symbol", in a fixed order."""
    return tuple(f"{kind}-{symbol}" for kind in KINDS for symbol in symbols_of(kind))


@lru_cache(maxsize=64)
def label_picture(name: str) -> np.ndarray:
    """A label, uint8 (`SIDE`, `SIDE`, 3).

    Args:
        name: one of `label_names`.
    """
    kind, _, symbol = name.partition("-")
    if kind == "color":
        picture = _color_picture(symbol)
    else:
        ink = _letter_ink(symbol) if kind == "letter" else _dots_ink(symbol)
        ink = _centred(ink)
        level = PAPER * (1.0 - ink * (MEAN_INK / ink.mean()))
        picture = np.repeat(level[..., None], 3, axis=2)
    picture = picture.copy()
    picture[:2] = picture[-2:] = picture[:, :2] = picture[:, -2:] = 120.0
    return np.rint(picture).astype(np.uint8)


@lru_cache(maxsize=64)
def label_png(name: str) -> bytes:
    """The file of a label's texture."""
    buffer = BytesIO()
    Image.fromarray(label_picture(name)).save(buffer, "PNG")
    return buffer.getvalue()


def _letter_ink(symbol: str) -> np.ndarray:
    """Ink of a letter, float64 (`SIDE`, `SIDE`) in {0, 1}."""
    bits = np.array(list(LETTERS[symbol]), dtype=float).reshape(7, 5)
    return _framed(np.kron(bits, np.ones((CELL, CELL))))


def _dots_ink(symbol: str) -> np.ndarray:
    """Ink of dots, which are smaller the more there are: all numbers cover the same area."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    num = int(symbol)
    ink = np.zeros((SIDE, SIDE))
    for angle in np.arange(num) * 2 * np.pi / num - np.pi / 2:
        away = np.hypot(columns - DOTS_RADIUS * np.cos(angle), rows - DOTS_RADIUS * np.sin(angle))
        ink[away <= SIDE * np.sqrt(DOTS_AREA / np.pi / num)] = 1.0
    return ink


def _color_picture(symbol: str) -> np.ndarray:
    """A dot within two pinwheels of all colours. Each colour has the same area in all, and the same
    moment of inertia about the middle, so that blurred it lies as far out as the others; and each
    has the same all round.
    """
    names = list(DOT_COLORS)
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    away = np.hypot(columns, rows)
    phase = np.round(np.arctan2(rows, columns) / (2 * np.pi) * BLADES % 1.0, 9) % 1.0
    dot = away <= MIDDLE
    rings = [(away > low) & (away <= high) for low, high in pairwise(PINWHEELS)]
    picture = np.full((SIDE, SIDE, 3), PAPER)
    for ring, mine in zip(rings, _ring_shares(away, dot, rings), strict=True):
        shares = [mine if name == symbol else (1.0 - mine) / (len(names) - 1) for name in names]
        places = np.flatnonzero(ring)
        order = places[np.lexsort((away.flat[places].round(9), phase.flat[places]))]
        # Turned by a quarter the picture stays as it is: four pixels always go together.
        cuts = BLADES * np.rint(np.cumsum(shares) * (len(order) / BLADES)).astype(int)
        for name, start, end in zip(names, [0, *cuts[:-1]], cuts, strict=True):
            picture.reshape(-1, 3)[order[start:end]] = DOT_COLORS[name]
    picture[dot] = DOT_COLORS[symbol]
    return picture


def _ring_shares(away: np.ndarray, dot: np.ndarray, rings: Sequence[np.ndarray]) -> np.ndarray:
    """The shares of the two pinwheels that have the dot's own colour, (2,): so large that its area
    and its moment of inertia, with the dot, are those of each of the others.
    """
    num_others = len(DOT_COLORS) - 1
    powers = (np.ones_like(away), away**2)
    sums = np.array([[power[ring].sum() for ring in rings] for power in powers])
    mine = np.array([power[dot].sum() for power in powers])
    shares = np.linalg.solve(sums * (1 + 1 / num_others), sums.sum(axis=1) / num_others - mine)
    assert np.all((shares >= 0) & (shares <= 1)), "the radii leave room for every colour"
    return shares


def _framed(ink: np.ndarray) -> np.ndarray:
    """The ink in the middle of an empty label."""
    height, width = ink.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    return np.pad(ink, ((top, SIDE - height - top), (left, SIDE - width - left)))


def _centred(ink: np.ndarray) -> np.ndarray:
    """The ink, moved by whole pixels so that its centre of gravity is in the middle."""
    rows, columns = np.nonzero(ink)
    shift = np.rint((SIDE - 1) / 2 - np.array([rows.mean(), columns.mean()])).astype(int)
    return np.roll(ink, tuple(shift), axis=(0, 1))
