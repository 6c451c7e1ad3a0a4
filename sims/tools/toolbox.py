"""The tools of the visual tool environments, by name. A new one is a function more in this list."""

from __future__ import annotations

from collections.abc import Sequence

from sims.tools.image_tools import crop, draw_box, draw_line, mark, zoom
from sims.tools.oracle_tools import depth, detect, read, segment
from sims.tools.tool import Tool

TOOLS: dict[str, Tool] = {
    t.name: t for t in (crop, zoom, mark, draw_box, draw_line, detect, segment, read, depth)
}
"""Name -> tool."""


def choose_tools(names: Sequence[str]) -> dict[str, Tool]:
    """The tools of these names, in this order."""
    return {name: TOOLS[name] for name in names}
