"""The loss of a critic."""

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.config import ValueLossConfig
from training.losses.reductions import LossOutputs, check_finite, weighted_sum


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    value_mask: Tensor,
    config: ValueLossConfig | None = None,
    *,
    denominator: float,
) -> LossOutputs:
    """Half the squared error of the critic, clipped as PPO's reference code does it:

        max((v - R)^2, (v_old + clamp(v - v_old, -clip, clip) - R)^2) / 2

    times its weight, as a mean over everything that has a value.

    Args:
        values: float (B, T), the critic's estimates, with gradient.
        old_values: float (B, T), those before the first optimizer step on this batch.
        returns: float (B, T), what they should have been.
        value_mask: bool (B, T), where there is a value: one token per turn. All else is never read.
        config: settings; None for the defaults.
        denominator: number of values of the whole optimizer step, > 0.

    Returns:
        The loss, and as its `parts` `value_error` (mean squared) and `value_clip_fraction`;
        `num_tokens` counts values.

    Raises:
        FloatingPointError: a number under the mask is NaN or infinite.
        ValueError: the denominator is not > 0.
    """
    config = config or ValueLossConfig()
    now, old, wanted = values[value_mask], old_values[value_mask], returns[value_mask]
    check_finite(values=now, old_values=old, returns=wanted)
    errors = (now - wanted).square()
    parts = {"value_error": float(errors.detach().sum()) / denominator}
    if config.clip is not None:
        near = old + (now - old).clamp(-config.clip, config.clip)
        clipped = (near - wanted).square()
        parts["value_clip_fraction"] = float((clipped > errors).sum()) / denominator
        errors = torch.maximum(errors, clipped)
    loss = weighted_sum(0.5 * config.weight * errors, value_mask, "token", denominator)
    return LossOutputs(loss=loss, metrics={}, num_tokens=len(now), parts=parts)
