"""Losses as pure functions of log-probabilities, advantages and masks.

How tokens are weighed against each other is one idea for all losses here. With n_i the number of
loss tokens of sequence i, the loss is a weighted sum over loss tokens, and the weight of a token is

    "token":    1 / (sum of all n_i)                   DAPO, arXiv:2503.14476
    "sequence": 1 / n_i / (number of sequences)        GRPO, arXiv:2402.03300
    "constant": 1 / (constant * number of sequences)   Dr. GRPO, arXiv:2503.20783

The part of the denominator that depends on other sequences is passed in, computed by
`loss_denominator` over the whole optimizer step. The losses of micro-batches then add up to the
loss of the step, however it was split. Sequences without any loss token do not count as sequences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

AGGREGATIONS = ("token", "sequence", "constant")


@dataclass(kw_only=True)
class PolicyLossConfig:
    """Settings of `policy_loss`.

    Attributes:
        clip_low: the ratio counts down to 1 - clip_low, in [0, 1].
        clip_high: the ratio counts up to 1 + clip_high, >= 0. DAPO's "clip higher" is 0.28.
        kl_weight: weight of the k3 estimate of the KL to the reference model, >= 0; 0 needs none.
        aggregation: "token", "sequence" or "constant".
        constant: tokens that one sequence stands for under "constant", > 0, such as the largest
            number of reply tokens of an episode; None otherwise.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    kl_weight: float = 0.0
    aggregation: str = "token"
    constant: float | None = None

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        check_range(f"{prefix}clip_low", self.clip_low, low=0.0, high=1.0)
        check_range(f"{prefix}clip_high", self.clip_high, low=0.0)
        check_range(f"{prefix}kl_weight", self.kl_weight, low=0.0)
        check_aggregation(self.aggregation, self.constant, prefix)


@dataclass(frozen=True, kw_only=True)
class LossInputs:
    """What a policy loss looks at. Entry t belongs to token t; all tensors are (B, T).

    Attributes:
        trainer_logprobs: float, log p(token t | tokens < t) under the weights in training, with
            gradient.
        rollout_logprobs: float, the same under the distribution that the token was drawn from.
        ref_logprobs: float, the same under the frozen reference; None where the KL has no weight.
        advantages: float.
        loss_mask: bool, True on the tokens that count. All else is never read.
        entropies: float, entropy in nats of the distribution of token t, for the metrics only; or
            None.
    """

    trainer_logprobs: Tensor
    rollout_logprobs: Tensor
    ref_logprobs: Tensor | None
    advantages: Tensor
    loss_mask: Tensor
    entropies: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class LossOutputs:
    """A loss and what to log beside it.

    Attributes:
        loss: float (), with gradient.
        metrics: plain means over the loss tokens, 0 where there are none.
        num_tokens: how many loss tokens the metrics are means of.
    """

    loss: Tensor
    metrics: dict[str, float]
    num_tokens: int


def policy_loss(
    inputs: LossInputs,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    kl_weight: float = 0.0,
    aggregation: str = "token",
    denominator: float,
) -> LossOutputs:
    """The clipped surrogate of PPO per token, plus an optional KL to a reference model.

    With rho = exp(trainer - rollout) a token costs
    -min(rho * A, clip(rho, 1 - clip_low, 1 + clip_high) * A) + kl_weight * k3, where
    k3 = exp(ref - trainer) - (ref - trainer) - 1 (http://joschu.net/blog/kl-approx.html).

    Args:
        inputs: tensors of shape (B, T).
        clip_low, clip_high, kl_weight, aggregation: see `PolicyLossConfig`.
        denominator: from `loss_denominator`, over all samples of the optimizer step; > 0.

    Returns:
        The loss, and as metrics: `clip_fraction` (tokens whose gradient the clip removes),
            `ratio_mean`,
        `approx_kl` (k3 estimate of KL(rollout || trainer)), and where given `ref_kl` and `entropy`.

    Raises:
        FloatingPointError: a number under the mask, or the loss, is NaN or infinite.
        ValueError: a KL weight without reference log-probabilities, or a denominator that is not >
            0.
    """
    mask = inputs.loss_mask
    trainer, rollout = inputs.trainer_logprobs[mask], inputs.rollout_logprobs[mask]
    advantages = inputs.advantages[mask]
    _check_finite(trainer_logprobs=trainer, rollout_logprobs=rollout, advantages=advantages)
    log_ratio = trainer - rollout
    ratio = log_ratio.exp()
    _check_finite(ratio=ratio)
    clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    costs = -torch.minimum(ratio * advantages, clipped * advantages)
    too_far = torch.where(advantages > 0, ratio > 1.0 + clip_high, ratio < 1.0 - clip_low)
    metrics = {
        "clip_fraction": _mean((too_far & (advantages != 0)).to(ratio.dtype)),
        "ratio_mean": _mean(ratio),
        "approx_kl": _mean(ratio - log_ratio - 1.0),
    }
    if kl_weight > 0:
        ref_kl = _k3_to_reference(trainer, inputs.ref_logprobs, mask)
        costs = costs + kl_weight * ref_kl
        metrics["ref_kl"] = _mean(ref_kl)
    if inputs.entropies is not None:
        metrics["entropy"] = _mean(inputs.entropies[mask])
    loss = _weighted_sum(costs, mask, aggregation, denominator)
    return LossOutputs(loss=loss, metrics=metrics, num_tokens=len(trainer))


