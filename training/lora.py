"""Low-rank adaptation by the package peft, which nothing else imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.lora_config import LoraSettings

try:
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"learner.lora is set and needs the package {missing.name}: pip install peft, or set "
        "learner.lora = null"
    ) from missing

ADAPTER = "default"


def add_adapters(model: nn.Module, settings: LoraSettings) -> None:
    """Let linear layers of the language model learn low-rank changes, and nothing else learn.

    Changes nothing yet: B begins at 0.

    Raises:
        ValueError: a target that is no linear layer of the language model.
    """
    chosen = {
        name: t for name in _linear_layers(model) if (t := _target(name, settings)) is not None
    }
    absent = [target for target in settings.targets if target not in chosen.values()]
    if absent:
        known = sorted({name.rpartition(".")[2] for name in _linear_layers(model)})
        raise ValueError(
            f"learner.lora.targets names {absent[0]!r}, which is no linear layer of the language "
            f"model; legal: {', '.join(known)}"
        )
    alpha: Any = settings.alpha  # peft says int and divides
    config = LoraConfig(
        r=settings.rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=list(chosen)
    )
    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        inject_adapter_in_model(config, model, adapter_name=ADAPTER)


@dataclass(frozen=True)
class AdaptedLayer:
    """A linear layer and its low-rank change."""

    layer: Any

    def change(self, whole: Callable[[Tensor], Tensor]) -> Tensor:
        """What is added to the weight, alpha / rank * B A.

        Args:
            whole: puts a sharded tensor together.
        """
        down = whole(self.layer.lora_A[ADAPTER].weight.detach())
        up = whole(self.layer.lora_B[ADAPTER].weight.detach())
        return self.layer.scaling[ADAPTER] * (up @ down)


def adapted_layers(model: nn.Module) -> dict[str, AdaptedLayer]:
    """The adapted layers of a model by their names."""
    return {n: AdaptedLayer(m) for n, m in model.named_modules() if isinstance(m, LoraLayer)}


@contextmanager
def without_adapters(model: nn.Module) -> Iterator[None]:
    """The model as it was before it was adapted.

    The scale is set to 0 instead of telling peft to switch its layers off, which would also take
    their gradients away: sharded parameters keep for ever what they were when they were first used.
    """
    layers = [adapted.layer for adapted in adapted_layers(model).values()]
    scales = [layer.scaling[ADAPTER] for layer in layers]
    try:
        for layer in layers:
            layer.scaling[ADAPTER] = 0.0
        yield
    finally:
        for layer, scale in zip(layers, scales, strict=True):
            layer.scaling[ADAPTER] = scale


def _linear_layers(model: nn.Module) -> list[str]:
    """Names of the linear layers of the language model, or of a model that has no such part."""
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    inside = [name for name in names if "language_model." in name]
    return inside or names


def _target(name: str, settings: LoraSettings) -> str | None:
    last = name.rpartition(".")[2]
    return last if last in settings.targets else None
