"""Plans, against real models: parameters on the meta device, bytes and operations on tiny ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from policies.chat import ChatFormat
from policies.families import SIZES, ModelShape, TextShape, VisionShape, shape_from_config
from policies.interface import Observation, PolicyOutput
from policies.tiny import make_tiny_model
from policies.tiny_tokenizer import make_tokenizer
from tests.policies.small_checkpoints import CORPUS, make_tiny_qwen3
from tests.training.meta_models import make_meta_model, make_model
from tests.training.small_agent import SIZE, make_agent
from training.cluster_config import GPUS, ClusterConfig
from training.learner_config import LearnerConfig
from training.lora_config import LoraSettings
from training.planning import Workload, episode_size
from training.planning_memory import (
    GIB,
    MicroBatch,
    count_parameters,
    kv_bytes_per_token,
    layer_input,
    learner_memory,
    text_layer_activations,
    vision_layer_activations,
    vllm_memory,
)
from training.planning_speed import (
    EpisodeSize,
    Fleet,
    Utilization,
    step_times,
    text_forward_flops,
    training_flops,
    vision_forward_flops,
)
from training.sharding_config import ShardingConfig

PUBLISHED = {
    "qwen2.5-vl-3b": 3_754_622_976,
    "qwen2.5-vl-7b": 8_292_166_656,
    "qwen3-vl-2b": 2_127_532_032,
    "qwen3-vl-4b": 4_437_815_808,
    "qwen3-vl-8b": 8_767_123_696,
}
ONE = MicroBatch(tokens=1, scored=1, patches=0)


@pytest.mark.parametrize("name", SIZES)
def test_parameters_of_every_size_are_those_of_the_real_model(name):
    model, shape = make_meta_model(name), SIZES[name]
    counts = {n: p.numel() for n, p in model.named_parameters()}
    vision = sum(count for n, count in counts.items() if ".visual." in n)
    layer = sum(count for n, count in counts.items() if "language_model.layers.0." in n)
    assert sum(counts.values()) == shape.num_parameters == PUBLISHED[name]
    assert vision == shape.vision_parameters
    assert layer == shape.text.layer_parameters
    connector = sum(
        count for n, count in counts.items() if ".merger." in n or "deepstack_merger" in n
    )
    frozen = count_parameters(shape, LearnerConfig(freeze=["vision_tower"]))
    assert frozen.trained == PUBLISHED[name] - vision + connector
    assert not frozen.vision_learns


def tiny_models() -> dict[str, torch.nn.Module]:
    tokenizer = make_tokenizer(CORPUS)
    return {
        "qwen2_5_vl": make_tiny_model(SIZE, tokenizer),
        "qwen3_vl": make_tiny_qwen3(tokenizer),
    }


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def tiny(request) -> torch.nn.Module:
    return tiny_models()[request.param]


def shape_of(model: torch.nn.Module) -> ModelShape:
    return shape_from_config(model.config.to_dict(), min_pixels=1, max_pixels=10**6)


def test_a_shape_is_read_from_a_real_configuration(tiny):
    assert shape_of(tiny).num_parameters == sum(p.numel() for p in tiny.parameters())


@pytest.mark.parametrize("freeze", [[], ["vision_tower"], ["language_model", "connector"]])
def test_bytes_of_weights_gradients_and_moments_are_those_of_a_real_learner(freeze):
    agent = make_agent()
    config = LearnerConfig(freeze=freeze)
    learner = agent.learner(config)
    image = torch.zeros(56, 56, 3, dtype=torch.uint8).numpy()
    chat = agent.chat
    talk = chat.transcript([Observation(text="Look", images=(image,))], [PolicyOutput(text="A")])
    score = agent.score(agent.model, chat.collate([talk.sample()]))
    score.trainer_logprobs.sum().backward()
    gradients = sum(p.grad.nbytes for p in agent.model.parameters() if p.grad is not None)
    (optimizer,) = learner.optimizers
    optimizer.step()
    states = optimizer.state.values()
    moments = sum(state[name].nbytes for state in states for name in ("exp_avg", "exp_avg_sq"))

    shape = shape_of(agent.model)
    memory = learner_memory(shape, config, ONE, num_ranks=1)
    assert memory.weights == sum(p.nbytes for p in agent.model.parameters())
    assert memory.gradients == gradients
    assert memory.moments == moments


def test_cache_bytes_are_those_of_a_real_cache():
    agent = make_agent()
    pool = agent.make_engine()._make_table().pool
    pool.reserve(num_rows=1, num_slots=64)
    held = sum(tensor.nbytes for tensor in (*pool.keys, *pool.values))
    assert held == 64 * kv_bytes_per_token(shape_of(agent.model).text, 4)


@pytest.mark.parametrize(
    ("name", "kv", "activations"),
    [
        # 2 x layers x key-value heads x 128 x 2 bytes; per layer 16 hidden, 2 (2 query + 2 key),
        # 4 heads, 8 intermediate, and for Qwen3 6 (query + key) of the norms of heads.
        ("qwen2.5-vl-3b", 36_864, 16 * 2048 + 2 * (4096 + 512) + 4 * 16 + 8 * 11008),
        ("qwen2.5-vl-7b", 57_344, 16 * 3584 + 2 * (7168 + 1024) + 4 * 28 + 8 * 18944),
        ("qwen3-vl-4b", 147_456, 16 * 2560 + 2 * (8192 + 2048) + 128 + 6 * 5120 + 8 * 9728),
    ],
)
def test_bytes_per_token_by_hand(name, kv, activations):
    text = SIZES[name].text
    assert kv_bytes_per_token(text) == kv
    assert text_layer_activations(text) == activations
    assert layer_input(text.hidden_size) == 2 * text.hidden_size


def saved_bytes(model: torch.nn.Module, forward: Callable[[], Any]) -> int:
    """What a forward pass keeps for the backward pass, the model's own weights left out."""
    known = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    return sum(size for place, size in storages.items() if place not in known)


