"""From token sequences with pictures to the tensors that a Qwen-VL model reads.

Pictures become patches here and positions become the three numbers of multimodal rotary embedding.
Both follow the published preprocessing exactly (the tests compare with the transformers library),
but are vectorised over numpy and need no torchvision.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import torch
from PIL import Image

from policies.picture_size import fitted_size

IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)
TEMPORAL_PATCH_SIZE = 2


@dataclass(frozen=True, kw_only=True)
class PictureFormat:
    """How a model family cuts pictures.

    Attributes:
        patch_size: side of a patch in pixels.
        merge_size: patches per side that are merged into one feature.
        image_token_id: the placeholder that stands in the tokens once per feature.
        image_mean, image_std: of the colours, from 0 to 1, by which pixels are normalised.
        min_pixels, max_pixels: pixels that a picture is scaled to, at least and most; None for no
            bounds. Both or neither.
    """

    patch_size: int = 14
    merge_size: int = 2
    image_token_id: int = 0
    image_mean: tuple[float, float, float] = IMAGE_MEAN
    image_std: tuple[float, float, float] = IMAGE_STD
    min_pixels: int | None = None
    max_pixels: int | None = None

    @property
    def factor(self) -> int:
        """Pixels per side of one feature; picture sides are multiples of it."""
        return self.patch_size * self.merge_size

    def grid(self, image: np.ndarray) -> tuple[int, int]:
        """Patches (high, wide) of a picture (H, W, 3).

        Raises:
            ValueError: where the picture is not uint8 RGB or a side is no multiple of `factor`.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"a picture must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        if height % self.factor or width % self.factor or not height or not width:
            raise ValueError(
                f"picture of {height}x{width} px: both sides must be multiples of "
                f"patch_size*merge_size = {self.factor}"
            )
        return height // self.patch_size, width // self.patch_size

    def num_features(self, image: np.ndarray) -> int:
        """How many placeholders a picture takes."""
        grid_height, grid_width = self.grid(image)
        return grid_height * grid_width // self.merge_size**2


