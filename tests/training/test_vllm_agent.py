"""An agent whose engine has weights of its own: when they are sent, and as which version."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from policies.engines.transformers import TransformersEngine
from policies.engines.vllm_config import VllmConfig
from tests.training.guessing import make_pool
from tests.training.small_agent import make_agent, offer_num_chars, weights_of
from training.agent import Agent, EngineConfig
from training.grpo import GrpoConfig, reinforce
from training.learner_config import LearnerConfig
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.vllm_engine import make_folder


class ApartEngine(TransformersEngine):
    """Stands in for vLLM: a copy of the model, which learns nothing but what it is sent."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(copy.deepcopy(model))
        self.versions: list[int] = []

    def update_weights(self, source, version: int) -> None:
        assert isinstance(source, torch.nn.Module)
        self.versions.append(version)
        super().update_weights(source.state_dict(), version)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Agent:
    """An agent that generates with an `ApartEngine`."""
    agent = make_agent(backend="vllm")

    def start(save, config, *, picture_format, max_batch_size):
        assert (save, picture_format) == (agent.save, agent.chat.picture_format)
        return ApartEngine(agent.model)

    monkeypatch.setattr("training.agent.start_vllm_engine", start)
    return agent


def train(agent: Agent, first_step: int = 0) -> Agent:
    learner = agent.learner(LearnerConfig(learning_rate=1e-2))
    learner.step = first_step
    reinforce(
        agent,
        learner,
        make_pool(8),
        GrpoConfig(num_steps=first_step + 2, groups_per_step=1, group_size=4),
        RewardConfig(terms={"num_chars": RewardTermConfig()}),
        first_step=first_step,
        run_seed=0,
        on_step=lambda step, metrics: None,
    )
    return agent


def test_all_policies_share_one_engine_and_find_the_weights_as_they_are(apart: Agent) -> None:
    first = apart.policy(temperature=1.0).engine
    with torch.no_grad():
        apart.model.lm_head.weight += 1.0
    assert apart.policy(temperature=0.0).engine is first
    assert torch.equal(first.model.lm_head.weight, apart.model.lm_head.weight)
    assert first.model is not apart.model


def test_training_is_that_of_an_engine_that_shares_the_weights(
    apart: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_num_chars(monkeypatch)
    expected = weights_of(train(make_agent()))
    weights = weights_of(train(apart))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    # One when the second policy is made, one before the first step, one after each.
    assert apart.vllm_engine.versions == [0, 0, 1, 2]


def test_a_resumed_run_goes_on_with_its_version(
    apart: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_num_chars(monkeypatch)
    train(apart, first_step=5)
    assert apart.vllm_engine.versions == [0, 5, 6, 7]


def test_where_weights_are_shared_there_is_nothing_to_send() -> None:
    agent = make_agent()
    assert agent.engine_config.shares_weights
    assert agent.weights_source is None
    assert agent.policy(temperature=1.0).engine.model is agent.model


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "sglang"}, "engine.backend is 'sglang'; legal: transformers, vllm"),
        ({"backend": "vllm", "deterministic": True}, "engine.deterministic is true with engine.b"),
        ({"vllm": VllmConfig(transfer="ftp")}, "engine.vllm.transfer is 'ftp'"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EngineConfig(**settings).check()


def test_the_engines_folder_is_new_and_where_it_was_asked_for(tmp_path: Path) -> None:
    config = VllmConfig(folder=str(tmp_path / "shared"))
    folders = {make_folder(config) for _ in range(2)}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {tmp_path / "shared"}
