"""Text control: what replies do to the arm, and what the expert says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sims.manipulation.config import ManipulationConfig
from sims.manipulation.env import ManipulationEnv
from sims.manipulation.spoken import read_prediction
from sims.manipulation.text_control import MAX_REPLY_CHARS, find_handling, spoken_name

CONFIG = ManipulationConfig(control="text", max_steps=2, height=96, width=96, task_facts=True)
STRAY = "<think>I do not know.</think>"


def make(task: str, **changes: Any) -> ManipulationEnv:
    return ManipulationEnv(replace(CONFIG, **changes), task=task)


@pytest.fixture(scope="module")
def reach() -> Iterator[ManipulationEnv]:
    env = make("reach")
    yield env
    env.close()


@pytest.mark.parametrize("task", ["reach", "push", "pick_place", "open_drawer"])
def test_acting_on_the_experts_path_solves_the_task(task: str) -> None:
    """Two of three seeds at least, where the bar over many is 0.9."""
    env, num_solved = make(task, max_steps=1), 0
    for seed in range(3):
        env.reset(seed=seed)
        _, reward, terminated, truncated, info = env.step(env.expert_reply())
        assert terminated or truncated
        assert info["truth"]["prediction"]["kind"] == "trajectory"
        num_solved += int(reward)
    env.close()
    assert num_solved >= 2


def test_acting_on_the_experts_box_lifts_the_thing() -> None:
    env, num_lifted = make("pick_place", prediction="box", max_steps=1), 0
    for seed in range(3):
        _, info = env.reset(seed=seed)
        name = info["truth"]["target"]
        before = info["truth"]["bodies"][name]["position"][2]
        info = env.step(env.expert_reply())[4]
        num_lifted += info["truth"]["bodies"][name]["position"][2] > before + 0.05
        assert info["truth"]["prediction"]["kind"] == "box"
    env.close()
    assert num_lifted >= 2


def test_the_experts_reply_is_the_truth_in_words(reach: ManipulationEnv) -> None:
    _, info = reach.reset(seed=4)
    reply = reach.expert_reply()
    assert isinstance(reply, str)
    found = read_prediction(reply, "trajectory")
    assert found.well_formed
    points = info["truth"]["expert_path"]["points"]
    np.testing.assert_allclose(found.value, points, atol=6e-4)
    assert info["truth"]["instruction"] in reply
    for thing in info["truth"]["bodies"].values():
        assert f"the {thing['color']} {thing['shape']} at (" in reply
    assert reply == reach.expert_reply()
    noisy = read_prediction(str(reach.expert_reply("noisy")), "trajectory")
    error = np.abs(np.array(noisy.value) - points).mean()
    assert 0.002 < error < 0.1


def test_the_right_box_has_its_salience(reach: ManipulationEnv) -> None:
    """As many cells as the box has pixels, some of which show the thing and some do not."""
    _, info = reach.reset(seed=4)
    affordance = info["truth"]["affordance"]
    x0, y0, x1, y1 = (round(96 * n) for n in affordance["box_xyxy_norm"])
    salience = np.array(affordance["salience"])
    assert salience.shape == (y1 - y0, x1 - x0)
    assert 0.4 < salience.mean() <= 1
    assert min(salience.any(axis=0).all(), salience.any(axis=1).all())
    json.dumps(info["truth"], allow_nan=False)


def test_what_cannot_be_read_holds_still_and_is_explained(reach: ManipulationEnv) -> None:
    _, before = reach.reset(seed=1)
    obs, reward, terminated, truncated, info = reach.step(STRAY)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["num_invalid"] == 1
    truth = info["truth"]
    assert truth["prediction"]["kind"] == "none"
    assert truth["executed"] is None
    assert truth["prediction"]["problem"] in obs["text"]
    moved = np.subtract(truth["ee_position"], before["truth"]["ee_position"])
    assert np.abs(moved).max() < 0.005
    *_, truncated, info = reach.step(STRAY)
    assert truncated
    assert info["num_invalid"] == 2


def test_what_lies_outside_is_clipped_and_counted(reach: ManipulationEnv) -> None:
    """The lower left corner of the picture is out of the arm's reach, too."""
    reach.reset(seed=1)
    obs, *_, info = reach.step("<think>a</think><output>[[0.5, 0.5], [-3, 9]]</output>")
    assert info["num_clipped"] >= 1
    assert info["truth"]["prediction"]["value"][1] == [0.0, 1.0]
    assert "clipped" in obs["text"]
    executed = info["truth"]["executed"]
    assert executed["reached"] is False
    assert np.isfinite([*executed["start"], *executed["end"]]).all()


def test_no_text_is_an_error(reach: ManipulationEnv) -> None:
    reach.reset(seed=1)
    with pytest.raises(ValueError, match=r"action is a ndarray; with env.config.control=text"):
        reach.step(np.zeros(7))
    assert reach.action_space.contains("x" * MAX_REPLY_CHARS)


