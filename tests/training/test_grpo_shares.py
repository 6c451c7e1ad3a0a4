"""Several processes collect a batch together: each its own groups, and all of them the batch."""

from __future__ import annotations

import pytest

from tests.training.guessing import NoisyPolicy, make_pool
from training.grpo import GrpoConfig, collect_groups
from training.ranks import Ranks
from training.rewards.compose import RewardConfig

CONFIG = GrpoConfig(groups_per_step=5, group_size=4, refill_rounds=3)


def seeds_of(share):
    groups, _ = collect_groups(
        make_pool(8), NoisyPolicy(), CONFIG, RewardConfig(), step=1, run_seed=0, share=share
    )
    return [group.episodes[0].seed for group in groups]


def test_shares_are_disjoint_and_as_large_as_can_be() -> None:
    shares = [seeds_of((rank, 3)) for rank in range(3)]
    assert [len(share) for share in shares] == [2, 2, 1]
    assert len(set().union(*shares)) == 5
    assert len(seeds_of((0, 1))) == 5


def test_a_batch_of_fewer_parts_than_ranks_is_named() -> None:
    ranks = Ranks()
    ranks.check_batch("algorithm.groups_per_step", 1)
    ranks.num_ranks = 4
    message = "algorithm.groups_per_step = 3 cannot be split over 4 ranks; legal: 4 or more"
    with pytest.raises(ValueError, match=message):
        ranks.check_batch("algorithm.groups_per_step", 3)


def test_a_sharded_learner_reinforces_as_an_ordinary_one(monkeypatch) -> None:
    torch = pytest.importorskip("torch")
    from tests.training.small_agent import make_agent, offer_num_chars, weights_of
    from training.grpo import reinforce
    from training.learner_config import LearnerConfig
    from training.losses import PolicyLossConfig
    from training.process_group import leave_processes
    from training.rewards.compose import RewardTermConfig
    from training.sharding_config import ShardingConfig

    offer_num_chars(monkeypatch)
    weights = []
    for sharding in (None, ShardingConfig(compute_dtype="float32", batches="share")):
        agent = make_agent()
        learner = agent.learner(LearnerConfig(learning_rate=1e-3, sharding=sharding))
        reinforce(
            agent,
            learner,
            make_pool(4),
            GrpoConfig(
                num_steps=2,
                groups_per_step=1,
                group_size=4,
                loss=PolicyLossConfig(kl_weight=0.1),
            ),
            RewardConfig(terms={"num_chars": RewardTermConfig()}),
            first_step=0,
            run_seed=0,
            on_step=lambda step, metrics: None,
            reference=learner.make_reference(),
        )
        weights.append(weights_of(agent))
    leave_processes()
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=1e-4)
