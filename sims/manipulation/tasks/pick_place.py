"""PickPlace: a thing is put on the plate of a colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.tasks.moves import OPEN, pick, place, rise, turned_like
from sims.manipulation.tasks.table import Request, Table
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import PLATE_HALF_HEIGHT, SHAPES, make_plate
from sims.manipulation.tasks.view import View, nearness, sideways

ON_PLATE = 0.04
"""Of the thing's middle from the plate's, at most [m]."""
PLATE_RADIUS = 0.06
_SHAPES = ("cube", "cylinder")
_LIFTED = 0.03
_DROP = 0.003
"""Above its rest at which a thing is let go [m]."""


@dataclass(frozen=True, kw_only=True)
class Placing(Task):
    """Put the target on something.

    Attributes:
        onto: name of what it goes on.
        tolerance: of its middle from that of `onto`, at most, along the table [m].
    """

    onto: str
    tolerance: float
    stages: ClassVar[tuple[str, ...]] = ("approach", "grasp", "carry", "place")

    def _half(self, name: str) -> float:
        shape = self.words[name][1]
        return PLATE_HALF_HEIGHT if shape == "plate" else SHAPES[shape].half_height

    def _rest(self, view: View) -> np.ndarray:
        """Where the target's middle belongs, (3,) [m]."""
        up = self._half(self.onto) + self._half(self.target)
        return view.position(self.onto) + np.array([0.0, 0.0, up])

    def distance(self, view: View) -> float:
        """From the target's middle to where it belongs [m]."""
        return float(np.linalg.norm(view.position(self.target) - self._rest(view)))

    def is_placed(self, view: View) -> bool:
        """Whether the target is where it belongs, held or not."""
        at, rest = view.position(self.target), self._rest(view)
        return sideways(at, rest) <= self.tolerance and abs(float(at[2] - rest[2])) < 0.012

    def is_done(self, view: View) -> bool:
        """Whether the target rests there and was let go."""
        return (
            self.is_placed(view)
            and view.speed(self.target) < 0.05
            and view.fingers_on(self.target) == 0
        )

    def stage(self, view: View) -> tuple[int, float]:
        """Near it, holding it, carrying it over, letting it go."""
        at, rest = view.position(self.target), self._rest(view)
        if self.is_placed(view):
            return 3, 0.5
        if view.grasped(self.target):
            away = sideways(at, rest)
            if away <= self.tolerance:
                return 3, 0.5 * nearness(abs(float(at[2] - rest[2])), 0.1)
            lifted = float(at[2]) > self._half(self.target) + _LIFTED
            return (2, nearness(away - self.tolerance)) if lifted else (1, 0.5)
        near = float(np.linalg.norm(view.ee.position - at))
        return (1, 0.25) if near < 0.02 else (0, nearness(near - 0.02))

    def goal(self, view: View) -> Goal:
        """Pick it up, carry it over, let it go, and leave."""
        if view.grasped(self.target):
            point = self._rest(view)
            point[2] += view.height_over(self.target) + _DROP
            return place(view, point, turned_like(0.0, view.ee_yaw, 0.0))
        if self.is_placed(view):
            return rise(view, OPEN)
        return pick(view, *self.grip(view, self.target))


class PickPlace(Placing):
    """Put the target on a plate."""


def draw_pick_place(request: Request, rng: np.random.Generator) -> PickPlace:
    """Two plates, one of which is named, and things, one of which is named."""
    table = Table(request=request, rng=rng)
    color, goal = table.draw_colors_of_pair()
    shape = table.draw_shape(_SHAPES)
    onto = _add_plate(table, goal)
    target = table.add_thing(color, shape, is_target=True)
    if request.num_distractors:
        _add_plate(table, table.draw_colors(1, [goal, color])[0])
    table.add_distractors(max(0, request.num_distractors - 1), _SHAPES, avoid=[color])
    return PickPlace(
        scene=table.scene(),
        instruction=table.write("pick_place", target=f"{color} {shape}", goal=goal),
        target=target,
        words=table.words,
        onto=onto,
        tolerance=ON_PLATE,
    )


def _add_plate(table: Table, color: str) -> str:
    x, y = table.take_place(PLATE_RADIUS)
    return table.add(make_plate(color, PLATE_RADIUS, table.spot(x, y)), color, "plate")
