"""Reinforcement: groups, refills, credit on the right tokens, and a model that gets better."""

from __future__ import annotations

import numpy as np
import pytest

from policies.interface import PolicyOutput
from policies.scripted import ExpertPolicy
from tests.training.guessing import GuessEnv, NoisyPolicy, make_pool
from tests.training.records import make_episode, make_truth
from tests.training.small_agent import make_agent, num_changed, offer_num_chars, weights_of
from training.episode import Failure
from training.grpo import (
    GrpoConfig,
    _seed_rounds,
    collect_groups,
    reinforce,
    score_group,
    token_batch,
)
from training.learner_config import LearnerConfig
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout import EpisodeSpec, LocalPool, TooManyFailuresError, collect_episodes
from training.seeding import TRAIN_STREAMS, task_seed
from training.sft import ExpertBatches, ImitationConfig, imitate


class OftenKnowing(NoisyPolicy):
    """Nobody answers in every third world; in the others answers differ."""

    def act(self, conversations):
        outputs = super().act(conversations)
        third = [int(c.task_id.rpartition("/")[2]) % 3 == 0 for c in conversations]
        return [PolicyOutput(text="?") if t else o for t, o in zip(third, outputs, strict=True)]


def config(**settings) -> GrpoConfig:
    return GrpoConfig(**{"groups_per_step": 4, "group_size": 8, "refill_rounds": 3, **settings})


def collect(policy, step: int = 0, pool=None, **settings):
    return collect_groups(
        pool or make_pool(8), policy, config(**settings), RewardConfig(), step=step, run_seed=0
    )


def test_groups_without_signal_are_dropped_and_replaced() -> None:
    policy = OftenKnowing()
    groups, metrics = collect(policy)
    assert len(groups) == 4
    assert all(group.episodes[0].seed % 3 != 0 for group in groups)
    assert all(len(set(group.reward.total)) > 1 for group in groups)
    assert len({c.task_id for c in policy.asked}) == 5, "only what was missing is tried again"
    assert metrics["signal_share"] == pytest.approx(4 / 5)
    for group in groups:
        assert len({e.seed for e in group.episodes}) == 1
        assert [e.sample_index for e in group.episodes] == list(range(8))
        assert len({e.turns[0].image_pngs for e in group.episodes}) == 1


def test_without_refill_the_batch_is_smaller() -> None:
    groups, metrics = collect(OftenKnowing(), refill_rounds=0)
    assert len(groups) == 3
    assert metrics["success"] == pytest.approx(metrics["reward"])


def test_refilling_stops_when_there_is_never_any_signal() -> None:
    policy = NoisyPolicy()
    policy.act = lambda cs: [PolicyOutput(text="?") for _ in cs]
    groups, metrics = collect(policy)
    assert groups == []
    assert metrics["signal_share"] == 0.0
    assert metrics["reward"] == 0.0


def test_refilling_stops_when_there_is_enough() -> None:
    policy = NoisyPolicy()
    collect(policy, groups_per_step=1, group_size=64)
    assert len({c.task_id for c in policy.asked}) == 1


@pytest.mark.parametrize("settings", [{}, {"refill_rounds": 0}, {"groups_per_step": 1}])
def test_no_world_comes_twice_in_steps_and_rounds(settings: dict) -> None:
    made = config(**settings)
    seeds = [s for step in range(50) for r in _seed_rounds(made, step) for s in r]
    assert len(seeds) == len(set(seeds)) == 50 * (1 + made.refill_rounds) * made.groups_per_step
    assert all(seed in TRAIN_STREAMS["reinforcement"] for seed in seeds)


def test_failed_members_are_left_out_and_counted() -> None:
    broken = task_seed("reinforcement", 1)
    pool = make_pool(8, broken_steps=[broken])
    groups, metrics = collect(NoisyPolicy(), pool=pool, refill_rounds=0, max_failed_share=0.5)
    assert metrics["num_failed"] == 8
    assert broken not in [group.episodes[0].seed for group in groups]
    with pytest.raises(TooManyFailuresError, match=r"8 of 32 .*max_failed_share is 0\.05"):
        collect(NoisyPolicy(), pool=make_pool(8, broken_steps=[broken]))


def test_a_group_needs_two_members_that_did_not_fail() -> None:
    def group() -> list:
        return [make_episode(make_truth("answer"), success=i == 0) for i in range(3)]

    two, one = group(), group()
    two[1].failure = one[1].failure = one[2].failure = Failure(stage="env", message="x")
    scored = score_group(two, config(), RewardConfig())
    # mean 1/2, Bessel's deviation sqrt(1/2)
    expected = 0.5 / (np.sqrt(0.5) + 1e-4)
    np.testing.assert_allclose(np.concatenate(scored.advantages), [expected, -expected])
    assert score_group(one, config(), RewardConfig()) is None


GAIN = RewardConfig(
    terms={"final_answer": RewardTermConfig(), "information_gain": RewardTermConfig(weight=0.5)}
)


def test_credit_per_turn_or_for_the_whole_episode() -> None:
    look, answer = make_truth("action", gained=True), make_truth("answer")
    group = [make_episode(look, answer), make_episode(answer, success=True)]
    settings = {"advantage_scale": "none"}
    whole = score_group(group, config(**settings), GAIN)
    # Totals 0.5 and 1: every turn carries the member's difference to 0.75.
    assert [a.tolist() for a in whole.advantages] == [[-0.25, -0.25], [0.25]]
    split = score_group(group, config(turn_weight=2.0, **settings), GAIN)
    # Outcomes 0 and 1; first turns 0.5 and 0, twice as heavy; nobody else reached a second turn.
    assert [a.tolist() for a in split.advantages] == [[-0.5 + 0.5, -0.5], [0.5 - 0.5]]


