"""The pass that compares what a policy thought with what it saw (VideoRFT, arXiv 2505.12434)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from policies.replies import read_reply
from training.annotations.asking import fail
from training.episode import Episode


class SemanticScorer(Protocol):
    """Tells how near a text is to pictures."""

    def __call__(self, text: str, pictures: Sequence[np.ndarray]) -> float:
        """Cosine in [-1, 1] of the text and the pictures, uint8 (H, W, 3), at least one. Text that
        is too long is cut at its end.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class EmbeddingScorer:
    """A scorer made of two encoders into one space: cos(text, mean over the pictures), as in the
    paper of VideoRFT. Its code averages the values of single pictures.

    Attributes:
        embed_text: text -> (D,).
        embed_pictures: pictures -> (N, D).
    """

    embed_text: Callable[[str], np.ndarray]
    embed_pictures: Callable[[Sequence[np.ndarray]], np.ndarray]

    def __call__(self, text: str, pictures: Sequence[np.ndarray]) -> float:
        """The cosine; 0 where one of the two vectors has no length."""
        words = np.asarray(self.embed_text(text), dtype=np.float64)
        mean = np.asarray(self.embed_pictures(pictures), dtype=np.float64).mean(axis=0)
        lengths = float(np.linalg.norm(words) * np.linalg.norm(mean))
        return float(words @ mean) / lengths if lengths else 0.0


def annotate_cosines(episodes: Sequence[Episode], scorer: SemanticScorer) -> None:
    """Fill in `semantic_cosine`: of the thoughts in the last reply and all pictures of the episode,
    in [-1, 1]; 0 where there are no thoughts or no pictures.

    An episode for which the scorer raises, or gives no cosine, is marked as failed.
    """
    for episode in episodes:
        text = described(episode)
        pictures = [image for turn in episode.turns for image in turn.images()]
        try:
            cosine = _checked(scorer(text, pictures)) if text and pictures else 0.0
        except Exception as error:  # a broken scorer is a record, not a crash
            fail(episode, "semantic_cosine", error)
            continue
        episode.annotations["semantic_cosine"] = cosine


def described(episode: Episode) -> str:
    """The thoughts of the last reply after their first full stop, where models begin to say what
    they see; all of them where there is none (ours).
    """
    think = read_reply(episode.turns[-1].output.text or "").think or ""
    _, stop, rest = think.partition(".")
    return (rest if stop else think).strip()


def _checked(cosine: float) -> float:
    if not math.isfinite(cosine) or abs(cosine) > 1 + 1e-3:
        raise ValueError(f"the scorer gave {cosine}; a cosine lies in [-1, 1]")
    return min(1.0, max(-1.0, float(cosine)))
