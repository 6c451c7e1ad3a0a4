"""The processes that `torchrun` started, and what they tell each other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
"""Device type -> what processes talk through."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a run, of which this is one.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
        device: of this process, where tensors are exchanged.
    """

    rank: int
    size: int
    device: torch.device

    def mesh(self, shard_size: int) -> DeviceMesh:
        """The processes as copies ("copy") of groups ("shard") that share one set of weights."""
        shape = (self.size // shard_size, shard_size)
        return init_device_mesh(self.device.type, shape, mesh_dim_names=("copy", "shard"))

    def sum(self, tensor: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
        """The sum over all processes, or over those of `group`, on the tensor's own device."""
        return self._reduce(tensor, dist.ReduceOp.SUM, group)

    def largest(self, tensor: Tensor) -> Tensor:
        """The largest of all processes' numbers, place by place."""
        return self._reduce(tensor, dist.ReduceOp.MAX, None)

    def copy_first(self, tensor: Tensor) -> None:
        """Overwrite a tensor with that of the first process."""
        moved = tensor.to(self.device)
        dist.broadcast(moved, src=0)
        tensor.copy_(moved)

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.sum(torch.zeros(1))

    def _reduce(
        self, tensor: Tensor, how: dist.ReduceOp.RedOpType, group: dist.ProcessGroup | None
    ) -> Tensor:
        moved = tensor.to(self.device, copy=True)
        dist.all_reduce(moved, op=how, group=group)
        return moved.to(tensor.device)


def join_processes(device_type: str, *, timeout_minutes: float = 30.0) -> ProcessGroup:
    """Meet the other processes that `torchrun` started; without it there is this one alone.

    A second call joins nothing new.

    Args:
        device_type: where the model computes, "cpu" or "cuda".
        timeout_minutes: how long to wait for the others, now and in every exchange.

    Raises:
        ValueError: there are more processes on this host than GPUs.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if device_type == "cuda":
        count = torch.cuda.device_count()
        if local_rank >= count:
            raise ValueError(
                f"--nproc-per-node starts process {local_rank} on a host with {count} GPUs; "
                f"legal: {count} at most, or engine.device = cpu"
            )
        torch.cuda.set_device(local_rank)
    if not dist.is_initialized():
        _start(BACKENDS[device_type], timedelta(minutes=timeout_minutes))
    device = torch.device(device_type, local_rank) if device_type == "cuda" else torch.device("cpu")
    return ProcessGroup(rank=dist.get_rank(), size=dist.get_world_size(), device=device)


def leave_processes() -> None:
    """Part from the other processes; nothing happens where there are none."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _start(backend: str, timeout: timedelta) -> None:
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        dist.init_process_group(backend, timeout=timeout)
    else:
        dist.init_process_group(
            backend, store=dist.HashStore(), rank=0, world_size=1, timeout=timeout
        )
