"""Reinforcement that collects ahead of learning: what is begun when, with which weights, and that
nobody acts with weights that are being changed.
"""

from __future__ import annotations

import copy
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from policies.engines.transformers import TransformersEngine
from tests.training.guessing import make_pool
from tests.training.rank_work import run_ranks
from tests.training.small_agent import make_agent, offer_num_chars, weights_of
from training.agent import Agent
from training.grpo import GrpoConfig, reinforce
from training.learner_config import LearnerConfig
from training.lora_config import LoraSettings
from training.process_group import leave_processes
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout_config import RolloutConfig
from training.sharding_config import ShardingConfig

NUM_STEPS = 4


class ApartEngine(TransformersEngine):
    """Stands in for vLLM: a copy of the model, which has the weights that it is sent. Requests and
    updates wait for each other, as its do.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(copy.deepcopy(model))
        self.lock = threading.Lock()
        self.threads: set[str] = set()

    def generate(self, requests):
        self.threads.add(threading.current_thread().name.partition("_")[0])
        with self.lock:
            return super().generate(requests)

    def update_weights(self, source, version: int) -> None:
        with self.lock:
            super().update_weights(source.state_dict(), version)


@dataclass
class Run:
    """What came of a training.

    Attributes:
        agent: afterwards.
        versions: per step, of the weights behind the turns that were trained on.
        metrics: per step.
    """

    agent: Agent
    versions: list[set[int]] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)


def train(monkeypatch, *, apart: bool, learner: LearnerConfig | None = None, **rollout) -> Run:
    """Four steps of one group of four on every rank."""
    groups = int(os.environ.get("WORLD_SIZE", "1"))
    offer_num_chars(monkeypatch)
    agent = make_agent(backend="vllm") if apart else make_agent()
    monkeypatch.setattr(
        "training.agent.start_vllm_engine", lambda *_, **__: ApartEngine(agent.model)
    )
    run, seen = Run(agent), []
    make_sample = agent.sample

    def remember(episode):
        seen.extend(turn.output.weights_version for turn in episode.turns)
        return make_sample(episode)

    def on_step(step: int, metrics: dict[str, float]) -> None:
        run.versions.append(set(seen))
        run.metrics.append(metrics)
        seen.clear()

    monkeypatch.setattr(agent, "sample", remember)
    settings = learner or LearnerConfig(learning_rate=1e-2)
    reinforce(
        agent,
        agent.learner(settings),
        make_pool(8),  # draws nothing, and so works in any thread
        GrpoConfig(num_steps=NUM_STEPS, groups_per_step=groups, group_size=4, learner=settings),
        RewardConfig(terms={"num_chars": RewardTermConfig()}),
        first_step=0,
        run_seed=0,
        on_step=on_step,
        rollout=RolloutConfig(kind="ray", **rollout),
    )
    return run


@pytest.mark.parametrize("apart", [True, False])
def test_in_step_every_turn_has_the_weights_that_are_improved(apart: bool, monkeypatch) -> None:
    run = train(monkeypatch, apart=apart)
    assert run.versions == [{0}, {1}, {2}, {3}]
    assert "rollout/staleness_max" not in run.metrics[0]


@pytest.mark.parametrize("apart", [True, False])
def test_one_step_off(apart: bool, monkeypatch) -> None:
    run = train(monkeypatch, apart=apart, asynchrony="one_step_off")
    assert run.versions == [{0}, {0}, {1}, {2}]
    assert [line["rollout/staleness_max"] for line in run.metrics] == [0.0, 1.0, 1.0, 1.0]
    if apart:
        assert run.agent.vllm_engine.threads == {"batches-ahead"}


def test_engines_with_weights_of_their_own_and_shared_ones_learn_the_same(monkeypatch) -> None:
    """One step off, a batch's weights are those of the step before on both ways, so nothing of what
    runs when may show.
    """
    with monkeypatch.context() as patch:
        apart = train(patch, apart=True, asynchrony="one_step_off")
    with monkeypatch.context() as patch:
        shared = train(patch, apart=False, asynchrony="one_step_off")
    with monkeypatch.context() as patch:
        in_step = train(patch, apart=False)
    first, second = weights_of(apart.agent), weights_of(shared.agent)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = weights_of(in_step.agent)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_async_stays_within_its_bound(monkeypatch) -> None:
    run = train(monkeypatch, apart=True, asynchrony="async", max_staleness=2)
    for step, (versions, metrics) in enumerate(zip(run.versions, run.metrics, strict=True)):
        assert all(step - 2 <= version <= step for version in versions)
        assert metrics["rollout/staleness_max"] == step - min(versions)


def learner_on_a_copy(way: str) -> LearnerConfig:
    """LoRA and FSDP2 learn on a copy; what acts has the model that is served after a step."""
    if way == "lora":
        pytest.importorskip("peft")
        return LearnerConfig(learning_rate=1e-2, lora=LoraSettings(rank=4))
    sharding = ShardingConfig(compute_dtype="float32", batches="share")
    return LearnerConfig(learning_rate=1e-2, sharding=sharding)


def pair_of_runs(learner: LearnerConfig) -> tuple[Run, Run]:
    """One step off, with an engine of its own weights and with shared ones."""
    with pytest.MonkeyPatch.context() as patch:
        apart = train(patch, apart=True, learner=learner, asynchrony="one_step_off")
    with pytest.MonkeyPatch.context() as patch:
        shared = train(patch, apart=False, learner=learner, asynchrony="one_step_off")
    return apart, shared


def assert_the_same(apart: Run, shared: Run) -> None:
    """They learned the same, and the engine has what was learned."""
    assert apart.versions == shared.versions == [{0}, {0}, {1}, {2}]
    learned, acting = weights_of(apart.agent), apart.agent.vllm_engine.model.state_dict()
    other = weights_of(shared.agent)
    assert all(torch.equal(acting[name], learned[name]) for name in learned)
    assert all(torch.equal(other[name], learned[name]) for name in learned)


@pytest.mark.parametrize("way", ["lora", "sharding"])
def test_the_engine_has_the_served_weights_of_a_learner_on_a_copy(way: str) -> None:
    try:
        assert_the_same(*pair_of_runs(learner_on_a_copy(way)))
    finally:
        leave_processes()


def work_ahead_on_ranks(rank: int, num_ranks: int, folder: Path) -> dict[str, bool]:
    """On every rank, while each collects its own share in the background."""
    assert_the_same(*pair_of_runs(learner_on_a_copy("sharding")))
    return {"same": True}


@pytest.mark.slow
def test_two_ranks_collect_their_shares_ahead(tmp_path: Path) -> None:
    assert run_ranks(work_ahead_on_ranks, 2, tmp_path) == {"same": True}


def test_an_engine_that_keeps_its_weights_stops_the_run_at_the_start(monkeypatch) -> None:
    monkeypatch.setattr(ApartEngine, "update_weights", lambda self, source, version: None)
    agent = make_agent(backend="vllm")
    monkeypatch.setattr(
        "training.agent.start_vllm_engine", lambda *_, **__: ApartEngine(agent.model)
    )
    learner = agent.learner(LearnerConfig())
    learner.step = 5
    with pytest.raises(ValueError, match=r"weights are of version 0, .* 5.*engine\.vllm\.transfer"):
        reinforce(
            agent,
            learner,
            make_pool(4),
            GrpoConfig(num_steps=6, groups_per_step=1, group_size=2),
            RewardConfig(),
            first_step=5,
            run_seed=0,
            on_step=lambda step, metrics: None,
        )
