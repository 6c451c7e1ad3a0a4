"""A stand-in for `vllm.LLM` that needs no vLLM: it answers with tokens that depend on the prompt,
the seed and its weights, caches as vLLM does, and takes weights in the four phases or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from safetensors.torch import load_file

from policies.engines.vllm import VllmReplica
from policies.inputs import PictureFormat
from policies.interface import GenerationRequest

IMAGE_TOKEN, START, END, STOP = 5, 3, 4, 2
FORMAT = PictureFormat(patch_size=14, merge_size=2, image_token_id=IMAGE_TOKEN)


class FakeLLM:
    """Behaves like an `LLM` whose model samples uniformly from its weights' first number on.

    Attributes:
        asked: (prompt, sampling arguments) of every request.
        phases: what was called of the protocol, in order.
        features_seen: which weights made the features of every picture, by its bytes: stale where
            the caches outlive an update.
    """

    def __init__(self, *, resizes: bool = False, finish_reason: str = "length") -> None:
        self.model_config = SimpleNamespace(max_model_len=512)
        self.llm_engine = SimpleNamespace(
            reset_mm_cache=lambda: self._reset("mm"),
            reset_encoder_cache=lambda: self._reset("encoder"),
            engine_core=SimpleNamespace(shutdown=lambda: self.phases.append("shutdown")),
        )
        self.asked: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.phases: list[Any] = []
        self.weights = 0.0
        self.busy = False
        self._resizes, self._finish_reason = resizes, finish_reason
        self._caches: dict[str, dict[Any, float]] = {"prefix": {}, "mm": {}, "encoder": {}}
        self._root: Path | None = None
        self._version = "default"

    def generate(
        self, prompts: Sequence[dict], sampling: Sequence[dict], *, use_tqdm: bool
    ) -> list:
        assert not use_tqdm
        self.asked += zip(prompts, sampling, strict=True)
        return [self._answer(*pair) for pair in zip(prompts, sampling, strict=True)]

    def _answer(self, prompt: dict[str, Any], sampling: dict[str, Any]) -> SimpleNamespace:
        pictures = [np.asarray(p) for p in prompt.get("multi_modal_data", {}).get("image", [])]
        expanded = self._expand(prompt["prompt_token_ids"], pictures)
        features = [self._remember("encoder", p.tobytes()) for p in pictures]
        known = tuple(expanded) in self._caches["prefix"]
        state = self._remember("prefix", tuple(expanded)) + sum(features)
        seed = (sampling.get("seed", 0) + sum(expanded) + round(state)) % 2**32
        tokens = np.random.default_rng(seed).integers(10, 100, sampling["max_tokens"]).tolist()
        reply = SimpleNamespace(
            token_ids=tokens,
            logprobs=[{t: SimpleNamespace(logprob=-float(t) / 100)} for t in tokens],
            finish_reason=self._finish_reason,
            weight_versions=[SimpleNamespace(version=self._version, start=0, end=len(tokens))],
        )
        return SimpleNamespace(
            prompt_token_ids=expanded, outputs=[reply], num_cached_tokens=len(expanded) * known
        )

    def _expand(self, ids: list[int], pictures: list[np.ndarray]) -> list[int]:
        counts = iter([FORMAT.num_features(p) + self._resizes for p in pictures])
        return [t for i in ids for t in ([i] * next(counts) if i == IMAGE_TOKEN else [i])]

    def _remember(self, cache: str, key: Any) -> float:
        return self._caches[cache].setdefault(key, self.weights)

    def _reset(self, cache: str) -> bool:
        self.phases.append(f"reset {cache}")
        self._caches[cache].clear()
        return not self.busy

    def reset_prefix_cache(self) -> bool:
        return self._reset("prefix")

    def init_weight_transfer_engine(self, request: dict[str, Any]) -> None:
        self.phases.append("init")
        self._root = Path(request["init_info"]["root"])

    def start_weight_update(self) -> None:
        self.phases.append("start")

    def update_weights(self, request: dict[str, Any]) -> None:
        assert self.phases[-1] == "start"
        self.phases.append("update")
        assert self._root is not None
        (first, *_), *_ = load_file(self._root / request["update_info"]["name"]).values()
        self.weights = float(first)

    def finish_weight_update(self, weight_version: str) -> None:
        assert self.phases[-1] == "update"
        self.phases.append(("finish", weight_version))
        self._version = weight_version

    def update_weight_version(self, version: str) -> None:
        self._version = version

    def get_weight_version(self) -> str:
        return self._version


class MortalLLM(FakeLLM):
    """Ends its process at the first request whose seed is in a file, once.

    Args:
        fatal: a file that is removed when it has happened.
    """

    def __init__(self, fatal: Path) -> None:
        super().__init__()
        self._fatal = fatal

    def generate(self, *arguments: Any, **options: Any) -> list:
        if self._fatal.exists():
            self._fatal.unlink()
            os._exit(1)
        return super().generate(*arguments, **options)


def make_fake_replica(make_llm: Callable[[], FakeLLM] = FakeLLM) -> VllmReplica:
    return VllmReplica(make_llm(), dict, picture_format=FORMAT)


def make_request(
    *pictures: np.ndarray, key: str = "c", noise: int = 0, words: Sequence[int] = (30, 40), **more
) -> GenerationRequest:
    """A prompt of `words` and, after them, the pictures one by one."""
    ids, spans = list(words), []
    for picture in pictures:
        count = FORMAT.num_features(picture)
        spans.append((len(ids) + 1, len(ids) + 1 + count))
        ids += [START, *[IMAGE_TOKEN] * count, END]
    settings = {"max_new_tokens": 4, "stop_ids": (STOP,), **more}
    return GenerationRequest(
        prompt_ids=np.asarray(ids, dtype=np.int64),
        images=pictures,
        image_spans=np.asarray(spans, dtype=np.int64).reshape(-1, 2),
        cache_key=key,
        noise_key=(7, noise),
        **settings,
    )


def make_picture(height: int = 56, width: int = 84, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
