"""Drawn questions and offers: every one is sound, and none is preferred."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.avr.clevr_view import make_clevr_scene
from sims.avr.prior import Prior
from sims.avr.question import AREA_ANSWERS, QUESTION_TYPES, YES_NO, Question
from sims.avr.question_types import draw_offer
from sims.avr.selection import Selection
from sims.avr.things import AREAS
from sims.clevr import execute
from tests.sims.asking import LAYOUT, PLACES, WORDS, draw, numbers, question, selection, thing

COLORS = WORDS["color"]
MIRROR = {"left": "right", "right": "left", "hidden0": "hidden2", "hidden2": "hidden0"} | {
    "open0": "open2",
    "open2": "open0",
}


@st.composite
def drawn_questions(draw_from):
    seed = draw_from(st.integers(0, 2**32 - 1))
    return draw(np.random.default_rng(seed), brief=draw_from(st.booleans()))


def random_contents(seed, words=WORDS, fill=0.7):
    rng = np.random.default_rng(seed)
    prior = Prior(fill=fill, vocabulary=words)
    return {place.name: prior.draw(rng) for place in PLACES}


def answer_or_none(asked, contents):
    try:
        return asked.answer(contents, PLACES)
    except ValueError:
        return None


class TestDrawnQuestions:
    @given(asked=drawn_questions(), seed=st.integers(0, 2**32 - 1), fill=st.floats(0.1, 1))
    @settings(max_examples=300, deadline=None)
    def test_the_program_agrees(self, asked, seed, fill):
        contents = random_contents(seed, fill=fill)
        executed = execute(asked.program, make_clevr_scene(LAYOUT, contents))
        expected = executed if executed in asked.answers else None
        assert answer_or_none(asked, contents) == expected

    @given(asked=drawn_questions())
    @settings(max_examples=100, deadline=None)
    def test_survives_json(self, asked):
        assert Question.from_dict(json.loads(json.dumps(asked.to_dict()))) == asked

    @given(asked=drawn_questions(), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=100, deadline=None)
    def test_a_mirrored_world_mirrors_the_answer(self, asked, seed):
        contents = random_contents(seed)
        mirrored_world = {MIRROR.get(name, name): held for name, held in contents.items()}
        data = asked.to_dict()
        if asked.answers != AREA_ANSWERS:
            for chosen in data["selections"]:
                chosen["area"] = MIRROR.get(chosen["area"], chosen["area"])
        answer = answer_or_none(asked, contents)
        expected = MIRROR.get(answer, answer)
        assert answer_or_none(Question.from_dict(data), mirrored_world) == expected

    @given(seed=st.integers(0, 2**32 - 1), turn=st.integers(1, 7))
    @settings(max_examples=100, deadline=None)
    def test_all_colors_are_alike(self, seed, turn):
        turned = {**WORDS, "color": COLORS[turn:] + COLORS[:turn]}
        renamed = dict(zip(COLORS, turned["color"], strict=True))
        here = json.dumps(draw(np.random.default_rng(seed)).to_dict())
        there = draw(np.random.default_rng(seed), words=turned)
        for name in COLORS:
            here = here.replace(f'"{name}"', f'"~{renamed[name]}"')
        assert Question.from_dict(json.loads(here.replace("~", ""))) == there

    def test_left_and_right_are_alike(self):
        rng = np.random.default_rng(0)
        asked = [draw(rng, ["query", "exist", "count", "math_count"]) for _ in range(4000)]
        areas = Counter(one.selections[0].area for one in asked)
        named = 4000 - areas[None]
        assert named / 4000 == pytest.approx(1 / 3, abs=0.03)
        for area in AREAS:
            assert areas[area] == pytest.approx(named / 3, abs=4 * (named * 2 / 9) ** 0.5)

    @given(seed=st.integers(0, 2**32 - 1), brief=st.booleans())
    @settings(max_examples=200, deadline=None)
    def test_taking_away_takes_some_and_leaves_some(self, seed, brief):
        words = {"color": ("red", "blue"), "shape": ("cube", "sphere"), "material": ("rubber",)}
        kinds = ["math_count", "math_compare"]
        asked = draw(np.random.default_rng(seed), kinds, words=words, brief=brief)
        things = [thing(*values) for values in product(*words.values())]
        place = next(p for p in PLACES if asked.selections[0].area in (None, p.area))
        for chosen in asked.selections:
            here = (
                place if chosen.area is None else next(p for p in PLACES if p.area == chosen.area)
            )
            assert any(chosen.matches(one, here) for one in things)
            for index in range(len(chosen.without)):
                groups = chosen.without[:index] + chosen.without[index + 1 :]
                spared = Selection(attributes=chosen.attributes, area=chosen.area, without=groups)
                assert any(
                    spared.matches(one, here) and not chosen.matches(one, here) for one in things
                )

    def test_single_values_are_never_used(self):
        words = {"color": ("red", "blue"), "shape": ("cube",), "material": ("rubber",)}
        rng = np.random.default_rng(0)
        for _ in range(500):
            text = draw(rng, words=words).text
            assert "cube" not in text
            assert "rubber" not in text
            assert "shape" not in text
            assert "material" not in text

    def test_brief_questions(self):
        words = {"color": ("red", "blue"), "shape": ("cube", "sphere"), "material": ("rubber",)}
        rng = np.random.default_rng(0)
        drawn = {
            draw(
                rng,
                ["query", "exist", "count"],
                words=words,
                brief=True,
                filter_attributes=["color"],
                query_attributes=["shape"],
                max_count=3,
            ).text
            for _ in range(300)
        }
        assert drawn == {
            "What shape was the small object?",
            "What shape was the small red object?",
            "What shape was the small blue object?",
            "Was there a small red object?",
            "Was there a small blue object?",
            "How many small objects were there?",
            "How many small red objects were there?",
            "How many small blue objects were there?",
        }

    def test_every_form_is_drawn(self):
        rng = np.random.default_rng(0)
        asked = [draw(rng) for _ in range(2000)]
        kinds = Counter(one.kind for one in asked)
        assert set(kinds) == set(QUESTION_TYPES)
        assert min(kinds.values()) > 250
        beginnings = {" ".join(one.text.split()[:2]) for one in asked}
        assert {"Take away", "Add one", "Add two", "Which area", "Compared with"} <= beginnings

    @pytest.mark.parametrize(
        ("kinds", "others", "match"),
        [
            (["why"], {}, r"question types \['why'\] are unknown"),
            (["count"], {"filter_attributes": ["size"]}, r"attributes \['size'\] are unknown"),
            (["count"], {"max_count": 0}, "max_count=0; legal: 1 or more"),
            (["query"], {"query_attributes": []}, "query needs an attribute"),
            (["math_compare"], {"filter_attributes": []}, "math_compare needs a filter attribute"),
        ],
    )
    def test_bad_settings_are_named(self, kinds, others, match):
        with pytest.raises(ValueError, match=match):
            draw(np.random.default_rng(0), kinds, **others)


class TestOffers:
    @given(asked=drawn_questions(), seed=st.integers(0, 2**32 - 1), most=st.integers(2, 5))
    @settings(max_examples=200, deadline=None)
    def test_an_offer_is_part_of_the_answers(self, asked, seed, most):
        offer = draw_offer(asked, np.random.default_rng(seed), max_answers=most)
        positions = [asked.answers.index(answer) for answer in offer]
        assert positions == sorted(set(positions))
        assert 2 <= len(offer) <= most
        if asked.counts:
            assert positions[-1] - positions[0] == len(offer) - 1
            assert len(offer) <= (2 if asked.selections[0].area else 3)

    @pytest.mark.parametrize(
        ("asked", "possible"),
        [
            (question("count", selection(), answers=numbers(0, 3)), ["012", "123"]),
            (question("count", selection("left"), answers=numbers(0, 2)), ["01", "12"]),
            (
                question("exist", selection(color="red"), answers=YES_NO),
                ["yesno"],
            ),
            (
                question(
                    "query", selection(), answers=("red", "blue", "gray", "cyan"), asked="color"
                ),
                ["redbluegray", "redbluecyan", "redgraycyan", "bluegraycyan"],
            ),
        ],
    )
    def test_all_offers_are_equally_likely(self, asked, possible):
        rng = np.random.default_rng(1)
        drawn = Counter("".join(draw_offer(asked, rng, max_answers=3)) for _ in range(1200))
        assert set(drawn) == set(possible)
        share = 1 / len(possible)
        for times in drawn.values():
            assert times == pytest.approx(1200 * share, abs=4 * (1200 * share * (1 - share)) ** 0.5)

    def test_one_answer_is_no_choice(self):
        asked = question("exist", selection(), answers=YES_NO)
        with pytest.raises(ValueError, match="max_answers=1; legal: 2 or more"):
            draw_offer(asked, np.random.default_rng(0), max_answers=1)
