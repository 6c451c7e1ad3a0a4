"""The belief over answers as a bar chart that moves with every look, and its entropy as a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import ImageDraw

from training.drawing import ACCENT, GOOD, INK, LINE, MUTED, Canvas, Color

TRACK = (38, 44, 55)
"""Colour of a bar's empty part."""
GHOST = (196, 204, 216)
"""Colour of the outline that shows where a bar ended before the latest look."""
MAX_BARS = 12
"""A chart shows at most this many answers: the likeliest, and always the true one."""


@dataclass(frozen=True, kw_only=True)
class Belief:
    """What a chart shows.

    Attributes:
        shares: answer -> its probability now.
        before: answer -> its probability before the latest look; None at the first view.
        right: the true answer, or None where nothing tells.
        entropies: of the belief after every view so far [nats]; the last is that of `shares`.
        num_views: how many views the curve's axis has room for, at least one per entropy.
    """

    shares: Mapping[str, float]
    before: Mapping[str, float] | None
    right: str | None
    entropies: tuple[float, ...]
    num_views: int


def entropy_of(shares: Mapping[str, float]) -> float:
    """Entropy of a distribution: -sum p ln p [nats]."""
    return max(0.0, -sum(p * math.log(p) for p in shares.values() if p > 0))


def read_belief(truths: Sequence[Mapping[str, Any]], *, num_views: int = 1) -> Belief | None:
    """The belief after the last of some truths, or None where the first tells of none.

    Args:
        truths: of the reset and of the steps since, at least one, each with `belief` (answer ->
            probability). One whose `kind` is "answer" brought no view and is left out.
        num_views: how many views the episode has in all.
    """
    looks = [truth for truth in truths if truth.get("belief") and truth.get("kind") != "answer"]
    if not truths[0].get("belief"):
        return None
    shares = [{str(key): float(p) for key, p in look["belief"].items()} for look in looks]
    right = looks[-1].get("gold")
    entropies = tuple(map(entropy_of, shares))
    return Belief(
        shares=shares[-1],
        before=shares[-2] if len(shares) > 1 else None,
        right=None if right is None else str(right),
        entropies=entropies,
        num_views=max(num_views, len(entropies)),
    )


def on_its_way(belief: Belief, progress: float) -> Belief:
    """The chart while its bars move from before the latest look to now.

    Args:
        belief: with a look behind it; a first view does not move.
        progress: in [0, 1]; 1 gives `belief` back.
    """
    if belief.before is None or progress >= 1:
        return belief
    eased = progress * progress * (3 - 2 * progress)
    old, (*past, last, now) = belief.before, belief.entropies
    shares = {key: _mix(old.get(key, 0.0), p, eased) for key, p in belief.shares.items()}
    return replace(belief, shares=shares, entropies=(*past, last, _mix(last, now, eased)))


def _mix(start: float, end: float, progress: float) -> float:
    return start + (end - start) * progress


def share_words(share: float) -> str:
    """A probability in words: "62 %". Only what is certain reads "0 %" or "100 %"."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1 - 1e-9:
        return ">99 %"
    return f"{100 * share:.0f} %"


def shown_answers(belief: Belief) -> list[str]:
    """The answers that a chart has bars for, in the belief's order."""
    if len(belief.shares) <= MAX_BARS:
        return list(belief.shares)
    # Ranked by both looks together, so that bars do not come and go while they move.
    weight = {key: p + (belief.before or {}).get(key, 0.0) for key, p in belief.shares.items()}
    ranked = sorted(weight, key=lambda key: (key != belief.right, -weight[key]))
    return [key for key in belief.shares if key in ranked[:MAX_BARS]]


def bar_color(belief: Belief, answer: str) -> Color:
    """Green for the true answer, blue for the others."""
    return GOOD if answer == belief.right else ACCENT


