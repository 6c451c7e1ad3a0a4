"""Replies that predict boxes and paths: any text is read, and predictions become waypoints."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sims.manipulation.cameras import FRONT, extrinsics, intrinsics, lift, local_pose, project
from sims.manipulation.lifting import (
    CLEARANCE,
    CLOSED,
    FORK,
    HANDLINGS,
    HOVER,
    LOWEST,
    OPEN,
    PUSH_HEIGHT,
    RUN_UP,
    Sight,
    grasp_point,
    plan_waypoints,
    resting_point,
)
from sims.manipulation.spoken import (
    EXAMPLES,
    MAX_BOXES,
    MAX_OUTPUT_CHARS,
    MAX_POINTS,
    read_prediction,
    write_reply,
)

UNIT = st.floats(0.0, 1.0, allow_subnormal=False)
KINDS = st.sampled_from(["trajectory", "box"])
TAGS = ("<think>", "</think>", "<output>", "</output>", "<OUTPUT>", "ſ", "K", "\x00")
NUMBERS = ("[", "]", "{", "[[0.1,0.2]]", "NaN", "1e999", "9" * 400, EXAMPLES["box"][8:-9])
PIECES = st.lists(st.sampled_from([*TAGS, *NUMBERS]), max_size=12).map("".join)


def reply(output: str) -> str:
    return f"<think>Look.</think><output>{output}</output>"


def box_reply(**changes: object) -> str:
    box = {"x": 0.5, "y": 0.5, "width": 0.2, "height": 0.1} | changes
    return reply(json.dumps(box))


def test_a_box_has_its_middle_and_size() -> None:
    found = read_prediction(box_reply(), "box")
    assert (found.kind, found.problem, found.well_formed) == ("box", "", True)
    np.testing.assert_allclose(found.value, [0.4, 0.45, 0.6, 0.55])
    assert found.num_clipped == 0


def test_a_path_has_points() -> None:
    found = read_prediction(reply("[[0.1, 0.2], [1, 0]]"), "trajectory")
    assert (found.kind, found.value) == ("trajectory", [[0.1, 0.2], [1.0, 0.0]])
    assert found.facts()["boxes"] == []
    json.dumps(found.facts(), allow_nan=False)


def test_what_lies_outside_the_picture_is_clipped_and_counted() -> None:
    """Corners are clipped, not the middle: 0.9 to 1.3 becomes 0.9 to 1. Sizes lose their sign."""
    found = read_prediction(box_reply(x=1.1, width=-0.4), "box")
    np.testing.assert_allclose(found.value, [0.9, 0.45, 1.0, 0.55])
    assert found.num_clipped == 1
    path = read_prediction(reply("[[-0.5, 0.2], [1.5, 7]]"), "trajectory")
    assert (path.value, path.num_clipped) == ([[0, 0.2], [1, 1]], 3)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_examples_are_legal_and_named_in_every_problem(kind: str) -> None:
    assert read_prediction(f"<think></think>{EXAMPLES[kind]}", kind).kind == kind
    assert EXAMPLES[kind] in read_prediction("", kind).problem


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("", "box", "no <output>"),
        ("<think>a</think><output>[[0.1, 0.2]]", "trajectory", "no <output>"),
        (reply("{x: 1}"), "box", "not JSON"),
        (reply(""), "box", "not JSON"),
        (reply("[[0.1, NaN]]"), "trajectory", "not JSON"),
        (reply("[[0.1, -Infinity]]"), "trajectory", "not JSON"),
        (reply("[[0.1, 1e999]]"), "trajectory", "not a finite number"),
        (reply(f"[[0.1, 1{'0' * 400}]]"), "trajectory", "not a finite number"),
        (reply('[[0.1, "0.2"]]'), "trajectory", "not a finite number"),
        (reply("[[0.1, true]]"), "trajectory", "not a finite number"),
        (reply("[[0.1, 0.2, 0.3]]"), "trajectory", "not two numbers"),
        (reply("[]"), "trajectory", "not a list of points"),
        (reply(EXAMPLES["box"][8:-9]), "trajectory", "not a list of points"),
        (reply("[[0.1, 0.2]]"), "box", "not a box with x, y"),
        (box_reply(width=0), "box", "no area inside the picture"),
        (box_reply(x=3), "box", "no area inside the picture"),
        (reply(json.dumps([[0.1, 0.2]] * (MAX_POINTS + 1))), "trajectory", "64 are the most"),
        (reply("[]"), "box", "0 boxes"),
        (reply("[" * 2000), "trajectory", "nested deeper"),
        (reply(" " * (MAX_OUTPUT_CHARS + 1)), "box", "longer than 4096"),
    ],
)
def test_what_is_refused_and_why(text: str, kind: str, problem: str) -> None:
    found = read_prediction(text, kind)
    assert (found.kind, found.value) == ("none", None)
    assert problem in found.problem


def test_form_is_thinking_and_then_json_whatever_it_says() -> None:
    """As in VLA-R1's code, which pays for the form of an output of the wrong kind, too."""
    path = "[[0.1, 0.2]]"
    assert read_prediction(reply(path), "box").well_formed
    assert read_prediction(reply('"words"'), "box").well_formed
    assert not read_prediction(reply("null"), "box").well_formed
    bare = read_prediction(f"<output>{path}</output>", "trajectory")
    assert (bare.kind, bare.well_formed) == ("trajectory", False)
    before = read_prediction(f"<output>{path}</output><think>a</think>", "trajectory")
    assert (before.kind, before.well_formed) == ("none", False)


