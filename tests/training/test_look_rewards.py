"""Reward terms about looking and about using tools, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.look_records import (
    AGAIN,
    ANSWER,
    ASTRAY,
    CROP,
    DONE,
    FAILED,
    HIDDEN,
    NEW,
    look_episode,
    piece,
    values_of,
)
from tests.training.records import make_episode, make_truth


def looking(*pieces: dict) -> dict:
    return {"kind": "look", "shown_evidence": list(pieces)}


def test_every_look_is_correct_redundant_or_erroneous() -> None:
    episode = look_episode(NEW, AGAIN, ASTRAY, FAILED, DONE)
    assert values_of("look_alignment", episode) == [[1.0, -0.25, -0.5, 0.0, 0.0]]
    weights = {"correct": 2.0, "redundant": -1.0, "erroneous": -3.0}
    assert values_of("look_alignment", episode, **weights) == [[2.0, -1.0, -3.0, 0.0, 0.0]]


def test_one_piece_that_was_needed_makes_a_look_correct() -> None:
    both = looking(piece(needed=False), piece())
    other = looking(piece(needed=False), HIDDEN)
    assert values_of("look_alignment", look_episode(both, other, DONE)) == [[1.0, -0.25, 0.0]]


def test_a_piece_counts_only_in_looks_that_fit_it() -> None:
    loose = looking(piece(overlap=0.1, covered=1.0))
    cut = looking(piece(overlap=0.6, covered=0.4))
    episode = look_episode(loose, cut, DONE)
    assert values_of("look_alignment", episode, min_overlap=0.3) == [[-0.5, 1.0, 0.0]]
    assert values_of("look_alignment", episode, min_covered=0.5) == [[1.0, -0.5, 0.0]]
    assert values_of("look_alignment", episode) == [[1.0, 1.0, 0.0]]


def test_the_bonus_for_regions_is_capped() -> None:
    group = [
        look_episode(NEW, DONE),
        look_episode(NEW, AGAIN, AGAIN, DONE),
        look_episode(ASTRAY, FAILED, DONE),
        look_episode(DONE),
    ]
    assert values_of("look_bonus", *group) == [0.5, 0.5, 0.0, 0.0]
    assert values_of("look_bonus", *group, each=0.2) == pytest.approx([0.2, 0.5, 0.0, 0.0])
    assert values_of("look_bonus", *group, min_overlap=0.6) == [0.0, 0.0, 0.0, 0.0]


def test_overlap_is_weighed_by_salience() -> None:
    """(1 x 0.6 + 0.25 x 0.2) / 1.25 = 0.52; the look at 0.9 does not show what it overlaps."""
    first = looking(piece(overlap=0.6), HIDDEN | {"salience": 0.25})
    second = looking(piece(overlap=0.4), piece(overlap=0.9, shown=False, salience=0.25))
    third = looking(HIDDEN, piece(overlap=0.2, salience=0.25))
    episode = look_episode(first, second, third, DONE)
    assert values_of("salience_overlap", episode) == [pytest.approx(0.52)]
    assert values_of("salience_overlap", look_episode(DONE), look_episode(ASTRAY, DONE)) == [0, 0]


def test_the_right_reason() -> None:
    """Evidence that the very last look shows was not there to answer by."""
    known = {"sufficient": True}
    group = [
        look_episode(NEW, DONE | known),
        look_episode(ASTRAY, DONE),
        look_episode(NEW),
        look_episode(DONE, sufficient=True),
    ]
    assert values_of("seen_enough", *group) == [1, 0, 0, 1]
    with pytest.raises(ValueError, match="'seen_enough' needs to know what evidence there is"):
        values_of("seen_enough", look_episode(DONE, sufficient=None))


def test_looking_where_it_is_needed_and_only_there() -> None:
    group = [
        look_episode(NEW, DONE),
        look_episode(DONE),
        look_episode(DONE, needs_tool=False),
        look_episode(ASTRAY, DONE, needs_tool=False),
        look_episode(FAILED, DONE, needs_tool=False),
    ]
    assert values_of("tool_necessity", *group) == [1.0, -1.0, 1.0, -0.5, 1.0]
    scene = look_episode({"kind": "action"}, DONE, needs_tool=None, sufficient=True)
    assert values_of("tool_necessity", scene, needless=-0.3) == [-0.3]
    unknown = look_episode(DONE, needs_tool=None, sufficient=None)
    with pytest.raises(ValueError, match=r"'tool_necessity' needs 'needs_tool' or 'sufficient'"):
        values_of("tool_necessity", unknown)


def test_curiosity_falls_with_the_share_of_the_group_that_looks() -> None:
    """1 of 10 looks: 0.3 - 0.1 = 0.2, and (0.2 / 2) / 0.1 = 1.0 in the code's form (times 0.25 is
    its largest bonus); 2 of 5 look: 0.4 is above 0.3.
    """
    few = [look_episode(NEW, DONE), *(look_episode(DONE) for _ in range(9))]
    many = [look_episode(NEW, DONE), look_episode(ASTRAY, DONE), *(look_episode(DONE),) * 3]
    np.testing.assert_allclose(values_of("curiosity", *few), [0.2, *[0.0] * 9])
    np.testing.assert_allclose(values_of("curiosity_code", *few), [1.0, *[0.0] * 9])
    films = values_of("curiosity_code", *few, softening=1.5)
    np.testing.assert_allclose(films, [4 / 3, *[0.0] * 9])
    for name in ("curiosity", "curiosity_code"):
        assert values_of(name, *many) == [0.0] * 5
        assert values_of(name, *(look_episode(DONE),) * 3) == [0.0] * 3, "nobody looked"


def test_calls_beyond_the_first() -> None:
    group = [look_episode(*[NEW] * n, DONE) for n in (0, 1, 3)] + [look_episode(FAILED, DONE)]
    assert values_of("calls_beyond", *group) == [0, 0, 2, 0]
    assert values_of("calls_beyond", *group, allowed=2) == [0, 0, 1, 0]


def test_an_answer_after_a_failed_call() -> None:
    group = [
        look_episode(NEW, FAILED, DONE),
        look_episode(FAILED, NEW, DONE),
        look_episode(FAILED, DONE, replies=["<think>so</think>what", ANSWER]),
        look_episode(DONE),
    ]
    assert values_of("last_call_held", *group) == [0, 1, 1, 1]


def member(*steps: dict, right: bool, formed: bool = True):
    replies = [CROP if s["kind"] == "look" else (ANSWER if formed else "A") for s in steps]
    return look_episode(*steps, success=right, replies=replies)


def test_group_aware_order_where_a_direct_answer_is_right() -> None:
    group = [
        member(DONE, right=True),
        member(NEW, DONE, right=True),
        member(NEW, DONE, right=False),
        member(DONE, right=False),
        member(DONE, right=False, formed=False),
    ]
    assert values_of("group_aware_order", *group) == [1.0, 0.8, 0.5, 0.1, 0.0]


def test_group_aware_order_where_only_looking_helps() -> None:
    group = [
        member(NEW, DONE, right=True),
        member(NEW, DONE, right=False),
        member(DONE, right=False),
    ]
    assert values_of("group_aware_order", *group) == [1.0, 0.5, 0.0]


def test_group_aware_order_pays_for_looking_even_if_all_are_wrong() -> None:
    """As published: a policy that always looks and never answers rightly earns half of all there
    is, and more than one that answers at once and is wrong as often. Ours closes that door.
    """
    group = [member(ASTRAY, DONE, right=False), member(DONE, right=False)]
    assert values_of("group_aware_order", *group) == [0.5, 0.0]
    closed = {"called_wrong": 0.0, "called_wrong_in_vain": 0.0}
    assert values_of("group_aware_order", *group, **closed) == [0.0, 0.0]
    mixed = [*group, member(NEW, DONE, right=True)]
    assert values_of("group_aware_order", *mixed, **closed) == [0.0, 0.0, 1.0]


def test_text_is_paid_for_up_to_a_limit() -> None:
    group = [look_episode(DONE, replies=["x" * n]) for n in (0, 100, 250, 1000)]
    np.testing.assert_allclose(values_of("text_bonus", *group), [0, 0.1, 0.25, 0.25])
    two = look_episode(NEW, DONE, replies=["x" * 60, "y" * 40])
    np.testing.assert_allclose(values_of("text_bonus", two), [0.1])


@pytest.mark.parametrize(
    ("term", "key"),
    [
        ("look_alignment", "shown_evidence"),
        ("look_bonus", "shown_evidence"),
        ("salience_overlap", "shown_evidence"),
        ("drew", "drawn"),
        ("drawn_on_evidence", "drawn"),
    ],
)
def test_an_environment_that_does_not_tell_is_named(term: str, key: str) -> None:
    episode = make_episode(make_truth("action"), make_truth("answer"))
    with pytest.raises(
        ValueError, match=rf"'{term}' needs '{key}' in the truth .* world, does not"
    ):
        values_of(term, episode)
    blind = make_episode(make_truth("answer"), replies=["<think>(1, 2)</think><answer>A</answer>"])
    with pytest.raises(ValueError, match="'grounded_points' needs 'evidence_regions'"):
        values_of("grounded_points", blind)
