"""Reward terms against sums done by hand, and how they are put together."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from policies.interface import Conversation
from policies.replies import list_options
from policies.scripted import ConstantPolicy
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.records import make_episode, make_truth
from training.episode import Episode
from training.rewards.compose import RewardConfig, RewardTermConfig, reward_group
from training.rewards.terms import (
    REWARD_TERMS,
    entropy_drop,
    expected_gain,
    final_answer,
    information_gain,
    needless_action,
    num_turns,
    relative_gain,
    reply_format,
    truth_logprob_gain,
)
from training.rollout import EpisodeSpec, LocalPool, collect_episodes

GOOD = "<think>a</think><answer>B</answer>"


def believing(
    truth: dict[str, Any],
    *,
    drop: float = 0.0,
    gain: float = 0.0,
    expected: float | None = None,
    then: dict[str, float] | None = None,
) -> dict[str, Any]:
    """A truth with what a belief adds; `then` are the expected gains of the list that follows."""
    return truth | {
        "entropy_drop": drop,
        "logprob_gain": gain,
        "expected_gain": expected,
        "expected_gains": then or {},
    }


@pytest.fixture
def group() -> list[Episode]:
    """Answered rightly after one look that gained; wrongly at once; and never, in three turns."""
    look = believing(
        make_truth("action", gained=True), drop=0.7, gain=0.9, expected=0.5, then={"C": 0.0}
    )
    doubt = believing(
        make_truth("action", sufficient=True), drop=-0.25, gain=-1.5, expected=0.2, then={"C": 0.6}
    )
    in_vain = believing(make_truth("action", sufficient=True), expected=0.6, then={"C": 0.6})
    episodes = [
        make_episode(look, believing(make_truth("answer", sufficient=True)), success=True),
        make_episode(believing(make_truth("answer")), replies=["B"]),
        make_episode(
            doubt,
            in_vain,
            believing(make_truth("invalid")),
            replies=[GOOD, "?", "<answer>B</answer>"],
        ),
    ]
    for episode in episodes:
        episode.truth.initial["expected_gains"] = {"C": 0.5, "D": 0.8}
    return episodes


def test_final_answer(group: list[Episode]) -> None:
    np.testing.assert_array_equal(final_answer(group), [1, 0, 0])


def test_reply_format_is_the_share_of_well_formed_replies(group: list[Episode]) -> None:
    np.testing.assert_allclose(reply_format(group), [1, 0, 1 / 3])


def test_information_gain_is_per_turn(group: list[Episode]) -> None:
    assert [row.tolist() for row in information_gain(group)] == [[1, 0], [0], [0, 0, 0]]


def test_needless_action_is_acting_on_what_suffices(group: list[Episode]) -> None:
    assert [row.tolist() for row in needless_action(group)] == [[0, 0], [0], [1, 1, 0]]


def test_num_turns(group: list[Episode]) -> None:
    np.testing.assert_array_equal(num_turns(group), [2, 1, 3])


def test_entropy_drop_is_signed_and_per_turn(group: list[Episode]) -> None:
    assert [row.tolist() for row in entropy_drop(group)] == [[0.7, 0], [0], [-0.25, 0, 0]]


def test_truth_logprob_gain_is_signed_and_per_turn(group: list[Episode]) -> None:
    assert [row.tolist() for row in truth_logprob_gain(group)] == [[0.9, 0], [0], [-1.5, 0, 0]]


def test_expected_gain_is_that_of_the_chosen_action(group: list[Episode]) -> None:
    assert [row.tolist() for row in expected_gain(group)] == [[0.5, 0], [0], [0.2, 0.6, 0]]


def test_relative_gain_is_over_the_best_of_the_list_that_the_reply_was_to(group) -> None:
    """0.5 and 0.2 of 0.8 on the first list; then all of the 0.6 that the second one offers."""
    assert [row.tolist() for row in relative_gain(group)] == [
        [pytest.approx(0.625), 0],
        [0],
        [pytest.approx(0.25), 1, 0],
    ]


def test_relative_gain_is_0_where_nothing_gains() -> None:
    idle = believing(make_truth("action"), expected=1e-17, then={"C": 0.0})
    episode = make_episode(idle, believing(make_truth("action"), expected=0.0))
    episode.truth.initial["expected_gains"] = {"C": 1e-17}
    assert relative_gain([episode])[0].tolist() == [0, 0]


@pytest.mark.parametrize("term", [expected_gain, relative_gain])
def test_gains_that_were_not_foreseen_say_what_to_set(term, group: list[Episode]) -> None:
    for episode in group:
        episode.truth.initial["expected_gains"] = {}
        for turn in episode.truth.turns:
            turn.update(expected_gain=None, expected_gains={})
    assert term(group[1:2])[0].tolist() == [0], "an answer gains nothing, foreseen or not"
    told = f'{group[0].episode_id} has no expected gains: set env.config.foresee=true .*"lettered"'
    with pytest.raises(ValueError, match=told):
        term(group)


@pytest.mark.parametrize(
    ("term", "key"), [(entropy_drop, "entropy_drop"), (truth_logprob_gain, "logprob_gain")]
)
def test_a_world_without_a_belief_is_named(term, key: str, group: list[Episode]) -> None:
    del group[0].truth.turns[1][key]
    told = f"episode {group[0].episode_id} has no '{key}': its environment, world, keeps no belief"
    with pytest.raises(ValueError, match=told):
        term(group)


@pytest.mark.parametrize(
    "term",
    [
        information_gain,
        entropy_drop,
        truth_logprob_gain,
        expected_gain,
        relative_gain,
        needless_action,
    ],
)
def test_terms_that_need_the_truth_say_so(term, group: list[Episode]) -> None:
    with pytest.raises(ValueError, match=f"{group[0].episode_id} has no truth"):
        term([replace(group[0], truth=None)])
    group[0].truth.turns.pop()
    with pytest.raises(ValueError, match="has no truth for each of its turns"):
        term(group)


def test_terms_are_named_after_their_functions_and_shaped_by_their_group(group) -> None:
    for name, term in REWARD_TERMS.items():
        assert term.__name__ == name
        if term.__module__ != "training.rewards.terms":  # those need a film: test_video_rewards.py
            continue
        values = term(group)
        if isinstance(values, np.ndarray):
            assert values.shape == (3,)
        else:
            assert [len(row) for row in values] == [2, 1, 3]


def config(**terms: tuple[float, str | None] | float) -> RewardConfig:
    parts = {k: v if isinstance(v, tuple) else (v, None) for k, v in terms.items()}
    return RewardConfig(
        terms={name: RewardTermConfig(weight=w, gate=gate) for name, (w, gate) in parts.items()}
    )


def test_weights_and_the_two_kinds_of_terms(group: list[Episode]) -> None:
    earned = reward_group(
        group, config(final_answer=2.0, num_turns=-0.5, information_gain=3.0, needless_action=-1.0)
    )
    np.testing.assert_allclose(earned.outcome, [2 - 1, -0.5, -1.5])
    assert [row.tolist() for row in earned.turns] == [[3, 0], [0], [-1, -1, 0]]
    np.testing.assert_allclose(earned.total, [4, -0.5, -3.5])
    np.testing.assert_array_equal(earned.terms["information_gain"], [1, 0, 0])
    np.testing.assert_array_equal(earned.terms["needless_action"], [0, 0, 2])
    np.testing.assert_array_equal(earned.terms["num_turns"], [2, 1, 3])


def test_a_gate_lets_a_term_count_where_another_is_above_a_half(group: list[Episode]) -> None:
    earned = reward_group(
        group, config(num_turns=(1.0, "final_answer"), needless_action=(1.0, "reply_format"))
    )
    np.testing.assert_array_equal(earned.outcome, [2, 0, 0])
    assert [row.tolist() for row in earned.turns] == [[0, 0], [0], [0, 0, 0]]
    np.testing.assert_array_equal(earned.terms["num_turns"], [2, 1, 3])


def constant(values, group):
    return values


def test_a_term_of_ones_own(group: list[Episode]) -> None:
    known = {"mine": partial(constant, np.array([1.0, 2.0, 3.0]))}
    config(mine=2.0).check(known)
    np.testing.assert_array_equal(reward_group(group, config(mine=2.0), known).total, [2, 4, 6])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("per_turn", [False, True])
def test_a_reward_that_is_not_finite_raises_and_is_named(bad, per_turn, group) -> None:
    values = (
        [np.zeros(2), np.zeros(1), np.array([0, bad, 0])] if per_turn else np.array([0, bad, 0])
    )
    with pytest.raises(ValueError, match=f"reward term 'mine' gave {bad}; rewards must be finite"):
        reward_group(group, config(mine=0.0), {"mine": partial(constant, values)})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros(2), "gave shape (2,); expected (3,)"),
        (np.zeros((3, 1)), "gave shape (3, 1); expected (3,)"),
        ([np.zeros(2), np.zeros(2), np.zeros(3)], "gave shape [2, 2, 3]; expected [2, 1, 3]"),
        ([np.zeros(2)], "gave shape [2]; expected [2, 1, 3]"),
    ],
)
def test_a_wrong_shape_raises(values, told: str, group: list[Episode]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"reward term 'mine' {told}")):
        reward_group(group, config(mine=1.0), {"mine": partial(constant, values)})


@pytest.mark.parametrize("wrong", [config(final=1.0), config(final_answer=(1.0, "final"))])
def test_an_unknown_term_or_gate_lists_the_legal_ones(wrong: RewardConfig) -> None:
    legal = ", ".join(sorted(REWARD_TERMS))
    with pytest.raises(ValueError, match=f"reward term 'final' is unknown; legal: {legal}"):
        wrong.check()


def test_a_weight_must_be_finite() -> None:
    with pytest.raises(ValueError, match=r"reward\.terms\.num_turns\.weight is nan"):
        config(num_turns=float("nan")).check()


def test_gains_of_real_episodes_add_up_to_what_was_found_out() -> None:
    """Three actions blindly, in worlds whose belief at the start and at the end is at hand."""
    settings = replace(nursery_config(), foresee=True, max_turns=3)
    world = AvrEnvConfig(config=settings)
    pool = LocalPool(lambda: make_env(world), 4)

    def act(conversation: Conversation) -> str:
        options = list_options(conversation.observations[0].text)
        actions = [letter for letter, text in options.items() if text.startswith("[")]
        turn, seed = len(conversation.outputs), int(conversation.task_id.rpartition("/")[2])
        return f"<action>{actions[(seed + 2 * turn) % len(actions)]}</action>"

    specs = [EpisodeSpec(seed=seed) for seed in range(30)]
    episodes = collect_episodes(pool, ConstantPolicy(act), specs)
    start = [episode.truth.initial for episode in episodes]
    end = [episode.truth.turns[-1] for episode in episodes]
    dropped = [first["entropy"] - last["entropy"] for first, last in zip(start, end, strict=True)]
    np.testing.assert_allclose([row.sum() for row in entropy_drop(episodes)], dropped, atol=1e-9)
    gained = [
        math.log(last["belief"][last["gold"]] / first["belief"][last["gold"]])
        for first, last in zip(start, end, strict=True)
    ]
    totals = [row.sum() for row in truth_logprob_gain(episodes)]
    np.testing.assert_allclose(totals, gained, atol=1e-9)
    assert max(dropped) > 0.5
    shares = np.concatenate(relative_gain(episodes))
    assert shares.min() >= 0
    assert shares.max() == 1
    for row, episode in zip(expected_gain(episodes), episodes, strict=True):
        proven = [turn["sufficient"] for turn in episode.truth.turns]
        assert not row[proven].any(), "nothing is to be gained once the answer is proven"


def test_every_task_scores_its_own_gold() -> None:
    world = AvrEnvConfig(config=nursery_config())
    env = make_env(world)
    golds = {s: env.reset(seed=s)[1]["truth"]["gold_letter"] for s in range(60)}

    def reply(conversation: Conversation) -> str:
        letter = golds[int(conversation.task_id.rpartition("/")[2])]
        return f"<think>x</think><answer>{letter}</answer>"

    pool = LocalPool(lambda: make_env(world), 4)
    specs = [EpisodeSpec(seed=seed) for seed in golds]
    episodes = collect_episodes(pool, ConstantPolicy(reply), specs)
    np.testing.assert_array_equal(final_answer(episodes), np.ones(60))
    assert {len(e.turns) for e in episodes} == {1}
    assert len({e.truth.initial["question_kind"] for e in episodes}) == 3
