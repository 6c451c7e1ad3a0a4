"""vLLM itself: what it samples is what our own model would, before an update of its weights and
after. Run by `make test-vllm`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.engines.scoring import score
from policies.engines.transformers import TransformersEngine
from policies.engines.vllm_requests import compact_ids
from policies.interface import Conversation, GenerationRequest, Observation, Sample, TokenBudget
from training.agent import Agent

pytestmark = pytest.mark.filterwarnings("ignore")

TEMPERATURE, TOLERANCE = 0.7, 1e-5
"""Differences are 5e-7 to 1.5e-6 in float32; what goes wrong is 1e-2 and more."""


def make_picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


OBSERVATIONS = (
    Observation(text="look at <image> and turn", images=(make_picture(112, 112, 1),)),
    Observation(text="now <image>", images=(make_picture(112, 168, 2),)),
)


def play(agent: Agent, name: str, sample_index: int = 0) -> Sample:
    """An episode of two turns with a picture each, sampled by vLLM."""
    policy = agent.policy(temperature=TEMPERATURE)
    conversation = Conversation(
        conversation_id=name, task_id="task", sample_index=sample_index, sampling_seed=3
    )
    for observation in OBSERVATIONS:
        conversation.observations.append(observation)
        conversation.outputs += policy.act([conversation])
    policy.reset([name])
    return agent.chat.transcript(conversation.observations, conversation.outputs).sample()


def difference(agent: Agent, sample: Sample) -> float:
    """The most that vLLM's log-probabilities differ from ours."""
    select = torch.from_numpy(sample.loss_mask)[None]
    with torch.no_grad():
        scores = score(
            agent.model, agent.chat.collate([sample]), temperature=TEMPERATURE, select=select
        )
    ours = scores.trainer_logprobs[0].numpy()[sample.loss_mask]
    return float(np.abs(ours - sample.rollout_logprobs[sample.loss_mask]).max())


def requests_of(agent: Agent, count: int = 4, **settings) -> list[GenerationRequest]:
    """Members of a group: the same prompt, noise of their own."""
    prompt = agent.chat.transcript(OBSERVATIONS[:1], []).prompt()
    common = {
        "prompt_ids": prompt.ids,
        "images": tuple(prompt.images),
        "image_spans": prompt.image_spans,
        "max_new_tokens": 12,
        "stop_ids": agent.chat.stop_ids,
        **settings,
    }
    return [
        GenerationRequest(cache_key=f"member {n}", noise_key=(1, n), **common) for n in range(count)
    ]


def tokens(completions) -> list[list[int]]:
    return [completion.token_ids.tolist() for completion in completions]


def test_an_episode_has_the_log_probabilities_of_our_model_before_and_after_an_update(
    vllm_agent: Agent,
) -> None:
    agent = vllm_agent
    before = play(agent, "before")
    assert len(before.images) == 2
    # 112 x 112 px are 4 x 4 features of 28 px, 112 x 168 are 4 x 6.
    assert [int(end - start) for start, end in before.image_spans] == [16, 24]
    assert (before.input_ids == agent.chat.picture_format.image_token_id).sum() == 40
    assert (before.turn_index >= 0).sum() == before.loss_mask.sum() > 2
    apart = difference(agent, before)
    print(f"before the update: {apart:.1e} over {before.loss_mask.sum()} tokens")
    assert apart < TOLERANCE
    assert np.array_equal(play(agent, "again").input_ids, before.input_ids)

    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in agent.model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    assert difference(agent, before) > 1e-2
    agent.vllm_engine.update_weights(agent.weights_source, 7)
    after = play(agent, "after")
    apart = difference(agent, after)
    print(f"after the update: {apart:.1e} over {after.loss_mask.sum()} tokens")
    assert apart < TOLERANCE
    assert {c.weights_version for c in agent.vllm_engine.generate(requests_of(agent))} == {7}


def test_the_prefix_cache_changes_nothing_but_the_work(vllm_agent: Agent) -> None:
    engine = vllm_agent.make_engine()  # which sends the weights, so that all caches are empty
    requests = requests_of(vllm_agent)
    cold = [engine.generate([request])[0] for request in requests[:1]]
    counted = engine.replica.num_cached_tokens
    warm = engine.generate(requests)
    assert engine.replica.num_cached_tokens - counted >= 32 * len(requests)
    assert tokens(warm[:1]) == tokens(cold)
    np.testing.assert_allclose(
        warm[0].rollout_logprobs, cold[0].rollout_logprobs, rtol=0, atol=TOLERANCE
    )
    engine = vllm_agent.make_engine()
    counted = engine.replica.num_cached_tokens
    anew = [engine.generate([requests[-1]])[0]]
    assert engine.replica.num_cached_tokens == counted
    assert tokens(anew) == tokens(warm[-1:])
    assert len({tuple(reply) for reply in tokens(warm)}) > 1


