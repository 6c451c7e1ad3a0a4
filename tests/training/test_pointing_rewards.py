"""Reward terms about places that are named and things that are drawn, against sums done by hand."""

from __future__ import annotations

import numpy as np

from tests.training.look_records import (
    ANSWER,
    CROP,
    DONE,
    FAILED,
    NEW,
    drawing,
    look_episode,
    values_of,
)


def saying(thought: str, **initial) -> object:
    return look_episode(DONE, replies=[f"<think>{thought}</think><answer>A</answer>"], **initial)


def test_naming_a_place_is_not_naming_the_right_place() -> None:
    """Evidence is in (0.5, 0.5) to (0.75, 0.75): ViGoRL's term pays for any place, ours for true
    ones.
    """
    group = [
        saying("It is at (0.6, 0.7)."),
        saying("It is at (0.1, 0.1)."),
        saying("Between (0.6, 0.7) and [0.1, 0.9]."),
        saying("In (0.5, 0.5, 0.7, 0.7), on the left."),
        saying("No idea."),
    ]
    assert values_of("cites_point", *group) == [1, 1, 1, 0, 0]
    assert values_of("grounded_points", *group) == [1, 0, 0.5, 0, 0]


def test_places_are_read_in_the_coordinates_of_the_environment() -> None:
    right, pixels = saying("(600, 700)", point_limits=[1000.0, 1000.0]), saying("(600, 700)")
    assert values_of("grounded_points", right, pixels) == [1, 0]


def test_a_place_counts_in_the_picture_that_was_replied_to() -> None:
    said = "<think>(0.1, 0.1)</think><action>crop(0, 0, 0.2, 0.2)</action>"
    there = NEW | {"evidence_regions": [[0.0, 0.0, 0.2, 0.2]]}
    early = look_episode(there, DONE, replies=[said, ANSWER])
    late = look_episode(there, there, replies=[CROP, said])
    assert values_of("grounded_points", early, late) == [0, 1]


def calling(*calls: str) -> object:
    replies = [f"<think>so</think><action>{call}</action>" for call in calls]
    return look_episode(*[NEW] * len(calls), DONE, replies=[*replies, ANSWER])


def test_places_called_for_count_where_they_are_apart() -> None:
    """The picture is 200 x 100 pixels: 0.04 of its width is 8, 0.06 is 12, 0.1 of its height 10."""
    group = [
        calling(),
        calling("zoom(0.5, 0.5)"),
        calling("zoom(0.5, 0.5)", "zoom(0.54, 0.5)"),
        calling("zoom(0.5, 0.5)", "zoom(0.56, 0.5)", "zoom(0.5, 0.6)", "zoom(0.5, 0.5)"),
    ]
    np.testing.assert_allclose(values_of("distinct_calls", *group), [1.0, 1.0, 1.0, 1.4])
    close = values_of("distinct_calls", *group, apart=5, bonus=0.5)
    np.testing.assert_allclose(close, [1.0, 1.0, 1.5, 2.0])
    tool_call = (
        '<think>a</think><tool_call>{"name": "zoom", "arguments": {"point": [%s]}}</tool_call>'
    )
    replies = [tool_call % "0.5, 0.5", tool_call % "0.9, 0.5", ANSWER]
    assert values_of("distinct_calls", look_episode(NEW, NEW, DONE, replies=replies)) == [1.2]


def numeric(choice: str | None, gold: str, success: bool = False) -> object:
    return look_episode({"kind": "answer", "choice": choice, "gold": gold}, success=success)


def test_relative_accuracy_of_numbers() -> None:
    """10 for 8 is off by 0.25: below 0.50, 0.45, 0.40, 0.35 and 0.30, not below 0.25: 5 of 10.
    8 for 10 is off by 0.2, which is below one more.
    """
    group = [
        numeric("B", "8"),
        numeric("A", "10"),
        numeric("A", "8", success=True),
        numeric("B", "1"),
        numeric(None, "8"),
        numeric("C", "red", success=True),
        numeric("A", "red"),
        numeric("A", "0"),
    ]
    wanted = [0.5, 0.6, 1, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(values_of("relative_accuracy", *group), wanted)
    assert values_of("partly_right", *group) == [1, 1, 1, 0, 0, 1, 0, 0]


def test_what_was_drawn_and_redrawn() -> None:
    first = drawing("box", (0, 0), (10, 10), label="mug")
    moved = drawing("box", (5, 5), (15, 15), label="mug")
    unnamed = drawing("box", (0, 0), (10, 10))
    group = [
        look_episode(first, moved, DONE),
        look_episode(first, first, DONE),
        look_episode(unnamed, drawing("box", (1, 1), (9, 9)), DONE),
        look_episode(first, drawing("line", (1, 1), (9, 9), label="mug"), DONE),
        look_episode(DONE),
    ]
    assert values_of("drew", *group) == [1, 1, 1, 1, 0]
    assert values_of("redrew", *group) == [1, 0, 0, 0, 0]


def test_drawings_on_evidence() -> None:
    """Evidence is in (100, 100) to (200, 200) px; a box of (100, 100) to (150, 200) has IoU 0.5."""
    half = drawing("box", (100, 100), (150, 200))
    far = drawing("box", (0, 0), (90, 90))
    group = [
        look_episode(half, DONE),
        look_episode(half, far, DONE),
        look_episode(drawing("mark", (150, 150)), drawing("mark", (50, 50)), DONE),
        look_episode(drawing("line", (150, 150), (50, 50)), DONE),
        look_episode(DONE),
    ]
    assert values_of("drawn_on_evidence", *group) == [1, 0.5, 0.5, 0, 0]
    assert values_of("drawn_on_evidence", *group, min_overlap=0.6) == [0, 0, 0.5, 0, 0]


def test_acting_first_and_answering_last() -> None:
    group = [
        look_episode(NEW, DONE),
        look_episode(DONE),
        look_episode(NEW, NEW),
        look_episode(FAILED, DONE, replies=["<action>crop()</action>", "A"]),
    ]
    assert values_of("acts_first", *group) == [1, 0, 1, 0]
    assert values_of("answers_last", *group) == [1, 1, 0, 0]
