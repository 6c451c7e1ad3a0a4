"""Held-out splits differ from training in one respect, and never overlap with it there."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache

import numpy as np
import pytest

from sims.manipulation.config import TASKS, ManipulationConfig
from sims.manipulation.splits import (
    AREA,
    HELD_OUT_AREAS,
    HELD_OUT_RANGES,
    HELD_OUT_TABLE_COLORS,
    HELD_OUT_TABLE_TEXTURES,
    HELD_OUT_THING_TEXTURES,
    KINDS,
    RANGES,
    TABLE_COLORS,
    TABLE_TEXTURES,
    THING_TEXTURES,
    Variation,
    draw_pair,
    draw_variation,
    is_held_out_pair,
)
from sims.manipulation.tasks.drawing import Draw, draw_episode
from sims.manipulation.tasks.things import COLORS, HELD_OUT_COLORS, HELD_OUT_SHAPES, SHAPES

SPLITS = tuple(KINDS)
NUM_SEEDS = 60


@cache
def draws(task: str, split: str) -> tuple[Draw, ...]:
    config = ManipulationConfig(split=split)
    return tuple(draw_episode(task, config, np.random.default_rng(s)) for s in range(NUM_SEEDS))


def of_kind(task: str, split: str, kind: str) -> list[Draw]:
    found = [draw for draw in draws(task, split) if draw.variation.kind == kind]
    assert len(found) >= 5
    return found


def test_ranges_of_training_and_held_out_ones_do_not_touch():
    for kind, ranges in HELD_OUT_RANGES.items():
        for name, spans in ranges.items():
            for low, high in spans:
                for train_low, train_high in RANGES[name]:
                    assert high < train_low or low > train_high, (kind, name)


def test_areas_of_training_and_held_out_ones_do_not_touch():
    (x_low, x_high), (y_low, y_high) = AREA
    for (x_from, x_to), (y_from, y_to) in HELD_OUT_AREAS:
        assert x_from > x_high or x_to < x_low or y_from > y_high or y_to < y_low


def test_lists_of_training_and_held_out_ones_share_nothing():
    assert not set(COLORS) & set(HELD_OUT_COLORS)
    assert not set(TABLE_COLORS) & set(HELD_OUT_TABLE_COLORS)
    assert not set(TABLE_TEXTURES) & set(HELD_OUT_TABLE_TEXTURES)
    assert not set(THING_TEXTURES) & set(HELD_OUT_THING_TEXTURES)
    assert set(HELD_OUT_SHAPES) < set(SHAPES)


def test_held_out_colors_are_told_from_all_others():
    everything = {**COLORS, **HELD_OUT_COLORS}
    for one in everything:
        for other in set(everything) - {one}:
            assert math.dist(everything[one], everything[other]) > 0.3, (one, other)


@pytest.mark.parametrize("split", SPLITS)
def test_every_kind_of_a_split_is_drawn_and_no_other(split):
    rng = np.random.default_rng(0)
    drawn = {draw_variation(split, rng).kind for _ in range(200)}
    assert drawn == set(KINDS[split])


def test_an_unknown_split_is_named_with_the_legal_ones():
    with pytest.raises(ValueError, match="split is 'tset'; legal: train, vision, semantics"):
        draw_variation("tset", np.random.default_rng(0))


@pytest.mark.parametrize("size", [(6, 6, False), (6, 3, True), (6, 2, True)])
def test_pairs_of_training_are_never_held_out_and_leave_nothing_unmet(size):
    num_first, num_second, alike = size
    rng = np.random.default_rng(0)
    found = defaultdict(set)
    for kind in ("", "pair"):
        for _ in range(400):
            variation = Variation(split="semantics" if kind else "train", kind=kind)
            found[kind].add(draw_pair(variation, rng, num_first, num_second, alike=alike))
    assert not found[""] & found["pair"]
    assert all(is_held_out_pair(*pair) for pair in found["pair"])
    assert {first for first, _ in found[""]} == set(range(num_first))
    assert {second for _, second in found[""]} == set(range(num_second))


@pytest.mark.parametrize("task", TASKS)
def test_training_shows_and_says_nothing_that_is_held_out(task):
    for draw in draws(task, "train"):
        words = draw.task.words.values()
        assert not {color for color, _ in words} & set(HELD_OUT_COLORS)
        assert not {shape for _, shape in words} & set(HELD_OUT_SHAPES)
        assert draw.task.scene.table_texture in TABLE_TEXTURES


@pytest.mark.parametrize("task", TASKS)
def test_the_target_of_kind_color_has_a_held_out_color_and_is_asked_for_by_it(task):
    for draw in of_kind(task, "semantics", "color"):
        color, _ = draw.task.words[draw.task.target]
        assert color in HELD_OUT_COLORS
        assert color in draw.task.instruction


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"open_drawer"}))
def test_the_target_of_kind_shape_has_a_held_out_shape(task):
    for draw in of_kind(task, "semantics", "shape"):
        assert draw.task.words[draw.task.target][1] in HELD_OUT_SHAPES


@pytest.mark.parametrize("task", TASKS)
def test_no_instruction_of_kind_words_is_ever_heard_in_training(task):
    heard = {template(draw) for draw in draws(task, "train")}
    held_out = {template(draw) for draw in of_kind(task, "semantics", "words")}
    assert not heard & held_out


def template(draw: Draw) -> str:
    """The instruction without the words that a scene fills in."""
    text = draw.task.instruction
    for word in (*COLORS, *HELD_OUT_COLORS, *SHAPES):
        text = text.replace(word, "_")
    return text


def asked_pair(draw: Draw) -> tuple[str, ...]:
    """What the instruction names, in the order of the texts' fields."""
    task, words = draw.task, draw.task.words
    color, shape = words[task.target]
    goals = [getattr(task, name) for name in ("mark", "onto", "plate") if hasattr(task, name)]
    if goals:
        return color, words[goals[0]][0]
    if shape == "drawer":
        row = [name for name in words if name.endswith("drawer")]
        return color, str(row.index(task.target))
    return color, shape


