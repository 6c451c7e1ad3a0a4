"""The tokens that stand for actions and states, and how a new model begins to know them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

NUM_WAVES = 32


def action_token_names(count: int) -> list[str]:
    """The special tokens of an action vocabulary."""
    return [f"<|action_{index}|>" for index in range(count)]


def state_token_names(count: int) -> list[str]:
    """The special tokens of the bins of a state."""
    return [f"<|state_{index}|>" for index in range(count)]


def smooth_rows(count: int, width: int, *, std: float, seed: int) -> torch.Tensor:
    """Random vectors of which neighbours are alike, float32 (count, width).

    Bins are places on a line. A model whose tokens begin as a smooth curve knows from the start
    that 100 lies between 99 and 101, which random vectors would have to be taught bin by bin.

    Args:
        count: tokens, in their order.
        width: numbers of a vector.
        std: root mean square of these.
        seed: decides the curve.
    """
    generator = torch.Generator().manual_seed(seed)
    places = (torch.arange(count) + 0.5) / count
    waves = torch.arange(min(NUM_WAVES, count))
    basis = torch.cos(torch.pi * places[:, None] * waves) / (1 + waves / 4)
    rows = basis @ torch.randn(len(waves), width, generator=generator)
    return rows * (std / rows.square().mean().sqrt())


def smooth_tokens(layer: nn.Module, ids: Sequence[int], *, std: float, seed: int) -> None:
    """Give the rows `ids` of a layer's weight, in this order, the values of `smooth_rows`."""
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    rows = smooth_rows(len(ids), weight.shape[1], std=std, seed=seed)
    with torch.no_grad():
        weight[list(ids)] = rows.to(weight)
