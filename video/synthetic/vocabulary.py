"""Words of films: CLEVR's colours and shapes, and what the narrator says."""

from __future__ import annotations

from dataclasses import dataclass

from sims.avr.vocabulary import SHAPES as SHAPES

FILM_COLORS: dict[str, tuple[int, int, int]] = {
    "gray": (105, 105, 108),
    "red": (225, 30, 30),
    "blue": (40, 80, 235),
    "green": (25, 160, 45),
    "brown": (140, 80, 25),
    "purple": (160, 45, 215),
    "cyan": (30, 215, 220),
    "yellow": (255, 225, 30),
}
"""CLEVR's colour names -> RGB in 0..255, brighter than CLEVR's so that they can be told apart at a
few pixels and after compression.
"""
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor")
"""What the narrator may call the word of a chapter."""
PARTS = ("left", "middle", "right")
"""The thirds of the shelf, by place."""


@dataclass(frozen=True, kw_only=True, order=True)
class Item:
    """A thing that stands, is carried, or walks: a visitor.

    Attributes:
        color, shape: CLEVR's names.
    """

    color: str
    shape: str

    @property
    def name(self) -> str:
        """What questions call it, e.g. "blue cube"."""
        return f"{self.color} {self.shape}"


def clock(seconds: float) -> str:
    """A time as films' questions write it: M:SS below an hour, else H:MM:SS; cut to seconds."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
