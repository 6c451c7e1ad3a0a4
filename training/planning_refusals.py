"""Why a planned run could not run: one sentence that names the setting to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from training.cluster_config import ClusterConfig
from training.experiment import ExperimentConfig
from training.learner_config import LearnerConfig
from training.lora_config import LoraSettings
from training.planning import Plan, Workload, make_plan
from training.planning_memory import ENGINE_WORKSPACE, GIB
from training.planning_speed import Utilization
from training.sharding_config import ShardingConfig

LEARNER = "algorithm.learner"


def find_refusal(
    plan: Plan,
    config: ExperimentConfig,
    cluster: ClusterConfig,
    workload: Workload,
    used: Utilization,
) -> str | None:
    """The first reason why the run of a plan could not run; None where it can.

    Args:
        plan: what `make_plan` made of the other arguments.
    """
    return (
        _refused_split(config, cluster)
        or _refused_engine(plan, config, cluster, workload)
        or _refused_learner(plan, config, cluster, workload, used)
    )


def _refused_split(config: ExperimentConfig, cluster: ClusterConfig) -> str | None:
    learner, ranks = config.algorithm.learner, cluster.num_learners
    if learner.sharding is None and ranks > 1:
        return (
            f"{LEARNER}.sharding is null with cluster.num_learners={ranks}; set its fields, such "
            f"as {LEARNER}.sharding.compute_dtype=bfloat16, or cluster.num_learners=1"
        )
    if learner.sharding is not None and ranks % (learner.sharding.shard_size or ranks):
        return (
            f"{LEARNER}.sharding.shard_size is {learner.sharding.shard_size}; it must divide "
            f"cluster.num_learners, {ranks}"
        )
    algorithm = config.algorithm
    trained = algorithm.groups_per_step * (algorithm.train_size or algorithm.group_size)
    if trained < ranks:
        return (
            f"algorithm.groups_per_step is {algorithm.groups_per_step}, which makes {trained} "
            f"samples a step for cluster.num_learners={ranks}; make it larger"
        )
    return None


def _refused_engine(
    plan: Plan, config: ExperimentConfig, cluster: ClusterConfig, workload: Workload
) -> str | None:
    vllm, memory, heads = config.engine.vllm, plan.fleet.memory, plan.shape.text.num_heads
    if config.engine.shares_weights:
        return _refused_sharing(plan, config)
    parallel, needed = vllm.tensor_parallel_size, plan.fleet.num_engines * plan.fleet.gpus_each
    if heads % parallel:
        return (
            f"engine.vllm.tensor_parallel_size is {parallel}; it must divide the {heads} heads of "
            "the model"
        )
    free = cluster.num_gpus if plan.together else cluster.num_gpus - cluster.num_learners
    if needed > free:
        return (
            f"engine.vllm.num_engines is {vllm.num_engines}, which takes {needed} GPUs where "
            f"cluster.num_gpus={cluster.num_gpus} leaves {free}; make it smaller"
        )
    if vllm.max_model_len is not None and vllm.max_model_len < plan.episode.tokens:
        return (
            f"engine.vllm.max_model_len is {vllm.max_model_len}, but an episode may have "
            f"{plan.episode.tokens} tokens; raise it, or plan shorter episodes"
        )
    if vllm.max_images < workload.num_images:
        return (
            f"engine.vllm.max_images is {vllm.max_images}, but an episode may have "
            f"{workload.num_images} pictures; raise it"
        )
    if plan.num_sequences < 1:
        wanted = memory.weights + ENGINE_WORKSPACE + memory.kv_per_token * plan.episode.tokens
        return (
            f"engine.vllm.gpu_memory_utilization is {vllm.gpu_memory_utilization}, "
            f"{memory.budget / GIB:.1f} GiB of each GPU, where weights, workspace and one episode "
            f"need {wanted / GIB:.1f} GiB; raise it, or engine.vllm.tensor_parallel_size"
        )
    return None


def _refused_sharing(plan: Plan, config: ExperimentConfig) -> str | None:
    """What the engine in the learner's own process cannot do."""
    if plan.shape.model_type != "qwen2_5_vl":
        return (
            f"engine.backend is {config.engine.backend}, which generates for qwen2_5_vl alone; a "
            f"{plan.shape.model_type} needs engine.backend=vllm"
        )
    if plan.num_sequences < 1 and plan.free_bytes >= 0:
        return (
            f"engine.backend is {config.engine.backend}, and beside the learner no episode of "
            f"{plan.episode.tokens} tokens fits into its cache; plan shorter episodes, or raise "
            "cluster.num_learners"
        )
    return None


def _refused_learner(
    plan: Plan,
    config: ExperimentConfig,
    cluster: ClusterConfig,
    workload: Workload,
    used: Utilization,
) -> str | None:
    if plan.free_bytes >= 0:
        return None
    generating = plan.fleet.memory.budget if plan.together else 0.0
    problem = (
        f"the learner needs {plan.learner.total / GIB:.1f} GiB of a GPU that has "
        f"{(plan.gpu_bytes - generating) / GIB:.1f} for it"
    )
    for setting, learner in _remedies(config.algorithm.learner, plan.episode.tokens):
        changed = replace(config, algorithm=replace(config.algorithm, learner=learner))
        if make_plan(changed, cluster, workload, used).free_bytes >= 0:
            return f"{problem}; set {setting}, with which it fits"
    return (
        f"{problem}; no single setting of {LEARNER} makes it fit: raise cluster.num_learners, or "
        "choose a smaller model"
    )


def _remedies(learner: LearnerConfig, longest: int) -> Iterator[tuple[str, LearnerConfig]]:
    """Settings that save memory, those that cost least first."""
    sharding = learner.sharding or ShardingConfig()
    yield (
        f"{LEARNER}.sharding.activation_checkpointing=true",
        replace(learner, sharding=replace(sharding, activation_checkpointing=True)),
    )
    yield (
        f"{LEARNER}.micro_batch_tokens={longest}",
        replace(learner, micro_batch_tokens=longest),
    )
    yield (
        f"{LEARNER}.freeze=[vision_tower]",
        replace(learner, freeze=[*learner.freeze, "vision_tower"]),
    )
    yield (
        f"{LEARNER}.sharding.cpu_offload=true",
        replace(learner, sharding=replace(sharding, cpu_offload=True)),
    )
    yield f"{LEARNER}.lora.rank=32", replace(learner, lora=LoraSettings(rank=32))
