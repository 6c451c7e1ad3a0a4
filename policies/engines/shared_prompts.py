"""Samples that begin with the same prompt, read with that prompt once.

The members of a group are asked the same, so a forward pass over a padded batch computes their
prompt, pictures included, once for each of them. Here it stands once in a single row, followed by
what each member has beyond it; attention shows each member the prompt and itself, and no other.
Losses and gradients are those of the padded batch, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from policies.engines.attention import PromptGroup
from policies.inputs import ModelInputs

LEAST_SAVING = 0.1
"""Share of a batch's tokens below which it is left as it is: a row has its own cost."""


@dataclass(frozen=True, kw_only=True)
class SharedRow:
    """A batch in which shared prompts stand once.

    Attributes:
        inputs: the row, a batch of one.
        places: int64 (B, T), where each token of the batch stands in the row; that of padding means
            nothing.
        groups: for `policies.engines.attention.grouped_attention`.
    """

    inputs: ModelInputs
    places: torch.Tensor
    groups: list[PromptGroup]


def share_prompts(inputs: ModelInputs, targets: torch.Tensor, merge_size: int) -> SharedRow | None:
    """The batch with every prompt once, or None where that saves next to nothing.

    Args:
        inputs: a right-padded batch on the CPU.
        targets: bool (B, T-1), where entry t stands for token t + 1, which is scored. A prompt is
            what stands before a row's first such token.
        merge_size: patches per side that are merged into one picture feature.
    """
    lengths = inputs.attention_mask.sum(dim=1)
    prompts = torch.where(targets.any(dim=1), targets.int().argmax(dim=1) + 1, lengths)
    pictures = _find_pictures(inputs, merge_size)
    members = _find_members(inputs, prompts.tolist(), pictures)
    saved = sum(int(prompts[rows[0]]) * (len(rows) - 1) for rows in members)
    if saved < LEAST_SAVING * int(lengths.sum()):
        return None
    sources, places, groups = _lay_out(
        members, prompts.tolist(), lengths.tolist(), columns=inputs.input_ids.shape[1]
    )
    leaders = {rows[0] for rows in members}
    kept = [p for p in pictures if p.row in leaders or p.column >= int(prompts[p.row])]
    kept.sort(key=lambda picture: int(places.flatten()[picture.features[0]]))
    nothing = torch.zeros(0, dtype=torch.long)
    row = ModelInputs(
        input_ids=inputs.input_ids.flatten()[sources][None],
        attention_mask=torch.ones(1, len(sources), dtype=torch.bool),
        position_ids=inputs.position_ids.flatten(1)[:, sources][:, None],
        pixel_values=torch.cat([inputs.pixel_values[:0], *(p.pixels for p in kept)]),
        image_grid_thw=inputs.image_grid_thw[[picture.index for picture in kept]],
        feature_index=places.flatten()[torch.cat([nothing, *(p.features for p in kept)])],
        run_vision=inputs.run_vision,
    )
    return SharedRow(inputs=row, places=places, groups=groups)


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """A picture of a batch.

    Attributes:
        index: which one.
        row, column: where its first feature goes.
        features: where all of them go in the flattened batch, int64 (num_features,).
        pixels: its patches.
    """

    index: int
    row: int
    column: int
    features: torch.Tensor
    pixels: torch.Tensor


def _find_pictures(inputs: ModelInputs, merge_size: int) -> list[_Picture]:
    sizes = inputs.image_grid_thw.prod(dim=1).tolist()
    pixels = inputs.pixel_values.split(sizes) if sizes else ()
    features = inputs.feature_index.split([size // merge_size**2 for size in sizes])
    found = []
    for index, (own_pixels, own_features) in enumerate(zip(pixels, features, strict=False)):
        row, column = divmod(int(own_features[0]), inputs.input_ids.shape[1])
        found.append(
            _Picture(index=index, row=row, column=column, features=own_features, pixels=own_pixels)
        )
    return found


def _find_members(
    inputs: ModelInputs, prompts: Sequence[int], pictures: Sequence[_Picture]
) -> list[list[int]]:
    """The rows of each prompt, in order."""
    shown: dict[int, list[bytes]] = {}
    for picture in pictures:
        if picture.column < prompts[picture.row]:
            pixels = picture.pixels.contiguous().view(torch.uint8)  # NumPy knows no bfloat16
            shown.setdefault(picture.row, []).append(pixels.numpy().tobytes())
    members: dict[tuple[bytes, ...], list[int]] = {}
    for row, (ids, length) in enumerate(zip(inputs.input_ids.numpy(), prompts, strict=True)):
        key = (np.ascontiguousarray(ids[:length]).tobytes(), *shown.get(row, ()))
        members.setdefault(key, []).append(row)
    return list(members.values())


def _lay_out(
    members: Sequence[Sequence[int]],
    prompts: Sequence[int],
    lengths: Sequence[int],
    *,
    columns: int,
) -> tuple[torch.Tensor, torch.Tensor, list[PromptGroup]]:
    """Put every prompt once and what follows it in each of its rows one behind the other.

    Returns:
        Where each token of the row stands in the flattened batch, `SharedRow.places` and `.groups`.
    """
    sources: list[np.ndarray] = []
    places = np.zeros((len(lengths), columns), dtype=np.int64)
    groups, end = [], 0
    for rows in members:
        start, prompt = end, prompts[rows[0]]
        sources.append(rows[0] * columns + np.arange(prompt))
        end += prompt
        for row in rows:
            rest = lengths[row] - prompt
            sources.append(row * columns + np.arange(prompt, lengths[row]))
            places[row, :prompt] = start + np.arange(prompt)
            places[row, prompt : lengths[row]] = end + np.arange(rest)
            end += rest
        groups.append(PromptGroup.make(start, prompt, [lengths[row] - prompt for row in rows]))
    return torch.from_numpy(np.concatenate(sources)), torch.from_numpy(places), groups
