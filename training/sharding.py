"""A learner spread over processes: PyTorch's fully sharded data parallelism (FSDP2).

Every rank holds a part of the float32 weights, gradients and moments, fetches the layers in the
compute dtype as it comes to them, and works on its share of the samples. A layer can only be
fetched when every rank asks for it, so all ranks run equally many micro-batches, and the vision
tower in the same ones: who has none left runs a filler, of which nothing is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FSDPModule,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
)
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint

from policies.interface import Sample
from training.batching import Meter
from training.process_group import join_processes
from training.ranks import Ranks, Round
from training.sharding_config import ShardingConfig


class ShardedRanks(Ranks):
    """The processes of a run and a model that is spread over them."""

    def __init__(self, config: ShardingConfig, device: torch.device) -> None:
        """
        Args:
            config: settings.
            device: of the model, whose kind decides what processes talk through.

        Raises:
            ValueError: the processes cannot be dealt into groups of `config.shard_size`.
        """
        self.group = join_processes(device.type, timeout_minutes=config.timeout_minutes)
        config.check_world(self.group.size)
        self.config = config
        self.num_ranks, self.is_first = self.group.size, self.group.rank == 0
        self.device = self.group.device
        self.mesh = self.group.mesh(config.shard_size or self.num_ranks)

    @property
    def sharing(self) -> tuple[int, int]:
        """See `Ranks`."""
        return (0, 1) if self.config.batches == "whole" else (self.group.rank, self.num_ranks)

    def place(self, model: nn.Module, score: Any) -> Any:
        """See `Ranks`. The first rank's weights become everybody's."""
        if self.num_ranks > 1:
            for tensor in (*model.parameters(), *model.buffers()):
                self.group.copy_first(tensor.detach())
        root = ScoringModule(model, score)
        for layer in _layers(model):
            if self.config.activation_checkpointing:
                # Inside of what is sharded, so that the second pass finds the layer still there.
                layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
            self._shard(layer, self.config.reshard_after_forward)
        self._shard(root, False)
        for module in root.modules():
            if isinstance(module, FSDPModule):  # the loss is divided by the whole batch already
                module.set_gradient_divide_factor(1.0)
                module.set_force_sum_reduction_for_comms(True)
        for buffer in model.buffers():
            buffer.data = buffer.data.to(self.device)
        return ShardedScore(root=root, score=score)

    def share(self, lengths: Sequence[int]) -> list[int]:
        """See `Ranks`. Each sample, the longest first, goes to the rank with the fewest tokens."""
        if self.config.batches == "share":
            return list(range(len(lengths)))
        tokens, owner = [0] * self.num_ranks, {}
        for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
            owner[index] = tokens.index(min(tokens))
            tokens[owner[index]] += lengths[index]
        return [i for i in range(len(lengths)) if owner[i] == self.group.rank]

    def rounds(
        self,
        micro_batches: Sequence[list[int]],
        has_pictures: Callable[[int], bool],
        filler: Sample,
    ) -> list[Round]:
        """See `Ranks`."""
        count = self.largest(len(micro_batches))
        batches = [*micro_batches, *([] for _ in range(count - len(micro_batches)))]
        seen = [any(map(has_pictures, b)) if b else bool(filler.images) for b in batches]
        needed = self.group.largest(torch.tensor(seen, dtype=torch.int64)).tolist()
        return [
            Round(indices=list(indices), run_vision=bool(vision))
            for indices, vision in zip(batches, needed, strict=True)
        ]

    def total(self, number: float) -> float:
        """See `Ranks`."""
        return float(self.group.sum(torch.tensor(number, dtype=torch.float64)))

    def largest(self, number: int) -> int:
        """See `Ranks`."""
        return int(self.group.largest(torch.tensor(number)))

    def batch_size(self, num_samples: int) -> int:
        """See `Ranks`."""
        return num_samples if self.config.batches == "whole" else int(self.total(num_samples))

    def gather(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """See `Ranks`."""
        if self.config.batches == "share" or not arrays:
            return arrays
        together = self.group.sum(torch.from_numpy(np.concatenate(arrays))).numpy()
        return np.split(together, np.cumsum([len(array) for array in arrays])[:-1])

    def sum_meter(self, meter: Meter) -> Meter:
        """See `Ranks`."""
        sums, parts = sorted(meter.sums), sorted(meter.parts)
        numbers = [meter.loss, meter.num_tokens, *(meter.sums[name] for name in sums)]
        numbers += [meter.parts[name] for name in parts]
        loss, tokens, *rest = self.group.sum(torch.tensor(numbers, dtype=torch.float64)).tolist()
        return Meter(
            loss=loss,
            num_tokens=int(tokens),
            sums=dict(zip(sums, rest, strict=False)),
            parts=dict(zip(parts, rest[len(sums) :], strict=True)),
        )

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """See `Ranks`."""
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.copy_(self.group.sum(parameter.grad))

    def clip_gradients(self, parameters: Iterable[nn.Parameter], max_norm: float) -> float:
        """See `Ranks`."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        sharded = [g.to_local() for g in gradients if isinstance(g, DTensor)]
        whole = [g for g in gradients if not isinstance(g, DTensor)]
        squares = self.group.sum(_squares(sharded), self.mesh["shard"].get_group())
        norm = float((squares + _squares(whole)).sqrt())
        factor = min(max_norm / (norm + 1e-6), 1.0)
        if factor < 1.0:
            for gradient in (*sharded, *whole):
                gradient.mul_(factor)
        return norm

    def whole(self, tensor: Tensor) -> Tensor:
        """See `Ranks`."""
        if not isinstance(tensor, DTensor):
            return tensor
        here: Any = tensor.to(self.group.device)  # from host memory, where nothing is sent
        return here.full_tensor()

    def wait(self) -> None:
        """See `Ranks`."""
        self.group.wait()

    def _shard(self, module: nn.Module, reshard_after_forward: bool) -> None:
        config = self.config
        dtype = torch.bfloat16 if config.compute_dtype == "bfloat16" else None
        offload = config.cpu_offload and self.group.device.type == "cuda"
        fully_shard(
            module,
            mesh=self.mesh if self.mesh.shape[0] > 1 else self.mesh["shard"],
            reshard_after_forward=reshard_after_forward,
            mp_policy=MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32),
            offload_policy=CPUOffloadPolicy() if offload else OffloadPolicy(),
        )


