"""Tools that show the picture again: a part of it larger, or with something drawn on it."""

from __future__ import annotations

from sims.tools.coordinates import Box, Point
from sims.tools.desk import Desk
from sims.tools.tool import ToolError, ToolResult, tool

MAX_FACTOR = 64.0


@tool
def crop(desk: Desk, box: Box) -> ToolResult:
    """Shows that part of the picture, larger."""
    return _show(desk, box)


@tool
def zoom(desk: Desk, point: Point, factor: float = 0.0) -> ToolResult:
    """Shows what is around that place, larger; a factor from 1 to 64 may follow."""
    factor = factor or desk.config.zoom_factor
    if not 1.0 <= factor <= MAX_FACTOR:
        raise ToolError(f"factor must be from 1 to {MAX_FACTOR:g}.", "arguments")
    width, height = desk.whole.width / factor, desk.whole.height / factor
    x, y = point
    return _show(desk, Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))


@tool
def mark(desk: Desk, point: Point, label: str = "") -> ToolResult:
    """Puts a numbered mark there and shows the picture again."""
    return _draw(desk, "mark", (point,), label)


@tool
def draw_box(desk: Desk, box: Box, label: str = "") -> ToolResult:
    """Draws a numbered box and shows the picture again."""
    return _draw(desk, "box", (Point(box.x0, box.y0), Point(box.x1, box.y1)), label)


@tool
def draw_line(desk: Desk, start: Point, end: Point, label: str = "") -> ToolResult:
    """Draws a numbered line and shows the picture again."""
    return _draw(desk, "line", (start, end), label)


def _show(desk: Desk, region: Box) -> ToolResult:
    image = desk.look(region)
    shown = desk.shown[-1]
    return ToolResult(
        text=f"Picture {len(desk.shown)} shows {desk.write_box(shown.region)}.",
        images=(image,),
        facts={"box_xyxy": list(shown.region), "shown_size": list(shown.size)},
    )


def _draw(desk: Desk, kind: str, points: tuple[Point, ...], label: str) -> ToolResult:
    number = desk.draw(kind, points, label)
    image = desk.look_again()
    shown = desk.shown[-1]
    return ToolResult(
        text=f"Picture {len(desk.shown)} is the whole with {kind} {number}.",
        images=(image,),
        facts={
            "box_xyxy": list(shown.region),
            "shown_size": list(shown.size),
            "drawn": {"kind": kind, "points": [list(point) for point in points], "label": label},
        },
    )
