"""Pictures and positions, against the transformers library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from policies.inputs import (
    PictureFormat,
    TokenSequence,
    collate,
    make_patches,
    resize_picture,
    rope_positions,
)
from policies.interface import PolicyOutput

FORMAT = PictureFormat(image_token_id=5)


def make_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (84, 84), (56, 112), (168, 84)])
def test_patches_equal_the_library_processor(shape):
    picture = make_picture(*shape)
    processor = Qwen2VLImageProcessorPil(
        patch_size=14, merge_size=2, size={"shortest_edge": 28 * 28, "longest_edge": 10**7}
    )
    theirs = processor(images=[picture], return_tensors="np")

    np.testing.assert_allclose(
        make_patches(picture, FORMAT), theirs["pixel_values"], rtol=0, atol=1e-6
    )
    assert theirs["image_grid_thw"].tolist() == [[1, *FORMAT.grid(picture)]]


def test_resizing_equals_the_library_processor():
    picture = make_picture(100, 100)
    ours = make_patches(resize_picture(picture, FORMAT, image_size=84), FORMAT)
    processor = Qwen2VLImageProcessorPil(
        patch_size=14, merge_size=2, size={"shortest_edge": 84 * 84, "longest_edge": 84 * 84}
    )
    theirs = processor(images=[picture], return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "image_size", "expected"),
    [
        ((84, 84), 84, (84, 84)),
        ((128, 128), 84, (84, 84)),
        ((96, 128), 112, (84, 112)),
        ((90, 90), None, (84, 84)),
        ((10, 10), None, (28, 28)),
    ],
)
def test_resized_shapes(shape, image_size, expected):
    picture = make_picture(*shape)
    resized = resize_picture(picture, FORMAT, image_size=image_size)
    assert resized.shape == (*expected, 3)
    assert (resized is picture) == (shape == expected)


def test_positions_of_a_hand_counted_sequence():
    # Two words, a picture of 2x3 features, one word: the word comes at 2 + max(2, 3).
    positions = rope_positions(9, np.array([[2, 8]]), [(2, 3)])
    assert positions.tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5],
        [0, 1, 2, 2, 2, 3, 3, 3, 5],
        [0, 1, 2, 3, 4, 2, 3, 4, 5],
    ]


def test_positions_equal_the_library_in_a_ragged_batch(model, chat, make_observation):
    samples = []
    for seed, (images, size) in enumerate([(1, 56), (3, 112), (0, 56), (2, 84)]):
        observations = [make_observation(seed, 4 + seed, images, size), make_observation(seed + 9)]
        outputs = [PolicyOutput(text="left"), PolicyOutput(text="the red cube")]
        samples.append(chat.transcript(observations, outputs).sample())
    inputs = chat.collate(samples)

    types = (inputs.input_ids == model.config.image_token_id).int()
    theirs, _ = model.model.get_rope_index(
        inputs.input_ids,
        mm_token_type_ids=types,
        image_grid_thw=inputs.image_grid_thw,
        attention_mask=inputs.attention_mask.long(),
    )
    assert torch.equal(inputs.position_ids, theirs)
    assert len(inputs.feature_index) == int(types.sum())
    assert inputs.input_ids.flatten()[inputs.feature_index].unique().tolist() == [
        model.config.image_token_id
    ]


def test_disagreeing_placeholders_raise():
    picture = make_picture(28, 56)
    span = np.array([[1, 3]])
    with pytest.raises(ValueError, match=r"28x56 px has 2 features, but its span \[1, 3\) holds 1"):
        collate(
            [TokenSequence(ids=np.array([1, 5, 2]), images=[picture], image_spans=span)], FORMAT
        )
    with pytest.raises(ValueError, match="1 pictures but 0 placeholder spans"):
        collate([TokenSequence(ids=np.array([1]), images=[picture], image_spans=span[:0])], FORMAT)


def test_unreadable_pictures_are_named():
    with pytest.raises(ValueError, match="30x28 px: both sides must be multiples of"):
        FORMAT.grid(make_picture(30, 28))
    with pytest.raises(ValueError, match="must be uint8"):
        FORMAT.grid(make_picture(28, 28).astype(np.float32))


def test_leaving_out_the_beginning_keeps_positions_and_later_pictures():
    picture = make_picture(28, 28)
    ids = np.array([1, 5, 2, 5, 3])
    spans = np.array([[1, 2], [3, 4]])
    whole = collate([TokenSequence(ids=ids, images=[picture] * 2, image_spans=spans)], FORMAT)
    rest = collate(
        [TokenSequence(ids=ids, images=[picture] * 2, image_spans=spans, first=2)], FORMAT
    )
    assert rest.input_ids.tolist() == [[2, 5, 3]]
    assert torch.equal(rest.position_ids, whole.position_ids[:, :, 2:])
    assert rest.feature_index.tolist() == [1]
    assert len(rest.image_grid_thw) == 1
