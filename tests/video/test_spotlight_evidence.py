"""The stretch of film that a reply names as its evidence, beside the option it chooses."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policies.replies import read_reply as read_form
from tests.video.fake_films import choice, grounding, question_set
from tests.video.sets import means, touch, write, write_json
from tests.video.spotlighting import make_env, started
from tests.video.test_spotlight_replies import ANYTHING, OPTIONS
from video.answers import answer_text, strict_choice
from video.benchmarks.catalogue import load_benchmark
from video.benchmarks.results import benchmark_tables, write_official
from video.lenient import lenient_choice
from video.predictions import prediction_of
from video.spotlight.legality import TOOLS
from video.spotlight.replies import read_evidence, read_reply, read_stretch

NAMED = "<evidence>12.0 to 15.5</evidence>"
FORM = "<answer>LETTER</answer><evidence>START to END</evidence>"
PIECES = st.one_of(
    ANYTHING,
    st.sampled_from(["<evidence>", "</evidence>", "</think>", "<answer>B</answer>", NAMED]),
)


@pytest.mark.parametrize(
    ("reply", "stretch"),
    [
        (f"<think>x</think><answer>B</answer>{NAMED}", (12.0, 15.5)),
        (f"<think>x</think>{NAMED}<answer>B</answer>", (12.0, 15.5)),
        (f"{NAMED} and so <action>find frame 7</action>", (12.0, 15.5)),
        (f"<answer>B</answer><evidence>1 to 2</evidence>{NAMED}", (12.0, 15.5)),
        ("<evidence> From 0:12 to 1:00:15.5. </evidence>", (12.0, 3615.5)),
        ("<evidence>[12, 15.5]</evidence>", (12.0, 15.5)),
        ('<evidence>{"start_time": "12", "end_time": "15.5"}</evidence>', (12.0, 15.5)),
        (f"{NAMED}<evidence>in the kitchen</evidence>", None),
        (f"<think>{NAMED}</think><answer>B</answer>", None),
        ("<answer>B</answer><evidence>12.0 to 15.5", None),
        ("<answer>B</answer>", None),
        ("", None),
    ],
)
def test_the_last_tag_after_the_thinking_is_the_evidence(reply, stretch):
    assert read_evidence(reply) == stretch


@given(st.lists(PIECES, max_size=8).map("".join))
@example("<evidence>" * 50 + "</evidence>" * 50)
def test_evidence_is_read_beside_anything_and_changes_nothing_else(reply):
    """What it says is what the last closed tag says, and answers and requests stay as they are."""
    spoken = read_reply(reply, OPTIONS, TOOLS)
    assert spoken.evidence == read_evidence(reply)
    assert spoken.evidence is None or all(at >= 0 for at in spoken.evidence)
    beside = read_reply(f"{reply}{NAMED}", OPTIONS, TOOLS)
    assert beside.evidence == (12.0, 15.5)
    assert (beside.choice, beside.request) == (spoken.choice, spoken.request)


@given(ANYTHING.filter(lambda words: "<" not in words and len(words) <= 200))
def test_the_words_of_evidence_are_those_of_an_answered_stretch(words):
    assert read_evidence(f"</think><evidence>{words}</evidence>") == read_stretch(words)


@pytest.mark.parametrize("piece", ["<evidence>", "<evidence>1", "</evidence>", NAMED])
def test_a_million_characters_of_evidence_take_linear_time(piece):
    """Ten times the text takes about ten times as long; quadratic time would take a hundred."""

    def seconds(length: int) -> float:
        reply = (piece * (length // len(piece) + 1))[:length]
        start = time.process_time()
        read_evidence(reply)
        return time.process_time() - start

    assert seconds(1_000_000) < 40 * max(seconds(100_000), 5e-3)


def test_evidence_is_kept_in_the_truth_of_its_reply():
    env = started(scan_only=True, frame_budget=8)
    assert env.reset(seed=0)[1]["truth"]["evidence_interval"] is None
    _, reward, _, _, info = env.step(f"<think>x</think><answer>B</answer>{NAMED}")
    assert (reward, info["truth"]["choice"]) == (1.0, "B")
    assert info["truth"]["evidence_interval"] == [12.0, 15.5]
    env = started()
    look = "<action>choose frames between 100 and 300</action>"
    assert env.step(f"{look}{NAMED}")[4]["truth"]["evidence_interval"] == [12.0, 15.5]
    assert env.step("<answer>B</answer>")[4]["truth"]["evidence_interval"] is None
    env = started()
    told = env.step(f"<answer>none of them</answer>{NAMED}")[4]["truth"]
    assert (told["kind"], told["evidence_interval"]) == ("invalid", [12.0, 15.5])
    published = started(contract="frame_thinker")
    _, _, _, _, info = published.step(f"<action>output answer: B</action>{NAMED}")
    assert info["truth"]["evidence_interval"] is None, "the published contract knows none"


@pytest.mark.parametrize("words", ["20 to 10", "7 to 7", "100 to 120", "over there", ""])
def test_evidence_that_is_no_stretch_of_the_film_costs_nothing(words):
    env = started()
    _, reward, terminated, _, info = env.step(f"<answer>B</answer><evidence>{words}</evidence>")
    assert (reward, terminated) == (1.0, True)
    assert info["truth"]["evidence_interval"] is None


def test_evidence_is_asked_for_wherever_an_answer_is():
    for settings in ({}, {"scan_only": True, "frame_budget": 8}, {"brief": True}):
        text = make_env(ask_evidence=True, **settings).reset(seed=0)[0]["text"]
        assert FORM in text
        assert "evidence" not in make_env(**settings).reset(seed=0)[0]["text"]
    env = started(ask_evidence=True, max_turns=2)
    text = env.step("?")[0]["text"]
    assert f"or {FORM}.\n" in text and text.endswith(f"Answer now: {FORM}.")
    about_time = make_env(question_set(grounding()), ask_evidence=True).reset(seed=0)[0]["text"]
    assert "<evidence>" not in about_time, "the answer is the stretch"


def test_the_form_asked_for_is_read_in_every_way():
    reply = f"<think>It is blue.</think><answer>B</answer>{NAMED}"
    assert strict_choice(reply, OPTIONS) == lenient_choice(reply, OPTIONS) == "B"
    assert lenient_choice(f"B {NAMED}", OPTIONS) == "B"
    assert answer_text(f"<think>x</think>So (B). {NAMED}") == "So (B)."
    assert read_form(reply).well_formed
    assert read_form(f"{reply}\n").well_formed
    assert not read_form(f"{reply}{NAMED}").well_formed
    assert not read_form(f"<think>x</think><action>find frame 7</action>{NAMED}").well_formed


def test_evidence_named_goes_before_the_last_look():
    def predicted(*replies: str, question=None, **settings):
        env = make_env(question_set(question or choice()), **settings)
        facts = [env.reset(seed=0)[1]["truth"]]
        facts += [env.step(reply)[4]["truth"] for reply in replies]
        return prediction_of("q0", replies[-1], facts).interval

    look = "<action>choose frames between 100 and 300</action>"
    assert predicted(f"<answer>B</answer>{NAMED}", scan_only=True) == (12.0, 15.5)
    assert predicted(look, f"<answer>B</answer>{NAMED}") == (12.0, 15.5)
    assert predicted(look, "<answer>B</answer>") == (10.1, 29.9)
    assert predicted(look, "<answer>B</answer><evidence>5 to 2</evidence>") == (10.1, 29.9)
    assert predicted(f"{look}{NAMED}", "<answer>B</answer>") == (10.1, 29.9), "the last reply's"
    assert predicted("<answer>B</answer>", scan_only=True) is None
    moment = f"<answer>9 to 11</answer>{NAMED}"
    assert predicted(moment, question=grounding()) == (9.0, 11.0)


def test_next_gqa_is_grounded_in_a_single_pass(tmp_path: Path):
    """Evidence 10 to 14 s: 12 to 15.5 has 2 s in it, of 3.5 predicted and 5.5 together."""
    write(
        tmp_path / "test.csv",
        "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4\n"
        "7,1000,640,480,what?,blue,3,CW,red,blue,green,white,black\n",
    )
    write_json(
        tmp_path / "gsub_test.json", {"7": {"location": {"3": [[10.0, 14.0]]}, "duration": 100.0}}
    )
    touch(tmp_path, "NExTVideo/7.mp4")
    benchmark = load_benchmark("next_gqa", tmp_path)
    env = make_env(question_set(choice()), scan_only=True, frame_budget=8)
    reply = f"<think>x</think><answer>B</answer>{NAMED}"
    facts = [env.reset(seed=0)[1]["truth"], env.step(reply)[4]["truth"]]
    prediction = prediction_of("7_3", reply, facts)
    row = means(benchmark_tables(benchmark, [prediction])["evaluation"]["next_gqa_test"])
    assert row["acc_gqa_strict"] == row["accuracy_strict"] == 1.0
    assert row["miop"] == pytest.approx(2 / 3.5)
    assert row["miou"] == pytest.approx(2 / 5.5)
    written = {p.name: p.read_text() for p in write_official(benchmark, [prediction], tmp_path)}
    assert '"7_3": [\n  12.0,\n  15.5\n ]' in written["test_ground.json"]
