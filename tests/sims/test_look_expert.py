"""The ways in which the expert of the visual tool environments points and marks."""

from __future__ import annotations

import re

import pytest

from sims.tools.coordinates import Box
from tests.sims.looking import make_env

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
