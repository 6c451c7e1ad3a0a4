"""Optimizer steps on samples: imitation, policy improvement, re-scoring.

The learner knows no chat format and no environment. How samples become model inputs (`collate`) and
how a model scores tokens (`score`) are handed in. Splitting a step into micro-batches changes
nothing but the memory it needs. Parameters should be float32: with the small learning rates of
policy improvement, most updates of a bfloat16 weight round to nothing. Whether the module is in
train or eval mode is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policies.interface import Sample
from training.batching import (
    Meter,
    TrainingRow,
    ValueTargets,
    average_steps,
    pad_rows,
    policy_rows,
    split_micro_batches,
)
from training.critic import Critic, critic_loss
from training.learner_config import LearnerConfig, learning_rate_at
from training.losses import (
    LossInputs,
    LossOutputs,
    PolicyLossConfig,
    imitation_loss,
    loss_denominator,
    policy_loss,
)
from training.optimizer_state import load_optimizer_tensors, optimizer_tensors
from training.scoring import Collate, Score, read_tokens, rescore, score_samples

MicroLoss = Callable[[Sequence[TrainingRow], float], LossOutputs]


class Learner:
    """Owns the optimizer of one model and takes steps.

    Attributes:
        step: optimizer steps taken so far.
        critic: estimates values for PPO and learns beside the model; None without one. It is part
            of `state_dict`.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        collate: Collate,
        score: Score,
        config: LearnerConfig,
        critic: Critic | None = None,
    ) -> None:
        config.check()
        self.model = model
        self.collate = collate
        self.score = score
        self.config = config
        self.step = 0
        self.critic = critic
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if not self._named:
            raise ValueError("the model has no parameter with requires_grad")
        groups = _parameter_groups(list(self._named.values()), config.weight_decay)
        if critic is not None:
            self._named |= {f"critic.{name}": p for name, p in critic.named_parameters()}
            groups.append(critic.parameter_group())
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas)

    @property
    def weights_version(self) -> int:
        """Version of the weights as they are now; grows by 1 with every optimizer step."""
        return self.step

    def imitate(
        self,
        samples: Sequence[Sample],
        *,
        aggregation: str = "token",
        constant: float | None = None,
    ) -> dict[str, float]:
        """Take one optimizer step on the likelihood of the samples' loss tokens, at temperature 1.

        Args:
            samples: at least one with a loss token.
            aggregation, constant: see `training.losses`.

        Returns:
            `loss`, `nll`, `grad_norm` (before clipping), `learning_rate`, `num_tokens` and
            `num_micro_batches`.

        Raises:
            ValueError: no sample has a loss token.
            FloatingPointError: a loss or gradient is not finite; the step is not taken then.
        """
        rows = [TrainingRow(sample=sample) for sample in samples]
        micro_loss = partial(self._imitation_loss, aggregation=aggregation)
        return self._optimizer_step(rows, micro_loss, aggregation, constant)

    def improve(
        self,
        samples: Sequence[Sample],
        advantages: Sequence[np.ndarray],
        *,
        loss: PolicyLossConfig | None = None,
        ref_logprobs: Sequence[np.ndarray] | None = None,
        values: Sequence[ValueTargets] | None = None,
    ) -> dict[str, float]:
        """Take `num_epochs * num_minibatches` optimizer steps on the clipped surrogate.

        Args:
            samples: with `rollout_logprobs`.
            advantages: one (T,) array per sample; read under its loss mask only.
            loss: settings of the surrogate; None for the defaults.
            ref_logprobs: one (T,) array per sample, needed when the KL has a weight.
            values: what the critic learns from each sample; None leaves it alone.

        Returns:
            The metrics of `policy_loss` and of `imitate` (less `nll`). Means over tokens weigh
            every token of every optimizer step alike; the others weigh the steps alike.

        Raises:
            ValueError: arrays that do not fit the samples, fewer samples than minibatches, or a
                minibatch without loss tokens.
            FloatingPointError: a loss or gradient is not finite; that step is not taken then.
        """
        settings = loss or PolicyLossConfig()
        settings.check()
        old = self._old_logprobs(samples, settings)
        rows = policy_rows(samples, advantages, ref_logprobs, old, values)
        reports = []
        for _ in range(self.config.num_epochs):
            for indices in self._minibatches(len(rows)):
                chosen = [rows[i] for i in indices]
                num_values = sum(int(r.values.mask.sum()) for r in chosen if r.values is not None)
                micro_loss = partial(self._policy_loss, settings=settings, num_values=num_values)
                reports.append(
                    self._optimizer_step(
                        chosen, micro_loss, settings.aggregation, settings.constant
                    )
                )
        return average_steps(reports)

    def rescore(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """Log-probabilities of the samples' loss tokens under the weights as they are now.

        Returns:
            One float32 (T,) array per sample, at the configured temperature, 0 outside its loss
            mask.
        """
        return rescore(
            self.model, samples, collate=self.collate, score=self.score, config=self.config
        )

    def values(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """The critic's values at the samples' loss tokens, as `rescore` gives log-probabilities.

        Raises:
            ValueError: there is no critic.
        """
        critic = self.critic
        if critic is None:
            raise ValueError("this learner has no critic; set learner.critic")
        return read_tokens(
            self.model,
            samples,
            lambda scores, mask: critic(scores.hidden, mask),
            collate=self.collate,
            score=self.score,
            config=self.config,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything beside the weights that the next step depends on.

        Returns:
            `step`, and `tensors`: the optimizer's, named "<moment>/<parameter>", and the critic's,
            named "critic/<parameter>". Not copies.
        """
        tensors = optimizer_tensors(self.optimizer, self._named)
        return {"step": self.step, "tensors": tensors | self._critic_tensors()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the tensors are copied.

        Raises:
            CheckpointMismatch: the tensors belong to other parameters. Nothing is changed then.
        """
        tensors, critic = state["tensors"], self._critic_tensors()
        load_optimizer_tensors(self.optimizer, self._named, tensors, others=critic)
        for name, own in critic.items():
            own.copy_(tensors[name])
        self.step = int(state["step"])

    def _critic_tensors(self) -> dict[str, Tensor]:
        if self.critic is None:
            return {}
        return {f"critic/{name}": p.detach() for name, p in self.critic.named_parameters()}

    def _old_logprobs(
        self, samples: Sequence[Sample], settings: PolicyLossConfig
    ) -> list[np.ndarray] | None:
        """The trainer's own log-probabilities before the first step on a batch, where the loss
        asks for them. A single step has them at hand: they are those it trains on.
        """
        steps = self.config.num_epochs * self.config.num_minibatches
        return None if settings.importance_cap is None or steps == 1 else self.rescore(samples)

    def _minibatches(self, num_rows: int) -> list[list[int]]:
        parts = self.config.num_minibatches
        if num_rows < parts:
            raise ValueError(f"num_minibatches = {parts} is not legal for {num_rows} samples")
        rng = np.random.default_rng((self.config.shuffle_seed, self.step))
        return [sorted(part.tolist()) for part in np.array_split(rng.permutation(num_rows), parts)]

    def _optimizer_step(
        self,
        rows: Sequence[TrainingRow],
        micro_loss: MicroLoss,
        aggregation: str,
        constant: float | None,
    ) -> dict[str, float]:
        masks = [row.sample.loss_mask for row in rows]
        denominator = loss_denominator(masks, aggregation, constant)
        if denominator == 0:
            raise ValueError(f"none of the {len(rows)} samples has a loss token")
        micro_batches = split_micro_batches(
            [len(mask) for mask in masks],
            max_size=self.config.micro_batch_size,
            max_tokens=self.config.micro_batch_tokens,
        )
        self.optimizer.zero_grad(set_to_none=True)
        meter = Meter()
        for indices in micro_batches:
            outputs = micro_loss([rows[i] for i in indices], denominator)
            outputs.loss.backward()
            meter.add(outputs)
        sizes = {"num_tokens": meter.num_tokens, "num_micro_batches": len(micro_batches)}
        report = {"loss": meter.loss, **meter.means(), **self._apply_gradients()}
        return report | {name: float(size) for name, size in sizes.items()}

    def _apply_gradients(self) -> dict[str, float]:
        norm = float(nn.utils.clip_grad_norm_(self._named.values(), self.config.max_grad_norm))
        if not math.isfinite(norm):
            self.optimizer.zero_grad(set_to_none=True)
            raise FloatingPointError(f"optimizer step {self.step}: the gradient norm is {norm}")
        learning_rate = learning_rate_at(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group.get("factor", 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return {"grad_norm": norm, "learning_rate": learning_rate}

    def _imitation_loss(
        self, rows: Sequence[TrainingRow], denominator: float, *, aggregation: str
    ) -> LossOutputs:
        samples = [row.sample for row in rows]
        scores, mask = score_samples(self.model, samples, self.collate, self.score, 1.0)
        return imitation_loss(
            scores.trainer_logprobs, mask, aggregation=aggregation, denominator=denominator
        )

    def _policy_loss(
        self,
        rows: Sequence[TrainingRow],
        denominator: float,
        *,
        settings: PolicyLossConfig,
        num_values: int = 0,
    ) -> LossOutputs:
        samples = [row.sample for row in rows]
        scores, mask = score_samples(
            self.model, samples, self.collate, self.score, self.config.temperature
        )
        trainer = scores.trainer_logprobs
        stack = partial(pad_rows, length=mask.shape[1], dtype=trainer.dtype, device=trainer.device)
        refs = [row.ref_logprobs for row in rows if row.ref_logprobs is not None]
        old = [row.old_logprobs for row in rows if row.old_logprobs is not None]
        before = trainer.detach() if settings.importance_cap is not None else None
        inputs = LossInputs(
            trainer_logprobs=trainer,
            rollout_logprobs=stack([row.sample.rollout_logprobs for row in rows]),
            ref_logprobs=stack(refs) if refs else None,
            advantages=stack([row.advantages for row in rows]),
            loss_mask=mask,
            old_logprobs=stack(old) if old else before,
            entropies=scores.entropies,
        )
        outputs = policy_loss(inputs, settings, denominator=denominator)
        if self.critic is None or not num_values:
            return outputs
        more = critic_loss(self.critic(scores.hidden, mask), rows, self.critic.config, num_values)
        return replace(outputs, loss=outputs.loss + more.loss, parts=more.parts)


def _parameter_groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay, vectors (norms, biases) do not."""
    matrices = [p for p in parameters if p.ndim >= 2]
    vectors = [p for p in parameters if p.ndim < 2]
    groups = ((matrices, weight_decay), (vectors, 0.0))
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]
