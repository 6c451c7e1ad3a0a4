"""Accuracy over frame budgets as an SVG for the report."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.charts import describe_cell, format_number, ticks
from training.frame_curve import BudgetPoint

Curves = Mapping[str, Sequence[BudgetPoint]]

COLORS = ("accent", "reference", "muted", "plain", "ink")
"""Names of the page's colours, in the order in which curves take them."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 320, 50, 16, 14, 42
LEGEND_STEP = 18


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where numbers lie in the picture.

    Attributes:
        first, last: smallest and largest budget.
        low, high: ends of the axis of accuracies.
        top: where the plot begins, below the legend [px].
    """

    first: int
    last: int
    low: float
    high: float
    top: float

    def x(self, budget: float) -> float:
        """Budgets have a logarithmic axis: from 8 to 16 is as far as from 16 to 32 [px]."""
        room = WIDTH - LEFT - RIGHT - 48  # air at both ends, for whiskers and labels
        if self.last == self.first:
            return LEFT + 24 + room / 2
        return LEFT + 24 + math.log(budget / self.first) / math.log(self.last / self.first) * room

    def y(self, share: float) -> float:
        """Height of an accuracy [px]."""
        room = HEIGHT - BOTTOM - self.top
        return self.top + (self.high - share) / (self.high - self.low) * room


def draw_frame_curve(curves: Curves, *, chance: float | None = None) -> str:
    """An SVG of accuracy over frame budget: a line per policy, whiskers of one standard error.

    Args:
        curves: name -> its points in ascending order of budget, at least one; at most 5 curves.
        chance: accuracy of guessing, drawn as a dashed line; None for no line.

    Returns:
        HTML for a card of the report; pointing at a budget shows its numbers.

    Raises:
        ValueError: for no curve, too many, or one without points.
    """
    if not 1 <= len(curves) <= len(COLORS):
        raise ValueError(f"{len(curves)} curves; legal: 1 to {len(COLORS)}")
    empty = [name for name, points in curves.items() if not points]
    if empty:
        raise ValueError(f"curve {empty[0]!r} has no points")
    frame = _frame(curves, chance)
    label = html.escape(f"accuracy over frame budget: {', '.join(curves)}")
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    parts += _axes(frame, curves)
    if chance is not None:
        parts += _chance(frame, chance)
    for number, (name, points) in enumerate(curves.items()):
        parts += _legend(name, number)
        parts += _line(frame, points, COLORS[number])
    parts.append('<circle class="hover" r="5" cx="-9" cy="-9"/></svg>')
    data = html.escape(json.dumps(_hover(frame, curves), separators=(",", ":")))
    return f'<div class="curve" data-curve="{data}">{"".join(parts)}</div>'


def _frame(curves: Curves, chance: float | None) -> Frame:
    points = [point for some in curves.values() for point in some]
    spreads = [(point.mean, point.stderr or 0.0) for point in points]
    shares = [mean + sign * stderr for mean, stderr in spreads for sign in (-1, 1)]
    shares += [] if chance is None else [chance]
    budgets = [point.budget for point in points]
    low, high = max(0.0, min(shares) - 0.05), min(1.0, max(shares) + 0.05)
    top = TOP + LEGEND_STEP * len(curves) + 6
    return Frame(first=min(budgets), last=max(budgets), low=low, high=high, top=top)


def _axes(frame: Frame, curves: Curves) -> list[str]:
    parts = []
    for tick in ticks(frame.low, frame.high):
        at = frame.y(tick)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        parts.append(_words(LEFT - 6, at + 4, format_number(tick), "end"))
    for budget in _budgets(curves):
        parts.append(_words(frame.x(budget), HEIGHT - BOTTOM + 18, str(budget), "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_words(middle, HEIGHT - 6, "frame budget", "middle"))
    return parts


def _chance(frame: Frame, chance: float) -> list[str]:
    at = frame.y(chance)
    line = (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" '
        'style="stroke:var(--muted);stroke-dasharray:4 4"/>'
    )
    return [line, _words(WIDTH - RIGHT, at - 5, "chance", "end")]


def _legend(name: str, number: int) -> list[str]:
    y = TOP + LEGEND_STEP * number
    swatch = (
        f'<line x1="{LEFT}" x2="{LEFT + 22}" y1="{y}" y2="{y}" '
        f'style="stroke:var(--{COLORS[number]});stroke-width:2.5"/>'
    )
    return [swatch, _words(LEFT + 30, y + 4, name, "start", "row")]


def _line(frame: Frame, points: Sequence[BudgetPoint], color: str) -> list[str]:
    stroke = f"stroke:var(--{color})"
    places = [(frame.x(point.budget), frame.y(point.mean)) for point in points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline points="{joined}" style="fill:none;stroke-width:2;{stroke}"/>']
    for point, (x, y) in zip(points, places, strict=True):
        if point.stderr is not None:
            up, down = (frame.y(point.mean + sign * point.stderr) for sign in (1, -1))
            parts.append(
                f'<path class="whisker" d="M{x:.1f} {up:.1f}V{down:.1f}" style="{stroke}"/>'
            )
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" style="fill:var(--{color})"/>')
    return parts


def _hover(frame: Frame, curves: Curves) -> dict[str, list]:
    """What the page's script shows: one place per budget, on the first curve that has it."""
    places, words = [], []
    for budget in _budgets(curves):
        there = {
            name: point for name, some in curves.items() for point in some if point.budget == budget
        }
        first = next(iter(there.values()))
        places.append([round(frame.x(budget), 1), round(frame.y(first.mean), 1)])
        cells = [f"{name} {_describe(point)}" for name, point in there.items()]
        words.append(f"{budget} frames: {'; '.join(cells)}")
    return {"points": places, "words": words}


def _describe(point: BudgetPoint) -> str:
    cell = {"mean": point.mean, "stderr": point.stderr, "n": point.n}
    return f"{describe_cell(cell)}, {format_number(point.frames_used)} used"


def _budgets(curves: Curves) -> list[int]:
    return sorted({point.budget for points in curves.values() for point in points})


def _words(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(text)}</text>'
