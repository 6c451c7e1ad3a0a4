"""Losses against a slow loop, hand-worked numbers and finite differences. All in float64."""

import math

import pytest
import torch

from training.losses import (
    LossInputs,
    PolicyLossConfig,
    imitation_loss,
    loss_denominator,
    policy_loss,
)

AGGREGATIONS = [("token", None), ("sequence", None), ("constant", 5.0)]
MASK = torch.tensor(
    [[0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]]
).bool()


def make_inputs(seed=0, mask=MASK):
    """Ratios between about 0.3 and 3, so that both clips bite on both signs of the advantage."""
    generator = torch.Generator().manual_seed(seed)

    def normal(scale):
        return scale * torch.randn(mask.shape, generator=generator, dtype=torch.float64)

    rollout = -1.5 + normal(0.3)
    return LossInputs(
        trainer_logprobs=(rollout + normal(0.4)).requires_grad_(),
        rollout_logprobs=rollout,
        ref_logprobs=rollout + normal(0.3),
        advantages=normal(1.0),
        loss_mask=mask,
    )


def rows_of(inputs, rows):
    fields = ("trainer_logprobs", "rollout_logprobs", "ref_logprobs", "advantages", "loss_mask")
    return LossInputs(**{name: getattr(inputs, name)[rows] for name in fields})


def slow_token_cost(new, old, ref, advantage, low, high, kl_weight):
    """Cost of one token from probabilities: the gain grows with new/old until the clip stops it."""
    ratio = new / old
    if advantage >= 0:
        gain = advantage * (1 + high if ratio > 1 + high else ratio)
    else:
        gain = advantage * (1 - low if ratio < 1 - low else ratio)
    return -gain + kl_weight * (ref / new - 1 + math.log(new / ref))


def slow_loss(inputs, low, high, kl_weight, aggregation, constant):
    sequences = []
    for row in range(len(inputs.loss_mask)):
        costs = []
        for t in range(inputs.loss_mask.shape[1]):
            if inputs.loss_mask[row, t]:
                names = ("trainer_logprobs", "rollout_logprobs", "ref_logprobs")
                new, old, ref = (math.exp(getattr(inputs, n)[row, t].item()) for n in names)
                advantage = inputs.advantages[row, t].item()
                costs.append(slow_token_cost(new, old, ref, advantage, low, high, kl_weight))
        if costs:
            sequences.append(costs)
    if aggregation == "token":
        return sum(map(sum, sequences)) / sum(map(len, sequences))
    if aggregation == "sequence":
        return sum(sum(c) / len(c) for c in sequences) / len(sequences)
    return sum(sum(c) / constant for c in sequences) / len(sequences)


@pytest.mark.parametrize(("aggregation", "constant"), AGGREGATIONS)
@pytest.mark.parametrize("kl_weight", [0.0, 0.3])
def test_loss_equals_a_slow_loop(aggregation, constant, kl_weight):
    inputs = make_inputs()
    denominator = loss_denominator(list(inputs.loss_mask), aggregation, constant)
    config = PolicyLossConfig(
        clip_low=0.1, clip_high=0.28, kl_weight=kl_weight, aggregation=aggregation
    )
    outputs = policy_loss(inputs, config, denominator=denominator)
    expected = slow_loss(inputs, 0.1, 0.28, kl_weight, aggregation, constant)
    assert outputs.loss.item() == pytest.approx(expected, rel=1e-12)
    assert 0 < outputs.metrics["clip_fraction"] < 1


@pytest.mark.parametrize(("aggregation", "constant"), AGGREGATIONS)
def test_gradient_equals_finite_differences(aggregation, constant):
    inputs = make_inputs(seed=3)
    denominator = loss_denominator(list(inputs.loss_mask), aggregation, constant)

    def loss_of(trainer):
        changed = LossInputs(**{**vars(inputs), "trainer_logprobs": trainer})
        config = PolicyLossConfig(kl_weight=0.2, aggregation=aggregation)
        return policy_loss(changed, config, denominator=denominator).loss

    assert torch.autograd.gradcheck(loss_of, inputs.trainer_logprobs, eps=1e-6, atol=1e-8)