def imitation_loss(
    trainer_logprobs: Tensor,
    loss_mask: Tensor,
    *,
    aggregation: str = "token",
    denominator: float,
) -> LossOutputs:
    """Negative log-likelihood of the tokens under the mask.

    Args:
        trainer_logprobs: float (B, T), entry t for token t.
        loss_mask: bool (B, T).
        aggregation, denominator: as for `policy_loss`.

    Returns:
        The loss, and `nll`, the mean per token in nats.

    Raises:
        FloatingPointError: a log-probability under the mask is NaN or infinite.
        ValueError: the denominator is not > 0.
    """
    costs = -trainer_logprobs[loss_mask]
    _check_finite(trainer_logprobs=costs)
    loss = _weighted_sum(costs, loss_mask, aggregation, denominator)
    return LossOutputs(loss=loss, metrics={"nll": _mean(costs)}, num_tokens=len(costs))


def loss_denominator(
    loss_masks: Sequence[Any], aggregation: str, constant: float | None = None
) -> float:
    """What the losses of one optimizer step are divided by, over all its micro-batches and ranks.

    Args:
        loss_masks: one bool array or tensor (T,) per sequence; lengths may differ.
        aggregation: "token", "sequence" or "constant".
        constant: tokens per sequence for "constant", > 0; None otherwise.

    Returns:
        Number of loss tokens; of sequences that have any; or that times the constant. 0 when no
        mask
        selects a token, which the losses refuse: such a step has nothing to learn from.
    """
    check_aggregation(aggregation, constant)
    counts = [int(mask.sum()) for mask in loss_masks]
    if aggregation == "token":
        return float(sum(counts))
    num_sequences = sum(count > 0 for count in counts)
    return float(num_sequences * (1.0 if constant is None else constant))


def check_range(name: str, value: float, *, low: float, high: float = math.inf) -> None:
    """Raise ValueError unless `value` is a finite number in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):
        upper = "" if math.isinf(high) else f" and <= {high}"
        raise ValueError(f"{name} = {value} is not legal; it must be finite, >= {low}{upper}")


def check_aggregation(aggregation: str, constant: float | None, prefix: str = "") -> None:
    """Raise ValueError for an unknown aggregation, or a constant that does not go with it."""
    if aggregation not in AGGREGATIONS:
        raise ValueError(
            f"{prefix}aggregation = {aggregation!r} is not legal; legal: {AGGREGATIONS}"
        )
    if aggregation != "constant":
        if constant is not None:
            raise ValueError(
                f"{prefix}constant = {constant} needs aggregation 'constant', not {aggregation!r}"
            )
    elif constant is None or not (math.isfinite(constant) and constant > 0):
        raise ValueError(
            f"{prefix}constant = {constant} is not legal; 'constant' needs a number > 0"
        )


def _weighted_sum(costs: Tensor, mask: Tensor, aggregation: str, denominator: float) -> Tensor:
    """Aggregate the costs (N,) of the N tokens under the mask (B, T), in row order."""
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation = {aggregation!r} is not legal; legal: {AGGREGATIONS}")
    if not (math.isfinite(denominator) and denominator > 0):
        raise ValueError(f"denominator = {denominator} is not legal; it must be > 0")
    if aggregation == "sequence":
        lengths = mask.sum(dim=1)
        costs = costs / lengths.repeat_interleave(lengths)
    loss = costs.sum() / denominator
    _check_finite(loss=loss)
    return loss


def _k3_to_reference(trainer: Tensor, ref_logprobs: Tensor | None, mask: Tensor) -> Tensor:
    if ref_logprobs is None:
        raise ValueError("kl_weight > 0 needs ref_logprobs, and there are none")
    reference = ref_logprobs[mask]
    _check_finite(ref_logprobs=reference)
    log_ratio = reference - trainer
    return log_ratio.exp() - log_ratio - 1.0


def _check_finite(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            raise FloatingPointError(
                f"{name}: {bad} of {tensor.numel()} numbers are NaN or infinite"
            )


def _mean(values: Tensor) -> float:
    return float(values.detach().mean()) if values.numel() else 0.0
