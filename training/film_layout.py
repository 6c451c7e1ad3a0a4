"""How a frame of an episode's film is laid out: the picture on the left, words on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.drawing import (
    ACCENT,
    ACCENT_CARD,
    BACKGROUND,
    BAD,
    BAD_CARD,
    CARD,
    GOOD,
    GOOD_CARD,
    INK,
    LINE,
    MUTED,
    Canvas,
    Color,
)
from training.film_view import FilmView

WIDTH, HEIGHT = 960, 540
PICTURE_BOX = (24, 48, 472, 496)
LEFT, RIGHT, TOP, BOTTOM = 496, 936, 48, 496

TONES = {"good": (GOOD, GOOD_CARD), "bad": (BAD, BAD_CARD), "choice": (ACCENT, ACCENT_CARD)}
TONES |= {"plain": (MUTED, CARD)}
"""Colours of a badge's words and of what is behind them."""


def draw_view(view: FilmView) -> np.ndarray:
    """One frame, uint8 (540, 960, 3)."""
    canvas = Canvas(WIDTH, HEIGHT)
    _draw_header(canvas, view)
    _draw_pictures(canvas, view)
    y = canvas.paragraph((LEFT, TOP, RIGHT, TOP + 66), view.question, sizes=(19, 17, 15, 13))
    if view.said:
        y = canvas.paragraph((LEFT, y + 4, RIGHT, y + 38), view.said, sizes=(13, 12), color=MUTED)
    y = _draw_options(canvas, view, y + 12)
    _draw_reply(canvas, view, y + 8)
    _draw_footer(canvas, view)
    return canvas.array()


def draw_message(title: str, message: str) -> np.ndarray:
    """A frame with words only, for an episode that has no turns."""
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.line(24, 32, title, size=17, width=WIDTH - 48)
    canvas.card((24, TOP, RIGHT, BOTTOM))
    canvas.paragraph((48, 72, RIGHT - 24, BOTTOM - 24), message, sizes=(16, 14), color=MUTED)
    return canvas.array()


def _draw_header(canvas: Canvas, view: FilmView) -> None:
    canvas.line(24, 32, view.title, size=17, width=640)
    dots = min(view.num_turns, 12)
    canvas.line(
        RIGHT, 32, f"turn {view.turn + 1} of {view.num_turns}", size=14, color=MUTED, anchor="rs"
    )
    for index in range(dots):
        x = RIGHT - 104 - (dots - 1 - index) * 14
        here = index == min(view.turn, dots - 1)
        color = ACCENT if here else (MUTED if index < view.turn else LINE)
        canvas.draw.ellipse((x - 4, 23, x + 4, 31), fill=color)


def _draw_pictures(canvas: Canvas, view: FilmView) -> None:
    canvas.card(PICTURE_BOX, radius=6)
    left, top, right, bottom = PICTURE_BOX
    if not view.pictures:
        middle = ((left + right) / 2, (top + bottom) / 2)
        canvas.line(*middle, "no picture", color=MUTED, anchor="ms")
        return
    columns = int(np.ceil(np.sqrt(len(view.pictures))))
    rows = int(np.ceil(len(view.pictures) / columns))
    gap = 0 if columns == 1 else 4
    width, height = (right - left) // columns, (bottom - top) // rows
    for index, picture in enumerate(view.pictures):
        x, y = left + index % columns * width, top + index // columns * height
        place = canvas.picture(picture, (x, y, x + width - gap, y + height - gap))
        if index == 0:
            _draw_boxes(canvas, view.visible, place)