def test_the_first_output_after_the_thinking_counts() -> None:
    text = "<think>or <output>[[0, 0]]</output>?</think> so <output>[[0.1, 0.2]]</output>"
    again = f"{text}<output>[[0.9, 0.9]]</output>"
    for one in (text, again, again.upper().replace("E", "e")):
        assert read_prediction(one, "trajectory").value == [[0.1, 0.2]]


def test_several_boxes_may_be_named_up_to_a_limit() -> None:
    box = {"x": 0.5, "y": 0.5, "width": 0.2, "height": 0.1}
    found = read_prediction(reply(json.dumps([box | {"x": 0.2}, box])), "box")
    assert len(found.boxes) == 2
    assert found.value == found.boxes[0]
    many = read_prediction(reply(json.dumps([box] * (MAX_BOXES + 1))), "box")
    assert "17 boxes" in many.problem


@given(st.one_of(st.text(), PIECES, PIECES.map(reply)), KINDS)
@example("<output>" * 50, "box")
def test_any_text_is_read(text: str, kind: str) -> None:
    found = read_prediction(text, kind)
    assert found.kind in (kind, "none")
    assert bool(found.problem) == (found.value is None) == (found.kind == "none")
    flat = np.array(found.value or [0.0], dtype=float)
    assert np.isfinite(flat).all()
    assert 0 <= flat.min() <= flat.max() <= 1
    json.dumps(found.facts(), allow_nan=False)


@given(st.recursive(st.floats() | st.text() | st.none(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["x", "y", "width", "height", "z"]), x), max_leaves=12), KINDS)  # fmt: skip
def test_any_json_is_read(found: object, kind: str) -> None:
    text = reply(json.dumps(found))
    assert read_prediction(text, kind).kind in (kind, "none")


def test_a_megabyte_costs_no_time() -> None:
    start = time.perf_counter()
    for piece in ("<", "<output>", "<think>", "</output>", "[" * 3, "<think></think>"):
        read_prediction(piece * (1_000_000 // len(piece)), "box")
    assert time.perf_counter() - start < 5


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=8))
def test_a_written_path_is_read_back(points: list[tuple[float, float]]) -> None:
    found = read_prediction(write_reply("Go.", points, "trajectory"), "trajectory")
    assert found.well_formed
    np.testing.assert_allclose(found.value, points, atol=6e-4)


