"""Samples packed into one row are scored and learned from as padded ones are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from policies.chat import ChatFormat
from policies.engines.scoring import score
from policies.interface import Sample
from policies.tiny import make_tiny_model
from tests.gradients import assert_same, read
from tests.policies.small_checkpoints import make_tiny_qwen3
from tests.training.rank_work import (
    SIZE,
    gradients_of,
    improve,
    make_chat,
    make_learner,
    make_samples,
)
from tests.training.toy import ToyModel
from tests.training.toy import make_learner as make_toy_learner
from tests.training.toy import make_samples as make_toy_samples
from training.packing import cut_micro_batches, pack_samples

FAMILIES = ("qwen2_5_vl", "qwen3_vl")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """A model of a family, its chat format, and samples with 1, 0, 2, 0 and 0 pictures."""
    tokenizer = make_chat().tokenizer
    if request.param == "qwen3_vl":
        chat = ChatFormat(tokenizer, system_prompt=None, patch_size=16)
        model = make_tiny_qwen3(tokenizer)
        samples = make_samples(chat, size=32)
    else:
        chat, model = make_chat(), make_tiny_model(SIZE, tokenizer)
        samples = make_samples(chat)
    return model, chat, samples


def packed(inputs):
    return dataclasses.replace(inputs, packed=True)


def test_rows_are_filled_with_what_still_fits():
    # 9 opens a row, 8 another; 6 fits behind neither, 2 behind the first (11 is full), 1 behind 8.
    lengths = [6, 9, 1, 8, 2]
    assert pack_samples(lengths, max_tokens=11) == [[1, 4], [3, 2], [0]]
    assert pack_samples(lengths, max_tokens=5) == [[1], [3], [0], [4, 2]]
    assert pack_samples(lengths, max_tokens=11, max_size=1) == [[1], [3], [0], [4], [2]]
    assert pack_samples(lengths) == [[1, 3, 0, 4, 2]]
    assert pack_samples([]) == []


def test_a_budget_counts_no_padding_where_rows_are_packed():
    learner = make_toy_learner(ToyModel(), micro_batch_tokens=20)
    lengths = [12, 4, 4]
    assert cut_micro_batches(lengths, learner.config) == [[0], [1, 2]]
    config = dataclasses.replace(learner.config, packing=True)
    assert cut_micro_batches(lengths, config) == [[0, 1, 2]]


def test_positions_and_places_start_anew_with_every_sample(family):
    _, chat, samples = family
    inputs = chat.collate(samples)
    row = inputs.in_one_row()
    lengths = [len(sample.input_ids) for sample in samples]
    assert row.input_ids.tolist() == [np.concatenate([s.input_ids for s in samples]).tolist()]
    alone = [chat.collate([sample]).position_ids[:, 0] for sample in samples]
    assert torch.equal(row.position_ids[:, 0], torch.cat(alone, dim=1))
    assert int(row.position_ids[:, 0, lengths[0]].max()) == 0
    placeholder = chat.picture_format.image_token_id
    assert row.feature_index.tolist() == (row.input_ids[0] == placeholder).nonzero()[:, 0].tolist()


def test_packed_scores_and_gradients_equal_padded_ones(family):
    model, chat, samples = family
    inputs = chat.collate(samples)
    assert_same(read(model, packed(inputs)), read(model, inputs))


def test_samples_of_a_row_do_not_see_each_other(family):
    model, chat, samples = family
    other = dataclasses.replace(
        samples[0],
        input_ids=np.where(samples[0].loss_mask, 40, samples[0].input_ids),
        images=tuple(255 - image for image in samples[0].images),
    )
    with torch.no_grad():
        before, after = (
            score(model, packed(chat.collate([first, *samples[1:]]))).trainer_logprobs
            for first in (samples[0], other)
        )
    assert not torch.allclose(before[0], after[0], atol=1e-2)
    torch.testing.assert_close(after[1:], before[1:], rtol=0, atol=1e-6)


def test_scores_equal_the_librarys_own_forward_pass(family):
    model, chat, samples = family
    inputs = chat.collate(samples)
    with torch.no_grad():
        ours = score(model, inputs).trainer_logprobs
        theirs = model(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask.long(),
            position_ids=inputs.position_ids,
            pixel_values=inputs.pixel_values,
            image_grid_thw=inputs.image_grid_thw,
            mm_token_type_ids=(inputs.input_ids == model.config.image_token_id).int(),
        ).logits.log_softmax(dim=-1)
    chosen = theirs[:, :-1].gather(-1, inputs.input_ids[:, 1:, None])[..., 0]
    real = inputs.attention_mask[:, 1:]
    torch.testing.assert_close(ours[:, 1:][real], chosen[real], rtol=1e-5, atol=1e-4)


def test_a_blank_look_changes_no_number_and_reaches_the_whole_tower(family):
    model, chat, samples = family
    words_only = [sample for sample in samples if not sample.images]
    inputs = chat.collate(words_only)
    plain = score(model, inputs).trainer_logprobs
    looked = score(model, dataclasses.replace(inputs, run_vision=True)).trainer_logprobs
    assert torch.equal(plain, looked)
    tower = [p for name, p in model.named_parameters() if "visual" in name]
    for gradient in torch.autograd.grad(looked.sum(), tower, allow_unused=True):
        assert gradient is not None
        assert not gradient.any()


def test_learning_is_the_same_in_fewer_micro_batches():
    chat = make_chat()
    samples = make_samples(chat)
    found = []
    budget = sum(len(sample.input_ids) for sample in samples)
    for packing in (False, True):
        learner = make_learner(chat, packing=packing, micro_batch_tokens=budget)
        metrics = improve(learner, samples)
        found.append((gradients_of(learner), metrics))
    (padded, metrics), (one_row, packed_metrics) = found
    length = sum(float(gradient.square().sum()) for gradient in padded.values()) ** 0.5
    error = sum(float((one_row[n] - g).square().sum()) for n, g in padded.items()) ** 0.5
    assert error < 1e-5 * length
    assert packed_metrics["num_micro_batches"] == 1 < metrics["num_micro_batches"]
    for name in set(metrics) - {"num_micro_batches"}:
        assert packed_metrics[name] == pytest.approx(metrics[name], rel=1e-5), name


def test_what_cannot_be_packed_is_named():
    samples: list[Sample] = make_toy_samples(seed=1)
    with pytest.raises(ValueError, match="learner.packing = true is not legal for ToyInputs"):
        make_toy_learner(ToyModel(), packing=True).imitate(samples)
    chat = make_chat()
    model = make_tiny_model(SIZE, chat.tokenizer)
    model.config.get_text_config()._attn_implementation = "flex_attention"
    inputs = packed(chat.collate(make_samples(chat)[:2]))
    with pytest.raises(ValueError, match="'flex_attention' of the text model cannot tell.*'sdpa'"):
        score(model, inputs)
