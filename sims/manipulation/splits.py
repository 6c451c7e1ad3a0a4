"""What training meets and what it never meets: held-out looks, words and motions.

An episode of a held-out split differs from training in one respect, its `Variation.kind`. The
ranges and lists of training and of the held-out kinds are disjoint, and the tests compare them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sims.manipulation.cameras import WRIST
from sims.manipulation.config import SPLITS
from sims.manipulation.scene import Camera, Color, Lighting, Vector

KINDS: dict[str, tuple[str, ...]] = {
    "train": ("",),
    "vision": ("texture", "light", "camera"),
    "semantics": ("words", "color", "pair", "shape"),
    "execution": ("arm", "places", "dynamics"),
}
"""Split -> in which respects its episodes can differ from training's."""

Spans = tuple[tuple[float, float], ...]
"""Intervals, disjoint, from which a number is drawn."""

RANGES: dict[str, Spans] = {
    "light_azimuth": ((-0.6, 0.6),),
    "light_diffuse": ((0.55, 0.65),),
    "camera_azimuth": ((-0.03, 0.03),),
    "camera_height": ((0.63, 0.67),),
    "arm_x": ((0.29, 0.34),),
    "arm_y": ((-0.06, 0.06),),
    "arm_z": ((0.24, 0.29),),
    "arm_yaw": ((-0.2, 0.2),),
    "friction": ((0.5, 0.7),),
    "mass": ((0.05, 0.08),),
    "damping": ((3.0, 5.0),),
    "cabinet_y": ((-0.04, 0.04),),
}
"""What training draws from: angles in radians, lengths in metres, masses in kilograms."""
HELD_OUT_RANGES: dict[str, dict[str, Spans]] = {
    "light": {
        "light_azimuth": ((1.6, 2.6), (-2.6, -1.6)),
        "light_diffuse": ((0.30, 0.45), (0.75, 0.9)),
    },
    "camera": {
        "camera_azimuth": ((0.15, 0.3), (-0.3, -0.15)),
        "camera_height": ((0.52, 0.58), (0.72, 0.78)),
    },
    "arm": {
        "arm_y": ((0.12, 0.2), (-0.2, -0.12)),
        "arm_z": ((0.32, 0.38),),
        "arm_yaw": ((0.4, 0.7), (-0.7, -0.4)),
    },
    "places": {"cabinet_y": ((0.06, 0.09), (-0.09, -0.06))},
    "dynamics": {
        "friction": ((0.3, 0.42), (0.78, 0.9)),
        "mass": ((0.12, 0.2),),
        "damping": ((8.0, 12.0),),
    },
}
"""Kind -> what it draws instead."""

TABLE_COLORS: tuple[Color, ...] = ((0.62, 0.60, 0.57), (0.70, 0.66, 0.58), (0.52, 0.53, 0.55))
HELD_OUT_TABLE_COLORS: tuple[Color, ...] = ((0.42, 0.47, 0.42), (0.80, 0.79, 0.76))
TABLE_TEXTURES = ("plain", "wood")
HELD_OUT_TABLE_TEXTURES = ("checker", "noise")
THING_TEXTURES = ("plain",)
HELD_OUT_THING_TEXTURES = ("stripes", "noise")

AREA = ((0.39, 0.59), (-0.19, 0.19))
"""Where training puts things: (x from, to), (y from, to) [m]."""
HELD_OUT_AREAS = (
    ((0.39, 0.59), (0.21, 0.25)),
    ((0.39, 0.59), (-0.25, -0.21)),
    ((0.61, 0.64), (-0.19, 0.19)),
)
"""Where the kind "places" puts what is asked for."""

