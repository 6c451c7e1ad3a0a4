"""Strict and lenient readings of replies."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.video.sets import answer
from video.answers import answer_text, strict_choice, strict_interval
from video.intervals import (
    best,
    find_spans,
    read_clock,
    read_reference,
    read_span,
    temporal_iop,
    temporal_iou,
)
from video.lenient import lenient_choice, lenient_interval
from video.questions import Interval, VideoQuestion
from video.scoring import Prediction, read_leniently, read_strictly

OPTIONS = {"A": "red", "B": "dark red", "C": "a blue car", "D": "12:30", "E": "a"}


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("<answer>B</answer>", "B"),
        ("<think>A or B?</think>\n<answer> B\n</answer>\n", "B"),
        ("<think><answer>A</answer></think><answer>B</answer>", "B"),
        ("<think>x</think><action>output answer: B</action>", "B"),
        ("<action>choose frames between 1 and 2</action><action>output answer: C </action>", "C"),
        ("B", None),
        ("<answer>b</answer>", None),
        ("<answer>B.</answer>", None),
        ("<answer>(B)</answer>", None),
        ("<answer>F</answer>", None),  # no such option
        ("<answer></answer>", None),
        ("<answer>A</answer><answer>A</answer>", None),
        ("</answer>B<answer>", None),
        ("<answer>B", None),
        ("<think><answer>B</answer></think>", None),
        ("<think>A</think><action>choose frames between 1 and 12</action>", None),
        ("", None),
    ],
)
def test_strict_choices(reply: str, letter: str | None) -> None:
    assert strict_choice(reply, OPTIONS) == letter
    if letter is not None:
        assert lenient_choice(reply, OPTIONS) == letter


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        (answer("b"), "B"),
        (answer("(B)"), "B"),
        (answer("**B.**"), "B"),
        ("B", "B"),
        ("<think>never closed (C)... Answer: B", "B"),
        (r"So \boxed{C}", "C"),
        ("B. dark red", "B"),
        ("D. A man opens it", "D"),  # the article is no letter
        ("(B) because a blue car is hidden", "B"),
        ("B: it is the darker one", "B"),
        ("Answer: B", "B"),
        ("The answer is (B).", "B"),
        ("The correct option is B, of course", "B"),
        ("I choose C", "C"),
        ("I would say the best choice is option B", "B"),
        ("Final answer - it must be (D)", "D"),
        ("We see it at 3:00, so (B)", "B"),
        (answer("red"), "A"),
        (answer(" Dark  RED. "), "B"),
        ("It was dark red, I think", "B"),  # and not A, whose text is inside
        ("it is 12:30", "D"),
        (answer("a"), "A"),  # one letter is a letter before it is a text
        ("Option A is wrong. Answer: B", "B"),
        ("<answer>A</answer> Wait. <answer>B</answer>", "B"),
        ("The answer is A.", "A"),
        ("The answer is A because it is", "A"),
        ("We weigh A and B: it is darker.\n\nFinal answer: B", "B"),
        ("A. red\nB. dark red\nAnswer: C", "C"),
        ("**B. dark red**\nIt is darker than (A).", "B"),
        # Not found rather than guessed:
        ("A. red\nB. dark red\nC. a blue car", None),
        ("We weigh A.\nAnswer: A or B", None),
        ("The answer is A man", None),
        ("A man walks", None),
        ("A or B", None),
        ("A) or B)", None),
        ("Answer: A, B", None),
        ("Answer: A or maybe. Answer: B", None),
        ("(A) is possible, but (B) too", None),
        ("red or dark red, a blue car", None),
        ("it was not dark red", None),
        ("It isn't a blue car", None),
        ("Option B is not right", None),
        ("F", None),
        ("Answer: F", None),
        ("bored", None),  # holds the word red only as part of another
        ("a thing", None),  # an option whose text is one letter is not named by an article
        ("<think>B</think>", None),
        ("<think>B</think><action>choose frames between 12 and 30 (B)</action>", None),
        ("", None),
        ("\ud800", None),
    ],
)
def test_lenient_choices(reply: str, letter: str | None) -> None:
    assert lenient_choice(reply, OPTIONS) == letter


def test_options_with_the_same_text_are_not_told_apart_by_it() -> None:
    assert lenient_choice("it is red", {"A": "red", "B": "Red"}) is None
    assert lenient_choice("B. red", {"A": "red", "B": "red"}) == "B"


def test_unicode_options() -> None:
    options = {"A": "Ein Bär", "B": "眼镜", "C": "ΣΟΦΙΑ"}
    assert lenient_choice("es war ein bär!", options) == "A"
    assert lenient_choice("(眼镜)", options) == "B"
    assert lenient_choice(answer("σοφια"), options) == "C"


@given(st.text(max_size=300))
def test_any_text_is_read_and_the_lenient_reading_extends_the_strict_one(text: str) -> None:
    for reply in (text, f"<answer>{text}</answer>"):
        strict, lenient = strict_choice(reply, OPTIONS), lenient_choice(reply, OPTIONS)
        assert lenient in {*OPTIONS, None}
        assert strict in (None, lenient)
        assert strict_interval(reply) in (None, lenient_interval(reply))


@pytest.mark.parametrize(
    "reply",
    ["<answer>" * 200_000, "A or " * 200_000, "1 to " * 200_000, " " * 1_000_000, "1:" * 9999],
)
def test_long_replies_take_no_time(reply: str) -> None:
    start = time.perf_counter()
    strict_choice(reply, OPTIONS)
    lenient_choice(reply, OPTIONS)
    lenient_interval(reply)
    assert time.perf_counter() - start < 1


def test_the_text_that_answers() -> None:
    assert answer_text("<think>a</think> b <action>zoom</action> c") == "b   c"
    assert answer_text("<action>look</action><answer> x </answer>") == "x"
    assert answer_text("<think>a</think><action>output answer: B</action>") == "B"


@pytest.mark.parametrize(
    ("reply", "span"),
    [
        ("<answer>12.0 to 15.5</answer>", (12.0, 15.5)),
        ("<answer> 0 to 7 </answer>", (0.0, 7.0)),
        ("<answer>1:02:03.5 to 1:02:04</answer>", (3723.5, 3724.0)),
        ("<answer>15.5 to 12.0</answer>", None),
        ("<answer>12 to 12</answer>", None),
        ("<answer>12.0 - 15.5</answer>", None),
        ("<answer>from 12.0 to 15.5 s</answer>", None),
        ("<answer>-1 to 5</answer>", None),
        ("12.0 to 15.5", None),
        ("<answer>1e5 to nan</answer>", None),
    ],
)
def test_strict_intervals(reply: str, span: tuple[float, float] | None) -> None:
    assert strict_interval(reply) == span


@pytest.mark.parametrize(
    ("reply", "span"),
    [
        ("from 12 s to 15.5 seconds", (12.0, 15.5)),
        (answer("15.5 - 12.0"), (12.0, 15.5)),
        (answer("[12.0, 15.5]"), (12.0, 15.5)),
        ("It happens between 0:12 and 0:15.5.", (12.0, 15.5)),
        ("1:00:01–1:00:04", (3601.0, 3604.0)),
        (answer('{"start_time": "12.0", "end_time": "15.5"}'), (12.0, 15.5)),
        ("The start time is 3 seconds, and the end time is 9.", (3.0, 9.0)),
        ("The start time for this event is 0:18; it ends at 0:23.", (18.0, 23.0)),
        ("12 to 15, that is 12.0 - 15.0", (12.0, 15.0)),
        ("12 to 15 or 20 to 25", None),
        ("at 12 seconds", None),
        ("2024-", None),
        ("frames 3 and a half", None),
        ("", None),
    ],
)
def test_lenient_intervals(reply: str, span: tuple[float, float] | None) -> None:
    assert lenient_interval(reply) == span


def test_the_environments_reading_counts_for_the_lenient_one_only() -> None:
    question = VideoQuestion(
        question_id="q", video="v", text="?", kind="k", options=("x", "y"), answer="A"
    )
    prediction = Prediction(question_id="q", reply_text="hm", choice="A")
    assert read_strictly(question, prediction).choice is None
    assert read_leniently(question, prediction).choice == "A"
    grounding = VideoQuestion(
        question_id="q",
        video="v",
        text="?",
        kind="k",
        intervals=(Interval(start_seconds=0.0, end_seconds=2.0),),
    )
    prediction = Prediction(question_id="q", reply_text="hm", interval=(0.0, 1.0))
    assert read_strictly(grounding, prediction).interval is None
    assert read_leniently(grounding, prediction).interval == (0.0, 1.0)


def test_clocks() -> None:
    assert [read_clock(t) for t in ("7.5", "62:30", "1:02:30", " 0:00:01.25 ")] == [
        7.5,
        3750.0,
        3750.0,
        1.25,
    ]
    for bad in ("", "1:60", "1:2:3:4", "-1", "1:", "nan"):
        with pytest.raises(ValueError, match="is no time"):
            read_clock(bad)


def test_time_references() -> None:
    assert read_reference("00:15-00:19") == Interval(start_seconds=15.0, end_seconds=19.0)
    assert read_reference(" 01:00:00 - 01:00:00 ").end_seconds == 3601.0
    for bad in ("", "15-19", "00:15", "00:19-00:15", "0:1-0:2-0:3"):
        with pytest.raises(ValueError, match="no time reference|reversed"):
            read_reference(bad)
    assert read_span("1 to 2") == (1.0, 2.0)
    assert find_spans("1-2 and 5-9") == [(1.0, 2.0), (5.0, 9.0)]


def test_overlaps_by_hand() -> None:
    truth = Interval(start_seconds=10.0, end_seconds=14.0)
    assert temporal_iou((11.0, 16.0), truth) == pytest.approx(3 / 6)
    assert temporal_iou((10.0, 14.0), truth) == 1.0
    assert temporal_iou((14.0, 20.0), truth) == 0.0
    assert temporal_iou((0.0, 5.0), truth) == 0.0  # the union is 9 and the hull 14: no matter
    assert temporal_iou((12.0, 12.0), truth) == 0.0
    assert temporal_iop((11.0, 16.0), truth) == pytest.approx(3 / 5)
    assert temporal_iop((12.0, 13.0), truth) == 1.0
    assert [temporal_iop((t, t), truth) for t in (9.9, 10.0, 14.0, 14.1)] == [0, 1, 1, 0]
    others = [Interval(start_seconds=0.0, end_seconds=2.0), truth]
    assert best(temporal_iou, (11.0, 16.0), others) == pytest.approx(0.5)
    assert best(temporal_iou, None, others) == 0.0
