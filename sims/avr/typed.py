"""Free-form actions: what a policy writes when it points instead of choosing a letter.

    pick(x, y)   open(x, y)   close(x, y)   move_object(x, y, left|right)
    move_viewer(left|right|up|down)         rotate_viewer(left|right)

x and y are shares of the picture's width and height, from the upper left corner, in [0, 1].
"""

from __future__ import annotations

import re

import numpy as np

from sims.avr.actions import SIDES, VIEWER_DIRECTIONS, Action
from sims.avr.sight import Sight
from sims.avr.world import World

FORMS = (
    "pick(x, y), open(x, y), close(x, y), move_object(x, y, left or right), "
    "move_viewer(left, right, up or down), rotate_viewer(left or right)"
)
REACH = 0.03
"""How far beside a body one may point, as a share of the picture's width."""
_CALL = re.compile(r"\s*([a-z_]{1,20})\s*\(([^()]{0,80})\)\s*")
_NUMBER = re.compile(r"\s*(\d{0,3}(?:\.\d{0,12})?)\s*")


class TypedActionError(ValueError):
    """What was written is no action. The message says what is."""


def read_typed_action(text: str, sight: Sight, world: World) -> Action:
    """The action that a text asks for, in the picture that it points into.

    Args:
        text: at most a line, such as "pick(0.42, 0.61)".
        sight: the present picture.
        world: its bodies can be pointed at.

    Raises:
        TypedActionError: for anything that is not one of the forms, or points at nothing.
    """
    call = _CALL.fullmatch(text[:200])
    if call is None:
        raise TypedActionError(f"{_shorten(text)} is no action; legal: {FORMS}")
    kind, arguments = call[1], [part.strip() for part in call[2].split(",")]
    if kind in VIEWER_DIRECTIONS:
        if len(arguments) != 1 or arguments[0] not in VIEWER_DIRECTIONS[kind]:
            raise TypedActionError(f"{kind} takes one of {', '.join(VIEWER_DIRECTIONS[kind])}")
        return Action(kind=kind, direction=arguments[0])
    if kind not in ("pick", "open", "close", "move_object"):
        raise TypedActionError(f"{_shorten(text)} is no action; legal: {FORMS}")
    direction = arguments.pop() if kind == "move_object" else ""
    if kind == "move_object" and direction not in SIDES:
        raise TypedActionError("move_object takes x, y and left or right")
    if len(arguments) != 2:
        raise TypedActionError(f"{kind} takes x and y; legal: {FORMS}")
    target = body_at(_share(arguments[0]), _share(arguments[1]), sight, world)
    return Action(kind=kind, target=target, direction=direction)


def write_typed_action(action: Action, sight: Sight, world: World) -> str | None:
    """What to write for an action: the inverse of `read_typed_action`.

    Args:
        action: moves the viewer, or acts on a body of the world.
        sight: the present picture.
        world: says which body is which.

    Returns:
        E.g. "pick(0.420, 0.610)", which points at the middle of what is in view of the target; None
        where nothing is.
    """
    if action.moves_viewer:
        return f"{action.kind}({action.direction})"
    rows, columns = np.nonzero(sight.body_ids == world.model.body(action.target).id)
    if not len(rows):
        return None
    nearest = np.argmin(np.hypot(rows - rows.mean(), columns - columns.mean()))
    height, width = sight.body_ids.shape
    x, y = (columns[nearest] + 0.5) / width, (rows[nearest] + 0.5) / height
    more = f", {action.direction}" if action.direction else ""
    return f"{action.kind}({x:.3f}, {y:.3f}{more})"


def body_at(x: float, y: float, sight: Sight, world: World) -> str:
    """The name of the body at a point of the picture, or just beside it.

    Args:
        x, y: shares of the picture's width and height, in [0, 1].

    Raises:
        TypedActionError: where there is only floor, wall or sky.
    """
    height, width = sight.body_ids.shape
    column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
    reach = max(1, round(REACH * width))
    top, left = max(row - reach, 0), max(column - reach, 0)
    near = sight.body_ids[top : row + reach + 1, left : column + reach + 1]
    rows, columns = np.nonzero(near)
    for index in np.argsort(np.hypot(rows + top - row, columns + left - column), kind="stable"):
        name = world.model.body(int(near[rows[index], columns[index]])).name
        if not name.startswith("wall:"):
            return name
    raise TypedActionError(f"there is nothing to act on at ({x:g}, {y:g})")


def _share(text: str) -> float:
    number = _NUMBER.fullmatch(text)
    value = float(number[1]) if number and number[1] not in ("", ".") else -1.0
    if not 0 <= value <= 1:
        raise TypedActionError(f"{_shorten(text)} is no coordinate; legal: numbers from 0 to 1")
    return value


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
