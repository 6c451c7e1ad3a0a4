"""Replies in words that predict where to act: a path of the hand, or a box around what to grasp.

The form is VLA-R1's (arXiv 2510.01623): `<think>...</think><output>...</output>` with JSON inside,
`{"x": 0.4, "y": 0.5, "width": 0.1, "height": 0.1}` (centre and size) or `[[0.4, 0.5], ...]`, in
shares of the picture's width and height, x to the right and y down. What a model wrote is read
here and nowhere else, and can never crash an environment.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sims.manipulation.config import MAX_PATH_POINTS

MAX_OUTPUT_CHARS = 4096
MAX_DEPTH = 4
"""Longest and deepest JSON that is read."""
MAX_POINTS = MAX_PATH_POINTS
MAX_BOXES = 16

EXAMPLES = {
    "trajectory": "<output>[[0.42, 0.55], [0.47, 0.51], [0.53, 0.48]]</output>",
    "box": '<output>{"x": 0.42, "y": 0.55, "width": 0.08, "height": 0.1}</output>',
}
"""Kind of prediction -> how it is written."""

INSTRUCTIONS = {
    "trajectory": "Reply with the path of the hand, points from its start to its end",
    "box": "Reply with the box around what to grasp, its centre and size",
}

_TAG = re.compile(r"<(/?)(think|output)>", re.IGNORECASE | re.ASCII)
_BOX_KEYS = ("x", "y", "width", "height")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a reply predicts.

    Attributes:
        kind: "trajectory", "box", or "none" where the reply gives nothing of the kind asked for.
        value: points [[x, y], ...] in [0, 1]; or a box [x0, y0, x1, y1] (`box_xyxy_norm`); None
            for "none".
        problem: what is wrong, in a sentence; "" where nothing is.
        well_formed: whether the reply has `<think>...</think>` and after it `<output>` with JSON of
            any kind: what VLA-R1's format reward asks for.
        num_clipped: how many numbers were outside the picture and moved to its edge.
        boxes: where a list of boxes was given, all of them; `value` is the first.
    """

    kind: str
    value: list[Any] | None = None
    problem: str = ""
    well_formed: bool = False
    num_clipped: int = 0
    boxes: tuple[list[float], ...] = ()

    def facts(self) -> dict[str, Any]:
        """JSON-able, for the truth of a step."""
        return {
            "kind": self.kind,
            "value": self.value,
            "problem": self.problem,
            "well_formed": self.well_formed,
            "num_clipped": self.num_clipped,
            "boxes": [*self.boxes],
        }


def describe_format(kind: str) -> str:
    """How a reply of a kind is written, in two sentences.

    Args:
        kind: "trajectory" or "box".
    """
    return (
        f"{INSTRUCTIONS[kind]}, in shares of the picture's width and height, x to the right and y "
        f"down. For instance: <think>...</think>{EXAMPLES[kind]}"
    )


class _UnreadableError(ValueError):
    """What a reply holds is not what was asked for; the message says why."""


def read_prediction(reply: str, kind: str) -> Prediction:
    """Read any text as a prediction. Never raises on account of the text, and takes time linear in
    it.

    The first closed `<output>` after the thinking counts, with or without thinking before it.
    Numbers outside [0, 1] are moved to its ends as in VLA-R1's code: corners of a box, not its
    centre, and a size may be negative. NaN, infinities, text for numbers and boxes that have no
    area in the picture are refused.

    Args:
        reply: what the model wrote.
        kind: "trajectory" or "box": what is asked for.
    """
    thought, output = _split(reply)
    if output is None:
        problem = "The reply has no <output>...</output> after its thinking."
        return Prediction(kind="none", problem=f"{problem} {_how(kind)}")
    well_formed = False
    try:
        found = _load_json(output)
        well_formed = thought and found is not None
        read = {"trajectory": _read_path, "box": _read_boxes}[kind]
        value, num_clipped = read(found)
    except _UnreadableError as error:
        problem = f"{error} {_how(kind)}"
        return Prediction(kind="none", problem=problem, well_formed=well_formed)
    boxes = tuple(value) if kind == "box" else ()
    return Prediction(
        kind=kind,
        value=boxes[0] if boxes else value,
        well_formed=well_formed,
        num_clipped=num_clipped,
        boxes=boxes,
    )


