"""Losses as pure functions of log-probabilities, advantages and masks.

A loss is a cost per token and a weight per token. How tokens are weighed against each other is one
idea for all losses here (`reductions`). What a token costs is a few lines for each published
method (`surrogates`, `kl`), chosen by name in `PolicyLossConfig`. `docs/algorithms.md` says which
settings make which method.

Every tensor is (B, T), one sequence per row. Packed batches are unpacked into rows first.
"""

from training.losses.config import PolicyLossConfig, ValueLossConfig
from training.losses.imitation import imitation_loss
from training.losses.kl import KL_ESTIMATORS
from training.losses.policy import LossInputs, policy_loss
from training.losses.reductions import (
    AGGREGATIONS,
    LossOutputs,
    check_aggregation,
    check_range,
    loss_denominator,
)
from training.losses.surrogates import SURROGATES
from training.losses.value import value_loss

__all__ = [
    "AGGREGATIONS",
    "KL_ESTIMATORS",
    "SURROGATES",
    "LossInputs",
    "LossOutputs",
    "PolicyLossConfig",
    "ValueLossConfig",
    "check_aggregation",
    "check_range",
    "imitation_loss",
    "loss_denominator",
    "policy_loss",
    "value_loss",
]
