"""What every task is: a scene, words, a measure of how far it is done, and an expert."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.scene import Scene
from sims.manipulation.tasks.moves import turned_like
from sims.manipulation.tasks.things import SHAPES
from sims.manipulation.tasks.view import View


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a task is done.

    Attributes:
        is_done: whether the world is as it was asked for, now.
        stage: name of the stage that is under way.
        progress: share of all stages that is done, in [0, 1]; 1 when it is done.
    """

    is_done: bool
    stage: str
    progress: float


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A task of one episode. Its methods read the world as it stands and remember nothing.

    Attributes:
        scene: the world at its start.
        instruction: what is asked for, in words.
        target: name of the body that is asked for.
        words: body name -> (colour, shape), as they are called.
        stages: names of what has to be done, in order.
        hold_ticks: for how many ticks in a row it must be done, to count as success.
    """

    scene: Scene
    instruction: str
    target: str
    words: dict[str, tuple[str, str]]
    stages: ClassVar[tuple[str, ...]]
    hold_ticks: ClassVar[int] = 3

    @abstractmethod
    def is_done(self, view: View) -> bool:
        """Whether the world is as it was asked for, now."""

    @abstractmethod
    def stage(self, view: View) -> tuple[int, float]:
        """Index of the stage that is under way, and which share of it is done, in [0, 1]."""

    @abstractmethod
    def distance(self, view: View) -> float:
        """What is left to the goal [m]: of the hand or of the target, whichever is asked for."""

    @abstractmethod
    def goal(self, view: View) -> Goal:
        """Where the expert's hand goes next."""

    def graspable(self) -> str:
        """Label of what the hand takes hold of, or touches, first."""
        return self.target

    def has_begun(self, view: View) -> bool:
        """Whether the hand has taken hold of something, and the expert's shown path begins."""
        return any(view.fingers_on(name) for name in self.words)

    def has_ended(self, view: View) -> bool:
        """Whether the expert's shown path ends although nothing was let go and the task is not done
        yet.
        """
        return False

    def standing(self, view: View) -> Standing:
        """How far the task is done."""
        index, share = self.stage(view)
        if self.is_done(view):
            return Standing(is_done=True, stage=self.stages[index], progress=1.0)
        progress = (index + min(1.0, max(0.0, share))) / len(self.stages)
        return Standing(is_done=False, stage=self.stages[index], progress=progress)

    def grip(self, view: View, name: str) -> tuple[np.ndarray, float]:
        """Where to grasp a thing and with which yaw of the hand."""
        kind = SHAPES[self.words[name][1]]
        point = view.position(name).copy()
        point[2] += max(0.0, kind.half_height - 0.025)
        return point, turned_like(view.yaw(name), view.ee_yaw, kind.turns)
