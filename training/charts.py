"""Small SVG charts for the report, drawn by hand so that the page needs nothing else.

Colours come from the page's style sheet through classes, so charts follow the light or dark theme.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

NUM_POINTS = 240
"""A longer curve is drawn as the means of this many equal stretches."""

ROW_CLASSES = {"random": "muted", "constant": "muted", "blind": "muted", "grpo": "strong"}
ROW_CLASSES |= {"expert": "reference"}
_LONGEST_LABEL = 30
"""Of a row of bars, in characters."""
_SHORTEST_AXIS = 150
"""Of bars [px]: room for their names does not take it."""

Cell = Mapping[str, "float | int | None"]


def format_number(value: float) -> str:
    """A number at about three significant digits, without needless zeros; large ones in full."""
    if value == 0 or 1e-3 <= abs(value) < 1e9:
        digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{value:,.{min(digits, 4)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) within [low, high]."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def thin_out(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over `NUM_POINTS` equal stretches; a curve of fewer points comes back as it is."""
    if len(steps) <= NUM_POINTS:
        return steps, values
    edges = np.linspace(0, len(steps), NUM_POINTS + 1).astype(int)[:-1]
    sizes = np.diff([*edges, len(steps)])
    return np.add.reduceat(steps, edges) / sizes, np.add.reduceat(values, edges) / sizes


def smooth(values: np.ndarray, keep: float = 0.85) -> np.ndarray:
    """Exponential moving average without the pull of its start.

    y_t = sum_s keep^(t-s) x_s / sum_s keep^(t-s), so a constant curve stays what it is.
    """
    smoothed, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = keep * total + value, keep * weight + 1.0
        smoothed.append(total / weight)
    return np.array(smoothed)


def curve(name: str, steps: Sequence[float], values: Sequence[float]) -> str:
    """An SVG of one metric over steps: the values faint, their moving average on top.

    Args:
        name: the metric, for screen readers.
        steps: at least one, in the order they happened.
        values: as many as steps, finite.
    """
    width, height, left, right, top, bottom = 360, 190, 46, 12, 12, 26
    x, y = thin_out(np.asarray(steps, dtype=float), np.asarray(values, dtype=float))
    low, high = _span(y)
    x_low, x_high = float(x.min()), max(float(x.max()), float(x.min()) + 1.0)
    px = left + (x - x_low) / (x_high - x_low) * (width - left - right)
    py = top + (high - y) / (high - low) * (height - top - bottom)
    soft = smooth(y)
    ps = top + (high - soft) / (high - low) * (height - top - bottom)
    parts = [_open(width, height, f"{name} over steps")]
    for tick in ticks(low, high):
        at = top + (high - tick) / (high - low) * (height - top - bottom)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - right}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        parts.append(_words(left - 6, at + 4, format_number(tick), "end"))
    for tick in ticks(x_low, x_high):
        at = left + (tick - x_low) / (x_high - x_low) * (width - left - right)
        parts.append(_words(at, height - 8, format_number(tick), "middle"))
    parts.append(f'<polyline class="raw" points="{_points(px, py)}"/>')
    parts.append(f'<polyline class="smooth" points="{_points(px, ps)}"/>')
    parts.append(f'<circle class="dot" cx="{px[-1]:.1f}" cy="{ps[-1]:.1f}" r="3"/>')
    parts.append('<circle class="hover" r="4" cx="-9" cy="-9"/></svg>')
    points = [[round(float(v), 4) for v in p] for p in zip(px, py, strict=True)]
    words = [
        f"step {format_number(float(a))}: {format_number(float(b))}"
        for a, b in zip(x, y, strict=True)
    ]
    data = html.escape(json.dumps({"points": points, "words": words}, separators=(",", ":")))
    return f'<div class="curve" data-curve="{data}">{"".join(parts)}</div>'


