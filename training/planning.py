"""What a training run needs and takes: memory per GPU, tokens per episode, seconds per step.

Everything follows from the configuration alone; no weights and no GPU are needed. Whether it can
run is for `training.planning_refusals` to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from policies.checkpoints import read_shape
from policies.families import ModelShape, find_size
from policies.picture_size import fitted_size
from training.checks import check_at_least
from training.cluster_config import ClusterConfig
from training.experiment import ExperimentConfig
from training.planning_memory import (
    BFLOAT16,
    FLOAT32,
    GIB,
    EngineMemory,
    LearnerMemory,
    MicroBatch,
    ParameterCounts,
    count_parameters,
    kv_bytes_per_token,
    layer_input,
    learner_memory,
    text_layer_activations,
    vllm_memory,
)
from training.planning_speed import EpisodeSize, Fleet, StepTimes, Utilization, step_times

WEIGHT_BYTES = {"float32": FLOAT32, "bfloat16": BFLOAT16}


@dataclass(kw_only=True)
class Workload:
    """The longest episode that a run is planned for.

    Attributes:
        image_height, image_width: of a picture as the environment gives it [px], at least 1.
        num_images: pictures of an episode, at least 0.
        num_turns: replies of an episode, at least 1.
        prompt_tokens: text of the first observation, at least 1.
        turn_tokens: text of each later one, at least 0.
        reply_tokens: of each reply, at least 1.
    """

    image_height: int
    image_width: int
    num_images: int
    num_turns: int
    prompt_tokens: int
    turn_tokens: int
    reply_tokens: int

    def check(self, prefix: str) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, prefix, image_height=1, image_width=1, num_images=0, num_turns=1)
        check_at_least(self, prefix, prompt_tokens=1, turn_tokens=0, reply_tokens=1)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run needs and takes.

    Attributes:
        shape: of the model.
        counts: parameters that learn and that do not.
        image_tokens: of one picture.
        episode: in tokens.
        batch: the largest micro-batch.
        learner: memory of each GPU that learns.
        fleet: the engines, and the memory of each GPU that generates.
        together: whether engine and learner share GPUs.
        gpu_bytes: memory of a GPU.
        times: of a step.
        num_collected: episodes of a step.
    """

    shape: ModelShape
    counts: ParameterCounts
    image_tokens: int
    episode: EpisodeSize
    batch: MicroBatch
    learner: LearnerMemory
    fleet: Fleet
    together: bool
    gpu_bytes: float
    times: StepTimes
    num_collected: int

    @property
    def num_sequences(self) -> int:
        """Longest episodes that fit into one engine's cache at once."""
        return self.fleet.memory.num_sequences(self.episode.tokens)

    @property
    def free_bytes(self) -> float:
        """What is left of a GPU that learns; below 0 where it does not fit."""
        generating = self.fleet.memory.budget if self.together else 0.0
        return self.gpu_bytes - self.learner.total - generating

    def figures(self) -> dict[str, float]:
        """The plan as numbers, each named with its unit."""
        learner, engine, times, text = self.learner, self.fleet.memory, self.times, self.shape.text
        layer = text_layer_activations(text) * self.batch.tokens
        kept = layer_input(text.hidden_size) * self.batch.tokens
        tokens = self.num_collected * self.episode.tokens
        return {
            "model.parameters": self.shape.num_parameters,
            "model.trained_parameters": self.counts.trained,
            "model.vision_parameters": self.shape.vision_parameters,
            "episode.image_tokens_per_picture": self.image_tokens,
            "episode.image_tokens": self.episode.patches / self.shape.vision.merge_size**2,
            "episode.tokens": self.episode.tokens,
            "episode.reply_tokens": self.episode.replies,
            "gpu.memory_gib": self.gpu_bytes / GIB,
            "learner.micro_batch_tokens": self.batch.tokens,
            "learner.weights_gib": learner.weights / GIB,
            "learner.gradients_gib": learner.gradients / GIB,
            "learner.moments_gib": learner.moments / GIB,
            "learner.reference_gib": learner.reference / GIB,
            "learner.served_gib": learner.served / GIB,
            "learner.gathered_gib": learner.gathered / GIB,
            "learner.activations_gib": learner.activations / GIB,
            "learner.activations_per_layer_gib": layer / GIB,
            "learner.checkpoint_per_layer_gib": kept / GIB,
            "learner.logits_gib": learner.logits / GIB,
            "learner.total_gib": learner.total / GIB,
            "learner.host_gib": learner.host / GIB,
            "learner.free_gib": self.free_bytes / GIB,
            "engine.budget_gib": engine.budget / GIB,
            "engine.weights_gib": engine.weights / GIB,
            "engine.cache_gib": engine.cache / GIB,
            "engine.kv_kib_per_token": engine.kv_per_token / 1024,
            "engine.sequences": self.num_sequences,
            "sync.gib": times.sync_bytes / GIB,
            "step.episodes": self.num_collected,
            "step.decoding_seconds": times.decoding,
            "step.prefill_seconds": times.prefill,
            "step.update_seconds": times.update,
            "step.sync_seconds": times.sync,
            "step.seconds": times.step,
            "step.tokens_per_second": tokens / times.step,
            "step.reply_tokens_per_second": self.num_collected * self.episode.replies / times.step,
        }


