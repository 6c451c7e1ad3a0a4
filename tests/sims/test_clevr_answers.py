"""Scene and question files in CLEVR's format, written here by hand, and their hand-worked answers.

Seen from above, x to the right and y away from the viewer (numbers are the objects' indices):

      y =  2        1
      y =  1              3 4     3 is 0.1 to the right of 2, and 4 is 0.1 behind 3: too little
      y =  0    0                 for "right of" and "behind"
      y = -1            2
      y = -2                  5
           x = -2  -1   0   2 3
"""

from __future__ import annotations

import json

import pytest

from sims.clevr import (
    FUNCTIONS,
    INVALID,
    ClevrQuestion,
    ClevrScene,
    answer_questions,
    execute,
    load_questions,
    load_scenes,
)
from sims.clevr.catalogue import CLEVR_FUNCTIONS, OWN_FUNCTIONS, TEMPLATE_FUNCTIONS

SCENE_FILE = """{"info": {"split": "new", "version": "1.0", "date": "", "license": ""}, "scenes": [
 {"split": "new", "image_index": 0, "image_filename": "CLEVR_new_000000.png",
  "directions": {"right": [1, 0, 0], "behind": [0, 1, 0], "above": [0, 0, 1],
                 "below": [0, 0, -1], "left": [-1, 0, 0], "front": [0, -1, 0]},
  "objects": [
   {"3d_coords": [-2, 0, 0.7], "pixel_coords": [60, 130, 11.5], "rotation": 10.5, "size": "large",
    "color": "red", "material": "metal", "shape": "cube", "area": "left"},
   {"3d_coords": [-1, 2, 0.35], "pixel_coords": [110, 90, 13.1], "rotation": 0, "size": "small",
    "color": "red", "material": "rubber", "shape": "sphere", "area": "left"},
   {"3d_coords": [0, -1, 0.35], "pixel_coords": [160, 160, 9.9], "rotation": 0, "size": "small",
    "color": "blue", "material": "rubber", "shape": "sphere", "area": "middle"},
   {"3d_coords": [0.1, 1, 0.7], "pixel_coords": [165, 110, 12.0], "rotation": 0, "size": "large",
    "color": "green", "material": "metal", "shape": "cylinder", "area": "middle"},
   {"3d_coords": [2, 1.1, 0.35], "pixel_coords": [240, 110, 12.2], "rotation": 45, "size": "small",
    "color": "blue", "material": "metal", "shape": "cube", "area": "right"},
   {"3d_coords": [3, -2, 0.35], "pixel_coords": [290, 200, 9.0], "rotation": 0, "size": "small",
    "color": "gray", "material": "rubber", "shape": "cylinder"}],
  "relationships": {
   "right": [[1, 2, 3, 4, 5], [2, 3, 4, 5], [4, 5], [4, 5], [5], []],
   "left": [[], [0], [0, 1], [0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4]],
   "behind": [[1, 3, 4], [], [0, 1, 3, 4], [1], [1], [0, 1, 2, 3, 4]],
   "front": [[2, 5], [0, 2, 3, 4, 5], [5], [0, 2, 5], [0, 2, 5], []]}}]}"""

GREEN, GRAY = "scene filter_color(0|green) unique(1) ", "scene filter_color(0|gray) unique(1) "
BLUES = (
    "scene filter_color(0|blue) filter_shape(1|cube) unique(2) query_{0}(3) "
    "scene filter_color(5|blue) filter_shape(6|sphere) unique(7) query_{0}(8) equal_{0}(4,9)"
)
CUBES_AND = "scene filter_shape(0|cube) count(1) scene "
SPHERES, SMALL = "filter_shape(3|sphere) count(4) ", "filter_size(3|small) count(4) "
LARGE_AND_SMALL = "scene filter_size(0|large) count(1) scene filter_size(3|small) count(4) "
AREAS = "scene filter_area(0|{}) count(1) scene filter_area(3|{}) count(4) larger_area(2,5)"

