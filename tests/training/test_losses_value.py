"""The critic's loss by hand, by finite differences, and cut into parts."""

from __future__ import annotations

import pytest
import torch

from training.losses import ValueLossConfig, value_loss

MASK = torch.tensor([[1, 0, 1], [0, 1, 1]]).bool()


def numbers(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_by_hand() -> None:
    # v, old, R: 1, 0, 2: moved by 1, clipped to 0.5: max(1, 2.25) = 2.25, and the loss stops
    # following. 0, 0, 1: 1. 3, 2.75, 1: within the clip: 4. 0, 1, 0: clipped to 0.5: max(0, 0.25).
    values = numbers([1.0, 9.0, 0.0], [9.0, 3.0, 0.0]).requires_grad_()
    old = numbers([0.0, 9.0, 0.0], [9.0, 2.75, 1.0])
    returns = numbers([2.0, 9.0, 1.0], [9.0, 1.0, 0.0])
    config = ValueLossConfig(weight=2.0, clip=0.5)
    outputs = value_loss(values, old, returns, MASK, config, denominator=4.0)
    outputs.loss.backward()
    assert outputs.loss.item() == pytest.approx((2.25 + 1 + 4 + 0.25) / 4)
    assert values.grad is not None
    # 2 * 0.5 * 2 (v - R) / 4.
    assert values.grad.tolist() == [[0.0, 0.0, -0.5], [0.0, 1.0, 0.0]]
    assert outputs.parts == {"value_error": (1 + 1 + 4 + 0) / 4, "value_clip_fraction": 0.5}
    assert outputs.num_tokens == 4


@pytest.mark.parametrize("clip", [None, 0.3])
def test_gradient_equals_finite_differences(clip: float | None) -> None:
    generator = torch.Generator().manual_seed(1)
    values, old, returns = (
        torch.randn(2, 3, generator=generator, dtype=torch.float64) for _ in range(3)
    )

    def loss_of(values: torch.Tensor) -> torch.Tensor:
        config = ValueLossConfig(clip=clip)
        return value_loss(values, old, returns, MASK, config, denominator=4.0).loss

    assert torch.autograd.gradcheck(loss_of, values.requires_grad_(), eps=1e-6, atol=1e-8)


def test_micro_batches_add_up() -> None:
    generator = torch.Generator().manual_seed(2)
    tensors = [torch.randn(2, 3, generator=generator, dtype=torch.float64) for _ in range(3)]
    whole = value_loss(*tensors, MASK, denominator=4.0)
    parts = [
        value_loss(*(t[row : row + 1] for t in tensors), MASK[row : row + 1], denominator=4.0)
        for row in (0, 1)
    ]
    assert sum(p.loss.item() for p in parts) == pytest.approx(whole.loss.item(), rel=1e-12)
    for name, value in whole.parts.items():
        assert sum(p.parts[name] for p in parts) == pytest.approx(value, rel=1e-12)


def test_what_it_refuses() -> None:
    zeros = torch.zeros(2, 3)
    bad = zeros.clone()
    bad[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match="returns: 1 of 4"):
        value_loss(zeros, zeros, bad, MASK, denominator=4.0)
    with pytest.raises(ValueError, match="critic.loss.clip = 0.0"):
        ValueLossConfig(clip=0.0).check("critic.loss.")
