"""What the policy is told when it asks for what cannot be had, and that budgets are kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.video.fake_films import grounding, question_set
from tests.video.spotlighting import ACTIONS, ALL, act, make_env, started


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("choose frames between 480 and 120", "480 and 120 are reversed or equal; legal: START"),
        ("choose frames between 5 and 5", "reversed or equal"),
        ("choose frames between 5 and 6", "No frame lies between 5 and 6; legal: END >= START + 2"),
        ("choose frames between 1000 and 2000", "Frame 1000 is past the end of the film; legal: "
         "frames 0 to 999, times before 1:40."),
        ("choose frames between -5 and 100", "'-5' is no frame number; legal: whole numbers from"),
        ("choose frames between 1.5 and 100", "'1.5' is no frame number"),
        ("choose frames between 1 and nan", "'nan' is no frame number"),
        ("get frame number at time 1:40", "100 s is past the end of the film"),
        ("get frame number at time 100:00:00", "360000 s is past the end"),
        ("get frame number at time 0:75", "'0:75' is no time; legal: H:MM:SS or MM:SS"),
        ("get frame number at time noon", "'noon' is no time"),
        ("rewatch 20 to 10", "from 20 to 10 s is reversed or empty; legal: START before END"),
        ("rewatch x to 10", "'x' is no time; legal: seconds, or H:MM:SS"),
        ("rewatch 200 to 210", "200 s is past the end"),
        ("find segment 11", "'11' is no segment of this film; legal: 1 to 10."),
        ("find segment 0", "'0' is no segment"),
        ("find segment 1.5", "'1.5' is no segment"),
        ("find frame 1000", "Frame 1000 is past the end"),
        ("zoom frame 5 at 0.5 0 0.5 1", "'0.5 0 0.5 1' is no part of a frame; legal: X0 Y0 X1 Y1"),
        ("zoom frame 5 at 0 0 1 1.5", "no part of a frame"),
        ("zoom frame 5 at nan 0 1 1", "no part of a frame"),
        ("look closer", "No action was recognised in 'look closer'."),
        ("<b>", "no <action> or <answer> tag"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_what_is_legal(words, told):
    env = started(**ALL, frame_budget=40)
    text, truth = act(env, words)
    assert told in text
    assert "Legal: <action>choose frames between START and END</action>, " in text
    assert text.endswith("<answer>LETTER</answer>.\nTurn 2 of 30. Frames left: 32.")
    assert (truth["kind"], truth["tool"], truth["request"]) == ("invalid", None, None)
    assert (truth["shown_frames"], truth["num_frames_used"]) == ([], 8)


def test_an_end_past_the_end_is_clamped_and_said():
    env = started(**ALL)
    text, truth = act(env, "choose frames between 990 and 5000", "990 and 5000")
    assert text.startswith("The film ends at frame 999, so frames up to there are shown.\n")
    assert truth["shown_frames"] == [991, 992, 993, 994, 995, 996, 997, 999]
    assert truth["request"]["end_frame"] == 1000
    text, truth = act(env, "rewatch 98 to 1:00:00")
    assert text.startswith("The film ends at 100.0 s, so it is shown up to there.")
    assert truth["shown_frames"] == [982, 987, 992, 997]


def test_the_same_request_twice_is_refused():
    env = started(**ALL)
    act(env, "find frame 5")
    text, truth = act(env, "Find frame 5.")
    assert text.startswith("That has been asked for before; ask for something else. Legal:")
    assert truth["kind"] == "invalid"


def test_a_look_shrinks_to_the_budget_and_then_an_answer_is_due():
    env = started(frame_budget=12)
    text, truth = act(env, "choose frames between 100 and 400")
    assert text.startswith("Only 4 of the frames asked for are left to be shown.\n")
    assert truth["shown_frames"] == [101, 200, 299, 399]
    assert text.endswith("Turn 2 of 5. Frames left: 0. Answer now: <answer>LETTER</answer>.")
    text, truth = act(env, "choose frames between 500 and 700")
    assert text.startswith("No frames are left to be shown. Legal: ")
    assert (truth["kind"], truth["num_frames_used"], truth["frame_budget"]) == ("invalid", 12, 12)
    text, _ = act(env, "get frame number at time 0:30")
    assert "is: 300." in text, "that shows no frame"


def test_the_last_turn_is_for_an_answer():
    env = started(max_turns=2)
    text, _ = act(env, "find segment 1")
    assert text.endswith("Turn 2 of 2. Answer now: <answer>LETTER</answer>.")
    obs, reward, terminated, truncated, info = env.step(
        "<action>choose frames between 100 and 400</action>"
    )
    assert "No turn was left to look at anything: an answer was due." in obs["text"]
    assert obs["text"].endswith("No turns are left.")
    assert (reward, terminated, truncated, obs["images"]) == (0.0, False, True, ())
    assert info["truth"]["kind"] == "invalid"
    with pytest.raises(RuntimeError, match="after the end of an episode"):
        env.step("")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("20 to 10", "The stretch 20 to 10 s is reversed or empty; legal: start before end"),
        ("200 to 210", "The stretch starts at 200 s, past the end"),
        ("B", "No stretch of film was recognised in 'B'"),
    ],
)
def test_a_stretch_that_is_none_costs_a_turn(reply, told):
    obs, _, terminated, _, info = started(question_set(grounding())).step(
        f"<answer>{reply}</answer>"
    )
    assert told in obs["text"]
    assert not terminated
    assert info["truth"]["kind"] == "invalid"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(ACTIONS).map("<think>1 2</think><action>{}</action>".format),
            st.tuples(st.integers(-5, 1200), st.integers(-5, 1200)).map(
                lambda pair: f"<action>choose frames between {pair[0]} and {pair[1]}</action>"
            ),
            st.text(max_size=30),
        ),
        min_size=6,
        max_size=6,
    ),
    st.integers(12, 60),
)
def test_the_budget_is_kept_whatever_is_asked_for(replies, budget):
    env = make_env(**{**ALL, "frame_budget": budget})
    obs, info = env.reset(seed=0)
    shown = len(obs["images"])
    for reply in replies:
        obs, _, terminated, _, info = env.step(reply)
        shown += len(obs["images"])
        assert info["truth"]["num_frames_used"] == shown <= budget
        assert obs in env.observation_space
        assert (info["truth"]["kind"] == "invalid") == ("Legal: " in obs["text"])
        if terminated:
            break
