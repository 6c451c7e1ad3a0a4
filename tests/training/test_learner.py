"""The learner on a toy model: what changes the gradient, what must not, and that it learns."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.training.toy import NUM_TOKENS, ToyModel, collate, make_learner, make_samples
from training.losses import PolicyLossConfig

LOSSES = [
    PolicyLossConfig(aggregation="token"),
    PolicyLossConfig(aggregation="sequence", clip_high=0.28),
    PolicyLossConfig(aggregation="constant", constant=6.0),
]


def make_advantages(samples, seed=5):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=len(sample.input_ids)) for sample in samples]


def weights_of(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def gradient_of(samples, advantages, loss, **settings):
    """The gradient of one `improve`: AdamW's first moment is a tenth of it after one step."""
    learner = make_learner(ToyModel(), max_grad_norm=1e9, **settings)
    metrics = learner.improve(samples, advantages, loss=loss)
    tensors = learner.state_dict()["tensors"]
    moments = [v.flatten() for name, v in sorted(tensors.items()) if name.startswith("exp_avg/")]
    return torch.cat(moments) / 0.1, metrics


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.aggregation)
def test_micro_batch_split_changes_nothing(loss):
    samples = make_samples(seed=1)
    advantages = make_advantages(samples)
    whole, metrics = gradient_of(samples, advantages, loss, micro_batch_size=8)
    assert metrics["num_micro_batches"] == 1
    for settings in ({"micro_batch_size": 4}, {"micro_batch_size": 1}, {"micro_batch_tokens": 20}):
        split, split_metrics = gradient_of(samples, advantages, loss, **settings)
        torch.testing.assert_close(split, whole, rtol=0, atol=1e-6)
        assert split_metrics["num_micro_batches"] > 1
        for name in set(metrics) - {"num_micro_batches"}:
            assert split_metrics[name] == pytest.approx(metrics[name], rel=1e-4), name


