"""Whether our trainer does what TRL's does: from TRL's tokens, the same rewards, loss and gradient.

The tokens are scored as if they had been sampled from the uniform distribution: then ratios differ
from 1, some are clipped, and the loss is not 0 by construction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from policies.interface import Observation, PolicyOutput, Sample
from scripts.bench_text import TextModel, WordsEnv, reset_seeds
from scripts.bench_trl import Job, low_share
from training.advantages import group_advantages
from training.agent import Agent
from training.learner_config import LearnerConfig
from training.losses import PolicyLossConfig

TOLERANCE = 1e-5


def our_loss() -> PolicyLossConfig:
    """DAPO's loss with TRL's default settings."""
    return PolicyLossConfig(aggregation="token", clip_low=0.2, clip_high=0.2)


def check_equal(
    agent: Agent, model: TextModel, job: Job, ask: Callable[..., dict[str, Any]], path: Path
) -> dict[str, float]:
    """Have TRL take a step and do the same with ours.

    Args:
        agent: ours.
        model: its weights as TRL has them.
        job: what a step is.
        ask: gives an order to `scripts.bench_trl`.
        path: where TRL writes.

    Returns:
        The differences.

    Raises:
        RuntimeError: where prompts or rewards differ, or the loss or the gradient by more than
            `TOLERANCE`, of the gradient's norm in the latter case.
    """
    old = -math.log(model.config["vocab_size"])
    theirs = ask("check", path, old)
    found = load_file(path)
    samples = make_samples(agent, job, found, old)
    report, gradients = our_step(agent, samples, token_advantages(samples, found["rewards"], job))
    parts = [
        (gradients[own] - found[f"gradient/{name}"]).norm() for name, own in model.names.items()
    ]
    differences = {
        "ours.loss": report["loss"],
        "ours.gradient_norm": report["grad_norm"],
        "ours.clip_fraction": report["clip_fraction"],
        "ours.to_trl_loss_difference": abs(report["loss"] - theirs["loss"]),
        "ours.to_trl_gradient_difference": float(torch.stack(parts).norm()) / report["grad_norm"],
    }
    for name, difference in differences.items():
        if name.endswith("_difference") and not difference <= TOLERANCE:
            raise RuntimeError(f"{name} is {difference:.1e}; at most {TOLERANCE:g} is a rounding")
    return differences


def make_samples(agent: Agent, job: Job, found: dict[str, Tensor], old: float) -> list[Sample]:
    """TRL's episodes as our learner reads them.

    Raises:
        RuntimeError: where its prompts, rewards or lengths are not ours.
    """
    env, samples = WordsEnv(job.prompt_words), []
    seeds = [seed for seed in reset_seeds(job)[: job.num_groups] for _ in range(job.group_size)]
    rows = zip(seeds, found["prompts"], found["completions"].numpy(), found["rewards"], strict=True)
    for seed, prompt, reply, reward in rows:
        output = PolicyOutput(
            text="", reply_ids=reply, rollout_logprobs=np.full(len(reply), old, dtype=np.float32)
        )
        shown = Observation.from_env(env.reset(seed=seed)[0])
        sample = agent.chat.transcript([shown], [output]).sample()
        if sample.input_ids.tolist() != [*prompt.tolist(), *reply.tolist()]:
            raise RuntimeError(f"TRL reads the prompt of seed {seed} as other tokens than ours")
        if abs(low_share(reply, job.low_ids) - float(reward)) > TOLERANCE:
            raise RuntimeError(f"TRL's reward for a reply to seed {seed} is not ours")
        if len(reply) != job.new_tokens:
            raise RuntimeError(f"TRL's replies have {len(reply)} tokens, not {job.new_tokens}")
        samples.append(sample)
    return samples


def token_advantages(samples: Sequence[Sample], rewards: Tensor, job: Job) -> list[np.ndarray]:
    """Each sample's advantage within its group, at all of its tokens."""
    groups = rewards.double().numpy().reshape(job.num_groups, job.group_size)
    flat = np.concatenate([group_advantages(group) for group in groups])
    return [np.full(len(s.input_ids), a) for s, a in zip(samples, flat, strict=True)]


def our_step(
    agent: Agent, samples: Sequence[Sample], advantages: Sequence[np.ndarray]
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """The learner's metrics of a step of size 0, and the gradients of all parameters that have
    one.
    """
    config = LearnerConfig(learning_rate=0.0, max_grad_norm=1e9, micro_batch_size=16)
    learner = agent.learner(config)
    gradients: dict[str, Tensor] = {}

    def keep(*_: object) -> None:
        named = learner.learned_parameters().items()
        gradients.update({n: p.grad.clone() for n, p in named if p.grad is not None})

    learner.optimizers[0].register_step_pre_hook(keep)
    return learner.improve(samples, advantages, loss=our_loss()), gradients
