"""Sends the learner's weights to vLLM, in the four phases of its weight-transfer protocol.

init (once: both sides meet), start, update (the weights themselves), finish (with their version).
vLLM brings the senders of its back ends "nccl" and "ipc"; "file" is ours: one safetensors file in a
folder that both sides see. `policies.engines.vllm_file_backend` is its other end.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_file
from torch import nn

PREFIXES = ("model.", "lm_head.")
"""What a checkpoint of the family names its tensors; a learner may hold more, such as a critic."""


class WeightClient(Protocol):
    """Who takes weights: the four phases, as vLLM's own senders call them."""

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """Meet the sender."""

    def start_weight_update(self) -> None:
        """Get ready for weights."""

    def update_weights(self, update_info: Any) -> None:
        """Take weights."""

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Use them from now on, under this version."""


class WeightSender(Protocol):
    """Brings weights to a client."""

    def send(self, source: Any, version: int) -> None:
        """All four phases, the first where it is due.

        Args:
            source: the learner's module, or a mapping of names to tensors.
            version: of these weights.
        """


def make_sender(
    transfer: str,
    client: WeightClient,
    *,
    folder: Path,
    num_workers: int,
    address: str = "127.0.0.1",
    keep: bool = False,
) -> WeightSender:
    """The sender of a back end.

    Args:
        transfer: "file", "nccl" or "ipc".
        client: takes the weights.
        folder: for files.
        num_workers: processes of vLLM that take weights, over all engines.
        address: of this machine, as those processes reach it.
        keep: whether files stay.
    """
    if transfer == "file":
        return FileSender(client, folder, keep=keep)
    if transfer == "nccl":
        return BuiltInSender(client, lambda: _nccl_info(num_workers, address))
    if transfer == "ipc":
        return BuiltInSender(client, _ipc_info)
    raise ValueError(f"transfer is {transfer!r}; legal: file, nccl, ipc")


class FileSender:
    """Writes weights as safetensors into a folder, and has them read.

    Args:
        client: takes the weights.
        folder: made where it is missing. The client's processes must see it under the same path.
        keep: whether the file stays, for those who come later.
    """

    def __init__(self, client: WeightClient, folder: Path, *, keep: bool = False) -> None:
        self._client, self._folder, self._keep = client, Path(folder), keep
        self._met = False

    def send(self, source: Any, version: int) -> None:
        """See `WeightSender`."""
        path = write_weights(source, self._folder, version)
        try:
            self.deliver(version)
        finally:
            if not self._keep:
                path.unlink(missing_ok=True)

    def deliver(self, version: int) -> None:
        """Have weights read that are in the folder already."""
        if not self._met:
            self._client.init_weight_transfer_engine({"root": str(self._folder)})
            self._met = True
        self._client.start_weight_update()
        self._client.update_weights({"name": weights_path(self._folder, version).name})
        self._client.finish_weight_update(str(version))


class BuiltInSender:
    """One of vLLM's own senders. They are made for one module and send it again and again.

    Args:
        client: takes the weights.
        make_info: makes vLLM's `TrainerInitInfo` of the back end.
    """

    def __init__(self, client: WeightClient, make_info: Callable[[], Any]) -> None:
        self._client = _WithVersion(client)
        self._make_info = make_info
        self._module: nn.Module | None = None
        self._engine: Any = None

    def send(self, source: Any, version: int) -> None:
        """See `WeightSender`; the source must be a module, and the same one every time."""
        if not isinstance(source, nn.Module):
            raise ValueError(
                f"engine.vllm.transfer is not 'file', which needs a module to send, got a "
                f"{type(source).__name__}"
            )
        if source is not self._module:
            self._meet(source)
        self._client.version = version
        self._engine.send_weights()

    def _meet(self, module: nn.Module) -> None:
        from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory

        from policies.engines.vllm_module_source import LearnerWeights

        if self._engine is not None:
            self._engine.shutdown()
        self._engine = WeightTransferTrainerFactory.trainer_init(
            self._make_info(), client=self._client, source=LearnerWeights(module)
        )
        self._module = module


class _WithVersion:
    """A client that is told the version of the weights on their way: vLLM's senders know none."""

    def __init__(self, client: WeightClient) -> None:
        self._client, self.version = client, 0

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self._client.init_weight_transfer_engine(init_info)

    def start_weight_update(self) -> None:
        self._client.start_weight_update()

    def update_weights(self, update_info: Any) -> None:
        self._client.update_weights(update_info)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._client.finish_weight_update(weight_version or str(self.version))


def write_weights(source: Any, folder: Path, version: int) -> Path:
    """Write weights so that a reader finds a whole file or none.

    Args:
        source: as in `named_weights`.
        folder: made where it is missing.
        version: names the file.

    Returns:
        Path of the file.
    """
    path = weights_path(folder, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    # Every tensor with memory of its own, which the format asks for: views would share theirs.
    tensors = {name: whole(tensor).cpu().contiguous() for name, tensor in named_weights(source)}
    save_file(tensors, partial)
    os.replace(partial, path)
    return path


def weights_path(folder: Path, version: int) -> Path:
    """Where the weights of a version lie while they are on their way."""
    return Path(folder) / f"weights-{version}.safetensors"


def named_weights(source: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Weights by their names in a checkpoint; what a checkpoint would not hold is left out.

    Args:
        source: a module, or a mapping of names to tensors.

    Raises:
        ValueError: where adapters are not merged into the weights, or there are none.
    """
    if isinstance(source, nn.Module):
        pairs = list(source.named_parameters())
    elif isinstance(source, Mapping):
        pairs = list(source.items())
    else:
        raise ValueError(
            f"weights come as a {type(source).__name__}; legal: a module, or a mapping of names to "
            "tensors"
        )
    adapters = [name for name, _ in pairs if "lora_" in name]
    if adapters:
        raise ValueError(
            f"the learner's weights hold an adapter ({adapters[0]}); merge it into the weights "
            "before they are sent to vLLM"
        )
    known = [(name, tensor.detach()) for name, tensor in pairs if name.startswith(PREFIXES)]
    if not known:
        raise ValueError(
            f"no weight's name begins with {' or '.join(PREFIXES)}: this is no model that "
            "engine.backend=vllm knows"
        )
    yield from known


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that was shared out among ranks in one piece (a collective); others as they are."""
    gather = getattr(tensor, "full_tensor", None)
    return gather() if callable(gather) else tensor


def free_port(address: str = "") -> int:
    """A port of this machine that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _nccl_info(num_workers: int, address: str) -> Any:
    from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

    return NCCLTrainerInitInfo(
        rank=0,
        master_address=address,
        master_port=free_port(),
        world_size=1 + num_workers,
    )


def _ipc_info() -> Any:
    from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

    return IPCTrainerInitInfo(rank=0)
