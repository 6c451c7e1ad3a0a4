"""Every task is asked for in many ways, and held-out wordings say what training never says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sims.manipulation.config import TASKS
from sims.manipulation.wording import WORDINGS, write_instruction

FIELDS = {"target": "red cube", "goal": "blue"}


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(r"{\w+}", "", text.lower())))


def fields_of(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("task", TASKS)
def test_there_are_enough_wordings_and_all_name_the_same_things(task):
    wordings = WORDINGS[task]
    assert len(set(wordings.train)) >= 8
    assert len(set(wordings.held_out)) >= 4
    named = {frozenset(fields_of(text)) for text in (*wordings.train, *wordings.held_out)}
    assert len(named) == 1


@pytest.mark.parametrize("task", TASKS)
def test_each_held_out_wording_has_words_that_training_never_says(task):
    known = set().union(*(words_of(text) for text in WORDINGS[task].train))
    for text in WORDINGS[task].held_out:
        assert words_of(text) - known, text


def write(task: str, seed: int, **how: bool) -> str:
    rng = np.random.default_rng(seed)
    how = {"paraphrases": True, "held_out": False} | how
    return write_instruction(task, rng, fields=FIELDS, **how)


@pytest.mark.parametrize("task", TASKS)
def test_training_and_held_out_texts_never_meet(task):
    train = {write(task, seed) for seed in range(60)}
    held_out = {write(task, seed, held_out=True) for seed in range(60)}
    assert len(train) >= 7
    assert len(held_out) >= 4
    assert not train & held_out


def test_without_paraphrases_all_texts_are_alike():
    assert {write("push", seed, paraphrases=False) for seed in range(9)} == {
        "Push the red cube onto the blue mark."
    }


def test_paraphrases_change_nothing_else_that_is_drawn():
    left = []
    for paraphrases in (True, False):
        rng = np.random.default_rng(3)
        write_instruction("push", rng, paraphrases=paraphrases, held_out=False, fields=FIELDS)
        left.append(rng.integers(10**9))
    assert left[0] == left[1]
