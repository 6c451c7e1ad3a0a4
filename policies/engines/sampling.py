"""From logits to tokens."""

from __future__ import annotations

import torch


def sample_tokens(
    logits: torch.Tensor, temperatures: torch.Tensor, uniforms: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token per row, by the inverse of the cumulative distribution.

    Args:
        logits: float (B, V).
        temperatures: float32 (B,); 0 takes the likeliest token.
        uniforms: float64 (B,) in [0, 1), one draw per row.

    Returns:
        Tokens, int64 (B,), and their log-probabilities, float32 (B,), under the tempered
        distribution (temperature 0: under temperature 1).
    """
    greedy = temperatures <= 0
    divisor = torch.where(greedy, 1.0, temperatures)[:, None]
    log_probs = torch.log_softmax(logits.float() / divisor, dim=-1)
    cumulative = log_probs.double().exp().cumsum(dim=-1)
    # Scaled by the last entry, so that rounding in the sum cannot push a draw past the end.
    thresholds = uniforms[:, None] * cumulative[:, -1:]
    drawn = torch.searchsorted(cumulative, thresholds, right=True)[:, 0]
    tokens = torch.where(greedy, log_probs.argmax(dim=-1), drawn.clamp(max=logits.shape[-1] - 1))
    return tokens, log_probs.gather(-1, tokens[:, None])[:, 0]


def affordable(costs: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Which tokens a budget allows, bool (N, V).

    Args:
        costs: int64 (N, V) or (1, V), as in `policies.interface.TokenBudget`.
        left: int64 (N,), what is left of the budgets.
    """
    return (costs > 0) & (costs <= left[:, None])
