"""How much memory a learner and an engine need, in bytes, from a model's shape alone.

What a layer keeps for its backward pass is counted from the operations of the transformers library
(bfloat16, attention without a mask by a kernel that stores no scores; RMSNorm computes in float32
and keeps its input so), as in Korthikanti et al. (arXiv 2205.05198, section 4). Adam keeps two
float32 moments beside the float32 weight and its gradient (ZeRO, arXiv 1910.02054, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.families import ModelShape, TextShape, VisionShape
from training.learner_config import LearnerConfig

GIB = 2**30
FLOAT32, BFLOAT16 = 4, 2
LOGIT_TABLES = 5
"""Float32 numbers per entry of the vocabulary that scoring a token holds at once: logits, their
log-softmax, its exponential, the entropy's product and a gradient."""
CUDA_CONTEXT = 1.0 * GIB
"""What a process holds on a GPU before it does anything."""
FRAGMENTATION = 0.05
"""Share of a learner's memory that is lost between its tensors."""
ENGINE_WORKSPACE = 3.0 * GIB
"""What vLLM's profiling run sets aside for activations, the vision tower and CUDA graphs."""


def text_layer_activations(text: TextShape) -> float:
    """Bytes per token that a decoder layer keeps for its backward pass."""
    norms = 2 * (FLOAT32 + BFLOAT16 + BFLOAT16) * text.hidden_size  # input, normed, scaled
    heads = BFLOAT16 * (2 * text.query_size + 2 * text.key_size)  # q, k, v, output
    heads += FLOAT32 * text.num_heads  # log-sum-exp of the scores
    if text.qk_norm:
        heads += (FLOAT32 + BFLOAT16) * (text.query_size + text.key_size)
    feed_forward = 4 * BFLOAT16 * text.intermediate_size  # gate, its SiLU, up, their product
    return norms + heads + feed_forward


def vision_layer_activations(vision: VisionShape) -> float:
    """Bytes per patch that a layer of the vision tower keeps for its backward pass."""
    width, inner = vision.hidden_size, vision.intermediate_size
    norm = FLOAT32 + BFLOAT16 if vision.gated else BFLOAT16
    norms = 2 * (norm + BFLOAT16) * width
    heads = BFLOAT16 * (5 + 2) * width  # rotated q and k, the whole of qkv for v, the output twice
    heads += FLOAT32 * vision.num_heads
    return norms + heads + (4 if vision.gated else 2) * BFLOAT16 * inner


def layer_input(width: int) -> float:
    """Bytes per token that are left of a layer with activation checkpointing: its input."""
    return float(BFLOAT16 * width)


def kv_bytes_per_token(text: TextShape, bytes_per_number: int = BFLOAT16) -> int:
    """Bytes of keys and values that one token takes in an engine's cache."""
    return 2 * text.num_layers * text.key_size * bytes_per_number


@dataclass(frozen=True, kw_only=True)
class ParameterCounts:
    """Parameters by what becomes of them.

    Attributes:
        trained: that learn; adapters alone with LoRA.
        frozen: the others.
        vision_learns: whether gradients reach the vision tower's layers.
    """

    trained: int
    frozen: int
    vision_learns: bool


def count_parameters(shape: ModelShape, learner: LearnerConfig) -> ParameterCounts:
    """What learns and what does not. Patterns of names in `learner.freeze` count as learning."""
    text = shape.text
    if learner.lora is not None:
        wide = {
            "q_proj": text.hidden_size + text.query_size,
            "k_proj": text.hidden_size + text.key_size,
            "v_proj": text.hidden_size + text.key_size,
            "o_proj": text.query_size + text.hidden_size,
            "gate_proj": text.hidden_size + text.intermediate_size,
            "up_proj": text.hidden_size + text.intermediate_size,
            "down_proj": text.intermediate_size + text.hidden_size,
        }
        per_layer = sum(wide.get(name, 0) for name in learner.lora.targets)
        adapters = text.num_layers * learner.lora.rank * per_layer
        return ParameterCounts(trained=adapters, frozen=shape.num_parameters, vision_learns=False)
    connector = _connector_parameters(shape)
    parts = {
        "language_model": text.num_parameters,
        "connector": connector,
        "vision_tower": shape.vision_parameters - connector,
    }
    frozen = sum(count for name, count in parts.items() if name in learner.freeze)
    return ParameterCounts(
        trained=shape.num_parameters - frozen,
        frozen=frozen,
        vision_learns="vision_tower" not in learner.freeze,
    )


def _connector_parameters(shape: ModelShape) -> int:
    vision = shape.vision
    merged = vision.merge_size**2 * vision.hidden_size
    terms = 1 if vision.gated else 2
    each = vision.merger_matrices(shape.text.hidden_size) + merged + shape.text.hidden_size
    return each + terms * vision.hidden_size + vision.num_deepstack * (each + terms * merged)


@dataclass(frozen=True, kw_only=True)
class LearnerMemory:
    """What a learner holds on one GPU [bytes], and on its host where it offloads.

    Attributes:
        weights, gradients, moments: of this rank's share. The moments are AdamW's two; Muon keeps
            one of a hidden matrix.
        gathered: whole layers and tables while they are computed with, and their gradients.
        activations: kept for the backward pass.
        logits: while tokens are scored.
        reference: frozen weights that the KL is measured to.
        served: the whole model that a sharded or adapted one is put together into, to be sent to
            engines, evaluated and saved.
        host: in the host's memory, for this rank.
    """

    weights: float
    gradients: float
    moments: float
    gathered: float
    activations: float
    logits: float
    reference: float
    served: float
    host: float

    @property
    def total(self) -> float:
        """All of it on the GPU, with the process's own and what is lost between tensors."""
        held = self.weights + self.gradients + self.moments + self.gathered
        held += self.activations + self.logits + self.reference + self.served
        return held * (1 + FRAGMENTATION) + CUDA_CONTEXT


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """What a learner computes at once.

    Attributes:
        tokens: of its samples.
        scored: those of them that a policy wrote.
        patches: of their pictures.
    """

    tokens: float
    scored: float
    patches: float


