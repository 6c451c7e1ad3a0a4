"""The rules of consistency, one by one, as published and as repaired."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video.spotlight.consistency import Exchange, verify

FILM = {"num_frames": 9000, "look_frames": 12}


def turn(action: str, thought: str = "", response: str = "") -> Exchange:
    return Exchange(reply=f"<think>{thought}</think><action>{action}</action>", response=response)


def choose(start: int, end: int, thought: str | None = None) -> Exchange:
    thought = f"I look between {start} and {end}." if thought is None else thought
    return turn(f"choose frames between {start} and {end}", thought, f"frame {start + 1}: <image>")


def ask(clock: str, frame: int) -> Exchange:
    told = f"Frame number at time {clock} is: {frame}."
    return turn(f"get frame number at time {clock}", "When is that?", told)


ANSWER = turn("output answer: B", "It is B.")


def published(*turns: Exchange, over: bool = True) -> str:
    verdict = verify("frame_thinker", turns, over=over, **FILM)
    assert verdict.consistent == (verdict.broken_rule == "")
    return verdict.broken_rule


def test_an_episode_that_keeps_the_published_rules():
    assert published(choose(1000, 2000), ask("3:20", 6000), choose(5900, 6100), ANSWER) == ""
    assert published(ANSWER) == ""


@pytest.mark.parametrize(
    ("turns", "broken"),
    [
        ([], "no_answer"),
        ([Exchange(reply="B")], "blocks"),
        ([Exchange(reply="<think>a</think><think>b</think><action>output answer: B</action>")],
         "blocks"),
        ([choose(1000, 2000)], "no_answer"),
        ([turn("output answer:"), ], "no_answer"),
        ([choose(1000, 2000), choose(1000, 2000), ANSWER], "repeat"),
        ([choose(0, 8999), ANSWER], "repeat"),
        ([choose(1000, 2000), choose(1001, 1999), ANSWER], "repeat"),
        ([choose(1000, 1008), ANSWER], "too_narrow"),
        ([choose(1000, 2000, "Between 2000 and 1000."), ANSWER], "thought_action"),
        ([choose(1000, 2000, "Between 1000 and 2000, or 3."), ANSWER], "thought_action"),
        ([choose(1000, 2000, "At 2000."), ANSWER], "thought_action"),
        ([ask("3:20", 6000), choose(5900, 6100), ask("3:20", 6000), choose(5990, 6050), ANSWER],
         "time_repeat"),
        ([ask("3:20", 6000), choose(1000, 2000), ANSWER], "time_unused"),
        ([ask("3:20", 6000), ANSWER], "time_unused"),
        ([turn("get frame number at time 0:10", "", "no"), choose(1, 99), ANSWER],
         "time_unanswered"),
        ([turn("find frame 12"), ANSWER], "unknown_action"),
        ([ANSWER, ANSWER], "unknown_action"),
    ],
)  # fmt: skip
def test_published_rules(turns, broken):
    assert published(*turns) == broken


def test_the_faults_of_the_released_code_are_kept():
    assert published(choose(1000, 1009), ANSWER) == "", "8 frames, though 12 are shown"
    assert published(choose(1000, 1999), choose(1000, 2000), ANSWER) == ""
    cleared = [ask("3:20", 6000), ask("4:00", 7200), choose(7100, 7300), ANSWER]
    assert published(*cleared) == "", "a time query clears what the one before asks for"
    clocks = "At 3:20, so 1000 to 2000, which is 12:30."
    assert published(choose(1000, 2000, clocks), ANSWER) == "", "integers at a colon do not count"


def test_before_the_end_of_an_episode_its_end_breaks_no_rule():
    assert published(choose(1000, 2000), over=False) == ""
    assert published(ask("3:20", 6000), over=False) == ""
    assert published(ask("3:20", 6000), choose(1, 99), over=False) == "time_unused"
    assert published(over=False) == ""


def look(tool, *numbers, thought=None, frames=None, told=None) -> Exchange:
    thought = f"I ask for {' and '.join(map(str, numbers))}." if thought is None else thought
    return Exchange(
        reply=f"<think>{thought}</think><action>it</action>",
        kind="look" if told is None else "time",
        tool=tool,
        numbers=numbers,
        frames=frames or (int(numbers[0]), int(numbers[-1])),
        told=told,
    )


def frames(start, end, thought=None) -> Exchange:
    return look("choose_frames", start, end, thought=thought)


SAID = Exchange(reply="<think>It is B.</think><answer>B</answer>", kind="answer")
REFUSED = Exchange(reply="<think>?</think><action>find frame 99999</action>", kind="invalid")


def repaired(*turns: Exchange, over: bool = True) -> str:
    return verify("repaired", turns, over=over, **FILM).broken_rule


def told(seconds: float, frame: int) -> Exchange:
    return look("frame_number_at", seconds, told=frame, frames=(frame, frame))


@pytest.mark.parametrize(
    ("turns", "broken"),
    [
        ([SAID], ""),
        ([frames(1000, 2000), told(200.0, 6000), frames(5900, 6100), SAID], ""),
        ([frames(1000, 2000), REFUSED, SAID], ""),
        ([look("rewatch", 12.0, 75.5, thought="From 12 to 1:15.5."), SAID], ""),
        ([look("zoom", 120, 0.1, 0.2, 0.5, 0.6, thought="Frame 120, on the left."), SAID], ""),
        ([told(1.0, 30), told(2.0, 60), frames(20, 50), frames(51, 99), SAID], ""),
        ([], "no_answer"),
        ([frames(1000, 2000)], "no_answer"),
        ([Exchange(reply="<answer>B</answer>", kind="answer")], "blocks"),
        ([Exchange(reply="<think></think><action>a</action><answer>B</answer>")], "blocks"),
        ([frames(1000, 2000), frames(999, 2001), SAID], "repeat"),
        ([frames(0, 9000), SAID], "repeat"),
        ([frames(1000, 1012), SAID], "too_narrow"),
        ([frames(1000, 2000, "Around 2000."), SAID], "thought_action"),
        ([look("rewatch", 12.0, 20.0, thought="Once more."), SAID], "thought_action"),
        ([look("find_segment", 3, thought="The fourth."), SAID], "thought_action"),
        ([told(60.0, 1800), told(60.0, 1800), SAID], "time_repeat"),
        ([told(1.0, 30), told(2.0, 60), frames(20, 50), SAID], "time_unused"),
        ([told(1.0, 30), frames(100, 200), SAID], "time_unused"),
    ],
)
def test_repaired_rules(turns, broken):
    assert repaired(*turns) == broken


def test_repaired_rules_before_the_end():
    assert repaired(told(1.0, 30), over=False) == ""
    assert repaired(frames(1000, 2000), over=False) == ""


def test_no_rules_are_never_broken():
    assert verify("none", [Exchange(reply="")], over=True, **FILM).consistent


@pytest.mark.parametrize("rules", ["frame_thinker", "repaired"])
@pytest.mark.parametrize("piece", ["<think>", "<action>", "</action><think>", "9", "9:", "9 "])
def test_verification_takes_linear_time(rules, piece):
    def seconds(length: int) -> float:
        reply = f"<think>{(piece * length)[:length]}</think><action>choose frames between 1 and 99"
        turns = [Exchange(reply=f"{reply}</action>", kind="look", tool="find_frame", numbers=(5,))]
        start = time.process_time()
        verify(rules, turns, over=True, **FILM)
        return time.process_time() - start

    assert seconds(500_000) < 40 * max(seconds(50_000), 5e-3)


PIECES = ["<think>", "</think>", "<action>", "</action>", "<answer>", "</answer>", "1", "12", "9:1"]
PIECES += ["choose frames between 1 and 99", "get frame number at time 0:10", "is: 7", "output"]
PIECES += ["output answer: B", "٣", "\ud800", "9" * 5000, " and "]


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=4),
    st.sampled_from(["frame_thinker", "repaired"]),
    st.booleans(),
)
def test_no_text_is_too_strange_to_be_judged(replies, rules, over):
    turns = [Exchange(reply=reply, response=reply[::-1]) for reply in replies]
    verdict = verify(rules, turns, over=over, **FILM)
    assert verdict.consistent == (verdict.broken_rule == "")
