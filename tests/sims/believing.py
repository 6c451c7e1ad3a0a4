"""Beliefs by brute force: every world enumerated."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from sims.avr.belief import Belief
from sims.avr.prior import Prior
from sims.avr.question import QUESTION_TYPES, YES_NO, Question
from sims.avr.question_types import draw_offer, draw_question
from sims.avr.selection import Selection, make_attributes
from sims.avr.things import Place, Thing

WORDS = {"color": ("red", "blue"), "shape": ("cube", "sphere"), "material": ("rubber",)}
PRIOR = Prior(fill=0.6, vocabulary=WORDS)
X = {"a": -2.1, "b": 0.0, "c": 2.1, "d": -1.05, "e": 1.05}
PLACES = tuple(Place(name=name, pos=(x, 0.0, 0.0)) for name, x in X.items())
NAMES = tuple(X)
RED_CUBE = Thing(color="red", shape="cube", size="small", material="rubber")
BLUE_CUBE = Thing(color="blue", shape="cube", size="small", material="rubber")


def draw_asked(rng, kind) -> Question:
    return draw_question(
        rng,
        WORDS,
        [kind],
        filter_attributes=("color", "shape"),
        query_attributes=("color", "shape"),
        max_count=len(PLACES),
    )


def is_red(kind="exist", answers=YES_NO) -> Question:
    red = Selection(attributes=make_attributes({"color": "red"}))
    return Question(kind=kind, selections=(red,), answers=answers)


COUNT_RED = is_red("count", tuple("012345"))


def answer_or_none(question, contents):
    try:
        return question.answer(contents, PLACES)
    except ValueError:
        return None


def all_worlds(known):
    """Every content of all places that fits what is known, with its probability."""
    held = [[(known[name], 1.0)] if name in known else list(PRIOR.outcomes()) for name in NAMES]
    for chosen in product(*held):
        contents = dict(zip(NAMES, (content for content, _ in chosen), strict=True))
        yield contents, math.prod(share for _, share in chosen)


def enumerated(question, known, *, offer=None, first_known=None):
    """The posterior by enumeration; a balanced one straight from how the process draws."""
    weight = dict.fromkeys(question.answers, 1.0)
    if offer is not None:
        first = enumerated(question, first_known)
        # gold is uniform in the offer; then the hidden contents follow from the prior given gold
        weight = {answer: 1 / len(offer) / first[answer] for answer in offer}
    mass = defaultdict(float)
    for contents, share in all_worlds(known):
        answer = answer_or_none(question, contents)
        if answer in weight:
            mass[answer] += share * weight[answer]
    return {answer: part / sum(mass.values()) for answer, part in mass.items()}


def entropy(posterior):
    return -sum(p * math.log(p) for p in posterior.values())


def draw_case(seed, kind, *, num_known):
    """A question, what is known at first, and an offer that the first view leaves open."""
    rng = np.random.default_rng([seed, QUESTION_TYPES.index(kind)])
    for _ in range(200):
        question = draw_asked(rng, kind)
        known = {name: PRIOR.draw(rng) for name in NAMES[len(NAMES) - num_known :]}
        possible = Belief(question, PLACES, PRIOR).posterior(known)
        offer = draw_offer(question, rng, max_answers=4)
        if set(offer) <= set(possible):
            return question, known, offer
    raise AssertionError(f"no case for {kind}")


kinds = pytest.mark.parametrize("kind", QUESTION_TYPES)
