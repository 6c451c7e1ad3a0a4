"""The belief, beside brute force: every world enumerated, or the process itself run and counted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from sims.avr.belief import Belief
from sims.avr.prior import Prior
from sims.avr.question import QUESTION_TYPES, YES_NO, Question
from sims.avr.selection import Selection
from tests.sims.believing import (
    BLUE_CUBE,
    COUNT_RED,
    NAMES,
    PLACES,
    PRIOR,
    RED_CUBE,
    WORDS,
    all_worlds,
    answer_or_none,
    draw_case,
    enumerated,
    is_red,
    kinds,
)


class TestPosterior:
    @kinds
    @pytest.mark.parametrize("seed", range(4))
    def test_equals_enumeration(self, kind, seed):
        question, first, offer = draw_case(seed, kind, num_known=2)
        natural = Belief(question, PLACES, PRIOR)
        balanced = Belief(question, PLACES, PRIOR, offer=offer, first_known=first)
        later = {**first, "a": RED_CUBE}
        for known in ({}, {"c": None}, first, later):
            expected = enumerated(question, known)
            assert natural.posterior(known) == pytest.approx(expected, abs=1e-12)
        for known in (first, later, {**later, "b": None}):
            expected = enumerated(question, known, offer=offer, first_known=first)
            assert balanced.posterior(known) == pytest.approx(expected, abs=1e-12)

    @kinds
    def test_is_uniform_over_the_offer_at_first(self, kind):
        for seed in range(10):
            question, first, offer = draw_case(seed, kind, num_known=3)
            belief = Belief(question, PLACES, PRIOR, offer=offer, first_known=first)
            uniform = dict.fromkeys(offer, 1 / len(offer))
            assert belief.answers == offer
            assert belief.posterior(first) == pytest.approx(uniform, abs=1e-12)
            assert belief.entropy(first) == pytest.approx(math.log(len(offer)))

    @kinds
    def test_equals_the_process_run_and_counted(self, kind):
        """Gold from the offer, then worlds until one has it; the later view splits them up."""
        question, first, offer = draw_case(7, kind, num_known=3)
        belief = Belief(question, PLACES, PRIOR, offer=offer, first_known=first)
        rng = np.random.default_rng(QUESTION_TYPES.index(kind))
        counts = defaultdict(Counter)
        for _ in range(3000):
            gold = offer[rng.integers(len(offer))]
            contents = None
            while contents is None or answer_or_none(question, contents) != gold:
                contents = {name: first.get(name, None) for name in NAMES}
                contents |= {name: PRIOR.draw(rng) for name in NAMES if name not in first}
            counts[contents["a"]][gold] += 1
        for held, golds in counts.items():
            number = golds.total()
            posterior = belief.posterior({**first, "a": held})
            assert set(golds) <= set(posterior)
            for answer, p in posterior.items():
                allowed = 4 * math.sqrt(p * (1 - p) / number) + 1e-9
                assert golds[answer] / number == pytest.approx(p, abs=allowed)

    def test_numbers_by_hand(self):
        """One unknown place of two: red with 0.6 / 2; the other is known to hold a red cube."""
        two = PLACES[:2]
        belief = Belief(COUNT_RED, two, PRIOR)
        assert belief.posterior({"a": RED_CUBE}) == pytest.approx({"1": 0.7, "2": 0.3})
        assert belief.posterior({}) == pytest.approx({"0": 0.49, "1": 0.42, "2": 0.09})
        offered = Belief(COUNT_RED, two, PRIOR, offer=("1", "2"), first_known={})
        # weights 1/(2 * 0.42) and 1/(2 * 0.09): 0.7 / 0.84 against 0.3 / 0.18
        assert offered.posterior({"a": RED_CUBE}) == pytest.approx({"1": 1 / 3, "2": 2 / 3})
        assert offered.posterior({"a": None}) == {"1": 1.0}

    def test_answers_come_in_their_natural_order(self):
        assert list(Belief(COUNT_RED, PLACES, PRIOR).posterior({"a": RED_CUBE})) == list("12345")

    def test_a_spoilt_query_has_no_answer(self):
        query = Question(
            kind="query", selections=(Selection(),), answers=WORDS["color"], asked="color"
        )
        belief = Belief(query, PLACES, PRIOR)
        spoilt = {"a": RED_CUBE, "b": BLUE_CUBE}
        assert belief.posterior(spoilt) == {}
        assert belief.proven(spoilt) is None
        assert belief.expected_gain(spoilt, ["c"]) == 0
        with pytest.raises(ValueError, match="is not possible given"):
            belief.sample(spoilt, np.random.default_rng(0))

    def test_a_view_that_proves_an_answer_may_rule_out_the_others(self):
        first = {"a": RED_CUBE}
        belief = Belief(is_red(), PLACES, PRIOR, offer=YES_NO, first_known=first)
        assert belief.posterior(first) == {"yes": 1.0}

    def test_an_offer_must_be_possible(self):
        full = dict.fromkeys(NAMES, RED_CUBE)
        with pytest.raises(ValueError, match=r"\['0', '1'\] are not possible"):
            Belief(COUNT_RED, PLACES, PRIOR, offer=("0", "1"), first_known=full)
        with pytest.raises(ValueError, match=r"\['0'\] are not possible"):
            Belief(COUNT_RED, PLACES, PRIOR, offer=("0", "1"), first_known={"a": RED_CUBE})

    def test_unknown_places_are_named(self):
        belief = Belief(COUNT_RED, PLACES, PRIOR)
        with pytest.raises(ValueError, match=r"places \['z'\] are unknown; legal: \['a', "):
            belief.posterior({"z": None})
        with pytest.raises(ValueError, match=r"places \['z'\] are unknown"):
            belief.expected_gain({}, ["z"])

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"fill": 1.2, "vocabulary": WORDS}, "fill=1.2; legal: 0 to 1"),
            ({"fill": 0.5, "vocabulary": {"color": ["red"]}}, "no values for"),
        ],
    )
    def test_priors_are_checked(self, fields, match):
        with pytest.raises(ValueError, match=match):
            Prior(**fields)


class TestSample:
    @kinds
    def test_draws_follow_the_posterior(self, kind):
        question, first, offer = draw_case(5, kind, num_known=3)
        belief = Belief(question, PLACES, PRIOR, offer=offer, first_known=first)
        rng = np.random.default_rng(0)
        number = 2000
        drawn = [{**first, **belief.sample(first, rng)} for _ in range(number)]
        answers = Counter(question.answer(contents, PLACES) for contents in drawn)
        assert set(answers) == set(offer)
        expected = number / len(offer)
        chi_square = sum((n - expected) ** 2 / expected for n in answers.values())
        assert chi_square < 20  # 3 degrees of freedom at most: p < 0.0002

    @kinds
    def test_draws_given_an_answer_are_worlds_given_that_answer(self, kind):
        question, first, offer = draw_case(6, kind, num_known=3)
        belief = Belief(question, PLACES, PRIOR)
        gold = offer[-1]
        odds = {
            (contents["a"], contents["b"]): share
            for contents, share in all_worlds(first)
            if answer_or_none(question, contents) == gold
        }
        whole = sum(odds.values())
        rng = np.random.default_rng(1)
        number = 2000
        counts = Counter()
        for _ in range(number):
            drawn = belief.sample(first, rng, answer=gold)
            assert set(drawn) == {"a", "b"}
            counts[drawn["a"], drawn["b"]] += 1
        assert set(counts) <= set(odds)
        freedom = len(odds) - 1
        chi_square = sum(
            (counts[held] - number * p / whole) ** 2 / (number * p / whole)
            for held, p in odds.items()
        )
        assert chi_square < freedom + 5 * math.sqrt(2 * freedom) + 10

    def test_impossible_answers_are_refused(self):
        belief = Belief(is_red(), PLACES, PRIOR)
        with pytest.raises(ValueError, match="answer='no' is not possible"):
            belief.sample({"a": RED_CUBE}, np.random.default_rng(0), answer="no")

    def test_the_same_seed_draws_the_same(self):
        belief = Belief(COUNT_RED, PLACES, PRIOR)
        first, second = (belief.sample({}, np.random.default_rng(3)) for _ in range(2))
        assert first == second