@pytest.mark.parametrize("task", TASKS)
def test_pairs_that_are_held_out_are_never_asked_for_in_training(task):
    train = {asked_pair(draw) for draw in draws(task, "train")}
    held_out = {asked_pair(draw) for draw in of_kind(task, "semantics", "pair")}
    assert not train & held_out


@pytest.mark.parametrize("task", TASKS)
def test_targets_of_kind_places_stand_where_training_puts_none(task):
    def places(found):
        return [draw.task.scene.body(draw.task.target).position[:2] for draw in found]

    if task == "open_drawer":
        middles = [
            abs(draw.task.scene.body("cabinet").position[1]) for draw in draws(task, "train")
        ]
        assert max(middles) <= 0.04
        held_out = of_kind(task, "execution", "places")
        assert min(abs(d.task.scene.body("cabinet").position[1]) for d in held_out) >= 0.06
        return
    (x_low, x_high), (y_low, y_high) = AREA
    inside = [
        x_low <= x <= x_high and y_low <= y <= y_high for x, y in places(draws(task, "train"))
    ]
    assert all(inside)
    for x, y in places(of_kind(task, "execution", "places")):
        assert not (x_low <= x <= x_high and y_low <= y <= y_high)


@pytest.mark.parametrize("task", TASKS)
def test_kind_dynamics_changes_friction_and_mass_and_nothing_in_view(task):
    train = {draw.task.scene.table_friction for draw in draws(task, "train")}
    for draw in of_kind(task, "execution", "dynamics"):
        assert not min(train) <= draw.task.scene.table_friction <= max(train)
        assert draw.task.scene.table_texture in TABLE_TEXTURES
        moving = [body for body in draw.task.scene.bodies if body.mass is not None]
        assert min(body.mass for body in moving) > 0.1


@pytest.mark.parametrize("kind", KINDS["vision"])
def test_kinds_of_vision_change_what_they_say(kind):
    def looks(found):
        scenes = [draw.task.scene for draw in found]
        return {
            "texture": {(s.table_texture, s.table_color) for s in scenes},
            "light": {s.lighting.direction[0] for s in scenes},
            "camera": {s.cameras[0].position[2] for s in scenes},
        }

    train, held_out = looks(draws("push", "train")), looks(of_kind("push", "vision", kind))
    for name in KINDS["vision"]:
        if name == "texture":
            assert bool(train[name] & held_out[name]) == (kind != name)
        else:
            low, high = min(train[name]), max(train[name])
            outside = [not low - 0.01 <= value <= high + 0.01 for value in held_out[name]]
            assert all(outside) if kind == name else not any(outside)


def test_the_arm_starts_elsewhere_in_kind_arm():
    train = [draw.hand for draw in draws("reach", "train")]
    for draw in of_kind("reach", "execution", "arm"):
        assert draw.hand[2] > max(hand[2] for hand in train)
        assert abs(draw.hand[1]) > max(abs(hand[1]) for hand in train)


@pytest.mark.parametrize("task", TASKS)
def test_equal_seeds_draw_equal_episodes(task):
    config = ManipulationConfig()
    one, other = (draw_episode(task, config, np.random.default_rng(5)) for _ in range(2))
    assert one == other
