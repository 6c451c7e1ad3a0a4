"""Reward terms that read what an annotation pass found out (`training.annotations`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.episode import Episode
from training.rewards.records import read_annotation

ANNOTATIONS = {
    "causal_sufficiency": "causal_sufficiency",
    "semantic_consistency": "semantic_cosine",
    "temporal_order": "shuffled_correct",
}
"""Term -> the annotation that it reads."""


def causal_sufficiency(group: Sequence[Episode]) -> np.ndarray:
    """1 where the policy answers rightly from the frames alone that it looked at after the scan,
    else 0: the second half of REVISOR's dual attribution (arXiv 2511.13026).
    """
    values = _read(group, "causal_sufficiency")
    return (values > 0.5).astype(float)


def semantic_consistency(group: Sequence[Episode], *, factor: float = 2.0) -> np.ndarray:
    """min(1, factor * max(cosine, 0)) of the thoughts and the pictures, in [0, 1]. Gate it by
    `final_answer`: ungated it hurts (VideoRFT, arXiv 2505.12434, with factor 2).
    """
    return np.clip(factor * np.maximum(_read(group, "semantic_consistency"), 0.0), 0.0, 1.0)


def temporal_order(group: Sequence[Episode], *, ratio: float = 0.8) -> np.ndarray:
    """1 for the solved episodes of a group in which at least `ratio` times as many are solved as
    with the frames shuffled, else 0: T-GRPO, as in the code of Video-R1, which weighs it 0.3.
    """
    solved = np.array([float(episode.success) for episode in group])
    shuffled = _read(group, "temporal_order")
    order_helps = solved.sum() >= ratio * shuffled.sum()
    return solved * float(order_helps)


def _read(group: Sequence[Episode], term: str) -> np.ndarray:
    """The annotation of a term, (G,)."""
    return np.array([read_annotation(e, ANNOTATIONS[term], term=term) for e in group])
