"""What a token costs so that its gradient improves the policy: one function per published method.

A = advantage, p = trainer probability, rho = p / old probability, sg = without gradient. With
`ratio: sequence` rho is GSPO's (arXiv:2507.18071, token form): sg[s] * p / sg[p], where s is the
geometric mean of rho over the sequence. Its value is s at every token, and its gradient that of
the sequence form wherever a sequence's tokens share one advantage; unlike it, the token form also
serves advantages per turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from training.losses.config import PolicyLossConfig
from training.losses.reductions import sequence_means, sequence_sums

VESPO_GOOD, VESPO_BAD = (2.0, 3.0), (3.0, 2.0)
"""(k, lambda) for advantages >= 0 and below."""
VESPO_LOG_RANGE = (math.log(1e-8), 20.0)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The N tokens under the loss mask, in row order. All but `mask` are (N,).

    Attributes:
        trainer: log p, with gradient.
        log_ratio: log of p / old, of each token by itself, with gradient.
        ratio: rho, by token or by sequence, with gradient.
        advantages: A.
        weights: truncated importance weights old / rollout, or None for none.
        mask: bool (B, T), where the tokens stand.
    """

    trainer: Tensor
    log_ratio: Tensor
    ratio: Tensor
    advantages: Tensor
    weights: Tensor | None
    mask: Tensor


def clip(tokens: Tokens, config: PolicyLossConfig) -> tuple[Tensor, Tensor]:
    """The clipped surrogate of PPO (arXiv:1707.06347), with DAPO's separate bounds.

    -min(rho * A, min(max(rho, 1 - low), 1 + high) * A), and where A < 0 at most -dual_clip * A
    (arXiv:1912.09729).
    """
    ratio, advantages = tokens.ratio, tokens.advantages
    low, high = 1.0 - config.clip_low, 1.0 + config.clip_high
    clipped = ratio.clamp(low, high)
    too_far = torch.where(advantages > 0, ratio > high, ratio < low)
    if config.dual_clip is not None:
        too_far = too_far | ((advantages < 0) & (ratio > config.dual_clip))
        ratio = ratio.clamp(max=config.dual_clip)
    costs = -torch.minimum(ratio * advantages, clipped * advantages)
    return costs, too_far & (advantages != 0)


def cispo(tokens: Tokens, config: PolicyLossConfig) -> tuple[Tensor, Tensor]:
    """-sg[clip(rho, 1 - low, 1 + high)] * A * log p (CISPO, arXiv:2506.13585): a clipped token
    still learns, with a bounded weight.
    """
    ratio = tokens.ratio.detach()
    weight = ratio.clamp(1.0 - config.clip_low, 1.0 + config.clip_high)
    costs = -weight * tokens.advantages * tokens.trainer
    return costs, (weight != ratio) & (tokens.advantages != 0)


def sapo(tokens: Tokens, config: PolicyLossConfig) -> tuple[Tensor, Tensor]:
    """-4 / tau * sigmoid(tau * (rho - 1)) * A (SAPO, arXiv:2511.20347): a soft clip, tau by the
    sign of A. Counts nothing as clipped.
    """
    tau = _by_sign(tokens.advantages > 0, tokens.ratio, *config.soft_temperatures)
    gate = torch.sigmoid(tau * (tokens.ratio - 1.0)) * 4.0 / tau
    return -gate * tokens.advantages, _none(tokens)


def vespo(tokens: Tokens, config: PolicyLossConfig) -> tuple[Tensor, Tensor]:
    """-sg[phi(w)] * A * log p, phi(w) = w^k * exp(lambda * (1 - w)), w the product of rho over the
    sequence (VESPO, as in TRL 1.16). The importance weights are part of w. Counts nothing as
    clipped.
    """
    log_ratio = tokens.log_ratio.detach().clamp(-20.0, 20.0)
    log_w = sequence_sums(log_ratio, tokens.mask)
    if tokens.weights is not None:
        log_weights = tokens.weights.log().clamp(*VESPO_LOG_RANGE)
        log_w = log_w + sequence_sums(log_weights, tokens.mask)
    log_w = log_w.clamp(*VESPO_LOG_RANGE)
    good = tokens.advantages >= 0
    k, scale = (_by_sign(good, log_w, *pair) for pair in zip(VESPO_GOOD, VESPO_BAD, strict=True))
    phi = (scale + k * log_w - scale * log_w.exp()).exp()
    return -phi * tokens.advantages * tokens.trainer, _none(tokens)


def reinforce(tokens: Tokens, config: PolicyLossConfig) -> tuple[Tensor, Tensor]:
    """-A * log p (Williams 1992; RLOO, arXiv:2402.14740), with no ratio at all: right for one
    optimizer step per batch. Counts nothing as clipped.
    """
    return -tokens.advantages * tokens.trainer, _none(tokens)


Surrogate = Callable[[Tokens, PolicyLossConfig], tuple[Tensor, Tensor]]
"""(tokens, settings) -> costs (N,) with gradient, and which tokens the clip touched, bool (N,)."""

SURROGATES: dict[str, Surrogate] = {
    "clip": clip,
    "cispo": cispo,
    "sapo": sapo,
    "vespo": vespo,
    "reinforce": reinforce,
}
"""Name in configuration -> surrogate."""


def sequence_log_ratio(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """Log of GSPO's ratio in token form: the sequence's mean by value, the token's by gradient.

    Args:
        log_ratio: (N,), of the tokens under the mask (B, T).
    """
    detached = log_ratio.detach()
    return sequence_means(detached, mask) + (log_ratio - detached)


def _by_sign(condition: Tensor, like: Tensor, positive: float, negative: float) -> Tensor:
    return torch.full_like(like, negative).masked_fill(condition, positive)


def _none(tokens: Tokens) -> Tensor:
    return torch.zeros_like(tokens.advantages, dtype=torch.bool)
