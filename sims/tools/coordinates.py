"""How places in pictures are written, and what they mean in the photograph: three conventions.

Inside the suite a place is in pixels of the photograph, whatever a policy writes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

CONVENTIONS = ("unit", "thousand", "pixels")
"""How places are written: from 0 to 1, from 0 to 1000 in whole numbers, or in pixels of the picture
that is pointed into; always from its upper left corner, x to the right and y down."""
SLACK = 0.01
"""Places up to this share of a picture's side beyond its edge count as on it."""
MIN_SIDE = 8.0
"""Of a box, in pixels of the photograph."""
MAX_RATIO = 10.0
"""Of a box's longer side to its shorter."""


class CoordinateError(ValueError):
    """A place that is none; the message says what is legal."""


class Point(NamedTuple):
    """A place in the photograph [px]."""

    x: float
    y: float


class Box(NamedTuple):
    """A part of the photograph [px], half-open."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Its width [px]."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Its height [px]."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Its area [px^2], 0 where it is empty."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def center(self) -> Point:
        """Its middle."""
        return Point((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def common(self, other: Box) -> Box:
        """What two boxes share; it may be empty, even inverted."""
        return Box(
            max(self.x0, other.x0),
            max(self.y0, other.y0),
            min(self.x1, other.x1),
            min(self.y1, other.y1),
        )

    def iou(self, other: Box) -> float:
        """Intersection over union, in [0, 1]; 0 where both are empty."""
        shared = self.common(other).area
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def share_in(self, other: Box) -> float:
        """How much of this box lies in the other, in [0, 1]; 0 where this one is empty."""
        return self.common(other).area / self.area if self.area > 0 else 0.0

    def grown(self, factor: float) -> Box:
        """A box `factor` times as wide and high about the same middle."""
        (x, y), width, height = self.center, self.width * factor / 2, self.height * factor / 2
        return Box(x - width, y - height, x + width, y + height)

    def moved_into(self, whole: Box) -> Box:
        """The box, made no larger than `whole` and moved to lie in it."""
        width, height = min(self.width, whole.width), min(self.height, whole.height)
        x0 = min(max(self.x0, whole.x0), whole.x1 - width)
        y0 = min(max(self.y0, whole.y0), whole.y1 - height)
        return Box(x0, y0, x0 + width, y0 + height)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A picture that can be pointed into.

    Attributes:
        region: the part of the photograph that it shows.
        size: of the picture, (width, height) [px].
        convention: one of `CONVENTIONS`.
        decimals: that places are written with where they go from 0 to 1.
    """

    region: Box
    size: tuple[int, int]
    convention: str
    decimals: int = 3

    @property
    def limits(self) -> tuple[float, float]:
        """The largest x and y."""
        if self.convention == "pixels":
            return float(self.size[0]), float(self.size[1])
        return (1.0, 1.0) if self.convention == "unit" else (1000.0, 1000.0)

    def read_point(self, values: Sequence[float]) -> Point:
        """The place that (x, y) stands for.

        Raises:
            CoordinateError: where it lies outside the picture or is no place at all.
        """
        shares = [self._share(value, axis) for value, axis in zip(values, "xy" * 2, strict=False)]
        return self._point(shares)

    def read_box(self, values: Sequence[float]) -> Box:
        """The part of the photograph that (x0, y0, x1, y1) stands for.

        Raises:
            CoordinateError: where it reaches beyond the picture, or is inverted, too small, too
                long for its width, or no box at all.
        """
        x0, y0, x1, y1 = values
        for low, high, axis in ((x0, x1, "x"), (y0, y1, "y")):
            if math.isfinite(low) and math.isfinite(high) and not low < high:
                raise CoordinateError(
                    f"{axis}0 is {write(low)} and {axis}1 is {write(high)}; {axis}0 must be less."
                )
        box = Box(*self.read_point((x0, y0)), *self.read_point((x1, y1)))
        shorter, longer = sorted((box.width, box.height))
        if shorter < MIN_SIDE:
            least = MIN_SIDE / self.region.width * self.limits[0]
            raise CoordinateError(
                f"The box is too small; each side must be {self.format(least, up=True)} or more."
            )
        if longer > MAX_RATIO * shorter:
            raise CoordinateError(
                f"The box is too narrow; a side may be {MAX_RATIO:g} times the other at most."
            )
        return box

    def write_point(self, point: Point) -> str:
        """A place as it is written here, "(0.100, 0.250)"."""
        x, y = self._written(point)
        return f"({self.format(x)}, {self.format(y)})"

    def write_box(self, box: Box) -> str:
        """A box as it is written here, "(0.100, 0.250, 0.300, 0.500)"."""
        low, high = self._written(Point(box.x0, box.y0)), self._written(Point(box.x1, box.y1))
        return f"({', '.join(self.format(value) for value in (*low, *high))})"

    def format(self, value: float, *, up: bool = False) -> str:
        """A number as it is written here: with decimals from 0 to 1, else a whole number."""
        decimals = self.decimals if self.convention == "unit" else 0
        step = 10.0**decimals
        rounded = (math.ceil(value * step - 1e-9) if up else round(value * step)) / step
        return f"{rounded:.{decimals}f}"

    def _written(self, point: Point) -> tuple[float, float]:
        region, (width, height) = self.region, self.limits
        return (
            (point.x - region.x0) / region.width * width,
            (point.y - region.y0) / region.height * height,
        )

    def _point(self, shares: Sequence[float]) -> Point:
        region = self.region
        return Point(region.x0 + shares[0] * region.width, region.y0 + shares[1] * region.height)

    def _share(self, value: float, axis: str) -> float:
        """A coordinate as a share of the picture's side, in [0, 1]."""
        limit = self.limits["xy".index(axis)]
        if not math.isfinite(value):
            raise CoordinateError(f"{axis} must be a number from 0 to {limit:g}.")
        share = value / limit
        if not -SLACK <= share <= 1.0 + SLACK:
            raise CoordinateError(
                f"{axis} is {write(value)}, which is outside the picture: "
                f"it goes from 0 to {limit:g}."
            )
        return min(max(share, 0.0), 1.0)


def write(value: float) -> str:
    """A number that somebody wrote, in few characters."""
    return f"{value:.4g}"
