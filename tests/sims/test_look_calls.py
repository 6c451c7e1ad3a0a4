"""What replies are read as, what places mean, and how a tool is made of a function."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.tools.calls import Call, read_call, read_reply
from sims.tools.coordinates import Box, CoordinateError, Frame, Point
from sims.tools.tool import ToolError, ToolResult, tool, use_tool

OPTIONS = {"A": "K", "B": "red"}
HOSTILE = ("<action>", "</action>", "<answer>", "crop(", ")", "[", "nan", "1e999", ",", "{", '"')


@pytest.mark.parametrize(
    "text",
    [
        "crop(0.1, 0.2, 0.3, 0.4)",
        "crop(0.1 0.2 0.3 0.4)",
        "crop([0.1, 0.2, 0.3, 0.4])",
        " crop ((0.1, 0.2), (0.3, .4)). ",
    ],
)
def test_numbers_may_be_written_in_several_ways(text):
    assert read_call(text) == Call(name="crop", positional=(0.1, 0.2, 0.3, 0.4))


def test_names_and_json_say_the_same():
    expected = Call(name="crop", keywords={"box": (0.1, 0.2, 0.3, 0.4), "image": (2.0,)})
    assert read_call("crop(box=[0.1, 0.2, 0.3, 0.4], image=2)") == expected
    json = '{"name": "crop", "arguments": {"box": [0.1, 0.2, 0.3, 0.4], "image": 2}}'
    assert read_call(json) == expected
    assert read_reply(f"<tool_call>{json}</tool_call>", OPTIONS).call == expected


def test_words_stay_together():
    assert read_call("detect('red mug')") == Call(name="detect", positional=("red mug",))
    assert read_call("draw_box(1, 2, 3, 4, label=a mug)").keywords == {"label": ("a mug",)}


def test_the_last_closed_tag_after_the_thinking_counts():
    said = "<think><answer>A</answer></think><action>crop(1,2,3,4)</action><answer>b</answer>"
    assert read_reply(said, OPTIONS).choice == "B"
    assert read_reply("<answer>red</answer>", OPTIONS).choice == "B"
    assert read_reply("<answer>A</answer><action>zoom(1, 2)</action>", OPTIONS).call is not None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("", "format"),
        ("crop(1, 2, 3, 4)", "format"),
        ("<action>crop(1, 2", "format"),
        ("<action><action>crop(1, 2, 3, 4)</answer>", "format"),
        ("<answer>Q</answer>", "option"),
        ("<answer></answer>", "option"),
        ("<action>please crop it</action>", "call"),
        ("<action>{not json}</action>", "call"),
        ("<action>" + "[" * 900 + "</action>", "call"),
        ("<action>crop(" + "1," * 500 + ")</action>", "call"),
        ('<tool_call>{"name": 3}</tool_call>', "call"),
    ],
)
def test_what_cannot_be_read_has_a_kind(reply, error):
    spoken = read_reply(reply, OPTIONS)
    assert (spoken.choice, spoken.call, spoken.error) == (None, None, error)
    assert spoken.note


@given(st.text(max_size=300) | st.lists(st.sampled_from(HOSTILE), max_size=60).map("".join))
def test_any_text_is_an_answer_a_call_or_neither(text):
    for reply in (text, f"<action>{text}</action>", f"<answer>{text}</answer>"):
        spoken = read_reply(reply, OPTIONS)
        said = (spoken.choice is not None, spoken.call is not None, bool(spoken.error))
        assert sum(said) == 1
        assert "<" not in spoken.note.replace("<answer>", "").replace("<action>", "")


WHOLE = Box(0.0, 0.0, 2000.0, 1000.0)


@pytest.mark.parametrize(
    ("convention", "values"),
    [
        ("unit", (0.25, 0.5, 0.5, 0.75)),
        ("thousand", (250, 500, 500, 750)),
        ("pixels", (50, 50, 100, 75)),
    ],
)
def test_conventions_name_the_same_place(convention, values):
    frame = Frame(region=WHOLE, size=(200, 100), convention=convention)
    assert frame.read_box(values) == Box(500.0, 500.0, 1000.0, 750.0)


def test_a_picture_of_a_part_is_pointed_into_like_the_whole():
    part = Frame(region=Box(1000.0, 500.0, 1200.0, 600.0), size=(100, 50), convention="thousand")
    assert part.read_point((500, 0)) == Point(1100.0, 500.0)
    assert part.write_box(Box(1050.0, 500.0, 1200.0, 600.0)) == "(250, 0, 1000, 1000)"


@given(st.sampled_from(["unit", "thousand"]), st.floats(0.0, 2000.0), st.floats(0.0, 1000.0))
def test_what_is_written_is_read_back(convention, x, y):
    frame = Frame(region=WHOLE, size=(200, 100), convention=convention)
    written = frame.write_point(Point(x, y))[1:-1].split(",")
    point = frame.read_point([float(value) for value in written])
    assert math.hypot(point.x - x, point.y - y) <= 1.2


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ((0.5, 0.1, 0.2, 0.3), "x0 is 0.5 and x1 is 0.2; x0 must be less"),
        ((0.1, 0.3, 0.2, 0.3), "y0 must be less"),
        ((-0.5, 0.1, 0.2, 0.3), "outside the picture"),
        ((0.1, 0.1, 7.0, 0.3), "it goes from 0 to 1"),
        ((0.1, 0.1, math.inf, 0.3), "x must be a number"),
        ((math.nan, 0.1, 0.2, 0.3), "x must be a number"),
        ((0.1, 0.1, 0.101, 0.102), "too small; each side must be 0.004"),
        ((0.0, 0.1, 1.0, 0.12), "too narrow"),
    ],
)
def test_boxes_that_are_none_say_what_is_legal(values, what):
    with pytest.raises(CoordinateError, match=what):
        Frame(region=WHOLE, size=(200, 100), convention="unit").read_box(values)


def test_boxes_hold_by_hand():
    one, two = Box(0, 0, 4, 4), Box(2, 2, 6, 4)
    assert one.iou(two) == pytest.approx(4 / (16 + 8 - 4))
    assert two.share_in(one) == pytest.approx(0.5)
    assert one.iou(Box(9, 9, 10, 10)) == 0.0
    assert Box(-5, 1, 5, 3).moved_into(one) == Box(0, 1, 4, 3)


class Room:
    """A stage with one picture."""

    def frame(self, number: int) -> Frame:
        if number != 1:
            raise ToolError("There is no such picture.", "arguments")
        return Frame(region=WHOLE, size=(200, 100), convention="unit")


@tool
def light(room: Room, point: Point, level: float = 1.0, name: str = "lamp") -> ToolResult:
    """Lights a lamp there."""
    if level > 9:
        raise ToolError("It is too bright.")
    return ToolResult(text=f"{name} {level:g} at {point.x:g}", images=(np.zeros((1, 1, 3)),))


TOOLS = {"light": light}


def test_a_function_is_a_tool():
    assert (light.name, light.form, light.says) == ("light", "light(x, y)", "Lights a lamp there.")
    schema = light.schema()["function"]
    assert schema["parameters"]["required"] == ["point"]
    assert set(schema["parameters"]["properties"]) == {"point", "level", "name", "image"}
    result = use_tool(read_call("light(0.5, 0.5, 3, name=sun)"), TOOLS, Room())
    assert (result.text, result.error, len(result.images)) == ("sun 3 at 1000", "", 1)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        ("dim(0.5, 0.5)", "tool", "There is no tool 'dim'; there are light."),
        ("light(0.5)", "arguments", "point must be 2 numbers"),
        ("light()", "arguments", "Write it as light(x, y)."),
        ("light(0.1, 0.2, 0.3, a, 5)", "arguments", "Write it as light(x, y)."),
        ("light(0.5, 0.5, level=high)", "arguments", "level must be a number"),
        ("light(0.5, 0.5, level=1e999)", "arguments", "finite"),
        ("light(0.5, 0.5, image=2)", "arguments", "There is no such picture."),
        ("light(0.5, 0.5, image=1.5)", "arguments", "image must be a whole number"),
        ("light(0.5, 0.5, colour=red)", "arguments", "light takes point, level, name, image"),
        ("light(5, 0.5)", "arguments", "outside the picture"),
        ("light(0.5, 0.5, 10)", "refused", "too bright"),
    ],
)
def test_what_a_tool_cannot_do_comes_back_as_text(call, error, text):
    result = use_tool(read_call(call), TOOLS, Room())
    assert result.error == error
    assert text in result.text
    assert result.images == ()


def test_a_parameter_that_cannot_be_read_is_refused_when_the_tool_is_made():
    def paint(room: Room, when: bytes) -> ToolResult:
        return ToolResult()

    with pytest.raises(TypeError, match="when of the tool paint is a bytes; legal: Box, Point"):
        tool(paint)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers()


@settings(max_examples=200)
@given(st.lists(NUMBERS, max_size=8))
def test_no_numbers_break_a_tool(numbers):
    call = Call(
        name="light", positional=tuple(float(n) if abs(n) < 1e300 else math.inf for n in numbers)
    )
    assert isinstance(use_tool(call, TOOLS, Room()), ToolResult)
