"""`AVR/Occlusion-v0` as Gymnasium sees it: contract, vectors, processes, states, replies."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import sims
from sims.avr.config import AvrConfig, nursery_config
from sims.conformance import check_environment
from sims.conformance.case import same

pytestmark = pytest.mark.render
OUR_IDS = sorted(i for i in gymnasium.registry if gymnasium.spec(i).namespace == "AVR")
make_nursery = partial(gymnasium.make, "AVR/Occlusion-v0", config=nursery_config())
STEPS = ["", "<action>F</action>", "<answer>A</answer>"]


def test_ids_are_registered():
    assert OUR_IDS == ["AVR/Occlusion-v0"]


@pytest.mark.parametrize("env_id", OUR_IDS)
@pytest.mark.parametrize("config", [AvrConfig(), nursery_config()], ids=["full", "nursery"])
def test_the_contract_is_kept(env_id, config):
    make_env = partial(gymnasium.make, env_id, config=config, disable_env_checker=True)
    check_environment(make_env, min_expert_success=0.95)


def first_pictures(vector) -> list:
    with closing(vector):
        obs, _ = vector.reset(seed=[3, 4])
        pictures = [images[0] for images in obs["images"]]
        obs, _, terminated, _, _ = vector.step(["<answer>A</answer>", "no tag"])
        assert terminated.tolist() == [True, False]
        return [*pictures, *(images[0] for images in obs["images"]), *obs["text"]]


def test_vectors_of_environments_agree():
    """One after the other in this process, and each in a process of its own."""
    alone = [make_nursery().reset(seed=seed)[0]["images"][0] for seed in (3, 4)]
    in_turn = first_pictures(SyncVectorEnv([make_nursery] * 2))
    apart = first_pictures(AsyncVectorEnv([make_nursery] * 2, shared_memory=False, context="spawn"))
    assert same(alone, in_turn[:2])
    assert same(in_turn, apart)


def test_a_state_survives_a_file_and_moves_to_another_environment():
    env = make_nursery().unwrapped
    _, start = env.reset(seed=5)
    letters = list(start["options"])
    env.step(f"<action>{letters[-1]}</action>")
    state = json.loads(json.dumps(env.get_state()))
    expected = env.step("<answer>A</answer>")
    other = make_nursery().unwrapped
    obs, _ = other.set_state(state)
    assert obs["text"] == "Turn 2 of 3."
    assert same(expected, other.step("<answer>A</answer>"))


def test_a_reply_that_chooses_nothing_costs_a_turn_and_is_told_what_is_legal():
    env = make_nursery()
    env.reset(seed=0)
    obs, reward, terminated, truncated, info = env.step("I would say red.")
    assert "no <answer> or <action> tag" in obs["text"]
    assert "Give one letter from A to" in obs["text"]
    assert obs["text"].endswith("Turn 2 of 3.")
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert (info["truth"]["kind"], info["truth"]["choice"]) == ("invalid", None)
    env.step("")
    assert env.step("")[3], "truncated by the third"


def test_an_answer_at_the_last_turn_terminates():
    env = make_nursery()
    env.reset(seed=0)
    env.step("")
    env.step("")
    _, _, terminated, truncated, _ = env.step("<answer>A</answer>")
    assert (terminated, truncated) == (True, False)


def test_boxes_lie_around_what_is_seen_there(full):
    """The dominant colour inside a box is the named one: red where red is said."""
    checked = 0
    for seed in range(40):
        obs, info = full.reset(seed=seed)
        for thing in info["truth"]["visible"]:
            x0, y0, x1, y1 = thing["box_xyxy"]
            assert 0 <= x0 < x1 <= 224
            assert 0 <= y0 < y1 <= 224
            cx, cy = (x0 + x1) // 2, (y0 + y1) // 2
            red, green, blue = obs["images"][0][cy, cx].astype(int)
            if " red " in thing["name"] and "rubber" in thing["name"]:
                assert red > 1.5 * max(green, blue), f"seed {seed} {thing}"
                checked += 1
            if " blue " in thing["name"] and "rubber" in thing["name"]:
                assert blue > 1.5 * red, f"seed {seed} {thing}"
                checked += 1
    assert checked >= 10


def test_render_gives_the_present_picture_and_no_more():
    env = make_nursery(render_mode="rgb_array")
    obs, _ = env.reset(seed=1)
    frame = env.render()
    assert np.array_equal(frame, obs["images"][0])
    frame[:] = 0
    assert env.render().any()


def test_wrong_configurations_are_refused_at_once():
    with pytest.raises(ValueError, match="max_turns is 1; legal: 2 to 64"):
        gymnasium.make("AVR/Occlusion-v0", config=AvrConfig(max_turns=1))


def test_unknown_ids_are_refused_with_a_near_one():
    with pytest.raises(gymnasium.error.NameNotFound, match="Did you mean: `Occlusion`"):
        sims.make_env(sims.EnvConfig(id="AVR/Oclusion-v0"))


def test_nothing_is_gained_once_the_answer_is_proven():
    env, opened = make_nursery(), 0
    for seed in range(60):
        _, info = env.reset(seed=seed)
        if not info["truth"]["sufficient"]:
            continue
        closed = info["truth"]["num_closed"]
        picks = [letter for letter, text in info["options"].items() if text.startswith("[Pick]")]
        for letter in picks[:2]:
            truth = env.step(f"<action>{letter}</action>")[4]["truth"]
            assert (truth["gained"], truth["num_revealed"]) == (False, 0)
        opened += closed - truth["num_closed"]
    assert opened > 3, "there was something to open, and it was opened"
