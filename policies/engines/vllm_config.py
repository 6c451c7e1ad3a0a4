"""How vLLM is set up to generate. Plain data; vLLM need not be installed to read it."""

from __future__ import annotations

from dataclasses import dataclass

TRANSFERS = ("file", "nccl", "ipc")
PLACEMENTS = ("process", "ray")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(kw_only=True)
class VllmConfig:
    """Where vLLM runs, what it may use, and how it gets new weights.

    Attributes:
        placement: "process" starts one engine from this process; "ray" starts `num_engines` actors
            in the cluster that the environments run in.
        num_engines: actors, at least 1; 1 in "process".
        tensor_parallel_size: GPUs that share one engine's weights, at least 1.
        gpus_per_engine: GPUs that Ray sets aside for an engine, 0 or more; below 1 they are shared
            with others. None takes `tensor_parallel_size`.
        gpu_memory_utilization: share of each GPU's memory that vLLM takes, above 0 and at most 1.
            On a GPU that learns too, leave room for that.
        max_model_len: most tokens of prompt and reply together, at least 1; None is the model's
            own limit.
        max_images: most pictures in one conversation, at least 0.
        dtype: of weights and activations; "auto" takes the checkpoint's.
        transfer: how new weights get there. "nccl" for GPUs that do not learn, "ipc" for the very
            GPU that does, "file" by safetensors in a folder that both sides see, with no GPU too.
        folder: where the checkpoint that vLLM starts from is written, and weights on their way; on
            several machines one that all of them see. None is this machine's temporary folder.
        prefix_caching: whether what is computed for a prompt's beginning serves other members of
            the group and later turns.
        block_size: tokens in one block of that cache; whole blocks only are found again. None
            leaves the choice to vLLM.
        reply_timeout_seconds: an actor that takes longer for a batch, or for one phase of a weight
            update, is given up and replaced [s], above 0.
        enforce_eager: whether to do without compiled graphs: slower, and up sooner.
    """

    placement: str = "process"
    num_engines: int = 1
    tensor_parallel_size: int = 1
    gpus_per_engine: float | None = None
    gpu_memory_utilization: float = 0.5
    max_model_len: int | None = None
    max_images: int = 32
    dtype: str = "auto"
    transfer: str = "file"
    folder: str | None = None
    prefix_caching: bool = True
    block_size: int | None = None
    reply_timeout_seconds: float = 1800.0
    enforce_eager: bool = False

    def check(self, prefix: str = "engine.vllm.") -> None:
        """Raise `ValueError` naming the first field that is out of range.

        Args:
            prefix: where the settings stand in the whole configuration.
        """
        _check_named(prefix + "placement", self.placement, PLACEMENTS)
        _check_named(prefix + "transfer", self.transfer, TRANSFERS)
        _check_named(prefix + "dtype", self.dtype, DTYPES)
        for name, least in (
            ("num_engines", 1),
            ("tensor_parallel_size", 1),
            ("max_model_len", 1),
            ("block_size", 1),
            ("max_images", 0),
            ("gpus_per_engine", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{prefix}{name} is {value}; it must be at least {least}")
        if not 0 < self.gpu_memory_utilization <= 1:
            raise ValueError(
                f"{prefix}gpu_memory_utilization is {self.gpu_memory_utilization}; it must be "
                "above 0 and at most 1"
            )
        if not self.reply_timeout_seconds > 0:
            raise ValueError(
                f"{prefix}reply_timeout_seconds is {self.reply_timeout_seconds}; it must be above 0"
            )
        if self.placement == "process" and self.num_engines > 1:
            raise ValueError(
                f"{prefix}num_engines is {self.num_engines} with {prefix}placement=process; legal: "
                f"1, or {prefix}placement=ray"
            )
        if self.transfer == "ipc" and self.num_engines > 1:
            raise ValueError(
                f"{prefix}transfer is 'ipc' with {prefix}num_engines={self.num_engines}; memory is "
                "shared on the GPU that learns alone: legal: nccl, file"
            )


def _check_named(name: str, value: str, legal: tuple[str, ...]) -> None:
    if value not in legal:
        raise ValueError(f"{name} is {value!r}; legal: {', '.join(legal)}")
