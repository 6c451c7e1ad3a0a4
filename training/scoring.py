"""The log-probabilities that a model gives to the tokens of samples.

How samples become model inputs and how a model scores them are handed in as functions; their
contracts stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from policies.interface import Sample
from training.batching import pad_rows, split_micro_batches
from training.learner_config import LearnerConfig

Collate = Callable[[Sequence[Sample]], Any]
"""Samples -> model inputs with `input_ids` (B, T), right padded, and `to(device)`."""


class TokenScores(Protocol):
    """What `score` returns.

    Attributes:
        trainer_logprobs: (B, T), log p(token t | tokens < t).
        entropies: (B, T), entropy in nats of the distribution of token t.
        hidden: (N, width), the states that the N tokens of `select` are predicted from, row by
            row; read by a critic alone.
    """

    @property
    def trainer_logprobs(self) -> Tensor: ...
    @property
    def entropies(self) -> Tensor: ...
    @property
    def hidden(self) -> Tensor: ...


class Score(Protocol):
    """Scores the tokens of a batch; positions outside `select`, bool (B, T), are never read."""

    def __call__(
        self, model: Any, inputs: Any, *, temperature: float = 1.0, select: Tensor | None = None
    ) -> TokenScores: ...


def rescore(
    model: nn.Module,
    samples: Sequence[Sample],
    *,
    collate: Collate,
    score: Score,
    config: LearnerConfig,
) -> list[np.ndarray]:
    """Log-probabilities of the samples' loss tokens under any model, such as a frozen reference.

    Args:
        model: what `score` accepts; not changed.
        samples: any number.
        collate, score: as for `Learner`.
        config: its micro-batch limits and temperature are used.

    Returns:
        One float32 (T,) array per sample, in order, 0 outside its loss mask.
    """
    return read_tokens(model, samples, _logprobs, collate=collate, score=score, config=config)


@torch.no_grad()
def read_tokens(
    model: nn.Module,
    samples: Sequence[Sample],
    read: Callable[[TokenScores, Tensor], Tensor],
    *,
    collate: Collate,
    score: Score,
    config: LearnerConfig,
) -> list[np.ndarray]:
    """A number for every loss token, in micro-batches and without gradient.

    Args:
        read: (scores, loss mask (B, T)) -> (B, T).
        model, samples, collate, score, config: as for `rescore`.

    Returns:
        As `rescore`.
    """
    lengths = [len(sample.input_ids) for sample in samples]
    results = [np.zeros(length, dtype=np.float32) for length in lengths]
    for indices in split_micro_batches(
        lengths, max_size=config.micro_batch_size, max_tokens=config.micro_batch_tokens
    ):
        batch = [samples[i] for i in indices]
        scores, loss_mask = score_samples(model, batch, collate, score, config.temperature)
        rows = read(scores, loss_mask).float().cpu().numpy()
        for i, row in zip(indices, rows, strict=True):
            mask = samples[i].loss_mask
            results[i][mask] = row[: lengths[i]][mask]
    return results


def _logprobs(scores: TokenScores, loss_mask: Tensor) -> Tensor:
    return scores.trainer_logprobs


def score_samples(
    model: nn.Module, samples: Sequence[Sample], collate: Collate, score: Score, temperature: float
) -> tuple[TokenScores, Tensor]:
    """The scores of a batch and its loss mask, bool (B, T), on the model's device.

    Raises:
        ValueError: a loss mask covers a first token, which nothing precedes.
    """
    if any(sample.loss_mask[0] for sample in samples):
        raise ValueError("loss_mask covers the first token of a sample, which has no probability")
    device = next(model.parameters()).device
    inputs = collate(samples).to(device)
    masks = [sample.loss_mask for sample in samples]
    mask = pad_rows(masks, length=inputs.input_ids.shape[1], dtype=torch.bool, device=device)
    return score(model, inputs, temperature=temperature, select=mask), mask
