"""One batch read in two ways, which must give the same scores and the same gradients."""

from __future__ import annotations

from typing import Any

import torch

from policies.engines.scoring import TokenScores, score

Reading = tuple[TokenScores, dict[str, "torch.Tensor | None"]]


def read(model: Any, inputs: Any, *, select: torch.Tensor | None = None) -> Reading:
    """Scores of a batch, and the gradients of a loss in which every token weighs differently."""
    scores = score(model, inputs, temperature=0.7, select=select)
    weights = torch.linspace(-1, 1, scores.trainer_logprobs.numel())
    weighted = weights.view_as(scores.trainer_logprobs) * scores.trainer_logprobs
    loss = weighted.mean() + scores.entropies.mean()
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return scores, dict(zip(named, gradients, strict=True))


def assert_same(found: Reading, wanted: Reading) -> None:
    """Scores and gradients equal up to rounding, those of the vision tower among them."""
    for name in ("trainer_logprobs", "entropies", "hidden"):
        torch.testing.assert_close(
            getattr(found[0], name), getattr(wanted[0], name), rtol=1e-5, atol=2e-5
        )
    used = {name: gradient for name, gradient in wanted[1].items() if gradient is not None}
    assert any("visual" in name for name in used)
    largest = max(float(gradient.abs().max()) for gradient in used.values())
    for name, gradient in used.items():
        assert float((found[1][name] - gradient).abs().max()) <= 1e-5 * largest, name