def test_each_token_gets_the_advantage_of_its_turn() -> None:
    agent = make_agent()
    policy = agent.policy(temperature=1.0)
    specs = [EpisodeSpec(seed=seed, sample_index=i) for seed in range(3) for i in range(2)]
    episodes = collect_episodes(make_pool(8), policy, specs)
    scored = score_group(episodes, config(), RewardConfig())
    for i, rows in enumerate(scored.advantages):
        rows[:] = [10 * i + turn + 1 for turn in range(len(rows))]
    samples, advantages = token_batch(agent, [scored])
    assert max(len(e.turns) for e in episodes) > 1
    for i, (episode, sample, row) in enumerate(zip(episodes, samples, advantages, strict=True)):
        replies = [turn.output.reply_ids for turn in episode.turns]
        expected = [10 * i + t + 1 for t, ids in enumerate(replies) for _ in ids]
        assert row[sample.loss_mask].tolist() == expected
        np.testing.assert_array_equal(sample.input_ids[sample.loss_mask], np.concatenate(replies))
        assert not row[~sample.loss_mask].any()


def test_a_step_without_signal_leaves_the_weights_alone() -> None:
    agent, steps = make_agent(), []
    before = weights_of(agent)
    settings = config(num_steps=2, groups_per_step=1, group_size=2, refill_rounds=0)
    reinforce(
        agent,
        agent.learner(settings.learner),
        make_pool(8),
        settings,
        RewardConfig(),
        first_step=0,
        run_seed=0,
        on_step=lambda step, metrics: steps.append((step, metrics["signal_share"])),
    )
    assert steps == [(1, 0.0), (2, 0.0)]
    assert num_changed(before, weights_of(agent)) == 0


def test_the_engine_acts_with_the_weights_of_the_last_step(monkeypatch) -> None:
    offer_num_chars(monkeypatch)
    agent = make_agent()
    learner = agent.learner(LearnerConfig(learning_rate=1e-2))
    settings = config(num_steps=3, groups_per_step=1, group_size=4)
    versions: list[set[int]] = []
    make_sample = agent.sample

    def remember(episode):
        versions.append({turn.output.weights_version for turn in episode.turns})
        return make_sample(episode)

    monkeypatch.setattr(agent, "sample", remember)
    before = weights_of(agent)
    reinforce(
        agent,
        learner,
        make_pool(8),
        settings,
        RewardConfig(terms={"num_chars": RewardTermConfig()}),
        first_step=0,
        run_seed=0,
        on_step=lambda step, metrics: None,
    )
    assert num_changed(before, weights_of(agent)) > 10
    assert versions[::4] == [{0}, {1}, {2}]


class Button(GuessEnv):
    """One look; C is right in every world. The demonstrator presses anything."""

    def reset(self, *, seed=None, options=None):
        obs, info = super().reset(seed=seed)
        self._gold, self._patience = 2, 1
        self._pressed = "ABC"[int(self.np_random.integers(3))]
        return obs, info

    def expert_reply(self, style: str = "best") -> str:
        return f"<think>best</think><answer>{self._pressed}</answer>"


def test_a_model_learns_what_pays() -> None:
    """From a third of the worlds, which is what pressing anything gives, to nearly all of them."""
    agent = make_agent(max_new_tokens=12)
    imitation = ImitationConfig(episodes_per_step=16, learner=LearnerConfig(learning_rate=1e-2))
    batches = ExpertBatches(LocalPool(Button, 8), agent, imitation)
    learner = agent.learner(imitation.learner)
    imitate(learner, batches, first_step=0, num_steps=16, on_step=lambda step, metrics: None)
    batches.close()
    settings = config(num_steps=10, learner=LearnerConfig(learning_rate=3e-3))
    shares: list[float] = []
    reinforce(
        agent,
        agent.learner(settings.learner),
        LocalPool(Button, 64),
        settings,
        RewardConfig(),
        first_step=0,
        run_seed=0,
        on_step=lambda step, metrics: shares.append(metrics["success"]),
    )
    assert shares[0] < 0.6, shares
    assert shares[-1] > 0.9, shares


def test_the_expert_of_the_button_knows_nothing() -> None:
    specs = [EpisodeSpec(seed=seed) for seed in range(90)]
    episodes = collect_episodes(LocalPool(Button, 8), ExpertPolicy(), specs)
    assert 0.2 < np.mean([e.success for e in episodes]) < 0.5


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"group_size": 1}, r"algorithm\.group_size is 1; it must be at least 2"),
        ({"temperature": 0.0}, r"algorithm\.temperature is 0\.0; it must be above 0"),
        ({"advantage_scale": "max"}, r"algorithm\.advantage_scale is 'max'; legal: std, none"),
        ({"learner": LearnerConfig(learning_rate=float("nan"))}, r"algorithm\.learner\.learning_r"),
    ],
)
def test_settings_out_of_range(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        config(**settings).check()


def test_training_on_fewer_members_than_were_collected() -> None:
    everyone, told = collect(NoisyPolicy(), train_size=None)
    chosen, told_of_fewer = collect(NoisyPolicy(), train_size=2)
    assert told_of_fewer == told  # the metrics are about all that was collected
    for whole, pair in zip(everyone, chosen, strict=True):
        assert len(pair.collected) == len(whole.episodes) == 8
        assert len(pair.episodes) == len(pair.advantages) == 2
        rewards = sorted(whole.reward.total)
        taken = sorted(pair.reward.total[pair.collected.index(e)] for e in pair.episodes)
        assert taken == [rewards[0], rewards[-1]]
