"""Tensors and settings on which our losses and TRL's are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.losses import LossInputs, LossOutputs, PolicyLossConfig, loss_denominator, policy_loss

FROZEN = Path(__file__).with_name("trl_losses.json")
"""TRL's own losses and gradients, and the tensors that they are of."""

MASK = [
    [1, 1, 1, 0, 0, 1, 1, 0, 0],
    [1, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1, 1, 1, 1],
    [1, 1, 0, 0, 1, 0, 0, 0, 0],
]
"""Gaps are what the environment said between two turns."""

TRL: dict[str, dict[str, Any]] = {
    "grpo": {"loss_type": "grpo", "epsilon_high": 0.28},
    "grpo, k3": {"loss_type": "grpo", "beta": 0.3},
    "grpo, k3 times ratio": {"loss_type": "grpo", "beta": 0.3, "use_bias_correction_kl": True},
    "grpo, two-sided clip": {"loss_type": "grpo", "delta": 1.5},
    "grpo, advantages per token": {"loss_type": "grpo", "advantages": "token_advantages"},
    "bnpo": {"loss_type": "bnpo"},
    "dr_grpo": {"loss_type": "dr_grpo"},
    "dr_grpo in 2 micro-batches": {"loss_type": "dr_grpo", "num_micro_batches": 2},
    "dapo": {"loss_type": "dapo", "epsilon_high": 0.28},
    "dapo in 2 micro-batches": {"loss_type": "dapo", "num_micro_batches": 2, "beta": 0.1},
    "dapo, truncated importance": {"loss_type": "dapo", "importance_cap": 1.2, "beta": 0.1},
    "cispo": {"loss_type": "cispo", "epsilon_high": 1.4},
    "gspo": {
        "loss_type": "grpo",
        "importance_sampling_level": "sequence",
        "epsilon_low": 0.03,
        "epsilon_high": 0.04,
    },
    "gspo, k3": {"loss_type": "grpo", "importance_sampling_level": "sequence", "beta": 0.3},
    "luspo": {"loss_type": "luspo", "importance_sampling_level": "sequence"},
    "sapo": {"loss_type": "sapo"},
    "vespo": {"loss_type": "vespo"},
    "vespo, truncated importance": {"loss_type": "vespo", "importance_cap": 1.2},
}
"""Case -> TRL's settings, beside `tests.external.trl_losses.DEFAULTS`."""

OURS: dict[str, dict[str, Any]] = {
    "grpo": {"aggregation": "sequence", "clip_high": 0.28},
    "grpo, k3": {"aggregation": "sequence", "kl_weight": 0.3},
    "grpo, k3 times ratio": {"aggregation": "sequence", "kl_weight": 0.3, "kl_importance": True},
    "grpo, two-sided clip": {"aggregation": "sequence", "dual_clip": 1.5},
    "grpo, advantages per token": {"aggregation": "sequence"},
    "bnpo": {"aggregation": "token"},
    "dr_grpo": {"aggregation": "constant", "constant": 9},
    "dr_grpo in 2 micro-batches": {"aggregation": "constant", "constant": 9},
    "dapo": {"aggregation": "token", "clip_high": 0.28},
    "dapo in 2 micro-batches": {"aggregation": "token", "kl_weight": 0.1},
    "dapo, truncated importance": {
        "aggregation": "token",
        "importance_cap": 1.2,
        "kl_weight": 0.1,
    },
    "cispo": {"surrogate": "cispo", "clip_low": 1.0, "clip_high": 0.4},
    "gspo": {
        "ratio": "sequence",
        "aggregation": "sequence",
        "clip_low": 0.03,
        "clip_high": 0.04,
    },
    "gspo, k3": {"ratio": "sequence", "aggregation": "sequence", "kl_weight": 0.3},
    "luspo": {"ratio": "sequence", "aggregation": "constant", "constant": 1},
    "sapo": {"surrogate": "sapo", "aggregation": "sequence"},
    "vespo": {"surrogate": "vespo"},
    "vespo, truncated importance": {"surrogate": "vespo", "importance_cap": 1.2},
}
"""Case -> the same in our settings."""


def make_tensors() -> dict[str, Any]:
    """Ratios between about 0.4 and 2.5, rounded so that a file of them is short and exact."""
    generator = torch.Generator().manual_seed(5)

    def normal(scale: float, *shape: int) -> torch.Tensor:
        return scale * torch.randn(*shape or (4, 9), generator=generator, dtype=torch.float64)

    rollout = -1.5 + normal(0.3)
    old = rollout + normal(0.2)
    tensors = {
        "trainer_logprobs": old + normal(0.4),
        "old_logprobs": old,
        "rollout_logprobs": rollout,
        "ref_logprobs": old + normal(0.3),
        "advantages": normal(1.0, 4),
        "token_advantages": normal(1.0),
    }
    rounded = {name: tensor.round(decimals=4).tolist() for name, tensor in tensors.items()}
    return {**rounded, "loss_mask": MASK}


def our_loss(name: str, tensors: dict[str, Any]) -> tuple[LossOutputs, torch.Tensor]:
    """Our loss of a case, and its gradient with respect to the trainer's log-probabilities."""
    return loss_of(tensors, OURS[name], advantages=TRL[name].get("advantages", "advantages"))


def loss_of(
    tensors: dict[str, Any], settings: dict[str, Any], *, advantages: str = "advantages"
) -> tuple[LossOutputs, torch.Tensor]:
    """Our loss of tensors named as `make_tensors` does, in float64, and its gradient.

    Args:
        tensors: rows of numbers, or tensors.
        settings: of `PolicyLossConfig`.
        advantages: which of the tensors are the advantages, (B,) or (B, T).
    """
    config = PolicyLossConfig(**settings)
    config.check()
    mask = torch.as_tensor(tensors["loss_mask"]).bool()
    floats = {n: torch.as_tensor(v, dtype=torch.float64) for n, v in tensors.items()}
    trainer = floats["trainer_logprobs"].clone().requires_grad_()
    credit = floats[advantages]
    inputs = LossInputs(
        trainer_logprobs=trainer,
        rollout_logprobs=floats.get("rollout_logprobs", floats["old_logprobs"]),
        old_logprobs=floats["old_logprobs"],
        ref_logprobs=floats["ref_logprobs"],
        advantages=credit if credit.ndim == 2 else credit[:, None].expand(mask.shape),
        loss_mask=mask,
    )
    denominator = loss_denominator(list(mask), config.aggregation, config.constant)
    outputs = policy_loss(inputs, config, denominator=denominator)
    outputs.loss.backward()
    assert trainer.grad is not None
    return outputs, trainer.grad
