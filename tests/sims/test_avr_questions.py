"""Questions: what they say, what they answer, and their programs."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from sims.avr.clevr_view import make_clevr_scene
from sims.avr.question import AREA_ANSWERS, GROUP_ANSWERS, YES_NO, Question
from sims.avr.selection import make_attributes
from sims.clevr import INVALID, execute
from tests.sims.asking import LAYOUT, PLACES, WORDS, numbers, question, selection, thing

COLORS = WORDS["color"]
UP_TO_6 = numbers(0, 6)
CONTENTS = {
    "hidden0": thing("red", "cube"),  # left
    "open0": thing("red", "sphere", "metal"),  # left
    "hidden1": None,
    "open1": thing("blue", "sphere"),  # middle
    "hidden2": thing("cyan", "cube", "metal"),  # right
    "open2": None,
}
CASES = [
    (
        question("query", selection(color="blue"), answers=WORDS["shape"], asked="shape"),
        "What shape was the small blue object?",
        "sphere",
    ),
    (
        question("query", selection("left", shape="cube"), answers=COLORS, asked="color"),
        "What color was the small cube in the left area?",
        "red",
    ),
    (
        question("exist", selection(color="red", shape="sphere", material="metal"), answers=YES_NO),
        "Was there a small red metal sphere?",
        "yes",
    ),
    (
        question("exist", selection("middle", color="red"), answers=YES_NO),
        "Was there a small red object in the middle area?",
        "no",
    ),
    (
        question("count", selection(), answers=UP_TO_6),
        "How many small objects were there?",
        "4",
    ),
    (
        question("count", selection("left", color="red"), answers=numbers(0, 2)),
        "How many small red objects were there in the left area?",
        "2",
    ),
    (
        question(
            "compare",
            selection("left", color="red"),
            selection("right", color="red"),
            answers=AREA_ANSWERS,
        ),
        "Which area had more small red objects, the left or the right?",
        "left",
    ),
    (
        question(
            "compare", selection(shape="cube"), selection(shape="sphere"), answers=GROUP_ANSWERS
        ),
        "Compared with small spheres, were small cubes more, fewer or equally many?",
        "equal",
    ),
    (
        question(
            "compare",
            selection(color="blue", material="rubber"),
            selection(color="red", material="rubber"),
            answers=GROUP_ANSWERS,
        ),
        "Compared with small red rubber objects, were small blue rubber objects more, fewer or "
        "equally many?",
        "equal",
    ),
    (
        question(
            "math_count",
            selection(without=[{"color": "red", "shape": "sphere"}]),
            answers=UP_TO_6,
        ),
        "Take away all small red spheres. How many small objects were left?",
        "3",
    ),
    (
        question(
            "math_count",
            selection("left", without=[{"color": "red"}, {"material": "metal"}], shape="cube"),
            answers=numbers(0, 2),
        ),
        "Take away all small red objects and all small metal objects. "
        "How many small cubes remained in the left area?",
        "0",
    ),
    (
        question(
            "math_count",
            selection(shape="cube"),
            answers=numbers(2, 8),
            added=2,
            added_attributes=make_attributes({"color": "cyan", "shape": "cube"}),
        ),
        "Add two small cyan cubes. How many small cubes were there then?",
        "4",
    ),
    (
        question(
            "math_count", selection("right"), answers=numbers(1, 3), added=1, added_attributes=()
        ),
        "Add one small object to the right area. "
        "How many small objects were there in the right area then?",
        "2",
    ),
    (
        question(
            "math_compare",
            selection("left", without=[{"color": "red"}]),
            selection("right", without=[{"color": "red"}]),
            answers=AREA_ANSWERS,
        ),
        "Take away all small red objects. "
        "Which area then had more small objects, the left or the right?",
        "right",
    ),
    (
        question(
            "math_compare",
            selection(shape="cube", without=[{"material": "metal"}]),
            selection(shape="cylinder", without=[{"material": "metal"}]),
            answers=GROUP_ANSWERS,
        ),
        "Take away all small metal objects. "
        "Compared with small cylinders, were small cubes then more, fewer or equally many?",
        "more",
    ),
]


class TestByHand:
    @pytest.mark.parametrize(("asked", "text", "answer"), CASES)
    def test_text_answer_and_program(self, asked, text, answer):
        assert asked.text == text
        assert asked.answer(CONTENTS, PLACES) == answer
        assert execute(asked.program, make_clevr_scene(LAYOUT, CONTENTS)) == answer

    @pytest.mark.parametrize(("asked", "text", "answer"), CASES)
    def test_survives_json(self, asked, text, answer):
        again = Question.from_dict(json.loads(json.dumps(asked.to_dict())))
        assert again == asked
        assert hash(again) == hash(asked)

    def test_an_empty_place_and_a_large_thing_add_nothing(self):
        for asked, _, _ in CASES:
            assert asked.contribution(None, PLACES[0]) == asked.nothing
            assert asked.contribution(thing(size="large"), PLACES[0]) == asked.nothing

    @pytest.mark.parametrize(("filters", "found"), [({"color": "red"}, "several"), ({}, "several")])
    def test_a_query_needs_exactly_one(self, filters, found):
        asked = question("query", selection(**filters), answers=WORDS["shape"], asked="shape")
        with pytest.raises(ValueError, match=f"exactly one such object; there are {found}"):
            asked.answer(CONTENTS, PLACES)
        assert execute(asked.program, make_clevr_scene(LAYOUT, CONTENTS)) == INVALID

    def test_a_query_of_nothing_is_ill_posed(self):
        asked = question("query", selection(color="gray"), answers=WORDS["shape"], asked="shape")
        with pytest.raises(ValueError, match="there are none"):
            asked.answer(CONTENTS, PLACES)

    def test_a_number_beyond_the_answers_is_ill_posed(self):
        with pytest.raises(ValueError, match="4 is not among the answers"):
            question("count", selection(), answers=numbers(0, 3)).answer(CONTENTS, PLACES)

    def test_words_fit_what_is_taken_away_too(self):
        asked = question("math_count", selection(without=[{"color": "red"}]), answers=UP_TO_6)
        assert asked.concerns(thing("red"), PLACES[0])
        assert not asked.selections[0].matches(thing("red"), PLACES[0])
        assert not asked.concerns(thing("red", size="large"), PLACES[0])

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"kind": "why", "answers": ()}, "kind='why' is unknown; legal: "),
            ({"kind": "compare", "answers": AREA_ANSWERS}, "compare needs 2 selections, not 1"),
            ({"kind": "count", "answers": UP_TO_6, "asked": "color"}, "asked='color'"),
            ({"kind": "query", "answers": COLORS, "asked": "size"}, "asked='size'"),
            (
                {"kind": "count", "answers": UP_TO_6, "added": 1},
                "count: added=1 .* only math_count adds",
            ),
        ],
    )
    def test_nonsense_is_refused(self, fields, match):
        with pytest.raises(ValueError, match=match):
            Question(selections=(selection(),), **fields)

    def test_selections_are_checked(self):
        with pytest.raises(ValueError, match="area='top' is unknown"):
            selection("top")
        with pytest.raises(ValueError, match=r"attributes \['size'\] are unknown"):
            selection(size="large")


class TestView:
    def test_everything_at_the_start(self):
        scene = make_clevr_scene(LAYOUT, CONTENTS, {"open0": np.pi / 2})
        assert Counter(found.size for found in scene.objects) == {"large": 3, "small": 4}
        by_color = {found.color: found for found in scene.objects if found.size == "small"}
        assert by_color["blue"].area == "middle"
        assert by_color["blue"].coords_3d == pytest.approx((0.0, -1.35, 0.35))
        assert by_color["red"].rotation == pytest.approx(90.0)
        assert scene.objects[0].area == "left"
        assert scene.objects[0].rotation == pytest.approx(np.degrees(0.5))

    def test_relations_are_those_of_the_first_view(self):
        scene = make_clevr_scene(LAYOUT, CONTENTS)
        blue, cyan = (
            next(i for i, found in enumerate(scene.objects) if found.color == color)
            for color in ("blue", "cyan")
        )
        assert cyan in scene.relationships["right"][blue]
        assert cyan in scene.relationships["behind"][blue]
        assert cyan not in scene.relationships["left"][blue]
