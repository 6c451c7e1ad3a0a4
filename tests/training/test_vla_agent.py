"""Agents of actions: what the learner gets of an episode, and what is left of them on disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from policies.config import PolicyConfig
from policies.scripted import ExpertPolicy, RandomActionPolicy, RandomPolicy
from policies.vla.config import CODECS, VlaConfig
from scripts.making import make_policy
from tests.fakes import FakeScene
from tests.training.arms import Arm, ChunkArm
from tests.training.guessing import GuessEnv
from tests.training.small_agent import SIZE, make_agent
from training.agent import EngineConfig, load_agent
from training.baselines import make_random_policy
from training.episode import Episode
from training.grpo import GrpoConfig, reinforce, score_group, token_batch
from training.learner_config import LearnerConfig
from training.losses import PolicyLossConfig
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rewards.terms import REWARD_TERMS
from training.rollout import EpisodeSpec, LocalPool, MixedPool, collect_episodes
from training.sft import BATCHES_PER_CHUNK, ExpertBatches, ImitationConfig
from training.vla_agent import VlaAgent, make_vla_agent

TURNS = RewardConfig(terms={"num_turns": RewardTermConfig(weight=-1.0)})


def collect(policy, specs: list[EpisodeSpec], make_env=ChunkArm) -> list[Episode]:
    episodes = collect_episodes(LocalPool(make_env, 8), policy, specs)
    assert {episode.failure for episode in episodes} == {None}
    return episodes


def seeds(*numbers: int) -> list[EpisodeSpec]:
    return [EpisodeSpec(seed=number) for number in numbers]


@pytest.fixture(scope="module")
def demonstrations() -> list[Episode]:
    return collect(ExpertPolicy(), seeds(*range(24)))


def arm_agent(demonstrations, codec: str = "uniform", *, seed: int = 0, **settings) -> VlaAgent:
    vla = VlaConfig(codec=codec, **{"num_bins": 16, "state_bins": 32, **settings})
    size = replace(SIZE, seed=seed)
    return make_vla_agent(size, vla, EngineConfig(), demonstrations, vocab_size=320)


def test_each_turn_is_a_sample_with_its_own_advantage(demonstrations) -> None:
    agent = arm_agent(demonstrations)
    specs = [EpisodeSpec(seed=s, sample_index=i) for s in range(3) for i in range(2)]
    played = collect(agent.policy(temperature=1.0), specs)
    scored = score_group(played, GrpoConfig(), TURNS)
    for number, rows in enumerate(scored.advantages):
        rows[:] = [10 * number + turn + 1 for turn in range(len(rows))]
    samples, advantages = token_batch(agent, [scored])
    assert len(samples) == sum(len(episode.turns) for episode in played)
    wanted = [
        10 * number + turn + 1
        for number, episode in enumerate(played)
        for turn in range(len(episode.turns))
    ]
    for sample, spread, value in zip(samples, advantages, wanted, strict=True):
        assert set(spread[sample.loss_mask]) == {value}
        assert not spread[~sample.loss_mask].any()


def test_imitation_mixes_the_turns_of_many_episodes(demonstrations) -> None:
    agent = arm_agent(demonstrations)
    config = ImitationConfig(episodes_per_step=3)
    runs = []
    for num_envs in (4, 1):
        batches = ExpertBatches(LocalPool(Arm, num_envs), agent, config)
        runs.append([batches.batch(step) for step in range(BATCHES_PER_CHUNK)])
        batches.close()
    sizes = [len(batch) for batch in runs[0]]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 3, "turns, not episodes"
    assert all(len({sample.last_turn for sample in batch}) > 2 for batch in runs[0])
    for first, second in zip(*runs, strict=True):
        assert [s.input_ids.tolist() for s in first] == [s.input_ids.tolist() for s in second]


@pytest.mark.parametrize("codec", CODECS)
def test_a_loaded_agent_acts_as_the_saved_one(demonstrations, codec: str, tmp_path, caplog) -> None:
    agent = arm_agent(demonstrations, codec, window=2)
    learner = agent.learner(LearnerConfig(learning_rate=3e-3))
    learner.imitate([s for episode in demonstrations[:4] for s in agent.samples(episode)])
    agent.save(tmp_path)
    loaded = load_agent(tmp_path, EngineConfig())
    assert isinstance(loaded, VlaAgent)
    assert loaded.vla == agent.vla
    names = agent.model.state_dict().keys()
    assert loaded.model.state_dict().keys() == names
    for name in names:
        assert torch.equal(loaded.model.state_dict()[name], agent.model.state_dict()[name]), name
    here, there = (collect(a.policy(temperature=1.0), seeds(7, 8, 9)) for a in (agent, loaded))
    for one, other in zip(here, there, strict=True):
        for mine, its in zip(one.turns, other.turns, strict=True):
            np.testing.assert_array_equal(mine.output.action, its.output.action)
    config = PolicyConfig(kind="model", path=str(tmp_path))
    again = collect(make_policy(config), seeds(7))[0]
    assert again.turns[0].output.action.shape == (4, 1)
    assert "action_head" not in caplog.text, "the library was shown a head that it does not know"


def test_a_model_of_words_is_still_loaded_as_one(tmp_path) -> None:
    make_agent().save(tmp_path)
    assert not isinstance(load_agent(tmp_path, EngineConfig()), VlaAgent)


def test_what_the_codec_was_fitted_to_is_readable_json(demonstrations, tmp_path) -> None:
    arm_agent(demonstrations).save(tmp_path)
    record = json.loads((tmp_path / "vla.json").read_text())
    assert record["codec"]["name"] == "uniform"
    assert record["codec"]["ranges"] == {"low": [-1.0], "high": [1.0]}
    assert record["config"]["num_bins"] == 16


def test_the_same_demonstrations_make_the_same_agent(demonstrations) -> None:
    first, second, other = (arm_agent(demonstrations, seed=s).model for s in (0, 0, 1))
    weights = [m.state_dict()["lm_head.weight"] for m in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_words_and_actions_do_not_mix(demonstrations) -> None:
    talk = collect(ExpertPolicy(), seeds(1), GuessEnv)
    with pytest.raises(ValueError, match=r"0 of \d demonstrated turns are actions"):
        make_vla_agent(SIZE, VlaConfig(), EngineConfig(), talk)
    with pytest.raises(ValueError, match="several samples, one per turn"):
        arm_agent(demonstrations).sample(demonstrations[0])


def test_states_can_be_left_out(demonstrations) -> None:
    agent = arm_agent(demonstrations, state_bins=0)
    assert agent.chat.state is None
    told = arm_agent(demonstrations).samples(demonstrations[0])[0]
    untold = agent.samples(demonstrations[0])[0]
    assert len(told.input_ids) == len(untold.input_ids) + 2


@pytest.mark.parametrize("codec", CODECS)
def test_reinforcement_starts_at_ratio_one_and_knows_its_reference(
    demonstrations, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hand(group) -> np.ndarray:
        return np.array([episode.truth.turns[-1]["hand"] for episode in group])

    monkeypatch.setitem(REWARD_TERMS, "hand", hand)  # differs even when untrained
    agent = arm_agent(demonstrations, codec)
    reference = arm_agent(demonstrations, codec).model
    lines: list[dict[str, float]] = []
    config = GrpoConfig(
        num_steps=2,
        groups_per_step=2,
        group_size=3,
        temperature=0.8,
        loss=PolicyLossConfig(kl_weight=0.1),
        learner=LearnerConfig(learning_rate=1e-2, temperature=0.8),
    )
    reinforce(
        agent,
        agent.learner(config.learner),
        LocalPool(ChunkArm, 8),
        config,
        RewardConfig(terms={"hand": RewardTermConfig()}),
        first_step=0,
        run_seed=0,
        on_step=lambda step, metrics: lines.append(metrics),
        reference=reference,
    )
    assert [line["ratio_mean"] for line in lines] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert [line["approx_kl"] for line in lines] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert lines[0]["ref_kl"] == pytest.approx(0.0, abs=1e-5)
    assert lines[1]["ref_kl"] > 1e-5


def test_random_actions_fill_the_action_space() -> None:
    space = Box(np.array([-1.0, 0.0], np.float32), np.array([1.0, 4.0], np.float32))
    policy = make_random_policy(space)
    assert isinstance(policy, RandomActionPolicy)
    chunks = Box(-1.0, 1.0, (3, 2), np.float32)
    played = collect(make_random_policy(ChunkArm().action_space), seeds(1, 2))
    actions = np.stack([turn.output.action for e in played for turn in e.turns])
    assert actions.shape[1:] == (4, 1)
    assert actions.min() < -0.5 < 0.5 < actions.max()
    assert make_random_policy(chunks)._low.shape == (3, 2)
    assert isinstance(make_random_policy(Discrete(3)), RandomPolicy)
    with pytest.raises(ValueError, match=r"shape \(2, 2, 2\); legal"):
        make_random_policy(Box(-1.0, 1.0, (2, 2, 2), np.float32))
    with pytest.raises(ValueError, match="must be finite"):
        make_random_policy(Box(-np.inf, np.inf, (2,), np.float32))


def test_the_random_policy_of_a_script_suits_its_environments() -> None:
    config = PolicyConfig(kind="random")
    assert isinstance(make_policy(config), RandomPolicy)
    assert isinstance(make_policy(config, LocalPool(FakeScene, 1)), RandomPolicy)
    assert isinstance(make_policy(config, LocalPool(Arm, 1)), RandomActionPolicy)
    assert isinstance(make_policy(config, MixedPool(lambda key: Arm(), 1)), RandomPolicy)
