"""The model that learns: which parts do, where they lie, and its weights as others know them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from training.learner_config import LearnerConfig
from training.ranks import Ranks

PARTS = {
    "vision_tower": ("*visual.*",),
    "connector": ("*visual.merger.*", "*visual.deepstack_merger_list.*"),
    "language_model": ("*language_model.*", "*lm_head.*"),
}
"""Name in `learner.freeze` -> patterns of the parameters it stands for. The connector, which turns
what the vision tower sees into tokens, lies inside the tower and is not counted as a part of it."""

MARK = "frozen_by_name"
"""Attribute of a parameter that `freeze` froze."""


def lay_out(
    model: nn.Module, score: Any, config: LearnerConfig, *, own: bool
) -> tuple[nn.Module, Ranks, Any]:
    """Make a model ready to learn.

    Args:
        model: of any device; not changed where `own` is set and LoRA or sharding are asked for.
        score: the function that scores with it.
        config: what is frozen, adapted and sharded.
        own: whether LoRA and sharding work on a copy.

    Returns:
        The model that learns, the ranks it is spread over, and the function that scores with it.

    Raises:
        ValueError: settings that do not fit the model or the processes.
    """
    ranks = Ranks()
    if config.sharding is not None:
        from training.sharding import ShardedRanks  # which few runs need

        ranks = ShardedRanks(config.sharding, next(model.parameters()).device)
    if own and (config.sharding is not None or config.lora is not None):
        model = copy.deepcopy(model)
    freeze(model, config.freeze)
    if config.lora is not None:
        from training.lora import add_adapters  # which needs the package peft

        add_adapters(model, config.lora)
    return model, ranks, ranks.place(model, score)


def freeze(model: nn.Module, names: Iterable[str]) -> None:
    """Freeze parts of a model, and thaw what an earlier call froze.

    Raises:
        ValueError: a name that stands for no parameter, or for all of them.
    """
    named = dict(model.named_parameters())
    for parameter in named.values():
        if getattr(parameter, MARK, False):
            parameter.requires_grad_(True)
            setattr(parameter, MARK, False)
    for name in names:
        chosen = [n for n in named if _stands_for(name, n)]
        if not chosen:
            raise ValueError(
                f"learner.freeze names {name!r}, which is no part of the model; legal: "
                f"{', '.join(PARTS)}, or patterns of parameter names such as {next(iter(named))!r}"
            )
        for parameter in (named[n] for n in chosen):
            if parameter.requires_grad:
                parameter.requires_grad_(False)
                setattr(parameter, MARK, True)
    if not any(parameter.requires_grad for parameter in named.values()) and list(names):
        raise ValueError(f"learner.freeze = {list(names)} leaves nothing to learn")


def plain_weights(
    model: nn.Module, whole: Callable[[Tensor], Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Name and value of every weight as the model had them before it was adapted and sharded.

    Args:
        model: that learns.
        whole: puts a sharded tensor together.

    Yields:
        Tied weights once for each of their names. Not copies where nothing had to be done.
    """
    adapted: dict[str, Any] = {}
    if any(".lora_" in name for name, _ in model.named_parameters()):
        from training.lora import adapted_layers

        adapted = adapted_layers(model)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if ".lora_" in name:
            continue
        weight = whole(parameter.detach())
        layer = adapted.get(name.removesuffix(".base_layer.weight"))
        if layer is not None and name.endswith(".base_layer.weight"):
            weight = weight + layer.change(whole).to(weight)
        yield name.replace(".base_layer.", "."), weight


@torch.no_grad()
def copy_weights(weights: Iterable[tuple[str, Tensor]], model: nn.Module) -> None:
    """Write weights into the parameters of the same names, whatever their device and dtype."""
    named = dict(model.named_parameters(remove_duplicate=False))
    for name, weight in weights:
        named[name].copy_(weight)


def _stands_for(name: str, parameter: str) -> bool:
    if name not in PARTS:
        return fnmatchcase(parameter, name) or parameter.startswith(f"{name}.")
    found = any(fnmatchcase(f".{parameter}", pattern) for pattern in PARTS[name])
    if name == "vision_tower":
        return found and not _stands_for("connector", parameter)
    return found
