"""The engine: cached sampling equals one-pass scoring, and noise depends on keys alone."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.chat import ChatFormat
from policies.engines.sampling import sample_tokens
from policies.engines.transformers import TransformersEngine, encode, score
from policies.interface import GenerationRequest, PolicyOutput, Sample
from policies.noise import make_generator
from policies.vlm import VLMPolicy


@pytest.fixture
def stopping_chat(tokenizer):
    """A chat format in which every tenth token ends a reply, so that replies differ in length."""
    chat = ChatFormat(tokenizer, system_prompt="look at the frame", image_size=56)
    chat.stop_ids = (chat.end_id, *range(9, len(tokenizer), 10))
    return chat


@pytest.fixture
def make_request(chat, make_observation):
    """Builds a request with one picture and a prompt of varying length."""

    def make(seed: int, **changes) -> GenerationRequest:
        prompt = chat.transcript([make_observation(seed, 4 + seed % 7)], []).prompt()
        request = GenerationRequest(
            prompt_ids=prompt.ids,
            images=tuple(prompt.images),
            image_spans=prompt.image_spans,
            cache_key=f"r{seed}",
            noise_key=(seed,),
            max_new_tokens=8,
        )
        return replace(request, **changes)

    return make


def rescore(model, chat, conversations) -> float:
    """Largest |rollout_logprobs - trainer_logprobs| over all sampled tokens."""
    samples = [chat.transcript(c.observations, c.outputs).sample() for c in conversations]
    with torch.no_grad():
        scores = score(model, chat.collate(samples))
    worst = 0.0
    for row, sample in enumerate(samples):
        again = scores.trainer_logprobs[row, : len(sample.input_ids)].numpy()
        difference = np.abs(again - sample.rollout_logprobs)[sample.loss_mask]
        worst = max(worst, float(difference.max()))
    return worst


def play(policy, conversations, schedule, make_observation) -> None:
    """Let the conversations of each call take one turn, in the order given."""
    for call, indices in enumerate(schedule):
        chosen = [conversations[index] for index in indices]
        for index, conversation in zip(indices, chosen, strict=True):
            seed = 100 * index + conversation.turn
            conversation.observations.append(
                make_observation(seed, 3 + (index * 5 + call) % 9, num_images=(index + call) % 3)
            )
        for conversation, output in zip(chosen, policy.act(chosen), strict=True):
            conversation.outputs.append(output)


# Conversations join late, leave early, pause, and come in another order in every call.
RAGGED = [[0, 1, 2], [2, 0, 3, 4], [4, 1], [5, 3, 2, 0, 4], [0], [5, 4, 1, 2]]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("max_batch_size", [2, 8])
def test_cached_sampling_equals_one_pass_scoring(
    model, chat, stopping_chat, make_conversations, make_observation, max_batch_size, deterministic
):
    engine = TransformersEngine(model, max_batch_size=max_batch_size, deterministic=deterministic)
    policy = VLMPolicy(stopping_chat, engine, max_new_tokens=12)
    conversations = make_conversations(6)
    play(policy, conversations, RAGGED, make_observation)

    lengths = {len(output.reply_ids) for c in conversations for output in c.outputs}
    assert len(lengths) > 1, "replies of one length would not test dropping finished rows"
    assert rescore(model, chat, conversations) < 1e-4


def test_little_cache_changes_nothing(model, chat, make_conversations, make_observation):
    replies = []
    for max_cached in (1, 100):
        engine = TransformersEngine(model, max_batch_size=2, max_cached=max_cached)
        conversations = make_conversations(6)
        policy = VLMPolicy(chat, engine, max_new_tokens=6)
        play(policy, conversations, RAGGED, make_observation)
        replies.append([[o.reply_ids.tolist() for o in c.outputs] for c in conversations])
    assert replies[0] == replies[1]


def test_cache_is_used_from_turn_to_turn(model, chat, make_conversations, make_observation):
    engine = TransformersEngine(model, max_batch_size=4)
    policy = VLMPolicy(chat, engine, max_new_tokens=4)
    conversations = make_conversations(2)
    computed = []
    compute = engine._compute_range
    engine._compute_range = lambda replies, row: (
        computed.extend(reply.num_suffix for reply in replies) or compute(replies, row)
    )
    play(policy, conversations, [[0, 1], [0, 1]], make_observation)
    lengths = [len(chat.transcript(c.observations, c.outputs[:1]).ids) for c in conversations]
    assert sum(computed[2:]) < sum(lengths) - sum(computed[:2])
    engine.forget(["c0", "c1"])
    play(policy, conversations, [[0, 1]], make_observation)
    assert sum(computed[4:]) > sum(lengths)


def test_members_of_a_group_share_their_first_prompt(
    model, chat, stopping_chat, make_conversations, make_observation
):
    engine = TransformersEngine(model, max_batch_size=8)
    conversations = make_conversations(6, group_size=3)
    for conversation in conversations:
        task = int(conversation.task_id.split()[1])
        conversation.observations.append(make_observation(task, 5 + task))
    rows = []
    compute = engine._compute_range
    engine._compute_range = lambda replies, row: rows.append(len(replies)) or compute(replies, row)
    policy = VLMPolicy(stopping_chat, engine, max_new_tokens=10)
    for conversation, output in zip(conversations, policy.act(conversations), strict=True):
        conversation.outputs.append(output)
    assert sum(rows) == 2
    assert len({tuple(c.outputs[0].reply_ids) for c in conversations}) > 2
    play(policy, conversations, [[3, 1, 5, 0]], make_observation)
    assert rescore(model, chat, conversations) < 1e-4


def test_stale_prefix_is_computed_again(model, make_request):
    engine = TransformersEngine(model, max_batch_size=4)
    fresh = TransformersEngine(model, max_batch_size=4)
    request = make_request(1)
    engine.generate([request])
    negative = tuple(255 - image for image in request.images)
    other_words = request.prompt_ids.copy()
    other_words[-5] = 50
    for changed in (replace(request, images=negative), replace(request, prompt_ids=other_words)):
        (ours,), (expected,) = engine.generate([changed]), fresh.generate([changed])
        fresh.forget([changed.cache_key])
        np.testing.assert_allclose(ours.rollout_logprobs, expected.rollout_logprobs, atol=1e-5)
        assert ours.token_ids.tolist() == expected.token_ids.tolist()


def test_pictures_matter(model, make_request):
    engine = TransformersEngine(model)
    request = make_request(1, temperature=0.0)
    black = replace(request, images=tuple(np.zeros_like(i) for i in request.images))
    first, second = engine.generate([request, replace(black, cache_key="black")])
    assert abs(first.rollout_logprobs[0] - second.rollout_logprobs[0]) > 1e-3


def test_deterministic_engine_is_bit_equal_in_any_arrangement(model, make_request):
    requests = [make_request(seed) for seed in range(7)]
    alone = TransformersEngine(model, max_batch_size=4, deterministic=True)
    expected = [alone.generate([request])[0] for request in requests]

    rng = np.random.default_rng(0)
    for _ in range(3):
        order = rng.permutation(len(requests))[: rng.integers(3, 8)]
        engine = TransformersEngine(model, max_batch_size=4, deterministic=True)
        for index, completion in zip(
            order, engine.generate([requests[i] for i in order]), strict=True
        ):
            assert completion.token_ids.tolist() == expected[index].token_ids.tolist()
            assert completion.rollout_logprobs.tobytes() == (
                expected[index].rollout_logprobs.tobytes()
            )


def test_noise_key_decides_the_tokens_in_any_batch(model, make_request):
    requests = [make_request(seed) for seed in range(6)]
    engine = TransformersEngine(model, max_batch_size=4)
    together = engine.generate(requests)
    engine.forget([request.cache_key for request in requests])
    for request, completion in zip(requests, together, strict=True):
        (alone,) = engine.generate([request])
        assert alone.token_ids.tolist() == completion.token_ids.tolist()
    renamed = [replace(request, noise_key=(request.noise_key[0], 1)) for request in requests]
    again = engine.generate(renamed)
    assert any(
        a.token_ids.tolist() != b.token_ids.tolist() for a, b in zip(again, together, strict=True)
    )


def test_greedy_replies_equal_the_library(model, chat, make_request):
    engine = TransformersEngine(model)
    request = make_request(3, temperature=0.0, max_new_tokens=16)
    (completion,) = engine.generate([request])

    transcript_inputs = chat.collate([as_sample(request)])
    theirs = model.generate(
        input_ids=transcript_inputs.input_ids,
        attention_mask=torch.ones_like(transcript_inputs.input_ids),
        mm_token_type_ids=(transcript_inputs.input_ids == model.config.image_token_id).int(),
        pixel_values=transcript_inputs.pixel_values,
        image_grid_thw=transcript_inputs.image_grid_thw,
        max_new_tokens=16,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert completion.token_ids.tolist() == theirs[0, len(request.prompt_ids) :].tolist()


def as_sample(request: GenerationRequest):
    """A request's prompt in the form that `collate` takes."""
    length = len(request.prompt_ids)
    return Sample(
        input_ids=request.prompt_ids,
        loss_mask=np.zeros(length, dtype=bool),
        turn_index=np.full(length, -1, dtype=np.int32),
        rollout_logprobs=None,
        images=request.images,
        image_spans=request.image_spans,
    )


