"""The frozen model that the KL is measured to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from policies.interface import Sample
from training.scoring import Reader


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A model that no longer changes.

    Attributes:
        reader: the model and how it reads samples.
        adapted: whether it is the learner's own model, behind whose adapters it lies.
    """

    reader: Reader
    adapted: bool = False

    @classmethod
    def of(cls, model: nn.Module, reader: Reader, served: nn.Module | None) -> Reference:
        """The learner's model as it is now.

        Args:
            model: that learns.
            reader: of it.
            served: the model that was handed to the learner, whole and with the same weights.

        Raises:
            ValueError: there is no whole model to copy.
        """
        if reader.config.lora is not None:
            return cls(reader=reader, adapted=True)
        if reader.config.sharding is None:
            own = copy.deepcopy(model).requires_grad_(False)
            return cls(reader=replace(reader, model=own))
        if served is None:
            raise ValueError(
                "a sharded model without a whole copy has no reference; make one of the weights "
                "that it began with, by Reference.sharded, or set loss.kl_weight = 0"
            )
        return cls.sharded(copy.deepcopy(served), reader)

    @classmethod
    def sharded(cls, model: nn.Module, reader: Reader) -> Reference:
        """A whole model, frozen and spread over the ranks, in place.

        Args:
            model: the same on every rank.
            reader: of the learner's model; its `score` is made anew.
        """
        model.requires_grad_(False)
        from training.sharding import ShardedScore  # which few runs need

        score = reader.score.score if isinstance(reader.score, ShardedScore) else reader.score
        score = reader.ranks.place(model, score)
        return cls(reader=replace(reader, model=model, score=score))

    def rescore(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """See `training.scoring.rescore`."""
        with self._unadapted():
            return self.reader.logprobs(samples)

    def _unadapted(self) -> AbstractContextManager[None]:
        if not self.adapted:
            return nullcontext()
        from training.lora import without_adapters

        return without_adapters(self.reader.model)
