"""What the tools of a visual tool environment work on: the photograph, what has been shown of it,
and what has been drawn on it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sims.tools.config import LookConfig
from sims.tools.coordinates import Box, Frame, Point
from sims.tools.drawing import Mark, darken, draw_marks
from sims.tools.photograph import Photograph
from sims.tools.scenes import Scene
from sims.tools.tool import WHOLE, ToolError

SMALL_AREA, LARGE_AREA = 0.125, 0.5
"""Shares of the photograph's area up to which, and from which on, the rule "area" is constant."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture that has been shown.

    Attributes:
        region: the part of the photograph in it [px].
        size: (width, height) [px].
        spotlit: index of the item that alone is bright in it; -1 where nothing is dark.
    """

    region: Box
    size: tuple[int, int]
    spotlit: int = -1


@dataclass(kw_only=True)
class Desk:
    """An episode's pictures.

    Attributes:
        config: zoom rule, sizes, coordinates, noise.
        scene: what is photographed.
        photograph: gives its photograph.
        noise_seed: of the oracle tools' errors.
        shown: the pictures shown so far; number 1, the whole, is the first.
        marks: what has been drawn, in the order in which it was.
    """

    config: LookConfig
    scene: Scene
    photograph: Callable[[], Photograph]
    noise_seed: int
    shown: list[Shown] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shown.append(Shown(region=self.whole, size=self.config.small_size))

    @property
    def whole(self) -> Box:
        """All of the photograph [px]."""
        width, height = self.config.full_size
        return Box(0.0, 0.0, float(width), float(height))

    def frame(self, number: int) -> Frame:
        """The picture of that number. Raises `ToolError` where there is none."""
        if not WHOLE <= number <= len(self.shown):
            raise ToolError(
                f"There is no picture {number}; there are {WHOLE} to {len(self.shown)}.",
                "arguments",
            )
        picture = self.shown[number - 1]
        return Frame(
            region=picture.region,
            size=picture.size,
            convention=self.config.coordinates,
            decimals=2 if self.config.brief else 3,
        )

    def look(self, region: Box) -> np.ndarray:
        """Show a part of the photograph, as large as the zoom rule says; it gets a number."""
        region = region.moved_into(self.whole)
        self.shown.append(Shown(region=region, size=look_size(region, self.config)))
        return self.picture(len(self.shown))

    def look_again(self, *, spotlit: int = -1) -> np.ndarray:
        """Show the whole, small, with what has been drawn; it gets a number.

        Args:
            spotlit: index of the item beside which all is shown dark; -1 for none.
        """
        shown = Shown(region=self.whole, size=self.config.small_size, spotlit=spotlit)
        self.shown.append(shown)
        return self.picture(len(self.shown))

    def picture(self, number: int) -> np.ndarray:
        """A picture that has been shown, with all that has been drawn since, uint8 (H, W, 3)."""
        shown = self.shown[number - 1]
        photograph = self.photograph()
        picture = photograph.show(shown.region, shown.size)
        if shown.spotlit >= 0:
            picture = darken(picture, photograph.owners == shown.spotlit)
        return draw_marks(picture, shown.region, self.marks)

    def draw(self, kind: str, points: tuple[Point, ...], label: str) -> int:
        """Draw something, and say its number.

        Raises:
            ToolError: where nothing more may be drawn.
        """
        if len(self.marks) >= self.config.max_marks:
            raise ToolError(f"No more than {self.config.max_marks} things can be drawn.")
        self.marks.append(Mark(kind=kind, points=points, number=len(self.marks) + 1, label=label))
        return len(self.marks)

    def write_box(self, box: Box) -> str:
        """A box as it is written, in coordinates of the whole picture."""
        return self.frame(WHOLE).write_box(box)

    def write_point(self, point: Point) -> str:
        """A place as it is written, in coordinates of the whole picture."""
        return self.frame(WHOLE).write_point(point)

    def rng(self, *what: object) -> np.random.Generator:
        """A generator for the errors of a call: the same for the same call."""
        words = "|".join(map(str, what)).encode("utf-8", "replace")
        return np.random.default_rng([self.noise_seed, zlib.crc32(words)])


def look_size(region: Box, config: LookConfig) -> tuple[int, int]:
    """Width and height [px] in which the zoom rule shows a part of the photograph."""
    most_wide, most_high = config.look_size
    fit = min(most_wide / region.width, most_high / region.height)
    rules = {"fit": fit, "native": 1.0, "area": _area_factor(region, config)}
    scale = min(fit, rules[config.zoom_rule])
    return (
        min(most_wide, max(1, round(region.width * scale))),
        min(most_high, max(1, round(region.height * scale))),
    )


def _area_factor(region: Box, config: LookConfig) -> float:
    """VLM-R3 (arXiv 2505.16192): 2 for parts below an eighth of the area, 1 from a half on, linear
    between.
    """
    width, height = config.full_size
    share = region.area / (width * height)
    return 2.0 - min(max((share - SMALL_AREA) / (LARGE_AREA - SMALL_AREA), 0.0), 1.0)
