"""How a frame of an episode's film is laid out: the picture on the left, words on the right.

Where the truth tells of a belief, the frame is larger, and every answer has a bar of its own. A
robot's frame shows its progress, its action and what was predicted.
"""

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
    LINE,
    MUTED,
    Canvas,
)
from training.film_belief import draw_actions, draw_belief
from training.film_frame import PLAIN, Frame, frame_of, option_colors
from training.film_hand_curve import draw_curve
from training.film_hand_layout import draw_hand, draw_marks
from training.film_view import FilmView

TONES = {"good": (GOOD, GOOD_CARD), "bad": (BAD, BAD_CARD), "choice": (ACCENT, ACCENT_CARD)}
TONES |= {"plain": (MUTED, CARD)}
"""Colours of a badge's words and of what is behind them."""


def draw_view(view: FilmView) -> np.ndarray:
    """One frame, uint8 (540, 960, 3), or (720, 1280, 3) for a belief or a robot."""
    frame = frame_of(view)
    canvas = Canvas(frame.width, frame.height)
    _draw_header(canvas, frame, view)
    _draw_pictures(canvas, frame, view)
    y = canvas.paragraph(
        (frame.left, frame.top, frame.right, frame.top + 66),
        view.question,
        sizes=frame.question_sizes,
    )
    if view.said:
        box = (frame.left, y + 4, frame.right, y + 38)
        y = canvas.paragraph(box, view.said, sizes=(13, 12), color=MUTED)
    if view.hand is not None:
        y = draw_hand(canvas, frame, view.hand, round(y) + 12)
    elif view.belief is None:
        y = _draw_options(canvas, frame, view, y + 12)
    else:
        y = draw_belief(canvas, frame, view, view.belief, round(y) + 12)
        y = draw_actions(canvas, frame, view, view.belief, y + 10)
    if view.hand is not None and view.hand.bars:
        draw_curve(canvas, (frame.left - 6, round(y) + 10, frame.right, frame.bottom), view.hand)
    else:
        _draw_reply(canvas, frame, view, y + 8)
    _draw_footer(canvas, frame, view)
    return canvas.array()


def draw_message(title: str, message: str) -> np.ndarray:
    """A frame with words only, for an episode that has no turns."""
    frame = PLAIN
    canvas = Canvas(frame.width, frame.height)
    canvas.line(24, 32, title, size=17, width=frame.width - 48)
    canvas.card((24, frame.top, frame.right, frame.bottom))
    box = (48, 72, frame.right - 24, frame.bottom - 24)
    canvas.paragraph(box, message, sizes=(16, 14), color=MUTED)
    return canvas.array()


def _draw_header(canvas: Canvas, frame: Frame, view: FilmView) -> None:
    canvas.line(24, 32, view.title, size=17, width=640)
    dots = min(view.num_turns, 12)
    here = view.turn * dots // view.num_turns
    canvas.line(
        frame.right,
        32,
        f"turn {view.turn + 1} of {view.num_turns}",
        size=14,
        color=MUTED,
        anchor="rs",
    )
    for index in range(dots):
        x = frame.right - 104 - (dots - 1 - index) * 14
        color = ACCENT if index == here else (MUTED if index < here else LINE)
        canvas.draw.ellipse((x - 4, 23, x + 4, 31), fill=color)


def _draw_pictures(canvas: Canvas, frame: Frame, view: FilmView) -> None:
    canvas.card(frame.picture, radius=6)
    left, top, right, bottom = frame.picture
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
            _draw_boxes(canvas, frame, view.visible, place)
        if view.hand is not None and index == view.hand.marked_picture:
            shape = picture.shape[1] * place[2], picture.shape[0] * place[2]
            draw_marks(canvas, view.hand.marks, (place[0], place[1], *shape))


def _draw_boxes(
    canvas: Canvas,
    frame: Frame,
    visible: Sequence[Mapping[str, Any]],
    place: tuple[int, int, float],
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
        left = max(frame.picture[0], min(x + x0, frame.picture[2] - width))
        baseline = max(y + y0 - 4, y + 12)
        while any(a < left + width and left < b and abs(c - baseline) < 15 for a, b, c in names):
            baseline -= 15
        names.append((left, left + width, baseline))
        canvas.card((left, baseline - 11, left + width, baseline + 3), BACKGROUND, radius=2)
        canvas.line(left + 3, baseline, str(one.get("name", "")), size=11, width=150)


def _draw_options(canvas: Canvas, frame: Frame, view: FilmView, top: float) -> float:
    """The lettered list, in two columns where it is long. Returns its lower edge."""
    if not view.options:
        return top
    columns = 1 if len(view.options) <= 12 else 2
    rows = -(-len(view.options) // columns)
    step = max(12, min(24, 216 // rows))
    size, width = min(14, step - 4), (frame.right - frame.left) / columns
    for index, (letter, text) in enumerate(view.options.items()):
        x, y = frame.left + index // rows * width, top + index % rows * step
        card, letter_color, text_color = option_colors(view, letter)
        if card:
            canvas.card((x - 6, y, x + width - 10, y + step - 2), fill=card, radius=5)
        baseline = y + step / 2 + size * 0.3
        canvas.line(x + 3, baseline, letter, size=size, color=letter_color, width=18)
        canvas.line(x + 24, baseline, text, size=size, color=text_color, width=width - 40)
        if letter == view.choice:
            canvas.card((x - 6, y, x - 3, y + step - 2), fill=letter_color, radius=1)
    return top + rows * step


def _draw_reply(canvas: Canvas, frame: Frame, view: FilmView, top: float) -> None:
    """The card with the policy's reasoning, which takes the room that is left."""
    left, right, bottom = frame.left, frame.right, frame.bottom
    top = min(top, bottom - 80)
    canvas.card((left - 6, top, right, bottom))
    box = (left + 8, top + 28, right - 12, bottom - 6)
    canvas.line(left + 8, top + 20, "reasoning", size=12, color=MUTED)
    if view.reply is None:
        canvas.paragraph(box, "…", sizes=(16,), color=MUTED)
    else:
        canvas.paragraph(box, view.reply, sizes=(15, 14, 13, 12))


def _draw_footer(canvas: Canvas, frame: Frame, view: FilmView) -> None:
    top = (frame.bottom + frame.height) // 2 - 12
    baseline, x = top + 17.0, 24.0
    x = _label(canvas, x, baseline, "reward", f"{view.reward:.2f}")
    if view.badge:
        words, (color, behind) = view.badge[0], TONES[view.badge[1]]
        width = canvas.length(words, 14) + 24
        canvas.card((x, top, x + width, top + 24), fill=behind, radius=12)
        canvas.line(x + 12, baseline, words, size=14, color=color)
    x = frame.left
    for name, value in view.terms.items():
        if x < frame.right - 120:
            x = _label(canvas, x, baseline, name.replace("_", " "), f"{value:.2f}")


def _label(canvas: Canvas, x: float, baseline: float, name: str, value: str) -> float:
    """A muted name and its value. Returns where the next one starts."""
    canvas.line(x, baseline, name, size=13, color=MUTED, width=110)
    x += min(110, canvas.length(name, 13)) + 6
    canvas.line(x, baseline, value, size=15)
    return x + canvas.length(value, 15) + 18