def draw_bar(
    canvas: Canvas, box_xyxy: tuple[int, int, int, int], belief: Belief, answer: str
) -> None:
    """One horizontal bar: its track, the share, and where it ended before the latest look."""
    left, top, right, bottom = box_xyxy
    radius = min(4, (bottom - top) // 2)
    share = min(1.0, belief.shares.get(answer, 0.0))
    end = left + share * (right - left)
    old = None if belief.before is None else belief.before.get(answer, 0.0)

    def paint(fine: ImageDraw.ImageDraw, place: Any) -> None:
        unit = place(left + 1, top)[0] - place(left, top)[0]
        fine.rounded_rectangle(place(*box_xyxy), radius * unit, fill=TRACK)
        if end - left >= 0.5:
            corner = min(radius, (end - left) / 2) * unit
            fine.rounded_rectangle(
                place(left, top, end, bottom), corner, fill=bar_color(belief, answer)
            )
        edge = left + min(1.0, old or 0.0) * (right - left)
        if edge - left >= 1.5:
            corner = min(radius, (edge - left) / 2) * unit
            fine.rounded_rectangle(
                place(left, top, edge, bottom),
                corner,
                outline=GHOST,
                width=round(1.25 * unit),
            )

    canvas.smooth((left - 1, top - 1, right + 1, bottom + 1), paint)


def draw_tick(canvas: Canvas, x: int, y: int, color: Color = GOOD) -> None:
    """A small tick, which marks the true answer; `x`, `y` is its middle."""

    def paint(fine: ImageDraw.ImageDraw, place: Any) -> None:
        points = place(x - 5, y, x - 1.5, y + 4, x + 5.5, y - 4.5)
        fine.line(points, fill=color, width=8, joint="curve")

    canvas.smooth((x - 8, y - 8, x + 8, y + 8), paint)


def draw_entropy(
    canvas: Canvas, box_xyxy: tuple[int, int, int, int], belief: Belief, *, size: float = 12
) -> None:
    """The entropy after every view, from 0 to that of knowing nothing, as a line with dots.

    The dashed line is the entropy of equally likely answers.
    """
    left, top, right, bottom = box_xyxy
    nothing_known = math.log(max(2, len(belief.shares)))
    highest = max(nothing_known, *belief.entropies)
    step = (right - left - 10) / max(1, belief.num_views - 1)
    points = [
        (left + 5 + index * step, bottom - 5 - value / highest * (bottom - top - 10))
        for index, value in enumerate(belief.entropies)
    ]
    dashed = bottom - 5 - nothing_known / highest * (bottom - top - 10)

    def paint(fine: ImageDraw.ImageDraw, place: Any) -> None:
        for start in range(left, right - 3, 8):
            fine.line(place(start, dashed, start + 4, dashed), fill=LINE, width=5)
        fine.line(place(left, bottom - 5, right, bottom - 5), fill=LINE, width=5)
        flat = [value for point in points for value in point]
        if len(points) > 1:
            floor = [points[-1][0], bottom - 5, points[0][0], bottom - 5]
            fine.polygon(place(*flat, *floor), fill=(31, 42, 62))
            fine.line(place(*flat), fill=ACCENT, width=8, joint="curve")
        for x, y in points[:-1]:
            fine.ellipse(place(x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=ACCENT)
        now_x, now_y = points[-1]
        fine.ellipse(place(now_x - 4.5, now_y - 4.5, now_x + 4.5, now_y + 4.5), fill=INK)

    canvas.smooth((left - 1, top - 1, right + 1, bottom + 1), paint)
    if size:
        canvas.line(right, dashed - 4, "nothing known", size=size, color=MUTED, anchor="rs")


def draw_small_bars(
    canvas: Canvas, box_xyxy: tuple[int, int, int, int], belief: Belief, *, size: float = 11
) -> None:
    """Upright bars without words, for a contact sheet; the entropy stands at the right."""
    left, top, right, bottom = box_xyxy
    words = f"{belief.entropies[-1]:.2f} nats"
    canvas.line(right, bottom, words, size=size, color=MUTED, anchor="rs")
    answers = shown_answers(belief)
    room = right - left - canvas.length(words, size) - 10
    step = min(18.0, room / len(answers))

    def paint(fine: ImageDraw.ImageDraw, place: Any) -> None:
        for index, answer in enumerate(answers):
            x0, x1 = left + index * step, left + (index + 1) * step - 3
            fine.rectangle(place(x0, top, x1, bottom), fill=TRACK)
            height = belief.shares[answer] * (bottom - top)
            if height > 0.3:
                color = bar_color(belief, answer)
                fine.rectangle(place(x0, bottom - height, x1, bottom), fill=color)
            if belief.before is not None:
                y = bottom - belief.before.get(answer, 0.0) * (bottom - top)
                fine.line(place(x0, y, x1, y), fill=GHOST, width=5)

    canvas.smooth((left, top, right, bottom + 1), paint)
