"""What every control mode is.

An action is read into orders (the rows of a chunk), and an order is carried out in ticks of
`control_dt`, after each of which the world can be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium.spaces import Space


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where the hand, pointing down, should go next.

    Attributes:
        position: of the end effector, (3,) [m].
        yaw: about the vertical [rad].
        gripper: -1 open to 1 closed.
        speed: most that it moves in one action, where actions are ticks [m].
    """

    position: np.ndarray
    yaw: float
    gripper: float
    speed: float = 0.035


@dataclass(kw_only=True)
class Counts:
    """What was wrong with the actions of an episode so far; each order counts once.

    Attributes:
        clipped: orders with numbers outside the action space.
        invalid: orders with NaN or infinities, carried out as a hold.
        unreachable: orders whose target was moved to the nearest that the arm can reach.
    """

    clipped: int = 0
    invalid: int = 0
    unreachable: int = 0

    def note_since(self, before: Counts) -> str:
        """What has been counted since then, in words; "" for nothing."""
        told = [_NOTES[name] for name in _NOTES if getattr(self, name) > getattr(before, name)]
        return " ".join(told)


_NOTES = {
    "clipped": "Your last action had numbers out of range, which were clipped.",
    "invalid": "Your last action had numbers that are not finite, and the arm held still.",
    "unreachable": "Your last action led out of reach; the arm went as near as it can.",
}


class Control(Protocol):
    """One way to command the arm."""

    space: Space[Any]
    """Of the actions."""
    counts: Counts

    def begin(self) -> None:
        """Take over an arm that was just reset."""

    def orders(self, action: Any) -> list[Any]:
        """What an action is made of.

        Raises:
            ValueError: for the wrong shape or type, naming the expected one.
        """

    def ticks(self, order: Any) -> Iterator[None]:
        """Carry out an order; the world has moved on by `control_dt` at every item."""

    def aim(self, goal: Goal) -> np.ndarray:
        """The order, inside the action space, that goes towards a goal."""

    def facts(self) -> dict[str, Any]:
        """What the truth says about the latest action, JSON-able."""

    def get_state(self) -> dict[str, Any]:
        """Everything that `set_state` needs, copied."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, in the same scene and state of the physics."""
