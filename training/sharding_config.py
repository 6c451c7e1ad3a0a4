"""Settings of a model that is spread over several processes."""

from __future__ import annotations

from dataclasses import dataclass

from training.losses import check_range

COMPUTE_DTYPES = ("bfloat16", "float32")
BATCHES = ("whole", "share")


@dataclass(kw_only=True)
class ShardingConfig:
    """Fully sharded data parallelism (PyTorch's FSDP2) over the processes that `torchrun` started;
    over this one process where it did not.

    Attributes:
        shard_size: ranks that one copy of the weights is spread over; must divide the number of
            processes. More copies cost memory and save traffic between hosts. None: all ranks.
        compute_dtype: of forward and backward passes, "bfloat16" or "float32". Weights, gradients
            and moments are float32 whatever this is.
        reshard_after_forward: whether layers are given back after the forward pass and fetched
            again for the backward pass: less memory, half as much traffic again.
        activation_checkpointing: whether layers keep their inputs alone and compute the rest again
            in the backward pass: a third more time, far less memory.
        cpu_offload: whether weights, gradients and moments wait in host memory and the optimizer
            steps there; of no effect where the model computes on the CPU.
        batches: what every rank is handed: the "whole" batch, of which it takes its share, or its
            "share" of a batch that was collected in parts.
        timeout_minutes: how long a rank waits for the others before the run stops, above 0.
    """

    shard_size: int | None = None
    compute_dtype: str = "bfloat16"
    reshard_after_forward: bool = True
    activation_checkpointing: bool = False
    cpu_offload: bool = False
    batches: str = "whole"
    timeout_minutes: float = 30.0

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        if self.shard_size is not None:
            check_range(f"{prefix}shard_size", self.shard_size, low=1)
        check_range(f"{prefix}timeout_minutes", self.timeout_minutes, low=1e-3)
        for name, legal in (("compute_dtype", COMPUTE_DTYPES), ("batches", BATCHES)):
            value = getattr(self, name)
            if value not in legal:
                raise ValueError(f"{prefix}{name} = {value!r} is not legal; legal: {legal}")

    def check_world(self, num_ranks: int, prefix: str = "learner.sharding.") -> None:
        """Raise ValueError where the ranks cannot be dealt into groups of `shard_size`."""
        size = self.shard_size or num_ranks
        if num_ranks % size:
            raise ValueError(
                f"{prefix}shard_size = {size} does not divide the {num_ranks} processes that were "
                f"started; legal: a divisor of {num_ranks}, or null for all"
            )
