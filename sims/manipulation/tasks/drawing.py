"""Draws the task of an episode: every choice comes from one generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sims.manipulation.config import MIXED, TASKS, ManipulationConfig
from sims.manipulation.scene import Vector
from sims.manipulation.splits import Variation, draw_variation
from sims.manipulation.tasks.open_drawer import draw_open_drawer
from sims.manipulation.tasks.pick_place import draw_pick_place
from sims.manipulation.tasks.push import draw_push
from sims.manipulation.tasks.reach import draw_reach
from sims.manipulation.tasks.reveal_then_pick import draw_reveal_then_pick
from sims.manipulation.tasks.sort_by_instruction import draw_sort_by_instruction
from sims.manipulation.tasks.stack import draw_stack
from sims.manipulation.tasks.table import CrowdedError, Request
from sims.manipulation.tasks.task import Task

_DRAW: dict[str, Callable[[Request, np.random.Generator], Task]] = {
    "reach": draw_reach,
    "push": draw_push,
    "pick_place": draw_pick_place,
    "stack": draw_stack,
    "sort_by_instruction": draw_sort_by_instruction,
    "open_drawer": draw_open_drawer,
    "reveal_then_pick": draw_reveal_then_pick,
}
_MAX_TABLES = 200


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What an episode begins with.

    Attributes:
        name: of the task, one of `TASKS`.
        task: what is asked for, and the scene.
        variation: in which respect it differs from training.
        hand: where the end effector is at first, pointing down [m].
        hand_yaw: about the vertical [rad].
        noise_seed: of the noisy expert's wobbling.
    """

    name: str
    task: Task
    variation: Variation
    hand: Vector
    hand_yaw: float
    noise_seed: int


def draw_episode(name: str, config: ManipulationConfig, rng: np.random.Generator) -> Draw:
    """A task with all its numbers.

    Args:
        name: one of `TASKS`, or `MIXED` for one of the configured tasks.
        config: split, distractors and wording.
        rng: the episode's generator, the only source of chance.

    Raises:
        ValueError: for an unknown task.
    """
    if name == MIXED:
        name = config.tasks[int(rng.integers(len(config.tasks)))]
    if name not in _DRAW:
        raise ValueError(f"the task is {name!r}; legal: {', '.join((*TASKS, MIXED))}")
    variation = draw_variation(config.split, rng)
    request = Request(
        variation=variation,
        num_distractors=config.num_distractors,
        paraphrases=config.paraphrases,
        front_fovy=config.front_fovy,
    )
    hand, yaw = variation.arm_start(rng)
    noise_seed = int(rng.integers(2**31))
    for _ in range(_MAX_TABLES):
        try:
            task = _DRAW[name](request, rng)
        except CrowdedError:
            continue
        return Draw(
            name=name,
            task=task,
            variation=variation,
            hand=hand,
            hand_yaw=yaw,
            noise_seed=noise_seed,
        )
    raise RuntimeError(f"no table for {name} has room for {config.num_distractors} distractors")
