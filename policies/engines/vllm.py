"""Generation by vLLM, whose weights live apart from the learner's.

`VllmReplica` is one `vllm.LLM`: it answers requests and takes new weights in vLLM's four phases.
`VllmEngine` is that with whatever sends the weights. With several replicas in other processes, see
`training.ray_engine`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from policies.engines.vllm_config import VllmConfig
from policies.engines.vllm_requests import make_completion, make_prompt, make_sampling
from policies.engines.vllm_transfer import WeightSender, make_sender
from policies.inputs import PictureFormat
from policies.interface import Completion, GenerationRequest

FILE_BACK_END = "policies.engines.vllm_file_backend.FileBackEnd"


class VllmReplica:
    """One `vllm.LLM`.

    Args:
        llm: an `LLM`, or what behaves like one.
        make_sampling_params: `vllm.SamplingParams`.
        picture_format: how the model cuts pictures.
        version: of the weights that it was started with.

    Attributes:
        weights_version: of the weights that it holds; None while they are exchanged, and after an
            exchange that failed.
        max_context: most tokens of prompt and reply together.
        num_prompt_tokens: of all prompts so far.
        num_cached_tokens: those of them that were in the prefix cache.
    """

    def __init__(
        self,
        llm: Any,
        make_sampling_params: Callable[..., Any],
        *,
        picture_format: PictureFormat,
        version: int = 0,
    ) -> None:
        self._llm, self._make_sampling_params = llm, make_sampling_params
        self._format = picture_format
        self.max_context: int = llm.model_config.max_model_len
        self.num_prompt_tokens, self.num_cached_tokens = 0, 0
        llm.update_weight_version(str(version))
        self.weights_version: int | None = version

    def generate(
        self, requests: Sequence[GenerationRequest], *, version: int | None = None
    ) -> list[Completion]:
        """One completion per request, in order.

        Args:
            requests: any number.
            version: that the weights must have; None takes those that are there.

        Raises:
            ValueError: for a request that vLLM cannot be asked, or reads in another way.
            RuntimeError: where the weights are of another version, or half exchanged.
        """
        held = self._check_version(version)
        if not requests:
            return []
        outputs = self._llm.generate(
            [make_prompt(request, self._format) for request in requests],
            [self._make_sampling_params(**make_sampling(request)) for request in requests],
            use_tqdm=False,
        )
        self.num_prompt_tokens += sum(len(request.prompt_ids) for request in requests)
        self.num_cached_tokens += sum(output.num_cached_tokens or 0 for output in outputs)
        return [
            make_completion(request, output, version=held)
            for request, output in zip(requests, outputs, strict=True)
        ]

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """First phase, once: meet the sender."""
        self._llm.init_weight_transfer_engine({"init_info": init_info})

    def start_weight_update(self) -> None:
        """Second phase: from now on the weights are of no version."""
        self.weights_version = None
        self._llm.start_weight_update()

    def update_weights(self, update_info: Any) -> None:
        """Third phase, once or several times: take weights."""
        self._llm.update_weights({"update_info": update_info})

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Fourth phase: the weights are whole. Nothing that was made with older ones stays: keys
        and values, prepared pictures, and the vision tower's features.

        Raises:
            ValueError: where no version, or none that is a number, is given.
            RuntimeError: where a cache cannot be dropped, or vLLM says another version.
        """
        if weight_version is None or not weight_version.isdecimal():
            raise ValueError(f"weight_version is {weight_version!r}; it must be a whole number")
        self._llm.finish_weight_update(weight_version)
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM's prefix cache is in use while the weights are exchanged")
        self._llm.llm_engine.reset_mm_cache()
        self._llm.llm_engine.reset_encoder_cache()
        told = self._llm.get_weight_version()
        if told != weight_version:
            raise RuntimeError(f"vLLM holds weights of version {told}, not {weight_version}")
        self.weights_version = int(weight_version)

    def close(self) -> None:
        """End its processes. Harmless twice."""
        with suppress(AttributeError):
            self._llm.llm_engine.engine_core.shutdown()

    def _check_version(self, wanted: int | None) -> int:
        held = self.weights_version
        if held is None:
            raise RuntimeError(
                "vLLM's weights are half exchanged: the last update_weights did not end well; send "
                "them again before it is asked"
            )
        if wanted is not None and held != wanted:
            raise RuntimeError(
                f"vLLM holds weights of version {held}, the learner's are of version {wanted}: "
                "send them with update_weights before it is asked"
            )
        return held