@pytest.mark.parametrize(("aggregation", "constant"), AGGREGATIONS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_micro_batches_add_up(aggregation, constant, size):
    whole, parts = make_inputs(), make_inputs()
    config = PolicyLossConfig(kl_weight=0.1, aggregation=aggregation)
    denominator = loss_denominator(list(MASK), aggregation, constant)
    total = policy_loss(whole, config, denominator=denominator).loss
    total.backward()
    pieces = 0.0
    for start in range(0, len(MASK), size):
        rows = rows_of(parts, slice(start, start + size))
        loss = policy_loss(rows, config, denominator=denominator).loss
        loss.backward()
        pieces += loss.item()
    assert pieces == pytest.approx(total.item(), rel=1e-12)
    torch.testing.assert_close(
        parts.trainer_logprobs.grad, whole.trainer_logprobs.grad, rtol=0, atol=1e-15
    )


def test_gradient_at_ratio_one_is_reinforce():
    inputs = make_inputs()
    on_policy = inputs.rollout_logprobs.clone().requires_grad_()
    inputs = LossInputs(**{**vars(inputs), "trainer_logprobs": on_policy})
    policy_loss(inputs, denominator=8.0).loss.backward()
    surrogate = on_policy.detach().requires_grad_()
    (-(inputs.advantages * surrogate)[MASK].sum() / 8.0).backward()
    torch.testing.assert_close(on_policy.grad, surrogate.grad, rtol=0, atol=1e-15)


def one_token(ratio, advantage, **settings):
    """Loss and gradient with respect to the log-probability of a single token."""
    trainer = torch.tensor([[math.log(ratio)]], dtype=torch.float64, requires_grad=True)
    zero, mask = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.bool)
    inputs = LossInputs(
        trainer_logprobs=trainer,
        rollout_logprobs=zero,
        ref_logprobs=zero,
        advantages=zero + advantage,
        loss_mask=mask,
    )
    outputs = policy_loss(inputs, PolicyLossConfig(**settings), denominator=1.0)
    outputs.loss.backward()
    return outputs.loss.item(), trainer.grad.item(), outputs.metrics


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient", "clipped"),
    [
        (1.25, 1.0, -1.25, -1.25, 0.0),  # inside 1 + 0.28: d(-ratio)/d(log ratio) = -ratio
        (1.30, 1.0, -1.28, 0.0, 1.0),  # above: constant
        (0.50, 1.0, -0.50, -0.50, 0.0),  # a good token made unlikely is always pulled back
        (0.85, -2.0, 1.70, 1.70, 0.0),  # inside 1 - 0.2
        (0.75, -2.0, 1.60, 0.0, 1.0),  # below: 2 * 0.8
        (0.50, 0.0, 0.00, 0.0, 0.0),  # nothing to clip
        (3.00, -2.0, 6.00, 6.00, 0.0),  # a bad token made likely is always pulled back
    ],
)
def test_clip_higher_by_hand(ratio, advantage, loss, gradient, clipped):
    found = one_token(ratio, advantage, clip_low=0.2, clip_high=0.28)
    assert found[0] == pytest.approx(loss, rel=1e-12)
    assert found[1] == pytest.approx(gradient, abs=1e-12)
    assert found[2]["clip_fraction"] == clipped
    assert found[2]["ratio_mean"] == pytest.approx(ratio)


def test_k3_by_hand():
    # trainer = 2 * ref: ref/trainer - 1 - ln(ref/trainer) = 0.5 - 1 + ln 2 = 0.193147. Its gradient
    # with respect to ln(trainer) is 1 - ref/trainer = 0.5.
    # With the rollout equal to the reference, rho = 2: 2 - 1 - ln 2 = 0.306853.
    loss, gradient, metrics = one_token(2.0, 0.0, kl_weight=1.0)
    assert loss == pytest.approx(0.1931471806, abs=1e-10)
    assert gradient == pytest.approx(0.5, abs=1e-12)
    assert metrics["ref_kl"] == pytest.approx(0.1931471806, abs=1e-10)
    assert metrics["approx_kl"] == pytest.approx(0.3068528194, abs=1e-10)


def test_masked_tokens_never_matter():
    inputs, spoilt = make_inputs(), make_inputs()
    names = ("rollout_logprobs", "ref_logprobs", "advantages")
    bad = {n: torch.where(MASK, getattr(spoilt, n), torch.nan) for n in names}
    trainer = torch.where(MASK, spoilt.trainer_logprobs.detach(), -torch.inf).requires_grad_()
    spoilt = LossInputs(trainer_logprobs=trainer, loss_mask=MASK, **bad)
    for aggregation in ("token", "sequence"):
        config = PolicyLossConfig(aggregation=aggregation, kl_weight=0.5)
        a, b = (policy_loss(each, config, denominator=3.0) for each in (inputs, spoilt))
        assert a.loss.item() == b.loss.item()
        assert a.metrics == b.metrics
        b.loss.backward()
    assert trainer.grad[~MASK].tolist() == [0.0] * int((~MASK).sum())
    assert trainer.grad[MASK].abs().min() > 0


