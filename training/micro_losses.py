"""The losses of a micro-batch: its samples are scored, and what goes with them is padded alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from training.batching import TrainingRow, pad_rows
from training.critic import Critic, critic_loss
from training.losses import (
    LossInputs,
    LossOutputs,
    PolicyLossConfig,
    imitation_loss,
    policy_loss,
)
from training.scoring import Reader


def imitation_micro_loss(
    reader: Reader,
    rows: Sequence[TrainingRow],
    denominator: float,
    run_vision: bool,
    *,
    aggregation: str,
) -> LossOutputs:
    """The likelihood of the rows' loss tokens.

    Args:
        reader: the model and how it reads.
        rows: at least one.
        denominator: of the whole optimizer step.
        run_vision: run the vision tower even without pictures.
        aggregation: see `training.losses`.
    """
    samples = [row.sample for row in rows]
    scores, mask = reader.scores(samples, temperature=1.0, run_vision=run_vision)
    return imitation_loss(
        scores.trainer_logprobs, mask, aggregation=aggregation, denominator=denominator
    )


def policy_micro_loss(
    reader: Reader,
    rows: Sequence[TrainingRow],
    denominator: float,
    run_vision: bool,
    *,
    critic: Critic | None,
    settings: PolicyLossConfig,
    num_values: int = 0,
) -> LossOutputs:
    """The surrogate of the rows, and the critic's loss beside it.

    Args:
        reader, rows, denominator, run_vision: as in `imitation_micro_loss`.
        critic: learns where there are values to learn; None for none.
        settings: of the surrogate.
        num_values: values with a target in the whole optimizer step.
    """
    samples = [row.sample for row in rows]
    scores, mask = reader.scores(
        samples, temperature=reader.config.temperature, run_vision=run_vision
    )
    trainer = scores.trainer_logprobs
    stack = partial(pad_rows, length=mask.shape[1], dtype=trainer.dtype, device=trainer.device)
    corrected = settings.importance_cap is not None
    refs = [row.ref_logprobs for row in rows if row.ref_logprobs is not None]
    old = [row.old_logprobs for row in rows if row.old_logprobs is not None] if corrected else []
    before = trainer.detach() if corrected else None
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
    if critic is None or not num_values:
        return outputs
    more = critic_loss(critic(scores.hidden, mask), rows, critic.config, num_values)
    return replace(outputs, loss=outputs.loss + more.loss, parts=more.parts)
