"""Turns pictures as the file's display matrix asks, as ffmpeg does by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ONE = 1 << 16
"""1 in the 16.16 fixed point numbers of a display matrix."""
MAX_TILT_DEGREES = 1.0


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is done to a stored picture to show it upright, in this order.

    Attributes:
        transpose: exchange rows and columns.
        flip_rows: turn upside down.
        flip_columns: mirror left and right.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after turning, or before it, of a picture of the other kind."""
        return (width, height) if self.transpose else (height, width)

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """The picture (H, W, 3) turned: a view."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        if self.flip_rows:
            picture = picture[::-1]
        return picture[:, ::-1] if self.flip_columns else picture


def turn_from_matrix(matrix: bytes | None) -> Turn | None:
    """What a display matrix asks for; None where it turns by other than right angles.

    Args:
        matrix: nine native-endian int32 [a b u; c d v; x y w] that map a stored point (p, q) to
            (a p + c q + x, b p + d q + y), with p and q counted rightwards and downwards. None for
            a film that has none.
    """
    if matrix is None:
        return Turn()
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32, 9).astype(float) / ONE
    tilt = math.tan(math.radians(MAX_TILT_DEGREES))
    if a and d and max(abs(b), abs(c)) <= tilt * min(abs(a), abs(d)):
        return Turn(flip_rows=d < 0, flip_columns=a < 0)
    if b and c and max(abs(a), abs(d)) <= tilt * min(abs(b), abs(c)):
        return Turn(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
    return None if any((a, b, c, d)) else Turn()
