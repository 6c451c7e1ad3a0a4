"""The learner's weights as vLLM's own senders read them. Imports vLLM."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from vllm.distributed.weight_transfer.base import ParamMeta, WeightSource

from policies.engines.vllm_transfer import named_weights, whole


class LearnerWeights(WeightSource):
    """A module, read anew every time; what ranks share is gathered tensor by tensor.

    Args:
        module: the learner's.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def metadata(self) -> list[ParamMeta]:
        return [
            ParamMeta(name, tensor.dtype, tuple(tensor.shape))
            for name, tensor in named_weights(self._module)
        ]

    def __iter__(self) -> Iterator[tuple[str, torch.Tensor]]:
        for name, tensor in named_weights(self._module):
            yield name, whole(tensor)
