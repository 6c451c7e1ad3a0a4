"""The loss of reinforcement: a surrogate per token, plus an optional KL to a reference model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from training.losses.config import PolicyLossConfig
from training.losses.kl import KL_ESTIMATORS, k3
from training.losses.reductions import LossOutputs, check_finite, plain_mean, weighted_sum
from training.losses.surrogates import SURROGATES, Tokens, sequence_log_ratio


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
        old_logprobs: float, the same under the trainer's weights before the first optimizer step
            on this batch: what the ratio is taken to. None takes it to `rollout_logprobs`.
        entropies: float, entropy in nats of the distribution of token t, for the metrics only; or
            None.
    """

    trainer_logprobs: Tensor
    rollout_logprobs: Tensor
    ref_logprobs: Tensor | None
    advantages: Tensor
    loss_mask: Tensor
    old_logprobs: Tensor | None = None
    entropies: Tensor | None = None


def policy_loss(
    inputs: LossInputs, config: PolicyLossConfig | None = None, *, denominator: float
) -> LossOutputs:
    """The surrogate of every token, weighed against each other as `config.aggregation` says.

    A token costs `weight * surrogate + kl_weight * kl`, with the truncated importance weight where
    `importance_cap` asks for one.

    Args:
        inputs: tensors of shape (B, T).
        config: settings; None for the defaults, the clipped surrogate of PPO.
        denominator: from `loss_denominator`, over all samples of the optimizer step; > 0.

    Returns:
        The loss, and as metrics: `clip_fraction` (tokens that the clip changes: under "clip" they
        lose their gradient), `ratio_mean` (token by token), `approx_kl` (k3 estimate of KL(old ||
        trainer)), and where they exist `mismatch_kl` (k3 estimate of KL(rollout || old)),
        `importance_mean`, `importance_clipped` (tokens whose importance weight was cut),
        `ref_kl` and `entropy`.

    Raises:
        FloatingPointError: a number under the mask, or the loss, is NaN or infinite.
        ValueError: a KL weight without reference log-probabilities, an importance cap without old
            ones, or a denominator that is not > 0.
    """
    config = config or PolicyLossConfig()
    mask = inputs.loss_mask
    tokens, metrics = _tokens(inputs, config)
    costs, clipped = SURROGATES[config.surrogate](tokens, config)
    if tokens.weights is not None and config.surrogate != "vespo":
        costs = costs * tokens.weights
    metrics = {"clip_fraction": plain_mean(clipped), **metrics}
    if config.kl_weight > 0:
        ref_kl = _kl_to_reference(tokens, inputs.ref_logprobs, config)
        costs = costs + config.kl_weight * ref_kl
        metrics["ref_kl"] = plain_mean(ref_kl)
    if inputs.entropies is not None:
        metrics["entropy"] = plain_mean(inputs.entropies[mask])
    loss = weighted_sum(costs, mask, config.aggregation, denominator)
    return LossOutputs(loss=loss, metrics=metrics, num_tokens=len(costs))


def _tokens(inputs: LossInputs, config: PolicyLossConfig) -> tuple[Tokens, dict[str, float]]:
    """What the surrogates look at, and metrics of the ratios."""
    mask = inputs.loss_mask
    trainer, rollout = inputs.trainer_logprobs[mask], inputs.rollout_logprobs[mask]
    advantages = inputs.advantages[mask]
    check_finite(trainer_logprobs=trainer, rollout_logprobs=rollout, advantages=advantages)
    old = rollout if inputs.old_logprobs is None else inputs.old_logprobs[mask]
    check_finite(old_logprobs=old)
    log_ratio = trainer - old
    ratio = log_ratio.exp()
    check_finite(ratio=ratio)
    metrics = {
        "ratio_mean": plain_mean(ratio),
        "approx_kl": plain_mean(ratio - log_ratio - 1.0),
    }
    if inputs.old_logprobs is not None:
        metrics["mismatch_kl"] = plain_mean(k3(old - rollout))
    weights = None
    if config.importance_cap is not None:
        if inputs.old_logprobs is None:
            raise ValueError("importance_cap needs old_logprobs, and there are none")
        weights = (old - rollout).exp().clamp(max=config.importance_cap)
        cut = old - rollout > math.log(config.importance_cap)
        metrics |= {"importance_mean": plain_mean(weights), "importance_clipped": plain_mean(cut)}
    if config.ratio == "sequence":
        ratio = sequence_log_ratio(log_ratio, mask).exp()
    tokens = Tokens(
        trainer=trainer,
        log_ratio=log_ratio,
        ratio=ratio,
        advantages=advantages,
        weights=weights,
        mask=mask,
    )
    return tokens, metrics


def _kl_to_reference(
    tokens: Tokens, ref_logprobs: Tensor | None, config: PolicyLossConfig
) -> Tensor:
    if ref_logprobs is None:
        raise ValueError("kl_weight > 0 needs ref_logprobs, and there are none")
    reference = ref_logprobs[tokens.mask]
    check_finite(ref_logprobs=reference)
    estimate = KL_ESTIMATORS[config.kl_estimator](reference - tokens.trainer)
    return estimate * tokens.ratio if config.kl_importance else estimate