def layered(model_type: str, num_layers: int) -> ModelShape:
    """A small shape of so many layers, wide enough that what is kept once hardly counts."""
    first = model_type == "qwen2_5_vl"
    text = TextShape(
        hidden_size=256,
        intermediate_size=704,
        num_layers=num_layers,
        num_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        vocab_size=64,
        qkv_bias=first,
        qk_norm=not first,
    )
    vision = VisionShape(
        hidden_size=128,
        intermediate_size=344,
        depth=num_layers,
        num_heads=4,
        gated=first,
        num_positions=0 if first else 64,
    )
    return ModelShape(
        model_type=model_type, text=text, vision=vision, min_pixels=1, max_pixels=10**6
    )


@pytest.mark.parametrize("model_type", ["qwen2_5_vl", "qwen3_vl"])
def test_activations_are_what_a_real_layer_keeps(model_type):
    kept: dict[str, list[int]] = {"text": [], "vision": []}
    num_tokens, side = 64, 8  # patches fill one window
    for num_layers in (1, 3):
        model = make_model(layered(model_type, num_layers)).to(torch.bfloat16)
        hidden = torch.randn(1, num_tokens, 256, dtype=torch.bfloat16, requires_grad=True)
        language = partial(
            model.model.language_model,
            inputs_embeds=hidden,
            position_ids=torch.arange(num_tokens).expand(3, 1, num_tokens),
            attention_mask={"full_attention": None} if model_type == "qwen2_5_vl" else None,
            use_cache=False,
        )
        pixels = torch.randn(side**2, 6 * 14**2, dtype=torch.bfloat16)
        visual = partial(model.model.visual, pixels, grid_thw=torch.tensor([[1, side, side]]))
        kept["text"].append(saved_bytes(model, language))
        kept["vision"].append(saved_bytes(model, visual))
    shape = layered(model_type, 1)
    per_token = (kept["text"][1] - kept["text"][0]) / 2 / num_tokens
    per_patch = (kept["vision"][1] - kept["vision"][0]) / 2 / side**2
    assert per_token == pytest.approx(text_layer_activations(shape.text), rel=0.01)
    assert per_patch == pytest.approx(vision_layer_activations(shape.vision), rel=0.01)


def test_operations_are_those_that_a_real_model_counts(tiny):
    tokenizer = make_tokenizer(CORPUS)
    chat = ChatFormat(
        tokenizer,
        system_prompt=None,
        patch_size=tiny.config.vision_config.patch_size,
    )
    side = 4 * chat.picture_format.factor
    image = torch.zeros(side, side, 3, dtype=torch.uint8).numpy()
    talk = chat.transcript(
        [Observation(text="one two", images=(image,))], [PolicyOutput(text="red")]
    )
    inputs = chat.collate([talk.sample()])
    agent = make_agent()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        agent.score(tiny, inputs, select=inputs.attention_mask)
    counted = {str(kind): flops for kind, flops in counter.get_flop_counts()["Global"].items()}
    matrices = sum(f for kind, f in counted.items() if "mm" in kind or "convolution" in kind)
    shape, tokens = shape_of(tiny), inputs.input_ids.shape[1]
    size = EpisodeSize(tokens=tokens, replies=tokens - 1, turns=1, patches=64, picture_patches=64)
    text, vision = shape.text, shape.vision
    attention = 4 * text.num_layers * text.query_size * tokens * (tokens + 1) / 2
    seen = vision.depth * 64
    attention += 4 * vision.hidden_size * seen * 64
    ours = text_forward_flops(shape, size) + vision_forward_flops(shape, size) - attention
    assert ours == pytest.approx(matrices, rel=0.01)


def test_an_episode_in_tokens_by_hand():
    # 640 x 360 becomes 364 x 644: 13 x 23 features of 28 px. Two markers per picture, 8 tokens of
    # framing per turn.
    workload = Workload(
        image_height=360,
        image_width=640,
        num_images=3,
        num_turns=2,
        prompt_tokens=100,
        turn_tokens=10,
        reply_tokens=50,
    )
    size, per_picture = episode_size(SIZES["qwen2.5-vl-3b"], workload)
    assert per_picture == 299
    assert size.tokens == 100 + 10 + 2 * 50 + 3 * (299 + 2) + 2 * 8
    assert (size.replies, size.patches, size.picture_patches) == (100, 3 * 1196, 1196)
    assert episode_size(SIZES["qwen3-vl-4b"], workload)[1] == 11 * 20


