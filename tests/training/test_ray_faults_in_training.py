"""Training for 200 episodes while actors are killed: every episode is accounted for, and the
weights are those of a run in which the same episodes failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
import torch

from tests.training.ray_worlds import ray_pool, ray_session, rough  # noqa: F401
from tests.training.test_ray_faults import assert_equal_weights, killing, train_with
from training import grpo
from training.episode import Episode, Failure
from training.grpo import GrpoConfig
from training.learner_config import LearnerConfig
from training.pool import LocalPool, Pool
from training.rollout import EpisodeSpec, collect_episodes

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_session"),
    pytest.mark.filterwarnings("default"),
]
CONFIG = GrpoConfig(
    num_steps=5,
    groups_per_step=5,
    group_size=8,
    refill_rounds=0,
    max_failed_share=1.0,
    learner=LearnerConfig(learning_rate=1e-2),
)
NUM_EPISODES = 200
FIRST_SEED = 400_000_000
Key = tuple[int, int]


def key_of(episode: Episode | EpisodeSpec) -> Key:
    return episode.seed, episode.sample_index


class Account:
    """Stands where training asks for episodes, and keeps what was asked for and what came.

    Args:
        failing: episodes that are to have failed, whatever became of them.
    """

    def __init__(self, failing: Sequence[Key] = ()) -> None:
        self.asked: list[Key] = []
        self.came: list[Key] = []
        self.failed: list[Key] = []
        self.stages: set[str] = set()
        self._failing = set(failing)

    def collect(self, pool: Pool, policy, specs: Sequence[EpisodeSpec], **settings):
        self.asked += map(key_of, specs)
        episodes = collect_episodes(pool, policy, specs, **settings)
        self.came += map(key_of, episodes)
        for episode in episodes:
            if key_of(episode) in self._failing:
                episode.failure = Failure(stage="worker", message="as in the other run")
            if episode.failure is not None:
                self.failed.append(key_of(episode))
                self.stages.add(episode.failure.stage)
        return episodes


def train(pool: Pool, account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The weights after five steps of five groups of eight, with engine.deterministic."""
    monkeypatch.setattr(grpo, "collect_episodes", account.collect)
    return train_with(pool, CONFIG, monkeypatch, max_batch_size=8)


def test_what_is_killed_fails_and_the_rest_is_learned_as_if_it_had_failed_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = rough(slow=tuple(range(FIRST_SEED, FIRST_SEED + 25)), seconds=0.15)
    under_fire = Account()
    pool = ray_pool(make, 16, num_actors=4, max_attempts=1)
    with killing(pool, 3.0) as killed:
        weights = train(pool, under_fire, monkeypatch)
    print(
        f"{len(killed)} actors killed, {len(under_fire.failed)} of {NUM_EPISODES} episodes failed"
    )
    assert len(killed) >= 2
    assert under_fire.stages == {"worker"}
    assert 0 < len(under_fire.failed) < NUM_EPISODES / 2
    assert len(under_fire.asked) == NUM_EPISODES
    assert Counter(under_fire.came) == Counter(under_fire.asked)
    assert max(Counter(under_fire.came).values()) == 1

    quiet = Account(failing=under_fire.failed)
    same = train(LocalPool(rough(), 16), quiet, monkeypatch)
    assert sorted(quiet.failed) == sorted(under_fire.failed)
    assert_equal_weights(weights, same)

    whole = train(LocalPool(rough(), 16), Account(), monkeypatch)
    assert any(not torch.equal(weights[name], whole[name]) for name in whole)
