"""A chart of a robot's progress, for films: how it went so far, with a line per stage."""

from __future__ import annotations

from collections.abc import Callable

from PIL import ImageDraw

from training.drawing import ACCENT, BACKGROUND, FINENESS, LINE, MUTED, Canvas
from training.film_frame import Box
from training.film_hand import Hand

TALLEST = 240
"""[pixels]"""
_LOWEST = 90


def draw_curve(canvas: Canvas, box: Box, hand: Hand) -> None:
    """The progress over the episode's turns, upwards, on a card in a box; nothing where the box is
    too low, or no progress is known.
    """
    left, top, right, bottom = box
    bottom = min(bottom, top + TALLEST)
    if not hand.stages or bottom - top < _LOWEST:
        return
    canvas.card((left, top, right, bottom))
    canvas.line(left + 14, top + 20, "progress so far", size=12, color=MUTED)
    chart = (left + 14, top + 34, right - 14, bottom - 14)
    for index, name in enumerate(hand.stages):
        y = chart[3] - (index + 1) / len(hand.stages) * (chart[3] - chart[1])
        canvas.draw.line((chart[0], y, chart[2], y), fill=LINE)
        canvas.line(chart[0], y + 14, name, size=11, color=MUTED)
    canvas.draw.line((chart[0], chart[3], chart[2], chart[3]), fill=LINE)
    spots = _spots(hand, chart)

    def paint(drawing: ImageDraw.ImageDraw, at: Callable[..., list[float]]) -> None:
        flat = at(*[number for spot in spots for number in spot])
        if len(spots) > 1:
            drawing.line(flat, fill=ACCENT, width=2 * FINENESS, joint="curve")
        for radius, color in ((5 * FINENESS, BACKGROUND), (4 * FINENESS, ACCENT)):
            x, y = flat[-2:]
            drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)

    canvas.smooth((chart[0] - 6, chart[1] - 6, chart[2] + 6, chart[3] + 6), paint)


def _spots(hand: Hand, chart: Box) -> list[tuple[float, float]]:
    """Where the curve's points are [pixels]."""
    left, top, right, bottom = chart
    step = (right - left) / max(1, hand.num_turns)
    return [
        (
            left + min(index, hand.num_turns) * step,
            bottom - min(1.0, max(0.0, one)) * (bottom - top),
        )
        for index, one in enumerate(hand.curve)
    ]