def test_sharding_checkpointing_and_offloading_by_hand():
    shape, batch = SIZES["qwen2.5-vl-7b"], MicroBatch(tokens=8192, scored=0, patches=0)
    plain = LearnerConfig(sharding=ShardingConfig())
    eight = learner_memory(shape, plain, batch, num_ranks=8, serve=False)
    assert eight.weights == 4 * PUBLISHED["qwen2.5-vl-7b"] / 8
    assert eight.moments == 2 * eight.gradients == 2 * eight.weights
    assert eight.activations == 8192 * 28 * text_layer_activations(shape.text)
    assert eight.served == 0
    halves = replace(plain, sharding=ShardingConfig(shard_size=4))
    assert learner_memory(shape, halves, batch, num_ranks=8).weights == 2 * eight.weights

    saving = ShardingConfig(activation_checkpointing=True, cpu_offload=True)
    less = learner_memory(shape, replace(plain, sharding=saving), batch, num_ranks=8)
    layers = 28 * 2 * 3584 + text_layer_activations(shape.text)
    assert less.activations == 8192 * layers
    assert (less.weights, less.gradients, less.moments) == (0, 0, 0)
    assert less.host == 4 * eight.weights
    assert less.served == 4 * PUBLISHED["qwen2.5-vl-7b"]


def test_adapters_by_hand():
    shape = SIZES["qwen2.5-vl-3b"]
    config = LearnerConfig(lora=LoraSettings(rank=8, targets=["q_proj", "down_proj"]))
    counts = count_parameters(shape, config)
    assert counts.trained == 36 * 8 * (2048 + 2048 + 11008 + 2048)
    assert counts.frozen == PUBLISHED["qwen2.5-vl-3b"]
    memory = learner_memory(shape, config, ONE, num_ranks=1)
    assert memory.moments == 8 * counts.trained


def test_vllm_memory_by_hand():
    memory = vllm_memory(
        SIZES["qwen2.5-vl-3b"], gpu_bytes=80 * GIB, utilization=0.5, tensor_parallel=2
    )
    assert memory.weights == PUBLISHED["qwen2.5-vl-3b"]
    assert memory.cache == 40 * GIB - memory.weights - 3 * GIB
    assert memory.kv_per_token == 18_432
    assert memory.num_sequences(1000) == int(memory.cache // 18_432_000)


def test_times_by_hand():
    shape = SIZES["qwen2.5-vl-3b"]
    size = EpisodeSize(tokens=1000, replies=100, turns=2, patches=0, picture_patches=0)
    memory = vllm_memory(shape, gpu_bytes=80 * GIB, utilization=0.9, tensor_parallel=1)
    fleet = Fleet(
        num_engines=2,
        gpus_each=1,
        memory=memory,
        prefix_caching=True,
        max_batch_size=4,
        sends_weights=True,
    )
    learner = LearnerConfig()
    counts = count_parameters(shape, learner)
    times = step_times(
        shape,
        size,
        learner,
        counts,
        fleet,
        ClusterConfig(num_gpus=3, num_learners=1),
        Utilization(training=0.5, prefill=0.5, decoding=0.5, link=0.5),
        num_collected=16,
        num_trained=8,
        overlapped=False,
    )
    gpu = GPUS["h100-80gb"]
    flops = 8 * training_flops(shape, size, counts)
    assert times.update == pytest.approx(flops / (gpu.tflops * 5e11))
    # 8 episodes each, 4 at a time: two rounds of 100 tokens, which read weights and half the cache.
    read = memory.weights + 4 * 36_864 * 500
    assert times.decoding == pytest.approx(2 * 100 * read / (gpu.bandwidth * 5e8))
    assert times.sync == pytest.approx(2 * PUBLISHED["qwen2.5-vl-3b"] / (gpu.link * 5e8))
    assert times.step == times.decoding + times.prefill + times.update + times.sync
    assert training_flops(shape, size, counts, adapters=True) == pytest.approx(
        2 / 3 * training_flops(shape, size, counts)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gpu": "abacus"}, "cluster.gpu is 'abacus'; legal: a100-80gb, "),
        ({"num_gpus": 2, "num_learners": 3}, "num_learners is 3; it must be at most cluster.num"),
        ({"num_gpus": 0}, "cluster.num_gpus is 0; it must be at least 1"),
    ],
)
def test_clusters_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        ClusterConfig(**settings).check()


def test_the_world_must_be_the_one_that_was_planned(monkeypatch):
    config = ClusterConfig(num_gpus=8, num_learners=4)
    monkeypatch.setenv("WORLD_SIZE", "4")
    config.check_world()
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="num_learners is 4, but 3 processes were started"):
        config.check_world()
