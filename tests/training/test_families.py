"""A mixture's families are rewarded, measured and weighed apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.records import make_episode, make_truth
from training.episode import Episode
from training.grpo import GrpoConfig, score_group
from training.rewards.compose import RewardConfig, RewardTermConfig, reward_group
from training.rewards.terms import REWARD_TERMS
from training.scored_groups import measure_groups, rescale_families


def episode_of(family: str | None, *, success: bool = False, gained: bool = False) -> Episode:
    episode = make_episode(make_truth("action", gained=gained), success=success)
    if family is not None:
        episode.truth.initial["family"] = family
    return episode


GAIN_OF_SCENES = RewardConfig(
    terms={
        "final_answer": RewardTermConfig(),
        "information_gain": RewardTermConfig(weight=0.5, families=["scenes"]),
    }
)


def test_a_term_counts_in_the_families_that_it_names():
    group = [
        episode_of("films", success=True, gained=True),
        episode_of("scenes", success=True, gained=True),
        episode_of("scenes"),
    ]
    earned = reward_group(group, GAIN_OF_SCENES)
    assert earned.total.tolist() == [1.0, 1.5, 0.0]
    assert earned.terms["information_gain"].tolist() == [0.0, 1.0, 0.0]


def test_a_term_reads_nothing_of_other_families():
    def read_depth(group):
        return np.array([float(e.truth.initial["depth"]) for e in group])

    known = REWARD_TERMS | {"read_depth": read_depth}
    config = RewardConfig(terms={"read_depth": RewardTermConfig(families=["hand"])})
    hand = episode_of("hand")
    hand.truth.initial["depth"] = 0.75
    assert reward_group([episode_of("films"), hand], config, known).total.tolist() == [0.0, 0.75]
    with pytest.raises(KeyError, match="depth"):
        reward_group([hand, episode_of("hand")], config, known)


def test_gates_and_scales_are_those_of_the_same_episode():
    terms = {
        "num_turns": RewardTermConfig(gate="final_answer", scale="num_turns", families=["scenes"])
    }
    group = [episode_of("films", success=True), episode_of("scenes"), episode_of("scenes")]
    group[2].success = True
    assert reward_group(group, RewardConfig(terms=terms)).total.tolist() == [0.0, 0.0, 1.0]


def test_elsewhere_the_family_is_the_environment():
    config = RewardConfig(terms={"final_answer": RewardTermConfig(families=["Fake/Scene-v0"])})
    plain = episode_of(None, success=True)
    config.terms["final_answer"].families = [plain.env_id]
    assert reward_group([plain, episode_of("films", success=True)], config).total.tolist() == [1, 0]


def scored(family: str, *rewards: float):
    group = [episode_of(family) for _ in rewards]
    values = dict(zip(map(id, group), rewards, strict=True))
    worth = RewardConfig(terms={"final_answer": RewardTermConfig()})
    for episode in group:
        episode.success = values[id(episode)] > 0
    config = GrpoConfig(advantage_scale="none")
    group_scored = score_group(group, config, worth)
    for row, value in zip(group_scored.advantages, rewards, strict=True):
        row[:] = value - np.mean(rewards)
    return group_scored


def test_rescaling_gives_every_family_the_same_spread():
    wide, narrow = scored("films", 0.0, 4.0), scored("hand", 0.0, 0.2)
    groups = rescale_families([wide, narrow, scored("hand", 0.1, 0.1)], eps=0.0)
    # Films: +-2, root mean square 2. Hand: +-0.1 and twice 0, root mean square 0.1 / sqrt(2).
    assert np.concatenate(groups[0].advantages) == pytest.approx([-1, 1])
    assert np.concatenate(groups[1].advantages) == pytest.approx([-np.sqrt(2), np.sqrt(2)])
    assert np.concatenate(groups[2].advantages).tolist() == [0, 0]
    assert np.concatenate(wide.advantages).tolist() == [-2, 2]  # its own stay as they are


def test_a_family_without_signal_keeps_its_zeros():
    still = scored("films", 1.0, 1.0)
    assert np.concatenate(rescale_families([still])[0].advantages).tolist() == [0, 0]


def test_metrics_are_given_for_each_family_and_over_all():
    groups = [scored("films", 1.0, 0.0), scored("hand", 1.0, 1.0)]
    metrics = measure_groups(groups, groups[:1])
    assert metrics["success"] == 0.75
    assert metrics["films/success"] == 0.5
    assert metrics["hand/reward"] == 1.0
    assert metrics["signal_share"] == 0.5
    assert "films/success" not in measure_groups(groups[:1], [])
