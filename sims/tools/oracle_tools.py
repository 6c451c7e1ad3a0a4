"""Tools that tell what they perceive: right, but for the noise that is configured.

They perceive no more than there is to see: things in view, and labels that would be readable in a
look at the part they are given. Their errors are drawn from the episode's seed and the call, so
asking again tells nothing new.
"""

from __future__ import annotations

import numpy as np

from sims.tools.calls import echo
from sims.tools.config import READABLE_PX
from sims.tools.coordinates import Box, Point
from sims.tools.desk import Desk, look_size
from sims.tools.sight import SEEN_SHARE, readable_side
from sims.tools.symbols import symbols_of
from sims.tools.things import COLORS, KINDS
from sims.tools.tool import ToolError, ToolResult, tool


@tool
def detect(desk: Desk, what: str) -> ToolResult:
    """Tells where things of that name are, such as red mug, mug or red."""
    words = what.casefold().removesuffix("s").split()
    known = {*COLORS, *KINDS}
    if not words or not set(words) <= known:
        raise ToolError(
            f"{echo(what)} names nothing it knows; name a colour ({', '.join(COLORS)}), a kind "
            f"({', '.join(KINDS)}) or both.",
            "arguments",
        )
    found = []
    for index, item in enumerate(desk.scene.items):
        rng = desk.rng("detect", *words, index)
        matches = set(words) <= {item.color, item.kind}
        if rng.random() < desk.config.noise.confusion:
            matches = rng.random() < 1.0 / len(desk.scene.items)
        box = desk.photograph().sightings[index].box
        if matches and box is not None and rng.random() >= desk.config.noise.miss:
            found.append((index, _jitter(box, desk, rng)))
    texts = [desk.write_box(box) for _, box in found]
    facts = {
        "searched": what,
        "detected": [[desk.scene.items[index].name, list(box)] for index, box in found],
    }
    told = "; ".join(texts) if texts else "none"
    return ToolResult(text=f"Found for {echo(what)}: {told}.", facts=facts)


@tool
def segment(desk: Desk, point: Point) -> ToolResult:
    """Outlines the thing at that place: all else is shown dark."""
    index = _owner_at(desk, point)
    rng = desk.rng("segment", *np.round(point, 1))
    if index >= 0 and rng.random() < desk.config.noise.confusion:
        index = int(rng.integers(len(desk.scene.items)))
    box = None if index < 0 else desk.photograph().sightings[index].box
    if box is None or rng.random() < desk.config.noise.miss:
        return ToolResult(text=f"There is no thing at {desk.write_point(point)}.")
    box = _jitter(box, desk, rng)
    picture = desk.look_again(spotlit=index)
    shown = desk.shown[-1]
    return ToolResult(
        text=f"Picture {len(desk.shown)} shows the thing, which is in {desk.write_box(box)}.",
        images=(picture,),
        facts={
            "segmented": desk.scene.items[index].name,
            "box_xyxy": list(shown.region),
            "shown_size": list(shown.size),
        },
    )


@tool
def read(desk: Desk, box: Box) -> ToolResult:
    """Tells what the labels in that part of the picture show."""
    size = look_size(box, desk.config)
    told, signs, names = [], [], {}
    for index, item in enumerate(desk.scene.items):
        sighting = desk.photograph().sightings[index]
        label, is_seen = sighting.label, sighting.label_share >= SEEN_SHARE
        if not is_seen or readable_side(label, box, size) < READABLE_PX:
            continue
        symbol, rng = item.symbol, desk.rng("read", index)
        if rng.random() < desk.config.noise.confusion:
            others = [s for s in symbols_of(item.label.partition("-")[0]) if s != symbol]
            symbol = others[int(rng.integers(len(others)))]
        told.append(f"{symbol} at {desk.write_point(label.center)}")
        signs.append([symbol, *label.center])
        names[item.name] = symbol
    text = "; ".join(told) if told else "nothing that can be read"
    facts = {"told": names, "signs": signs}
    return ToolResult(text=f"In {desk.write_box(box)}: {text}.", facts=facts)


@tool
def depth(desk: Desk, point: Point) -> ToolResult:
    """Tells how far from the camera that place is, in metres."""
    distances = desk.photograph().distances
    row, column = _cell(point, desk, distances.shape)
    rng = desk.rng("depth", row, column)
    distance = float(distances[row, column])
    told = max(0.0, distance * (1.0 + desk.config.noise.depth * float(rng.standard_normal())))
    text = f"{desk.write_point(point)} is {told:.2f} m away."
    return ToolResult(text=text, facts={"distance": distance})


def _jitter(box: Box, desk: Desk, rng: np.random.Generator) -> Box:
    """A box whose sides are each off by some share of its size, inside the photograph."""
    shifts = desk.config.noise.jitter * rng.standard_normal(4)
    spans = (box.width, box.height, box.width, box.height)
    moved = [side + float(s) * span for side, s, span in zip(box, shifts, spans, strict=True)]
    x0, x1 = sorted(np.clip((moved[0], moved[2]), 0, desk.whole.x1).tolist())
    y0, y1 = sorted(np.clip((moved[1], moved[3]), 0, desk.whole.y1).tolist())
    return Box(x0, y0, x1, y1)


def _owner_at(desk: Desk, point: Point) -> int:
    """The item seen at a place; -1 for none."""
    owners = desk.photograph().owners
    return int(owners[_cell(point, desk, owners.shape)])


def _cell(point: Point, desk: Desk, shape: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of a coarse map at a place."""
    column = min(int(point.x / desk.whole.width * shape[1]), shape[1] - 1)
    return min(int(point.y / desk.whole.height * shape[0]), shape[0] - 1), column
