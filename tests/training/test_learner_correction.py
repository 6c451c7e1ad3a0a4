"""The learner's correction for rollouts from other probabilities than its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from policies.interface import Sample
from tests.training.toy import ToyModel, make_learner, make_samples
from training.losses import PolicyLossConfig

ALL = PolicyLossConfig(clip_low=1.0, clip_high=1e6)
"""Nothing is clipped: every token's gradient is A * trainer / rollout."""


def improved(samples: list[Sample], loss: PolicyLossConfig, **settings: object) -> tuple:
    model = ToyModel()
    learner = make_learner(model, **settings)
    advantages = [np.linspace(-1, 2, len(s.input_ids)) for s in samples]
    metrics = learner.improve(samples, advantages, loss=loss)
    return torch.cat([p.detach().flatten() for p in model.parameters()]), metrics


def test_one_step_without_a_cut_is_importance_sampling() -> None:
    samples = make_samples(seed=1)
    plain, _ = improved(samples, ALL)
    corrected, metrics = improved(samples, PolicyLossConfig(importance_cap=1e6))
    torch.testing.assert_close(corrected, plain, rtol=0, atol=1e-6)
    assert metrics["importance_clipped"] == metrics["approx_kl"] == 0
    assert metrics["ratio_mean"] == 1


def test_the_cut_is_reported_and_changes_the_step() -> None:
    samples = make_samples(seed=1)
    free, _ = improved(samples, PolicyLossConfig(importance_cap=1e6))
    cut, metrics = improved(samples, PolicyLossConfig(importance_cap=1.1))
    assert not torch.allclose(free, cut, atol=1e-4)
    learner = make_learner(ToyModel())
    own = learner.rescore(samples)
    log_ratios = np.concatenate(
        [(o - s.rollout_logprobs)[s.loss_mask] for o, s in zip(own, samples, strict=True)]
    )
    weights = np.exp(log_ratios)
    assert metrics["importance_clipped"] == pytest.approx((weights > 1.1).mean())
    assert metrics["importance_mean"] == pytest.approx(np.minimum(weights, 1.1).mean(), rel=1e-5)
    assert metrics["mismatch_kl"] == pytest.approx((weights - 1 - log_ratios).mean(), rel=1e-4)


def test_over_several_steps_the_ratio_is_to_the_first_weights() -> None:
    samples = make_samples(seed=2)
    settings = {"num_epochs": 2, "micro_batch_size": 3}
    _, metrics = improved(samples, PolicyLossConfig(importance_cap=1.1), **settings)
    # The mismatch is that of the first step's weights in both epochs, as after one epoch.
    _, first = improved(samples, PolicyLossConfig(importance_cap=1.1))
    for name in ("mismatch_kl", "importance_mean", "importance_clipped"):
        assert metrics[name] == pytest.approx(first[name], rel=1e-4)
    assert metrics["approx_kl"] > 1e-6 > first["approx_kl"]
