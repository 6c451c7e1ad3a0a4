"""How the samples of an optimizer step are cut into micro-batches, padded, and summed up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from policies.interface import Sample
from training.losses import LossOutputs


def split_micro_batches(
    lengths: Sequence[int], *, max_size: int | None = None, max_tokens: int | None = None
) -> list[list[int]]:
    """Cut samples into micro-batches of similar length, longest first.

    Args:
        lengths: tokens per sample.
        max_size: most samples per micro-batch.
        max_tokens: most tokens per micro-batch once padded to its longest sample.

    Returns:
        Indices into `lengths`, each exactly once. The longest come first, so that a step that does
        not fit into memory fails at once.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        size = len(batches[-1]) + 1 if batches else 0
        full = max_size is not None and size > max_size
        if not full and size and max_tokens is not None:
            full = size * lengths[batches[-1][0]] > max_tokens
        if not size or full:
            batches.append([])
        batches[-1].append(index)
    return batches


def pad_rows(
    rows: Sequence[np.ndarray | None], *, length: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Stack B arrays (T_i,) into one tensor (B, length), right padded with 0 (False for masks).

    Raises:
        ValueError: a row is missing.
    """
    padded = torch.zeros(len(rows), length, dtype=dtype)
    for index, row in enumerate(rows):
        if row is None:
            raise ValueError(f"row {index} of {len(rows)} is None")
        padded[index, : len(row)] = torch.as_tensor(np.asarray(row)).to(dtype)
    return padded.to(device)


@dataclass(frozen=True, kw_only=True)
class ValueTargets:
    """What a critic learns from a sample; all (T,).

    Attributes:
        old_values: its values before the first optimizer step on the batch.
        returns: what they should have been.
        mask: bool, where there is a value: the first token of every turn.
    """

    old_values: np.ndarray
    returns: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True, kw_only=True)
class TrainingRow:
    """A sample and its per-token companions (T,)."""

    sample: Sample
    advantages: np.ndarray | None = None
    ref_logprobs: np.ndarray | None = None
    old_logprobs: np.ndarray | None = None
    values: ValueTargets | None = None

    @classmethod
    def filler(cls, samples: Sequence[Sample]) -> TrainingRow:
        """A row from which nothing is learned, for a rank that has run out of samples while others
        have not. It is like the shortest of the samples, or two tokens where there are none.
        """
        if samples:
            sample = min(samples, key=lambda s: len(s.input_ids))
        else:
            sample = Sample(
                input_ids=np.zeros(2, dtype=np.int64),
                loss_mask=np.zeros(2, dtype=bool),
                turn_index=np.full(2, -1, dtype=np.int32),
                rollout_logprobs=None,
                images=(),
                image_spans=np.zeros((0, 2), dtype=np.int64),
            )
        zeros = np.zeros(len(sample.input_ids), dtype=np.float32)
        nowhere = np.zeros(len(zeros), dtype=bool)
        return cls(
            sample=replace(sample, loss_mask=nowhere, rollout_logprobs=zeros),
            advantages=zeros,
            ref_logprobs=zeros,
            old_logprobs=zeros,
            values=ValueTargets(old_values=zeros, returns=zeros, mask=nowhere),
        )


@dataclass
class Meter:
    """Token-weighted means of what micro-batches report; their losses and parts add up."""

    loss: float = 0.0
    num_tokens: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)

    def add(self, outputs: LossOutputs) -> None:
        self.loss += float(outputs.loss.detach())
        self.num_tokens += outputs.num_tokens
        for name, value in outputs.metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * outputs.num_tokens
        for name, value in outputs.parts.items():
            self.parts[name] = self.parts.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        means = {name: total / max(self.num_tokens, 1) for name, total in self.sums.items()}
        return means | self.parts


def policy_rows(
    samples: Sequence[Sample],
    advantages: Sequence[np.ndarray],
    ref_logprobs: Sequence[np.ndarray] | None = None,
    old_logprobs: Sequence[np.ndarray] | None = None,
    values: Sequence[ValueTargets] | None = None,
) -> list[TrainingRow]:
    """Pair samples with their per-token arrays (T,).

    Raises:
        ValueError: the counts or lengths differ, or a sample has no `rollout_logprobs`.
    """
    named = {"advantages": advantages, "ref_logprobs": ref_logprobs, "old_logprobs": old_logprobs}
    for name, arrays in named.items():
        if arrays is None:
            continue
        lengths = [len(array) for array in arrays]
        expected = [len(sample.input_ids) for sample in samples]
        if lengths != expected:
            raise ValueError(f"{name} have lengths {lengths}, the samples {expected}")
    without = [i for i, sample in enumerate(samples) if sample.rollout_logprobs is None]
    if without:
        raise ValueError(f"samples {without[:5]} have no rollout_logprobs; improve needs them")
    return [
        TrainingRow(
            sample=sample,
            advantages=advantages[i],
            ref_logprobs=None if ref_logprobs is None else ref_logprobs[i],
            old_logprobs=None if old_logprobs is None else old_logprobs[i],
            values=None if values is None else values[i],
        )
        for i, sample in enumerate(samples)
    ]


def average_steps(reports: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean over optimizer steps; means over tokens are weighted by the tokens of their step."""
    per_step = ("loss", "grad_norm", "learning_rate", "num_tokens", "num_micro_batches")
    tokens = [report["num_tokens"] for report in reports]
    return {
        name: float(
            np.average(
                [report[name] for report in reports], weights=None if name in per_step else tokens
            )
        )
        for name in reports[0]
    }
