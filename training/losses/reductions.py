"""Masked sums and means that all losses share.

With n_i the number of loss tokens of sequence i, a loss is a weighted sum over loss tokens, and
the weight of a token is

    "token":    1 / (sum of all n_i)                   DAPO, arXiv:2503.14476
    "sequence": 1 / n_i / (number of sequences)        GRPO, arXiv:2402.03300
    "constant": 1 / (constant * number of sequences)   Dr. GRPO, arXiv:2503.20783

The part of the denominator that depends on other sequences is passed in, computed by
`loss_denominator` over the whole optimizer step. The losses of micro-batches then add up to the
loss of the step, however it was split. Sequences without any loss token do not count as sequences.

Costs and the like are handled as (N,), the N tokens under the mask in row order, so that nothing
outside the mask is ever read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

AGGREGATIONS = ("token", "sequence", "constant")


@dataclass(frozen=True, kw_only=True)
class LossOutputs:
    """A loss and what to log beside it.

    Attributes:
        loss: float (), with gradient.
        metrics: plain means over the loss tokens, 0 where there are none.
        num_tokens: how many loss tokens the metrics are means of.
        parts: numbers that add up over micro-batches, as the loss itself does.
    """

    loss: Tensor
    metrics: dict[str, float]
    num_tokens: int
    parts: dict[str, float] = field(default_factory=dict)


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
        mask selects a token, which the losses refuse: such a step has nothing to learn from.
    """
    check_aggregation(aggregation, constant)
    counts = [int(mask.sum()) for mask in loss_masks]
    if aggregation == "token":
        return float(sum(counts))
    num_sequences = sum(count > 0 for count in counts)
    return float(num_sequences * (1.0 if constant is None else constant))


def weighted_sum(costs: Tensor, mask: Tensor, aggregation: str, denominator: float) -> Tensor:
    """Aggregate costs into one loss.

    Args:
        costs: (N,), of the N tokens under the mask, in row order.
        mask: bool (B, T).
        aggregation: see the head of this module.
        denominator: from `loss_denominator`, > 0.

    Raises:
        ValueError: an unknown aggregation, or a denominator that is not > 0.
        FloatingPointError: the loss is NaN or infinite.
    """
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation = {aggregation!r} is not legal; legal: {AGGREGATIONS}")
    if not (math.isfinite(denominator) and denominator > 0):
        raise ValueError(f"denominator = {denominator} is not legal; it must be > 0")
    if aggregation == "sequence":
        lengths = mask.sum(dim=1)
        costs = costs / lengths.repeat_interleave(lengths)
    loss = costs.sum() / denominator
    check_finite(loss=loss)
    return loss


def sequence_sums(values: Tensor, mask: Tensor) -> Tensor:
    """Give every token under the mask the sum over its sequence.

    Args:
        values: (N,), of the N tokens under the mask (B, T), in row order.

    Returns:
        (N,), equal for all tokens of a sequence.
    """
    rows = values.new_zeros(mask.shape).masked_scatter(mask, values)
    return rows.sum(dim=1).repeat_interleave(mask.sum(dim=1))


def sequence_means(values: Tensor, mask: Tensor) -> Tensor:
    """Give every token under the mask the mean over its sequence; shapes as in `sequence_sums`."""
    lengths = mask.sum(dim=1)
    return sequence_sums(values, mask) / lengths.repeat_interleave(lengths)


def plain_mean(values: Tensor) -> float:
    """Mean of numbers, or share of what is true, without gradient; 0 where there is nothing."""
    values = values.detach().float() if values.dtype == torch.bool else values.detach()
    return float(values.mean()) if values.numel() else 0.0


def check_finite(**tensors: Tensor) -> None:
    """Raise FloatingPointError naming the first tensor that holds a NaN or an infinity."""
    for name, tensor in tensors.items():
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            raise FloatingPointError(
                f"{name}: {bad} of {tensor.numel()} numbers are NaN or infinite"
            )


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
