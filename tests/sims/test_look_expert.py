"""The ways in which the expert of the visual tool environments points and marks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sims.tools.config import NoiseConfig
from sims.tools.coordinates import Box, Point
from sims.tools.knowledge import Sign
from tests.sims.looking import make_env, solve

pytestmark = pytest.mark.render


def test_the_marking_expert_draws_around_all_that_is_asked_about():
    env = make_env("inspect", question_kinds=["count"], max_turns=8)
    _, info = env.reset(seed=2)
    evidence = info["truth"]["evidence"]
    drawn = [env.step(env.expert_reply("mark"))[4]["truth"]["drawn"] for _ in evidence]
    assert [one["label"] for one in drawn] == [piece["thing"] for piece in evidence]
    for one, piece in zip(drawn, evidence, strict=True):
        box = Box(*one["points"][0], *one["points"][1])
        assert box.iou(Box(*piece["object_box_xyxy"])) > 0.6
    assert "<action>crop(" in env.expert_reply("mark"), "what cannot be read is looked at"


def test_the_marking_expert_keeps_a_turn_for_the_answer():
    env = make_env("inspect", tools=["mark"], max_turns=2)
    env.reset(seed=2)
    first = env.expert_reply("mark")
    assert "<action>mark(" in first
    env.step(first)
    assert "<answer>" in env.expert_reply("mark")


@pytest.mark.parametrize("settings", [{"tools": ["crop"]}, {"max_marks": 0}])
def test_where_nothing_can_be_drawn_it_does_as_the_best_does(settings):
    env = make_env(**settings)
    env.reset(seed=2)
    assert env.expert_reply("mark") == env.expert_reply("best")


def test_the_expert_that_zooms_names_the_place_in_few_words():
    env = make_env(brief=True)
    env.reset(seed=0)
    place = r"<think>the [a-z]+ [a-z]+ \(0\.\d\d, 0\.\d\d\)</think>"
    assert re.search(place, env.expert_reply("point"))
    box = r"<think>the [a-z]+ [a-z]+ \((0\.\d\d, ){3}[01]\.\d\d\)</think>"
    assert re.search(box, env.expert_reply("best"))


ASKED = {"tools": ["detect", "read"], "max_turns": 12, "look_width": 224}


@pytest.mark.parametrize("task", ["search", "compare", "inspect"])
def test_the_asking_expert_is_right_where_the_oracles_are(task):
    env = make_env(task, **ASKED)
    assert all(solve(env, seed, "ask")["success"] for seed in range(4))


def test_the_asking_expert_believes_what_it_is_told():
    """An oracle that always reads another sign is believed, as far as the sign is on offer."""
    env = make_env(symbols=["color"], noise=NoiseConfig(confusion=1.0), **ASKED)
    wrong = 0
    for seed in range(6):
        env.reset(seed=seed)
        index = env.question.targets[0]
        box = env.knowledge.box_of(index)
        env.knowledge.detections[env.desk.scene.items[index].name] = [box]
        env.step(env.expert_reply("ask"))
        told = next(iter(env.knowledge.readings[0])).symbol
        reply = env.expert_reply("ask")
        assert f"shows {told}" in reply
        wrong += not env.step(reply)[4]["success"]
    assert wrong == 6


def test_the_asking_expert_knows_nothing_but_what_it_is_told():
    """It is told of another thing, and of its sign; what the small picture shows is no matter."""
    env = make_env(symbols=["letter"], **ASKED)
    env.reset(seed=0)
    items = env.desk.scene.items
    name = items[env.question.targets[0]].name
    assert f"<action>detect({name})</action>" in env.expert_reply("ask")
    elsewhere = Box(100.0, 100.0, 200.0, 180.0)
    env.knowledge.detections[name] = [elsewhere]
    asked = env.expert_reply("ask")
    numbers = [float(n) for n in re.findall(r"\d\.\d+", asked.partition("read(")[2])]
    x0, y0, x1, y1 = numbers
    assert Box(768 * x0, 576 * y0, 768 * x1, 576 * y1).iou(elsewhere.grown(1.15)) > 0.95
    signs = [Sign("far", Point(0.0, 0.0)), Sign(env.question.gold, Point(140.0, 130.0))]
    env.knowledge.readings.append(signs)
    assert f"shows {env.question.gold}" in env.expert_reply("ask"), "the one in the middle"


def test_what_is_detected_nowhere_is_guessed_and_thin_boxes_are_read_whole():
    env = make_env(noise=NoiseConfig(miss=1.0), **ASKED)
    env.reset(seed=0)
    env.step(env.expert_reply("ask"))
    assert "<answer>" in env.expert_reply("ask")
    name = next(iter(env.knowledge.detections))
    for box in (Box(700, 0, 768, 0), Box(0, 0, 768, 2), Box(5, 570, 6, 576)):
        env.knowledge.detections[name] = [box]
        truth = env.step(env.expert_reply("ask"))[4]["truth"]
        assert truth["num_invalid"] == 0
        env.knowledge.readings.clear()


def test_without_oracles_the_asking_expert_does_as_the_best_does():
    env = make_env(tools=["crop", "read"])
    env.reset(seed=2)
    assert env.expert_reply("ask") == env.expert_reply("best")


def test_in_few_words_it_answers_as_the_option_says():
    env = make_env(brief=True, symbols=["color"])
    _, info = env.reset(seed=1)
    env.step(env.expert_reply("best"))
    reply = env.expert_reply("best")
    assert reply.endswith(f"<answer>{env.question.gold}</answer>")
    assert env.step(reply)[4]["success"]
    assert set(info["options"].values()) == {"red", "blue", "green", "yellow"}


def test_an_option_that_reads_as_a_letter_is_answered_by_its_own():
    env = make_env(brief=True)
    env.reset(seed=1)
    knowledge = env.knowledge
    knowledge.question = replace(knowledge.question, answers=("B", "C"))
    knowledge.letters = {"A": "B", "B": "C"}
    knowledge.known[knowledge.question.targets[0]] = "B"
    assert env.expert_reply("best").endswith("<answer>A</answer>")
