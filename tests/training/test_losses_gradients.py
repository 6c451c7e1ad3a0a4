"""Gradients of every surrogate, and what must not change them: the split into micro-batches, the
order of sequences, padding.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.loss_cases import (
    CASES,
    MASK,
    gradient_of,
    loss_of,
    make_inputs,
    with_trainer,
)
from training.losses import LossInputs


@pytest.mark.parametrize(
    "name", ["clip", "dual clip", "sapo", "reinforce", "corrected", "k1", "k2", "k3 times ratio"]
)
def test_gradient_equals_finite_differences(name: str) -> None:
    inputs = make_inputs(seed=3)

    def loss(trainer: Tensor) -> Tensor:
        return loss_of(with_trainer(inputs, trainer), CASES[name])

    assert torch.autograd.gradcheck(loss, inputs.trainer_logprobs, eps=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["cispo", "cispo by sequence", "vespo", "vespo, corrected"])
def test_gradient_of_a_fixed_weight_is_the_cost_itself(name: str) -> None:
    """A cost w * A * log p with w held fixed has the gradient w * A = cost / log p."""
    inputs = make_inputs(seed=4)
    gradient = gradient_of(inputs, CASES[name])
    for place in MASK.nonzero().tolist():
        only = torch.zeros_like(MASK)
        only[place[0]] = MASK[place[0]]
        now = inputs.trainer_logprobs.detach()
        nudged = now.clone()
        nudged[tuple(place)] += 1.0
        # Old log-probabilities move along, so that no ratio changes.
        moved = dataclasses.replace(
            inputs,
            trainer_logprobs=nudged,
            old_logprobs=inputs.old_logprobs + nudged - now,
            rollout_logprobs=inputs.rollout_logprobs + nudged - now,
        )
        difference = loss_of(moved, CASES[name]) - loss_of(inputs, CASES[name])
        assert gradient[tuple(place)].item() == pytest.approx(difference.item(), rel=1e-9)


def sequence_form(inputs: LossInputs, trainer: Tensor, low: float, high: float) -> Tensor:
    """GSPO as its paper has it: one clipped term per sequence, s differentiated as it stands."""
    terms = []
    for row in range(3):
        places = MASK[row]
        s = (trainer[row] - inputs.old_logprobs[row])[places].mean().exp()
        advantage = inputs.advantages[row, places][0]
        terms.append(-torch.minimum(s * advantage, s.clamp(1 - low, 1 + high) * advantage))
    return torch.stack(terms).mean()


@pytest.mark.parametrize("bounds", [(0.3, 0.4), (0.01, 0.02)])
def test_gspos_token_form_is_its_sequence_form(bounds: tuple[float, float]) -> None:
    low, high = bounds
    inputs = make_inputs(seed=5)
    shared = inputs.advantages[:, :1].expand(MASK.shape)
    inputs = dataclasses.replace(inputs, advantages=shared)
    trainer = inputs.trainer_logprobs.detach().clone().requires_grad_()
    wanted = sequence_form(inputs, trainer, low, high)
    wanted.backward()
    settings = {
        "ratio": "sequence",
        "aggregation": "sequence",
        "clip_low": low,
        "clip_high": high,
    }
    assert loss_of(inputs, settings).item() == pytest.approx(wanted.item(), rel=1e-12)
    torch.testing.assert_close(gradient_of(inputs, settings), trainer.grad, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["clip", "gspo", "cispo", "sapo", "vespo", "reinforce"])
def test_at_ratio_one_every_surrogate_is_reinforce(name: str) -> None:
    inputs = make_inputs()
    trainer = inputs.trainer_logprobs.detach()
    inputs = dataclasses.replace(inputs, old_logprobs=trainer, rollout_logprobs=trainer)
    settings = {**CASES[name], "aggregation": "token", "constant": None}
    wanted = torch.where(MASK, -inputs.advantages / MASK.sum(), 0.0)
    torch.testing.assert_close(gradient_of(inputs, settings), wanted, rtol=0, atol=1e-15)


def rows_of(inputs: LossInputs, rows: Any) -> LossInputs:
    tensors = {n: t[rows] for n, t in vars(inputs).items() if t is not None}
    return LossInputs(**tensors)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("parts", [[[0], [1], [2], [3]], [[2, 3], [1, 0]], [[3, 1, 0], [2]]])
def test_micro_batches_add_up(name: str, parts: list[list[int]]) -> None:
    inputs, settings = make_inputs(), CASES[name]
    whole = gradient_of(inputs, settings)
    trainer = inputs.trainer_logprobs.detach().clone().requires_grad_()
    pieces = [
        loss_of(rows_of(with_trainer(inputs, trainer), part), settings, mask=MASK) for part in parts
    ]
    torch.stack(pieces).sum().backward()
    assert sum(pieces).item() == pytest.approx(loss_of(inputs, settings).item(), rel=1e-12)
    torch.testing.assert_close(trainer.grad, whole, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("padding", [(3, 0), (0, 4), (2, 1)])
def test_padding_changes_nothing(name: str, padding: tuple[int, int]) -> None:
    inputs, settings = make_inputs(), CASES[name]
    padded = LossInputs(
        **{
            n: torch.nn.functional.pad(
                t.detach(), padding, value=False if n == "loss_mask" else 7.0
            )
            for n, t in vars(inputs).items()
            if t is not None
        }
    )
    assert loss_of(padded, settings).item() == pytest.approx(
        loss_of(inputs, settings).item(), rel=1e-13
    )
    found = gradient_of(padded, settings)[:, padding[0] : padding[0] + 6]
    torch.testing.assert_close(found, gradient_of(inputs, settings), rtol=0, atol=1e-15)