def write_reply(
    thought: str, value: Sequence[Any], kind: str, *, decimals: int | None = None
) -> str:
    """A reply that `read_prediction` reads as `value`, to a thousandth.

    Args:
        thought: the reasoning, without tags.
        value: points, or a box [x0, y0, x1, y1], in [0, 1].
        kind: "trajectory" or "box".
        decimals: with so many digits behind every point, trailing zeros included, so that all
            numbers are alike; None writes the shortest form. A box needs 2 or more.
    """
    if kind == "trajectory":
        digits = 3 if decimals is None else decimals
        written: Any = [[round(float(x), digits), round(float(y), digits)] for x, y in value]
    else:
        x0, y0, x1, y1 = (float(number) for number in value)
        numbers = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
        digits = 4 if decimals is None else decimals
        written = {key: round(n, digits) for key, n in zip(_BOX_KEYS, numbers, strict=True)}
    output = json.dumps(written) if decimals is None else _write_alike(written, decimals)
    return f"<think>{thought}</think><output>{output}</output>"


def _write_alike(written: Any, decimals: int) -> str:
    """JSON in which every number has so many decimals."""
    if isinstance(written, dict):
        named = (f'"{key}": {number:.{decimals}f}' for key, number in written.items())
        return f"{{{', '.join(named)}}}"
    points = (f"[{x:.{decimals}f}, {y:.{decimals}f}]" for x, y in written)
    return f"[{', '.join(points)}]"


def _how(kind: str) -> str:
    return f"Write, after <think>...</think>, as in {EXAMPLES[kind]}"


def _split(reply: str) -> tuple[bool, str | None]:
    """Whether there is a closed `<think>` block, and what the first `<output>` after it holds."""
    begun = thought = False
    opened: int | None = None
    output: str | None = None
    for tag in _TAG.finditer(reply):
        closes, name = bool(tag.group(1)), tag.group(2).lower()
        if name == "think":
            thought = thought or (begun and closes)
            begun = True if not closes else begun
            opened = output = None  # an output before or within the thinking is part of it
        elif not closes:
            opened = tag.end() if opened is None else opened
        elif opened is not None and output is None:
            output = reply[opened : tag.start()]
    return thought, output


def _load_json(text: str) -> Any:
    """JSON within bounds; all numbers as floats, some of which may be infinite."""
    if len(text) > MAX_OUTPUT_CHARS:
        raise _UnreadableError(f"The output is longer than {MAX_OUTPUT_CHARS} characters.")
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise _UnreadableError(f"The output is nested deeper than {MAX_DEPTH} levels.")
    try:
        return json.loads(text, parse_int=float, parse_constant=_refuse)
    except ValueError as error:
        raise _UnreadableError("The output is not JSON.") from error


def _refuse(name: str) -> float:
    raise ValueError(name)


def _read_path(found: Any) -> tuple[list[Any], int]:
    """Points in [0, 1], and how many numbers were clipped."""
    if not isinstance(found, list) or not found:
        raise _UnreadableError("The output is not a list of points.")
    if len(found) > MAX_POINTS:
        raise _UnreadableError(f"The output has {len(found)} points; {MAX_POINTS} are the most.")
    points, num_clipped = [], 0
    for point in found:
        if not isinstance(point, list) or len(point) != 2:
            raise _UnreadableError("A point is not two numbers [x, y].")
        clipped, count = _clip([_number(number) for number in point])
        points.append(clipped)
        num_clipped += count
    return points, num_clipped


def _read_boxes(found: Any) -> tuple[list[Any], int]:
    """Boxes [x0, y0, x1, y1] in [0, 1], and how many numbers were clipped."""
    listed = found if isinstance(found, list) else [found]
    if not listed or len(listed) > MAX_BOXES:
        raise _UnreadableError(f"The output has {len(listed)} boxes; 1 to {MAX_BOXES} are legal.")
    boxes, num_clipped = [], 0
    for one in listed:
        if not isinstance(one, dict) or not set(_BOX_KEYS) <= set(one):
            raise _UnreadableError("The output is not a box with x, y, width and height.")
        x, y, width, height = (_number(one[key]) for key in _BOX_KEYS)
        half_width, half_height = abs(width) / 2, abs(height) / 2
        corners = [x - half_width, y - half_height, x + half_width, y + half_height]
        box, count = _clip(corners)
        if not (box[2] > box[0] and box[3] > box[1]):
            raise _UnreadableError("The box has no area inside the picture.")
        boxes.append(box)
        num_clipped += count
    return boxes, num_clipped


def _number(found: Any) -> float:
    if not isinstance(found, float) or not math.isfinite(found):
        raise _UnreadableError("A coordinate is not a finite number.")
    return found


def _clip(numbers: Sequence[float]) -> tuple[list[float], int]:
    clipped = [min(1.0, max(0.0, number)) for number in numbers]
    return clipped, sum(a != b for a, b in zip(numbers, clipped, strict=True))
