"""What replies are read as under both contracts, whatever a model writes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.video.fake_films import FlatFilm, choice, grounding
from video.spotlight.config import SpotlightConfig
from video.spotlight.decisions import Situation, decide
from video.spotlight.legality import FRAME_THINKER_TOOLS, TOOLS
from video.spotlight.published import find_blocks, read_published_action
from video.spotlight.replies import TOOL_FORMS, echo, read_reply, read_stretch

OPTIONS = {"A": "red", "B": "blue", "C": "green"}
PIECES = ["<answer>", "</answer>", "<action>", "</action>", "<think>", "</think>", "<", ">", "B"]
PIECES += [
    "choose frames between ",
    " and ",
    "get frame number at time ",
    "rewatch ",
    " to ",
    "0.5",
]
PIECES += ["find segment ", "find frame ", "zoom frame ", " at ", "output answer: ", "{", '"', ":"]
PIECES += ["12", "0.5", "-3", "nan", "inf", "1e999", "9" * 400, "1:02:05", "12:75", "٣", "\ud800"]
PIECES += ["<image>", "<|image_pad|>", "🙂", " ", "\n", ",", "[", "]", '{"start_time": 1,']
ANYTHING = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


def asked(reply: str, tools=TOOLS):
    request = read_reply(reply, OPTIONS, tools).request
    return request and (request.tool, *request.arguments)


@pytest.mark.parametrize(
    ("words", "request_read"),
    [
        ("choose frames between 120 and 480", ("choose_frames", "120", "480")),
        (" Choose  FRAMES between 120\nand 480. ", ("choose_frames", "120", "480")),
        ("get frame number at time 1:02:05", ("frame_number_at", "1:02:05")),
        ("rewatch 12.0 to 20.0", ("rewatch", "12.0", "20.0")),
        ("rewatch 0:12 to 0:20", ("rewatch", "0:12", "0:20")),
        ("find segment 3", ("find_segment", "3")),
        ("find frame 120", ("find_frame", "120")),
        ("zoom frame 120 at 0.1 0.2 0.6 0.7", ("zoom", "120", "0.1", "0.2", "0.6", "0.7")),
        ("zoom frame 120 at [0.1, 0.2, 0.6, 0.7]", ("zoom", "120", "0.1", "0.2", "0.6", "0.7")),
        ("choose frames between -5 and nan", ("choose_frames", "-5", "nan")),
        ("choose frames 120 480", None),
        ("I choose frames between 120 and 480", None),
        ("choose frames between 120 and 480 and 500", None),
        ("B", None),
        ("", None),
    ],
)
def test_requests(words, request_read):
    assert asked(f"<think>12</think><action>{words}</action>") == request_read


def test_the_last_tag_after_the_thinking_counts():
    look = "<action>find frame 7</action>"
    assert asked(f"<action>find frame 3</action>{look}") == ("find_frame", "7")
    assert asked(f"<think>{look}</think>") is None
    assert read_reply(f"{look}<answer>b</answer>", OPTIONS, TOOLS).choice == "B"
    assert asked(f"<answer>b</answer>{look}") == ("find_frame", "7")
    assert asked("<action><action>find frame 7</action></action>") == ("find_frame", "7")


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("b", "B"),
        ("(B) A dog", "B"),
        ("B A dog", "B"),
        ("B because of it", "B"),
        ("A because of it", "A"),
        ("A A cat", "A"),
        ("A dog", "B"),
        ("a red car.", "C"),
        ("A big lorry", None),
        ("A or B", None),
        ("F", None),
    ],
)
def test_an_article_is_no_letter_and_of_two_letters_none_is_guessed(answer, letter):
    options = {"A": "A cat", "B": "A dog", "C": "A red car", "D": "None of them"}
    assert read_reply(f"<answer>{answer}</answer>", options, ()).choice == letter


def test_a_tool_that_is_not_there_is_said_to_be_not_there():
    spoken = read_reply("<action>zoom frame 1 at 0 0 1 1</action>", OPTIONS, FRAME_THINKER_TOOLS)
    assert spoken.note == "There is no 'zoom' action of that form here."


def test_every_tool_is_explained_in_a_form_that_is_understood():
    fillings = {"START": "10", "END": "20", "H:MM:SS": "0:10", "NUMBER": "1"}
    for name, tool in TOOL_FORMS.items():
        words = tool.form.replace("X0 Y0 X1 Y1", "0 0 0.5 0.5")
        for capital, filling in fillings.items():
            words = words.replace(capital, filling)
        assert asked(f"<action>{words}</action>")[0] == name


@pytest.mark.parametrize(
    ("words", "stretch"),
    [
        ("12.0 to 15.5", (12.0, 15.5)),
        ("[12.0, 15.5]", (12.0, 15.5)),
        ("(12, 15.5)", (12.0, 15.5)),
        ("12-15.5", (12.0, 15.5)),
        ("12 – 15.5 seconds", (12.0, 15.5)),
        ("12s to 15.5s", (12.0, 15.5)),
        ("From 12.0 to 15.5.", (12.0, 15.5)),
        ("0:12 to 1:00:15.5", (12.0, 3615.5)),
        ('{"start_time": "12.0", "end_time": "15.5"}', (12.0, 15.5)),
        ('{"start_time": 12, "end_time": "0:15.5"}', (12.0, 15.5)),
        ("15.5 to 12.0", (15.5, 12.0)),
        ("-5 to 3", None),
        ("nan to 3", None),
        ("12", None),
        ("12 to 15 to 18", None),
        ("1:99 to 2:00", None),
        ('{"start_time": "12.0"}', None),
        ('{"start_time": [1], "end_time": 2}', None),
        ('{"start_time": 1e999, "end_time": NaN}', None),
        ('{"a":' * 30, None),
        ("1" * 200, None),
        ("", None),
    ],
)
def test_stretches(words, stretch):
    assert read_stretch(words) == stretch


@settings(max_examples=400, deadline=None)
@given(
    ANYTHING,
    st.sampled_from(["saccade", "frame_thinker"]),
    st.booleans(),
    st.sampled_from([None, 0, 3]),
)
def test_no_reply_raises_and_what_it_asks_for_exists(reply, contract, is_choice, frames_left):
    config = SpotlightConfig(contract=contract, tools=list(FRAME_THINKER_TOOLS))
    if contract == "saccade":
        config.tools = list(TOOLS)
    situation = Situation(
        question=choice() if is_choice else grounding(),
        film=FlatFilm(),
        config=config,
        asked=set(),
        frames_left=frames_left,
        turns_left=2,
    )
    decision = decide(reply, situation)
    assert decision.kind in ("answer", "look", "time", "invalid")
    assert len(decision.note) < 1000
    if decision.look is not None:
        indices = decision.look.indices
        assert indices == sorted(set(indices))
        assert all(0 <= index < 1000 for index in indices)
        assert frames_left is None or len(indices) <= frames_left
        assert (decision.kind == "time") == (not indices)


@given(ANYTHING)
def test_blocks_are_those_that_the_released_code_finds(text):
    """It searches with a pattern that takes quadratic time."""
    expected = re.findall(r"<action>(.*?)</action>", text, re.DOTALL)
    assert find_blocks(text, "<action>", "</action>") == expected


@pytest.mark.parametrize(
    "piece", ["<action>", "</think>", "<action>find frame 1</action>", "<", "9"]
)
@pytest.mark.parametrize("contract", ["saccade", "frame_thinker"])
def test_a_million_characters_take_linear_time(piece, contract):
    """Ten times the text takes about ten times as long; quadratic time would take a hundred."""

    def seconds(length: int) -> float:
        reply = f"<think>{(piece * (length // len(piece) + 1))[:length]}"
        start = time.process_time()
        if contract == "saccade":
            read_reply(reply, OPTIONS, TOOLS)
        else:
            read_published_action(reply)
        return time.process_time() - start

    assert seconds(1_000_000) < 40 * max(seconds(100_000), 5e-3)


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        ("choose frames between 120 and 480", {"pair": (120, 480)}),
        ("I would choose frames between 1 and 99 now", {"pair": (1, 99)}),
        ("get frame number at time 62:30", {"time": "62:30", "seconds": 3750}),
        ("get frame number at time  0:75 please", {"time": "0:75", "seconds": 75}),
        ("get frame number at time 1:02:05", {}),
        ("get frame number at time 12.5", {}),
        ("now get frame number at time 0:30", {}),
        ("output answer: B", {"answer": "B"}),
        ("output answer:B because", {"answer": "B because"}),
        ("output answer:", {}),
        ("Output answer: B", {}),
        ("choose frames between -1 and 480", {}),
        (f"choose frames between 1 and {'9' * 5000}", {"pair": (1, 10**18)}),
        (f"get frame number at time {'9' * 5000}:00", {}),
    ],
)
def test_published_actions(block, fields):
    action = read_published_action(f"<action>find</action> <action>{block}</action>")
    assert {k: v for k, v in vars(action).items() if v is not None} == fields


def test_an_echo_is_short_and_printable():
    assert echo("a\x00\ud800b") == "'a??b'"
    assert len(echo("x" * 9999)) == 62
