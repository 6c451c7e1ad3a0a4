"""Reach: the finger tips come to the top of the thing that is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.tasks.moves import OPEN
from sims.manipulation.tasks.table import Request, Table
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import SHAPES
from sims.manipulation.tasks.view import View, nearness

REACHED = 0.025
"""From the point over the thing's top, at most [m]."""
_OVER = 0.01
_SHAPES = ("cube", "cylinder", "ball")


@dataclass(frozen=True, kw_only=True)
class Reach(Task):
    """Come to the top of the target and stay there."""

    stages: ClassVar[tuple[str, ...]] = ("reach",)
    hold_ticks: ClassVar[int] = 2

    def _point(self, view: View) -> np.ndarray:
        height = SHAPES[self.words[self.target][1]].half_height + _OVER
        return view.position(self.target) + np.array([0.0, 0.0, height])

    def distance(self, view: View) -> float:
        """From the end effector to the point over the top [m]."""
        return float(np.linalg.norm(view.ee.position - self._point(view)))

    def is_done(self, view: View) -> bool:
        """Whether the hand is there."""
        return self.distance(view) <= REACHED

    def stage(self, view: View) -> tuple[int, float]:
        """The only one."""
        return 0, nearness(max(0.0, self.distance(view) - REACHED))

    def goal(self, view: View) -> Goal:
        """Straight there."""
        return Goal(position=self._point(view), yaw=0.0, gripper=OPEN)

    def has_begun(self, view: View) -> bool:
        """From the start: there is nothing to take hold of."""
        return True


def draw_reach(request: Request, rng: np.random.Generator) -> Reach:
    """Things of different colours, one of which is named."""
    table = Table(request=request, rng=rng)
    color, shape = table.draw_color_and_shape(_SHAPES)
    target = table.add_thing(color, shape, is_target=True)
    table.add_distractors(request.num_distractors, _SHAPES, avoid=[color])
    return Reach(
        scene=table.scene(),
        instruction=table.write("reach", target=f"{color} {shape}"),
        target=target,
        words=table.words,
    )
