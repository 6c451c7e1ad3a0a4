"""Scripted experts: they read the simulator's poses, decide anew at every action, and speak
whichever control mode the environment has.

A task says where the hand goes next (`Task.goal`), the control mode says by which order
(`Control.aim`), and the style "noisy" puts something between the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sims.manipulation.orders import Control, Goal
from sims.manipulation.physics import Physics
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.view import View

STYLES = ("best", "noisy")
_WOBBLE, _NEAREST_WOBBLE = 0.018, 0.25
"""How far the noisy hand strays from its goal, along each axis [m], and which share of that is left
close to it or with something in the hand."""
_WOBBLES_FROM = 0.08
"""At this distance from the goal, and beyond, it strays in full [m]."""
_WOBBLE_PERIODS = (7.0, 19.0)
"""Shortest and longest period of that [actions]."""
_YAW_WOBBLE = 0.12
_SLOWEST, _NOISY_SPEED = 0.35, 0.05
"""The noisy hand goes at this share, at least, of this largest step [m]."""
_CAREFUL = 0.006
"""Largest step near a thing of an expert that shows its path [m]."""
_CARRIED = 0.01
"""A thing is carried when it is held so far above where it stood [m]."""
_EXTRA = 6
"""For how many ticks longer than it must be a task is done where a path is shown, so that the path
does not end at the very edge of success."""
_LAPSE_EVERY, _LAPSE_LENGTH = 17, 3
"""Once in so many actions its attention lapses for so many: it holds still."""


class Care:
    """What makes an expert that shows a path slow down where it handles things, so that what it
    pushes stays with its hand.
    """

    def disturb(self, goal: Goal, hand: np.ndarray, index: int) -> Goal:
        """A goal as the careful expert sees it; arguments as of `Wobble.disturb`."""
        return replace(goal, speed=_CAREFUL) if goal.speed < math.inf else goal


class Wobble:
    """What makes the noisy expert miss and correct itself; decided by a seed alone.

    Args:
        seed: of the episode.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._periods = rng.uniform(*_WOBBLE_PERIODS, size=5)
        self._phases = rng.uniform(0.0, 2 * math.pi, size=5)
        self._lapse_phase = int(rng.integers(_LAPSE_EVERY))

    def disturb(self, goal: Goal, hand: np.ndarray, index: int) -> Goal:
        """A goal as the noisy expert sees it.

        Args:
            goal: what the task says.
            hand: where the end effector is, (3,) [m].
            index: which action of the episode this is, from 0.
        """
        waves = np.sin(2 * math.pi * index / self._periods + self._phases)
        lapses = (index + self._lapse_phase) % _LAPSE_EVERY < _LAPSE_LENGTH
        away = float(np.linalg.norm(goal.position - hand)) / _WOBBLES_FROM
        share = _NEAREST_WOBBLE if goal.gripper > 0 else min(1.0, max(_NEAREST_WOBBLE, away))
        position = hand if lapses else goal.position + share * _WOBBLE * waves[:3]
        pace = _SLOWEST + (1 - _SLOWEST) * (1 + waves[4]) / 2
        return replace(
            goal,
            position=position,
            yaw=goal.yaw + share * _YAW_WOBBLE * waves[3],
            speed=min(goal.speed, _NOISY_SPEED) * pace,
        )


def expert_order(
    task: Task, physics: Physics, control: Control, wobble: Wobble | Care | None, index: int
) -> np.ndarray:
    """What the expert does now: float32 (D,).

    Args:
        task: what is asked for.
        physics: the world.
        control: how it is commanded.
        wobble: None for the best style.
        index: which action of the episode this is, from 0.
    """
    view = View(physics)
    goal = task.goal(view)
    if wobble is not None:
        goal = wobble.disturb(goal, view.ee.position, index)
    return control.aim(goal)


def expert_chunk(
    task: Task,
    physics: Physics,
    control: Control,
    wobble: Wobble | None,
    first: int,
    length: int,
) -> np.ndarray:
    """The next `length` orders, float32 (length, D), found by living them ahead. The world is put
    back to where it was.

    Args:
        task, physics, control, wobble: as of `expert_order`.
        first: which action of the episode the first is.
        length: how many, at least 1.
    """
    saved = physics.get_state(), control.get_state()
    orders = [expert_order(task, physics, control, wobble, first)]
    try:
        for index in range(first + 1, first + length):
            for _ in control.ticks(orders[-1].astype(np.float64)):
                pass
            orders.append(expert_order(task, physics, control, wobble, index))
    finally:
        if length > 1:
            physics.set_state(saved[0])
            control.set_state(saved[1])
    return np.stack(orders)


def expert_path(task: Task, physics: Physics, control: Control, max_orders: int) -> np.ndarray:
    """The end effector's path from its first hold of something until it lets that go or the task is
    done, as the best expert would go: float64 (n, 3) [m], n at least 2. The physics is put back.

    Args:
        task: what is asked for.
        physics: the world at its start.
        control: a control mode of its own, which takes over the arm as it stands.
        max_orders: the episode's limit.
    """
    saved = physics.get_state()
    control.begin()
    try:
        points = list(_path_points(task, physics, control, max_orders))
        points = points or [physics.ee_pose().position.copy()]
    finally:
        physics.set_state(saved)
    return np.stack(points if len(points) > 1 else 2 * points)


def _path_points(
    task: Task, physics: Physics, control: Control, max_orders: int
) -> Iterator[np.ndarray]:
    """Where the expert's hand is after each tick of the path that is shown."""
    has_begun, done_for, carried = False, 0, ""
    start = View(physics)
    rest = {name: start.position(name)[2] for name in task.words}

    # Where the path begins before anything is touched, nothing is handled that care could help.
    care = None if task.has_begun(start) else Care()

    def is_carried(view: View, name: str) -> bool:
        return view.grasped(name) and view.position(name)[2] > rest[name] + _CARRIED

    for index in range(max_orders):
        order = expert_order(task, physics, control, care, index)
        for _ in control.ticks(order.astype(np.float64)):
            view = View(physics)
            has_begun = has_begun or task.has_begun(view)
            if has_begun:
                yield view.ee.position.copy()
            carried = carried or next((n for n in rest if is_carried(view, n)), "")
            done_for = done_for + 1 if task.is_done(view) else 0
            has_let_go = bool(carried) and view.fingers_on(carried) == 0
            is_well_done = done_for >= task.hold_ticks + _EXTRA
            if has_let_go or is_well_done or (has_begun and task.has_ended(view)):
                return
