"""What looks are worth: expected, realised, in entropy and in log-probability."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.avr.belief import Belief, entropy_drop, log_probability_gain
from sims.avr.question import QUESTION_TYPES, YES_NO, Question
from sims.avr.selection import Selection
from tests.sims.believing import (
    COUNT_RED,
    NAMES,
    PLACES,
    PRIOR,
    RED_CUBE,
    all_worlds,
    answer_or_none,
    draw_case,
    enumerated,
    is_red,
)


@st.composite
def cases(draw):
    """A belief, natural or balanced, what is known at first, and a generator."""
    kind = draw(st.sampled_from(QUESTION_TYPES))
    seed = draw(st.integers(0, 10_000))
    question, first, offer = draw_case(seed, kind, num_known=draw(st.integers(0, 3)))
    balanced = offer if draw(st.booleans()) else None
    belief = Belief(question, PLACES, PRIOR, offer=balanced, first_known=first)
    return belief, first, np.random.default_rng(seed)


def looks(belief, first, rng):
    """What is known after each look of an episode that ends with everything known."""
    contents = {**first, **belief.sample(first, rng)}
    unseen = [name for name in NAMES if name not in first]
    history = [first]
    for name in rng.permutation(unseen):
        history.append({**history[-1], str(name): contents[str(name)]})
    return history, belief.question.answer(contents, PLACES)


class TestGains:
    @given(case=cases(), opens=st.sets(st.sampled_from(NAMES), min_size=1))
    @settings(max_examples=40, deadline=None)
    def test_expected_gain_is_the_mean_of_what_is_realised(self, case, opens):
        """Over every world, as likely as the process makes it."""
        belief, known, _ = case
        natural = enumerated(belief.question, known)
        opened = sorted(opens - known.keys())
        joint = defaultdict(lambda: defaultdict(float))
        for contents, share in all_worlds(known):
            answer = answer_or_none(belief.question, contents)
            if answer in belief.answers:
                # A balanced process draws each answer on offer as often, then a world that has it.
                weight = belief.posterior(known)[answer] / natural[answer]
                joint[tuple(contents[name] for name in opened)][answer] += share * weight
        whole = sum(sum(mass.values()) for mass in joint.values())
        drop = gain = 0.0
        for held, mass in joint.items():
            after = {**known, **dict(zip(opened, held, strict=True))}
            drop += sum(mass.values()) / whole * entropy_drop(belief, known, after)
            for gold, part in mass.items():
                gain += part / whole * log_probability_gain(belief, known, after, answer=gold)
        expected = belief.expected_gain(known, opens)
        assert expected == pytest.approx(drop, abs=1e-9)
        assert expected == pytest.approx(gain, abs=1e-9)
        assert 0 <= expected <= belief.entropy(known) + 1e-12

    @given(case=cases())
    @settings(max_examples=60, deadline=None)
    def test_gains_telescope(self, case):
        belief, first, rng = case
        history, gold = looks(belief, first, rng)
        steps = list(pairwise(history))
        drops = sum(entropy_drop(belief, before, after) for before, after in steps)
        assert drops == pytest.approx(belief.entropy(first), abs=1e-9)
        gains = sum(log_probability_gain(belief, *step, answer=gold) for step in steps)
        assert gains == pytest.approx(-belief.log_probability(gold, first), abs=1e-9)

    @given(case=cases())
    @settings(max_examples=60, deadline=None)
    def test_proven_when_a_single_answer_is_left(self, case):
        belief, first, rng = case
        history, gold = looks(belief, first, rng)
        for known in history:
            proven = belief.proven(known)
            assert (proven is not None) == (len(belief.posterior(known)) == 1)
            if proven is not None:
                assert proven == gold
                assert belief.entropy(known) == 0
                assert belief.expected_gain(known, NAMES) == 0
        assert belief.proven(history[-1]) == gold

    @given(case=cases(), names=st.permutations(NAMES))
    @settings(max_examples=60, deadline=None)
    def test_learning_more_tells_no_less(self, case, names):
        belief, known, _ = case
        gains = [belief.expected_gain(known, names[:number]) for number in range(len(NAMES) + 1)]
        assert gains[0] == 0
        assert all(more >= less - 1e-12 for less, more in pairwise(gains))
        assert gains[-1] == pytest.approx(belief.entropy(known), abs=1e-9)

    def test_a_look_may_leave_one_less_sure(self):
        """Five places, each red with 0.3: "yes" has 1 - 0.7^5, and 1 - 0.7^4 once one is empty."""
        belief = Belief(is_red(), PLACES, PRIOR)
        before, after = (-p * math.log(p) - (1 - p) * math.log(1 - p) for p in (0.16807, 0.2401))
        assert belief.entropy({}) == pytest.approx(before)
        assert entropy_drop(belief, {}, {"a": None}) == pytest.approx(before - after)
        assert before < after
        gain = log_probability_gain(belief, {}, {"a": None}, answer="no")
        assert gain == pytest.approx(-math.log(0.7))

    def test_what_cannot_matter_tells_nothing(self):
        """Red things in the left area: the other areas' places are worth no look."""
        left = Selection(attributes=COUNT_RED.selections[0].attributes, area="left")
        belief = Belief(Question(kind="exist", selections=(left,), answers=YES_NO), PLACES, PRIOR)
        assert belief.expected_gain({}, ["b", "c", "e"]) == 0
        assert belief.expected_gain({}, ["a"]) > 0.1
        assert belief.expected_gain({"a": None}, ["a"]) == 0

    def test_what_is_ruled_out_has_no_probability(self):
        belief = Belief(is_red(), PLACES, PRIOR)
        assert belief.log_probability("no", {"a": RED_CUBE}) == -math.inf
        assert belief.log_probability("yes", {"a": RED_CUBE}) == 0
