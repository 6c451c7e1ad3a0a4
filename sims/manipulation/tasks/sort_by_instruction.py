"""SortByInstruction: every thing of a colour is put on the plate of a colour, nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.tasks.moves import OPEN, pick, place, rise
from sims.manipulation.tasks.table import Request, Table
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import (
    HELD_OUT_SHAPES,
    PLATE_HALF_HEIGHT,
    SHAPES,
    make_plate,
)
from sims.manipulation.tasks.view import View, nearness, sideways

PLATE_RADIUS = 0.085
_SHAPES = ("cube", "cylinder")
_SLOT = 0.045
"""Of each thing's place from the plate's middle, along x [m]: the fingers open along y."""
_DROP = 0.003


@dataclass(frozen=True, kw_only=True)
class SortByInstruction(Task):
    """Put every target on the plate.

    Attributes:
        targets: names of all that is asked for; `target` is the first.
        others: names of the things that stay where they are.
        plate: name of the plate.
    """

    targets: tuple[str, ...]
    others: tuple[str, ...]
    plate: str
    stages: ClassVar[tuple[str, ...]] = ("first", "second")

    def is_on_plate(self, view: View, name: str) -> bool:
        """Whether a thing's middle is over the plate, and the thing on it."""
        at, plate = view.position(name), view.position(self.plate)
        rest = plate[2] + PLATE_HALF_HEIGHT + SHAPES[self.words[name][1]].half_height
        return sideways(at, plate) < PLATE_RADIUS and abs(float(at[2] - rest)) < 0.012

    def _is_settled(self, view: View, name: str) -> bool:
        return (
            self.is_on_plate(view, name) and view.speed(name) < 0.05 and view.fingers_on(name) == 0
        )

    def is_done(self, view: View) -> bool:
        """Whether all of them rest on the plate and none of the others does."""
        return all(self._is_settled(view, name) for name in self.targets) and not any(
            self.is_on_plate(view, name) for name in self.others
        )

    def distance(self, view: View) -> float:
        """Of all that is not on the plate yet, from its middle, added up [m]."""
        plate = view.position(self.plate)
        away = [name for name in self.targets if not self.is_on_plate(view, name)]
        return float(sum(np.linalg.norm(view.position(name) - plate) for name in away))

    def stage(self, view: View) -> tuple[int, float]:
        """How many are on the plate, and how near the next one is."""
        away = [name for name in self.targets if not self.is_on_plate(view, name)]
        if not away:
            return len(self.targets) - 1, 0.9
        name = self._current(view) or away[0]
        done = len(self.targets) - len(away)
        at = view.position(name)
        if view.grasped(name):
            return done, 0.4 + 0.5 * nearness(sideways(at, view.position(self.plate)))
        return done, 0.4 * nearness(float(np.linalg.norm(view.ee.position - at)))

    def _current(self, view: View) -> str | None:
        """What is in the hand, or else the first that is not on the plate."""
        held = [name for name in self.targets if view.grasped(name)]
        away = [name for name in self.targets if not self.is_on_plate(view, name)]
        return next(iter([*held, *away]), None)

    def _slot(self, view: View, name: str) -> np.ndarray:
        """Where a thing's middle goes: the nearer things' places are filled first."""
        index = self.targets.index(name)
        side = 2.0 * index / max(1, len(self.targets) - 1) - 1.0
        up = PLATE_HALF_HEIGHT + SHAPES[self.words[name][1]].half_height
        return view.position(self.plate) + np.array([side * _SLOT, 0.0, up])

    def goal(self, view: View) -> Goal:
        """One after the other."""
        name = self._current(view)
        if name is None:
            return rise(view, OPEN)
        if view.grasped(name):
            point = self._slot(view, name)
            point[2] += view.height_over(name) + _DROP
            return place(view, point, 0.0)
        return pick(view, *self.grip(view, name))


def draw_sort_by_instruction(request: Request, rng: np.random.Generator) -> SortByInstruction:
    """Two things of the colour asked for, others of other colours, and the plate."""
    table = Table(request=request, rng=rng)
    color, goal = table.draw_colors_of_pair()
    x, y = table.take_place(PLATE_RADIUS)
    plate = table.add(make_plate(goal, PLATE_RADIUS, table.spot(x, y)), goal, "plate")
    shapes = HELD_OUT_SHAPES if table.variation.kind == "shape" else _SHAPES
    targets = tuple(table.add_thing(color, shape, is_target=True) for shape in shapes)
    before = set(table.words)
    table.add_distractors(request.num_distractors, _SHAPES, avoid=[color])
    return SortByInstruction(
        scene=table.scene(),
        instruction=table.write("sort_by_instruction", target=color, goal=goal),
        target=targets[0],
        words=table.words,
        targets=targets,
        others=tuple(name for name in table.words if name not in before),
        plate=plate,
    )
