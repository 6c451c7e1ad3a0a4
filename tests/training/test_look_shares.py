"""What looks are, counted for tables."""

from __future__ import annotations

import pytest

from tests.training.look_records import AGAIN, ASTRAY, DONE, FAILED, NEW, look_episode, values_of
from training.evaluation import EvaluationConfig, summarise


def test_shares_of_looks_by_hand():
    group = [
        look_episode(ASTRAY, NEW, AGAIN, ASTRAY, DONE),
        look_episode(FAILED, NEW),
        look_episode(DONE),
    ]
    assert values_of("num_looks", *group) == [4, 1, 0]
    assert values_of("looked", *group) == [1, 1, 0]
    assert values_of("looks_correct", *group) == [0.25, 1, 0]
    assert values_of("looks_redundant", *group) == [0.25, 0, 0]
    assert values_of("looks_erroneous", *group) == [0.5, 0, 0]


def test_a_table_counts_the_episodes_that_look():
    terms = {"looks_correct": "looked", "num_looks": None}
    config = EvaluationConfig(terms=terms)
    config.check()
    looks = ((ASTRAY, NEW), (NEW,), ())
    group = [look_episode(*some, DONE, sufficient=None) for some in looks]
    row = summarise(group, None, config.terms)
    assert row["looks_correct"]["mean"] == pytest.approx(0.75)
    assert row["looks_correct"]["n"] == 2
    assert row["num_looks"]["mean"] == pytest.approx(1.0)
