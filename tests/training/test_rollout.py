"""Collecting episodes: order, equal seeds, failures, and who gets to know the truth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from policies.interface import Conversation, PolicyOutput, UnansweredError
from policies.scripted import ExpertPolicy
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.guessing import (
    SECRET,
    Envs,
    GuessEnv,
    NoisyPolicy,
    fingerprint,
    make_pool,
    make_specs,
)
from training.episode import save_episode
from training.rollout import (
    EpisodeSpec,
    LocalPool,
    TooManyFailuresError,
    check_failures,
    collect_episodes,
)


def collect(num_envs: int, policy=None, count: int = 10, group_size: int = 2, **settings):
    pool = make_pool(num_envs, **settings)
    specs = make_specs(count, group_size)
    return collect_episodes(pool, policy or NoisyPolicy(), specs, sampling_seed=7)


def test_results_stand_in_the_order_of_the_specs() -> None:
    finished = []
    specs = [EpisodeSpec(seed=seed) for seed in (5, 3, 11, 3, 0, 8)]
    episodes = collect_episodes(make_pool(3), NoisyPolicy(), specs, on_episode=finished.append)
    assert [episode.seed for episode in episodes] == [5, 3, 11, 3, 0, 8]
    assert len({len(episode.turns) for episode in episodes}) > 1, "all equally long: no disorder"
    assert sorted(map(id, finished)) == sorted(map(id, episodes))
    assert [e.seed for e in finished] != [e.seed for e in episodes]


def test_equal_seeds_give_equal_episodes_whatever_runs_beside_them() -> None:
    alone = [fingerprint(episode) for episode in collect(1)]
    assert alone == [fingerprint(episode) for episode in collect(3)]
    assert alone == [fingerprint(episode) for episode in collect(16)]
    assert len({turns for _, _, turns, _, _ in alone}) > 10, "the episodes are all the same"


def test_members_of_a_group_share_the_world_and_differ_in_their_noise() -> None:
    episodes = collect(4, count=1, group_size=6)
    assert len({e.task_id for e in episodes}) == 1
    assert len({e.turns[0].image_pngs for e in episodes}) == 1
    assert len({e.turns[0].output.text for e in episodes}) > 1
    assert len({e.episode_id for e in episodes}) == 6


def test_every_turn_pairs_what_was_shown_with_what_was_replied() -> None:
    [episode] = collect_episodes(make_pool(), ExpertPolicy(), [EpisodeSpec(seed=2)])
    env = GuessEnv()
    obs, info = env.reset(seed=2)
    for turn in episode.turns:
        assert turn.text == obs["text"]
        np.testing.assert_array_equal(turn.images()[0], obs["images"][0])
        assert turn.options == info["options"]
        obs, reward, terminated, _, info = env.step(turn.output.text)
        assert turn.reward == reward
    assert terminated
    assert episode.terminated
    assert episode.success
    assert episode.env_return == 1.0


def test_environments_are_made_when_needed_used_again_and_closed() -> None:
    envs = Envs()
    pool = LocalPool(envs, 3)
    collect_episodes(pool, NoisyPolicy(), make_specs(2))
    assert len(envs.made) == 2
    collect_episodes(pool, NoisyPolicy(), make_specs(9))
    assert len(envs.made) == 3
    pool.close()
    assert all(env.closed for env in envs.made)


def test_all_that_wait_are_asked_in_one_batch() -> None:
    policy = NoisyPolicy()
    episodes = collect(16, policy, count=8)
    assert policy.num_batches == max(len(episode.turns) for episode in episodes)


def test_no_environments_is_an_error() -> None:
    with pytest.raises(ValueError, match="num_envs is 0; it must be at least 1"):
        LocalPool(GuessEnv, 0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("broken_resets", "RuntimeError: no world for 1"),
        ("broken_steps", "RuntimeError: the floor fell out"),
    ],
)
def test_a_world_that_breaks_is_recorded_and_not_used_again(setting: str, message: str) -> None:
    envs = Envs(**{setting: [1]})
    whole = collect(2, count=6, group_size=1)
    episodes = collect_episodes(LocalPool(envs, 2), NoisyPolicy(), make_specs(6), sampling_seed=7)
    assert (episodes[1].failure.stage, episodes[1].failure.message) == ("env", message)
    for i in (0, 2, 3, 4, 5):
        assert fingerprint(episodes[i]) == fingerprint(whole[i])
    [broken] = [env for env in envs.made if 1 in env.seeds]
    assert broken.seeds[-1] == 1, "the broken environment was used again"
    assert broken.closed
    assert len(envs.made) == 3


def test_a_policy_that_breaks_ends_those_it_was_asked_about_and_no_others() -> None:
    envs = Envs()
    episodes = collect_episodes(LocalPool(envs, 2), NoisyPolicy(poison=3), make_specs(8))
    failed = [episode for episode in episodes if episode.failure is not None]
    assert 3 in [episode.seed for episode in failed]
    assert len(failed) <= 2
    assert {e.failure.stage for e in failed} == {"policy"}
    assert {e.failure.message for e in failed} == {"RuntimeError: out of memory"}
    assert all(e.terminated for e in episodes if e.failure is None)
    assert len(envs.made) == 2, "the worlds were fine and are used again"


def test_a_policy_that_cannot_answer_somebody_answers_the_others() -> None:
    class Choosy(NoisyPolicy):
        def act(self, conversations):
            outputs = super().act(conversations)
            for index, conversation in enumerate(conversations):
                if conversation.turn == 1 and conversation.sample_index == 0:
                    outputs[index] = RuntimeError("too long")
            if any(isinstance(output, Exception) for output in outputs):
                raise UnansweredError(outputs)
            return outputs

    whole = [fingerprint(episode) for episode in collect(4)]
    episodes = collect(4, Choosy())
    failed = [i for i, episode in enumerate(episodes) if episode.failure is not None]
    assert failed
    assert {episodes[i].failure.message for i in failed} == {"RuntimeError: too long"}
    assert {len(episodes[i].turns) for i in failed} == {1}
    others = set(range(len(episodes))) - set(failed)
    assert all(fingerprint(episodes[i]) == whole[i] for i in others)


def test_a_policy_that_forgets_somebody_is_a_failure_of_the_policy() -> None:
    class Forgetful(NoisyPolicy):
        def act(self, conversations):
            return super().act(conversations)[1:]

    episodes = collect(4, Forgetful(), count=3, group_size=1)
    assert {e.failure.stage for e in episodes} == {"policy"}
    assert "2 outputs for 3 conversations" in episodes[0].failure.message


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), None, "much"])
def test_a_reward_that_is_no_finite_number_is_a_failure_of_the_world(reward: object) -> None:
    class Odd(GuessEnv):
        def step(self, action):
            obs, _, *rest = super().step(action)
            return obs, reward, *rest

    [episode] = collect_episodes(LocalPool(Odd, 1), NoisyPolicy(), make_specs(1))
    assert episode.failure.stage == "env"
    assert episode.turns == []


def test_an_observation_of_another_form_is_a_failure_of_the_world() -> None:
    class Mute(GuessEnv):
        def _obs(self):
            return {} if self._turn else super()._obs()

    episodes = collect_episodes(LocalPool(Mute, 4), NoisyPolicy(), make_specs(8))
    failures = [episode.failure for episode in episodes if episode.failure is not None]
    assert {(failure.stage, failure.message) for failure in failures} == {
        ("env", "KeyError: 'text'")
    }


def test_too_many_failures_stop_the_run_and_say_why() -> None:
    episodes = collect(4, count=4, group_size=1, broken_resets=[0], broken_steps=[2])
    assert check_failures(episodes, 0.5) == 2
    told = "2 of 4 episodes failed (stages: env); max_failed_share is 0.25. The first: "
    with pytest.raises(TooManyFailuresError, match=re.escape(told)) as caught:
        check_failures(episodes, 0.25)
    assert "RuntimeError: no world for 0" in str(caught.value)
    assert check_failures(episodes[3:], 0.0) == 0


def test_both_stages_are_named() -> None:
    env_failed = collect(1, count=1, group_size=1, broken_resets=[0])
    policy_failed = collect(1, NoisyPolicy(poison=0), count=1, group_size=1)
    with pytest.raises(TooManyFailuresError, match="stages: env, policy"):
        check_failures([*policy_failed, *env_failed], 0.0)


def test_conversations_are_unique_and_forgotten_when_over() -> None:
    policy = NoisyPolicy()
    specs = [EpisodeSpec(seed=1), EpisodeSpec(seed=1), *make_specs(3, 3)]
    collect_episodes(make_pool(), policy, specs)
    ids = {c.conversation_id for c in policy.asked}
    assert len(ids) == len(specs)
    assert sorted(policy.forgotten) == sorted(ids)


def test_only_a_privileged_policy_is_handed_the_experts_replies() -> None:
    class Privileged(NoisyPolicy):
        privileged = True
        style = "slow"

        def act(self, conversations):
            self.replies = [c.expert_reply for c in conversations]
            return [PolicyOutput(text=reply) for reply in self.replies]

    learned, expert = NoisyPolicy(), Privileged()
    collect(4, learned)
    assert {c.expert_reply for c in learned.asked} == {None}
    assert all(episode.success for episode in collect(4, expert))
    assert all(reply.startswith("<think>slow</think>") for reply in expert.replies)


def test_an_expert_that_breaks_down_fails_its_own_episode_alone() -> None:
    class Lost(GuessEnv):
        def expert_reply(self, style: str = "best") -> str:
            if self.seeds[-1] == 1:
                raise LookupError("no way out")
            return super().expert_reply(style)

    pool = LocalPool(Lost, num_envs=2)
    episodes = collect_episodes(pool, ExpertPolicy(), [EpisodeSpec(seed=s) for s in range(3)])
    assert [episode.failure is None for episode in episodes] == [True, False, True]
    assert episodes[1].failure.stage == "env"
    assert "no way out" in episodes[1].failure.message


class Spy(NoisyPolicy):
    """Reads everything it can reach for the truth."""

    def act(self, conversations):
        for conversation in conversations:
            assert SECRET not in repr(conversation)
            assert "gold" not in repr(conversation)
            assert set(vars(conversation)) == set(Conversation.__dataclass_fields__)
        return super().act(conversations)


def test_the_truth_never_reaches_a_policy_or_the_public_record(tmp_path) -> None:
    for episode in collect(4, Spy(), count=4):
        assert episode.failure is None, episode.failure
        assert SECRET in str(episode.truth.initial)
        assert len(episode.truth.turns) == len(episode.turns)
        folder = save_episode(tmp_path, episode)
        public = (folder / "episode.json").read_text()
        assert SECRET not in public
        assert "truth" not in public
        assert "gold" not in public
        assert SECRET in (folder / "truth.json").read_text()


TRUTH_KEYS = ("gold", "sufficient", "num_revealed", "num_closed", "box_xyxy", "station", "truth")


def test_the_truth_of_the_real_world_never_reaches_a_policy(tmp_path) -> None:
    class NurserySpy(NoisyPolicy):
        def act(self, conversations):
            for conversation in conversations:
                seen = repr([vars(o) for o in conversation.observations])
                assert not [key for key in TRUTH_KEYS if key in seen]
            return super().act(conversations)

    config = AvrEnvConfig(config=nursery_config())
    pool = LocalPool(lambda: make_env(config), 4)
    for episode in collect_episodes(pool, NurserySpy(), make_specs(6)):
        assert episode.failure is None, episode.failure
        public = (save_episode(tmp_path, episode) / "episode.json").read_text()
        assert not [key for key in TRUTH_KEYS if f'"{key}"' in public]
        assert set(TRUTH_KEYS) - {"box_xyxy", "truth", "gold"} <= set(episode.truth.initial)
    pool.close()


def test_task_ids_name_environment_configuration_and_seed() -> None:
    @dataclass
    class Settings:
        level: int

    class Configured(GuessEnv):
        def __init__(self, level: int) -> None:
            super().__init__()
            self.config = Settings(level)

    one, other = (
        collect_episodes(LocalPool(partial(Configured, level), 1), NoisyPolicy(), make_specs(2))
        for level in (1, 2)
    )
    assert len({e.task_id for e in [*one, *other]}) == 4
    assert one[0].env_config_hash != other[0].env_config_hash
    assert one[0].env_id == "Configured"
