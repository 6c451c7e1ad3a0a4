"""Accuracy over the value of a setting as an SVG: a line per curve."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.charts import format_number, ticks

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 330, 50, 20, 14, 42
LEGEND_STEP = 18
COLORS = ("accent", "reference", "muted", "plain", "ink")
"""Names of the report's colours, in the order in which curves take them."""
STANDALONE = (
    "svg{--accent:#1d6fb8;--reference:#c2571a;--muted:#7a7a7a;--plain:#3f8f4f;--ink:#222;"
    "background:#fff;font:13px sans-serif;fill:#222}.grid{stroke:#ddd}.hover{display:none}"
    ".whisker{stroke-width:1.5;fill:none}"
)
"""Style of a chart that stands alone."""


@dataclass(frozen=True, kw_only=True)
class SweepPoint:
    """A point of a curve.

    Attributes:
        value: that was set, finite.
        mean: accuracy there, in [0, 1].
        stderr: its standard error; None for a single episode.
    """

    value: float
    mean: float
    stderr: float | None


Curves = Mapping[str, Sequence[SweepPoint]]


def draw_sweep(curves: Curves, *, chance: float | None = None) -> str:
    """HTML for a card of the report; pointing at a value shows its numbers.

    Args:
        curves: name -> its points in ascending order, at least one; 1 to 5 curves.
        chance: accuracy of guessing, drawn as a dashed line; None for no line.
    """
    data = html.escape(json.dumps(_hover(curves), separators=(",", ":")))
    return f'<div class="curve" data-curve="{data}">{_svg(curves, chance)}</div>'


def standalone_sweep(curves: Curves, *, chance: float | None = None) -> str:
    """The same as a file of its own."""
    svg = _svg(curves, chance).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    opening, _, rest = svg.partition(">")
    return f"{opening}><style>{STANDALONE}</style>{rest}\n"


def _svg(curves: Curves, chance: float | None) -> str:
    label = html.escape(f"accuracy over the value: {', '.join(curves)}")
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    parts += _axes(curves)
    if chance is not None:
        at = _y(chance, curves)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" '
            'style="stroke:var(--muted);stroke-dasharray:4 4"/>'
        )
        parts.append(_words(WIDTH - RIGHT, at - 5, "chance", "end"))
    for number, (name, points) in enumerate(curves.items()):
        parts += _curve(name, points, number, curves)
    return "".join(parts) + '<circle class="hover" r="5" cx="-9" cy="-9"/></svg>'


def _values(curves: Curves) -> list[float]:
    return sorted({point.value for points in curves.values() for point in points})


def _x(value: float, curves: Curves) -> float:
    """Where a value lies [px]."""
    values = _values(curves)
    low, span = values[0], values[-1] - values[0]
    room = WIDTH - LEFT - RIGHT - 24
    return LEFT + 12 + (room / 2 if span == 0 else (value - low) / span * room)


def _y(share: float, curves: Curves) -> float:
    """Where an accuracy lies; the axis goes from 0 to 1 [px]."""
    top = TOP + LEGEND_STEP * len(curves) + 6
    return top + (1.0 - share) * (HEIGHT - BOTTOM - top)


def _axes(curves: Curves) -> list[str]:
    parts = []
    for tick in ticks(0.0, 1.0):
        at = _y(tick, curves)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        parts.append(_words(LEFT - 6, at + 4, format_number(tick), "end"))
    for value in _values(curves):
        place = _x(value, curves)
        parts.append(_words(place, HEIGHT - BOTTOM + 18, format_number(value), "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, _words(middle, HEIGHT - 6, "value", "middle")]


def _curve(name: str, points: Sequence[SweepPoint], number: int, curves: Curves) -> list[str]:
    color = f"var(--{COLORS[number]})"
    legend_y = TOP + LEGEND_STEP * number
    parts = [
        f'<line x1="{LEFT}" x2="{LEFT + 22}" y1="{legend_y}" y2="{legend_y}" '
        f'style="stroke:{color};stroke-width:2.5"/>',
        _words(LEFT + 30, legend_y + 4, name, "start", "row"),
    ]
    places = [(_x(point.value, curves), _y(point.mean, curves)) for point in points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{joined}" style="fill:none;stroke-width:2;stroke:{color}"/>')
    for point, (x, y) in zip(points, places, strict=True):
        if point.stderr is not None:
            up, down = (_y(point.mean + sign * point.stderr, curves) for sign in (1, -1))
            line = f"M{x:.1f} {up:.1f}V{down:.1f}"
            parts.append(f'<path class="whisker" d="{line}" style="stroke:{color}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" style="fill:{color}"/>')
    return parts


def _hover(curves: Curves) -> dict[str, list[object]]:
    """What the page's script shows: one place per value, on the first curve that has it."""
    places: list[object] = []
    words: list[object] = []
    for value in _values(curves):
        there = {
            name: point for name, some in curves.items() for point in some if point.value == value
        }
        first = next(iter(there.values()))
        places.append([round(_x(value, curves), 1), round(_y(first.mean, curves), 1)])
        cells = [f"{name} {format_number(point.mean)}" for name, point in there.items()]
        words.append(f"{format_number(value)}: {'; '.join(cells)}")
    return {"points": places, "words": words}


def _words(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(text)}</text>'
