"""The adapters with the packages themselves, in each package's own virtual environment:

    python scripts/external_venvs.py gymnasium-robotics robosuite metaworld -- \
        python -m pytest tests/external/test_adapters.py
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from typing import Any

import numpy as np
import pytest

from sims.conformance import check_environment
from sims.external.config import EXTERNAL_IDS, ExternalConfig
from sims.external.env import ExternalEnv
from sims.external.instructions import METAWORLD_TASKS, ROBOSUITE_TASKS, describe

pytestmark = pytest.mark.filterwarnings("default")  # the packages' own


def needs(package: str) -> pytest.MarkDecorator:
    """Skip where a package is not installed."""
    found = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not found, reason=f"{package} has an environment of its own")


def make(name: str, task: str, **settings: Any) -> ExternalEnv:
    module, _, env_class = EXTERNAL_IDS[f"External/{name}-v0"].partition(":")
    config = ExternalConfig(task=task, height=48, width=48, **settings)
    return getattr(importlib.import_module(module), env_class)(config)


def check(name: str, task: str, **settings: Any) -> None:
    check_environment(lambda: make(name, task, **settings), seeds=(0, 1), num_steps=12)


@needs("gymnasium_robotics")
@pytest.mark.parametrize(
    "task",
    [
        "FetchPickAndPlace-v4",
        "FetchReach-v4",
        "HandManipulateBlock-v1",
        "AdroitHandDoor-v1",
        "PointMaze_UMaze-v3",
    ],
)
def test_gymnasium_robotics_keeps_the_contract(task):
    check("GymnasiumRobotics", task)


@needs("gymnasium_robotics")
def test_the_kitchens_robot_and_view_are_found():
    env: Any = make("GymnasiumRobotics", "FrankaKitchen-v1")
    obs, _ = env.reset(seed=0)
    assert obs["state"].shape == (9,), "seven joints and two fingers; no knob, no door"
    assert obs["images"][0].std() > 20


@needs("gymnasium_robotics")
def test_fetch_succeeds_where_the_goal_is():
    env: Any = make("GymnasiumRobotics", "FetchReach-v4", state="package")
    obs, info = env.reset(seed=0)
    assert env.observation_space["state"].shape == (13,)
    for _ in range(50):
        goal, hand = obs["state"][-3:], obs["state"][:3]
        action = np.append(np.clip(10 * (goal - hand), -1, 1), 0).astype(np.float32)
        obs, reward, terminated, _, info = env.step(action)
        if terminated:
            break
    assert (reward, terminated, info["success"]) == (1.0, True, True)
    assert info["truth"]["package_facts"] == {"is_success": 1.0}
    assert info["truth"]["package_reward"] == 0.0, "theirs is -1 until then"


@needs("gymnasium_robotics")
def test_the_red_mark_is_drawn_where_fetchs_goal_is():
    env: Any = make("GymnasiumRobotics", "FetchPickAndPlace-v4", cameras=["external_camera_0"])
    reds = []
    for seed in range(4):
        picture = env.reset(seed=seed)[0]["images"][0].astype(int)
        red = (picture[..., 0] > 150) & (picture[..., 1] < 80) & (picture[..., 2] < 80)
        goal = np.array(env.package_env.goal)
        reds.append((np.argwhere(red).mean(axis=0)[1], goal[1]))
    columns, sideways = np.array(reds).T
    assert abs(np.corrcoef(columns, sideways)[0, 1]) > 0.95


@needs("robosuite")
@pytest.mark.parametrize("task", ["Lift", "Door"])
def test_robosuite_keeps_the_contract(task):
    check("Robosuite", task)


@needs("robosuite")
def test_robosuites_own_resets_are_decided_by_the_seed_too():
    env = make("Robosuite", "Lift", options={"hard_reset": True})
    first, other, again = (env.reset(seed=seed)[0] for seed in (1, 2, 1))
    assert not np.array_equal(first["state"], other["state"])
    assert np.array_equal(first["state"], again["state"])
    assert np.array_equal(first["images"][0], again["images"][0])


@needs("robosuite")
def test_lifting_the_cube_is_a_success():
    env: Any = make("Robosuite", "Lift", state="package")
    env.reset(seed=0)
    inner = env.package_env
    gripper = env.action_space.shape[0] - 1
    success = False
    for step in range(120):
        cube = inner.sim.data.body_xpos[inner.cube_body_id]
        hand = inner.sim.data.site_xpos[inner.robots[0].eef_site_id["right"]]
        action = np.zeros(gripper + 1, np.float32)
        is_closing = step > 50
        goal = cube if step < 65 else hand + np.array([0, 0, 0.1])
        action[:3] = np.clip(10 * (goal - hand), -1, 1)
        action[gripper] = 1.0 if is_closing else -1.0
        *_, terminated, _, info = env.step(action)
        success = info["success"]
        if terminated:
            break
    assert success


@needs("robosuite")
def test_every_task_of_robosuite_is_described():
    assert set(importlib.import_module("robosuite").ALL_ENVIRONMENTS) == set(ROBOSUITE_TASKS)


@needs("metaworld")
@pytest.mark.parametrize("task", ["pick-place-v3", "drawer-open-v3"])
def test_metaworld_keeps_the_contract_and_its_policy_solves_it(task):
    check("Metaworld", task)


@needs("metaworld")
def test_every_task_of_metaworld_can_be_made_and_is_described():
    tasks = importlib.import_module("metaworld.env_dict").ALL_V3_ENVIRONMENTS
    assert {task.removesuffix("-v3") for task in tasks} == set(METAWORLD_TASKS)
    for task in list(tasks)[::7]:
        env = make("Metaworld", task, paraphrases=False)
        words = env.reset(seed=0)[0]["text"]
        assert words.lower() == describe(task, METAWORLD_TASKS) + "."
        assert getattr(env, "expert_reply")().shape == (4,)  # noqa: B009  (of this adapter alone)
        env.close()


@needs("metaworld")
def test_an_episode_of_metaworld_lasts_as_long_as_asked():
    env = make("Metaworld", "reach-v3", max_steps=3)
    env.reset(seed=0)
    overs = [env.step(np.zeros(4))[2:4] for _ in range(3)]
    assert overs == [(False, False), (False, False), (False, True)]


CASES = [
    pytest.param("GymnasiumRobotics", "FetchPush-v4", marks=needs("gymnasium_robotics")),
    pytest.param("Robosuite", "Stack", marks=needs("robosuite")),
    pytest.param("Metaworld", "push-v3", marks=needs("metaworld")),
]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_state_survives_json_and_a_second_environment(name, task):
    env, other = make(name, task), make(name, task)
    env.reset(seed=3)
    actions = np.random.default_rng(0).uniform(-1, 1, (6, *env.action_space.shape))
    for action in actions[:3]:
        env.step(action)
    obs, info = other.set_state(json.loads(json.dumps(env.get_state())))
    assert (
        info["truth"]["package_state"]
        == env._info(success=False, reward=0.0, facts={})["truth"]["package_state"]
    )
    for action in actions[3:]:
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one[0]["state"], two[0]["state"])
        assert np.array_equal(one[0]["images"][0], two[0]["images"][0])
    assert obs in env.observation_space


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_packages_look_and_the_plain_one_show_the_same_scene(name, task):
    pictures = [
        make(name, task, look=look).reset(seed=0)[0]["images"][0] for look in ("plain", "package")
    ]
    plain, package = (picture.astype(float).mean(axis=2).ravel() for picture in pictures)
    assert np.corrcoef(plain, package)[0, 1] > 0.7


@pytest.mark.parametrize(("name", "task"), CASES)
def test_unknown_tasks_are_answered_with_near_ones(name, task):
    with pytest.raises(ValueError, match=f"near are .*{task[:4]}"):
        make(name, task[:-1])
