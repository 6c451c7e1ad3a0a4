"""Reward terms about films stay within their ranges, whatever the record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.film_records import ANNOTATED, film_episode, grounded, look, values_of
from training.episode import Episode
from training.rewards.terms import REWARD_TERMS

RANGES = {
    "well_formed": (0, 1),
    "format_penalty": (-1, 0),
    "length_bonus": (0, 1),
    "temporal_iou": (0, 1),
    "temporal_iou_edges": (0, 1),
    "frames_used": (0, np.inf),
    "frame_economy": (0, 1),
    "evidence_seen": (0, 1),
    "evidence_fraction": (0, 1),
    "evidence_fraction_ours": (0, 1),
    "consistent": (0, 1),
    "chose_frames": (0, 1),
    "asked_time": (0, 1),
    "asked_named_time": (0, 1),
    "causal_sufficiency": (0, 1),
    "semantic_consistency": (0, 1),
    "temporal_order": (0, 1),
}
"""Term -> its documented range."""

SECONDS = st.floats(0, 100)
UNITS = st.floats(0, 1)
BOX = st.lists(UNITS, min_size=4, max_size=4)
ANY_INTERVAL = st.lists(SECONDS, min_size=2, max_size=2)


@st.composite
def any_step(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["answer", "look", "time", "invalid"]))
    tools = ["choose_frames", "rewatch", "find_segment", "find_frame", "zoom"]
    step: dict[str, Any] = {"kind": kind}
    if kind == "look":
        seconds = draw(st.lists(SECONDS, min_size=1, max_size=3))
        step = look(*seconds, tool=draw(st.sampled_from(tools)))
        step["shown_boxes"] = draw(
            st.lists(st.none() | BOX, min_size=len(seconds), max_size=len(seconds))
        )
    step["time_answer"] = draw(st.none() | st.integers(0, 1000)) if kind == "time" else None
    step["predicted_interval"] = draw(st.none() | ANY_INTERVAL)
    step["num_frames_used"] = draw(st.integers(0, 100))
    step["consistent"] = draw(st.booleans())
    step["evidence_seen"] = draw(st.lists(st.booleans(), max_size=3))
    return step


@st.composite
def any_episode(draw: st.DrawFn) -> Episode:
    steps = draw(st.lists(any_step(), min_size=1, max_size=3))
    boxes = st.fixed_dictionaries({"interval": ANY_INTERVAL, "box_xyxy_norm": BOX})
    return film_episode(
        *steps,
        replies=draw(st.lists(st.text(max_size=30), min_size=len(steps), max_size=len(steps))),
        success=draw(st.booleans()),
        num_tokens=draw(st.integers(0, 600)),
        annotations={k: draw(st.floats(-1, 1)) for k in ANNOTATED},
        gold_intervals=draw(st.lists(ANY_INTERVAL, max_size=2)),
        evidence=draw(st.lists(ANY_INTERVAL, max_size=2)),
        evidence_boxes=draw(st.lists(boxes, max_size=2)),
        frame_budget=draw(st.integers(1, 60)),
        duration_seconds=draw(st.floats(0.1, 100)),
        mentions_time=draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(any_episode(), min_size=1, max_size=3))
def test_any_record_gives_finite_values_within_their_range(group: list[Episode]) -> None:
    for name, (low, high) in RANGES.items():
        values = REWARD_TERMS[name](group)
        assert values.shape == (len(group),), name
        assert np.isfinite(values).all(), name
        assert ((values >= low) & (values <= high)).all(), (name, values)


INTERVALS = st.tuples(st.floats(0, 100), st.floats(0.01, 50)).map(lambda p: [p[0], p[0] + p[1]])


@given(INTERVALS, INTERVALS)
def test_the_hull_of_temporal_r1_gives_what_the_union_gives(a, b) -> None:
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = a[1] - a[0] + b[1] - b[0] - shared
    assert values_of("temporal_iou", grounded(a, b)) == [pytest.approx(shared / union, abs=1e-9)]
