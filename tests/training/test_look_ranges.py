"""Reward terms about looking stay within their ranges, whatever the record and whatever is said."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.look_records import DONE, look_episode, values_of
from training.episode import Episode
from training.rewards.terms import REWARD_TERMS

RANGES = {
    "text_bonus": (0, 0.25),
    "look_alignment": (-0.5, 1),
    "look_bonus": (0, 0.5),
    "salience_overlap": (0, 1),
    "seen_enough": (0, 1),
    "tool_necessity": (-1, 1),
    "num_looks": (0, np.inf),
    "looked": (0, 1),
    "looks_correct": (0, 1),
    "looks_redundant": (0, 1),
    "looks_erroneous": (0, 1),
    "curiosity": (0, 0.3),
    "curiosity_code": (0, np.inf),
    "calls_beyond": (0, np.inf),
    "last_call_held": (0, 1),
    "group_aware_order": (0, 1),
    "cites_point": (0, 1),
    "distinct_calls": (1, np.inf),
    "grounded_points": (0, 1),
    "relative_accuracy": (0, 1),
    "partly_right": (0, 1),
    "drew": (0, 1),
    "redrew": (0, 1),
    "drawn_on_evidence": (0, 1),
    "acts_first": (0, 1),
    "answers_last": (0, 1),
}
"""Term -> its documented range."""

UNITS = st.floats(0, 1)
POINT = st.tuples(st.floats(-50, 300), st.floats(-50, 300))
WORDS = st.sampled_from(
    [
        *("(0.5, 0.6)", "[1,2]", "(", "[", "nan", ",", " ", "-9999999.5", "zoom(0.5, 0.5)"),
        *("<think>", "</think>", "<action>", "</action>", "<answer>B</answer>", "<tool_call>"),
    ]
)
REPLY = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=12).map("".join))


@st.composite
def any_step(draw: st.DrawFn, num_pieces: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(["answer", "look", "action", "time", "invalid"]))
    step: dict[str, Any] = {"kind": kind, "sufficient": draw(st.booleans())}
    if kind in ("look", "action"):
        names = ("overlap", "covered", "salience")
        step["shown_evidence"] = [
            {name: draw(UNITS) for name in names}
            | {"shown": draw(st.booleans()), "needed": draw(st.booleans())}
            for _ in range(num_pieces)
        ]
    if kind == "look" and draw(st.booleans()):
        shape = draw(st.sampled_from(["mark", "box", "line"]))
        points = draw(st.lists(POINT, min_size=1 + (shape != "mark"), max_size=2))
        points = [list(point) for point in points]
        step["drawn"] = {"kind": shape, "points": points, "label": draw(st.text(max_size=2))}
    step["choice"] = draw(st.sampled_from([None, "A", "B", "C"]))
    step["gold"] = draw(st.sampled_from(["red", "0", "8", "-3", "nan", "1e400"]))
    return step


@st.composite
def any_episode(draw: st.DrawFn) -> Episode:
    num_pieces = draw(st.integers(0, 3))
    steps = draw(st.lists(any_step(num_pieces), min_size=1, max_size=4))
    return look_episode(
        *steps,
        replies=draw(st.lists(REPLY, min_size=len(steps), max_size=len(steps))),
        success=draw(st.booleans()),
        needs_tool=draw(st.none() | st.booleans()),
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(any_episode(), min_size=1, max_size=4))
def test_any_record_gives_finite_values_within_their_range(group: list[Episode]) -> None:
    for name, (low, high) in RANGES.items():
        values = REWARD_TERMS[name](group)
        assert len(values) == len(group), name
        flat = np.concatenate([np.atleast_1d(value) for value in values])
        assert np.isfinite(flat).all(), name
        assert ((flat >= low) & (flat <= high)).all(), (name, values)


@pytest.mark.parametrize("text", ["(", "(1,", "(1, 2", "( ", "<action>", "<action>(1,"])
def test_hostile_replies_take_no_time(text: str) -> None:
    long = f"<think>{text * (200_000 // len(text))}</think><answer>A</answer>"
    start = time.perf_counter()
    episode = look_episode(DONE, replies=[long])
    for name in ("cites_point", "distinct_calls", "grounded_points", "last_call_held"):
        values_of(name, episode)
    assert time.perf_counter() - start < 2.0
