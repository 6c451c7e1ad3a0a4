"""To which size a model family's processor scales a picture."""

from __future__ import annotations

import math

MAX_ASPECT = 200
"""The family's processors refuse pictures that are longer than this many times their width."""


def fitted_size(
    height: int, width: int, *, factor: int, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """Height and width, multiples of `factor`, within the bounds and as near to the picture's shape
    as that allows (Qwen2-VL, arXiv 2409.12191, section 2.1; `smart_resize` of its processor).

    Args:
        height, width: of the picture [px].
        factor: pixels per side of one token.
        min_pixels, max_pixels: the bounds on height x width.

    Raises:
        ValueError: where one side is more than `MAX_ASPECT` times the other.
    """
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise ValueError(
            f"picture of {height}x{width} px: no side may be over {MAX_ASPECT} times the other"
        )
    rounded = [round(side / factor) * factor for side in (height, width)]
    if rounded[0] * rounded[1] > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        fitted = [
            max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width)
        ]
    elif rounded[0] * rounded[1] < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        fitted = [math.ceil(side * grow / factor) * factor for side in (height, width)]
    else:
        fitted = rounded
    return fitted[0], fitted[1]
