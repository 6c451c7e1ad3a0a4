"""The manipulation environment: what it shows, what it counts, and what its facts say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import sims
from sims.config import ManipulationEnvConfig
from sims.manipulation.cameras import project
from sims.manipulation.config import TASKS, ManipulationConfig
from sims.manipulation.env import ManipulationEnv
from sims.manipulation.physics import SimulationDivergedError

SMALL = {"height": 32, "width": 32}


@contextmanager
def making(task: str = "reach", **settings: object) -> Iterator[ManipulationEnv]:
    env = ManipulationEnv(ManipulationConfig(**(SMALL | settings)), task)
    try:
        yield env
    finally:
        env.close()


@pytest.fixture(scope="module")
def env():
    with making() as env:
        yield env


HOLD = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_an_id_and_an_instruction(task):
    env_id = f"Manipulation/{task.title().replace('_', '')}-v0"
    config = ManipulationEnvConfig(id=env_id, config=ManipulationConfig(**SMALL))
    env = sims.make_env(config)
    obs, info = env.reset(seed=0)
    assert info["truth"]["task"] == task
    assert obs["text"] == info["truth"]["instruction"]
    env.close()


def test_an_unknown_task_is_named_with_the_legal_ones():
    with making("dance") as env, pytest.raises(ValueError, match="'dance'; legal: reach, push"):
        env.reset(seed=0)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="chunk_length is 0"):
        ManipulationEnv(ManipulationConfig(chunk_length=0))
    with pytest.raises(ValueError, match="front_fovy is nan; it must be from 5 to 120 degrees"):
        ManipulationEnv(ManipulationConfig(front_fovy=math.nan))


def test_an_observation_is_the_instruction_the_cameras_pictures_and_the_state():
    with making(cameras=["wrist", "front"]) as env:
        obs, _ = env.reset(seed=1)
        wrist, front = (env.physics.render(name, 32, 32).rgb for name in ("wrist", "front"))
        assert np.array_equal(obs["images"][0], wrist)
        assert np.array_equal(obs["images"][1], front)
        ee = env.physics.ee_pose()
        expected = [*env.physics.joint_pos(), env.physics.finger_width(), *ee.position, *ee.quat]
        assert obs["state"] == pytest.approx(np.array(expected, dtype=np.float32))


def test_facts_can_be_written_and_say_what_the_physics_says(env):
    obs, info = env.reset(seed=2)
    truth = json.loads(json.dumps(info["truth"], allow_nan=False))
    target = truth["bodies"][truth["target"]]
    assert target["position"] == pytest.approx(env.physics.body_pose(truth["target"]).position)
    assert target["color"] in obs["text"]
    assert truth["stages"] == ["reach"]
    assert truth["split"] == "train"
    assert truth["engine"] == "mujoco"
    assert truth["grasped"] is None
    assert info["success"] is info["is_success"] is truth["success_once"] is False


def test_distance_and_progress_of_reach_follow_the_hand(env):
    env.reset(seed=3)
    earlier = math.inf
    while True:
        _, reward, terminated, truncated, info = env.step(env.expert_reply())
        truth = info["truth"]
        target = truth["bodies"][truth["target"]]["position"]
        over = np.array(truth["ee_position"]) - target
        assert 0 <= truth["progress"] <= truth["progress_best"] <= 1
        assert truth["distance"] <= earlier + 1e-3
        earlier = truth["distance"]
        if terminated or truncated:
            break
    assert terminated
    assert reward == 1.0
    assert info["success"] is truth["success_once"] is True
    assert truth["progress"] == 1.0
    assert np.linalg.norm(over[:2]) < 0.03  # right over the thing
    assert 0 < over[2] < 0.07


def test_nothing_done_is_truncated_after_max_steps_with_no_reward():
    with making(max_steps=3) as env:
        env.reset(seed=0)
        over = [env.step(HOLD)[1:4] for _ in range(3)]
        assert over == [(0.0, False, False), (0.0, False, False), (0.0, False, True)]
        with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
            env.step(HOLD)


def test_a_chunk_equals_its_rows_one_by_one():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, size=(6, 7)).astype(np.float32)
    with making(chunk_length=6) as chunked, making() as single:
        chunked.reset(seed=4)
        single.reset(seed=4)
        obs, *_, info = chunked.step(rows)
        for row in rows:
            expected, *_ = single.step(row)
    assert info["num_executed"] == 6
    assert np.array_equal(obs["state"], expected["state"])
    assert np.array_equal(obs["images"][0], expected["images"][0])


def test_a_chunk_that_is_longer_than_the_episode_stops_with_it():
    with making(chunk_length=8, max_steps=10) as env:
        env.reset(seed=0)
        *_, truncated, info = env.step(np.tile(HOLD, (8, 1)))
        assert (truncated, info["num_executed"]) == (False, 8)
        *_, truncated, info = env.step(np.tile(HOLD, (8, 1)))
        assert (truncated, info["num_executed"]) == (True, 2)


def test_a_chunk_stops_where_the_task_is_done():
    with making(chunk_length=40) as env:
        env.reset(seed=0)
        chunk = env.expert_reply()
        assert chunk.shape == (40, 7)
        assert env.action_space.contains(chunk)
        _, reward, terminated, _, info = env.step(chunk)
        assert (reward, terminated) == (1.0, True)
        assert 5 < info["num_executed"] < 20


def test_planning_a_chunk_leaves_the_world_as_it_was():
    with making("pick_place", chunk_length=12) as env:
        env.reset(seed=0)
        env.step(env.expert_reply())
        before = env.physics.get_state()["state"].copy()
        chunk = env.expert_reply()
        assert np.array_equal(env.physics.get_state()["state"], before)
        assert np.array_equal(env.expert_reply(), chunk)


def test_what_was_wrong_with_an_action_is_counted_and_said_once(env):
    instruction = env.reset(seed=0)[0]["text"]
    for bad, name, said in (
        (HOLD * 5, "num_clipped", "out of range"),
        (HOLD * np.nan, "num_invalid", "not finite"),
    ):
        obs, *_, info = env.step(bad)
        assert obs["text"].startswith(instruction)
        assert said in obs["text"]
        assert info[name] == 1
    obs, *_, info = env.step(HOLD)
    assert obs["text"] == instruction
    assert (info["num_clipped"], info["num_invalid"], info["num_unreachable"]) == (1, 1, 0)
    up = HOLD + np.eye(7, dtype=np.float32)[2]
    while info["num_unreachable"] == 0:
        obs, *_, info = env.step(up)
    assert "out of reach" in obs["text"]


def test_a_wrong_shape_changes_nothing(env):
    env.reset(seed=0)
    before = env.physics.get_state()["state"].copy()
    with pytest.raises(ValueError, match=r"has shape \(6,\); it must be \(7,\) or \(h, 7\)"):
        env.step(np.zeros(6))
    assert np.array_equal(env.physics.get_state()["state"], before)
    env.step(HOLD)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    action=arrays(np.float32, array_shapes(min_dims=0, max_dims=3, max_side=8), elements=NUMBERS)
)
def test_any_array_is_carried_out_or_refused(env, action):
    env.reset(seed=0)
    if action.shape not in {(7,), (1, 7)}:
        with pytest.raises(ValueError, match="it must be"):
            env.step(action)
        return
    obs, *_, info = env.step(action)
    assert env.observation_space.contains(obs)
    assert info["num_executed"] == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(arrays(np.float32, 7, elements=NUMBERS), min_size=3, max_size=5))
def test_whatever_numbers_come_the_episode_stays_sound(env, rows):
    env.reset(seed=1)
    for row in rows:
        obs, *_, info = env.step(row)
        json.dumps(info["truth"], allow_nan=False)
        assert env.observation_space.contains(obs)


def test_cameras_say_where_things_are_in_the_picture():
    with making("push", height=96, width=128, depth=True) as env:
        _, info = env.reset(seed=5)
        truth, camera = info["truth"], info["cameras"]["front"]
        assert (camera["height"], camera["width"]) == (96, 128)
        place = np.array(truth["bodies"][truth["target"]]["position"])
        x, y, away = project(place, camera["intrinsics"], camera["extrinsics"])
        labels = env.physics.render("front", 96, 128, labels=True).labels
        assert env.physics.label_names[labels[int(y), int(x)]] == truth["target"]
        assert info["depth"]["front"][int(y), int(x)] == pytest.approx(away, abs=0.035)


def test_a_narrower_view_shows_the_same_world_larger():
    tangents, areas, worlds = [], [], []
    for fovy in (38.0, 19.0):
        with making("push", height=128, width=128, front_fovy=fovy) as env:
            _, info = env.reset(seed=8)
            labels = env.physics.render("front", 128, 128, labels=True).labels
            target = env.physics.label_names.index(info["truth"]["target"])
            areas.append(int((labels == target).sum()))
            tangents.append(64 / info["cameras"]["front"]["intrinsics"][0, 0])
            worlds.append(info["truth"]["bodies"])
    assert tangents == pytest.approx([math.tan(math.radians(half)) for half in (19.0, 9.5)])
    assert areas[1] / areas[0] == pytest.approx((tangents[0] / tangents[1]) ** 2, rel=0.1)
    assert worlds[0] == worlds[1]


def test_task_facts_show_what_to_grasp_and_how_the_expert_goes():
    with making("push", height=128, width=128, task_facts=True) as env:
        _, info = env.reset(seed=6)
        before = env.physics.get_state()["state"].copy()
        truth, camera = info["truth"], info["cameras"]["front"]
        box, path = truth["affordance"]["box_xyxy_norm"], truth["expert_path"]["points"]
        ends = []
        for name in (truth["target"], env.draw.task.mark):
            place = np.array(truth["bodies"][name]["position"])
            ends.append(project(place, camera["intrinsics"], camera["extrinsics"])[:2] / 128)
        assert box[0] < ends[0][0] < box[2]
        assert box[1] < ends[0][1] < box[3]
        assert len(path) == 8
        assert np.linalg.norm(np.array(path[0]) - ends[0]) < 0.12  # behind the block
        assert np.linalg.norm(np.array(path[-1]) - ends[1]) < 0.12
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert steps == pytest.approx(np.full(7, steps.mean()), rel=0.2)
        env.set_state(env.get_state())
        assert np.array_equal(env.physics.get_state()["state"], before)


def test_facts_that_cost_are_left_out_unless_asked_for(env):
    _, info = env.reset(seed=0)
    assert not {"affordance", "expert_path"} & set(info["truth"])


def test_a_state_is_a_copy_and_goes_on_in_another_environment():
    with making("stack") as one, making("stack") as other:
        one.reset(seed=7)
        for _ in range(5):
            one.step(one.expert_reply())
        state = one.get_state()
        expected = [one.step(one.expert_reply())[0]["state"] for _ in range(8)]
        obs, info = other.set_state(state)
        assert np.array_equal(obs["state"], other.get_state() and obs["state"])
        assert info["truth"]["instruction"] == one.draw.task.instruction
        found = [other.step(other.expert_reply())[0]["state"] for _ in range(8)]
    assert np.array_equal(expected, found)


def test_a_group_shares_one_start():
    with making("push") as one, making("push") as other:
        first, second = one.reset(seed=9)[0], other.reset(seed=9)[0]
        assert first["text"] == second["text"]
        assert np.array_equal(first["images"][0], second["images"][0])


def test_a_simulation_that_diverges_ends_the_episode_with_its_last_states(env):
    env.reset(seed=0)
    state = env.physics.get_state()
    broken = state["state"].copy()
    broken[env.physics.model.nq // 2 :][:20] = 1e6
    env.physics.set_state({"state": broken})
    with pytest.raises(SimulationDivergedError) as caught:
        env.step(HOLD)
    json.dumps(caught.value.last_states)
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        env.step(HOLD)
    env.reset(seed=0)
    env.step(HOLD)


def test_the_registered_id_takes_the_configuration():
    env = gymnasium.make("Manipulation/Push-v0", config=ManipulationConfig(chunk_length=3, **SMALL))
    assert env.action_space.shape == (3, 7)
    env.close()