def test_the_likeliest_tokens_are_those_of_our_own_engine(vllm_agent: Agent) -> None:
    requests = requests_of(vllm_agent, 1, temperature=0.0)
    [ours] = TransformersEngine(vllm_agent.model).generate(requests)
    [theirs] = vllm_agent.make_engine().generate(requests)
    assert theirs.token_ids.tolist() == ours.token_ids.tolist()
    np.testing.assert_allclose(
        theirs.rollout_logprobs, ours.rollout_logprobs, rtol=0, atol=TOLERANCE
    )


def test_a_stop_token_ends_a_reply_and_is_part_of_it(vllm_agent: Agent) -> None:
    engine = vllm_agent.make_engine()
    [whole] = engine.generate(requests_of(vllm_agent, 1))
    stop = int(whole.token_ids[2])
    first = whole.token_ids.tolist().index(stop)
    [cut] = engine.generate(requests_of(vllm_agent, 1, stop_ids=(stop,)))
    assert cut.token_ids.tolist() == whole.token_ids[: first + 1].tolist()
    assert cut.finish_reason == "stop"
    end = vllm_agent.chat.end_id
    [on] = engine.generate(requests_of(vllm_agent, 1, stop_ids=()))
    assert len(on.token_ids) == 12
    assert (on.finish_reason, whole.finish_reason) == (
        "length",
        "stop" if end in whole.token_ids else "length",
    )


def test_a_budget_holds_and_its_log_probabilities_add_up(vllm_agent: Agent) -> None:
    costs = np.zeros(vllm_agent.model.config.text_config.vocab_size, dtype=np.int64)
    costs[[100, 101]] = 1
    [reply] = vllm_agent.make_engine().generate(
        requests_of(vllm_agent, 1, budget=TokenBudget(costs=costs, total=6))
    )
    assert set(reply.token_ids.tolist()) <= {100, 101}
    assert (len(reply.token_ids), reply.finish_reason) == (6, "stop")
    requests = requests_of(vllm_agent, 1, budget=TokenBudget(costs=costs, total=6))
    [ours] = TransformersEngine(vllm_agent.model).generate([replace(requests[0], temperature=0.0)])
    [theirs] = vllm_agent.make_engine().generate([replace(requests[0], temperature=0.0)])
    assert theirs.token_ids.tolist() == ours.token_ids.tolist()
    np.testing.assert_allclose(
        theirs.rollout_logprobs, ours.rollout_logprobs, rtol=0, atol=TOLERANCE
    )


def test_compact_prompts_come_back_expanded_as_they_were(vllm_agent: Agent) -> None:
    llm = vllm_agent.make_engine().replica._llm
    prompt = vllm_agent.chat.transcript(OBSERVATIONS[:1], []).prompt()
    compact = compact_ids(prompt.ids, prompt.image_spans)
    assert len(compact) == len(prompt.ids) - 15
    from PIL import Image
    from vllm import SamplingParams

    pictures = [Image.fromarray(image) for image in prompt.images]
    asked = {"prompt_token_ids": compact.tolist(), "multi_modal_data": {"image": pictures}}
    [output] = llm.generate([asked], SamplingParams(max_tokens=1), use_tqdm=False)
    assert output.prompt_token_ids == prompt.ids.tolist()


def test_what_does_not_fit_together_is_refused_and_the_engine_lives_on(vllm_agent: Agent) -> None:
    engine = vllm_agent.make_engine()
    [request] = requests_of(vllm_agent, 1)
    with pytest.raises(ValueError, match="0 pictures but 1 placeholder spans"):
        engine.generate([replace(request, images=())])
    with pytest.raises(ValueError, match="has 24 features, but its span"):
        engine.generate([replace(request, images=OBSERVATIONS[1].images)])
    held = engine.weights_version
    engine.weights_version = held + 1
    with pytest.raises(RuntimeError, match=f"holds weights of version {held}, the learner's"):
        engine.generate([request])
    engine.weights_version = held
    engine.replica._llm.update_weight_version("other")
    with pytest.raises(RuntimeError, match=f"weights of version other, not {held}"):
        engine.generate([request])
    engine.replica._llm.update_weight_version(str(held))
    with pytest.raises(ValueError, match="no weight's name begins with"):
        engine.update_weights({"tower.weight": torch.ones(1)}, held + 1)
    assert len(engine.generate([request])) == 1


def test_an_update_that_breaks_off_is_made_good_by_the_next(vllm_agent: Agent) -> None:
    engine = vllm_agent.make_engine()
    [request] = requests_of(vllm_agent, 1)
    [before] = engine.generate([request])
    with pytest.raises(Exception, match="."):
        engine.update_weights({"model.no_such_layer.weight": torch.ones(3)}, 8)
    with pytest.raises(RuntimeError, match="half exchanged"):
        engine.generate([request])
    engine.update_weights(vllm_agent.weights_source, 9)
    [after] = engine.generate([request])
    assert after.weights_version == 9
    np.testing.assert_allclose(
        after.rollout_logprobs, before.rollout_logprobs, rtol=0, atol=TOLERANCE
    )
