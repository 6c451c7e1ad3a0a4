"""One, two and four processes compute the same gradient, however a batch is split among them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from tests.training.rank_work import (
    CASES,
    KL,
    gradients_of,
    improve,
    make_chat,
    make_learner,
    make_samples,
    results,
)
from training.lora_config import LoraSettings
from training.process_group import join_processes, leave_processes
from training.sharding import ShardedRanks
from training.sharding_config import ShardingConfig

NUM_RANKS = (1, 2, 4)
EXACT = [name for name in CASES if name != "bfloat16"]


@pytest.fixture(scope="module")
def alone():
    """Gradients and metrics of a learner that is not sharded, and its samples."""
    chat = make_chat()
    samples = make_samples(chat)
    learner = make_learner(chat)
    refs = [np.where(sample.loss_mask, -3.0, 0.0) for sample in samples]
    metrics = improve(learner, samples, loss=KL, ref_logprobs=refs)
    return gradients_of(learner), metrics, samples


def distance(found, expected):
    """Length of the difference of two gradients over the length of the second."""
    assert set(found) == set(expected)
    error = sum(float((found[n] - g).double().square().sum()) for n, g in expected.items())
    length = sum(float(gradient.double().square().sum()) for gradient in expected.values())
    return (error / length) ** 0.5


@pytest.mark.parametrize("num_ranks", NUM_RANKS)
@pytest.mark.parametrize("case", EXACT)
def test_gradients_and_metrics_do_not_depend_on_the_ranks(case, num_ranks, alone):
    gradients, metrics, _ = alone
    cases = results(num_ranks)["cases"]
    if CASES[case].get("shard_size", 1) > num_ranks:
        assert case not in cases
        return
    assert distance(cases[case]["gradients"], gradients) < 1e-6
    for name in set(metrics) - {"num_micro_batches"}:
        assert cases[case]["metrics"][name] == pytest.approx(metrics[name], rel=1e-5), name


def test_every_rank_runs_as_many_micro_batches_as_the_busiest():
    # Five samples one by one: all on one rank, three of two, two of four.
    counts = {n: results(n)["cases"]["packed"]["metrics"]["num_micro_batches"] for n in NUM_RANKS}
    assert counts == {1: 5, 2: 3, 4: 2}


@pytest.mark.parametrize("num_ranks", NUM_RANKS)
def test_bfloat16_computes_roughly_the_same_from_float32_weights(num_ranks, alone):
    gradients, metrics, _ = alone
    case = results(num_ranks)["cases"]["bfloat16"]
    assert all(gradient.dtype == torch.float32 for gradient in case["gradients"].values())
    assert 1e-4 < distance(case["gradients"], gradients) < 0.2
    assert case["metrics"]["loss"] == pytest.approx(metrics["loss"], rel=0.1)


def test_adapters_get_the_same_gradients(alone):
    pytest.importorskip("peft")
    learner = make_learner(make_chat(), lora=LoraSettings(rank=2))
    improve(learner, alone[2])
    assert distance(results(2)["adapted"]["gradients"], gradients_of(learner)) < 5e-6


def test_a_sharded_reference_stays_what_it_was():
    found = results(2)["adapted"]
    (model, reference), (trained, unmoved) = found["before"], found["after"]
    assert torch.equal(reference, model)
    assert torch.equal(unmoved, reference)
    assert not torch.allclose(trained, unmoved, atol=1e-3)


@pytest.fixture
def one_process():
    yield join_processes("cpu")
    leave_processes()


def test_one_process_needs_no_torchrun(one_process):
    assert (one_process.rank, one_process.size) == (0, 1)
    ranks = ShardedRanks(ShardingConfig(), torch.device("cpu"))
    assert (ranks.num_ranks, ranks.is_first) == (1, True)
    assert ranks.share([3, 5, 2]) == [0, 1, 2]
    assert ranks.total(2.5) == 2.5
    ranks.check_batch("algorithm.groups_per_step", 1)


def test_samples_are_dealt_by_their_length(one_process, monkeypatch):
    ranks = ShardedRanks(ShardingConfig(), torch.device("cpu"))
    monkeypatch.setattr(ranks, "num_ranks", 2)
    # The 9 goes to the first; 5 and 4 to the second, as many; then 3 to the first and 1 to either.
    assert ranks.share([4, 9, 1, 5, 3]) == [1, 4]


def test_worlds_that_cannot_be_split_are_named(one_process):
    with pytest.raises(
        ValueError, match=r"learner.sharding.shard_size = 3 does not divide the 4.*a divisor of 4"
    ):
        ShardingConfig(shard_size=3).check_world(4)
    with pytest.raises(ValueError, match="shard_size = 2 does not divide the 1 processes"):
        ShardedRanks(ShardingConfig(shard_size=2), torch.device("cpu"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shard_size": 0}, "sharding.shard_size = 0 is not legal"),
        ({"compute_dtype": "float16"}, "compute_dtype = 'float16' is not legal.*bfloat16"),
        ({"batches": "half"}, "batches = 'half' is not legal.*whole.*share"),
        ({"timeout_minutes": 0}, "timeout_minutes = 0 is not legal"),
    ],
)
def test_illegal_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_learner(make_chat(), sharding=ShardingConfig(**settings))
