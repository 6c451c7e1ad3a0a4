"""OpenDrawer: the drawer of a colour, in a cabinet of two or three, is pulled open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.scene import Body, Part, Slide, Vector
from sims.manipulation.tasks.moves import CLOSED, pick
from sims.manipulation.tasks.table import Request, Table
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import CABINET_COLOR, HANDLE_COLOR, color_of
from sims.manipulation.tasks.view import View, nearness

OPEN_FROM = 0.08
"""A drawer is open when it has come out so far [m]."""
TRAVEL = 0.12
FRONT_X = 0.45
"""Of the cabinet's front [m]."""
_DEPTH, _HEIGHT, _WIDTH = 0.13, 0.075, 0.115
"""Of a drawer's box, with its share of the cabinet round it [m]."""
_GAP, _BOARD = 0.004, 0.004
_HANDLE_OUT = 0.04
"""Of the handle's middle from the front [m]."""
_HANDLE_SHAPES = ("box", "cylinder")
"""What a handle is made of: in training, and in the held-out kind "shape"."""


@dataclass(frozen=True, kw_only=True)
class OpenDrawer(Task):
    """Pull the target out."""

    stages: ClassVar[tuple[str, ...]] = ("approach", "grasp", "pull")
    hold_ticks: ClassVar[int] = 1

    def handle(self, view: View) -> np.ndarray:
        """The middle of the target's handle, (3,) [m]."""
        return view.position(self.target) + np.array([_DEPTH / 2 + _HANDLE_OUT, 0.0, 0.0])

    def is_done(self, view: View) -> bool:
        """Whether it is open."""
        return view.slide(self.target) >= OPEN_FROM

    def distance(self, view: View) -> float:
        """What it has yet to come out [m]."""
        return max(0.0, OPEN_FROM - view.slide(self.target))

    def stage(self, view: View) -> tuple[int, float]:
        """Near the handle, holding it, pulling."""
        out = view.slide(self.target) / OPEN_FROM
        if out > 0.05 or view.grasped(self.target):
            return 2, out
        near = float(np.linalg.norm(view.ee.position - self.handle(view)))
        return (1, 0.5) if near < 0.02 else (0, nearness(near - 0.02))

    def goal(self, view: View) -> Goal:
        """Grasp the handle and pull."""
        handle = self.handle(view)
        if view.grasped(self.target):
            pulled = handle + np.array([0.06, 0.0, 0.0])
            pulled[2] = view.ee.position[2]
            return Goal(position=pulled, yaw=0.0, gripper=CLOSED, speed=0.025)
        return pick(view, handle, 0.0)

    def graspable(self) -> str:
        """The handle."""
        return f"{self.target}/handle"


def draw_open_drawer(request: Request, rng: np.random.Generator) -> OpenDrawer:
    """A cabinet with drawers of different colours side by side."""
    table = Table(request=request, rng=rng)
    count = min(3, max(2, 1 + request.num_distractors))
    color, index = table.draw_color_and_index(count)
    colors = table.draw_colors(count - 1, [color])
    colors.insert(index, color)
    middle = table.variation.number("cabinet_y", rng)
    handle = _HANDLE_SHAPES[table.variation.kind == "shape"]
    table.add(_make_cabinet(count, middle), "brown", "cabinet")
    for place, each in enumerate(colors):
        y = middle + (place - (count - 1) / 2) * _WIDTH
        table.add(_make_drawer(each, y, handle, table), each, "drawer")
    return OpenDrawer(
        scene=table.scene(),
        instruction=table.write("open_drawer", target=color),
        target=f"{color}_drawer",
        words=table.words,
    )


def _make_cabinet(count: int, middle: float) -> Body:
    """A back, a top and the walls between; the drawers stand clear of all of them."""
    x, half_depth = FRONT_X - _DEPTH / 2, _DEPTH / 2
    half_height, half_width = _HEIGHT / 2, count * _WIDTH / 2

    def board(size: Vector, position: Vector) -> Part:
        return Part(shape="box", size=size, color=CABINET_COLOR, position=position)

    back = board((_BOARD, half_width + _BOARD, half_height), (-half_depth - _BOARD, 0.0, 0.0))
    top = board((half_depth, half_width + _BOARD, _BOARD), (0.0, 0.0, half_height + _BOARD))
    walls = [
        board((half_depth, _BOARD / 2, half_height), (0.0, -half_width + i * _WIDTH, 0.0))
        for i in range(count + 1)
    ]
    return Body(name="cabinet", parts=(back, top, *walls), position=(x, middle, half_height))


def _make_drawer(color: str, y: float, handle: str, table: Table) -> Body:
    """An open box with a coloured front and a handle standing out of it."""
    spot = table.spot(FRONT_X - _DEPTH / 2, y, turned=False)
    half_width, half_height = _WIDTH / 2 - _GAP, _HEIGHT / 2 - _GAP
    half_depth = _DEPTH / 2 - _GAP

    def board(size: Vector, position: Vector, rgb: tuple[float, float, float]) -> Part:
        return Part(shape="box", size=size, color=rgb, position=position, texture=spot.texture)

    inside = (0.75, 0.70, 0.62)
    floor = board(
        (half_depth, half_width, _BOARD / 2), (0.0, 0.0, _BOARD / 2 - half_height), inside
    )
    sides = [
        board(
            (half_depth, _BOARD / 2, half_height * 0.7),
            (0.0, s * (half_width - _BOARD), 0.0),
            inside,
        )
        for s in (-1, 1)
    ]
    front = board((_BOARD, half_width, half_height), (_DEPTH / 2, 0.0, 0.0), color_of(color))
    stem = board(
        (_HANDLE_OUT / 2, 0.004, 0.006), (_DEPTH / 2 + _HANDLE_OUT / 2, 0.0, 0.0), HANDLE_COLOR
    )
    knob = Part(
        shape="box" if handle == "box" else "cylinder",
        size=(0.012, 0.010, 0.018) if handle == "box" else (0.011, 0.011, 0.018),
        color=HANDLE_COLOR,
        position=(_DEPTH / 2 + _HANDLE_OUT, 0.0, 0.0),
        name="handle",
    )
    return Body(
        name=f"{color}_drawer",
        parts=(floor, *sides, front, stem, knob),
        position=(spot.x, spot.y, _HEIGHT / 2),
        mass=spot.mass + 0.2,
        slide=Slide(axis=(1.0, 0.0, 0.0), travel=TRAVEL, damping=table.damping),
        friction=spot.friction,
    )