@dataclass(kw_only=True)
class ModelInputs:
    """A right-padded batch.

    Attributes:
        input_ids: int64 (B, T).
        attention_mask: bool (B, T), False on padding.
        position_ids: int64 (3, B, T): time, height and width of multimodal rotary embedding.
        pixel_values: float32 (num_patches, 3 * 2 * patch_size**2), all pictures after one another.
        image_grid_thw: int64 (N, 3): time, height and width of every picture in patches.
        feature_index: int64 (num_features,): where each picture feature goes in the flattened (B *
            T).
        packed: whether the model reads the rows one behind the other, without the padding. What is
            said of them keeps its shape (B, T).
        run_vision: whether the vision tower runs even where there is no picture, for ranks that
            share its weights with others that have one.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    position_ids: torch.Tensor
    pixel_values: torch.Tensor
    image_grid_thw: torch.Tensor
    feature_index: torch.Tensor
    packed: bool = False
    run_vision: bool = False

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        moved: dict[str, Any] = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in fields.items()
        }
        return type(self)(**moved)

    def in_one_row(self) -> ModelInputs:
        """The tokens of all rows behind one another and without padding, as a batch (1, N).

        Positions start anew with every sample, and picture features go where their placeholders
        went. Nothing here keeps samples from seeing each other: attention must.
        """
        mask = self.attention_mask
        return ModelInputs(
            input_ids=self.input_ids[mask][None],
            attention_mask=mask[mask][None],
            position_ids=self.position_ids[:, mask][:, None],
            pixel_values=self.pixel_values,
            image_grid_thw=self.image_grid_thw,
            feature_index=self.packed_places().flatten()[self.feature_index],
            run_vision=self.run_vision,
        )

    def packed_places(self) -> torch.Tensor:
        """Where each token stands in `in_one_row`, int64 (B, T); that of padding means nothing."""
        return (self.attention_mask.flatten().cumsum(0) - 1).view_as(self.attention_mask)


@lru_cache(maxsize=4)
def _pixel_table(mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """float32 (3, 256): the normalised value of every byte in every channel."""
    scaled = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    means, stds = (np.asarray(v, dtype=np.float32)[:, None] for v in (mean, std))
    return (scaled[None] - means) / stds


def make_patches(image: np.ndarray, picture_format: PictureFormat) -> np.ndarray:
    """Normalise a picture and cut it into patches.

    Args:
        image: uint8 (H, W, 3), sides multiples of `picture_format.factor`.
        picture_format: how to cut.

    Returns:
        float32 (num_patches, 3 * 2 * patch_size**2). Patches that are merged later are neighbours;
        a still picture fills both time steps of a patch.
    """
    high, wide = picture_format.grid(image)
    merge, patch = picture_format.merge_size, picture_format.patch_size
    table = _pixel_table(picture_format.image_mean, picture_format.image_std)
    planes = np.stack([table[channel][image[..., channel]] for channel in range(3)])
    blocks = planes.reshape(3, high // merge, merge, patch, wide // merge, merge, patch)
    blocks = blocks.transpose(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None]
    shape = (*blocks.shape[:5], TEMPORAL_PATCH_SIZE, patch, patch)
    return np.broadcast_to(blocks, shape).reshape(high * wide, -1)


def resize_picture(
    image: np.ndarray, picture_format: PictureFormat, *, image_size: int | None
) -> np.ndarray:
    """Bring a picture to a size that the model can read.

    Args:
        image: uint8 (H, W, 3).
        picture_format: gives the factor that both sides must be a multiple of, and the bounds.
        image_size: length of the longer side in pixels; None keeps the size, rounded to the factor
            and brought within the bounds.

    Returns:
        uint8 (H', W', 3). The very same array where nothing has to change.
    """
    height, width = image.shape[:2]
    scale = 1.0 if image_size is None else image_size / max(height, width)
    factor = picture_format.factor
    least, most = picture_format.min_pixels, picture_format.max_pixels
    if image_size is None and least is not None and most is not None:
        new_height, new_width = fitted_size(
            height, width, factor=factor, min_pixels=least, max_pixels=most
        )
    else:
        new_height, new_width = (
            max(factor, round(side * scale / factor) * factor) for side in (height, width)
        )
    if (new_height, new_width) == (height, width):
        return image
    resized = Image.fromarray(image).resize((new_width, new_height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def rope_positions(
    num_tokens: int, image_spans: np.ndarray, grids: Sequence[tuple[int, int]]
) -> np.ndarray:
    """Positions of multimodal rotary embedding (Qwen2-VL, arXiv:2409.12191, section 2.1).

    Text counts up by one in all three rows. A picture that starts at position p has time p and rows
    and columns counted from p; the text behind it goes on at p + max(rows, columns).

    Args:
        num_tokens: T.
        image_spans: (N, 2) half-open spans of the placeholders.
        grids: (rows, columns) of features of every picture.

    Returns:
        int64 (3, T).
    """
    positions = np.tile(np.arange(num_tokens, dtype=np.int64), (3, 1))
    for (start, end), (rows, columns) in zip(image_spans, grids, strict=True):
        if end - start != rows * columns:
            raise ValueError(
                f"picture with {rows}x{columns} features but {end - start} placeholders at {start}"
            )
        first = positions[0, start]
        positions[0, start:end] = first
        positions[1, start:end] = first + np.repeat(np.arange(rows), columns)
        positions[2, start:end] = first + np.tile(np.arange(columns), rows)
        positions[:, end:] -= (end - start) - max(rows, columns)
    return positions


@dataclass(kw_only=True)
class TokenSequence:
    """One row of a batch before padding.

    Attributes:
        ids: int64 (T,), expanded placeholders.
        images: pictures in order, uint8 (H, W, 3).
        image_spans: int64 (N, 2).
        first: tokens before this one are left out of the batch, with their pictures (an engine has
            them in its cache). Must not lie inside a picture.
    """

    ids: np.ndarray
    images: Sequence[np.ndarray]
    image_spans: np.ndarray
    first: int = 0


def collate(
    sequences: Sequence[TokenSequence],
    picture_format: PictureFormat,
    *,
    num_columns: int | None = None,
) -> ModelInputs:
    """Pad sequences on the right and gather their pictures.

    Args:
        sequences: at least one.
        picture_format: how pictures are cut, and the placeholder's id.
        num_columns: T of the batch; None takes the longest sequence.

    Raises:
        ValueError: where placeholders and picture features disagree.
    """
    lengths = [len(sequence.ids) - sequence.first for sequence in sequences]
    columns = max(lengths) if num_columns is None else num_columns
    ids = np.zeros((len(sequences), columns), dtype=np.int64)
    mask = np.zeros((len(sequences), columns), dtype=bool)
    positions = np.zeros((3, len(sequences), columns), dtype=np.int64)
    images: list[np.ndarray] = []
    places: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    for row, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        check_placeholders(sequence, picture_format)
        ids[row, :length] = sequence.ids[sequence.first :]
        mask[row, :length] = True
        positions[:, row, :length] = sequence_positions(sequence, picture_format)
        for image, (start, end) in zip(sequence.images, sequence.image_spans, strict=True):
            if start >= sequence.first:
                images.append(image)
                places.append(np.arange(start, end) - sequence.first + row * columns)
    pixels, grids = _stack_patches(images, picture_format)
    return ModelInputs(
        input_ids=torch.from_numpy(ids),
        attention_mask=torch.from_numpy(mask),
        position_ids=torch.from_numpy(positions),
        pixel_values=torch.from_numpy(pixels),
        image_grid_thw=torch.from_numpy(grids),
        feature_index=torch.from_numpy(np.concatenate(places)),
    )


def sequence_positions(sequence: TokenSequence, picture_format: PictureFormat) -> np.ndarray:
    """`rope_positions` of a sequence from its token `first` on, int64 (3, T - first)."""
    merge = picture_format.merge_size
    grids = [picture_format.grid(image) for image in sequence.images]
    features = [(high // merge, wide // merge) for high, wide in grids]
    return rope_positions(len(sequence.ids), sequence.image_spans, features)[:, sequence.first :]


def check_placeholders(sequence: TokenSequence, picture_format: PictureFormat) -> None:
    """Raise where pictures, spans and placeholder tokens do not agree."""
    if len(sequence.images) != len(sequence.image_spans):
        raise ValueError(
            f"{len(sequence.images)} pictures but {len(sequence.image_spans)} placeholder spans"
        )
    for image, (start, end) in zip(sequence.images, sequence.image_spans, strict=True):
        num_features = picture_format.num_features(image)
        placeholders = sequence.ids[start:end] == picture_format.image_token_id
        if end - start != num_features or not placeholders.all():
            raise ValueError(
                f"picture of {image.shape[0]}x{image.shape[1]} px has {num_features} features, but "
                f"its span [{start}, {end}) holds {int(placeholders.sum())} placeholders"
            )


def _stack_patches(
    images: Sequence[np.ndarray], picture_format: PictureFormat
) -> tuple[np.ndarray, np.ndarray]:
    """Patches of all pictures (num_patches, D) and their grids (N, 3)."""
    width = 3 * TEMPORAL_PATCH_SIZE * picture_format.patch_size**2
    patches = [np.zeros((0, width), dtype=np.float32)]
    patches += [make_patches(image, picture_format) for image in images]
    grids = [(1, *picture_format.grid(image)) for image in images]
    return np.concatenate(patches), np.asarray(grids, dtype=np.int64).reshape(-1, 3)
