"""Which frames of a film a scan shows, and a hash of how a question is asked.

Published figures differ by the sampler alone, so its name is part of every result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def linspace(num_frames: int, num_wanted: int) -> np.ndarray:
    """`linspace(0, N - 1, n)`, cut to whole frames: first and last frame included (lmms-eval)."""
    return np.linspace(0, num_frames - 1, num_wanted).astype(np.int64)


def vlmeval(num_frames: int, num_wanted: int) -> np.ndarray:
    """`i * N / (n + 1)` for i = 1 ... n, cut: neither end included (VLMEvalKit)."""
    step = num_frames / (num_wanted + 1)
    return np.array([int(i * step) for i in range(1, num_wanted + 1)], dtype=np.int64)


def longvideobench(num_frames: int, num_wanted: int) -> np.ndarray:
    """`int(N / n) * i` for i = 0 ... n - 1: the end is left out where n does not divide N."""
    return np.arange(num_wanted, dtype=np.int64) * (num_frames // num_wanted)


def video_holmes(num_frames: int, num_wanted: int) -> np.ndarray:
    """Midpoints of n parts of [0, N - 1]: `int(w / 2 + round(w * i))` with w = (N - 1) / n, halves
    rounded to even.
    """
    width = (num_frames - 1) / num_wanted
    parts = np.round(width * np.arange(num_wanted))
    return (width / 2 + parts).astype(np.int64)


SAMPLERS: dict[str, Callable[[int, int], np.ndarray]] = {
    "linspace": linspace,
    "vlmeval": vlmeval,
    "longvideobench": longvideobench,
    "video_holmes": video_holmes,
}
"""Name in configuration -> (frames of the film, frames wanted, at most as many) -> indices."""


def sample_frames(sampler: str, num_frames: int, num_wanted: int) -> list[int]:
    """Frames spread over a whole film.

    Args:
        sampler: one of `SAMPLERS`.
        num_frames: of the film, at least 1.
        num_wanted: how many, at least 1. A film with fewer shows all it has, whatever the sampler.

    Returns:
        Indices in [0, num_frames), ascending, each once.

    Raises:
        ValueError: for a film without frames.
    """
    if num_frames < 1:
        raise ValueError(f"a film has at least 1 frame, not {num_frames}")
    if num_wanted >= num_frames:
        return list(range(num_frames))
    return np.unique(SAMPLERS[sampler](num_frames, num_wanted)).tolist()


def prompt_hash(template: str, settings: Mapping[str, Any]) -> str:
    """What tells two ways of asking apart: sha256, 64 hex digits, of the prompt's template and the
    settings of sampling in canonical JSON.

    Args:
        template: the prompt before question and options are put in.
        settings: name -> JSON-able value, in any order.

    Raises:
        ValueError: where a value has no JSON form.
    """
    try:
        text = json.dumps([template, dict(settings)], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sampling settings must have a JSON form: {error}") from None
    return hashlib.sha256(text.encode()).hexdigest()
