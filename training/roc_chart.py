"""ROC curves as an SVG for the report."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping

import numpy as np

from training.charts import Cell, describe_cell, format_number
from training.frame_curve_chart import COLORS
from training.reward_prediction import RocCurve

SIDE, LEFT, TOP, BOTTOM, RIGHT = 320, 50, 14, 42, 16
LEGEND_STEP = 18
NUM_HOVERS = 21
"""False rates at which pointing shows the true rates."""


def draw_roc_curves(curves: Mapping[str, RocCurve], areas: Mapping[str, Cell]) -> str:
    """An SVG of true over false rates, a line per score, and the diagonal of a score that tells
    nothing.

    Args:
        curves: name -> its curve, 1 to 5.
        areas: name -> the area under it, shown beside the name.

    Returns:
        HTML for a card of the report; pointing at it shows the true rates at a false rate.

    Raises:
        ValueError: for no curve or too many.
    """
    if not 1 <= len(curves) <= len(COLORS):
        raise ValueError(f"{len(curves)} curves; legal: 1 to {len(COLORS)}")
    top = TOP + LEGEND_STEP * len(curves) + 6
    width, height = LEFT + SIDE + RIGHT, top + SIDE + BOTTOM
    label = html.escape(f"true rate over false rate: {', '.join(curves)}")
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}" '
        f'style="max-width:{width}px">'
    ]
    parts += _axes(top)
    for number, (name, curve) in enumerate(curves.items()):
        parts += _legend(f"{name}, area {describe_cell(areas[name])}", number)
        parts.append(_line(curve, top, COLORS[number]))
    parts.append('<circle class="hover" r="5" cx="-9" cy="-9"/></svg>')
    data = html.escape(json.dumps(_hover(curves, top), separators=(",", ":")))
    return f'<div class="curve" data-curve="{data}">{"".join(parts)}</div>'


def true_rate_at(curve: RocCurve, false_rate: float) -> float:
    """Largest share of successes that a threshold lets pass with no more failures than that."""
    return float(curve.true_rates[curve.false_rates <= false_rate + 1e-12].max())


def _x(share: float) -> float:
    return LEFT + share * SIDE


def _y(share: float, top: float) -> float:
    return top + (1.0 - share) * SIDE


def _axes(top: float) -> list[str]:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(share), _y(share, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{_x(1):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_words(LEFT - 6, y + 4, format_number(share), "end"))
        parts.append(_words(x, _y(0, top) + 18, format_number(share), "middle"))
    parts.append(
        f'<line x1="{_x(0):.1f}" x2="{_x(1):.1f}" y1="{_y(0, top):.1f}" y2="{_y(1, top):.1f}" '
        'style="stroke:var(--muted);stroke-dasharray:4 4"/>'
    )
    parts.append(_words(_x(0.5), _y(0, top) + 36, "share of failures above", "middle"))
    middle = _y(0.5, top)
    parts.append(
        f'<text class="tick" text-anchor="middle" transform="translate(12 {middle:.1f}) '
        'rotate(-90)">share of successes above</text>'
    )
    return parts


def _legend(words: str, number: int) -> list[str]:
    y = TOP + LEGEND_STEP * number
    swatch = (
        f'<line x1="{LEFT}" x2="{LEFT + 22}" y1="{y}" y2="{y}" '
        f'style="stroke:var(--{COLORS[number]});stroke-width:2.5"/>'
    )
    return [swatch, _words(LEFT + 30, y + 4, words, "start", "row")]


def _line(curve: RocCurve, top: float, color: str) -> str:
    pairs = zip(curve.false_rates, curve.true_rates, strict=True)
    joined = " ".join(f"{_x(x):.1f},{_y(y, top):.1f}" for x, y in pairs)
    return f'<polyline points="{joined}" style="fill:none;stroke-width:2;stroke:var(--{color})"/>'


def _hover(curves: Mapping[str, RocCurve], top: float) -> dict[str, list]:
    """What the page's script shows: places on the first curve, and all curves' rates there."""
    places, words = [], []
    first = next(iter(curves.values()))
    for rate in np.linspace(0.0, 1.0, NUM_HOVERS):
        places.append([round(_x(rate), 1), round(_y(true_rate_at(first, rate), top), 1)])
        rates = [f"{name} {true_rate_at(curve, rate):.2f}" for name, curve in curves.items()]
        words.append(f"{rate:.2f} of the failures above: {'; '.join(rates)}")
    return {"points": places, "words": words}


def _words(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(text)}</text>'
