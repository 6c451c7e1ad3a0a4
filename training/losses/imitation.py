"""The loss of imitation: the likelihood of what was demonstrated."""

from __future__ import annotations

from torch import Tensor

from training.losses.reductions import LossOutputs, check_finite, plain_mean, weighted_sum


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
        aggregation, denominator: see `training.losses.reductions`.

    Returns:
        The loss, and `nll`, the mean per token in nats.

    Raises:
        FloatingPointError: a log-probability under the mask is NaN or infinite.
        ValueError: the denominator is not > 0.
    """
    costs = -trainer_logprobs[loss_mask]
    check_finite(trainer_logprobs=costs)
    loss = weighted_sum(costs, loss_mask, aggregation, denominator)
    return LossOutputs(loss=loss, metrics={"nll": plain_mean(costs)}, num_tokens=len(costs))
