"""CLEVR's words and numbers: shapes, sizes, colours, materials.

Values from the CLEVR generator's `properties.json` (Johnson et al., 2017,
facebookresearch/clevr-dataset-gen).
"""

from __future__ import annotations

COLORS: dict[str, tuple[int, int, int]] = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
"""Colour name -> RGB in 0..255."""

SHAPES = ("cube", "sphere", "cylinder")
SIZES: dict[str, float] = {"small": 0.35, "large": 0.7}
"""Size name -> radius of the sphere; cylinders share it, cubes are narrower (`CUBE_HALF_EDGE`)."""
CUBE_HALF_EDGE = 0.88
"""Half-edge of a cube over its size's radius. CLEVR uses 1/sqrt(2); ours are wider, so that a large
cube hides a small object whatever its yaw."""
MATERIALS = ("rubber", "metal")

ATTRIBUTE_VALUES: dict[str, tuple[str, ...]] = {
    "color": tuple(COLORS),
    "shape": SHAPES,
    "size": tuple(SIZES),
    "material": MATERIALS,
}