class VllmEngine:
    """An `Engine` around one replica in this process. See `policies.interface.Engine`.

    Whoever asks and whoever sends weights may be two threads: an exchange waits until the replies
    under way are finished, and requests wait until the exchange is.

    Args:
        replica: answers.
        sender: brings weights to it.
    """

    def __init__(self, replica: VllmReplica, sender: WeightSender) -> None:
        self.replica, self._sender = replica, sender
        self.max_context = replica.max_context
        self.weights_version = replica.weights_version or 0
        self._lock = threading.Lock()

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """One completion per request, in order. See `VllmReplica.generate`."""
        with self._lock:
            return self.replica.generate(requests, version=self.weights_version)

    def update_weights(self, source: Any, version: int) -> None:
        """Take new weights.

        Args:
            source: the learner's module, or (name, tensor) pairs in a mapping, named as in a
                checkpoint.
            version: of these weights, 0 or more.

        Raises:
            ValueError: where there is no source, or it is no whole model.
        """
        if source is None:
            raise ValueError(
                "engine.backend=vllm holds weights of its own: update_weights needs the learner's "
                "module, not None"
            )
        with self._lock:
            self._sender.send(source, version)
            self.weights_version = version

    def forget(self, cache_keys: Sequence[str]) -> None:
        """Nothing: vLLM drops by itself what was unused for longest."""

    def close(self) -> None:
        """End vLLM's processes."""
        self.replica.close()


def make_vllm_engine(
    folder: Path,
    config: VllmConfig,
    *,
    picture_format: PictureFormat,
    max_batch_size: int,
    version: int = 0,
) -> VllmEngine:
    """An engine that starts with a checkpoint's weights.

    Args:
        folder: model, tokenizer and image processor; weights on their way are written to it where
            `config.transfer` is "file".
        config: settings, checked.
        picture_format: how the model cuts pictures.
        max_batch_size: most conversations decoded side by side.
        version: of the checkpoint's weights.

    Raises:
        ModuleNotFoundError: where vLLM is not installed.
    """
    replica = make_replica(
        folder,
        config,
        picture_format=picture_format,
        max_batch_size=max_batch_size,
        version=version,
    )
    sender = make_sender(
        config.transfer, replica, folder=folder, num_workers=config.tensor_parallel_size
    )
    return VllmEngine(replica, sender)


def make_replica(
    folder: Path,
    config: VllmConfig,
    *,
    picture_format: PictureFormat,
    max_batch_size: int,
    version: int = 0,
) -> VllmReplica:
    """A replica with a checkpoint's weights; arguments as for `make_vllm_engine`."""
    if config.transfer == "ipc":
        # Handles to GPU memory reach vLLM's process by pickle, from this process alone.
        os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
    try:
        from vllm import LLM, SamplingParams
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "engine.backend is 'vllm', which is not installed here; docs/vllm.md says how, or set "
            "engine.backend=transformers"
        ) from error
    llm = LLM(str(folder), **llm_arguments(config, max_batch_size=max_batch_size))
    return VllmReplica(llm, SamplingParams, picture_format=picture_format, version=version)


def llm_arguments(config: VllmConfig, *, max_batch_size: int) -> dict[str, Any]:
    """Arguments of `vllm.LLM` beside the model.

    Log-probabilities are those after temperature, as `Completion` wants them.
    """
    arguments: dict[str, Any] = {
        "dtype": config.dtype,
        "tensor_parallel_size": config.tensor_parallel_size,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "max_num_seqs": max_batch_size,
        "enable_prefix_caching": config.prefix_caching,
        "enforce_eager": config.enforce_eager,
        "logprobs_mode": "processed_logprobs",
        "limit_mm_per_prompt": {"image": config.max_images, "video": 0},
        "weight_transfer_config": {"backend": config.transfer},
    }
    if config.max_model_len is not None:
        arguments["max_model_len"] = config.max_model_len
    if config.block_size is not None:
        arguments["block_size"] = config.block_size
    if config.transfer == "file":
        arguments["worker_extension_cls"] = FILE_BACK_END
    return arguments