def _draw_boxes(
    canvas: Canvas, visible: Sequence[Mapping[str, Any]], place: tuple[int, int, float]
) -> None:
    """Thin boxes around what the simulator calls visible; names do not cover each other."""
    x, y, scale = place
    names: list[tuple[float, float, float]] = []
    for one in visible:
        if "box_xyxy" not in one:
            continue
        x0, y0, x1, y1 = (float(value) * scale for value in one["box_xyxy"])
        canvas.draw.rectangle((x + x0, y + y0, x + x1, y + y1), outline=ACCENT)
        width = min(150, canvas.length(str(one.get("name", "")), 11)) + 6
        left = max(PICTURE_BOX[0], min(x + x0, PICTURE_BOX[2] - width))
        baseline = max(y + y0 - 4, y + 12)
        while any(a < left + width and left < b and abs(c - baseline) < 15 for a, b, c in names):
            baseline -= 15
        names.append((left, left + width, baseline))
        canvas.card((left, baseline - 11, left + width, baseline + 3), BACKGROUND, radius=2)
        canvas.line(left + 3, baseline, str(one.get("name", "")), size=11, width=150)


def _option_colors(view: FilmView, letter: str) -> tuple[Color | None, Color, Color]:
    """Colours of an option's card (None for no card), letter and text."""
    chosen = letter == view.choice
    if view.answer is not None and letter == view.answer:
        return GOOD_CARD, GOOD, INK
    if chosen and view.ended and view.answer is not None:
        return BAD_CARD, BAD, INK
    if chosen:
        return ACCENT_CARD, ACCENT, INK
    return None, MUTED, MUTED if view.choice else INK


def _draw_options(canvas: Canvas, view: FilmView, top: float) -> float:
    """The lettered list, in two columns where it is long. Returns its lower edge."""
    if not view.options:
        return top
    columns = 1 if len(view.options) <= 12 else 2
    rows = -(-len(view.options) // columns)
    step = max(12, min(24, 216 // rows))
    size, width = min(14, step - 4), (RIGHT - LEFT) / columns
    for index, (letter, text) in enumerate(view.options.items()):
        x, y = LEFT + index // rows * width, top + index % rows * step
        card, letter_color, text_color = _option_colors(view, letter)
        if card:
            canvas.card((x - 6, y, x + width - 10, y + step - 2), fill=card, radius=5)
        baseline = y + step / 2 + size * 0.3
        canvas.line(x + 3, baseline, letter, size=size, color=letter_color, width=18)
        canvas.line(x + 24, baseline, text, size=size, color=text_color, width=width - 40)
        if letter == view.choice:
            canvas.card((x - 6, y, x - 3, y + step - 2), fill=letter_color, radius=1)
    return top + rows * step


def _draw_reply(canvas: Canvas, view: FilmView, top: float) -> None:
    """The card with the policy's reasoning, which takes the room that is left."""
    top = min(top, BOTTOM - 80)
    canvas.card((LEFT - 6, top, RIGHT, BOTTOM))
    box = (LEFT + 8, top + 28, RIGHT - 12, BOTTOM - 6)
    canvas.line(LEFT + 8, top + 20, "reasoning", size=12, color=MUTED)
    if view.reply is None:
        canvas.paragraph(box, "…", sizes=(16,), color=MUTED)
    else:
        canvas.paragraph(box, view.reply, sizes=(15, 14, 13, 12))


def _draw_footer(canvas: Canvas, view: FilmView) -> None:
    baseline, x = 523.0, 24.0
    x = _label(canvas, x, baseline, "reward", f"{view.reward:.2f}")
    if view.badge:
        words, (color, behind) = view.badge[0], TONES[view.badge[1]]
        width = canvas.length(words, 14) + 24
        canvas.card((x, 506, x + width, 530), fill=behind, radius=12)
        canvas.line(x + 12, baseline, words, size=14, color=color)
    x = LEFT
    for name, value in view.terms.items():
        if x < RIGHT - 120:
            x = _label(canvas, x, baseline, name.replace("_", " "), f"{value:.2f}")


def _label(canvas: Canvas, x: float, baseline: float, name: str, value: str) -> float:
    """A muted name and its value. Returns where the next one starts."""
    canvas.line(x, baseline, name, size=13, color=MUTED, width=110)
    x += min(110, canvas.length(name, 13)) + 6
    canvas.line(x, baseline, value, size=15)
    return x + canvas.length(value, 15) + 18