def test_stop_token_ends_the_reply_and_belongs_to_it(model, make_request):
    engine = TransformersEngine(model)
    (free,) = engine.generate([make_request(2, max_new_tokens=20)])
    assert free.finish_reason == "length" and len(free.token_ids) == 20
    stop = int(free.token_ids[6])
    first = free.token_ids.tolist().index(stop)
    (cut,) = engine.generate([make_request(2, max_new_tokens=20, stop_ids=(stop,))])
    assert cut.finish_reason == "stop"
    assert cut.token_ids.tolist() == free.token_ids[: first + 1].tolist()


def test_temperature_is_in_the_recorded_logprobs(model, chat, make_request):
    engine = TransformersEngine(model)
    request = make_request(4, temperature=0.5)
    (completion,) = engine.generate([request])
    reply = PolicyOutput(
        text="", reply_ids=completion.token_ids, rollout_logprobs=completion.rollout_logprobs
    )
    sample = as_sample(request)
    ids = np.concatenate([sample.input_ids, reply.reply_ids])
    padded = np.concatenate([np.zeros(len(sample.input_ids)), reply.rollout_logprobs])
    sample = replace(
        sample, input_ids=ids, loss_mask=padded != 0, turn_index=np.zeros(len(ids), dtype=np.int32)
    )
    with torch.no_grad():
        scores = score(model, chat.collate([sample]), temperature=0.5)
    np.testing.assert_allclose(
        scores.trainer_logprobs[0, -8:].numpy(), completion.rollout_logprobs, atol=1e-4
    )


