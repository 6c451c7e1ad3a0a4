"""Settings of the learner, and the learning rate that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from training.critic_config import CriticConfig
from training.lora_config import LoraSettings
from training.losses import check_range
from training.sharding_config import ShardingConfig

OPTIMIZERS = ("adamw", "muon")
SCHEDULES = ("constant", "cosine", "linear")


@dataclass(kw_only=True)
class LearnerConfig:
    """How the optimizer steps.

    Attributes:
        optimizer: "adamw", or "muon": Muon for the hidden matrices and AdamW for the rest. See
            `training.optimizers`.
        learning_rate: peak learning rate, of either, >= 0.
        weight_decay: on matrices only, >= 0; vectors (norms, biases) never decay.
        betas: decay rates of AdamW's two moments, each in [0, 1).
        momentum: decay rate of Muon's one, in [0, 1).
        max_grad_norm: gradients are scaled down to this global L2 norm, > 0.
        micro_batch_size: most samples per forward pass, >= 1; None for no limit.
        micro_batch_tokens: most tokens per forward pass, padding included, >= 1; None for no limit.
            A sample longer than that goes alone.
        packing: put the samples of a micro-batch into one row without padding instead of rows of
            one length. Losses and gradients are the same.
        warmup_steps: optimizer steps of linear warm-up, >= 0.
        schedule: "constant", or "cosine" or "linear" down to 0 at `total_steps`.
        total_steps: optimizer steps of the whole run; needed unless the schedule is constant.
        num_epochs: passes over the samples of one `improve`, >= 1.
        num_minibatches: optimizer steps per pass, >= 1.
        shuffle_seed: decides which samples share a minibatch.
        temperature: at which the rollouts were sampled, > 0 (1 for rollouts at temperature 0, whose
            log-probabilities are those at temperature 1).
        critic: of PPO; None for none.
        freeze: what does not learn: "vision_tower", "connector", "language_model", or patterns of
            parameter names with * for anything.
        lora: learn low-rank changes of the language model's matrices, and nothing else; None
            learns the weights themselves.
        sharding: spread the model over processes; None keeps it whole in this one.
    """

    optimizer: str = "adamw"
    learning_rate: float = 1e-5
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.95
    max_grad_norm: float = 1.0
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = 8192
    packing: bool = False
    warmup_steps: int = 0
    schedule: str = "constant"
    total_steps: int | None = None
    num_epochs: int = 1
    num_minibatches: int = 1
    shuffle_seed: int = 0
    temperature: float = 1.0
    critic: CriticConfig | None = None
    freeze: list[str] = field(default_factory=list)
    lora: LoraSettings | None = None
    sharding: ShardingConfig | None = None

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        tiny = 1e-12
        check_range(f"{prefix}learning_rate", self.learning_rate, low=0.0)
        check_range(f"{prefix}weight_decay", self.weight_decay, low=0.0)
        for index, beta in enumerate(self.betas):
            check_range(f"{prefix}betas[{index}]", beta, low=0.0, high=1.0 - tiny)
        check_range(f"{prefix}momentum", self.momentum, low=0.0, high=1.0 - tiny)
        check_range(f"{prefix}max_grad_norm", self.max_grad_norm, low=tiny)
        check_range(f"{prefix}temperature", self.temperature, low=tiny)
        for name in ("micro_batch_size", "micro_batch_tokens", "num_epochs", "num_minibatches"):
            value = getattr(self, name)
            if value is not None:
                check_range(prefix + name, value, low=1)
        check_range(f"{prefix}warmup_steps", self.warmup_steps, low=0)
        check_range(f"{prefix}shuffle_seed", self.shuffle_seed, low=0)
        for name in ("critic", "lora", "sharding"):
            part = getattr(self, name)
            if part is not None:
                part.check(f"{prefix}{name}.")
        for name, legal in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in legal:
                raise ValueError(
                    f"{prefix}{name} = {getattr(self, name)!r} is not legal; legal: {legal}"
                )
        if self.optimizer == "muon" and self.sharding is not None:
            raise ValueError(
                f"{prefix}optimizer = 'muon' is not legal with {prefix}sharding: it needs whole "
                "matrices; set optimizer=adamw"
            )
        if self.schedule != "constant" and (self.total_steps or 0) <= self.warmup_steps:
            raise ValueError(
                f"{prefix}total_steps = {self.total_steps} is not legal; schedule "
                f"{self.schedule!r} needs more than warmup_steps = {self.warmup_steps}"
            )


def learning_rate_at(config: LearnerConfig, step: int) -> float:
    """Learning rate of optimizer step `step`, counted from 0."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant" or config.total_steps is None:
        return config.learning_rate
    done = (step - config.warmup_steps) / (config.total_steps - config.warmup_steps)
    left = 1.0 - min(done, 1.0)
    if config.schedule == "cosine":
        left = 0.5 * (1.0 - math.cos(math.pi * left))
    return config.learning_rate * left
