"""The parts of a film's frame that show a robot: progress through the task's stages, the action in
numbers, facts, and what was predicted drawn onto the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PIL import ImageDraw

from training.belief_chart import TRACK
from training.drawing import ACCENT, BACKGROUND, FINENESS, GOOD, INK, LINE, MUTED, Canvas, Color
from training.film_frame import Box, Frame
from training.film_hand import Bar, Hand, Mark

PREDICTED: Color = (255, 92, 205)
RIGHT: Color = (70, 235, 245)
"""Both are drawn with a dark edge: things may have any colour."""
STAGES_HEIGHT, BARS_HEIGHT = 88, 96
_STEP = 23
"""Height of a line of facts [pixels]."""
_ROOM = 16
"""For the width of lines around their points [pixels]."""


def draw_hand(canvas: Canvas, frame: Frame, hand: Hand, top: int) -> int:
    """The cards about a robot, in the panel below the pictures or in the column. Returns the lower
    edge of what stands in the column.
    """
    column = (frame.left - 6, top, frame.right, frame.bottom)
    if frame.panel is None:
        top = _draw_panel(canvas, column, hand) + 10
        return draw_facts(canvas, (column[0], top, *column[2:]), hand)
    lower = _draw_panel(canvas, frame.panel, hand) + 10
    if hand.bars:
        return draw_facts(canvas, column, hand)
    draw_facts(canvas, (frame.panel[0], lower, *frame.panel[2:]), hand)
    return top


def _draw_panel(canvas: Canvas, box: Box, hand: Hand) -> int:
    """Progress and action, one below the other. Returns their lower edge."""
    left, top, right, _ = box
    if hand.stages:
        draw_stages(canvas, (left, top, right, top + STAGES_HEIGHT), hand)
        top += STAGES_HEIGHT + 10
    if hand.bars:
        draw_bars(canvas, (left, top, right, top + BARS_HEIGHT), hand)
        top += BARS_HEIGHT + 10
    return top - 10


def draw_stages(canvas: Canvas, box: Box, hand: Hand) -> None:
    """A bar in as many parts as there are stages, filled as far as the task is done, with a line at
    the best so far.
    """
    left, top, right, bottom = box
    canvas.card(box)
    canvas.line(left + 14, top + 22, "progress", size=12, color=MUTED)
    done = hand.progress >= 1.0
    words = f"{100 * hand.progress:.0f} %"
    canvas.line(right - 14, top + 24, words, size=16, color=GOOD if done else INK, anchor="rs")
    start, end, y = left + 14, right - 14, top + 36
    part = (end - start) / len(hand.stages)
    for index, name in enumerate(hand.stages):
        x0, x1 = start + index * part, start + (index + 1) * part - 4
        share = min(1.0, max(0.0, hand.progress * len(hand.stages) - index))
        canvas.card((x0, y, x1, y + 14), fill=TRACK, radius=4)
        if share * (x1 - x0) >= 2:
            fill = GOOD if share == 1.0 else ACCENT
            canvas.card((x0, y, x0 + share * (x1 - x0), y + 14), fill=fill, radius=4)
        here = name == hand.stage and not done
        color = INK if here else GOOD if share == 1.0 else MUTED
        canvas.line(x0, bottom - 16, name, size=14, color=color, width=x1 - x0)
    if hand.best > hand.progress:
        x = start + min(1.0, hand.best) * (end - start)
        canvas.draw.line((x, y - 3, x, y + 17), fill=INK)


def draw_bars(canvas: Canvas, box: Box, hand: Hand) -> None:
    """A cell per number of the action: its name, the number, and a bar from the middle."""
    left, top, right, _ = box
    canvas.card(box)
    words = "action"
    if hand.num_rows > 1:
        words += f", {hand.row + 1} of a chunk of {hand.num_rows}"
    canvas.line(left + 14, top + 20, words, size=12, color=MUTED)
    width = (right - left - 20) / len(hand.bars)
    for index, bar in enumerate(hand.bars):
        x = round(left + 14 + index * width)
        _draw_bar(canvas, (x, top + 26, round(x + width - 10), top + 90), bar)


def _draw_bar(canvas: Canvas, box: Box, bar: Bar) -> None:
    left, top, right, bottom = box
    canvas.line(left, top + 18, bar.name, size=13, color=MUTED)
    canvas.line(left, top + 40, f"{round(bar.value, 2) + 0.0:+.2f}", size=15)
    middle, y = (left + right) / 2, bottom - 12
    canvas.card((left, y, right, y + 7), fill=TRACK, radius=3)
    if math.isfinite(bar.value):
        end = middle + min(1.0, max(-1.0, bar.value / bar.limit)) * (right - left) / 2
        if abs(end - middle) >= 1:
            canvas.card((min(middle, end), y, max(middle, end), y + 7), fill=ACCENT, radius=0)
    canvas.draw.line((middle, y - 2, middle, y + 9), fill=MUTED)


def draw_facts(canvas: Canvas, box: Box, hand: Hand) -> int:
    """Names and values, below a legend where something is drawn onto the picture. Returns the lower
    edge.
    """
    left, top, right, bottom = box
    legend = _legend(hand.marks)
    columns = 2 if right - left > 500 else 1
    num_lines = -(-len(hand.facts) // columns) + bool(legend)
    if not num_lines:
        return top
    end = min(bottom, top + num_lines * _STEP + 16)
    canvas.card((left, top, right, end))
    baseline, x = top + _STEP, left + 14.0
    for color, words in legend:
        canvas.card((x, baseline - 8, x + 18, baseline - 3), fill=color, radius=2)
        canvas.line(x + 26, baseline, words, size=13)
        x += canvas.length(words, 13) + 48
    width = (right - left - 20) // columns
    rows = -(-len(hand.facts) // columns)
    for index, (name, value) in enumerate(hand.facts):
        x = left + 14 + index // rows * width
        y = baseline + (index % rows + bool(legend)) * _STEP
        canvas.line(x, y, name, size=13, color=MUTED, width=76)
        canvas.line(x + 82, y, value, size=14, width=width - 96)
    return end


def _legend(marks: Sequence[Mark]) -> list[tuple[Color, str]]:
    """Colours of what is drawn, and what they mean."""
    words = {(True, "path"): "the expert's path", (True, "box"): "what to grasp"}
    words |= {(False, "path"): "predicted path", (False, "box"): "predicted box"}
    kinds = dict.fromkeys((mark.is_right, mark.kind) for mark in marks)
    return [(RIGHT if kind[0] else PREDICTED, words[kind]) for kind in kinds]


def draw_marks(
    canvas: Canvas, marks: Sequence[Mark], place: tuple[float, float, float, float]
) -> None:
    """Boxes and paths on a picture; the right ones wider and below, so that both show where they
    agree.

    Args:
        canvas: with the picture.
        marks: what to draw.
        place: of the picture: left, top, width and height [pixels].
    """
    left, top, width, height = place
    ordered = sorted(marks, key=lambda mark: not mark.is_right)
    placed = [
        (mark, [(left + x * width, top + y * height) for x, y in mark.points]) for mark in ordered
    ]

    def paint(drawing: ImageDraw.ImageDraw, at: Callable[..., list[float]]) -> None:
        for mark, spots in placed:
            flat = at(*[number for spot in spots for number in spot])
            paint_mark = _paint_box if mark.kind == "box" else _paint_path
            paint_mark(drawing, flat, mark.is_right)

    if placed:
        columns, rows = zip(*[spot for _, spots in placed for spot in spots], strict=True)
        x0, y0 = max(left, min(columns) - _ROOM), max(top, min(rows) - _ROOM)
        x1, y1 = min(left + width, max(columns) + _ROOM), min(top + height, max(rows) + _ROOM)
        canvas.smooth((math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)), paint)


def _paint_box(drawing: ImageDraw.ImageDraw, flat: list[float], is_right: bool) -> None:
    wide = (5 if is_right else 3) * FINENESS
    x0, y0, x1, y1 = flat
    halo = (x0 - FINENESS, y0 - FINENESS, x1 + FINENESS, y1 + FINENESS)
    drawing.rectangle(halo, outline=BACKGROUND, width=wide + 2 * FINENESS)
    color = RIGHT if is_right else PREDICTED
    drawing.rectangle((x0, y0, x1, y1), outline=color, width=wide)


def _paint_path(drawing: ImageDraw.ImageDraw, flat: list[float], is_right: bool) -> None:
    """A line with a ring at its start, dots, and a large dot at its end."""
    wide, color = (6 if is_right else 3) * FINENESS, RIGHT if is_right else PREDICTED
    spots = list(zip(flat[::2], flat[1::2], strict=True))
    for extra, shade in ((2 * FINENESS, BACKGROUND), (0, color)):
        if len(spots) > 1:
            drawing.line(flat, fill=shade, width=wide + extra, joint="curve")
        for index, (x, y) in enumerate(spots):
            radius = (wide * (1.0 if 0 < index < len(spots) - 1 else 1.6) + extra) / 1.2
            drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)
    x, y = spots[0]
    radius = wide * 0.7
    drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=LINE)
