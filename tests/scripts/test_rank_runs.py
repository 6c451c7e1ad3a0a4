"""What several processes have of a run between them, and what they cannot have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from configs.train_schema import TrainScript
from scripts.hydra_door import load_config
from scripts.rank_runs import rank_run, share_of


def make_config(*choices: str) -> TrainScript:
    config, _ = load_config("train", TrainScript, [*choices, "engine.device=cpu"])
    return config


def test_processes_share_the_cluster_between_them() -> None:
    config = make_config("experiment=cluster/avr", "model=qwen3_vl_8b", "cluster=gpus_8")
    part = share_of(config, 4)
    assert (part.num_envs, part.rollout.num_actors) == (32, 8)
    assert part.engine.vllm.num_engines == 1
    assert part.algorithm == config.algorithm


def test_what_is_in_the_process_itself_is_not_shared() -> None:
    config = make_config("cluster=cpu_ranks", "num_envs=5")
    assert share_of(config, 2) == config


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["rollout.num_actors=6", "num_envs=126"], "rollout.num_actors is 6, .*a multiple of 4"),
        (["engine.vllm.num_engines=3"], "engine.vllm.num_engines is 3, .*legal: a multiple of 4"),
        (["algorithm.groups_per_step=3"], "groups_per_step is 3, .*over 4 processes; legal: 4 or"),
    ],
)
def test_what_cannot_be_shared_out_is_named(choices: list[str], message: str) -> None:
    config = make_config("experiment=cluster/avr", "model=qwen3_vl_8b", "cluster=gpus_8", *choices)
    with pytest.raises(ValueError, match=message):
        share_of(config, 4)


def test_a_world_that_does_not_divide_stops_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    config = make_config("cluster=cpu_ranks")
    sharding = replace(config.algorithm.learner.sharding, shard_size=3)
    learner = replace(config.algorithm.learner, sharding=sharding)
    config = replace(config, algorithm=replace(config.algorithm, learner=learner))
    with pytest.raises(
        ValueError, match=r"algorithm\.learner\.sharding\.shard_size = 3 does not div"
    ):
        rank_run(config)
