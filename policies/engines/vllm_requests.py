"""What is asked of vLLM and what it answers, as plain data. vLLM need not be installed.

vLLM wants one placeholder per picture, and puts in as many as the picture has features itself. Our
sequences hold all of them, since the learner needs them. So they are taken out on the way there,
and what vLLM put in is compared with what we had: a difference would train on pictures that nobody
saw.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from PIL import Image

from policies.inputs import PictureFormat, TokenSequence, check_placeholders
from policies.interface import Completion, GenerationRequest, TokenBudget


def make_prompt(request: GenerationRequest, picture_format: PictureFormat) -> dict[str, Any]:
    """A prompt as `vllm.LLM.generate` takes it: compact tokens, and pictures in their order.

    Args:
        request: with expanded placeholders.
        picture_format: how the model cuts pictures.

    Raises:
        ValueError: where placeholders and pictures disagree.
    """
    check_request(request, picture_format)
    prompt: dict[str, Any] = {
        "prompt_token_ids": compact_ids(request.prompt_ids, request.image_spans).tolist()
    }
    if request.images:
        pictures = [Image.fromarray(image) for image in request.images]
        prompt["multi_modal_data"] = {"image": pictures}
    return prompt


def check_request(request: GenerationRequest, picture_format: PictureFormat) -> None:
    """Raise ValueError where placeholders and pictures disagree, or the prompt is empty."""
    if not len(request.prompt_ids):
        raise ValueError(f"conversation {request.cache_key!r} has an empty prompt")
    sequence = TokenSequence(
        ids=request.prompt_ids, images=request.images, image_spans=request.image_spans
    )
    check_placeholders(sequence, picture_format)
    num_placeholders = int((request.prompt_ids == picture_format.image_token_id).sum())
    num_in_spans = sum(int(end - start) for start, end in request.image_spans)
    if num_placeholders != num_in_spans:
        raise ValueError(
            f"conversation {request.cache_key!r} has {num_placeholders} placeholders, of which its "
            f"{len(request.images)} pictures account for {num_in_spans}"
        )


def compact_ids(ids: np.ndarray, image_spans: np.ndarray) -> np.ndarray:
    """Tokens with exactly one placeholder per picture, int64.

    Args:
        ids: int64 (T,), with as many placeholders per picture as it has features.
        image_spans: int64 (N, 2), half-open, where these stand.
    """
    keep = np.ones(len(ids), dtype=bool)
    for start, end in image_spans:
        keep[start + 1 : end] = False
    return ids[keep]


def make_sampling(request: GenerationRequest) -> dict[str, Any]:
    """Arguments of `vllm.SamplingParams`.

    The model's own end token counts only where it is among the request's: `ignore_eos`. `logprobs`
    = 0 asks for those of the sampled tokens and of no others.

    Raises:
        ValueError: for a budget whose costs are not 0 and 1.
    """
    sampling: dict[str, Any] = {
        "temperature": request.temperature,
        "max_tokens": request.max_new_tokens,
        "stop_token_ids": list(request.stop_ids),
        "ignore_eos": True,
        "logprobs": 0,
        "detokenize": False,
    }
    if request.temperature > 0:
        sampling["seed"] = make_seed(request.noise_key)
    if request.budget is not None:
        sampling["allowed_token_ids"] = _affordable(request.budget)
        sampling["max_tokens"] = min(request.max_new_tokens, request.budget.total)
    return sampling


def make_seed(noise_key: tuple[int, ...]) -> int:
    """A seed in [0, 2**63) that is a function of the key alone."""
    text = ",".join(str(int(part)) for part in noise_key)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def make_completion(request: GenerationRequest, output: Any, *, version: int) -> Completion:
    """A finished reply.

    Args:
        request: what was asked.
        output: vLLM's `RequestOutput`.
        version: of the weights that are in the engine.

    Raises:
        ValueError: where vLLM made other placeholders of the pictures than the request has.
        RuntimeError: where the reply was cut off, or comes from weights of another version.
    """
    check_expansion(request, output.prompt_token_ids)
    reply = output.outputs[0]
    check_versions(reply.weight_versions or (), version)
    if reply.finish_reason not in ("stop", "length"):
        raise RuntimeError(
            f"vLLM broke off the reply in conversation {request.cache_key!r}: "
            f"finish_reason={reply.finish_reason!r}"
        )
    tokens = np.asarray(reply.token_ids, dtype=np.int64)
    places = zip(reply.logprobs, tokens.tolist(), strict=True)
    return Completion(
        token_ids=tokens,
        rollout_logprobs=np.asarray([at[token].logprob for at, token in places], dtype=np.float32),
        finish_reason=_finish_reason(request, tokens, reply.finish_reason),
        weights_version=version,
    )


def check_expansion(request: GenerationRequest, expanded: list[int] | None) -> None:
    """Raise ValueError where vLLM's own expansion of the prompt is not the request's."""
    if expanded is None or np.array_equal(expanded, request.prompt_ids):
        return
    raise ValueError(
        f"vLLM reads conversation {request.cache_key!r} as {len(expanded)} tokens, we as "
        f"{len(request.prompt_ids)}: its image processor resizes the pictures; make its smallest "
        "and largest size (min_pixels, max_pixels of preprocessor_config.json) allow them"
    )


def check_versions(spans: Any, version: int) -> None:
    """Raise RuntimeError where a reply was sampled from weights of another version.

    Args:
        spans: vLLM's `WeightVersionSpan`s.
        version: what the engine should hold.
    """
    wrong = sorted({span.version for span in spans} - {str(version)})
    if wrong:
        raise RuntimeError(
            f"vLLM sampled from weights of version {wrong[0]}, not {version}: send it the "
            "learner's weights with update_weights before it is asked"
        )


def _affordable(budget: TokenBudget) -> list[int]:
    """The tokens that a budget in which every token costs the same allows."""
    if budget.costs.max() != 1 or budget.costs.min() < 0:
        raise ValueError(
            f"a token budget with costs up to {int(budget.costs.max())}; engine.backend=vllm can "
            "only allow or forbid a token (costs 1 and 0): use engine.backend=transformers"
        )
    return np.flatnonzero(budget.costs).tolist()


def _finish_reason(request: GenerationRequest, tokens: np.ndarray, reason: str) -> str:
    """As vLLM says; but a spent budget, which it knows as a length, is a stop."""
    budget = request.budget
    return "stop" if budget is not None and len(tokens) >= budget.total else reason
