"""How samples share a forward pass: padded to rows of one length, or packed into a single row.

A packed row holds its samples one behind the other and no padding, so its budget counts real tokens
only. Each sample has its own positions, its own pictures and its own attention, so losses and
gradients are those of the padded batch. `policies.inputs` and `policies.engines.attention` have the
details.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.batching import split_micro_batches
from training.learner_config import LearnerConfig


def cut_micro_batches(lengths: Sequence[int], config: LearnerConfig) -> list[list[int]]:
    """Cut samples into the micro-batches of a pass.

    Args:
        lengths: tokens per sample.
        config: its limits, and whether micro-batches are packed.

    Returns:
        Indices into `lengths`, each exactly once.
    """
    size, tokens = config.micro_batch_size, config.micro_batch_tokens
    if config.packing:
        return pack_samples(lengths, max_size=size, max_tokens=tokens)
    return split_micro_batches(lengths, max_size=size, max_tokens=tokens)


def pack_samples(
    lengths: Sequence[int], *, max_size: int | None = None, max_tokens: int | None = None
) -> list[list[int]]:
    """Fill rows with samples, the longest first, each into the first row that still has room.

    Args:
        lengths: tokens per sample.
        max_size: most samples per row.
        max_tokens: most tokens per row; a longer sample has one to itself.

    Returns:
        Indices into `lengths`, each exactly once. First-fit decreasing needs at most 11/9 of the
        fewest rows possible, and one more.
    """
    rows: list[list[int]] = []
    filled: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        for row, indices in enumerate(rows):
            fits = max_tokens is None or filled[row] + lengths[index] <= max_tokens
            if fits and (max_size is None or len(indices) < max_size):
                indices.append(index)
                filled[row] += lengths[index]
                break
        else:
            rows.append([index])
            filled.append(lengths[index])
    return rows
