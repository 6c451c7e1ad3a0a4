"""The photographs that tiny models learn from: few things, few words, pictures in whole patches."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from sims.tools.config import ITEM_COLORS, ITEM_KINDS, LookConfig
from sims.tools.env import LookEnv
from sims.tools.symbols import DOT_COLORS, SIDE, label_picture
from sims.tools.things import COLORS, KINDS
from tests.sims.looking import make_env, solve

NURSERY = Path(__file__).resolve().parents[2] / "configs" / "env" / "look" / "nursery.yaml"
PATCH = 28


@pytest.fixture(scope="module")
def env() -> LookEnv:
    return LookEnv(LookConfig(**yaml.safe_load(NURSERY.read_text())["config"]))


@pytest.mark.render
def test_the_expert_finds_what_it_is_asked_in_one_look(env):
    infos = [solve(env, seed, "point") for seed in range(40)]
    assert sum(info["success"] for info in infos) >= 39
    assert {info["truth"]["num_looks"] for info in infos} == {1}


@pytest.mark.render
def test_the_wandering_expert_often_looks_astray_and_knows_when_it_has_seen_nothing(env):
    infos = [solve(env, seed, "wander") for seed in range(40)]
    kinds = [info["truth"]["num_relevant"] for info in infos]
    correct, erroneous = (sum(k[name] for k in kinds) for name in ("correct", "erroneous"))
    assert 0.2 < correct / (correct + erroneous) < 0.55
    assert all(info["truth"]["num_relevant"]["redundant"] == 0 for info in infos)
    assert all(info["success"] for info, k in zip(infos, kinds, strict=True) if k["correct"])


@pytest.mark.render
def test_pictures_are_whole_patches_and_words_are_few(env):
    obs, info = env.reset(seed=0)
    assert info["truth"]["needs_tool"]
    assert not info["truth"]["sufficient"]
    (first,) = obs["images"]
    assert len(obs["text"]) < 140
    reply = env.expert_reply("point")
    thought = r"<think>the (\w+) box (\(0\.\d\d, 0\.\d\d\))</think>"
    found = re.fullmatch(rf"{thought}<action>zoom(\(.*\))</action>", reply)
    assert found
    assert found[2] == found[3], "what it does is what it has just said"
    assert found[1] in obs["text"]
    obs, *_ = env.step(reply)
    (look,) = obs["images"]
    assert [side % PATCH for side in (*first.shape[:2], *look.shape[:2])] == [0, 0, 0, 0]
    gold = env.question.gold
    said = f"<think>the {found[1]} box shows {gold}</think><answer>{gold}</answer>"
    assert env.expert_reply("point") == said
    assert env.step(said)[4]["success"]


@pytest.mark.render
def test_a_place_in_the_middle_of_a_thing_is_near_enough(env):
    """Off by a third of a thing, the label still shows."""
    for seed in range(8):
        env.reset(seed=seed)
        x, y = env.desk.frame(1)._written(env.knowledge.box_of(env.question.targets[0]).center)
        call = f"<think></think><action>zoom({x + 0.02:.2f}, {y - 0.01:.2f})</action>"
        assert env.step(call)[4]["truth"]["relevance"] == "correct"


def test_palettes_are_those_there_are():
    assert tuple(COLORS) == ITEM_COLORS
    assert tuple(KINDS) == ITEM_KINDS


@pytest.mark.render
def test_things_have_the_colours_and_kinds_that_are_set():
    env = make_env(num_items=4, item_colors=["red", "pink"], item_kinds=["mug", "can"])
    env.reset(seed=0)
    names = {item.name for item in env.desk.scene.items}
    assert names == {"red mug", "red can", "pink mug", "pink can"}


@pytest.mark.parametrize(
    ("task", "settings", "told"),
    [
        ("search", {"item_kinds": ["mug"], "num_items": 9}, "item_kinds make 8 names"),
        ("search", {"item_colors": ["grey"]}, "item_colors is .'grey'.; legal, each once: red"),
        ("search", {"num_items": 3}, "num_items is 3; it must be from 4 to 15"),
        ("inspect", {"item_kinds": ["mug", "can"]}, "inspecting 4 things of one colour takes"),
        ("inspect", {"item_colors": ["red"], "num_items": 6}, "others enough for"),
    ],
)
def test_palettes_that_do_not_do_are_refused(task, settings, told):
    with pytest.raises(ValueError, match=told):
        make_env(task, **settings)


def test_colours_on_labels_lie_as_far_out_as_each_other():
    """Else a blurred label of the dot's colour is redder in its middle than others are."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    pictures = [label_picture(f"color-{name}").astype(float) for name in DOT_COLORS]
    inertia = np.array([(p * (rows**2 + columns**2)[..., None]).mean((0, 1)) for p in pictures])
    assert np.ptp(inertia, axis=0).max() < 200  # of 70,000
    for picture in pictures:
        np.testing.assert_array_equal(picture, np.rot90(picture))
