"""Optimizer steps on samples: imitation, policy improvement, re-scoring.

The learner knows no chat format and no environment. How samples become model inputs (`collate`) and
how a model scores tokens (`score`) are handed in. Splitting a step into micro-batches, packing them
and spreading them over ranks change nothing but the memory and time it needs. Parameters should be
float32: with the small learning rates of policy improvement, most updates of a bfloat16 weight
round to nothing. Whether the module is in train or eval mode is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from policies.interface import Sample
from training.batching import (
    Meter,
    TrainingRow,
    ValueTargets,
    average_steps,
    policy_rows,
)
from training.critic import Critic
from training.learner_config import LearnerConfig, learning_rate_at
from training.losses import LossOutputs, PolicyLossConfig, loss_denominator
from training.micro_losses import imitation_micro_loss, policy_micro_loss
from training.optimizers import (
    load_optimizer_tensors,
    make_optimizers,
    optimizer_tensors,
)
from training.packing import cut_micro_batches
from training.ranks import Round
from training.reference import Reference
from training.scoring import Collate, Reader, Score
from training.trainee import copy_weights, lay_out, plain_weights

MicroLoss = Callable[[Sequence[TrainingRow], float, bool], LossOutputs]


class Learner:
    """Owns the optimizer of one model and takes steps.

    With `config.sharding` or `config.lora` it learns on a model of its own that begins as a copy of
    the given one, and the given one gets the new weights, whole and merged, after every call of
    `imitate` and `improve`: what generates, evaluates or saves with it needs to know of neither.

    With `config.sharding` there is one learner per process. All make the same calls, on the same
    samples (or each on its share of them, see `ShardingConfig.batches`), and get the same metrics.

    Attributes:
        model: the module that learns.
        ranks: the processes that learn together; one where there is no sharding.
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
        serve: bool = True,
    ) -> None:
        """
        Args:
            model: what learns.
            collate: samples -> model inputs.
            score: model and inputs -> log-probabilities.
            config: settings.
            critic: learns beside the model.
            serve: whether the given model is kept, to generate with the weights as they are
                learned; where not, there is no second copy of them, and sharding takes it apart.

        Raises:
            ValueError: a setting is out of range or fits neither the model nor the processes.
        """
        config.check()
        self.served = model if serve else None
        self.model, self.ranks, self.score = lay_out(model, score, config, own=serve)
        self.collate = collate
        self.config = config
        self.step = 0
        self.critic = critic
        self._named = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        if not self._named:
            raise ValueError("the model has no parameter with requires_grad")
        others = [] if critic is None else [critic.parameter_group()]
        self.optimizers = make_optimizers(self.model, self._named, config, others)
        if critic is not None:
            self._named |= {f"critic.{name}": p for name, p in critic.named_parameters()}

    @property
    def reader(self) -> Reader:
        """The model and how it reads samples."""
        return Reader(
            model=self.model,
            collate=self.collate,
            score=self.score,
            config=self.config,
            ranks=self.ranks,
        )

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
        micro_loss = partial(imitation_micro_loss, self.reader, aggregation=aggregation)
        report = self._optimizer_step(self._share(rows), micro_loss, aggregation, constant)
        self.serve_weights()
        return report

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
                chosen = self._share([rows[i] for i in indices])
                own_values = sum(int(r.values.mask.sum()) for r in chosen if r.values is not None)
                num_values = int(self.ranks.total(own_values))
                micro_loss = partial(
                    policy_micro_loss,
                    self.reader,
                    critic=self.critic,
                    settings=settings,
                    num_values=num_values,
                )
                reports.append(
                    self._optimizer_step(
                        chosen, micro_loss, settings.aggregation, settings.constant
                    )
                )
        self.serve_weights()
        return average_steps(reports)

    def rescore(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """Log-probabilities of the samples' loss tokens under the weights as they are now.

        Returns:
            One float32 (T,) array per sample, at the configured temperature, 0 outside its loss
            mask.
        """
        return self.reader.logprobs(samples)

    def values(self, samples: Sequence[Sample]) -> list[np.ndarray]:
        """The critic's values at the samples' loss tokens, as `rescore` gives log-probabilities.

        Raises:
            ValueError: there is no critic.
        """
        critic = self.critic
        if critic is None:
            raise ValueError("this learner has no critic; set learner.critic")
        return self.reader.read(samples, lambda scores, mask: critic(scores.hidden, mask))

    def make_reference(self) -> Reference:
        """The model as it is now, to measure the KL to: a frozen copy, spread over the ranks as the
        model is. With LoRA, what was adapted, at no cost in memory.
        """
        return Reference.of(self.model, self.reader, self.served)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Name and value of every weight as the given model has them, whole and with LoRA's changes
        added, one after the other: what an engine in another process wants. All ranks must go
        through all of it.
        """
        return plain_weights(self.model, self.ranks.whole)

    def learned_parameters(self) -> dict[str, nn.Parameter]:
        """What the optimizer steps on, by name; a critic's parameters begin with "critic."."""
        return dict(self._named)

    def serve_weights(self) -> None:
        """Give the model that was handed in the weights as they are now, where it has its own."""
        if self.served is not None and self.served is not self.model:
            copy_weights(self.weights(), self.served)

    def state_dict(self) -> dict[str, Any]:
        """Everything beside the weights that the next step depends on.

        Returns:
            `step`, and `tensors`: the optimizer's, named "<moment>/<parameter>", the critic's,
            named "critic/<parameter>", and LoRA's, named "lora/<parameter>". Not copies; with
            sharding, each rank's own parts.
        """
        tensors = optimizer_tensors(self.optimizers, self._named)
        return {"step": self.step, "tensors": tensors | self._other_tensors()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the tensors are copied.

        Raises:
            CheckpointMismatch: the tensors belong to other parameters. Nothing is changed then.
        """
        tensors, others = state["tensors"], self._other_tensors()
        load_optimizer_tensors(self.optimizers, self._named, tensors, others=others)
        for name, own in others.items():
            own.copy_(tensors[name])
        self.step = int(state["step"])

    def _other_tensors(self) -> dict[str, Tensor]:
        """What learns beside the weights of the given model."""
        found = {} if self.critic is None else {"critic": dict(self.critic.named_parameters())}
        if self.config.lora is not None:
            learned = self._named.items()
            found["lora"] = {name: p for name, p in learned if not name.startswith("critic.")}
        return {
            f"{kind}/{name}": p.detach()
            for kind, named in found.items()
            for name, p in named.items()
        }

    def _share(self, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """This rank's part of rows."""
        return [rows[i] for i in self.ranks.share([len(r.sample.input_ids) for r in rows])]

    def _old_logprobs(
        self, samples: Sequence[Sample], settings: PolicyLossConfig
    ) -> list[np.ndarray] | None:
        """The trainer's own log-probabilities before the first step on a batch, where the loss
        asks for them. A single step has them at hand: they are those it trains on.
        """
        steps = self.config.num_epochs * self.config.num_minibatches
        return None if settings.importance_cap is None or steps == 1 else self.rescore(samples)

    def _minibatches(self, num_rows: int) -> list[list[int]]:
        parts, num_samples = self.config.num_minibatches, self.ranks.batch_size(num_rows)
        if num_samples < parts:
            raise ValueError(f"num_minibatches = {parts} is not legal for {num_samples} samples")
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
        denominator = self.ranks.total(loss_denominator(masks, aggregation, constant))
        if denominator == 0:
            count = self.ranks.batch_size(len(rows))
            raise ValueError(f"none of the {count} samples has a loss token")
        filler = TrainingRow.filler([row.sample for row in rows])
        rounds = self._rounds(rows, filler)
        self._clear_gradients()
        meter = Meter()
        for batch in rounds:
            chosen = [rows[i] for i in batch.indices] or [filler]
            outputs = micro_loss(chosen, denominator, batch.run_vision)
            if outputs.loss.requires_grad:  # not where only the vision tower learns, of no picture
                outputs.loss.backward()
            meter.add(outputs)
        meter = self.ranks.sum_meter(meter)
        sizes = {"num_tokens": meter.num_tokens, "num_micro_batches": len(rounds)}
        report = {"loss": meter.loss, **meter.means(), **self._apply_gradients()}
        return report | {name: float(size) for name, size in sizes.items()}

    def _rounds(self, rows: Sequence[TrainingRow], filler: TrainingRow) -> list[Round]:
        micro_batches = cut_micro_batches([len(r.sample.input_ids) for r in rows], self.config)
        return self.ranks.rounds(
            micro_batches, lambda i: bool(rows[i].sample.images), filler.sample
        )

    def _apply_gradients(self) -> dict[str, float]:
        if self.critic is not None:
            self.ranks.sum_gradients(self.critic.parameters())
        norm = self.ranks.clip_gradients(self._named.values(), self.config.max_grad_norm)
        if not math.isfinite(norm):
            self._clear_gradients()
            raise FloatingPointError(f"optimizer step {self.step}: the gradient norm is {norm}")
        learning_rate = learning_rate_at(self.config, self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * group.get("factor", 1.0)
            optimizer.step()
        self._clear_gradients()
        self.step += 1
        return {"grad_norm": norm, "learning_rate": learning_rate}

    def _clear_gradients(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