def test_a_state_brings_back_the_reply_that_led_to_it(reach: ManipulationEnv) -> None:
    reach.reset(seed=2)
    reach.step(STRAY)
    state = reach.get_state()
    first = reach.step(reach.expert_reply())
    _, info = reach.set_state(state)
    assert info["truth"]["prediction"]["kind"] == "none"
    assert info["num_invalid"] == 1
    again = reach.step(reach.expert_reply())
    assert first[4]["truth"] == again[4]["truth"]
    np.testing.assert_array_equal(first[0]["images"][0], again[0]["images"][0])


def test_a_hidden_thing_is_not_spoken_of() -> None:
    """Nothing is seen under the covers: the expert speaks of one, and carries it away first."""
    env = make("reveal_then_pick")
    env.reset(seed=0)
    reply, task = str(env.expert_reply()), env.draw.task
    seen = reply.split("</think>")[0]
    for name, words in task.words.items():
        if not name.startswith("cover"):
            assert f"the {' '.join(words)} at (" not in seen
    assert spoken_name(task, task.graspable()) == "knob of the brown cover"
    assert find_handling(task, env._view) == "carry"
    env.close()


def test_in_brief_places_come_before_the_output() -> None:
    env = make("reach", brief=True, path_points=3, num_distractors=1)
    _, info = env.reset(seed=4)
    reply = str(env.expert_reply())
    thought, _, output = reply.removeprefix("<think>").partition("</think>")
    names = [f"{t['color']} {t['shape']}" for t in info["truth"]["bodies"].values()]
    said = re.fullmatch(r"(\w+ \w+) 0\.\d\d 0\.\d\d\. (\w+ \w+) 0\.\d\d 0\.\d\d\.", thought)
    assert said is not None
    assert sorted(said.groups()) == sorted(names)
    assert re.fullmatch(r"<output>\[(\[0\.\d\d, 0\.\d\d\](, )?){3}\]</output>", output)
    points = info["truth"]["expert_path"]["points"]
    np.testing.assert_allclose(read_prediction(reply, "trajectory").value, points, atol=0.0051)
    env.close()


def test_either_is_asked_for_and_answered() -> None:
    env, asked = make("reach", prediction="either", max_steps=1), set()
    for seed in range(6):
        obs, info = env.reset(seed=seed)
        kind = info["truth"]["asked"]
        word = {"box": "Predict the box", "trajectory": "Predict the path"}[kind]
        assert word in obs["text"]
        *_, info = env.step(env.expert_reply())
        assert info["truth"]["prediction"]["kind"] == kind
        assert info["success"]
        asked.add(kind)
    env.close()
    assert asked == {"box", "trajectory"}


def test_facts_of_a_start_that_is_known_are_the_same_facts() -> None:
    """And the episode goes on alike, whether they were found or remembered."""
    first, second = make("push"), make("push")
    fresh = [first.reset(seed=5), first.step(first.expert_reply())]
    known = [second.reset(seed=5), second.step(second.expert_reply())]
    for one, other in zip(fresh, known, strict=True):
        assert one[-1]["truth"] == other[-1]["truth"]
        np.testing.assert_array_equal(one[0]["images"][0], other[0]["images"][0])
    known[0][1]["truth"]["expert_path"]["points"].clear()
    assert second.reset(seed=5)[1]["truth"]["expert_path"]["points"]
    first.close()
    second.close()


@pytest.mark.parametrize("prediction", ["trajectory", "box"])
def test_the_first_text_says_how_to_reply(prediction: str) -> None:
    """Its own example is read as a prediction; the second text does not repeat it."""
    env = make("reach", prediction=prediction, task_facts=False)
    obs, info = env.reset(seed=1)
    assert obs["text"].startswith(info["truth"]["instruction"])
    example = read_prediction(obs["text"], prediction)
    assert (example.kind, example.problem) == (prediction, "")
    assert "For instance: " in obs["text"]
    assert "For instance: " not in env.step(STRAY)[0]["text"]
    env.close()
    quiet = make("reach", prediction=prediction, task_facts=False, show_format=False)
    assert quiet.reset(seed=1)[0]["text"] == info["truth"]["instruction"]
    quiet.close()


def test_a_prediction_need_not_be_carried_out(reach: ManipulationEnv) -> None:
    """What it is stays known, nothing moves, and nothing is solved."""
    env = make("reach", execute=False, max_steps=1)
    env.reset(seed=4)
    before = env.physics.joint_pos()
    _, reward, terminated, truncated, info = env.step(env.expert_reply())
    assert (reward, terminated, truncated) == (0.0, False, True)
    np.testing.assert_array_equal(env.physics.joint_pos(), before)
    assert info["truth"]["executed"] is None
    reach.reset(seed=4)
    carried_out = reach.step(reach.expert_reply())[4]["truth"]
    assert info["truth"]["prediction"] == carried_out["prediction"]
    env.close()