def test_a_written_box_is_read_back() -> None:
    box = [0.4, 0.44, 0.49, 0.56]
    found = read_prediction(write_reply("There.", box, "box"), "box")
    np.testing.assert_allclose(found.value, box, atol=1e-3)


SIZE = 128
CUBE = np.array([0.5, 0.1, 0.025])
HALF = 0.025


def make_sight(*cubes: np.ndarray) -> Sight:
    """What the front camera sees of a table with cubes on it, by intersecting every ray with every
    plane and box.
    """
    pose = local_pose(FRONT)
    matrix, world_to_camera = intrinsics(FRONT.fovy, SIZE, SIZE), extrinsics(pose)
    pixels = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1) + 0.5
    ones = np.ones((SIZE, SIZE))
    rays = lift(pixels, ones, matrix, world_to_camera) - pose.position
    depth = -pose.position[2] / rays[..., 2]
    depth[depth <= 0] = 10.0
    for middle in cubes:
        with np.errstate(divide="ignore"):
            sides = [(middle + s * HALF - pose.position) / rays for s in (-1, 1)]
        near, far = np.minimum(*sides).max(axis=-1), np.maximum(*sides).min(axis=-1)
        depth = np.where(near <= far, np.minimum(depth, near), depth)
    return Sight(
        depth=depth.astype(np.float32), camera_matrix=matrix, world_to_camera=world_to_camera
    )


def seen_at(sight: Sight, point: object) -> list[float]:
    """Where a point of the world appears, normalised."""
    pixel = project(np.array(point, dtype=float), sight.camera_matrix, sight.world_to_camera)
    return [float(n) / SIZE for n in pixel[:2]]


def raised(point: np.ndarray, height: float) -> np.ndarray:
    return point + np.array([0.0, 0.0, height])


def test_what_is_seen_is_lifted() -> None:
    sight = make_sight(CUBE)
    top = raised(CUBE, HALF)
    np.testing.assert_allclose(sight.surface(seen_at(sight, top)), top, atol=0.003)
    table = [0.4, -0.1, 0.0]
    np.testing.assert_allclose(sight.surface(seen_at(sight, table)), table, atol=0.004)
    above = [0.4, -0.1, 0.1]
    np.testing.assert_allclose(sight.at_height(seen_at(sight, above), 0.1), above, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 0.01, -0.01])
def test_a_thing_is_grasped_where_its_inside_appears(offset: float) -> None:
    sight = make_sight(CUBE)
    inside = CUBE + np.array([0, offset, 0])
    np.testing.assert_allclose(grasp_point(sight, seen_at(sight, inside)), inside, atol=0.008)


def test_a_grasp_beside_everything_is_just_above_the_table() -> None:
    sight = make_sight(CUBE)
    point = grasp_point(sight, seen_at(sight, [0.4, -0.2, 0]))
    np.testing.assert_allclose(point[2], LOWEST)


def test_things_come_to_rest_on_what_is_below() -> None:
    """A cube on the table, on another cube, and where the cube itself stood before."""
    other = np.array([0.45, -0.1, 0.025])
    sight = make_sight(CUBE, other)
    on_table = resting_point(sight, seen_at(sight, [0.42, 0.0, HALF]), HALF)
    np.testing.assert_allclose(on_table, [0.42, 0, HALF], atol=0.006)
    stacked = raised(other, 2 * HALF)
    on_other = resting_point(sight, seen_at(sight, stacked), HALF)
    np.testing.assert_allclose(on_other, stacked, atol=0.008)
    back = resting_point(sight, seen_at(sight, CUBE), HALF, without=CUBE)
    np.testing.assert_allclose(back, CUBE, atol=0.006)


