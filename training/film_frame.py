"""Where things stand in a frame of a film, and what colours its options have."""

from __future__ import annotations

from dataclasses import dataclass

from training.drawing import (
    ACCENT,
    ACCENT_CARD,
    BAD,
    BAD_CARD,
    GOOD,
    GOOD_CARD,
    INK,
    MUTED,
    Color,
)
from training.film_view import FilmView

Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where things stand in a frame [pixels].

    Attributes:
        width, height: of the frame, both even.
        picture: the box of the picture.
        left, right, top, bottom: edges of the column of words.
        question_sizes: of the font, the first that fits is taken.
        panel: the box of a robot's progress and action; None where they stand in the column.
    """

    width: int
    height: int
    picture: Box
    left: int
    right: int
    top: int
    bottom: int
    question_sizes: tuple[float, ...]
    panel: Box | None = None


PLAIN = Frame(
    width=960,
    height=540,
    picture=(24, 48, 472, 496),
    left=496,
    right=936,
    top=48,
    bottom=496,
    question_sizes=(19, 17, 15, 13),
)
WITH_BELIEF = Frame(
    width=1280,
    height=720,
    picture=(24, 52, 648, 676),
    left=678,
    right=1256,
    top=52,
    bottom=676,
    question_sizes=(22, 20, 17, 15),
)
WITH_TWO_PICTURES = Frame(
    width=1280,
    height=720,
    picture=(24, 52, 860, 464),
    left=890,
    right=1256,
    top=52,
    bottom=676,
    question_sizes=(22, 20, 17, 15),
    panel=(24, 478, 860, 676),
)
"""Of a robot, side by side."""


def frame_of(view: FilmView) -> Frame:
    """The frame that a view is drawn into."""
    if view.hand is not None and len(view.pictures) > 1:
        return WITH_TWO_PICTURES
    return PLAIN if view.hand is None and view.belief is None else WITH_BELIEF


def option_colors(view: FilmView, letter: str) -> tuple[Color | None, Color, Color]:
    """Colours of an option's card (None for no card), letter and text."""
    chosen = letter == view.choice
    if view.answer is not None and letter == view.answer:
        return GOOD_CARD, GOOD, INK
    if chosen and view.ended and view.answer is not None:
        return BAD_CARD, BAD, INK
    if chosen:
        return ACCENT_CARD, ACCENT, INK
    return None, MUTED, MUTED if view.choice else INK
