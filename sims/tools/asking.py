"""The part of the expert that takes the oracles at their word: it asks `detect` where things are
and `read` what their labels show, and knows nothing else of them, right or wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from sims.tools.coordinates import Box
from sims.tools.knowledge import Knowledge, Sign

ORACLES = frozenset(("detect", "read"))
"""The tools that it asks."""
MARGIN = 1.15
"""How much larger than what was detected is what it has read."""
MAX_RATIO = 5.0
"""Longer side to the shorter of what it has read; a longer box is made wider."""
MIN_SHARE = 0.02
"""Least side of what it has read, as a share of the picture's width."""


def can_ask(knowledge: Knowledge) -> bool:
    """Whether the oracles are there."""
    return set(knowledge.desk.config.tools) >= ORACLES


def next_question(knowledge: Knowledge) -> tuple[str, str]:
    """Where it was told that something is, "red mug at (0.100, 0.250, 0.300, 0.500)", where that is
    what it asks about; and what it asks next, as it writes it. Both are "" where there is none.
    """
    num_read = len(knowledge.readings)
    for words, indices in _searches(knowledge):
        if words not in knowledge.detections:
            return "", f"detect({words})"
        boxes = knowledge.detections[words][: len(indices)]
        if num_read < len(boxes):
            box = _readable(boxes[num_read], knowledge)
            found = f"{words} at {knowledge.desk.write_box(boxes[num_read])}"
            return found, f"read{knowledge.desk.write_box(box)}"
        num_read -= len(boxes)
    return "", ""


def told_signs(knowledge: Knowledge) -> dict[int, str]:
    """What it has been told, rightly or not: index of an item -> what its label shows.

    Of several signs in one place, the one nearest to its middle counts. Where things go by their
    colour alone, they are taken in the order in which they were detected.
    """
    told: dict[int, str] = {}
    readings = iter(knowledge.readings)
    for words, indices in _searches(knowledge):
        boxes = knowledge.detections.get(words, [])
        for index, box, signs in zip(indices, boxes, readings, strict=False):
            if signs:
                told[index] = min(signs, key=lambda sign: _distance(sign, box)).symbol
    return told


def _searches(knowledge: Knowledge) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What it asks `detect` for, and which of the items in question that may find: each by its
    name, or all by their colour where the question names none.
    """
    question, items = knowledge.question, knowledge.desk.scene.items
    if question.kind in ("count", "sum"):
        yield items[question.targets[0]].color, question.targets
        return
    for index in question.targets:
        yield items[index].name, (index,)


def _readable(box: Box, knowledge: Knowledge) -> Box:
    """What it asks to read for something detected there: a little more, and always a legal box."""
    whole = knowledge.desk.whole
    box = box.grown(MARGIN)
    least = max(MIN_SHARE * whole.width, max(box.width, box.height) / MAX_RATIO)
    width, height = max(box.width, least), max(box.height, least)
    x, y = box.center
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2).moved_into(whole)


def _distance(sign: Sign, box: Box) -> float:
    return math.dist(sign.place, box.center)
