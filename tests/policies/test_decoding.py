"""Decoding in few operations: the same numbers as the library's layers and single rows give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from policies.engines import decoding, transformers
from policies.engines.decoding import forward_text
from policies.engines.kv_cache import KeyValuePool
from policies.engines.lean_step import LeanStep, can_step_leanly
from policies.engines.reply_groups import ReplyGroups, make_reply_groups
from policies.engines.transformers import TransformersEngine
from policies.interface import GenerationRequest

HEAD_DIM = 8


def random_pool(num_rows: int, num_slots: int, *, heads: int, width: int, layers: int = 1):
    pool = KeyValuePool(
        num_layers=layers,
        num_heads=heads,
        head_dim=width,
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    pool.reserve(num_rows, num_slots)
    generator = torch.Generator().manual_seed(num_slots)
    for tensor in (*pool.keys, *pool.values):
        tensor.normal_(generator=generator)
    return pool


def make_requests(num_groups: int, group_size: int, **changes) -> list[GenerationRequest]:
    """Prompts of 20, 23, ... tokens, each for all members of a group."""
    requests = []
    for group in range(num_groups):
        prompt = np.random.default_rng(group).integers(8, 200, 20 + 3 * group)
        requests += [
            GenerationRequest(
                prompt_ids=prompt,
                image_spans=np.zeros((0, 2), dtype=np.int64),
                cache_key=f"{group}/{member}",
                noise_key=(group, member),
                max_new_tokens=12,
            )
            for member in range(group_size)
        ]
    return [replace(request, **changes) for request in requests]


def test_a_lean_step_equals_the_layers_of_the_library(model):
    text = model.config.text_config
    width = text.hidden_size // text.num_attention_heads
    heads, layers = text.num_key_value_heads, text.num_hidden_layers
    TransformersEngine(model)  # sets the attention
    lengths = torch.tensor([3, 11, 7])
    positions = torch.tensor([3, 5, 40])
    embeddings = torch.randn(3, text.hidden_size, generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(12) <= lengths[:, None])[:, None, None]
    results, pools = [], []
    with torch.inference_mode():
        for lean in (False, True):
            pool = random_pool(3, 12, heads=heads, width=width, layers=layers)
            cache = pool.window(0, 3, lengths[:, None], 12)
            if lean:
                step = LeanStep(model.model.language_model, 3, 41)
                hidden = step(embeddings, positions, mask, cache)
            else:
                axes = positions[:, None].expand(3, -1, 1)
                hidden = forward_text(model, embeddings[:, None], axes, mask, cache)[:, 0]
            results.append(hidden)
            pools.append(pool)
    torch.testing.assert_close(results[1], results[0], atol=1e-4, rtol=1e-5)
    for plain, ours in zip(pools[0].keys, pools[1].keys, strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-4, rtol=1e-5)


def test_a_model_with_more_to_do_than_its_classes_say_takes_the_library_s_steps(model):
    text_model = model.model.language_model
    assert can_step_leanly(text_model)
    assert not can_step_leanly(model.model.visual)
    norm = text_model.layers[0].input_layernorm
    handle = norm.register_forward_hook(lambda *_: None)
    assert not can_step_leanly(text_model)
    handle.remove()
    norm.forward = lambda hidden: hidden  # as libraries do that move weights between devices
    assert not can_step_leanly(text_model)
    del norm.forward
    assert can_step_leanly(text_model)


@pytest.mark.parametrize(
    "pieces",
    [[[0, 2], [1, 3]], [[0, 3, 4], [1, 2, 2]], [[4, 3, 2, 1, 0]]],
    ids=["even", "filled up", "one prompt"],
)
def test_replies_side_by_side_see_what_rows_alone_see(pieces):
    num_rows = 1 + max(max(piece) for piece in pieces)
    heads, sharing, num_new = 2, 3, 4
    lengths = [0] * num_rows
    for number, piece in enumerate(pieces):
        for row in piece:
            lengths[row] = 5 + 2 * number
    pool = random_pool(num_rows, 16, heads=heads, width=HEAD_DIM)
    for piece in pieces:  # members have one prompt, and what lies behind it differs
        length = lengths[piece[0]]
        pool.copy_rows(piece, [piece[0]] * len(piece), length)
    expected = random_pool(num_rows, 16, heads=heads, width=HEAD_DIM)
    expected.keys[0].copy_(pool.keys[0])
    expected.values[0].copy_(pool.values[0])
    groups = ReplyGroups(pool, pieces, lengths, num_sharing=sharing, num_new=num_new)
    generator = torch.Generator().manual_seed(1)
    for index in range(num_new):
        key, value = torch.randn(2, num_rows, heads, 1, HEAD_DIM, generator=generator)
        query = torch.randn(num_rows, heads * sharing, 1, HEAD_DIM, generator=generator)
        groups.advance()
        output = groups.attend(query, *groups.update(key, value, 0), 0.3)
        for row, length in enumerate(lengths):
            expected.keys[0][row, :, length + index] = key[row, :, 0]
            expected.values[0][row, :, length + index] = value[row, :, 0]
            seen = [x[0][row, :, : length + index + 1] for x in (expected.keys, expected.values)]
            alone = scaled_dot_product_attention(query[row], *seen, scale=0.3, enable_gqa=True)
            torch.testing.assert_close(output[row, 0], alone[:, 0])
    counts = [index % (num_new + 1) for index in range(num_rows)]
    groups.store(counts)
    for row, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        kept = slice(length + count)
        assert torch.equal(pool.keys[0][row, :, kept], expected.keys[0][row, :, kept])
        assert torch.equal(pool.values[0][row, :, kept], expected.values[0][row, :, kept])


def test_single_rows_stay_where_sharing_would_not_pay():
    pool = random_pool(8, 40, heads=2, width=HEAD_DIM)

    def make(sources, num_new, num_sharing=2):
        lengths = [40] * len(sources)
        return make_reply_groups(pool, sources, lengths, num_sharing=num_sharing, num_new=num_new)

    # Halfway through 150 tokens one piece has 40 + 8 * 75 = 640 slots, which count twice; rows
    # alone have 8 * (40 + 75) and cost 8 * 50 beside.
    assert make([0] * 8, 150) is not None
    assert make([0] * 8, 300) is None  # 2 * 1240 is more than 1920
    assert make([0] * 7 + [7], 150) is None  # two pieces of seven, one of them for a single row
    assert make(list(range(8)), 4) is None
    assert make([0] * 8, 40, num_sharing=9) is None  # nine queries for a key need no others


def plain_replies(model, calls, monkeypatch):
    """The completions of several calls to an engine with the library's layers and single rows."""
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "can_step_leanly", lambda _: False)
        patch.setattr(transformers, "make_reply_groups", lambda *_, **__: None)
        engine = TransformersEngine(model, max_batch_size=16)
        return [engine.generate(requests) for requests in calls]


@pytest.mark.parametrize("stop_ids", [(), tuple(range(0, 512, 7))], ids=["even", "ragged"])
def test_replies_of_groups_are_those_of_single_rows_turn_after_turn(model, monkeypatch, stop_ids):
    first = make_requests(3, 5, stop_ids=stop_ids)
    taken = []
    attend = ReplyGroups.attend
    monkeypatch.setattr(ReplyGroups, "attend", lambda *args: taken.append(args) or attend(*args))
    engine = TransformersEngine(model, max_batch_size=16)
    ours = [engine.generate(first)]
    assert taken
    second = [
        replace(
            request,
            prompt_ids=np.concatenate([request.prompt_ids, reply.token_ids, [9, 10, 11]]),
            noise_key=(*request.noise_key, 1),
        )
        for request, reply in zip(first, ours[0], strict=True)
    ]
    ours.append(engine.generate(second))
    expected = plain_replies(model, [first, second], monkeypatch)
    for call, plain_call in zip(ours, expected, strict=True):
        for reply, plain in zip(call, plain_call, strict=True):
            assert reply.token_ids.tolist() == plain.token_ids.tolist()
            np.testing.assert_allclose(reply.rollout_logprobs, plain.rollout_logprobs, atol=1e-4)
