"""Reward terms about films, against sums done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.film_records import (
    ANNOTATED,
    ANSWER,
    BOXES,
    TIME,
    film_episode,
    grounded,
    look,
    values_of,
    zoom,
)
from tests.training.records import make_episode, make_truth
from training.rewards.terms import REWARD_TERMS


def test_the_answer_has_its_form_or_not() -> None:
    good = film_episode(look(12.0), {})
    loose = film_episode({}, replies=["A"])
    void = film_episode({"kind": "invalid"}, {}, replies=[ANSWER, ANSWER])
    assert values_of("well_formed", good, loose, void) == [1, 0, 0]
    assert values_of("format_penalty", good, loose, void) == [0, -1, -1]


def test_length_bonus_counts_the_tokens_of_all_replies() -> None:
    lengths = [319, 320, 512, 513]
    assert values_of("length_bonus", *(film_episode({}, num_tokens=n) for n in lengths)) == [
        0,
        1,
        1,
        0,
    ]
    two = film_episode(look(12.0), {}, num_tokens=200)
    assert values_of("length_bonus", two) == [1]
    assert values_of("length_bonus", two, longest=399) == [0]
    with pytest.raises(ValueError, match=r"'length_bonus' counts tokens, .* 3-\w+-0 has none"):
        values_of("length_bonus", film_episode({}))


def test_temporal_iou() -> None:
    """[10, 20] and [15, 30] share 5 of 20 seconds; [18, 20] all 2 of 10."""
    cases = {
        0.25: grounded([10, 20], [15, 30]),
        0.2: grounded([10, 20], [18, 20], [40, 41]),
        1.0: grounded([10, 20], [0, 4], [10, 20]),
    }
    np.testing.assert_allclose(values_of("temporal_iou", *cases.values()), list(cases))
    none = [
        grounded(None, [1, 2]),
        grounded([1, 2]),
        grounded([3, 4], [1, 2]),
        grounded([2, 1], [1, 2]),
    ]
    assert values_of("temporal_iou", *none) == [0, 0, 0, 0]


def test_temporal_iou_with_the_errors_of_both_ends() -> None:
    """IoU 0.25; the start is 5 s and the end 10 s off, in 100 s: 0.25 x 0.95 x 0.9."""
    wanted = 0.25 * 0.95 * 0.9
    assert values_of("temporal_iou_edges", grounded([10, 20], [15, 30])) == [pytest.approx(wanted)]
    assert values_of("temporal_iou_edges", grounded([10, 20], [10, 20])) == [1]
    assert values_of("temporal_iou_edges", grounded(None, [10, 20])) == [0]


def test_frames_used_and_the_share_of_the_budget_that_is_left() -> None:
    group = [film_episode({"num_frames_used": n}) for n in (8, 30, 40, 44)]
    assert values_of("frames_used", *group) == [8, 30, 40, 44]
    np.testing.assert_allclose(values_of("frame_economy", *group), [0.8, 0.25, 0, 0])
    told = "'frame_economy' needs a frame budget, which .* has not: set env.config.frame_budget"
    with pytest.raises(ValueError, match=told):
        values_of("frame_economy", film_episode({}, frame_budget=None))


def test_evidence_seen_is_that_of_the_end() -> None:
    group = [
        film_episode(look(1.0, evidence_seen=[False, False]), {"evidence_seen": [True, False]}),
        film_episode({"evidence_seen": [True]}),
        film_episode({"evidence_seen": []}),
    ]
    assert values_of("evidence_seen", *group) == [0.5, 1, 0]


def test_evidence_fraction_as_published() -> None:
    """Segments 10-20 s (right) and 40-50 s; frames at 13 s (right), 15 s (just past) and 13 s
    again; a box with IoU 0.25 / 0.5 = 0.5 (right), one with 0.075 / 0.25 = 0.3, and one where
    there is no evidence box, which does not count: (1 + 2 + 1) / (2 + 3 + 2).
    """
    segment = {"tool": "find_segment"}
    steps = [
        look(10.0, 20.0, **segment),
        look(40.0, 50.0, **segment),
        look(13.0, tool="find_frame"),
        look(15.0, tool="find_frame"),
        look(13.0, tool="find_frame"),
        zoom(12.2, 0.0, 0.0, 0.5, 1.0),
        zoom(12.2, 0.0, 0.0, 0.25, 0.3),
        zoom(16.0, 0.0, 0.0, 1.0, 1.0),
        look(13.0, 14.0),
        {},
    ]
    episode = film_episode(*steps, evidence_boxes=BOXES)
    assert values_of("evidence_fraction", episode) == [pytest.approx(4 / 7)]
    assert values_of("evidence_fraction", episode, box_iou=0.2) == [pytest.approx(5 / 7)]
    # Ours: the frame picked again is not right again, and the box beside the evidence is wrong.
    assert values_of("evidence_fraction_ours", episode) == [pytest.approx(3 / 8)]
    assert values_of("evidence_fraction_ours", episode, boxes=0) == [pytest.approx(2 / 5)]


def test_a_box_is_held_against_every_evidence_box_of_its_moment() -> None:
    second = film_episode(zoom(12.7, 0.5, 0.5, 1.0, 0.9), {}, evidence_boxes=BOXES)
    too_early = film_episode(zoom(12.2, 0.5, 0.5, 1.0, 0.9), {}, evidence_boxes=BOXES)
    assert values_of("evidence_fraction", second, too_early) == [1, 0]


def test_picking_nothing_costs_in_our_form_only() -> None:
    """One right frame; no segment, no box: 1 / 1 as published, 1 / (1 + 1 + 1) in ours."""
    one = film_episode(look(13.0, tool="find_frame"), {}, evidence_boxes=BOXES)
    idle = film_episode({}, evidence_boxes=BOXES)
    unasked = film_episode(look(13.0, tool="find_frame"), {}, evidence=[])
    assert values_of("evidence_fraction", one, idle, unasked) == [1, 0, 0]
    ours = values_of("evidence_fraction_ours", one, idle, unasked)
    np.testing.assert_allclose(ours, [1 / 3, 0, 0])
    assert values_of("evidence_fraction_ours", one, segments=0, boxes=0) == [1]


def test_evidence_found_again_is_not_found_twice_in_our_form() -> None:
    """Two stretches, 12-15 s and 50-51 s. Four frames in the first: 4 / 4 as published, 1 / 4 in
    ours; a frame in each: 2 / 2 in both; one frame: 1 / 1, and 1 / 2.
    """
    group = [
        film_episode(
            *(look(second, tool="find_frame") for second in seconds),
            {},
            evidence=[[12.0, 15.0], [50.0, 51.0]],
        )
        for seconds in ((12.0, 12.1, 13.0, 14.0), (13.0, 50.5), (13.0,))
    ]
    assert values_of("evidence_fraction", *group) == [1, 1, 1]
    assert values_of("evidence_fraction_ours", *group, segments=0) == [0.25, 1, 0.5]


def test_what_a_policy_asked_for() -> None:
    named = {"mentions_time": True}
    group = [
        film_episode(look(1.0), {}),
        film_episode(TIME, {}),
        film_episode(TIME, {}, **named),
        film_episode(TIME | {"time_answer": 0}, {}, **named),
        film_episode({}, **named),
        film_episode({"kind": "invalid"}, {"consistent": False}),
    ]
    assert values_of("chose_frames", *group) == [1, 0, 0, 0, 0, 0]
    assert values_of("asked_time", *group) == [0, 1, 1, 1, 0, 0]
    assert values_of("asked_named_time", *group) == [0, 0, 1, 0, 0, 0]
    assert values_of("consistent", *group) == [1, 1, 1, 1, 1, 0]


def test_looking_on_when_the_evidence_is_seen_is_needless() -> None:
    enough = {"sufficient": True}
    episode = film_episode(look(1.0), TIME | enough, look(2.0) | enough, enough)
    assert REWARD_TERMS["needless_action"]([episode])[0].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("name", ["expected_gain", "relative_gain"])
def test_looking_at_films_is_not_forecast(name: str) -> None:
    with pytest.raises(ValueError, match="has no expected gains"):
        REWARD_TERMS[name]([film_episode(look(1.0), {})])


def test_annotated_terms() -> None:
    cosines = [-0.4, 0.0, 0.3, 0.5, 0.9]
    group = [film_episode({}, annotations={"semantic_cosine": c}) for c in cosines]
    np.testing.assert_allclose(values_of("semantic_consistency", *group), [0, 0, 0.6, 1, 1])
    np.testing.assert_allclose(
        values_of("semantic_consistency", *group, factor=1.0)[2:], cosines[2:]
    )
    enough = [film_episode({}, annotations={"causal_sufficiency": v}) for v in (0, 1)]
    assert values_of("causal_sufficiency", *enough) == [0, 1]


@pytest.mark.parametrize(("num_shuffled", "wanted"), [(2, [1, 1, 0, 0]), (3, [0, 0, 0, 0])])
def test_temporal_order_compares_the_group_with_its_shuffled_self(num_shuffled, wanted) -> None:
    """Two of four are solved: at least 0.8 x 2, and less than 0.8 x 3 = 2.4."""
    group = [
        film_episode({}, success=i < 2, annotations={"shuffled_correct": int(i < num_shuffled)})
        for i in range(4)
    ]
    assert values_of("temporal_order", *group) == wanted
    assert values_of("temporal_order", *group, ratio=0.5) == [1, 1, 0, 0]


@pytest.mark.parametrize("name", ["causal_sufficiency", "semantic_consistency", "temporal_order"])
def test_a_missing_annotation_names_the_pass_to_run(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' needs the annotation '.*: run training.annot"):
        values_of(name, film_episode({}))
    broken = film_episode({}, annotations=dict.fromkeys(ANNOTATED, float("nan")))
    with pytest.raises(ValueError, match=f"is nan; reward term '{name}' needs a finite number"):
        values_of(name, broken)


OF_FILMS = [
    "temporal_iou",
    "temporal_iou_edges",
    "frames_used",
    "frame_economy",
    "evidence_seen",
    "evidence_fraction",
    "evidence_fraction_ours",
    "consistent",
    "chose_frames",
    "asked_time",
    "asked_named_time",
]


@pytest.mark.parametrize("name", OF_FILMS)
def test_other_environments_are_told_what_the_term_is_for(name: str) -> None:
    other = make_episode(make_truth("answer"))
    told = f"reward term '{name}' needs '.*' in the truth of episode 0-.*, world, .* for films"
    with pytest.raises(ValueError, match=told):
        values_of(name, other)
    with pytest.raises(ValueError, match="has no truth for each of its turns"):
        values_of(name, replace(film_episode({}), truth=None))
