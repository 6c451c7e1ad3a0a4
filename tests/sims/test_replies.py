"""Which option a reply chooses, and what is said of a reply that chooses none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.replies import explain_invalid, find_choice

OPTIONS = {"A": "red", "B": "blue", "C": "[Pick] left", "D": "no", "E": "no"}
PIECES = ["<answer>", "</answer>", "<action>", "</action>", "<think>", "</think>", "A", "(b)", "Z"]
PIECES += ["<", ">", "[Pick] left", "\ud800", "🙂", " ", "\n", "0", "<|image_pad|>", "красный", "'"]


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("<answer>A</answer>", "A"),
        ("<action>c</action>", "C"),
        ("<answer> (B) </answer>", "B"),
        ("<answer>B. blue</answer>", "B"),
        ("<answer>Blue</answer>", "B"),
        ("<answer>[pick] LEFT</answer>", "C"),
        ("<think>no <answer>A</answer></think><answer>B</answer>", "B"),
        ("<answer>A</answer> or rather <answer>B</answer>", "B"),
        ("<answer>A</answer></think>", None),
        ("<answer>A", None),
        ("<answer>A</action>", None),
        ("<answer>Apple</answer>", None),
        ("<answer>Z</answer>", None),
        ("<answer>no</answer>", None),
        ("<answer></answer>", None),
        ("A", None),
        ("", None),
    ],
)
def test_the_last_closed_tag_outside_the_thinking_counts(reply, letter):
    assert find_choice(reply, OPTIONS) == letter


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_no_reply_raises(reply):
    letter = find_choice(reply, OPTIONS)
    assert letter is None or letter in OPTIONS
    words = explain_invalid(reply, OPTIONS)
    assert words.endswith("Give one letter from A to E, as <answer>A</answer>.")
    assert len(words) < 700
    words.encode()


@pytest.mark.parametrize(
    "piece", ["<answer>", "</think>", "<answer>A</answer>", "<", "a", " ", "["]
)
def test_a_million_characters_take_linear_time(piece):
    """Ten times the text takes about ten times as long; quadratic time would take a hundred."""

    def seconds(length: int) -> float:
        reply = (piece * (length // len(piece) + 1))[:length]
        start = time.process_time()
        find_choice(reply, OPTIONS)
        explain_invalid(reply, OPTIONS)
        return time.process_time() - start

    assert seconds(1_000_000) < 40 * max(seconds(100_000), 1e-3)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (" \n", "The reply was empty."),
        ("left, please", "no <answer> or <action> tag after its thinking"),
        ("<think><answer>A</answer></think>", "no <answer> or <action> tag after its thinking"),
        ("<answer>purple</answer>", "No option was recognised in '<answer>purple</answer>'"),
    ],
)
def test_the_note_says_what_was_wrong(reply, words):
    assert words in explain_invalid(reply, OPTIONS)
