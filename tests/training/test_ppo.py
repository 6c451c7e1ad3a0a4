"""PPO end to end: a critic on a language model, from episodes of words and of actions."""

from __future__ import annotations

import numpy as np
import pytest

from policies.scripted import ExpertPolicy
from policies.vla.config import VlaConfig
from tests.training.arms import ChunkArm, HurriedArm
from tests.training.guessing import make_pool
from tests.training.small_agent import SIZE, make_agent, num_changed, offer_num_chars, weights_of
from training.agent import Agent, EngineConfig
from training.critic_config import CriticConfig
from training.grpo import GrpoConfig, reinforce
from training.learner import Learner
from training.learner_config import LearnerConfig
from training.losses import PolicyLossConfig, ValueLossConfig
from training.pool import LocalPool
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout import EpisodeSpec, collect_episodes
from training.vla_agent import VlaAgent, make_vla_agent


def train(
    agent: Agent, learner: Learner, pool: LocalPool, config: GrpoConfig, reward: RewardConfig
) -> list[dict[str, float]]:
    config.check()
    seen: list[dict[str, float]] = []
    reinforce(
        agent,
        learner,
        pool,
        config,
        reward,
        first_step=0,
        run_seed=0,
        on_step=lambda step, metrics: seen.append(metrics),
    )
    return seen


def ppo(num_steps: int, *, learning_rate: float = 1e-3, **critic: object) -> GrpoConfig:
    return GrpoConfig(
        num_steps=num_steps,
        groups_per_step=16,
        group_size=1,
        refill_rounds=0,
        loss=PolicyLossConfig(importance_cap=2.0),
        learner=LearnerConfig(
            learning_rate=learning_rate, num_minibatches=2, critic=CriticConfig(**critic)
        ),
    )


def test_single_episodes_of_words_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_num_chars(monkeypatch)
    agent, config = make_agent(max_new_tokens=4), ppo(2)
    before = weights_of(agent)
    learner = agent.learner(config.learner)
    seen = train(
        agent, learner, make_pool(8), config, RewardConfig(terms={"num_chars": RewardTermConfig()})
    )
    assert num_changed(before, weights_of(agent)) > 10
    assert agent.model.state_dict().keys() == before.keys(), "the critic stays with the learner"
    assert seen[0]["value_mean"] == 0.0
    assert seen[1]["value_mean"] != 0.0
    assert seen[0]["explained_variance"] == pytest.approx(0.0, abs=1e-9)
    assert {"value_error", "value_clip_fraction", "importance_clipped"} <= seen[0].keys()


def arm_agent(codec: str) -> VlaAgent:
    specs = [EpisodeSpec(seed=seed) for seed in range(24)]
    demonstrations = collect_episodes(LocalPool(ChunkArm, 8), ExpertPolicy(), specs)
    vla = VlaConfig(codec=codec, num_bins=16, state_bins=32)
    return make_vla_agent(SIZE, vla, EngineConfig(), demonstrations, vocab_size=320)


@pytest.mark.parametrize(("codec", "num_steps"), [("uniform", 8), ("gaussian", 2)])
def test_the_critic_of_a_vla_learns_what_turns_are_worth(codec: str, num_steps: int) -> None:
    agent = arm_agent(codec)
    config = ppo(num_steps, learning_rate=2e-3, loss=ValueLossConfig(weight=1.0, clip=None))
    learner = agent.learner(config.learner)
    reward = RewardConfig(terms={"num_turns": RewardTermConfig(weight=-0.1)})
    seen = train(agent, learner, LocalPool(HurriedArm, 24), config, reward)
    assert all(np.isfinite(value) for metrics in seen for value in metrics.values())
    if num_steps > 2:  # untrained, the critic says 0, and -0.1 a turn add up to some -0.4
        assert seen[-1]["value_error"] < 0.5 * seen[0]["value_error"]
        assert seen[-1]["value_mean"] == pytest.approx(seen[-1]["return_mean"], abs=0.25)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_size": 4}, "algorithm.train_size is 4; with learner.critic set"),
        ({"group_size": 0}, "algorithm.group_size is 0; it must be at least 1"),
        ({"learner": LearnerConfig()}, "algorithm.group_size is 1; it must be at least 2"),
        (
            {"learner": LearnerConfig(critic=CriticConfig(decay=2.0))},
            r"algorithm\.learner\.critic\.decay = 2\.0 is not legal",
        ),
    ],
)
def test_illegal_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GrpoConfig(**{**vars(ppo(1)), **settings}).check()
