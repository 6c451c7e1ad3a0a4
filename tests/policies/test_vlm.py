"""The VLM policy: chat format and engine together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from policies.engines.transformers import TransformersEngine
from policies.interface import Completion, Engine, Observation, Policy
from policies.vlm import VLMPolicy


class RecordingEngine:
    """Keeps the requests and answers each with one fixed token."""

    weights_version = 4

    def __init__(self) -> None:
        self.requests = []
        self.forgotten = []

    def generate(self, requests):
        self.requests += requests
        return [
            Completion(
                token_ids=np.array([40]),
                rollout_logprobs=np.zeros(1, dtype=np.float32),
                finish_reason="length",
                weights_version=4,
            )
            for _ in requests
        ]

    def update_weights(self, source, version):
        self.weights_version = version

    def forget(self, cache_keys):
        self.forgotten += cache_keys


def test_doors_fit(chat, model):
    policy = VLMPolicy(chat, TransformersEngine(model), max_new_tokens=4)
    assert isinstance(policy, Policy) and isinstance(policy.engine, Engine)
    assert not policy.privileged


def test_each_prompt_continues_the_last_one(chat, make_conversations, make_observation):
    engine = RecordingEngine()
    policy = VLMPolicy(chat, engine, max_new_tokens=4)
    (conversation,) = make_conversations(1)
    for turn in range(3):
        conversation.observations.append(make_observation(turn))
        (output,) = policy.act([conversation])
        assert output.weights_version == 4
        conversation.outputs.append(output)
    prompts = [request.prompt_ids.tolist() for request in engine.requests]
    for before, after in pairwise(prompts):
        assert after[: len(before) + 1] == [*before, 40]
    assert [len(request.images) for request in engine.requests] == [1, 2, 3]
    assert len({request.noise_key for request in engine.requests}) == 3


def test_an_id_used_again_starts_anew(chat, make_conversations, make_observation):
    engine = RecordingEngine()
    policy = VLMPolicy(chat, engine, max_new_tokens=4)
    for seed in (1, 2):
        (conversation,) = make_conversations(1)
        conversation.observations.append(make_observation(seed, num_images=0))
        policy.act([conversation])
        expected = chat.transcript(conversation.observations, []).prompt().ids
        assert engine.requests[-1].prompt_ids.tolist() == expected.tolist()
    policy.reset(["c0"])
    assert engine.forgotten == ["c0"]


def test_blind_policy_sees_black_pictures_of_the_same_size(
    chat, make_conversations, make_observation
):
    engine = RecordingEngine()
    policy = VLMPolicy(chat, engine, max_new_tokens=4, blind=True)
    (conversation,) = make_conversations(1)
    conversation.observations.append(make_observation(0, num_images=2))
    policy.act([conversation])
    (request,) = engine.requests
    assert [image.shape for image in request.images] == [(56, 56, 3)] * 2
    assert not any(image.any() for image in request.images)
    transcript = policy.transcript(conversation.observations, [])
    assert not any(image.any() for image in transcript.images)
    assert conversation.observations[0].images[0].any()


def test_noise_depends_on_task_and_member_but_not_on_the_id(chat, make_conversations):
    engine = RecordingEngine()
    policy = VLMPolicy(chat, engine, max_new_tokens=4)
    conversations = make_conversations(4, group_size=2)
    for conversation in conversations:
        conversation.observations.append(Observation(text="look"))
    policy.act(conversations)
    keys = [request.noise_key for request in engine.requests]
    assert len(set(keys)) == 4
    for conversation in conversations:
        conversation.conversation_id += " elsewhere"
    policy.act(conversations[::-1])
    assert [request.noise_key for request in engine.requests[4:]] == keys[::-1]


def test_refusals_are_named(chat, make_conversations):
    policy = VLMPolicy(chat, RecordingEngine(), max_new_tokens=4, max_context=20)
    (conversation,) = make_conversations(1)
    conversation.observations.append(Observation(text="look " * 30))
    with pytest.raises(ValueError, match=r"max_new_tokens=4 exceeds max_context=20"):
        policy.act([conversation])
    conversation.expert_reply = "the truth"
    with pytest.raises(ValueError, match="carries expert_reply"):
        policy.act([conversation])
    with pytest.raises(ValueError, match="max_new_tokens=0"):
        VLMPolicy(chat, RecordingEngine(), max_new_tokens=0)
    with pytest.raises(ValueError, match="temperature=-1"):
        VLMPolicy(chat, RecordingEngine(), max_new_tokens=1, temperature=-1)


def test_context_limit_comes_from_the_engine(chat, model):
    policy = VLMPolicy(chat, TransformersEngine(model), max_new_tokens=4)
    assert policy.max_context == model.config.text_config.max_position_embeddings
