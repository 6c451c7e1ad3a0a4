"""Nobody is paid for nothing: searches for loops of actions whose gains add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sims.avr.adversary import (
    Moment,
    Walk,
    best_loop,
    extend_walk,
    idle_expectation,
    overpaid,
    paid_when_proven,
    search,
    start_walk,
    total_drop,
    wander,
)
from sims.avr.config import AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.scene_types import KINDS

CONFIG = AvrConfig(image_height=28, image_width=28, shadows=False, max_turns=40)
ROUNDING = 1e-9


def moment(state=0, known=0, entropy=1.0, drop=0.0, expected=0.0, gain=0.0) -> Moment:
    return Moment(
        state=(state,),
        num_known=known,
        entropy=entropy,
        drop=drop,
        expected=expected,
        logprob_gain=gain,
    )


def walk(*moments: Moment) -> Walk:
    return Walk(letters=("A",) * (len(moments) - 1), moments=moments, options=(), env_state={})


class TestScores:
    """On walks written by hand, of an environment that pays wrongly."""

    def test_drops_that_do_not_telescope_are_overpaid(self):
        honest = walk(moment(entropy=1.0), moment(entropy=0.4, drop=0.6))
        assert total_drop(honest) == pytest.approx(0.6)
        assert overpaid(honest) == pytest.approx(0.0)
        again = replace(honest, moments=(*honest.moments, moment(entropy=0.4, drop=0.6)))
        assert overpaid(again) == pytest.approx(0.6)

    def test_a_loop_comes_back_to_the_same_state_with_nothing_new_seen(self):
        there, back = moment(state=1, drop=0.3), moment(state=0, drop=0.2)
        assert best_loop(walk(moment(), there, back)) == pytest.approx(0.5)
        assert best_loop(walk(moment(), there)) == -np.inf
        seen = moment(state=0, known=1, drop=0.2)
        assert best_loop(walk(moment(), there, seen)) == -np.inf

    def test_what_is_paid_after_a_proof(self):
        proof = moment(entropy=0.0, drop=1.0)
        paid = walk(moment(), proof, moment(entropy=0.0, drop=-0.1, gain=0.2, expected=0.3))
        assert paid_when_proven(paid) == pytest.approx(0.6)
        assert paid_when_proven(walk(moment(), proof)) == 0

    def test_expectations_that_come_to_nothing(self):
        idle = walk(moment(), moment(expected=0.5), moment(known=1, expected=0.7))
        assert idle_expectation(idle) == 0.5


@pytest.mark.render
@pytest.mark.parametrize("kind", KINDS)
class TestEnvironment:
    @pytest.mark.parametrize("balanced", [True, False])
    def test_no_search_finds_a_walk_that_is_overpaid(self, kind, balanced):
        env = AvrEnv(replace(CONFIG, balanced=balanced, sufficient_share=0.0), kind)
        walks = search(env, 1, total_drop, depth=3, width=2)
        assert len(walks) > 20
        assert {len(tried.letters) for tried in walks} == {0, 1, 2, 3}
        assert total_drop(walks[0]) == max(map(total_drop, walks))
        for tried in walks:
            assert abs(overpaid(tried)) < ROUNDING
            assert total_drop(tried) <= tried.moments[0].entropy + ROUNDING
            assert paid_when_proven(tried) == 0

    def test_hiding_and_revealing_again_earns_nothing(self, kind):
        """Looks away and back, opens and closes: whatever comes back to where it was."""
        env, loops = AvrEnv(CONFIG, kind), 0
        for seed in range(3):
            done = wander(env, seed, np.random.default_rng(seed), depth=12)
            loops += best_loop(done) > -np.inf
            assert best_loop(done) < ROUNDING
            assert abs(overpaid(done)) < ROUNDING
        assert loops

    def test_nothing_is_paid_once_the_answer_is_proven(self, kind):
        env = AvrEnv(replace(CONFIG, sufficient_share=1.0), kind)
        for tried in search(env, 2, paid_when_proven, depth=2, width=2):
            assert tried.moments[0].entropy == 0
            assert paid_when_proven(tried) == 0

    def test_a_walk_is_lived_again_when_it_is_made_longer(self, kind):
        """Whatever else the environment did between."""
        env = AvrEnv(CONFIG, kind)
        first = start_walk(env, 3)
        longer = extend_walk(env, first, first.options[0])
        other = extend_walk(env, first, first.options[1])
        assert extend_walk(env, first, first.options[0]) == longer
        assert other.moments[0] == longer.moments[0]


@pytest.mark.slow
@pytest.mark.render
@pytest.mark.parametrize("goal", [total_drop, overpaid, best_loop, paid_when_proven])
def test_deeper_searches(goal) -> None:
    for seed, kind in enumerate(KINDS):
        for tried in search(AvrEnv(CONFIG, kind), 20 + seed, goal, depth=6, width=4):
            assert abs(overpaid(tried)) < ROUNDING
            assert best_loop(tried) < ROUNDING
            assert paid_when_proven(tried) == 0
