"""The sampled belief, beside the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from sims.avr.belief import Belief
from sims.avr.sampled_belief import SampledBelief, make_belief
from tests.sims.believing import COUNT_RED, PLACES, PRIOR, RED_CUBE, draw_case, kinds


class TestSampledBelief:
    @kinds
    def test_agrees_within_its_stated_error(self, kind):
        question, first, offer = draw_case(9, kind, num_known=2)
        exact = Belief(question, PLACES, PRIOR, offer=offer, first_known=first)
        sampled = SampledBelief(question, PLACES, PRIOR, offer=offer, first_known=first)
        for known in (first, {**first, "a": None}):
            errors = sampled.posterior_errors(known)
            posterior = sampled.posterior(known)
            for answer, p in exact.posterior(known).items():
                # 8 batches: a t-like ratio with 7 degrees of freedom stays below 8 safely
                assert posterior.get(answer, 0.0) == pytest.approx(p, abs=8 * errors[answer] + 1e-9)
                assert errors[answer] < 0.02
            for opens in (["a"], ["b", "c"]):
                gain = exact.expected_gain(known, opens)
                error = sampled.expected_gain_error(known, opens)
                found = sampled.expected_gain(known, opens)
                assert found == pytest.approx(gain, abs=8 * error + 1e-9)
                assert error < 0.02

    def test_the_error_shrinks_with_the_draws(self):
        few, many = (
            SampledBelief(COUNT_RED, PLACES, PRIOR, num_draws=n, num_batches=32).posterior_errors(
                {}
            )["1"]
            for n in (100, 10_000)
        )
        assert few / many == pytest.approx(10, rel=0.5)

    def test_the_same_seed_gives_the_same_figures(self):
        asked = {"first": {}, "then": {"a": RED_CUBE}}
        one, other = (SampledBelief(COUNT_RED, PLACES, PRIOR, seed=4) for _ in range(2))
        forwards = {name: one.posterior(known) for name, known in asked.items()}
        backwards = {name: other.posterior(asked[name]) for name in reversed(asked)}
        assert forwards == backwards
        assert one.posterior({}) != SampledBelief(COUNT_RED, PLACES, PRIOR, seed=5).posterior({})

    def test_is_made_where_totals_are_many(self):
        exact = make_belief(COUNT_RED, PLACES, PRIOR, offer=("0", "1"), max_states=6)
        sampled = make_belief(COUNT_RED, PLACES, PRIOR, offer=("0", "1"), max_states=5)
        assert type(exact) is Belief
        assert type(sampled) is SampledBelief
        assert exact.posterior({}) == pytest.approx({"0": 0.5, "1": 0.5})
        assert sampled.posterior({}) == pytest.approx({"0": 0.5, "1": 0.5})
        assert sampled.answers == ("0", "1")

    def test_samples_worlds_with_the_answer(self):
        belief = SampledBelief(COUNT_RED, PLACES, PRIOR)
        rng = np.random.default_rng(0)
        known = {"a": RED_CUBE, "b": None}
        for answer in ("1", "3"):
            drawn = belief.sample(known, rng, answer=answer)
            assert set(drawn) == {"c", "d", "e"}
            assert COUNT_RED.answer({**known, **drawn}, PLACES) == answer
        drawn = {COUNT_RED.answer(known | belief.sample(known, rng), PLACES) for _ in range(100)}
        assert drawn >= {"1", "2", "3"}

    def test_settings_are_checked(self):
        with pytest.raises(ValueError, match="num_batches=1; legal: 2 or more"):
            SampledBelief(COUNT_RED, PLACES, PRIOR, num_batches=1)
