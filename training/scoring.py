"""The log-probabilities that a model gives to the tokens of samples.

How samples become model inputs and how a model scores them are handed in as functions; their
contracts stand here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from policies.interface import Sample
from training.batching import TrainingRow, pad_rows
from training.learner_config import LearnerConfig
from training.packing import cut_micro_batches
from training.ranks import Ranks

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
    return Reader(model=model, collate=collate, score=score, config=config).logprobs(samples)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A model and how it reads samples.

    Attributes:
        model: what `score` accepts.
        collate, score: as for `Learner`.
        config: its micro-batch limits, its packing and its temperature are used.
        ranks: that read together, each its share.
    """

    model: nn.Module
    collate: Collate
    score: Score
    config: LearnerConfig
    ranks: Ranks = dataclasses.field(default_factory=Ranks)

    def scores(
        self, samples: Sequence[Sample], *, temperature: float, run_vision: bool = False
    ) -> tuple[TokenScores, Tensor]:
        """The scores of a batch and its loss mask, bool (B, T), on the model's device.

        Args:
            samples: at least one.
            temperature: divides the logits.
            run_vision: run the vision tower even where the samples have no picture.

        Raises:
            ValueError: a loss mask covers a first token, which nothing precedes.
        """
        if any(sample.loss_mask[0] for sample in samples):
            raise ValueError(
                "loss_mask covers the first token of a sample, which has no probability"
            )
        device = self.ranks.device or next(self.model.parameters()).device
        inputs = self.collate(samples).to(device)
        if self.config.packing or run_vision:
            inputs = _marked(inputs, packed=self.config.packing, run_vision=run_vision)
        masks = [sample.loss_mask for sample in samples]
        mask = pad_rows(masks, length=inputs.input_ids.shape[1], dtype=torch.bool, device=device)
        return self.score(self.model, inputs, temperature=temperature, select=mask), mask

    def logprobs(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """See `rescore`."""
        return self.read(samples, lambda scores, mask: scores.trainer_logprobs)

    @torch.no_grad()
    def read(
        self, samples: Sequence[Sample], read: Callable[[TokenScores, Tensor], Tensor]
    ) -> list[np.ndarray]:
        """A number for every loss token, in micro-batches and without gradient.

        Args:
            samples: any number.
            read: (scores, loss mask (B, T)) -> (B, T).

        Returns:
            As `rescore`.
        """
        lengths = [len(sample.input_ids) for sample in samples]
        results = [np.zeros(length, dtype=np.float32) for length in lengths]
        mine = self.ranks.share(lengths)
        filler = TrainingRow.filler(samples).sample
        cut = cut_micro_batches([lengths[i] for i in mine], self.config)
        batches = [[mine[i] for i in batch] for batch in cut]
        for batch in self.ranks.rounds(batches, lambda i: bool(samples[i].images), filler):
            chosen = [samples[i] for i in batch.indices] or [filler]
            scores, loss_mask = self.scores(
                chosen, temperature=self.config.temperature, run_vision=batch.run_vision
            )
            rows = read(scores, loss_mask).float().cpu().numpy()
            for i, row in zip(batch.indices, rows, strict=False):
                mask = samples[i].loss_mask
                results[i][mask] = row[: lengths[i]][mask]
        return self.ranks.gather(results)


def _marked(inputs: Any, **marks: bool) -> Any:
    """Model inputs that say how they are to be read.

    Raises:
        ValueError: they cannot.
    """
    if not hasattr(inputs, "packed"):
        raise ValueError(
            f"learner.packing = true is not legal for {type(inputs).__name__}, which cannot be "
            "packed; legal: false"
        )
    return dataclasses.replace(inputs, **marks)