@pytest.mark.parametrize("aggregation", ["token", "sequence", "constant"])
def test_an_empty_mask_gives_zero_with_a_live_graph(aggregation):
    inputs = make_inputs(mask=torch.zeros(2, 3, dtype=torch.bool))
    config = PolicyLossConfig(aggregation=aggregation, kl_weight=0.1)
    outputs = policy_loss(inputs, config, denominator=4.0)
    outputs.loss.backward()
    assert outputs.loss.item() == 0.0
    assert outputs.num_tokens == 0
    assert inputs.trainer_logprobs.grad.abs().sum() == 0
    trainer = torch.zeros(2, 3, requires_grad=True)
    imitation_loss(trainer, inputs.loss_mask, denominator=4.0).loss.backward()
    assert trainer.grad.abs().sum() == 0


@pytest.mark.parametrize(
    "name", ["trainer_logprobs", "rollout_logprobs", "ref_logprobs", "advantages"]
)
def test_nan_under_the_mask_raises(name):
    inputs = make_inputs()
    value = getattr(inputs, name).detach().clone()
    value[0, 1] = torch.nan
    changed = LossInputs(**{**vars(inputs), name: value})
    with pytest.raises(FloatingPointError, match=f"{name}: 1 of 8"):
        policy_loss(changed, PolicyLossConfig(kl_weight=0.1), denominator=8.0)


def test_a_ratio_beyond_floating_point_raises():
    mask = torch.ones(1, 1, dtype=torch.bool)
    inputs = LossInputs(
        trainer_logprobs=torch.zeros(1, 1),
        rollout_logprobs=torch.full((1, 1), -100.0),
        ref_logprobs=None,
        advantages=torch.ones(1, 1),
        loss_mask=mask,
    )
    with pytest.raises(FloatingPointError, match="ratio: 1 of 1"):
        policy_loss(inputs, denominator=1.0)


def test_entropy_is_reported_over_loss_tokens():
    inputs = make_inputs()
    entropies = torch.where(MASK, 2.0, 100.0)
    outputs = policy_loss(LossInputs(**{**vars(inputs), "entropies": entropies}), denominator=8.0)
    assert outputs.metrics["entropy"] == 2.0
    assert outputs.num_tokens == 8


def test_denominators_by_hand():
    # MASK has 4, 1, 3 and 0 loss tokens; the sequence without any does not count.
    assert loss_denominator(list(MASK), "token") == 8
    assert loss_denominator(list(MASK), "sequence") == 3
    assert loss_denominator([row.numpy() for row in MASK], "constant", 10.0) == 30


def test_imitation_by_hand():
    # -ln p of the masked tokens: 1, 2 | 3. By token (1+2+3)/3 = 2; by sequence (1.5 + 3)/2 = 2.25;
    # by a constant of 4: 6 / (2 * 4) = 0.75.
    trainer = -torch.tensor([[9.0, 1.0, 2.0], [9.0, 9.0, 3.0]])
    mask = torch.tensor([[False, True, True], [False, False, True]])
    for aggregation, constant, expected in (
        ("token", None, 2.0),
        ("sequence", None, 2.25),
        ("constant", 4.0, 0.75),
    ):
        denominator = loss_denominator(list(mask), aggregation, constant)
        outputs = imitation_loss(trainer, mask, aggregation=aggregation, denominator=denominator)
        assert outputs.loss.item() == expected
        assert outputs.metrics["nll"] == 2.0
    trainer[1, 2] = -torch.inf
    with pytest.raises(FloatingPointError, match="trainer_logprobs: 1 of 3"):
        imitation_loss(trainer, mask, denominator=1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip_low": 1.5}, "clip_low = 1.5.*<= 1.0"),
        ({"clip_high": -0.1}, "clip_high = -0.1.*>= 0"),
        ({"kl_weight": math.nan}, "kl_weight = nan.*finite"),
        ({"aggregation": "mean"}, "'mean' is not legal.*token"),
        ({"aggregation": "constant"}, "constant = None is not legal"),
        ({"constant": 5.0}, "constant = 5.0 needs aggregation 'constant'"),
    ],
)
def test_illegal_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        PolicyLossConfig(**settings).check()


def test_policy_loss_refuses_what_it_cannot_use():
    inputs = make_inputs()
    with pytest.raises(ValueError, match=r"denominator = 0\.0 is not legal"):
        policy_loss(inputs, denominator=0.0)
    changed = LossInputs(**{**vars(inputs), "ref_logprobs": None})
    with pytest.raises(ValueError, match="needs ref_logprobs"):
        policy_loss(changed, PolicyLossConfig(kl_weight=0.1), denominator=8.0)
