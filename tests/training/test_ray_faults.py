"""Actors are killed at any time, and a run comes out as if they had not been, or as if the same
episodes had failed otherwise.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from tests.training.guessing import NoisyPolicy, fingerprint, make_specs
from tests.training.ray_worlds import RoughEnv, ray_pool, ray_session, rough  # noqa: F401
from tests.training.small_agent import make_agent, offer_num_chars, weights_of
from training.grpo import GrpoConfig, reinforce
from training.learner_config import LearnerConfig
from training.pool import LocalPool
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout import collect_episodes

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_session"),
    pytest.mark.filterwarnings("default"),
]


@contextmanager
def killing(pool, seconds: float, most: int = 99):
    """Kill one of the actors every so many seconds, `most` in all; yields those killed so far."""
    killed: list[str] = []
    stop = threading.Event()
    rng = random.Random(0)

    def kill() -> None:
        while not stop.wait(seconds):
            up = [worker.where for worker in pool._workers if worker.is_up]
            if up and len(killed) < most:
                killed.append(rng.choice(up))
                with suppress(ProcessLookupError):
                    os.kill(int(killed[-1].rpartition(":")[2]), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def test_one_actor_in_four_is_killed_every_few_seconds() -> None:
    specs = make_specs(50, 4)
    make = rough(slow=tuple(range(50)), seconds=0.2)
    pool = ray_pool(make, 16, num_actors=4, max_attempts=50)
    finished, lost = [], []
    with killing(pool, 2.0) as killed:
        episodes = collect_episodes(
            pool,
            NoisyPolicy(),
            specs,
            sampling_seed=7,
            on_episode=finished.append,
            on_lost=lost.append,
        )
    pool.close()
    assert len(killed) >= 3
    assert lost
    asked = Counter((spec.seed, spec.sample_index) for spec in specs)
    for account in (episodes, finished):
        assert Counter((e.seed, e.sample_index) for e in account) == asked
    assert {str(e.failure) for e in episodes} == {"None"}
    assert {e.failure.stage for e in lost} == {"worker"}
    quiet = collect_episodes(LocalPool(rough(), 4), NoisyPolicy(), specs, sampling_seed=7)
    assert [fingerprint(e) for e in episodes] == [fingerprint(e) for e in quiet]


def train(pool, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The weights after three steps with engine.deterministic."""
    config = GrpoConfig(
        num_steps=3,
        groups_per_step=2,
        group_size=3,
        refill_rounds=0,
        max_failed_share=1.0,
        learner=LearnerConfig(learning_rate=1e-2),
    )
    return train_with(pool, config, monkeypatch, max_batch_size=4)


def train_with(
    pool, config: GrpoConfig, monkeypatch: pytest.MonkeyPatch, *, max_batch_size: int
) -> dict[str, torch.Tensor]:
    """The weights after training with engine.deterministic."""
    offer_num_chars(monkeypatch)
    agent = make_agent(deterministic=True, max_batch_size=max_batch_size, max_new_tokens=4)
    reinforce(
        agent,
        agent.learner(config.learner),
        pool,
        config,
        RewardConfig(terms={"num_chars": RewardTermConfig()}),
        first_step=0,
        run_seed=5,
        on_step=lambda step, metrics: None,
    )
    pool.close()
    return weights_of(agent)


def assert_equal_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_training_under_fire_ends_with_the_weights_of_a_quiet_run(monkeypatch) -> None:
    make = rough(slow=tuple(range(400_000_000, 400_000_010)), seconds=0.3)
    pool = ray_pool(make, 4, max_attempts=50)
    with killing(pool, 1.5, most=3) as killed:
        under_fire = train(pool, monkeypatch)
    assert killed
    quiet = train(LocalPool(rough(), 6), monkeypatch)
    assert_equal_weights(under_fire, quiet)


def test_what_fails_with_its_actor_trains_as_if_it_had_failed_here(monkeypatch) -> None:
    first_seed = 400_000_000

    class BreaksOff(RoughEnv):
        def step(self, action: str):
            if self.seeds[-1] == first_seed:
                raise RuntimeError("gone")
            return super().step(action)

    BreaksOff.__name__ = RoughEnv.__name__  # the name is part of the task's
    alone = ray_pool(rough(fatal=(first_seed,)), 2, max_attempts=1)  # one environment an actor
    there = train(alone, monkeypatch)
    here = train(LocalPool(BreaksOff, 6), monkeypatch)
    assert_equal_weights(there, here)
    whole = train(LocalPool(rough(), 6), monkeypatch)
    assert any(not torch.equal(here[name], whole[name]) for name in here)


def test_a_node_that_is_lost_is_capacity_lost_until_another_joins() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.training.ray_two_nodes"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["equal"]
    assert figures["num_lost"] > 0
    assert {4, 8} <= set(figures["capacities"])
    assert figures["capacity_in_the_end"] == 8
