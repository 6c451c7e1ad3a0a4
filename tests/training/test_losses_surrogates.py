"""Every surrogate against a slow loop over tokens and against hand-worked numbers."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from tests.training.loss_cases import CASES, MASK, loss_of, make_inputs
from training.losses import (
    KL_ESTIMATORS,
    SURROGATES,
    LossInputs,
    PolicyLossConfig,
    policy_loss,
)
from training.losses.config import SURROGATE_NAMES


def slow_loss(inputs: LossInputs, settings: dict[str, Any]) -> float:
    config = PolicyLossConfig(**settings)
    sequences = []
    for row in range(len(MASK)):
        names = ("trainer_logprobs", "old_logprobs", "rollout_logprobs", "ref_logprobs")
        columns = [*(getattr(inputs, name)[row] for name in names), inputs.advantages[row]]
        places = MASK[row].nonzero()[:, 0].tolist()
        tokens = [[column[t].item() for column in columns] for t in places]
        if tokens:
            sequences.append(slow_costs(tokens, config))
    if config.aggregation == "token":
        return sum(map(sum, sequences)) / sum(map(len, sequences))
    if config.aggregation == "sequence":
        return sum(sum(c) / len(c) for c in sequences) / len(sequences)
    assert config.constant is not None
    return sum(sum(c) / config.constant for c in sequences) / len(sequences)


def slow_costs(tokens: list[list[float]], config: PolicyLossConfig) -> list[float]:
    """Costs of one sequence; per token log-probabilities (new, old, rollout, ref), advantage."""
    cap = config.importance_cap
    weights = [min(math.exp(old - r), cap) if cap else 1.0 for _, old, r, _, _ in tokens]
    ratios = [math.exp(new - old) for new, old, *_ in tokens]
    product = math.prod(r * w for r, w in zip(ratios, weights, strict=True))
    if config.ratio == "sequence":
        ratios = [math.prod(ratios) ** (1 / len(ratios))] * len(ratios)
    costs = []
    for (new, _, _, ref, advantage), ratio, weight in zip(tokens, ratios, weights, strict=True):
        if config.surrogate == "vespo":
            k, scale = (2.0, 3.0) if advantage >= 0 else (3.0, 2.0)
            cost = -(product**k) * math.exp(scale * (1 - product)) * advantage * new
        else:
            cost = weight * slow_cost(new, ratio, advantage, config)
        d = ref - new
        kl = {"k1": -d, "k2": d * d / 2, "k3": math.exp(d) - d - 1}[config.kl_estimator]
        costs.append(cost + config.kl_weight * kl * (ratio if config.kl_importance else 1.0))
    return costs


def slow_cost(new: float, ratio: float, advantage: float, config: PolicyLossConfig) -> float:
    low, high = 1 - config.clip_low, 1 + config.clip_high
    if config.surrogate == "reinforce":
        return -advantage * new
    if config.surrogate == "cispo":
        return -min(max(ratio, low), high) * advantage * new
    if config.surrogate == "sapo":
        tau = config.soft_temperatures[0 if advantage > 0 else 1]
        return -4 / tau / (1 + math.exp(-tau * (ratio - 1))) * advantage
    if advantage >= 0:
        return -advantage * min(ratio, high)
    bounded = ratio if config.dual_clip is None else min(ratio, config.dual_clip)
    return -advantage * max(bounded, low)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_loss_equals_a_slow_loop(name: str, seed: int) -> None:
    inputs = make_inputs(seed)
    assert loss_of(inputs, CASES[name]).item() == pytest.approx(
        slow_loss(inputs, CASES[name]), rel=1e-12
    )


def test_every_surrogate_and_estimator_is_among_the_cases() -> None:
    assert tuple(SURROGATES) == SURROGATE_NAMES
    assert {case.get("surrogate", "clip") for case in CASES.values()} == set(SURROGATES)
    assert {case.get("kl_estimator", "k3") for case in CASES.values()} == set(KL_ESTIMATORS)


def one_token(ratio: float, advantage: float, **settings: Any) -> tuple[float, float, float]:
    """Cost, gradient and share clipped of a token with log p = ln(ratio / 4), old 1/4."""
    old = torch.full((1, 1), math.log(0.25), dtype=torch.float64)
    trainer = (old + math.log(ratio)).requires_grad_()
    inputs = LossInputs(
        trainer_logprobs=trainer,
        rollout_logprobs=old,
        ref_logprobs=old,
        advantages=torch.full_like(old, advantage),
        loss_mask=torch.ones(1, 1, dtype=torch.bool),
    )
    outputs = policy_loss(inputs, PolicyLossConfig(**settings), denominator=1.0)
    outputs.loss.backward()
    assert trainer.grad is not None
    return outputs.loss.item(), trainer.grad.item(), outputs.metrics["clip_fraction"]


@pytest.mark.parametrize(
    ("settings", "ratio", "advantage", "loss", "gradient", "clipped"),
    [
        # -w * A * ln p with p = 1/2: ln p = -0.693147. w = 2 is cut to 1.5; the token still learns.
        ({"surrogate": "cispo", "clip_high": 0.5}, 2.0, 1.0, 1.0397208, -1.5, 1.0),
        ({"surrogate": "cispo", "clip_high": 1.5}, 2.0, 1.0, 1.3862944, -2.0, 0.0),
        # p = 1/8, ln p = -2.0794415, w = 0.5, and no lower bound.
        ({"surrogate": "cispo", "clip_low": 1.0}, 0.5, -2.0, -2.0794415, 1.0, 0.0),
        # 4 * sigmoid(0) * A = 2 A; slope 4 * sigmoid' * rho = 4 * 0.25 * 1.
        ({"surrogate": "sapo"}, 1.0, 1.5, -3.0, -1.5, 0.0),
        # w = 2, A > 0: phi = 2^2 * exp(3 - 6) = 0.1991483. A < 0: 2^3 * exp(2 - 4) = 1.0826823.
        ({"surrogate": "vespo"}, 2.0, 1.0, 0.1380391, -0.1991483, 0.0),
        ({"surrogate": "vespo"}, 2.0, -1.0, -0.7504582, 1.0826823, 0.0),
        # -A * ln(1/2), whatever the ratio.
        ({"surrogate": "reinforce"}, 2.0, 3.0, 2.0794415, -3.0, 0.0),
        # A < 0: the ratio of 5 counts as 3, and has no gradient.
        ({"dual_clip": 3.0}, 5.0, -2.0, 6.0, 0.0, 1.0),
        ({"dual_clip": 3.0}, 2.5, -2.0, 5.0, 5.0, 0.0),
    ],
)
def test_surrogates_by_hand(
    settings: dict[str, Any],
    ratio: float,
    advantage: float,
    loss: float,
    gradient: float,
    clipped: float,
) -> None:
    found = one_token(ratio, advantage, **settings)
    assert found == pytest.approx((loss, gradient, clipped), abs=1e-7)


def test_the_importance_correction_by_hand() -> None:
    # old / rollout = 2, 1/2 and 1: weights 1.25 (cut), 0.5 and 1, mean 2.75 / 3. Ratios are 1, so
    # the loss is -(1.25 - 0.5 * 2 + 1) / 3. k3 of KL(rollout || old) with d = ln(old / rollout):
    # 2 - ln 2 - 1 = 0.306853, 0.5 + ln 2 - 1 = 0.193147 and 0: mean 1/6.
    old = torch.log(torch.tensor([[0.5, 0.25, 0.5]], dtype=torch.float64))
    inputs = LossInputs(
        trainer_logprobs=old.clone().requires_grad_(),
        rollout_logprobs=torch.log(torch.tensor([[0.25, 0.5, 0.5]], dtype=torch.float64)),
        old_logprobs=old,
        ref_logprobs=None,
        advantages=torch.tensor([[1.0, -2.0, 1.0]], dtype=torch.float64),
        loss_mask=torch.ones(1, 3, dtype=torch.bool),
    )
    outputs = policy_loss(inputs, PolicyLossConfig(importance_cap=1.25), denominator=3.0)
    outputs.loss.backward()
    assert outputs.loss.item() == pytest.approx(-1.25 / 3)
    assert inputs.trainer_logprobs.grad is not None
    assert inputs.trainer_logprobs.grad[0].tolist() == pytest.approx([-1.25 / 3, 1 / 3, -1 / 3])
    assert outputs.metrics["importance_mean"] == pytest.approx(2.75 / 3)
    assert outputs.metrics["importance_clipped"] == pytest.approx(1 / 3)
    assert outputs.metrics["mismatch_kl"] == pytest.approx(1 / 6)
    assert outputs.metrics["approx_kl"] == outputs.metrics["clip_fraction"] == 0


@pytest.mark.parametrize("name", KL_ESTIMATORS)
def test_kl_gradients_in_expectation(name: str) -> None:
    """Over a whole distribution: k1 alone pulls nowhere; k2, and k1 and k3 times the ratio, pull as
    the KL itself.
    """
    logits = torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64, requires_grad=True)
    ref = torch.log_softmax(torch.tensor([0.0, 0.4, -0.2], dtype=torch.float64), dim=0)
    probs = torch.softmax(logits, dim=0).detach()
    logp = torch.log_softmax(logits, dim=0)
    estimate = KL_ESTIMATORS[name](ref - logp)
    ratio = logp.exp() / probs
    (plain,) = torch.autograd.grad((probs * estimate).sum(), logits, retain_graph=True)
    (weighted,) = torch.autograd.grad((probs * ratio * estimate).sum(), logits, retain_graph=True)
    (exact,) = torch.autograd.grad((logp.exp() * (logp - ref)).sum(), logits)
    assert (plain.abs().max() < 1e-12) == (name == "k1")
    assert torch.allclose(plain, exact, atol=1e-12) == (name == "k2")
    assert torch.allclose(weighted, exact, atol=1e-12) == (name != "k2")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"surrogate": "ppo"}, "surrogate = 'ppo' is not legal.*cispo"),
        ({"ratio": "turn"}, "ratio = 'turn' is not legal.*sequence"),
        ({"kl_estimator": "k4"}, "kl_estimator = 'k4'.*k2"),
        ({"dual_clip": 1.1}, r"dual_clip = 1.1 is not legal.*>= 1\.2"),
        ({"dual_clip": 3.0, "surrogate": "cispo"}, "needs surrogate 'clip'"),
        ({"importance_cap": 0.0}, "importance_cap = 0.0"),
        ({"soft_temperatures": (1.0, 0.0)}, r"soft_temperatures\[1\] = 0.0"),
        ({"ratio": "sequence", "surrogate": "reinforce"}, "does nothing for surrogate 'reinforce'"),
        ({"kl_weight": 0.1, "kl_estimator": "k1"}, "'k1' pulls nowhere"),
    ],
)
def test_illegal_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PolicyLossConfig(**settings).check()


def test_a_correction_needs_the_old_probabilities() -> None:
    inputs = dataclasses.replace(make_inputs(), old_logprobs=None)
    with pytest.raises(ValueError, match="importance_cap needs old_logprobs"):
        policy_loss(inputs, PolicyLossConfig(importance_cap=2.0), denominator=1.0)
