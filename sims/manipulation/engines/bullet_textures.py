"""Textures as this engine's renderer wants them."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from sims.manipulation.engines.mujoco_model import texture_files

NUM_TILES = 4
"""Along each side. Bullet's box shows a quarter of the picture's height and width on each face."""


@lru_cache(maxsize=8)
def texture_png(name: str) -> bytes:
    """A PNG file in shades of grey, which the renderer tints with a part's color.

    Args:
        name: of `scene.TEXTURES`, but for "plain".
    """
    tile = np.asarray(Image.open(BytesIO(texture_files()[f"{name}.png"])))
    buffer = BytesIO()
    Image.fromarray(np.tile(tile, (NUM_TILES, NUM_TILES, 1))).save(buffer, "PNG")
    return buffer.getvalue()