CLEVR_QUESTIONS = {
    "How many things are there?": ("scene count(0)", "6"),
    "How many small things?": ("scene filter_size(0|small) count(1)", "4"),
    "How many red things?": ("scene filter_color(0|red) count(1)", "2"),
    "How many metal things?": ("scene filter_material(0|metal) count(1)", "3"),
    "How many cylinders?": ("scene filter_shape(0|cylinder) count(1)", "2"),
    "How many yellow things?": ("scene filter_color(0|yellow) count(1)", "0"),
    "Is there a yellow thing?": ("scene filter_color(0|yellow) exist(1)", "no"),
    "Is there a red sphere?": ("scene filter_color(0|red) filter_shape(1|sphere) exist(2)", "yes"),
    "What size is the gray thing?": (GRAY + "query_size(2)", "small"),
    "What color is the large cube?": (
        "scene filter_size(0|large) filter_shape(1|cube) unique(2) query_color(3)",
        "red",
    ),
    "What is the gray thing made of?": (GRAY + "query_material(2)", "rubber"),
    "What shape is the green thing?": (GREEN + "query_shape(2)", "cylinder"),
    "What color is the red thing?": ("scene filter_color(0|red) unique(1) query_color(2)", INVALID),
    "Is a thing as large as the brown one?": (
        "scene filter_color(0|brown) unique(1) same_size(2) exist(3)",
        INVALID,
    ),
    "How many right of the green thing?": (GREEN + "relate(2|right) count(3)", "2"),
    "How many left of the green thing?": (GREEN + "relate(2|left) count(3)", "2"),
    "How many behind the green thing?": (GREEN + "relate(2|behind) count(3)", "1"),
    "How many in front of the green thing?": (GREEN + "relate(2|front) count(3)", "3"),
    "How many are red or spheres?": (
        "scene filter_color(0|red) scene filter_shape(2|sphere) union(1,3) count(4)",
        "3",
    ),
    "What shape is left of the gray thing and behind the blue cube?": (
        GRAY + "relate(2|left) scene filter_color(4|blue) filter_shape(5|cube) unique(6) "
        "relate(7|behind) intersect(3,8) unique(9) query_shape(10)",
        "sphere",
    ),
    "Blue cube and blue sphere: same size?": (BLUES.format("size"), "yes"),
    "Blue cube and blue sphere: same color?": (BLUES.format("color"), "yes"),
    "Blue cube and blue sphere: same material?": (BLUES.format("material"), "no"),
    "Blue cube and blue sphere: same shape?": (BLUES.format("shape"), "no"),
    "As many cubes as spheres?": (CUBES_AND + SPHERES + "equal_integer(2,5)", "yes"),
    "As many cubes as small things?": (CUBES_AND + SMALL + "equal_integer(2,5)", "no"),
    "Fewer cubes than small things?": (CUBES_AND + SMALL + "less_than(2,5)", "yes"),
    "Fewer cubes than spheres?": (CUBES_AND + SPHERES + "less_than(2,5)", "no"),
    "More cubes than small things?": (CUBES_AND + SMALL + "greater_than(2,5)", "no"),
    "More small things than large?": (LARGE_AND_SMALL + "greater_than(5,2)", "yes"),
    "Is the green thing the large cylinder?": (
        GREEN + "scene filter_size(3|large) filter_shape(4|cylinder) unique(5) equal_object(2,6)",
        "yes",
    ),
    "Is the green thing the gray one?": (
        GREEN + "scene filter_color(3|gray) unique(4) equal_object(2,5)",
        "no",
    ),
    "How many others are as large as the green thing?": (GREEN + "same_size(2) count(3)", "1"),
    "Is another thing green?": (GREEN + "same_color(2) exist(3)", "no"),
    "How many others are of the gray thing's material?": (
        GRAY + "same_material(2) count(3)",
        "2",
    ),
    "What color is the other thing of the gray thing's shape?": (
        GRAY + "same_shape(2) unique(3) query_color(4)",
        "green",
    ),
}
TEMPLATE_QUESTIONS = {
    "How many small rubber things?": ("scene filter(0|small,,rubber,) count(1)", "3"),
    "What is the large cylinder's color?": (
        "scene filter_unique(0|large,,,cylinder) query_color(1)",
        "green",
    ),
    "What is the small cylinder's color, if blue?": (
        "scene filter_unique(0|small,blue,,cylinder) query_color(1)",
        INVALID,
    ),
    "How many blue things, by template?": ("scene filter_count(0|,blue,,thing)", "2"),
    "Is there a large rubber thing?": ("scene filter_exist(0|large,,rubber,)", "no"),
    "How many small metal things right of the green thing?": (
        GREEN + "relate_filter(2|right,small,,metal,) count(3)",
        "1",
    ),
    "What is the gray thing in front of the green one made of?": (
        GREEN + "relate_filter_unique(2|front,,gray,,) query_material(3)",
        "rubber",
    ),
    "How many things left of the green one, by template?": (
        GREEN + "relate_filter_count(2|left,,,,)",
        "2",
    ),
    "Is there a cube behind the green thing?": (
        GREEN + "relate_filter_exist(2|behind,,,,cube)",
        "no",
    ),
}
OWN_QUESTIONS = {
    "How many things in the left area?": ("scene filter_area(0|left) count(1)", "2"),
    "How many cylinders in an area?": (
        "scene filter_area(0|left) scene filter_area(2|middle) union(1,3) scene "
        "filter_area(5|right) union(4,6) filter_shape(7|cylinder) count(8)",
        "1",
    ),
    "How many small things that are no spheres?": (
        "scene filter_size(0|small) scene filter_shape(2|sphere) subtract(1,3) count(4)",
        "2",
    ),
    "How many spheres after three more?": (
        "scene filter_shape(0|sphere) count(1) add(2|3)",
        "5",
    ),
    "How many spheres after one is gone?": (
        "scene filter_shape(0|sphere) count(1) add(2|-1)",
        "1",
    ),
    "Large beside small?": (LARGE_AND_SMALL + "compare_count(2,5)", "fewer"),
    "Small beside large?": (LARGE_AND_SMALL + "compare_count(5,2)", "more"),
    "Cubes beside spheres?": (CUBES_AND + SPHERES + "compare_count(2,5)", "equal"),
    "More things left or right?": (AREAS.format("left", "right"), "left"),
    "More things right or left?": (AREAS.format("right", "left"), "right"),
    "More things left or in the middle?": (AREAS.format("left", "middle"), "equal"),
}
QUESTIONS = {**CLEVR_QUESTIONS, **TEMPLATE_QUESTIONS, **OWN_QUESTIONS}

