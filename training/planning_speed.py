"""How long a training step should take, by a floating-point model and stated utilisation.

A matrix product of a token with P entries costs 2 P operations forward and 4 P backward; attention
costs 4 d per pair of positions forward. What hardware reaches of its data sheet is a setting.
Simulation is left out: it overlaps where environments are many enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.families import ModelShape
from training.cluster_config import HOST_LINK, ClusterConfig
from training.learner_config import LearnerConfig
from training.planning_memory import BFLOAT16, EngineMemory, ParameterCounts

WINDOW_PATCHES = 64
"""Patches in an attention window of Qwen2.5-VL's vision tower: 112 px of 14 px."""
WHOLE_LAYERS = 4
"""Its layers that attend to whole pictures."""


@dataclass(kw_only=True)
class Utilization:
    """What is reached of a data sheet's figures, each above 0 and at most 1.

    Attributes:
        training: of matrix throughput in the update (model FLOP utilisation, recomputation not
            counted as work).
        prefill: of matrix throughput while prompts are read.
        decoding: of memory bandwidth while tokens are generated one by one.
        link: of the links' bandwidth while weights are sent.
    """

    training: float = 0.35
    prefill: float = 0.4
    decoding: float = 0.6
    link: float = 0.6

    def check(self, prefix: str) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        for name, value in vars(self).items():
            if not 0 < value <= 1:
                raise ValueError(f"{prefix}{name} is {value}; it must be above 0 and at most 1")


@dataclass(frozen=True, kw_only=True)
class EpisodeSize:
    """An episode in tokens.

    Attributes:
        tokens: all of it.
        replies: those that the policy writes.
        turns: replies.
        patches: of all its pictures.
        picture_patches: of one picture.
    """

    tokens: int
    replies: int
    turns: int
    patches: int
    picture_patches: int


def text_forward_flops(shape: ModelShape, episode: EpisodeSize) -> float:
    """Of the language model over one episode, the output layer over its replies only."""
    text = shape.text
    matrices = 2.0 * text.num_layers * text.layer_matrices * episode.tokens
    # Each position attends to itself and those before it: T (T + 1) / 2 pairs.
    pairs = episode.tokens * (episode.tokens + 1) / 2
    attention = 4.0 * text.num_layers * text.query_size * pairs
    return matrices + attention + 2.0 * text.embedding_parameters * episode.replies


def vision_forward_flops(shape: ModelShape, episode: EpisodeSize) -> float:
    """Of the vision tower over the pictures of one episode."""
    vision, width = shape.vision, shape.vision.hidden_size
    per_patch = 2.0 * (vision.depth * vision.layer_matrices + vision.patch_inputs * width)
    whole = min(WHOLE_LAYERS, vision.depth) if vision.gated else vision.depth
    seen = whole * episode.picture_patches
    seen += (vision.depth - whole) * min(WINDOW_PATCHES, episode.picture_patches)
    per_patch += 4.0 * width * seen
    mergers = 1 + vision.num_deepstack
    per_patch += (
        2.0 * mergers * vision.merger_matrices(shape.text.hidden_size) / (vision.merge_size**2)
    )
    return per_patch * episode.patches


def training_flops(
    shape: ModelShape, episode: EpisodeSize, counts: ParameterCounts, *, adapters: bool = False
) -> float:
    """Forward and backward over one episode. With adapters alone the gradients of the weights are
    not computed, and a vision tower that does not learn runs forward only.
    """
    text = text_forward_flops(shape, episode) * (2 if adapters else 3)
    return text + vision_forward_flops(shape, episode) * (3 if counts.vision_learns else 1)


@dataclass(frozen=True, kw_only=True)
class StepTimes:
    """Seconds of one optimizer step's parts, and how long the whole takes.

    Attributes:
        decoding: tokens one by one.
        prefill: prompts and pictures.
        update: forward and backward passes of the learner.
        sync: sending weights.
        step: all, overlapped as far as `rollout.asynchrony` says.
        sync_bytes: that are sent to one engine.
    """

    decoding: float
    prefill: float
    update: float
    sync: float
    step: float
    sync_bytes: float


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Who generates.

    Attributes:
        num_engines: engines.
        gpus_each: GPUs that share one engine's weights.
        memory: of one of its GPUs.
        prefix_caching: whether a conversation's beginning is computed once.
        max_batch_size: most conversations that one engine decodes side by side.
        sends_weights: whether weights travel to GPUs that do not learn.
    """

    num_engines: int
    gpus_each: int
    memory: EngineMemory
    prefix_caching: bool
    max_batch_size: int
    sends_weights: bool


def step_times(
    shape: ModelShape,
    episode: EpisodeSize,
    learner: LearnerConfig,
    counts: ParameterCounts,
    fleet: Fleet,
    cluster: ClusterConfig,
    used: Utilization,
    *,
    num_collected: int,
    num_trained: int,
    overlapped: bool,
) -> StepTimes:
    """How long one step takes.

    Args:
        shape: of the model.
        episode: the longest one; shorter ones take less.
        learner, counts: what is trained, and how.
        fleet: who generates.
        cluster: GPUs.
        used: utilisation.
        num_collected, num_trained: episodes of a step.
        overlapped: whether the next episodes are collected meanwhile.
    """
    kind = cluster.kind
    flops = training_flops(shape, episode, counts, adapters=learner.lora is not None)
    update = num_trained * learner.num_epochs * flops
    recomputed = learner.sharding is not None and learner.sharding.activation_checkpointing
    # A pass that is computed again costs time but is no work of the model's.
    update_seconds = (
        update
        * (4 / 3 if recomputed else 1)
        / (cluster.num_learners * kind.tflops * 1e12 * used.training)
    )
    share = -(-num_collected // fleet.num_engines)
    fitting = fleet.memory.num_sequences(episode.tokens)
    together = max(1, min(share, fitting, fleet.max_batch_size))
    rounds = -(-share // together)
    read = fleet.memory.weights + together * fleet.memory.kv_per_token * episode.tokens / 2
    per_token = read / (kind.bandwidth * 1e9 * used.decoding)
    decoding = rounds * episode.replies * per_token
    repeats = 1.0 if fleet.prefix_caching else (episode.turns + 1) / 2
    prompts = text_forward_flops(shape, episode) + vision_forward_flops(shape, episode)
    prefill = share * repeats * prompts / (fleet.gpus_each * kind.tflops * 1e12 * used.prefill)
    sync_bytes = float(BFLOAT16 * shape.num_parameters)
    link = kind.link if cluster.num_hosts == 1 else HOST_LINK
    sync = sync_bytes / (link * 1e9 * used.link) if fleet.sends_weights else 0.0
    collecting = decoding + prefill
    step = max(collecting, update_seconds) if overlapped else collecting + update_seconds
    return StepTimes(
        decoding=decoding,
        prefill=prefill,
        update=update_seconds,
        sync=sync,
        step=step + sync,
        sync_bytes=sync_bytes,
    )
