"""The few signs that are drawn into pictures by hand: digits, and what times are written with."""

from __future__ import annotations

import numpy as np

ROWS, COLUMNS = 5, 3
SIGNS = {  # row by row
    "0": "111101101101111",
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
    "5": "111100111001111",
    "6": "111100111101111",
    "7": "111001010010010",
    "8": "111101111101111",
    "9": "111101111001111",
    ":": "000010000010000",
    ".": "000000000000010",
}
"""Sign -> its pixels, 1 where it is drawn."""


def glyph(sign: str) -> np.ndarray:
    """A sign, uint8 (5, 3) of 0 and 1. Raises `KeyError` for any but those of `SIGNS`."""
    return np.array(list(SIGNS[sign]), dtype=np.uint8).reshape(ROWS, COLUMNS)