def test_a_carried_path_opens_and_closes_the_fingers_at_its_ends() -> None:
    sight = make_sight(CUBE)
    goal = np.array([0.42, -0.1, HALF])
    points = [CUBE, [0.5, 0.1, HOVER], [0.42, -0.1, HOVER], goal]
    plan = plan_waypoints("trajectory", [seen_at(sight, p) for p in points], sight, "carry")
    assert plan.shape == (8, 5)
    assert plan[:, 4].tolist() == [OPEN] + [CLOSED] * 5 + [OPEN] * 2
    np.testing.assert_allclose(plan[1, :3], CUBE, atol=0.008)
    np.testing.assert_allclose(plan[3:5, :3], points[1:3], atol=1e-6)
    np.testing.assert_allclose(plan[6, :3], raised(goal, CLEARANCE), atol=0.012)
    assert plan[[0, 2, 3, 4, 5, 7], 2].min() >= HOVER


def test_a_push_runs_up_from_behind_and_backs_off() -> None:
    """Along x at first: the fingers lie across it, a little apart."""
    sight = make_sight(CUBE)
    points = np.array([[0.44, 0.1, PUSH_HEIGHT], [0.5, 0.1, PUSH_HEIGHT], [0.6, 0.1, PUSH_HEIGHT]])
    plan = plan_waypoints("trajectory", [seen_at(sight, p) for p in points], sight, "push")
    assert set(plan[:, 4]) == {FORK}
    np.testing.assert_allclose(plan[:, 3], 0, atol=1e-6)
    back = np.array([RUN_UP, 0, 0])
    wanted = [points[0] - back, *points, points[-1] - back]
    np.testing.assert_allclose(plan[1:-1, :3], wanted, atol=1e-6)
    assert plan[[0, -1], 2].tolist() == [HOVER, HOVER]


def test_reaching_ends_on_what_is_seen() -> None:
    sight = make_sight(CUBE)
    top = raised(CUBE, HALF + CLEARANCE)
    path = [seen_at(sight, p) for p in ([0.4, 0, 0.2], [0.45, 0.05, HOVER], top)]
    plan = plan_waypoints("trajectory", path, sight, "reach")
    np.testing.assert_allclose(plan[-1, :3], top, atol=0.006)
    assert plan[:-1, 2].tolist() == [HOVER, HOVER]


def test_a_box_is_grasped_at_its_middle_and_lifted() -> None:
    sight = make_sight(CUBE)
    x, y = seen_at(sight, CUBE)
    plan = plan_waypoints("box", [x - 0.04, y - 0.05, x + 0.04, y + 0.05], sight, "push")
    assert plan[:, 4].tolist() == [OPEN, CLOSED, CLOSED]
    np.testing.assert_allclose(plan[1, :3], CUBE, atol=0.008)
    assert plan[2, 2] == HOVER


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=6), st.sampled_from(HANDLINGS))
@example([(0.5, 0.5)] * 3, "push")
@example([(0.0, 0.0), (1.0, 1.0)], "carry")
def test_any_path_becomes_finite_waypoints(
    points: list[tuple[float, float]], handling: str
) -> None:
    plan = plan_waypoints("trajectory", points, SIGHT, handling)
    assert plan.shape[1] == 5
    assert len(plan) >= 2
    assert np.isfinite(plan).all()
    assert set(plan[:, 4]) <= {OPEN, FORK, CLOSED}


def test_handlings_are_named() -> None:
    with pytest.raises(ValueError, match="handling is 'throw'; legal: reach, push"):
        plan_waypoints("trajectory", [[0.5, 0.5]], SIGHT, "throw")


SIGHT = make_sight(CUBE)


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=5))
def test_numbers_are_written_alike_where_that_is_asked_for(points: list) -> None:
    text = write_reply("Look.", points, "trajectory", decimals=2)
    written = text.partition("<output>")[2]
    assert all(len(n) == 4 for n in re.findall(r"[\d.]+", written))
    found = read_prediction(text, "trajectory")
    np.testing.assert_allclose(found.value, points, atol=0.0051)
    assert found.well_formed


def test_a_box_with_two_decimals() -> None:
    text = write_reply("", [0.1, 0.2, 0.5, 0.8], "box", decimals=2)
    assert '{"x": 0.30, "y": 0.50, "width": 0.40, "height": 0.60}' in text
    np.testing.assert_allclose(read_prediction(text, "box").value, [0.1, 0.2, 0.5, 0.8])
