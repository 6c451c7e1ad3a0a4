"""The tools as functions of the shared interface: their schemas, and calls by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.tools.calls import Call
from sims.tools.tool import ToolResult, tool, use_tool
from tests.video.fake_films import FlatFilm
from tests.video.spotlighting import ALL, act, make_env, started
from video.spotlight import toolbox
from video.spotlight.arguments import FrameWord, write_word
from video.spotlight.config import SpotlightConfig
from video.spotlight.legality import TOOLS
from video.spotlight.looks import Look
from video.spotlight.reel import Reel
from video.spotlight.toolbox import choose_tools, describe_tools


def test_the_settings_name_exactly_the_tools_there_are():
    assert tuple(toolbox.TOOLS) == TOOLS


def called(env, name: str, thought: str = "So.", **arguments):
    """What the policy is told, and the truth, after a call by name."""
    call = json.dumps({"name": name, "arguments": arguments})
    obs, _, _, _, info = env.step(f"<think>{thought}</think><tool_call>{call}</tool_call>")
    return obs, info["truth"]


@pytest.mark.parametrize(
    ("words", "name", "arguments"),
    [
        ("choose frames between 100 and 300", "choose_frames", {"start": 100, "end": 300}),
        ("get frame number at time 0:41", "frame_number_at", {"time": "0:41"}),
        ("rewatch 40 to 43.5", "rewatch", {"start": 40, "end": 43.5}),
        ("rewatch 0:40 to 0:43", "rewatch", {"start": "0:40", "end": "0:43"}),
        ("find segment 2", "find_segment", {"number": 2}),
        ("find frame 7", "find_frame", {"frame": 7}),
        ("zoom frame 7 at 0 0 0.5 0.5", "zoom", {"frame": 7, "box": [0, 0, 0.5, 0.5]}),
        ("choose frames between 9 and 3", "choose_frames", {"start": 9, "end": 3}),
        ("find frame 1000", "find_frame", {"frame": 1000}),
        ("zoom frame 7 at 0 0 0 1", "zoom", {"frame": 7, "box": [0, 0, 0, 1]}),
    ],
)
def test_a_call_by_name_and_the_words_for_it_are_the_same(words, name, arguments):
    one, two = started(**ALL, frame_budget=40), started(**ALL, frame_budget=40)
    text, truth = act(one, words)
    obs, by_name = called(two, name, **arguments)
    assert (obs["text"], by_name) == (text, truth)
    assert len(obs["images"]) == len(truth["shown_frames"])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('{"name": "fly", "arguments": {}}', "There is no tool 'fly'; there are choose_frames, "),
        ('{"name": "find_frame"}', "Write it as find_frame(frame)."),
        ('{"name": "find_frame", "arguments": {"frame": [1, 2]}}', "frame must be one word or"),
        ('{"name": "find_frame", "arguments": {"image": 1}}', "takes frame, not 'image'"),
        ('{"name": "zoom", "arguments": {"frame": 1, "box": [0, 0, 1]}}', "box must be 4 numbers"),
        ('{"name": "find_frame", "arguments": {"frame": 1e999}}', "'inf' is no frame number"),
        ('{"name": "find_frame", "arguments": {"frame": 1.5}}', "'1.5' is no frame number"),
        ('{"name": "find_frame", "arguments": {"frame": null}}', "'None' is no frame number"),
        ('{"name": 3}', "No use of a tool was recognised in "),
        ("find frame 7", "No use of a tool was recognised in 'find frame 7'."),
    ],
)
def test_what_a_call_by_name_cannot_have_is_said(call, told):
    env = started(**ALL)
    obs, _, _, _, info = env.step(f"<think>So.</think><tool_call>{call}</tool_call>")
    assert told in obs["text"]
    assert "Legal: <action>choose frames between START and END</action>, " in obs["text"]
    assert (info["truth"]["kind"], obs["images"]) == ("invalid", ())


def test_an_action_may_name_its_tool_and_an_unknown_one_is_no_action():
    env = started(**ALL)
    assert act(env, "find_frame(7)")[1]["shown_frames"] == [7]
    assert act(env, "choose_frames(start=100, end=300)")[1]["tool"] == "choose_frames"
    assert "No action was recognised in 'fly(7)'." in act(env, "fly(7)")[0]


def test_a_tool_that_is_not_offered_is_not_there_by_name_either():
    env = started(tools=["find_frame"])
    text, truth = called(env, "zoom", frame=1, box=[0, 0, 1, 1])
    assert "There is no tool 'zoom'; there are find_frame." in text["text"]
    assert truth["kind"] == "invalid"
    alone = make_env(scan_only=True)
    alone.reset(seed=0)
    assert called(alone, "find_frame", frame=1)[1]["kind"] == "invalid"


def test_calls_by_name_hang_together_as_words_do():
    env = started()
    _, truth = called(env, "choose_frames", "Between 100 and 300.", start=100, end=300)
    assert (truth["consistent"], truth["broken_rule"]) == (True, "")
    _, truth = called(env, "choose_frames", "Somewhere.", start=500, end=700)
    assert truth["broken_rule"] == "thought_action"


def test_the_published_contract_knows_no_calls_by_name():
    env = started(contract="frame_thinker", verification="frame_thinker")
    call = '<tool_call>{"name": "choose_frames", "arguments": {"start": 1, "end": 99}}</tool_call>'
    obs, _, terminated, _, _ = env.step(f"<think>So.</think>{call}")
    assert (terminated, obs["text"]) == (True, "")


def test_schemas_come_from_the_functions_and_the_film():
    tools = describe_tools(SpotlightConfig(tools=list(TOOLS)), FlatFilm())
    schemas = {name: t.schema()["function"] for name, t in tools.items()}
    choose = schemas["choose_frames"]
    assert choose["description"] == "8 frames spread evenly between two frame numbers"
    assert choose["parameters"]["required"] == ["start", "end"]
    assert choose["parameters"]["properties"]["start"] == {"type": "integer", "minimum": 0}
    assert schemas["find_segment"]["description"].endswith("segments, 1 to 10")
    assert schemas["zoom"]["parameters"]["properties"]["box"]["maxItems"] == 4
    json.dumps(schemas)


@tool
def two_frames(reel: Reel, first: FrameWord, gap: int = 10) -> ToolResult:
    """two frames, the second some frames later"""
    (word,) = reel.words_of("two_frames", first)
    indices = [int(word), int(word) + gap]
    return reel.show(
        Look(tool="two_frames", numbers=(indices[0], gap), indices=indices, frame_range=(0, 999))
    )


def test_one_function_is_a_new_tool(monkeypatch):
    monkeypatch.setitem(toolbox.TOOLS, "two_frames", two_frames)
    monkeypatch.setattr("video.spotlight.legality.TOOLS", (*TOOLS, "two_frames"))
    env = make_env(tools=["two_frames"], verification="none")
    obs, _ = env.reset(seed=0)
    assert "- two_frames(first): two frames, the second some frames later" in obs["text"]
    obs, truth = called(env, "two_frames", first=5)
    assert (truth["shown_frames"], len(obs["images"])) == ([5, 15], 2)
    assert act(env, "two_frames(5, 20)")[1]["shown_frames"] == [5, 25]
    assert "asked for before" in act(env, "two_frames(5, 20)")[0]


@given(
    st.sampled_from(TOOLS),
    st.lists(st.text(max_size=20) | st.floats() | st.sampled_from(["0:12", 7.0]), max_size=6),
)
def test_no_arguments_break_a_tool(name, values):
    reel = Reel(
        film=FlatFilm(), config=SpotlightConfig(tools=list(TOOLS)), asked=set(), frames_left=None
    )
    call = Call(name=name, positional=tuple(values))
    result = use_tool(call, choose_tools(TOOLS), reel)
    assert bool(result.error) == (reel.look is None)
    assert json.dumps(result.facts, allow_nan=False)


def test_numbers_are_written_as_words():
    written = [write_word(value) for value in (120.0, 0.5, 1234567.0, "0:41")]
    assert written == ["120", "0.5", "1234567", "0:41"]
