"""RevealThenPick: the thing that is named is under one of several covers, which look alike.

What is under a cover cannot be seen before it is lifted, so a policy has to search. The expert is
told: it reads the simulator, as all experts of manipulation do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.tasks.moves import CLOSED, pick, place, rise, turned_like
from sims.manipulation.tasks.table import Request, Table
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import (
    COVER_HALF,
    COVER_HEIGHT,
    KNOB_HALF,
    SHAPES,
    make_cover,
    make_thing,
)
from sims.manipulation.tasks.view import View, nearness, sideways

LIFTED = 0.06
"""The thing is picked up when it is so far over its rest [m]."""
_CLEAR = 0.075
"""A cover so far aside, or so high, covers nothing [m]."""
_COVER_RADIUS = COVER_HALF * 1.42
_SHAPES, _HELD_OUT_SHAPES = ("cube", "cylinder"), ("brick",)
"""A post is too tall for its cover."""


@dataclass(frozen=True, kw_only=True)
class RevealThenPick(Task):
    """Take the cover off the target and pick the target up.

    Attributes:
        cover: name of the cover over the target.
        aside: where the expert puts that cover, (x, y) [m].
    """

    cover: str
    aside: tuple[float, float]
    stages: ClassVar[tuple[str, ...]] = ("approach", "uncover", "grasp", "lift")

    def _height(self, view: View) -> float:
        """Of the target over its rest [m]."""
        rest = SHAPES[self.words[self.target][1]].half_height
        return float(view.position(self.target)[2]) - rest

    def is_covered(self, view: View) -> bool:
        """Whether the cover is still over the target."""
        cover, target = view.position(self.cover), view.position(self.target)
        return sideways(cover, target) < _CLEAR and float(cover[2] - target[2]) < _CLEAR

    def is_done(self, view: View) -> bool:
        """Whether the target is held in the air, without its cover."""
        is_up = self._height(view) >= LIFTED and view.grasped(self.target)
        return is_up and not self.is_covered(view)

    def distance(self, view: View) -> float:
        """What the target has yet to rise, and the hand to come near it [m]."""
        near = float(np.linalg.norm(view.ee.position - view.position(self.target)))
        return max(0.0, LIFTED - self._height(view)) + near

    def knob(self, view: View) -> np.ndarray:
        """The middle of the knob of the target's cover, (3,) [m]."""
        return view.position(self.cover) + np.array([0.0, 0.0, COVER_HEIGHT / 2 + KNOB_HALF[2]])

    def stage(self, view: View) -> tuple[int, float]:
        """Near the cover, the cover off, the target held, the target up."""
        hand = view.ee.position
        if self.is_covered(view):
            up = float(view.position(self.cover)[2]) - COVER_HEIGHT / 2
            if up > 0.005 or view.grasped(self.cover):
                return 1, up / _CLEAR
            return 0, nearness(float(np.linalg.norm(hand - self.knob(view))) - 0.02)
        if view.grasped(self.target):
            return 3, self._height(view) / LIFTED
        return 2, nearness(float(np.linalg.norm(hand - view.position(self.target))) - 0.02)

    def goal(self, view: View) -> Goal:
        """Put the cover aside, then lift the target."""
        if view.grasped(self.cover):
            rest = COVER_HEIGHT / 2 + 0.004
            point = np.array([*self.aside, rest + view.height_over(self.cover)])
            return place(view, point, turned_like(0.0, view.ee_yaw, 0.0), clearance=0.12)
        if self.is_covered(view):
            yaw = turned_like(view.yaw(self.cover), view.ee_yaw, np.pi)
            return pick(view, self.knob(view), yaw)
        if view.grasped(self.target):
            return rise(view, CLOSED, LIFTED + 0.05)
        return pick(view, *self.grip(view, self.target), clearance=0.13)

    def graspable(self) -> str:
        """The knob of the cover over the target."""
        return f"{self.cover}/knob"


def draw_reveal_then_pick(request: Request, rng: np.random.Generator) -> RevealThenPick:
    """Two or three covers, each over a thing of another colour, and one free place."""
    table = Table(request=request, rng=rng)
    color, shape = table.draw_color_and_shape(_SHAPES, _HELD_OUT_SHAPES)
    count = min(3, max(2, 1 + request.num_distractors))
    chosen = int(rng.integers(count))
    others = table.draw_colors(count - 1, [color])
    for index in range(count):
        is_target = index == chosen
        x, y = table.take_place(_COVER_RADIUS, is_target=is_target)
        spot = table.spot(x, y)
        words = (color, shape) if is_target else (others.pop(), table.draw(_SHAPES))
        table.add(make_thing(*words, spot), *words)
        table.add(make_cover(f"cover_{index}", spot), "brown", "cover")
    return RevealThenPick(
        scene=table.scene(),
        instruction=table.write("reveal_then_pick", target=f"{color} {shape}"),
        target=f"{color}_{shape}",
        words=table.words,
        cover=f"cover_{chosen}",
        aside=table.take_place(_COVER_RADIUS),
    )
