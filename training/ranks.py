"""What the processes of a learner agree on. Here there is one process, and nothing to agree on.

`training.sharding` has the same for many. A learner asks the same questions of both, so its code is
the same for a laptop and a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policies.interface import Sample
from training.batching import Meter


@dataclass(frozen=True, kw_only=True)
class Round:
    """A micro-batch of this rank, while every other rank works on one of its own.

    Attributes:
        indices: of its samples; empty where this rank has none left.
        run_vision: whether the vision tower must run, as it does on some rank.
    """

    indices: list[int]
    run_vision: bool = False


class Ranks:
    """One process that does everything.

    Attributes:
        num_ranks: processes that learn together.
        is_first: whether this is the one that speaks for all.
        device: where the model computes; None asks the model.
    """

    num_ranks = 1
    is_first = True
    device: torch.device | None = None

    @property
    def sharing(self) -> tuple[int, int]:
        """(i, n) where this process collects the i-th of n shares of every batch; (0, 1) where it
        collects the whole.
        """
        return 0, 1

    def place(self, model: nn.Module, score: Any) -> Any:
        """Lay the model out over the ranks, in place.

        Args:
            model: the same on every rank.
            score: a `training.scoring.Score`.

        Returns:
            The function that scores with the model as it then is.
        """
        return score

    def share(self, lengths: Sequence[int]) -> list[int]:
        """Which of the samples that the learner was given are this rank's, by their lengths."""
        return list(range(len(lengths)))

    def rounds(
        self,
        micro_batches: Sequence[list[int]],
        has_pictures: Callable[[int], bool],
        filler: Sample,
    ) -> list[Round]:
        """Micro-batches in as many rounds as the busiest rank needs.

        Args:
            micro_batches: of this rank.
            has_pictures: whether the sample of an index has any.
            filler: what the learner runs in a round for which there is no micro-batch.
        """
        return [Round(indices=list(indices)) for indices in micro_batches]

    def total(self, number: float) -> float:
        """The sum of every rank's number for its share."""
        return number

    def largest(self, number: int) -> int:
        """The largest of the ranks' numbers: what they all go by where clocks or signals differ."""
        return number

    def batch_size(self, num_samples: int) -> int:
        """Samples of the whole batch, where this rank was given so many."""
        return num_samples

    def check_batch(self, setting: str, count: int) -> None:
        """Raise ValueError where a batch is of fewer parts than there are ranks.

        Args:
            setting: what decides the number, for the message.
            count: parts of the whole batch.
        """
        if count < self.num_ranks:
            raise ValueError(
                f"{setting} = {count} cannot be split over {self.num_ranks} ranks; legal: "
                f"{self.num_ranks} or more, or fewer processes"
            )

    def gather(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Every rank's results, where each rank has filled in those of its share and left the
        others 0.
        """
        return arrays

    def sum_meter(self, meter: Meter) -> Meter:
        """The meter of all ranks together."""
        return meter

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of parameters that every rank has whole."""

    def clip_gradients(self, parameters: Iterable[nn.Parameter], max_norm: float) -> float:
        """Scale all gradients down to a global norm, and return what it was before."""
        return float(nn.utils.clip_grad_norm_(parameters, max_norm))

    def whole(self, tensor: Tensor) -> Tensor:
        """A tensor of the model or optimizer, put together from all ranks; all must call this."""
        return tensor

    def wait(self) -> None:
        """Return when all ranks have come here."""
