"""Reading replies: strict, never raising, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.replies import Reply, list_options, read_reply

PIECES = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<action>",
    "</action>",
    "<tool_call>",
    "</tool_call>",
    "< think >",
    "<ANSWER>",
    "A",
    " ",
    "\n",
    "é",
    "<",
    ">",
    "</",
]


@pytest.mark.parametrize("kind", ["answer", "action"])
def test_well_formed_replies(kind):
    reply = read_reply(f" <think>it is red\n</think>\n<{kind}> A </{kind}>\n")
    assert reply == Reply(think="it is red\n", kind=kind, choice="A", well_formed=True)


def test_a_tool_call_is_an_action():
    call = '{"name": "crop", "arguments": {"box": [0, 0, 1, 1]}}'
    reply = read_reply(f"<think>closer</think>\n<tool_call>\n{call}\n</tool_call>")
    assert reply == Reply(think="closer", kind="action", choice=call, well_formed=True)


def test_thinking_may_be_empty_but_a_choice_may_not():
    assert read_reply("<think></think><answer>A</answer>").well_formed
    empty = read_reply("<think>x</think><answer> </answer>")
    assert empty == Reply(think="x", kind="answer", choice=None, well_formed=False)


@pytest.mark.parametrize(
    ("text", "kind", "choice"),
    [
        ("<answer>A</answer>", "answer", "A"),
        ("so <think>x</think><answer>A</answer>", "answer", "A"),
        ("<think>x</think><answer>A</answer> done", "answer", "A"),
        ("<think>x</think> and <answer>A</answer>", "answer", "A"),
        ("<answer>A</answer><think>x</think>", "answer", "A"),
        ("<think>x<answer>A</answer>", "answer", "A"),
        ("<think>x<think></think><action>B</action>", "action", "B"),
        ("<think>x</think><answer>A</answer><answer>B</answer>", None, None),
        ("<think>x</think><answer>A</answer><action>B</action>", None, None),
        ("<think>x</think><tool_call>A</tool_call><action>B</action>", None, None),
        ("<think>x</think><tool_call>A</tool_call><tool_call>B</tool_call>", None, None),
        ("<think>x</think><tool_call>A</action>", None, None),
        ("<tool_call>A</tool_call>", "action", "A"),
        ("<think>x</think><tool_call> </tool_call>", "action", None),
        ("<think>x</think><answer><answer>A</answer></answer>", None, None),
        ("<think>x</think><answer>A<action></answer>", None, None),
        ("<think>x</think><answer>A", None, None),
        ("<think>x</think></answer>A<answer>", None, None),
        ("<think>x</think><Answer>A</Answer>", None, None),
        ("<think>x</think>< answer>A</answer>", None, None),
        ("", None, None),
    ],
)
def test_ill_formed_replies(text, kind, choice):
    reply = read_reply(text)
    assert not reply.well_formed
    assert (reply.kind, reply.choice) == (kind, choice)


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_read(text):
    reply = read_reply(text)
    list_options(text)
    if reply.well_formed:
        block = f"<think>{reply.think}</think>"
        first, _, rest = text.partition(block)
        assert not first.strip()
        tags = ["<answer>"] if reply.kind == "answer" else ["<action>", "<tool_call>"]
        assert "".join(rest.split()).startswith(tuple(tags))
        assert reply.choice
    assert (reply.choice is None) or (reply.kind is not None)


@pytest.mark.parametrize(
    "hostile",
    [
        "<" * 10**6,
        "<think>" * 150_000,
        "< " * 500_000,
        "<" + " " * 10**6,
        "<think>" + " " * 10**6 + "<answer>",
        "<think" + " " * 10**6,
        "</answer>" * 110_000,
        "<tool_call>" * 90_000,
        "A. " + " " * 10**6 + "x",
        "(" * 10**6,
        "A" * 10**6,
        "\n" * 10**6,
    ],
    ids=lambda text: f"{text[:8]!r}x{len(text)}",
)
def test_hostile_megabytes_are_read_in_linear_time(hostile):
    best = {read_reply: 1e9, list_options: 1e9}
    for _ in range(3):
        for read in best:
            start = time.process_time()
            read(hostile)
            best[read] = min(best[read], time.process_time() - start)
    assert best[read_reply] < 0.05
    assert best[list_options] < 0.25


def test_a_reply_full_of_tags_has_no_structure():
    text = "<think>x</think>" * 17 + "<answer>A</answer>"
    assert read_reply(text) == Reply(think=None, kind=None, choice=None, well_formed=False)


def test_options_are_lines_of_their_own():
    text = (
        "What colour, A. or B.?\nA. red\n (B) dark blue \nC) green\nD.none\nEE. no\nA. again\nF. "
    )
    assert list_options(text) == {"A": "red", "B": "dark blue", "C": "green"}
