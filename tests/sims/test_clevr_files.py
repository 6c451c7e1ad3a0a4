"""CLEVR's files: what is read is written again, and what is not legal is named."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sims.clevr import (
    ClevrObject,
    ClevrScene,
    answer_questions,
    compute_relationships,
    load_info,
    load_questions,
    load_scenes,
    save_questions,
    save_scenes,
)

INFO = {"split": "val", "version": "1.0", "date": "2/14/2017", "license": "CC BY 4.0"}
THING = {
    "3d_coords": [0.5, -1.25, 0.35],
    "pixel_coords": [160, 120, 10.5],
    "rotation": 30.5,
    "size": "small",
    "color": "cyan",
    "material": "rubber",
    "shape": "sphere",
}
OTHER = {
    **THING,
    "3d_coords": [1.5, -1.25, 0.7],
    "size": "large",
    "area": "left",
    "mass": [1, "kg"],
}
SCENE = {
    "split": "val",
    "image_index": 7,
    "image_filename": "CLEVR_val_000007.png",
    "directions": {"left": [-1.0, 0.0, 0.0], "right": [1.0, 0.0, 0.0], "above": [0.0, 0.0, 1.0]},
    "objects": [THING, OTHER],
    "relationships": {"left": [[], [0]], "right": [[1], []]},
    "weather": {"rain": None},
}
PROGRAM = [
    {"inputs": [], "function": "scene", "value_inputs": []},
    {"inputs": [0], "function": "filter_color", "value_inputs": ["cyan"]},
    {"inputs": [1], "function": "count", "value_inputs": []},
]
QUESTION = {
    "split": "val",
    "image_index": 7,
    "image_filename": "CLEVR_val_000007.png",
    "question": "How many cyan things are there?",
    "answer": "2",
    "program": PROGRAM,
    "question_family_index": 3,
    "question_index": 11,
}


def write(tmp_path, key, entry):
    path = tmp_path / f"{key}.json"
    path.write_text(json.dumps({"info": INFO, key: [entry]}))
    return path


def changed(record, *, drop=(), **changes):
    """A copy with some fields set or dropped; "objects__1__color" is a field further in."""
    record = copy.deepcopy(record)
    for name in drop:
        del record[name]
    for names, value in changes.items():
        *way, last = [int(n) if n.isdigit() else n for n in names.split("__")]
        inner = record
        for name in way:
            inner = inner[name]
        inner[last] = value
    return record


def test_a_scene_is_read_as_it_stands(tmp_path):
    (scene,) = load_scenes(write(tmp_path, "scenes", SCENE))
    assert (scene.split, scene.image_index) == ("val", 7)
    assert scene.directions["left"] == (-1.0, 0.0, 0.0)
    assert scene.relationships == {"left": [[], [0]], "right": [[1], []]}
    assert scene.relationships == compute_relationships(scene.objects, scene.directions)
    first, second = scene.objects
    assert first.coords_3d == (0.5, -1.25, 0.35)
    assert (first.pixel_coords, first.rotation) == ((160, 120, 10.5), 30.5)
    assert (first.size, first.color, first.material) == ("small", "cyan", "rubber")
    assert (first.shape, first.area, second.area) == ("sphere", None, "left")
    assert load_info(tmp_path / "scenes.json") == INFO


def test_scenes_survive_a_round_trip_with_what_clevr_does_not_know(tmp_path):
    path = write(tmp_path, "scenes", SCENE)
    save_scenes(tmp_path / "again.json", load_scenes(path), load_info(path))
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())


def test_relations_is_another_name_for_relationships(tmp_path):
    record = changed(SCENE, drop=["relationships"], relations=SCENE["relationships"])
    (scene,) = load_scenes(write(tmp_path, "scenes", record))
    assert scene == load_scenes(write(tmp_path, "scenes", SCENE))[0]


def test_objects_may_have_nothing_but_attributes(tmp_path):
    thing = {name: THING[name] for name in ("size", "color", "material", "shape")}
    record = changed(SCENE, drop=["directions", "relationships"], objects=[thing])
    (scene,) = load_scenes(write(tmp_path, "scenes", record))
    save_scenes(tmp_path / "again.json", [scene], INFO)
    assert load_scenes(tmp_path / "again.json") == [scene]
    with pytest.raises(ValueError, match=r"3d_coords of every object; objects\[0\] has none"):
        compute_relationships(scene.objects, {"left": (1.0, 0.0, 0.0)})


numbers = st.floats(allow_nan=False, allow_infinity=False)
vectors = st.tuples(numbers, numbers, numbers)
extras = st.dictionaries(st.just("note"), st.none() | st.text() | st.lists(numbers, max_size=2))
things = st.builds(
    ClevrObject,
    size=st.sampled_from(["small", "large"]),
    color=st.sampled_from(["gray", "yellow"]),
    material=st.sampled_from(["rubber", "metal"]),
    shape=st.sampled_from(["cube", "sphere", "cylinder"]),
    coords_3d=vectors,
    pixel_coords=st.none() | vectors,
    rotation=st.none() | numbers,
    area=st.sampled_from([None, "left", "middle", "right"]),
    extra=extras,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    objects=st.lists(things, max_size=4),
    index=st.integers(0, 10**6),
    split=st.text(max_size=5),
    directions=st.dictionaries(st.sampled_from(["left", "behind", "above"]), vectors),
    extra=extras,
)
def test_any_scene_survives_a_round_trip(tmp_path, objects, index, split, directions, extra):
    scene = ClevrScene(
        objects=objects,
        image_index=index,
        image_filename=f"images/{index}.png",
        split=split,
        directions=directions,
        relationships=compute_relationships(objects, directions),
        extra=extra,
    )
    save_scenes(tmp_path / "scenes.json", [scene, scene], INFO)
    assert load_scenes(tmp_path / "scenes.json") == [scene, scene]


ILLEGAL_SCENES = [
    ({"drop": ["objects"]}, "'objects' is missing; there are: split, image_index"),
    ({"drop": ["image_filename"]}, "the field 'image_filename' is missing"),
    ({"objects": {}}, "objects must be a list; got {}"),
    ({"objects": [3]}, r"objects\[0\]: an object must be an object with named fields; got 3"),
    ({"objects__1__color": "pink"}, r"objects\[1\]: color must be one of gray, red, .*'pink'"),
    ({"objects__1__size": ["small"]}, r"size must be one of small, large; got \['small'\]"),
    ({"objects__0__area": "front"}, "area must be one of left, middle, right; got 'front'"),
    ({"objects__0__3d_coords": [1, 2]}, r"3d_coords must be three numbers; got \(1, 2\)"),
    ({"objects__0__3d_coords": [1, 2, "3"]}, r"3d_coords\[2\]: .*a finite number; got '3'"),
    ({"objects__0__3d_coords": [1, 2, 10**400]}, r"3d_coords\[2\]: .*a finite number; got 1000"),
    ({"objects__0__pixel_coords": 5}, "pixel_coords must be three numbers; got 5"),
    ({"objects__0__rotation": True}, "rotation must be a finite number; got True"),
    ({"image_index": -1}, "image_index must be an integer of at least 0; got -1"),
    ({"image_index": "7"}, "image_index must be an integer of at least 0; got '7'"),
    ({"split": None}, "split must be a text; got None"),
    ({"directions": []}, r"directions must be an object with named fields; got \[\]"),
    ({"directions__left": [1, 0]}, r"directions\['left'\] must be three numbers"),
    ({"relations": {}}, "relationships or, under their other name, relations; not both"),
    ({"relationships__left": [[0]]}, r"\['left'\] must be a list of 2 lists, one per object"),
    ({"relationships__left__1": [2]}, r"\['left'\]\[1\] must be .* each from 0 to 1; got \[2\]"),
    ({"relationships__left__1": [-1]}, r"each from 0 to 1; got \[-1\]"),
    ({"relationships__left__1": [True]}, r"each from 0 to 1; got \[True\]"),
    ({"relationships__left__1": 0}, "each from 0 to 1; got 0"),
]


@pytest.mark.parametrize(("change", "reason"), ILLEGAL_SCENES)
def test_what_is_wrong_in_a_scene_is_named(change, reason, tmp_path):
    path = write(tmp_path, "scenes", changed(SCENE, **change))
    with pytest.raises(ValueError, match=rf"scenes\.json: scenes\[0\]: .*{reason}"):
        load_scenes(path)


CLIMBING = ["/etc/passwd", "../a.png", "a/../b.png", "a\\..\\..\\b.png", "C:\\a.png", "c:a.png"]
CLIMBING += ["\\\\host\\share\\a.png", "..", ".", "", "a\0.png", 3, None]


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize(
    ("key", "entry", "load"),
    [("scenes", SCENE, load_scenes), ("questions", QUESTION, load_questions)],
)
def test_picture_names_that_climb_out_are_refused(name, key, entry, load, tmp_path):
    path = write(tmp_path, key, changed(entry, image_filename=name))
    with pytest.raises(ValueError, match=rf"{key}\[0\]: image_filename must be"):
        load(path)


BROKEN_FILES = [
    ("", "the file must be JSON in UTF-8"),
    ("{", "the file must be JSON in UTF-8"),
    ("[" * 200_000, "the file must be JSON.* too deeply"),
    ("[]", r"the file must be an object with named fields; got \[\]"),
    ("{}", "'KEY' must be a list; got None"),
    ('{"KEY": {}}', "'KEY' must be a list; got {}"),
    ('{"KEY": [5]}', r"KEY\[0\]: an entry must be an object with named fields; got 5"),
    ('{"KEY": [{"rotation": NaN}]}', "NaN is no JSON number"),
    ('{"KEY": [' + "9" * 5000 + "]}", "the file must be JSON"),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN_FILES, ids=range(len(BROKEN_FILES)))
@pytest.mark.parametrize(("key", "load"), [("scenes", load_scenes), ("questions", load_questions)])
def test_what_is_no_file_of_clevr_is_named(text, reason, key, load, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text(text.replace("KEY", key))
    with pytest.raises(ValueError, match=rf"broken\.json: .*{reason.replace('KEY', key)}"):
        load(path)


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "broken.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"broken\.json: the file must be JSON in UTF-8"):
        load_scenes(tmp_path / "broken.json")
    with pytest.raises(FileNotFoundError):
        load_scenes(tmp_path / "missing.json")


@pytest.mark.parametrize("extra", [{"objects": []}, {"note": float("nan")}, {"note": {1, 2}}])
def test_scenes_that_cannot_be_read_again_are_not_written(extra, tmp_path):
    scene = ClevrScene(objects=[], extra=extra)
    with pytest.raises(ValueError, match=r"scenes\.json.*(own field|JSON)"):
        save_scenes(tmp_path / "scenes.json", [scene], INFO)
    assert not (tmp_path / "scenes.json").exists()


def test_questions_survive_a_round_trip(tmp_path):
    path = write(tmp_path, "questions", QUESTION)
    questions = load_questions(path)
    assert questions[0].extra == {"question_index": 11}
    save_questions(tmp_path / "again.json", questions, load_info(path))
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())


def test_test_questions_have_no_answer_and_no_program(tmp_path):
    record = changed(QUESTION, drop=["answer", "program", "question_family_index"])
    path = write(tmp_path, "questions", record)
    (question,) = load_questions(path)
    assert (question.answer, question.program, question.question_family_index) == (None,) * 3
    save_questions(tmp_path / "again.json", [question], INFO)
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())
    with pytest.raises(ValueError, match=r"questions\[0\]: a question without a program"):
        answer_questions([question], [ClevrScene(objects=[], image_filename="a.png")])


@pytest.mark.parametrize(("raw", "answer"), [(True, "yes"), (False, "no"), (3, "3"), (0, "0")])
def test_the_generators_form_is_written_in_the_releases(raw, answer, tmp_path):
    program = [
        {"type": "scene", "inputs": [], "_output": [0, 1]},
        {"type": "filter_color", "inputs": [0], "side_inputs": ["cyan"]},
        {"type": "count", "inputs": [1], "value_inputs": []},
    ]
    path = write(tmp_path, "questions", changed(QUESTION, answer=raw, program=program))
    (question,) = load_questions(path)
    assert question.answer == answer
    assert question.program == [{**PROGRAM[0], "_output": [0, 1]}, *PROGRAM[1:]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"drop": ["question"]}, "the field 'question' is missing; there are: split"),
        ({"question": 5}, "question must be a text; got 5"),
        ({"answer": 2.5}, "answer must be a text, an integer, true or false; got 2.5"),
        ({"program": "scene"}, "program must be a list; got 'scene'"),
        ({"program": []}, "a program must be a list of at least one node"),
        ({"program__1": 5}, r"program\[1\]: a node must be an object"),
        ({"program__1__type": "filter_color"}, r"program\[1\]: .*'function' or.* not both"),
        ({"program__2__inputs": [2]}, r"program\[2\]: count: .*from 0 to 1; got 2"),
        ({"question_family_index": "3"}, "question_family_index must be an integer"),
    ],
)
def test_what_is_wrong_in_a_question_is_named(change, reason, tmp_path):
    path = write(tmp_path, "questions", changed(QUESTION, **change))
    with pytest.raises(ValueError, match=rf"questions\.json: questions\[0\]: .*{reason}"):
        load_questions(path)
