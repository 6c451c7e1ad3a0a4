"""Prompts that several samples begin with are read once, and nothing comes out differently."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from policies.chat import ChatFormat
from policies.engines import scoring
from policies.engines.attention import PromptGroup
from policies.engines.shared_prompts import share_prompts
from policies.interface import Observation, PolicyOutput
from policies.tiny import make_tiny_model
from tests.gradients import assert_same, read
from tests.policies.small_checkpoints import make_tiny_qwen3
from tests.training.rank_work import SIZE, WORDS, make_chat

FAMILIES = ("qwen2_5_vl", "qwen3_vl")


def make_group(chat, seed: int, num_members: int, num_pictures: int = 1, *, size: int = 28):
    """Members that see the same at first, answer at different lengths, and then see pictures of
    their own.
    """
    rng = np.random.default_rng(seed)

    def picture(low: int, high: int) -> np.ndarray:
        return rng.integers(low, high, (size, 2 * size, 3), dtype=np.uint8)

    first = Observation(
        text=" ".join(rng.choice(WORDS, 5 + seed)),
        images=tuple(picture(0, 256) for _ in range(num_pictures)),
    )
    samples = []
    for member in range(num_members):
        replies = [PolicyOutput(text=" ".join(rng.choice(WORDS, 2 + member))) for _ in range(2)]
        second = Observation(text="what now", images=(picture(100, 200),) if member else ())
        samples.append(chat.transcript([first, second], replies).sample())
    return samples


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """A model of a family, its chat format, and samples of groups of 3, 1 and 2, mixed up."""
    tokenizer = make_chat().tokenizer
    if request.param == "qwen3_vl":
        chat, size = ChatFormat(tokenizer, system_prompt=None, patch_size=16), 32
        model = make_tiny_qwen3(tokenizer)
    else:
        chat, size = make_chat(), 28
        model = make_tiny_model(SIZE, tokenizer)
    first, alone, second = (
        make_group(chat, seed, count, pictures, size=size)
        for seed, count, pictures in ((0, 3, 1), (1, 1, 2), (2, 2, 0))
    )
    samples = [first[0], second[0], alone[0], first[1], second[1], first[2]]
    return model, chat, samples


def collate(chat, samples):
    """A batch, and which of its tokens are replies, as `select` and as `targets`."""
    inputs = chat.collate(samples)
    select = torch.zeros(inputs.input_ids.shape, dtype=torch.bool)
    for row, sample in enumerate(samples):
        select[row, : len(sample.input_ids)] = torch.from_numpy(sample.loss_mask)
    return inputs, select, select[:, 1:]


@pytest.mark.parametrize("rows", [range(6), [0, 0, 2]], ids=["ragged", "of one length"])
def test_scores_and_gradients_are_those_of_the_padded_batch(rows, family, monkeypatch):
    model, chat, samples = family
    samples = [samples[row] for row in rows]
    inputs, select, targets = collate(chat, samples)
    assert share_prompts(inputs, targets, 2) is not None
    shared = read(model, inputs, select=select)
    monkeypatch.setattr(scoring, "can_share_prompts", lambda model: False)
    assert_same(shared, read(model, inputs, select=select))


def test_a_prompt_and_its_pictures_stand_once(family):
    _, chat, samples = family
    inputs, _, targets = collate(chat, samples)
    shared = share_prompts(inputs, targets, 2)
    assert shared is not None
    prompts = [int(np.flatnonzero(sample.loss_mask)[0]) for sample in samples]
    lengths = [len(sample.input_ids) for sample in samples]
    saved = 2 * prompts[0] + prompts[1]  # of the second and third of three, and one of two
    assert shared.inputs.input_ids.shape == (1, sum(lengths) - saved)
    assert len(inputs.image_grid_thw) == 3 + 2 + 3, "in first prompts, and in second turns"
    assert len(shared.inputs.image_grid_thw) == 1 + 2 + 3
    row, real = shared.inputs, inputs.attention_mask
    assert torch.equal(row.input_ids[0][shared.places[real]], inputs.input_ids[real])
    assert torch.equal(row.position_ids[:, 0][:, shared.places[real]], inputs.position_ids[:, real])
    placeholder = chat.picture_format.image_token_id
    assert row.feature_index.tolist() == (row.input_ids[0] == placeholder).nonzero()[:, 0].tolist()


def test_other_pictures_make_another_prompt(family):
    _, chat, samples = family
    other = tuple(255 - image for image in samples[0].images)
    twins = [samples[0], dataclasses.replace(samples[0], images=other)]
    inputs, _, targets = collate(chat, twins)
    assert share_prompts(inputs, targets, 2) is None
    inputs, _, targets = collate(chat, [samples[0], samples[0]])
    assert share_prompts(inputs, targets, 2) is not None


def test_batches_without_groups_are_left_as_they_are(family):
    _, chat, samples = family
    inputs, _, targets = collate(chat, samples[:3])  # one of each group
    assert share_prompts(inputs, targets, 2) is None
    assert share_prompts(inputs, torch.zeros_like(targets), 2) is None
    inputs = chat.collate(samples)
    everything = inputs.attention_mask[:, 1:]  # every row's prompt is its first token alone
    assert share_prompts(inputs, everything, 2) is None


def test_a_sample_sees_the_prompt_and_itself():
    group = PromptGroup.make(10, 3, [2, 1])
    assert (group.start, group.end) == (10, 16)
    assert group.places.tolist() == [[13, 14], [15, 15]]
    assert group.real.tolist() == [[True, True], [True, False]]
    wanted = [[True, True, True, True, False], [True, True, True, True, True]]
    assert group.mask[0, 0].tolist() == wanted


@pytest.mark.parametrize("lengths", [[2, 2], [2, 1]])
def test_samples_are_taken_from_a_row_and_put_back(lengths):
    group = PromptGroup.make(1, 2, lengths)
    assert group.is_even == (lengths == [2, 2])
    row = torch.arange(2.0 * group.end).view(1, 2, group.end, 1)  # two heads
    taken = group.take(row)
    assert taken.shape == (2, 2, 2, 1)
    assert taken[0, :, :, 0].tolist() == row[0, :, 3:5, 0].tolist()
    assert taken[1, :, 0, 0].tolist() == row[0, :, 5, 0].tolist()
    assert group.put(taken.transpose(1, 2)).tolist() == row[:, :, 3:].transpose(1, 2).tolist()
