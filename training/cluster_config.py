"""The GPUs that a run is planned for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from training.checks import check_at_least


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A kind of GPU, by its maker's data sheet (SXM boards, dense bfloat16).

    Attributes:
        memory_gib: memory that a process can have [GiB].
        tflops: bfloat16 matrix products, without sparsity [10^12 / s].
        bandwidth: of its memory [10^9 byte / s].
        link: between GPUs of one host, in one direction [10^9 byte / s].
    """

    memory_gib: float
    tflops: float
    bandwidth: float
    link: float


GPUS: Mapping[str, Gpu] = {
    "a100-80gb": Gpu(memory_gib=79.1, tflops=312, bandwidth=2039, link=300),
    "h100-80gb": Gpu(memory_gib=79.1, tflops=989, bandwidth=3350, link=450),
    "h200": Gpu(memory_gib=139.7, tflops=989, bandwidth=4800, link=450),
    "b200": Gpu(memory_gib=178.3, tflops=2250, bandwidth=8000, link=900),
}
"""Kinds that a plan knows by name."""

GPUS_PER_HOST = 8
HOST_LINK = 50.0
"""Between hosts, for each GPU: one 400 Gb/s port [10^9 byte / s]."""


@dataclass(kw_only=True)
class ClusterConfig:
    """GPUs, and how many of them learn.

    Attributes:
        num_gpus: of the whole cluster, at least 1.
        num_learners: processes that learn, one GPU each, which `torchrun` starts; at least 1. The
            others generate, or all do both where the engine shares the learner's GPU.
        gpu: which kind: a100-80gb, h100-80gb, h200 or b200.
    """

    num_gpus: int = 1
    num_learners: int = 1
    gpu: str = "h100-80gb"

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "cluster", num_gpus=1, num_learners=1)
        if self.gpu not in GPUS:
            raise ValueError(f"cluster.gpu is {self.gpu!r}; legal: {', '.join(GPUS)}")
        if self.num_learners > self.num_gpus:
            raise ValueError(
                f"cluster.num_learners is {self.num_learners}; it must be at most cluster.num_gpus,"
                f" {self.num_gpus}"
            )

    def check_world(self) -> None:
        """Raise `ValueError` where `torchrun` started another number of processes."""
        started = int(os.environ.get("WORLD_SIZE", "1"))
        if started != self.num_learners:
            raise ValueError(
                f"cluster.num_learners is {self.num_learners}, but {started} processes were "
                f"started: start as many with torchrun, or set cluster.num_learners={started}"
            )

    @property
    def kind(self) -> Gpu:
        """The GPU's figures."""
        return GPUS[self.gpu]

    @property
    def num_hosts(self) -> int:
        """Machines of eight GPUs that these are."""
        return -(-self.num_gpus // GPUS_PER_HOST)
