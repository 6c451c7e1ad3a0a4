"""Episodes whose worker is lost begin anew, and every one is accounted for once. No Ray needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from tests.training.guessing import GuessEnv, NoisyPolicy, fingerprint, make_specs
from training.episode import Failure
from training.pool import EpisodeSpec, LocalPool
from training.rollout import collect_episodes
from training.seat import Answer


class LossyPool(LocalPool):
    """Loses episodes at random: on their way to an answer, or while they wait for the policy.

    Args:
        share: of the episodes in flight that are lost, each time that answers are fetched.
        bystanders: whether they are lost over others.
        max_wait_seconds: 0 has the policy asked about each answer by itself.
    """

    def __init__(
        self,
        num_envs: int,
        *,
        share: float,
        max_attempts: int = 50,
        bystanders: bool = False,
        max_wait_seconds: float = math.inf,
    ) -> None:
        super().__init__(GuessEnv, num_envs)
        self.max_attempts, self.max_wait_seconds = max_attempts, max_wait_seconds
        self._share, self._bystanders = share, bystanders
        self._rng = np.random.default_rng(0)
        self._in_flight: set[int] = set()
        self.told_apart: set[bool] = set()

    @property
    def capacity(self) -> int:
        """Never more than half of it, one time in three."""
        return self.num_envs if self._rng.random() < 0.67 else max(1, self.num_envs // 2)

    def begin(self, ticket, spec: EpisodeSpec, *, style=None, apart: bool = False) -> None:
        self._in_flight.add(ticket)
        self.told_apart.add(apart)
        super().begin(ticket, spec, style=style, apart=apart)

    def end(self, ticket: int) -> None:
        self._in_flight.discard(ticket)
        super().end(ticket)

    def answers(self, timeout: float | None) -> Sequence[tuple[int, Answer]]:
        lost = {t for t in sorted(self._in_flight) if self._rng.random() < self._share}
        for ticket in lost:
            self.end(ticket)
        failure = Failure(stage="worker", message="gone")
        come = [*super().answers(timeout)]
        self._in_flight -= {ticket for ticket, answer in come if answer.is_over}
        gone = [(t, Answer(failure=failure, is_bystander=self._bystanders)) for t in lost]
        return [*come, *gone]


def collect(pool: LocalPool, **hooks):
    return collect_episodes(pool, NoisyPolicy(), make_specs(20, 2), sampling_seed=7, **hooks)


@pytest.mark.parametrize("max_wait_seconds", [0.0, math.inf])
def test_what_is_lost_begins_anew_and_is_the_same(max_wait_seconds: float) -> None:
    finished, lost = [], []
    pool = LossyPool(5, share=0.1, max_wait_seconds=max_wait_seconds)
    episodes = collect(pool, on_episode=finished.append, on_lost=lost.append)
    quiet = collect(LocalPool(GuessEnv, 5))
    assert [fingerprint(e) for e in episodes] == [fingerprint(e) for e in quiet]
    assert Counter(map(id, finished)) == Counter(map(id, episodes))
    assert {(e.failure.stage, e.failure.message) for e in lost} == {("worker", "gone")}
    assert {len(e.turns) for e in lost} > {0}, "only beginnings were lost"
    assert pool.metrics.take()["rollout/lost_attempts"] == len(lost)
    assert pool.told_apart == {True, False}


def test_after_too_many_losses_an_episode_has_failed() -> None:
    lost = []
    episodes = collect(LossyPool(5, share=0.5, max_attempts=2), on_lost=lost.append)
    failed = [e for e in episodes if e.failure is not None]
    assert failed
    assert {e.failure.stage for e in failed} == {"worker"}
    assert len(lost) >= len(failed)
    assert [(e.seed, e.sample_index) for e in episodes] == [
        (spec.seed, spec.sample_index) for spec in make_specs(20, 2)
    ]


def test_losses_over_other_episodes_do_not_count() -> None:
    pool = LossyPool(5, share=0.2, max_attempts=1, bystanders=True)
    assert {str(episode.failure) for episode in collect(pool)} == {"None"}
    assert pool.told_apart == {False}


def test_no_conversation_of_a_lost_attempt_is_kept() -> None:
    policy = NoisyPolicy()
    collect_episodes(LossyPool(4, share=0.1), policy, make_specs(10), sampling_seed=7)
    asked = {conversation.conversation_id for conversation in policy.asked}
    assert asked <= set(policy.forgotten)


def test_an_interrupted_collection_leaves_a_pool_that_works() -> None:
    class Interrupted(NoisyPolicy):
        def act(self, conversations):
            raise KeyboardInterrupt

    pool = LocalPool(GuessEnv, 4)
    with pytest.raises(KeyboardInterrupt):
        collect_episodes(pool, Interrupted(), make_specs(8))
    episodes = collect(pool)
    assert [fingerprint(e) for e in episodes] == [
        fingerprint(e) for e in collect(LocalPool(GuessEnv, 4))
    ]
