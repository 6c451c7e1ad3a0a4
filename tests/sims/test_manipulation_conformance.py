"""Every manipulation environment keeps the suite's contract; its expert solves nearly all of it."""

from __future__ import annotations

import gymnasium
import pytest

from sims import check_environment
from sims.conformance.case import Case, random_action
from sims.conformance.rules import RULES, check_gymnasium_api
from sims.manipulation.config import TASKS, ManipulationConfig
from sims.manipulation.env import ManipulationEnv


def check(task: str, **settings: object) -> None:
    config = ManipulationConfig(height=32, width=32, **settings)
    env_id = f"Manipulation/{task.title().replace('_', '')}-v0"
    check_environment(
        lambda: gymnasium.make(env_id, config=config, disable_env_checker=True),
        seeds=(0, 1),
        num_steps=6,
        min_expert_success=0.95,
    )


@pytest.mark.parametrize("task", ["reach", "push", "open_drawer"])
def test_quick_tasks(task):
    check(task)


@pytest.mark.slow
@pytest.mark.parametrize("task", sorted(set(TASKS) - {"reach", "push", "open_drawer"}))
def test_long_tasks(task):
    check(task)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["vision", "semantics", "execution"])
def test_held_out_splits(split):
    check("push", split=split)


def test_chunks():
    check("reach", chunk_length=4)


@pytest.mark.slow
@pytest.mark.parametrize("control", ["joint_pos", "waypoint"])
def test_control_modes(control):
    """All but Gymnasium's advice to take numbers from -1 to 1: these are in radians and metres."""
    config = ManipulationConfig(height=32, width=32, control=control)
    case = Case(
        make_env=lambda: ManipulationEnv(config, "push"),
        seeds=(0, 1),
        num_steps=6,
        choose_action=random_action,
        min_expert_success=0.95,
    )
    for rule in set(RULES.values()) - {check_gymnasium_api}:
        rule(case)


@pytest.mark.slow
def test_the_other_engine():
    pytest.importorskip("pybullet")
    check("push", engine="bullet")