def test_new_weights_drop_the_cache_and_carry_their_version(model, make_request):
    engine = TransformersEngine(model)
    request = make_request(5)
    before = engine.generate([request])[0]
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    try:
        with torch.no_grad():
            model.model.language_model.layers[0].mlp.down_proj.weight.mul_(0.2)
        engine.update_weights(None, 7)
        after = engine.generate([request])[0]
        fresh = TransformersEngine(model).generate([request])[0]
    finally:
        engine.update_weights(state, 8)
    assert (before.weights_version, after.weights_version) == (0, 7)
    assert after.rollout_logprobs.tobytes() == fresh.rollout_logprobs.tobytes()
    assert engine.generate([request])[0].rollout_logprobs.tobytes() == (
        before.rollout_logprobs.tobytes()
    )


def test_generation_leaves_training_mode_and_gradients_alone(model, chat, make_request):
    engine = TransformersEngine(model)
    model.train()
    engine.generate([make_request(6)])
    assert model.training
    model.eval()
    scores = score(model, chat.collate([as_sample(make_request(6))]))
    (gradient,) = torch.autograd.grad(
        scores.trainer_logprobs.sum(), [model.model.visual.patch_embed.proj.weight]
    )
    assert gradient.abs().max() > 0


def test_score_equals_the_library_and_ignores_padding(model, chat, make_request):
    requests = [make_request(seed) for seed in (0, 3, 5)]
    inputs = chat.collate([as_sample(request) for request in requests])
    with torch.no_grad():
        ours = score(model, inputs)
        for row, request in enumerate(requests):
            alone = chat.collate([as_sample(request)])
            logits = model(
                input_ids=alone.input_ids,
                mm_token_type_ids=(alone.input_ids == model.config.image_token_id).int(),
                pixel_values=alone.pixel_values,
                image_grid_thw=alone.image_grid_thw,
            ).logits[0, :-1]
            expected = torch.log_softmax(logits, dim=-1)
            length = alone.input_ids.shape[1]
            chosen = expected.gather(-1, alone.input_ids[0, 1:, None])[:, 0]
            entropy = torch.distributions.Categorical(logits=logits).entropy()
            torch.testing.assert_close(
                ours.trainer_logprobs[row, 1:length], chosen, atol=1e-4, rtol=0
            )
            torch.testing.assert_close(ours.entropies[row, 1:length], entropy, atol=1e-4, rtol=0)
            assert not ours.trainer_logprobs[row, length:].any()
    assert not ours.trainer_logprobs[:, 0].any()


