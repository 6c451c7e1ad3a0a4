"""Inputs and settings that the tests of the losses share."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from training.losses import LossInputs, PolicyLossConfig, loss_denominator, policy_loss

MASK = torch.tensor(
    [[0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]]
).bool()
CASES: dict[str, dict[str, Any]] = {
    "clip": {"clip_low": 0.1, "clip_high": 0.28},
    "dual clip": {"dual_clip": 1.3, "aggregation": "sequence"},
    "gspo": {"ratio": "sequence", "clip_low": 0.01, "clip_high": 0.02, "aggregation": "sequence"},
    "cispo": {"surrogate": "cispo", "clip_high": 0.3},
    "cispo by sequence": {"surrogate": "cispo", "ratio": "sequence", "clip_high": 0.05},
    "sapo": {"surrogate": "sapo", "soft_temperatures": (0.8, 1.3), "aggregation": "sequence"},
    "vespo": {"surrogate": "vespo"},
    "vespo, corrected": {"surrogate": "vespo", "importance_cap": 1.1},
    "reinforce": {"surrogate": "reinforce", "aggregation": "constant", "constant": 5.0},
    "corrected": {"importance_cap": 1.1, "kl_weight": 0.2},
    "k1": {"kl_weight": 0.3, "kl_estimator": "k1", "kl_importance": True},
    "k2": {"kl_weight": 0.3, "kl_estimator": "k2"},
    "k3 times ratio": {"kl_weight": 0.3, "kl_importance": True},
    "gspo with k2": {"ratio": "sequence", "kl_weight": 0.3, "kl_estimator": "k2"},
}


def make_inputs(seed: int = 0) -> LossInputs:
    """Old, rollout and reference weights all differ; advantages differ from token to token."""
    generator = torch.Generator().manual_seed(seed)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(MASK.shape, generator=generator, dtype=torch.float64)

    rollout = -1.5 + normal(0.3)
    old = rollout + normal(0.15)
    return LossInputs(
        trainer_logprobs=(old + normal(0.3)).requires_grad_(),
        rollout_logprobs=rollout,
        old_logprobs=old,
        ref_logprobs=rollout + normal(0.3),
        advantages=normal(1.0),
        loss_mask=MASK,
    )


def with_trainer(inputs: LossInputs, trainer: Tensor) -> LossInputs:
    return dataclasses.replace(inputs, trainer_logprobs=trainer)


def loss_of(inputs: LossInputs, settings: dict[str, Any], mask: Tensor = MASK) -> Tensor:
    config = PolicyLossConfig(**settings)
    config.check()
    denominator = loss_denominator(list(mask), config.aggregation, config.constant)
    return policy_loss(inputs, config, denominator=denominator).loss


def gradient_of(inputs: LossInputs, settings: dict[str, Any]) -> Tensor:
    trainer = inputs.trainer_logprobs.detach().clone().requires_grad_()
    loss_of(with_trainer(inputs, trainer), settings).backward()
    assert trainer.grad is not None
    return trainer.grad
