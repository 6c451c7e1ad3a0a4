"""Push: a block is pushed onto a coloured mark on the table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.tasks.moves import approach, yaw_error
from sims.manipulation.tasks.table import CrowdedError, Request, Table
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import SHAPES, make_mark, make_thing
from sims.manipulation.tasks.view import View, nearness, sideways

ON_MARK = 0.03
"""Of the block's middle from the mark's, at most [m]."""
MARK_RADIUS = 0.045
_SHAPES, _HELD_OUT_SHAPES = ("cube", "cylinder"), ("brick",)
"""A post would fall over."""
_MIN_WAY, _MAX_WAY = 0.11, 0.19
_HEIGHT = 0.018
"""Of the end effector while it pushes [m]: low, or blocks fall over."""
_GRIPPER = 0.3
"""Fingers so far apart that a block is pushed at two points and does not turn away."""
_SPEED = 0.016
"""In one action [m]."""
_YAW_MIDDLE = 0.9
"""The hand pushes as well turned by half a turn. Of the two ways it takes the one within a quarter
turn of this yaw [rad], so that few pushes lie where it changes its mind: most go to either side.
"""
_FINGER = 0.012
"""Half of a finger's thickness across the push [m]."""
_BEHIND = 0.03
"""Gap behind the block in which the fingers come down [m]."""


@dataclass(frozen=True, kw_only=True)
class Push(Task):
    """Push the target onto a mark.

    Attributes:
        mark: name of the mark.
    """

    mark: str
    stages: ClassVar[tuple[str, ...]] = ("approach", "push")

    def distance(self, view: View) -> float:
        """From the block's middle to the mark's, along the table [m]."""
        return sideways(view.position(self.target), view.position(self.mark))

    def is_done(self, view: View) -> bool:
        """Whether the block rests on the mark."""
        height = SHAPES[self.words[self.target][1]].half_height
        is_down = float(view.position(self.target)[2]) < height + 0.01
        return self.distance(view) <= ON_MARK and is_down and view.speed(self.target) < 0.05

    def stage(self, view: View) -> tuple[int, float]:
        """Near the block, then the block near the mark."""
        moved = 1.0 - self.distance(view) / self._way()
        near = float(np.linalg.norm(view.ee.position - view.position(self.target)))
        if near < 0.08 or moved > 0.1:
            return 1, moved
        return 0, nearness(near - 0.08)

    def has_begun(self, view: View) -> bool:
        """Once the block moves: the fingers knock it ahead of them and hardly ever touch it."""
        start = np.array(self.scene.body(self.target).position)
        return sideways(view.position(self.target), start) > 0.003

    def has_ended(self, view: View) -> bool:
        """Once the block is well on the mark, still moving or not."""
        return self.distance(view) <= ON_MARK / 3

    def _way(self) -> float:
        start = self.scene.body(self.target).position
        goal = self.scene.body(self.mark).position
        return math.hypot(start[0] - goal[0], start[1] - goal[1])

    def goal(self, view: View) -> Goal:
        """Down behind the block, then push it along the line to the mark, steering by its place."""
        block, mark, hand = (
            view.position(self.target),
            view.position(self.mark),
            view.ee.position,
        )
        left = max(self.distance(view), 1e-6)
        along = (mark - block)[:2] / left
        is_low = hand[2] < _HEIGHT + 0.025
        near = view.ee_yaw if is_low else _YAW_MIDDLE
        yaw = near + math.remainder(math.atan2(along[1], along[0]) - near, math.pi)
        reach = self._half_length(view, yaw) + _FINGER
        offset = (block - hand)[:2]
        behind, aside = float(offset @ along), float(offset[0] * along[1] - offset[1] * along[0])
        if (
            is_low
            and 0 < behind < reach + _BEHIND + 0.03
            and abs(aside) < 0.02 + 0.2 * max(0.0, behind - reach)
            and yaw_error(view, yaw) < 0.5
        ):
            ahead = block[:2] - along * (reach - left - 0.004)
            point = np.array([*ahead, _HEIGHT])
            return Goal(position=point, yaw=yaw, gripper=_GRIPPER, speed=_SPEED)
        start = np.array([*(block[:2] - along * (reach + _BEHIND)), _HEIGHT])
        return approach(view, start, yaw, _GRIPPER, landing=0.02)

    def _half_length(self, view: View, yaw: float) -> float:
        """Of the block along the push [m]."""
        kind = SHAPES[self.words[self.target][1]]
        if kind.primitive != "box":
            return kind.size[0]
        angle = yaw - view.yaw(self.target)
        return abs(math.cos(angle)) * kind.size[0] + abs(math.sin(angle)) * kind.size[1]


def draw_push(request: Request, rng: np.random.Generator) -> Push:
    """A block at some way from its mark, other marks and blocks beside the way."""
    table = Table(request=request, rng=rng)
    color, goal = table.draw_colors_of_pair()
    shape = table.draw_shape(_SHAPES, held_out=_HELD_OUT_SHAPES)
    x, y = table.take_place(SHAPES[shape].radius, is_target=True)
    mark_x, mark_y = _place_mark(table, x, y)
    mark = table.add(make_mark(goal, MARK_RADIUS, table.spot(mark_x, mark_y)), goal, "mark")
    target = table.add(make_thing(color, shape, table.spot(x, y)), color, shape)
    _keep_the_way_free(table, (x, y), (mark_x, mark_y))
    if request.num_distractors:
        (other,) = table.draw_colors(1, [goal, color])
        spot = table.spot(*table.take_place(MARK_RADIUS))
        table.add(make_mark(other, MARK_RADIUS, spot), other, "mark")
    table.add_distractors(max(0, request.num_distractors - 1), _SHAPES, avoid=[color])
    return Push(
        scene=table.scene(),
        instruction=table.write("push", target=f"{color} {shape}", goal=goal),
        target=target,
        words=table.words,
        mark=mark,
    )


def _place_mark(table: Table, x: float, y: float) -> tuple[float, float]:
    for _ in range(60):
        mark_x, mark_y = table.variation.place(table.rng, is_target=False)
        way = math.hypot(mark_x - x, mark_y - y)
        if _MIN_WAY <= way <= _MAX_WAY and table.take(mark_x, mark_y, MARK_RADIUS):
            return mark_x, mark_y
    raise CrowdedError


def _keep_the_way_free(table: Table, start: tuple[float, float], end: tuple[float, float]) -> None:
    """No distractor stands on the way or where the hand comes down behind the block."""
    way = math.hypot(end[0] - start[0], end[1] - start[1])
    for along in (-0.06, way / 2):
        share = along / way
        x, y = (start[i] + share * (end[i] - start[i]) for i in range(2))
        table.block(x, y, 0.02)