def bars(metric: str, rows: Mapping[str, Mapping[str, Cell]]) -> str:
    """An SVG of one metric: a bar per row, with its standard error as a whisker.

    Rows without the metric are left out. Shares (all within [0, 1]) have an axis from 0 to 1.
    """
    cells = {row: metrics[metric] for row, metrics in rows.items() if metric in metrics}
    ends = [_ends(cell) for cell in cells.values()]
    low = min(0.0, *(end[0] for end in ends))
    high = max(0.0, *(end[1] for end in ends))
    if all(0 <= mean_of(cell) <= 1 for cell in cells.values()):
        low, high = 0.0, 1.0
    high = high if high > low else low + 1.0
    longest = max(len(_row_label(row)) for row in cells)
    left, right, step = max(100, 16 + 7 * longest), 48, 26
    width = max(350, left + _SHORTEST_AXIS + right)
    scale = (width - left - right) / (high - low)
    height = len(cells) * step + 26
    zero = left - low * scale
    parts = [_open(width, height, f"{metric} by row")]
    for tick in ticks(low, high):
        at = left + (tick - low) * scale
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{height - 22}"/>')
        parts.append(_words(at, height - 7, format_number(tick), "middle"))
    for index, (row, cell) in enumerate(cells.items()):
        parts.append(_bar(row, cell, 6 + index * step, left, zero, low, high, scale))
    return "".join(parts) + "</svg>"


def _bar(
    row: str,
    cell: Cell,
    top: float,
    left: float,
    zero: float,
    low: float,
    high: float,
    scale: float,
) -> str:
    """One row of a bar chart: name, bar, whisker, number and tooltip."""
    down, up, mean = (min(max(end, low), high) for end in _ends(cell))
    at, first, last = (left + (value - low) * scale for value in (mean, down, up))
    x, width = min(zero, at), max(abs(at - zero), 1.0)
    kind = ROW_CLASSES.get(row, "plain")
    name = html.escape(row.replace("_", " "))
    parts = [f"<g><title>{name}: {html.escape(describe_cell(cell))}</title>"]
    parts.append(_words(left - 8, top + 13, _row_label(row), "end", "row"))
    parts.append(
        f'<rect class="bar {kind}" x="{x:.1f}" y="{top}" width="{width:.1f}" height="17" rx="3"/>'
    )
    if cell["stderr"] is not None:
        middle = top + 8.5
        parts.append(
            f'<path class="whisker" d="M{first:.1f} {middle}H{last:.1f}'
            f'M{first:.1f} {middle - 4}v8M{last:.1f} {middle - 4}v8"/>'
        )
    number = f"{mean_of(cell):.2f}" if high - low <= 10 else format_number(mean_of(cell))
    parts.append(_words(max(last, at, zero) + 7, top + 13, number, "start", "value"))
    return "".join(parts) + "</g>"


def _row_label(row: str) -> str:
    """A row's name, without its middle where it is too long: rows often differ at either end."""
    label = row.replace("_", " ")
    if len(label) <= _LONGEST_LABEL:
        return label
    half = _LONGEST_LABEL // 2
    return f"{label[: half - 1]}…{label[-half:]}"


def mean_of(cell: Cell) -> float:
    """A cell's mean; a cell without one raises."""
    mean = cell["mean"]
    if mean is None:
        raise ValueError(f"a table cell has no mean: {dict(cell)}")
    return float(mean)


def describe_cell(cell: Cell) -> str:
    """A cell in words, such as "0.71 ± 0.03, n = 200"."""
    spread = "" if cell["stderr"] is None else f" ± {format_number(float(cell['stderr']))}"
    return f"{format_number(mean_of(cell))}{spread}, n = {cell['n']}"


def _ends(cell: Cell) -> tuple[float, float, float]:
    """Mean minus and plus one standard error, and the mean."""
    mean, stderr = mean_of(cell), float(cell["stderr"] or 0.0)
    return mean - stderr, mean + stderr, mean


def _span(values: np.ndarray) -> tuple[float, float]:
    """The axis' ends: the values with a little air; a constant curve lies in the middle."""
    low, high = float(values.min()), float(values.max())
    air = (high - low) * 0.06 or max(abs(high) * 0.1, 1e-3)
    return low - air, high + air


def _open(width: int, height: int, label: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}">'


def _words(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(text)}</text>'


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
