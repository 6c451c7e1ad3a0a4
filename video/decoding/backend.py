"""What every decoder gives, and what it is told of a film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

Sink = Callable[[int, np.ndarray], None]
"""Takes a frame's number and its picture, uint8 (H, W, 3), RGB. Several threads may call it."""


class Backend(Protocol):
    """An open film. The caller sees to it that one thread at a time uses it.

    Attributes:
        num_bytes: about how much memory the open decoders take.
    """

    num_bytes: int

    def decode(self, indices: Sequence[int], sink: Sink) -> None:
        """Hand each of some frames to `sink` once, in any order.

        Args:
            indices: frame numbers, ascending, without repeats, all of them in the film.

        Raises:
            VideoError: where a frame cannot be had exactly.
        """
        ...

    def close(self) -> None:
        """Give files and decoders back. Twice does no harm."""
        ...


def fitting_size(height: int, width: int, size: tuple[int, int] | int | None) -> tuple[int, int]:
    """Height and width of the frames to give [px].

    Args:
        height, width: of the film.
        size: (height, width); or the most that the longer side may have, the shape being kept and
            nothing enlarged; or None for the film's own.
    """
    if size is None:
        return height, width
    if isinstance(size, tuple):
        return size
    share = min(1.0, size / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))
