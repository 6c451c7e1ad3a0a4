"""The receiving end of weights that come as a file, inside vLLM's processes. Imports vLLM.

It takes part in the same four phases as vLLM's own back ends, and needs no GPU. Layers are laid
anew as weights come in ("layerwise reload"), because vLLM has packed them for its kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
from vllm.model_executor.model_loader.reload import (
    finalize_layerwise_reload,
    initialize_layerwise_reload,
)

NAME = "file"


@dataclass
class FileInitInfo(WeightTransferInitInfo):
    """What is said at the first meeting.

    Attributes:
        root: folder that files come into.
    """

    root: str


@dataclass
class FileUpdateInfo(WeightTransferUpdateInfo):
    """What is said for each file.

    Attributes:
        name: of a safetensors file in the folder; no path.
    """

    name: str


class FileTransfer(WeightTransferEngine[FileInitInfo, FileUpdateInfo]):
    """Reads weights from files in one folder, and from nowhere else."""

    init_info_cls = FileInitInfo
    update_info_cls = FileUpdateInfo
    _root: Path | None = None

    def init_transfer_engine(self, init_info: FileInitInfo) -> None:
        self._root = Path(init_info.root)

    def start_weight_update(self) -> None:
        initialize_layerwise_reload(self.model)

    def receive_weights(self, update_info: FileUpdateInfo) -> None:
        if self._root is None:
            raise RuntimeError("a file came before the folder was named")
        if Path(update_info.name).name != update_info.name:
            raise ValueError(f"{update_info.name!r} is no name of a file in {self._root}")
        weights = load_file(self._root / update_info.name)
        self.model.load_weights(iter(weights.items()))

    def finish_weight_update(self) -> None:
        finalize_layerwise_reload(self.model, self.model_config)

    def shutdown(self) -> None:
        """Nothing is held between files."""


class FileBackEnd:
    """Named as `worker_extension_cls`, so that every process of vLLM imports this module."""


if NAME not in WeightTransferEngineFactory._registry:
    WeightTransferEngineFactory.register_engine(NAME, FileTransfer)