def learner_memory(
    shape: ModelShape,
    learner: LearnerConfig,
    batch: MicroBatch,
    *,
    num_ranks: int,
    weight_bytes: int = FLOAT32,
    reference: bool = False,
    serve: bool = True,
) -> LearnerMemory:
    """The memory of one of `num_ranks` learners.

    Args:
        shape: of the model.
        learner: what is frozen, adapted, sharded and checkpointed.
        batch: the largest micro-batch.
        num_ranks: processes that learn.
        weight_bytes: bytes of a weight: 4, or 2 where the model is held in bfloat16.
        reference: whether a frozen copy of the model is kept.
        serve: as for `training.learner.Learner`.
    """
    counts = count_parameters(shape, learner)
    sharding = learner.sharding
    ranks = 1 if sharding is None else (sharding.shard_size or num_ranks)
    everything = counts.trained + counts.frozen
    weights = weight_bytes * everything / ranks
    gradients = weight_bytes * counts.trained / ranks
    moments = 2 * weight_bytes * counts.trained / ranks
    kept = weight_bytes * shape.num_parameters / ranks if reference and not learner.lora else 0.0
    separate = sharding is not None or learner.lora is not None
    offloaded = sharding is not None and sharding.cpu_offload
    states = (weights, gradients, moments)
    on_gpu = (0.0, 0.0, 0.0) if offloaded else states
    return LearnerMemory(
        weights=on_gpu[0],
        gradients=on_gpu[1],
        moments=on_gpu[2],
        gathered=_gathered(shape, learner, everything),
        activations=_activations(shape, learner, batch, counts),
        logits=LOGIT_TABLES * FLOAT32 * shape.text.vocab_size * batch.scored,
        reference=kept,
        served=weight_bytes * shape.num_parameters if serve and separate else 0.0,
        host=sum(states) if offloaded else 0.0,
    )


def _gathered(shape: ModelShape, learner: LearnerConfig, everything: int) -> float:
    """Of a sharded model: the tables outside of layers, which stay, and two layers at a time, of
    which one is about to be given up; a layer's gradient in the compute dtype and in float32.
    """
    if learner.sharding is None:
        return 0.0
    compute = _compute_bytes(learner)
    if not learner.sharding.reshard_after_forward:
        return compute * everything + (compute + FLOAT32) * shape.text.layer_parameters
    layer = max(shape.text.layer_parameters, shape.vision.layer_parameters)
    inside = shape.text.num_layers * shape.text.layer_parameters
    inside += shape.vision.depth * shape.vision.layer_parameters
    outside = shape.num_parameters - inside
    trains_tables = learner.lora is None
    return compute * (outside * (2 if trains_tables else 1) + 2 * layer) + (
        (compute + FLOAT32) * layer
    )


def _activations(
    shape: ModelShape, learner: LearnerConfig, batch: MicroBatch, counts: ParameterCounts
) -> float:
    text, vision = shape.text, shape.vision
    scale = _compute_bytes(learner) / BFLOAT16
    whole = text_layer_activations(text), vision_layer_activations(vision)
    if learner.sharding is not None and learner.sharding.activation_checkpointing:
        of_text = text.num_layers * layer_input(text.hidden_size) + whole[0]
        of_vision = vision.depth * layer_input(vision.hidden_size) + whole[1]
    else:
        of_text, of_vision = text.num_layers * whole[0], vision.depth * whole[1]
    if not counts.vision_learns:
        of_vision = 2 * whole[1]  # a layer at work and the next one's input
    return scale * (batch.tokens * of_text + batch.patches * of_vision)


def _compute_bytes(learner: LearnerConfig) -> int:
    """Bytes of a number in the forward pass; a model that is not sharded computes in float32."""
    sharding = learner.sharding
    in_bfloat16 = sharding is not None and sharding.compute_dtype == "bfloat16"
    return BFLOAT16 if in_bfloat16 else FLOAT32


@dataclass(frozen=True, kw_only=True)
class EngineMemory:
    """What one engine holds on each of its GPUs [bytes].

    Attributes:
        budget: all that it may take.
        weights: its copy of the model.
        cache: left for keys and values; below 0 where the weights alone are too large.
        kv_per_token: bytes that a token takes there.
    """

    budget: float
    weights: float
    cache: float
    kv_per_token: float

    def num_sequences(self, tokens: float) -> int:
        """Conversations of so many tokens that fit at once."""
        return max(0, int(self.cache // (self.kv_per_token * tokens)))


def vllm_memory(
    shape: ModelShape, *, gpu_bytes: float, utilization: float, tensor_parallel: int
) -> EngineMemory:
    """The memory of a vLLM engine in bfloat16 that takes its share of each GPU."""
    budget = gpu_bytes * utilization
    weights = BFLOAT16 * shape.num_parameters / tensor_parallel
    # With more ranks than key heads, each of these is held by several.
    split = min(tensor_parallel, shape.text.num_key_value_heads)
    return EngineMemory(
        budget=budget,
        weights=weights,
        cache=budget - weights - ENGINE_WORKSPACE,
        kv_per_token=kv_bytes_per_token(shape.text) / split,
    )