@pytest.mark.parametrize("aggregation", ["token", "sequence"])
def test_gradient_and_loss_equal_a_loop_over_samples(aggregation):
    # At ratio 1 the gradient is that of -A * log p; every sample is scored alone, and unpadded.
    samples = make_samples(seed=1)
    advantages = make_advantages(samples)
    model = ToyModel()
    costs, counts = [], []
    for sample, row in zip(samples, advantages, strict=True):
        table = torch.log_softmax(model(torch.from_numpy(sample.input_ids)[None])[0] / 0.7, dim=-1)
        places = [t for t in range(1, len(row)) if sample.loss_mask[t]]
        costs.append(-sum(row[t] * table[t - 1, sample.input_ids[t]] for t in places))
        counts.append(len(places))
    by_token = sum(costs) / sum(counts)
    by_sequence = sum(c / n for c, n in zip(costs, counts, strict=True)) / len(samples)
    (by_token if aggregation == "token" else by_sequence).backward()
    named = sorted(model.named_parameters())
    expected = torch.cat([parameter.grad.flatten() for _, parameter in named])
    rollout = make_learner(ToyModel(), temperature=0.7).rescore(samples)
    fresh = [
        dataclasses.replace(s, rollout_logprobs=r) for s, r in zip(samples, rollout, strict=True)
    ]
    found, metrics = gradient_of(
        fresh,
        advantages,
        PolicyLossConfig(aggregation=aggregation),
        temperature=0.7,
        micro_batch_size=3,
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert metrics["grad_norm"] == pytest.approx(expected.norm().item(), rel=1e-5)


def test_order_of_samples_changes_nothing():
    samples = make_samples(seed=1)
    advantages = make_advantages(samples)
    whole, _ = gradient_of(samples, advantages, LOSSES[1])
    turned, _ = gradient_of(samples[::-1], advantages[::-1], LOSSES[1])
    torch.testing.assert_close(turned, whole, rtol=0, atol=1e-6)


def test_nothing_outside_the_loss_mask_enters():
    samples = make_samples(seed=2)
    advantages = make_advantages(samples)
    spoilt = [
        dataclasses.replace(s, rollout_logprobs=np.where(s.loss_mask, s.rollout_logprobs, 7.0))
        for s in samples
    ]
    # The last token is behind every token that counts; as a target it is masked away here.
    short = [dataclasses.replace(s, loss_mask=s.loss_mask & _not_last(s)) for s in spoilt]
    other = [
        dataclasses.replace(
            s, input_ids=np.append(s.input_ids[:-1], (s.input_ids[-1] + 1) % NUM_TOKENS)
        )
        for s in short
    ]
    nan_outside = [
        np.where(s.loss_mask, row, np.nan) for s, row in zip(short, advantages, strict=True)
    ]
    before, _ = gradient_of(short, advantages, LOSSES[0])
    after, _ = gradient_of(other, nan_outside, LOSSES[0])
    assert torch.equal(before, after)
    full, _ = gradient_of(samples, advantages, LOSSES[0])
    assert not torch.allclose(before, full)


def _not_last(sample):
    return np.arange(len(sample.input_ids)) < len(sample.input_ids) - 1


def test_imitation_overfits_a_small_batch():
    samples = make_samples(seed=3, lengths=(6, 7))
    learner = make_learner(ToyModel(width=32))
    first = learner.imitate(samples)
    for _ in range(150):
        last = learner.imitate(samples)
    assert first["nll"] > 1.5
    assert last["nll"] < 0.05
    assert learner.step == learner.weights_version == 151
    for sample, logprobs in zip(samples, learner.rescore(samples), strict=True):
        assert logprobs[sample.loss_mask].min() > math.log(0.7)
        assert not logprobs[~sample.loss_mask].any()


def test_improve_moves_probability_towards_advantaged_tokens():
    learner = make_learner(ToyModel(), learning_rate=0.005)
    samples = make_samples(seed=4)
    before = learner.rescore(samples)
    samples = [
        dataclasses.replace(s, rollout_logprobs=row) for s, row in zip(samples, before, strict=True)
    ]
    signs = [1.0 if i % 2 else -1.0 for i in range(len(samples))]
    advantages = [np.full(len(s.input_ids), sign) for s, sign in zip(samples, signs, strict=True)]
    metrics = learner.improve(samples, advantages)
    # The weights are those of the rollout: all ratios are 1.
    assert metrics["ratio_mean"] == pytest.approx(1.0, abs=1e-6)
    assert metrics["approx_kl"] == pytest.approx(0.0, abs=1e-6)
    for _ in range(5):
        learner.improve(samples, advantages)
    change = [a.sum() - b.sum() for a, b in zip(learner.rescore(samples), before, strict=True)]
    assert all(delta * sign > 0 for delta, sign in zip(change, signs, strict=True))


def test_rescore_does_not_depend_on_the_batch():
    samples = make_samples(seed=5)
    model = ToyModel()
    together = make_learner(model, micro_batch_size=8).rescore(samples)
    alone = make_learner(model, micro_batch_size=1).rescore(samples)
    for a, b, sample in zip(together, alone, samples, strict=True):
        assert a.dtype == np.float32
        assert a.shape == sample.input_ids.shape
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_temperature_divides_the_logits():
    samples = make_samples(seed=5, lengths=(6,))
    model = ToyModel()
    (cool,) = make_learner(model, temperature=0.5).rescore(samples)
    with torch.no_grad():
        model.head.weight *= 2.0
    (sharp,) = make_learner(model).rescore(samples)
    np.testing.assert_allclose(cool, sharp, atol=1e-5)


def test_epochs_and_minibatches_count_as_optimizer_steps():
    samples = make_samples(seed=6)
    learner = make_learner(ToyModel(), num_epochs=3, num_minibatches=4)
    metrics = learner.improve(samples, make_advantages(samples))
    assert learner.step == 12
    # A step sees a quarter of the loss tokens on average: every sample comes once per epoch.
    total = sum(int(sample.loss_mask.sum()) for sample in samples)
    assert metrics["num_tokens"] == pytest.approx(total / 4)
    with pytest.raises(ValueError, match="num_minibatches = 4 is not legal for 3 samples"):
        learner.improve(samples[:3], make_advantages(samples[:3]))


def test_minibatches_are_shuffled_by_seed_and_step_alone():
    samples = make_samples(seed=6)
    lengths = {len(sample.input_ids) for sample in samples}
    assert len(lengths) == len(samples)

    def minibatches(seed):
        seen = []

        def recording(batch):
            seen.append(frozenset(len(sample.input_ids) for sample in batch))
            return collate(batch)

        learner = make_learner(
            ToyModel(), num_epochs=4, num_minibatches=2, micro_batch_size=8, shuffle_seed=seed
        )
        learner.collate = recording
        learner.improve(samples, make_advantages(samples))
        return seen

    first = minibatches(seed=0)
    assert len(first) == 8
    assert all(a | b == lengths for a, b in zip(first[::2], first[1::2], strict=True))
    assert len(set(first)) > 2
    assert minibatches(seed=0) == first
    assert minibatches(seed=1) != first


def test_metrics_weigh_every_token_alike_whatever_the_minibatches():
    samples = make_samples(seed=6, lengths=(4, 4, 40))
    advantages = make_advantages(samples)
    # With a learning rate of 0 the weights stay, so both see the same ratios and entropies.
    whole, parts = (
        make_learner(ToyModel(), learning_rate=0.0, num_minibatches=n).improve(samples, advantages)
        for n in (1, 3)
    )
    for name in ("ratio_mean", "approx_kl", "clip_fraction", "entropy"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-5)


def test_kl_pulls_back_to_the_reference():
    samples = make_samples(seed=7)
    reference = make_learner(ToyModel(seed=0)).rescore(samples)
    zeros = [np.zeros(len(s.input_ids)) for s in samples]
    learner = make_learner(ToyModel(seed=1))
    loss = PolicyLossConfig(kl_weight=1.0)
    reports = [
        learner.improve(samples, zeros, loss=loss, ref_logprobs=reference)["ref_kl"]
        for _ in range(60)
    ]
    assert reports[-1] < 0.1 * reports[0]


def test_only_matrices_decay():
    samples = make_samples(seed=8)
    model = ToyModel()
    with torch.no_grad():
        model.mix.bias += 1.0
    zeros = [np.zeros(len(s.input_ids)) for s in samples]
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    make_learner(model, learning_rate=0.1, weight_decay=0.5).improve(samples, zeros)
    for name, parameter in model.named_parameters():
        # AdamW without gradient: w <- w * (1 - lr * decay) = 0.95 w for matrices.
        factor = 0.95 if parameter.ndim == 2 else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


def test_gradient_is_clipped_to_the_norm():
    samples = make_samples(seed=9)
    learner = make_learner(ToyModel(), max_grad_norm=1e-3)
    metrics = learner.imitate(samples)
    tensors = learner.state_dict()["tensors"]
    squares = sum(v.square().sum() for name, v in tensors.items() if name.startswith("exp_avg/"))
    assert metrics["grad_norm"] > 0.1
    assert (squares.sqrt() / 0.1).item() == pytest.approx(1e-3, rel=1e-3)


def test_a_gradient_that_is_not_finite_stops_the_run_and_keeps_the_weights():
    samples = make_samples(seed=9)
    model = ToyModel()
    learner = make_learner(model)
    learner.imitate(samples)
    before = weights_of(model)
    hook = model.mix.weight.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(FloatingPointError, match="optimizer step 1: the gradient norm is nan"):
        learner.imitate(samples)
    hook.remove()
    assert torch.equal(weights_of(model), before)
    assert learner.step == 1
    learner.imitate(samples)


def test_bad_batches_are_named():
    samples = make_samples(seed=9)
    advantages = make_advantages(samples)
    learner = make_learner(ToyModel())
    with pytest.raises(ValueError, match=r"advantages have lengths \[3, .* samples \[9,"):
        learner.improve(samples, [np.zeros(3), *advantages[1:]])
    with pytest.raises(FloatingPointError, match="advantages"):
        learner.improve(samples, [row * np.nan for row in advantages])
    blind = [dataclasses.replace(s, rollout_logprobs=None) for s in samples]
    with pytest.raises(ValueError, match=r"samples \[0, 1, 2, 3, 4\] have no rollout_logprobs"):
        learner.improve(blind, advantages)
    empty = [dataclasses.replace(s, loss_mask=np.zeros_like(s.loss_mask)) for s in samples]
    with pytest.raises(ValueError, match="none of the 8 samples has a loss token"):
        learner.imitate(empty)
    full = [dataclasses.replace(s, loss_mask=np.ones_like(s.loss_mask)) for s in samples]
    with pytest.raises(ValueError, match="covers the first token"):
        learner.imitate(full)
    assert learner.step == 0
