"""The metrics of CLEVR-AVR, counted by hand on episodes written by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from policies.interface import Conversation, Observation
from policies.scripted import ExpertPolicy
from tests.training.guessing import GuessEnv, NoisyPolicy, make_pool
from tests.training.records import OPTIONS, make_episode, make_truth
from training.episode import Episode, Failure
from training.evaluation import (
    EvaluationConfig,
    evaluate,
    evaluate_specs,
    fit_best_constant,
    summarise,
)
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout import EpisodeSpec, MixedPool, TooManyFailuresError
from training.seeding import task_seeds

ANSWER = make_truth("answer")
INFORMED = make_truth("answer", sufficient=True)
GAIN, MISS = make_truth("action", gained=True), make_truth("action")
NEEDLESS = make_truth("action", sufficient=True)
VOID = make_truth("invalid")


@pytest.fixture
def episodes() -> list[Episode]:
    """Five episodes. First look suffices in the first two.

    answered at once, right            judged right; no decision about looking
    acted needlessly, then right       judged wrong; looks: needless action, no gain
    two looks, one gained, right       judged right; looks: 1 gain, 1 miss
    guessed at once, wrong             judged wrong; looks: the guess, no gain
    a void reply, a gain, a guess      judged wrong; looks: void no, gain yes, guess no
    """
    return [
        make_episode(INFORMED, sufficient=True, success=True),
        make_episode(NEEDLESS, INFORMED, sufficient=True, success=True),
        make_episode(MISS, GAIN, INFORMED, success=True),
        make_episode(ANSWER),
        make_episode(VOID, GAIN, ANSWER),
    ]


def test_the_metrics_by_hand(episodes: list[Episode]) -> None:
    row = summarise(episodes, RewardConfig())
    assert {name: (cell["mean"], cell["n"]) for name, cell in row.items()} == {
        "acc_fa": (3 / 5, 5),
        "acc_isj": (2 / 5, 5),
        "igr": (2 / 7, 7),
        "turns": (10 / 5, 5),
        "reward": (3 / 5, 5),
    }
    # sample variance of 1 1 1 0 0: (3 * 0.4^2 + 2 * 0.6^2) / 4 = 0.3
    assert row["acc_fa"]["stderr"] == pytest.approx(math.sqrt(0.3 / 5))


def test_the_reward_is_the_configured_sum(episodes: list[Episode]) -> None:
    terms = {"final_answer": RewardTermConfig(), "information_gain": RewardTermConfig(weight=0.5)}
    row = summarise(episodes, RewardConfig(terms=terms))
    assert row["reward"]["mean"] == pytest.approx((1 + 1 + 1.5 + 0 + 0.5) / 5)


def test_failed_episodes_are_left_out(episodes: list[Episode]) -> None:
    broken = replace(episodes[0], turns=[], failure=Failure(stage="env", message="x"))
    assert summarise([broken, *episodes], RewardConfig()) == summarise(episodes, RewardConfig())


def test_worlds_that_do_not_say_what_suffices_have_no_such_metrics() -> None:
    seeds = task_seeds("test", 0, 4)
    row = summarise(evaluate(make_pool(), ExpertPolicy(), seeds), RewardConfig())
    assert set(row) == {"acc_fa", "turns", "reward"}
    assert row["acc_fa"]["mean"] == 1.0


def test_the_best_constant_is_the_commonest_truth_of_each_list() -> None:
    sizes = {"A": "[Pick] left", "B": "large", "C": "small"}
    common = [make_episode(ANSWER, gold_letter=letter) for letter in "BBA"]
    others = [make_episode(ANSWER, gold_letter=letter) for letter in "CBC"]
    for episode in others:
        episode.turns[0] = replace(episode.turns[0], options=sizes)
    choose = fit_best_constant([*common, *others])

    def ask(*lines: str) -> str:
        text = "Question?\n" + "\n".join(lines)
        return choose(Conversation(conversation_id="c", observations=[Observation(text=text)]))

    listed = [f"{letter}. {text}" for letter, text in OPTIONS.items()]
    assert ask(*listed) == "<think></think><answer>B</answer>"
    # The same answers under other letters, beside other actions.
    assert ask("A. blue", "B. red", "C. [Move Viewer] left") == "<think></think><answer>A</answer>"
    assert ask("A. large", "B. small") == "<think></think><answer>B</answer>"
    # A list never met before: an answer all the same, never an action.
    assert ask("A. [Pick] left", "B. yes", "C. no") == "<think></think><answer>C</answer>"


@pytest.mark.parametrize("purpose", ["train", "imitation", "reinforcement", "calibration"])
def test_training_worlds_cannot_be_evaluated_on(purpose: str) -> None:
    policy = NoisyPolicy()
    seeds = [*task_seeds("test", 0, 2), *task_seeds(purpose, 0, 1)]
    with pytest.raises(ValueError, match="is a training seed; evaluation uses validation or test"):
        evaluate(make_pool(), policy, seeds)
    assert policy.asked == [], "episodes were collected before the seeds were checked"


def test_an_evaluation_with_too_many_failures_stops() -> None:
    seeds = task_seeds("test", 0, 4)
    with pytest.raises(TooManyFailuresError, match=r"1 of 4 episodes failed .*0\.02"):
        evaluate(make_pool(broken_resets=seeds[:1]), NoisyPolicy(), seeds)
    seen = []
    pool = make_pool(broken_resets=seeds[:1])
    evaluate(pool, NoisyPolicy(), seeds, max_failed_share=0.25, on_episode=seen.append)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_episodes": 1}, r"evaluation\.num_episodes is 1; it must be at least 2"),
        ({"purpose": "train"}, r"evaluation\.purpose is 'train'; legal: test, validation"),
        ({"temperature": float("nan")}, r"evaluation\.temperature is nan"),
        ({"max_failed_share": 1.5}, r"evaluation\.max_failed_share is 1\.5; legal: 0 to 1"),
    ],
)
def test_settings_out_of_range(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EvaluationConfig(**settings).check()


def test_what_was_played_before_is_not_played_again() -> None:
    seeds = task_seeds("test", 0, 4)
    specs = [EpisodeSpec(seed=seed) for seed in seeds]
    done = {seeds[2]: make_episode(ANSWER, seed=seeds[2]), 5: make_episode(ANSWER, seed=5)}
    played: list[Episode] = []
    episodes = evaluate_specs(
        make_pool(), NoisyPolicy(), specs, done=done, on_episode=played.append
    )
    assert [episode.seed for episode in episodes] == seeds
    assert episodes[2] is done[seeds[2]]
    assert sorted(episode.seed for episode in played) == [seeds[0], seeds[1], seeds[3]]


def test_an_evaluation_stops_as_soon_as_too_many_have_failed() -> None:
    seeds = task_seeds("test", 0, 20)
    played: list[Episode] = []
    with pytest.raises(TooManyFailuresError, match="2 of 20 episodes failed"):
        evaluate(
            make_pool(1, broken_resets=seeds[3:5]),
            NoisyPolicy(),
            seeds,
            max_failed_share=0.05,
            on_episode=played.append,
        )
    assert len(played) == 5


def test_a_seed_that_comes_twice_is_an_error() -> None:
    [spec] = [EpisodeSpec(seed=seed) for seed in task_seeds("test", 0, 1)]
    with pytest.raises(ValueError, match="a seed comes twice"):
        evaluate_specs(make_pool(), NoisyPolicy(), [spec, spec])


def test_a_mixed_pool_gives_every_episode_the_world_that_it_names() -> None:
    made: dict[str, list[GuessEnv]] = {"a": [], "b": []}

    def make_env(key: str) -> GuessEnv:
        made[key].append(GuessEnv())
        return made[key][-1]

    keys = ["a", "b", "b", "a", "b"]
    seeds = task_seeds("test", 0, 5)
    specs = [EpisodeSpec(seed=s, env_key=k) for s, k in zip(seeds, keys, strict=True)]
    evaluate_specs(MixedPool(make_env, 2), NoisyPolicy(), specs)
    played = {key: sorted(seed for env in envs for seed in env.seeds) for key, envs in made.items()}
    assert played == {"a": [seeds[0], seeds[3]], "b": [seeds[1], seeds[2], seeds[4]]}
    assert all(env.closed for envs in made.values() for env in envs)


def test_terms_are_tabulated_over_the_episodes_they_are_about(episodes: list[Episode]) -> None:
    """Looks that gained, summed over the turns; once of all, once of the three that were right."""
    config = EvaluationConfig(terms={"information_gain": "final_answer", "num_turns": None})
    config.check()
    row = summarise(episodes, None, config.terms)
    assert (row["information_gain"]["mean"], row["information_gain"]["n"]) == (
        pytest.approx(1 / 3),
        3,
    )
    assert (row["num_turns"]["mean"], row["num_turns"]["n"]) == (2.0, 5)
    assert "information_gain" not in summarise(episodes[3:], None, config.terms)
    with pytest.raises(ValueError, match="evaluation.terms has 'tea'; legal: .*final_answer"):
        EvaluationConfig(terms={"num_turns": "tea"}).check()
