"""What a text expert says and thinks: the four steps of VLA-R1's chains of thought (task, scene,
where, and whether or how), filled in from the simulator.

Only what the picture shows is named, with its place in shares of the picture, so that a model can
learn to say it; where to act comes from the simulator's own poses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Seen = Sequence[tuple[str, tuple[float, float]]]
"""What a picture shows, in words, each with its middle in shares of the picture."""

_OPENINGS = (
    'The task is: "{instruction}"',
    'I am asked: "{instruction}"',
    'The instruction says: "{instruction}"',
)
_SCENES = ("I see {things}.", "On the table there are {things}.", "The picture shows {things}.")
_REGIONS = (
    "What to take hold of is the {target}: a region around ({x}, {y}), {width} wide and {height} "
    "high.",
    "The part to grasp belongs to the {target}; it fills {width} by {height} around ({x}, {y}).",
)
_CHECKS = (
    "It is small enough for the fingers and nothing covers it, so it can be grasped there.",
    "The fingers fit around it and can come down from above.",
)
_HANDS = (
    "The {target} is what to act on; the motion starts at ({x0}, {y0}).",
    "The hand has to start at ({x0}, {y0}), at the {target}.",
)
_LOGIC = {
    "reach": "It goes {way} and comes down on it at ({x1}, {y1}).",
    "push": "It pushes {way} and stops at ({x1}, {y1}).",
    "carry": "It grasps, carries {way}, and lets go at ({x1}, {y1}).",
    "pull": "It grasps and pulls {way} as far as ({x1}, {y1}).",
    "grasp": "It grasps and lifts, {way}, up to ({x1}, {y1}).",
}
"""Handling -> what the hand does."""


def think_of_box(
    instruction: str,
    target: str,
    seen: Seen,
    box: Sequence[float],
    rng: np.random.Generator,
) -> str:
    """Task, scene, region, and whether it can be grasped.

    Args:
        instruction: what is asked for.
        target: what is taken hold of, in words.
        seen: what the picture shows.
        box: of the region, (x0, y0, x1, y1).
        rng: chooses the words.
    """
    numbers = {
        "x": _say((box[0] + box[2]) / 2),
        "y": _say((box[1] + box[3]) / 2),
        "width": _say(box[2] - box[0]),
        "height": _say(box[3] - box[1]),
    }
    region = _draw(_REGIONS, rng).format(target=target, **numbers)
    return " ".join([*_task_and_scene(instruction, seen, rng), region, _draw(_CHECKS, rng)])


def think_of_path(
    instruction: str,
    target: str,
    seen: Seen,
    points: Sequence[Sequence[float]],
    handling: str,
    rng: np.random.Generator,
) -> str:
    """Task, scene, where the thing and the hand are, and where the hand goes.

    Args:
        instruction, target, seen, rng: as of `think_of_box`.
        points: of the path.
        handling: one of `lifting.HANDLINGS`.
    """
    (x0, y0), (x1, y1) = points[0], points[-1]
    hands = _draw(_HANDS, rng).format(target=target, x0=_say(x0), y0=_say(y0))
    way = _way(x1 - x0, y1 - y0)
    logic = _LOGIC[handling].format(way=way, x1=_say(x1), y1=_say(y1))
    return " ".join([*_task_and_scene(instruction, seen, rng), hands, logic])


def name_places(seen: Seen) -> str:
    """What the picture shows, and where, in the fewest words and always alike, such as
    "red cube 0.42 0.61. blue ball 0.55 0.40.".
    """
    return " ".join(f"{name} {_say(x)} {_say(y)}." for name, (x, y) in seen)


def _task_and_scene(instruction: str, seen: Seen, rng: np.random.Generator) -> list[str]:
    things = [f"the {name} at ({_say(x)}, {_say(y)})" for name, (x, y) in seen]
    listed = ", ".join(things[:-1]) + (" and " if len(things) > 1 else "") + "".join(things[-1:])
    scene = _draw(_SCENES, rng).format(things=listed or "nothing that matters")
    return [_draw(_OPENINGS, rng).format(instruction=instruction), scene]


def _way(dx: float, dy: float) -> str:
    """A direction in the picture, in words."""
    across = "to the right" if dx > 0 else "to the left"
    along = "towards the viewer" if dy > 0 else "away from the viewer"
    if abs(dx) > 2 * abs(dy):
        return across
    return along if abs(dy) > 2 * abs(dx) else f"{across} and {along}"


def _say(number: float) -> str:
    return f"{number:.2f}"


def _draw(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