SPELLINGS = {
    "release": ("function", "value_inputs"),
    "generator": ("type", "side_inputs"),
    "generator's files": ("type", "value_inputs"),
}


def make_program(text, spelling="release"):
    """Nodes from a short form: "filter_color(0|red)" takes node 0 and the literal "red"."""
    name_key, values_key = SPELLINGS[spelling]
    program = []
    for word in text.split():
        name, _, rest = word.rstrip(")").partition("(")
        inputs, bar, values = rest.partition("|")
        node = {"inputs": [int(i) for i in inputs.split(",") if i], name_key: name}
        if bar or spelling != "generator":  # the generator leaves empty side_inputs out
            node[values_key] = values.split(",") if bar else []
        program.append(node)
    return program


@pytest.fixture
def scene_path(tmp_path):
    path = tmp_path / "scenes.json"
    path.write_text(SCENE_FILE)
    return path


@pytest.fixture
def scene(scene_path):
    return load_scenes(scene_path)[0]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_files_get_their_answers(spelling, scene_path, tmp_path):
    records = [
        {
            "split": "new",
            "image_index": 0,
            "image_filename": "CLEVR_new_000000.png",
            "question": question,
            "answer": answer,
            "program": make_program(program, spelling),
            "question_family_index": 0,
        }
        for question, (program, answer) in QUESTIONS.items()
    ]
    path = tmp_path / "questions.json"
    path.write_text(json.dumps({"info": {"split": "new"}, "questions": records}))
    questions = load_questions(path)
    answers = answer_questions(questions, load_scenes(scene_path))
    assert dict(zip(QUESTIONS, answers, strict=True)) == {q.question: q.answer for q in questions}


@pytest.mark.parametrize(
    ("questions", "functions"),
    [
        (CLEVR_QUESTIONS, CLEVR_FUNCTIONS),
        (TEMPLATE_QUESTIONS, TEMPLATE_FUNCTIONS),
        (OWN_QUESTIONS, OWN_FUNCTIONS),
    ],
)
def test_every_function_of_the_catalogue_is_asked_for(questions, functions):
    used = {node["function"] for text, _ in questions.values() for node in make_program(text)}
    assert used >= functions.keys()


def test_the_catalogue_has_the_functions_of_clevr():
    assert (len(CLEVR_FUNCTIONS), len(TEMPLATE_FUNCTIONS)) == (27, 8)
    assert len(FUNCTIONS) == 27 + 8 + len(OWN_FUNCTIONS)


@pytest.mark.parametrize(("anything", "shape"), [(None, None), ("", ""), ("", "thing")])
def test_a_composite_filter_leaves_attributes_open(anything, shape, scene):
    program = [
        {"type": "scene", "inputs": []},
        {"type": "filter_count", "inputs": [0], "side_inputs": [anything, "red", anything, shape]},
    ]
    assert execute(program, scene) == "2"


@pytest.mark.parametrize("literal", [2, "2"])
def test_a_literal_integer_may_be_a_number_or_its_digits(literal, scene):
    program = make_program("scene count(0)")
    program.append({"function": "add", "inputs": [1], "value_inputs": [literal]})
    assert execute(program, scene) == "8"


def test_what_is_invalid_anywhere_makes_the_answer_invalid(scene):
    """As in CLEVR's engine, even where nothing uses the invalid node."""
    unused = "scene filter_color(0|red) unique(1) scene count(3)"
    assert execute(make_program(unused), scene) == INVALID
    combined = "scene filter_color(0|red) unique(1) query_size(2) scene filter_color(4|gray) "
    combined += "unique(5) query_size(6) equal_size(3,7)"
    assert execute(make_program(combined), scene) == INVALID


def test_questions_find_their_scene_by_the_picture(scene):
    scenes = [ClevrScene(objects=scene.objects[:n], image_filename=f"{n}.png") for n in range(3)]
    program = make_program("scene count(0)")
    questions = [
        ClevrQuestion(question="?", image_index=0, image_filename=name, program=program)
        for name in ("2.png", "0.png")
    ]
    assert answer_questions(questions, scenes) == ["2", "0"]
    with pytest.raises(ValueError, match=r"questions\[0\]: none of the 2 scenes is of '2\.png'"):
        answer_questions(questions, scenes[:2])
    with pytest.raises(ValueError, match=r"one scene; '1\.png' has several"):
        answer_questions(questions, [*scenes, scenes[1]])
