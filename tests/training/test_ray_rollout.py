"""Environments in Ray actors: the same episodes as in one process, whatever becomes of actors."""

from __future__ import annotations

import logging

import gymnasium
import numpy as np
import pytest

from policies.scripted import ExpertPolicy
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.guessing import GuessEnv, NoisyPolicy, fingerprint, make_pool, make_specs
from tests.training.ray_worlds import ray_pool, ray_session, rough  # noqa: F401
from tests.training.small_agent import make_agent
from training.episode import Episode
from training.pool import EpisodeSpec, LocalPool, MixedPool
from training.rollout import TooManyFailuresError, collect_episodes

pytest.importorskip("ray")
pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.filterwarnings("default")]

NURSERY = AvrEnvConfig(config=nursery_config())


def collect(pool, policy=None, count: int = 8, group_size: int = 1, **hooks) -> list[Episode]:
    specs = make_specs(count, group_size)
    episodes = collect_episodes(pool, policy or NoisyPolicy(), specs, sampling_seed=7, **hooks)
    pool.close()
    return episodes


def fingerprints(episodes: list[Episode]) -> list[tuple]:
    return [fingerprint(episode) for episode in episodes]


def test_equal_seeds_give_the_episodes_of_a_local_pool() -> None:
    pool, policy = ray_pool(GuessEnv, 8), NoisyPolicy()
    assert pool.action_space() == GuessEnv().action_space
    episodes = collect(pool, policy, 12, 2)
    assert fingerprints(episodes) == fingerprints(collect(make_pool(3), None, 12, 2))
    pictures = [o.images[0] for c in policy.asked for o in c.observations]
    shown = {np.asarray(picture).tobytes() for picture in pictures}
    assert shown == {turn.images()[0].tobytes() for e in episodes for turn in e.turns}


def test_experts_of_environments_of_many_kinds_act_as_they_do_here() -> None:
    def make(key: str) -> gymnasium.Env:
        return GuessEnv(broken_resets=[2] if key == "odd" else [])

    specs = [EpisodeSpec(seed=seed, env_key=key) for seed in range(3) for key in ("odd", "even")]
    pools = [ray_pool(make, 4, keyed=True), MixedPool(make, 2)]
    there, here = ([*collect_episodes(pool, ExpertPolicy("slow"), specs)] for pool in pools)
    assert fingerprints(there) == fingerprints(here)
    assert [str(e.failure) for e in there] == [str(e.failure) for e in here]
    assert there[4].failure.stage == "env"
    assert pools[0].action_space() is None
    pools[0].close()


def test_a_model_says_the_same_to_both_where_its_batches_have_one_shape() -> None:
    def tokens(pool) -> list:
        agent = make_agent(deterministic=True, max_batch_size=4, max_new_tokens=4)
        episodes = collect(pool, agent.policy(temperature=1.0), 3, 2)
        outputs = [turn.output for episode in episodes for turn in episode.turns]
        return [(o.reply_ids.tobytes(), o.rollout_logprobs.tobytes()) for o in outputs]

    assert tokens(ray_pool(GuessEnv, 4)) == tokens(make_pool(6))


def test_nobody_waits_for_a_slow_world() -> None:
    finished: list[Episode] = []
    make = rough(slow=(0,), seconds=1.5)
    collect(ray_pool(make, 4), count=24, on_episode=finished.append)
    before = [episode.seed for episode in finished].index(0)
    assert before >= 18, f"only {before} of 23 others were over, on the other actor"


def test_an_actor_that_dies_loses_no_episode(tmp_path, caplog) -> None:
    pool = ray_pool(rough(fatal=(3,), once=tmp_path), 4)
    finished, lost = [], []
    with caplog.at_level(logging.WARNING, logger="saccade.rollout"):
        episodes = collect(pool, on_episode=finished.append, on_lost=lost.append)
    assert fingerprints(episodes) == fingerprints(collect(LocalPool(rough(), 4)))
    assert sorted(map(id, finished)) == sorted(map(id, episodes))
    assert 3 in [episode.seed for episode in lost]
    assert {episode.failure.stage for episode in lost} == {"worker"}
    assert "ActorDiedError" in caplog.text
    figures = pool.metrics.take()
    assert figures["rollout/lost_attempts"] == len(lost) > 0
    assert figures["rollout/restarts"] == 1


def test_what_always_ends_its_actor_fails_alone() -> None:
    episodes = collect(ray_pool(rough(fatal=(5,)), 4, max_attempts=2))
    assert [e.seed for e in episodes if e.failure is not None] == [5]
    assert episodes[5].failure.stage == "worker"
    assert episodes[5].failure.message.startswith("environment actor ")
    assert all(e.terminated for e in episodes if e.seed != 5)


def test_a_world_that_hangs_is_ended(tmp_path) -> None:
    pool = ray_pool(rough(hanging=(2,), once=tmp_path), 4, step_timeout_seconds=1.0)
    lost: list[Episode] = []
    episodes = collect(pool, on_lost=lost.append)
    assert fingerprints(episodes) == fingerprints(collect(LocalPool(rough(), 4)))
    assert {e.failure.message.partition("): ")[2] for e in lost} == {"no answer in time, killed"}


@pytest.mark.slow
def test_actors_that_all_die_stop_the_run() -> None:
    pool = ray_pool(rough(fatal=tuple(range(99))), 2, max_attempts=99)
    with pytest.raises(TooManyFailuresError, match="environment actors die one by one. The last: "):
        collect(pool, count=2)
    pool.close()


def test_what_can_not_be_made_is_said_as_if_it_were_made_here() -> None:
    def make() -> gymnasium.Env:
        raise ValueError("env.config.height is 7; it must be at least 8")

    pool = ray_pool(make)
    with pytest.raises(ValueError, match="env.config.height is 7"):
        collect(pool)
    pool.close()


@pytest.mark.render
def test_what_draws_is_known_and_software_can_be_refused() -> None:
    pool = ray_pool(lambda: make_env(NURSERY), 2, render_devices=[0])
    episodes = collect(pool, ExpertPolicy(), count=4)
    assert [e.failure for e in episodes] == [None] * 4
    assert sorted(pool.renderers) == [0, 1]
    if all("llvmpipe" in name for name in pool.renderers.values()):
        strict = ray_pool(lambda: make_env(NURSERY), 2, gpu_rendering=True)
        with pytest.raises(ValueError, match="rollout.gpu_rendering=true, but environment actor"):
            collect(strict, ExpertPolicy())
        strict.close()


def test_more_actors_than_the_cluster_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="rollout.num_actors=64 with rollout.cpus_per_actor=1 "):
        ray_pool(GuessEnv, 64, num_actors=64, cpus_per_actor=1.0)


def test_environments_that_can_not_be_shared_out_are_refused() -> None:
    told = "num_envs is 5; it must be a multiple of rollout.num_actors, 2"
    with pytest.raises(ValueError, match=told):
        ray_pool(GuessEnv, 5)
