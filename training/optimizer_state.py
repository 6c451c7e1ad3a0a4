"""What AdamW is told of each parameter, and remembers of it under the parameter's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoint import check_tensors_match

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def parameter_groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Groups for AdamW: matrices decay, vectors (norms, biases) do not."""
    matrices = [p for p in parameters if p.ndim >= 2]
    vectors = [p for p in parameters if p.ndim < 2]
    groups = ((matrices, weight_decay), (vectors, 0.0))
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, named: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """All moments, named "<moment>/<parameter>". Not copies."""
    return {
        f"{moment}/{name}": optimizer.state[parameter][moment]
        for name, parameter in named.items()
        if parameter in optimizer.state
        for moment in MOMENTS
    }


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer,
    named: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    *,
    others: Mapping[str, Tensor],
) -> None:
    """Take over copies of what `optimizer_tensors` returned.

    Args:
        optimizer: of the parameters `named`.
        tensors: the moments, and whatever else is checked along with them.
        others: what that is: name -> a tensor of the shape that `tensors` must have there.

    Raises:
        CheckpointMismatch: the tensors belong to other parameters. Nothing is changed then.
    """
    # Parameters that never had a gradient (such as a vision tower without pictures) have no
    # moments.
    known = {name: p for name, p in named.items() if f"step/{name}" in tensors}
    expected: dict[str, Tensor] = {f"step/{name}": torch.zeros(()) for name in known}
    expected |= {f"{m}/{n}": p for n, p in known.items() for m in ("exp_avg", "exp_avg_sq")}
    check_tensors_match(expected | dict(others), tensors, what="optimizer")
    order = [p for group in optimizer.param_groups for p in group["params"]]
    index = {id(parameter): i for i, parameter in enumerate(order)}
    full = optimizer.state_dict()
    full["state"] = {
        index[id(p)]: {m: tensors[f"{m}/{n}"].clone() for m in MOMENTS} for n, p in known.items()
    }
    optimizer.load_state_dict(full)