class ScoringModule(nn.Module):
    """A model and the function that scores with it, as one module with one forward pass: weights
    are fetched when a module is called, and no other module is there from end to end.
    """

    def __init__(self, model: nn.Module, score: Any) -> None:
        super().__init__()
        self.model = model
        self._score = score

    def forward(
        self, inputs: Any, temperature: float, select: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The scores as a tuple, in which FSDP looks for what gradients come back through."""
        scores = self._score(self.model, inputs, temperature=temperature, select=select)
        return scores.trainer_logprobs, scores.entropies, scores.hidden


@dataclass(frozen=True)
class Scores:
    """A `training.scoring.TokenScores`."""

    trainer_logprobs: Tensor
    entropies: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class ShardedScore:
    """A `training.scoring.Score` by the ranks together; the model that it is handed is its own."""

    root: ScoringModule
    score: Any

    def __call__(
        self, model: Any, inputs: Any, *, temperature: float = 1.0, select: Tensor | None = None
    ) -> Scores:
        """All ranks must call this equally often."""
        return Scores(*self.root(inputs, temperature, select))


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    """What is fetched by itself: the members of every list of layers. The rest, such as the
    embedding, is fetched at the start of a pass and given back at its end.
    """
    for module in model.children():
        if isinstance(module, nn.ModuleList):
            yield from module
        else:
            yield from _layers(module)


def _squares(tensors: Sequence[Tensor]) -> Tensor:
    """Sum of all squares, float64 (), on the CPU."""
    total = torch.zeros((), dtype=torch.float64)
    for tensor in tensors:
        total += torch.linalg.vector_norm(tensor, dtype=torch.float32).double().square().cpu()
    return total