def planned_shape(config: ExperimentConfig) -> ModelShape:
    """The shape of the model that a run trains: of `model.size`, else of `model.path`.

    Raises:
        ValueError: where neither is set.
    """
    if config.model.size is not None:
        shape = find_size(config.model.size)
        least = config.model.min_pixels or shape.min_pixels
        most = config.model.max_pixels or shape.max_pixels
        return replace(shape, min_pixels=least, max_pixels=most)
    if config.model.path is not None:
        return read_shape(config.model)
    raise ValueError(
        "model.size is not set; a plan is for a published size, such as model=qwen2_5_vl_3b, or "
        "for the checkpoint in model.path"
    )


def episode_size(shape: ModelShape, workload: Workload) -> tuple[EpisodeSize, int]:
    """The longest episode in tokens, and the tokens of one picture."""
    height, width = fitted_size(
        workload.image_height,
        workload.image_width,
        factor=shape.factor,
        min_pixels=shape.min_pixels,
        max_pixels=shape.max_pixels,
    )
    per_picture = height * width // shape.factor**2
    framing = 2 * workload.num_images + 8 * workload.num_turns  # markers around pictures and lines
    replies = workload.num_turns * workload.reply_tokens
    text = workload.prompt_tokens + (workload.num_turns - 1) * workload.turn_tokens
    merged = shape.vision.merge_size**2
    size = EpisodeSize(
        tokens=text + framing + replies + workload.num_images * per_picture,
        replies=replies,
        turns=workload.num_turns,
        patches=workload.num_images * per_picture * merged,
        picture_patches=per_picture * merged,
    )
    return size, per_picture


def make_plan(
    config: ExperimentConfig, cluster: ClusterConfig, workload: Workload, used: Utilization
) -> Plan:
    """Plan reinforcement as `config.algorithm` says.

    Args:
        config: of the run, checked.
        cluster: its GPUs.
        workload: its longest episode.
        used: what is reached of the hardware's figures.
    """
    shape = planned_shape(config)
    learner = config.algorithm.learner
    counts = count_parameters(shape, learner)
    episode, per_picture = episode_size(shape, workload)
    batch = _largest_batch(config, episode)
    memory = learner_memory(
        shape,
        learner,
        batch,
        num_ranks=cluster.num_learners,
        weight_bytes=WEIGHT_BYTES[config.model.dtype],
        reference=config.algorithm.loss.kl_weight > 0,
    )
    gpu_bytes = cluster.kind.memory_gib * GIB
    fleet, together = _fleet(config, shape, cluster, free=gpu_bytes - memory.total)
    algorithm = config.algorithm
    collected = algorithm.groups_per_step * algorithm.group_size
    times = step_times(
        shape,
        episode,
        learner,
        counts,
        fleet,
        cluster,
        used,
        num_collected=collected,
        num_trained=algorithm.groups_per_step * (algorithm.train_size or algorithm.group_size),
        overlapped=config.rollout.steps_ahead > 0,
    )
    return Plan(
        shape=shape,
        counts=counts,
        image_tokens=per_picture,
        episode=episode,
        batch=batch,
        learner=memory,
        fleet=fleet,
        together=together,
        gpu_bytes=gpu_bytes,
        times=times,
        num_collected=collected,
    )


def _largest_batch(config: ExperimentConfig, episode: EpisodeSize) -> MicroBatch:
    """As many of the longest episodes as a micro-batch may hold, one at least."""
    learner, algorithm = config.algorithm.learner, config.algorithm
    num_samples = algorithm.groups_per_step * (algorithm.train_size or algorithm.group_size)
    if learner.micro_batch_size is not None:
        num_samples = min(num_samples, learner.micro_batch_size)
    if learner.micro_batch_tokens is not None:
        num_samples = min(num_samples, learner.micro_batch_tokens // episode.tokens)
    num_samples = max(1, num_samples)
    return MicroBatch(
        tokens=num_samples * episode.tokens,
        scored=num_samples * episode.replies,
        patches=num_samples * episode.patches,
    )


def _fleet(
    config: ExperimentConfig, shape: ModelShape, cluster: ClusterConfig, *, free: float
) -> tuple[Fleet, bool]:
    """The engines, and whether they share the learners' GPUs, of which `free` bytes are left."""
    vllm = config.engine.vllm
    if config.engine.shares_weights:
        width = WEIGHT_BYTES[config.model.dtype]
        memory = EngineMemory(
            budget=0.0,
            weights=width * shape.num_parameters,
            cache=free,
            kv_per_token=kv_bytes_per_token(shape.text, width),
        )
        shared = Fleet(
            num_engines=1,
            gpus_each=1,
            memory=memory,
            prefix_caching=True,
            max_batch_size=config.engine.max_batch_size,
            sends_weights=False,
        )
        return shared, True
    together = vllm.transfer == "ipc" or cluster.num_learners == cluster.num_gpus
    memory = vllm_memory(
        shape,
        gpu_bytes=cluster.kind.memory_gib * GIB,
        utilization=vllm.gpu_memory_utilization,
        tensor_parallel=vllm.tensor_parallel_size,
    )
    fleet = Fleet(
        num_engines=vllm.num_engines,
        gpus_each=vllm.tensor_parallel_size,
        memory=memory,
        prefix_caching=vllm.prefix_caching,
        max_batch_size=config.engine.max_batch_size,
        sends_weights=not together,
    )
    return fleet, together