def test_selecting_tokens_scores_those_alone(model, chat, make_request):
    inputs = chat.collate([as_sample(make_request(seed)) for seed in (1, 2)])
    select = torch.zeros_like(inputs.attention_mask)
    select[0, 5] = select[1, -2:] = True
    with torch.no_grad():
        everything, some = score(model, inputs), score(model, inputs, select=select)
    inside = select & inputs.attention_mask
    torch.testing.assert_close(
        some.trainer_logprobs[inside], everything.trainer_logprobs[inside], atol=1e-5, rtol=0
    )
    assert not some.trainer_logprobs[~inside].any()


def test_gradient_of_score_agrees_with_finite_differences(model, chat, make_request):
    double = model_copy(model).double()
    inputs = chat.collate([as_sample(make_request(1))])
    weight = double.lm_head.weight
    scored = score(double, inputs).trainer_logprobs.double().sum()
    (gradient,) = torch.autograd.grad(scored, [weight])
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)).double()
    values = []
    for step in (0.05, -0.05):
        with torch.no_grad():
            weight += step * direction
            values.append(score(double, inputs).trainer_logprobs.double().sum().item())
            weight -= step * direction
    assert (values[0] - values[1]) / 0.1 == pytest.approx(
        (gradient * direction).sum().item(), rel=1e-2
    )


def model_copy(model):
    return deepcopy(model)


def test_sampling_frequencies_follow_the_softmax():
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1, 0.0])
    count = 20_000
    uniforms = torch.from_numpy(make_generator((1, 2, 3)).random(count))
    logits = probabilities.log().expand(count, -1)
    tokens, logprobs = sample_tokens(logits, torch.ones(count), uniforms)

    frequencies = torch.bincount(tokens, minlength=5) / count
    chi_square = count * ((frequencies - probabilities)[:4] ** 2 / probabilities[:4]).sum()
    assert chi_square < 16.3  # 99.9 % quantile at 3 degrees of freedom
    assert frequencies[4] == 0
    torch.testing.assert_close(logprobs, probabilities.log()[tokens])


def test_sampling_at_the_edges_of_the_noise():
    logits = torch.tensor([[-torch.inf, 1.0, 1.0, -torch.inf]]).expand(3, -1)
    uniforms = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64)
    tokens, _ = sample_tokens(logits, torch.ones(3), uniforms)
    assert tokens.tolist() == [1, 2, 2]
    tokens, logprobs = sample_tokens(torch.tensor([[0.0, 3.0]]), torch.zeros(1), uniforms[:1])
    assert tokens.tolist() == [1]
    assert logprobs.item() == pytest.approx(-np.log1p(np.exp(-3.0)), abs=1e-6)


def test_wrong_use_is_named(model, chat, make_request, tokenizer):
    with pytest.raises(ValueError, match="max_batch_size=0 must be at least 1"):
        TransformersEngine(model, max_batch_size=0)
    with pytest.raises(ValueError, match="temperature=0 must be above 0"):
        score(model, chat.collate([as_sample(make_request(1))]), temperature=0)
    eager = model_copy(model)
    eager.set_attn_implementation("eager")
    with pytest.raises(ValueError, match="attn_implementation='eager'"):
        TransformersEngine(eager)
    with pytest.raises(ValueError, match="attn_implementation='eager'"):
        encode(eager, chat.collate([as_sample(make_request(1))]))


def test_second_request_with_one_key_is_answered_too(model, make_request):
    engine = TransformersEngine(model)
    first = make_request(1)
    both = engine.generate([first, replace(first, noise_key=(9,))])
    engine.forget([first.cache_key])
    (alone,) = engine.generate([replace(first, noise_key=(9,))])
    assert both[1].token_ids.tolist() == alone.token_ids.tolist()
