"""The part of a film's frame that shows the belief: answers as bars, and what actions may tell."""

from __future__ import annotations

from training.belief_chart import (
    TRACK,
    Belief,
    draw_bar,
    draw_entropy,
    draw_tick,
    share_words,
    shown_answers,
)
from training.drawing import ACCENT, BAD, GOOD, LINE, MUTED, Canvas
from training.film_frame import Box, Frame, option_colors
from training.film_view import FilmView

CURVE_WIDTH = 190
"""Of the part of the card that shows the entropy [pixels]."""
LONGEST_NAME = 140
"""An answer's words are cut to this width [pixels]."""


def draw_belief(canvas: Canvas, frame: Frame, view: FilmView, belief: Belief, top: int) -> float:
    """A card with a bar per answer and the entropy so far. Returns its lower edge."""
    left, right = frame.left - 6, frame.right
    answers = shown_answers(belief)
    step = max(18, min(40, 250 // len(answers), max(30, 120 // len(answers))))
    bottom = top + 44 + max(len(answers) * step, 120)
    canvas.card((left, top, right, bottom))
    legend = "" if belief.before is None else "; outlined: before the latest look"
    canvas.line(left + 14, top + 22, f"belief, by all that was seen{legend}", size=12, color=MUTED)
    split = right - CURVE_WIDTH
    names = max(canvas.length(answer, min(15, step - 4)) for answer in answers)
    start = round(left + 56 + min(names, LONGEST_NAME))
    for index, answer in enumerate(answers):
        y = top + 34 + index * step
        _draw_answer(canvas, view, belief, answer, (left, y, split, y + step), start)
    _draw_uncertainty(canvas, (split, top, right - 14, bottom), belief)
    return bottom


def _draw_answer(
    canvas: Canvas, view: FilmView, belief: Belief, answer: str, row: Box, start: int
) -> None:
    """An answer's row: letter, words, bar from `start`, share, and a tick if it is the true one."""
    left, top, right, bottom = row
    share, size = belief.shares[answer], min(15, bottom - top - 4)
    letter = next((key for key, text in view.options.items() if text == answer), "")
    card, letter_color, color = option_colors(view, letter)
    if letter and card:
        canvas.card((left + 6, top, right - 12, bottom - 2), fill=card, radius=5)
    elif share == 0:
        color = MUTED
    middle, half = (top + bottom) // 2 - 1, max(4, (bottom - top) // 2 - 8)
    baseline = middle + size * 0.35
    canvas.line(left + 16, baseline, letter, size=size, color=letter_color, width=18)
    canvas.line(left + 38, baseline, answer, size=size, color=color, width=LONGEST_NAME)
    draw_bar(canvas, (start, middle - half, right - 90, middle + half), belief, answer)
    canvas.line(right - 40, baseline, share_words(share), size=size, color=color, anchor="rs")
    if answer == belief.right:
        draw_tick(canvas, right - 26, middle)


def _draw_uncertainty(canvas: Canvas, box_xyxy: Box, belief: Belief) -> None:
    """The entropy in large figures, what the latest look changed it by, and its curve."""
    left, top, right, bottom = box_xyxy
    canvas.draw.line((left, top + 14, left, bottom - 14), fill=LINE)
    left += 18
    figure = f"{belief.entropies[-1]:.2f}"
    canvas.line(left, top + 22, "uncertainty", size=12, color=MUTED)
    canvas.line(left, top + 52, figure, size=28)
    canvas.line(left + canvas.length(figure, 28) + 6, top + 52, "nats", size=13, color=MUTED)
    if len(belief.entropies) > 1:
        change = belief.entropies[-1] - belief.entropies[-2]
        color = GOOD if change < -0.005 else BAD if change > 0.005 else MUTED
        canvas.line(right, top + 52, f"{change:+.2f}", size=15, color=color, anchor="rs")
    draw_entropy(canvas, (left, max(top + 76, bottom - 150), right, bottom - 10), belief)


def draw_actions(canvas: Canvas, frame: Frame, view: FilmView, belief: Belief, top: float) -> float:
    """The options that are no answers, with the gain expected of each. Returns the lower edge."""
    actions = {k: v for k, v in view.options.items() if v not in belief.shares}
    if not actions:
        return top
    room = frame.bottom - 116 - top  # what the reasoning can spare
    step = max(14, min(25, int(room // len(actions))))
    size, bar = min(14, step - 5), (frame.right - 100, frame.right - 44)
    longest = bar[0] - frame.left - 44 if view.gains else frame.right - frame.left - 40
    if view.gains:
        words = "expected gain, nats"
        canvas.line(frame.right - 6, top + 10, words, size=12, color=MUTED, anchor="rs")
        top += 16
    for index, (letter, text) in enumerate(actions.items()):
        y = top + index * step
        card, letter_color, text_color = option_colors(view, letter)
        if card:
            canvas.card((frame.left - 6, y, frame.right, y + step - 2), fill=card, radius=5)
        baseline = y + step / 2 + size * 0.3
        canvas.line(frame.left + 10, baseline, letter, size=size, color=letter_color, width=18)
        canvas.line(frame.left + 32, baseline, text, size=size, color=text_color, width=longest)
        if letter in view.gains:
            # No action can be expected to take away more than the entropy there was at most.
            share = view.gains[letter] / (max(belief.entropies) or 1.0)
            _draw_gain(canvas, (*bar, round(y + step / 2)), share)
            number = f"{view.gains[letter]:.2f}"
            canvas.line(bar[1] + 38, baseline, number, size=12, color=MUTED, anchor="rs")
    return top + len(actions) * step


def _draw_gain(canvas: Canvas, place: tuple[int, int, int], share: float) -> None:
    """A thin bar from `place`'s left to its right, at its height."""
    left, right, middle = place
    canvas.card((left, middle - 3, right, middle + 2), fill=TRACK, radius=2)
    end = left + min(1.0, max(0.0, share)) * (right - left)
    if end > left + 1:
        canvas.card((left, middle - 3, end, middle + 2), fill=ACCENT, radius=2)
