"""The optimizers of a learner: what each is told of its parameters, and remembers of them by name.

AdamW steps on everything, or Muon steps on the hidden matrices and AdamW on the rest (embeddings,
heads, norms, biases, convolutions), both at one learning rate: K. Jordan and others, "Muon: An
optimizer for hidden layers in neural networks" (2024), with the scale of arXiv:2502.16982,
section 2.2, at which its steps are as large as AdamW's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoint import check_tensors_match
from training.learner_config import LearnerConfig

ADAMW_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
MUON_MOMENTS = ("momentum_buffer",)
MOMENTS = (*ADAMW_MOMENTS, *MUON_MOMENTS)


def make_optimizers(
    model: nn.Module,
    named: Mapping[str, nn.Parameter],
    config: LearnerConfig,
    others: Sequence[dict[str, Any]] = (),
) -> list[torch.optim.Optimizer]:
    """What steps on a model's parameters.

    Args:
        model: theirs.
        named: name -> parameter, those that learn.
        config: `optimizer`, `learning_rate`, `weight_decay` (of matrices), `betas` and `momentum`.
        others: more groups for AdamW.

    Returns:
        One or two optimizers; every parameter is in exactly one.

    Raises:
        ValueError: Muon is asked for and no hidden matrix learns.
    """
    hidden = hidden_matrices(model, named) if config.optimizer == "muon" else {}
    rest = [parameter for name, parameter in named.items() if name not in hidden]
    groups = [*parameter_groups(rest, config.weight_decay), *others]
    made: list[torch.optim.Optimizer] = []
    if groups:
        made.append(torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas))
    if config.optimizer == "muon":
        if not hidden:
            raise ValueError(
                "optimizer = 'muon' is not legal where no matrix of a hidden linear layer learns "
                "(with LoRA, or most of the model frozen): set optimizer=adamw"
            )
        made.append(
            torch.optim.Muon(
                list(hidden.values()),
                lr=config.learning_rate,
                weight_decay=config.weight_decay,
                momentum=config.momentum,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return made


def hidden_matrices(model: nn.Module, named: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """Those of the named parameters that map hidden states to hidden states: the weights of linear
    layers outside heads, a head being whatever is named so ("lm_head", "action_head").
    """
    linear = {f"{name}.weight" for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    return {
        name: parameter
        for name, parameter in named.items()
        if name in linear and not any(part.endswith("head") for part in name.split("."))
    }


def parameter_groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Groups for AdamW: matrices decay, vectors (norms, biases) do not."""
    matrices = [p for p in parameters if p.ndim >= 2]
    vectors = [p for p in parameters if p.ndim < 2]
    groups = ((matrices, weight_decay), (vectors, 0.0))
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]


def optimizer_tensors(
    optimizers: Sequence[torch.optim.Optimizer], named: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """All moments, named "<moment>/<parameter>". Not copies."""
    return {
        f"{moment}/{name}": optimizer.state[parameter][moment]
        for optimizer in optimizers
        for name, parameter in named.items()
        if parameter in optimizer.state
        for moment in _moments_of(optimizer)
    }


def load_optimizer_tensors(
    optimizers: Sequence[torch.optim.Optimizer],
    named: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    *,
    others: Mapping[str, Tensor],
) -> None:
    """Take over copies of what `optimizer_tensors` returned.

    Args:
        optimizers: of the parameters `named`.
        tensors: the moments, and whatever else is checked along with them.
        others: what that is: name -> a tensor of the shape that `tensors` must have there.

    Raises:
        CheckpointMismatch: the tensors belong to other parameters. Nothing is changed then.
    """
    names = {id(parameter): name for name, parameter in named.items()}
    expected: dict[str, Tensor] = dict(others)
    known_names: list[dict[int, str]] = []
    for optimizer in optimizers:
        first, *_ = moments = _moments_of(optimizer)
        order = [p for group in optimizer.param_groups for p in group["params"]]
        # Parameters that never had a gradient (such as a vision tower without pictures) have no
        # moments.
        known = {
            i: names[id(p)] for i, p in enumerate(order) if f"{first}/{names[id(p)]}" in tensors
        }
        like = {name: order[i] for i, name in known.items()}
        expected |= {
            f"{moment}/{name}": torch.zeros(()) if moment == "step" else parameter
            for name, parameter in like.items()
            for moment in moments
        }
        known_names.append(known)
    check_tensors_match(expected, tensors, what="optimizer")
    for optimizer, known in zip(optimizers, known_names, strict=True):
        full = optimizer.state_dict()
        full["state"] = {
            i: {m: tensors[f"{m}/{name}"].clone() for m in _moments_of(optimizer)}
            for i, name in known.items()
        }
        optimizer.load_state_dict(full)


def _moments_of(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    return MUON_MOMENTS if isinstance(optimizer, torch.optim.Muon) else ADAMW_MOMENTS