CAMERA_DISTANCE = 0.66
"""From the front camera to the point it looks at, measured along the table [m]."""
CAMERA_TARGET: Vector = (0.44, 0.0, 0.05)
CAMERA_FOVY = 38.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a scene is shown.

    Attributes:
        lighting: its light.
        cameras: front and wrist.
        table_color, table_texture: of the table's top.
        thing_texture: of all that stands on it.
    """

    lighting: Lighting
    cameras: tuple[Camera, ...]
    table_color: Color
    table_texture: str
    thing_texture: str


@dataclass(frozen=True, kw_only=True)
class Variation:
    """In which respect an episode differs from training.

    Attributes:
        split: one of `SPLITS`.
        kind: one of the split's `KINDS`; "" for training.
    """

    split: str = "train"
    kind: str = ""

    def number(self, name: str, rng: np.random.Generator) -> float:
        """A number from a range of `RANGES`, or from the held-out one that replaces it."""
        spans = HELD_OUT_RANGES.get(self.kind, {}).get(name, RANGES[name])
        low, high = spans[int(rng.integers(len(spans)))]
        return float(rng.uniform(low, high))

    def place(self, rng: np.random.Generator, *, is_target: bool) -> tuple[float, float]:
        """Where something stands: (x, y) [m]. Only what is asked for is put into held-out areas."""
        areas = HELD_OUT_AREAS if is_target and self.kind == "places" else (AREA,)
        (x_low, x_high), (y_low, y_high) = areas[int(rng.integers(len(areas)))]
        return float(rng.uniform(x_low, x_high)), float(rng.uniform(y_low, y_high))

    def arm_start(self, rng: np.random.Generator) -> tuple[Vector, float]:
        """Where the hand is at first, pointing down: position [m] and yaw [rad]."""
        position = tuple(self.number(f"arm_{axis}", rng) for axis in "xyz")
        return (position[0], position[1], position[2]), self.number("arm_yaw", rng)

    def look(self, rng: np.random.Generator, front_fovy: float) -> Look:
        """Light, cameras (the front one with a field of view [degrees]) and surfaces."""
        textured = self.kind == "texture"
        colors = HELD_OUT_TABLE_COLORS if textured else TABLE_COLORS
        tables = HELD_OUT_TABLE_TEXTURES if textured else TABLE_TEXTURES
        things = HELD_OUT_THING_TEXTURES if textured else THING_TEXTURES
        return Look(
            lighting=self._lighting(rng),
            cameras=(self._front_camera(rng, front_fovy), WRIST),
            table_color=colors[int(rng.integers(len(colors)))],
            table_texture=tables[int(rng.integers(len(tables)))],
            thing_texture=things[int(rng.integers(len(things)))],
        )

    def _lighting(self, rng: np.random.Generator) -> Lighting:
        """Azimuth 0 shines from behind the camera towards the arm."""
        azimuth = self.number("light_azimuth", rng)
        along, across = -0.5 * math.cos(azimuth), 0.5 * math.sin(azimuth)
        diffuse = self.number("light_diffuse", rng)
        return Lighting(direction=(along, across, -1.0), diffuse=diffuse)

    def _front_camera(self, rng: np.random.Generator, fovy: float) -> Camera:
        azimuth = self.number("camera_azimuth", rng)
        x = CAMERA_TARGET[0] + CAMERA_DISTANCE * math.cos(azimuth)
        y = CAMERA_TARGET[1] + CAMERA_DISTANCE * math.sin(azimuth)
        height = self.number("camera_height", rng)
        return Camera(name="front", position=(x, y, height), target=CAMERA_TARGET, fovy=fovy)


def draw_variation(split: str, rng: np.random.Generator) -> Variation:
    """A respect in which an episode of a split differs from training.

    Args:
        split: one of `SPLITS`.
        rng: the episode's generator.

    Raises:
        ValueError: for an unknown split.
    """
    if split not in KINDS:
        raise ValueError(f"env.config.split is {split!r}; legal: {', '.join(SPLITS)}")
    legal = KINDS[split]
    return Variation(split=split, kind=legal[int(rng.integers(len(legal)))])


def is_held_out_pair(first: int, second: int) -> bool:
    """Whether training never asks for two things together, such as a block's and a mark's colour.

    Args:
        first, second: their indices in the lists of what training knows. One pair in five is held
            out; every entry is met in training beside others.
    """
    return (first + 2 * second) % 5 == 0


def draw_pair(
    variation: Variation, rng: np.random.Generator, num_first: int, num_second: int, *, alike: bool
) -> tuple[int, int]:
    """Two indices whose pair is held out for the kind "pair", and else one of training's.

    Args:
        variation: the episode's.
        rng: the episode's generator.
        num_first, num_second: lengths of the two lists.
        alike: whether both may be the same index.
    """
    pairs = [
        (first, second)
        for first in range(num_first)
        for second in range(num_second)
        if (alike or first != second)
        and is_held_out_pair(first, second) == (variation.kind == "pair")
    ]
    return pairs[int(rng.integers(len(pairs)))]
