"""A critic for PPO (arXiv:1707.06347): values from the model's hidden state, and what follows.

The critic belongs to the learner, not to the model: what is saved and what acts knows nothing of
it. Its value of a turn is read where the turn's first token is predicted, so it has seen what the
policy had seen before it acted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policies.interface import Sample
from training.advantages import generalized_advantages, spread_over_tokens, whiten
from training.batching import TrainingRow, ValueTargets, pad_rows
from training.critic_config import CriticConfig
from training.losses import LossOutputs, value_loss


class Critic(nn.Module):
    """Hidden state -> value. Begins at 0 everywhere."""

    def __init__(self, width: int, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def parameter_group(self) -> dict[str, Any]:
        """For the optimizer; `factor` multiplies the learning rate."""
        parameters, factor = list(self.parameters()), self.config.learning_rate_factor
        return {"params": parameters, "weight_decay": 0.0, "factor": factor}

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Values of the tokens under a mask.

        Args:
            hidden: (N, width), the states that the N tokens under the mask are predicted from, in
                row order.
            mask: bool (B, T).

        Returns:
            float32 (B, T), 0 outside the mask.
        """
        states = hidden if self.config.train_model else hidden.detach()
        values = self.head(states.to(self.head.weight.dtype))[:, 0].float()
        return values.new_zeros(mask.shape).masked_scatter(mask, values)


def make_critic(model: Any, config: CriticConfig | None) -> Critic | None:
    """A critic for a language model, on its device; None where there are no settings for one."""
    if config is None:
        return None
    embeddings = model.get_input_embeddings()
    return Critic(embeddings.embedding_dim, config).to(embeddings.weight.device)


def turn_starts(turn_index: np.ndarray) -> np.ndarray:
    """The first token of every turn, bool (T,), from `Sample.turn_index`."""
    before = np.concatenate([[-1], turn_index[:-1]])
    return (turn_index >= 0) & (turn_index != before)


def critic_loss(
    values: Tensor, rows: Sequence[TrainingRow], config: CriticConfig, num_values: int
) -> LossOutputs:
    """The critic's share of the loss of a micro-batch.

    Args:
        values: (B, T), from `Critic`.
        rows: B rows with value targets.
        config: settings.
        num_values: values with a target in the whole optimizer step.
    """
    length, device = values.shape[1], values.device
    targets = [row.values for row in rows if row.values is not None]
    old, wanted = (
        pad_rows(arrays, length=length, dtype=values.dtype, device=device)
        for arrays in ([t.old_values for t in targets], [t.returns for t in targets])
    )
    mask = pad_rows([t.mask for t in targets], length=length, dtype=torch.bool, device=device)
    return value_loss(values, old, wanted, mask, config.loss, denominator=num_values)


@dataclass(frozen=True, kw_only=True)
class EpisodeCredit:
    """What an episode earned, and the samples it became.

    Attributes:
        rewards: (turns,), the outcome part of the last.
        samples: that cover its turns.
    """

    rewards: np.ndarray
    samples: list[Sample]


def credit_turns(
    episodes: Sequence[EpisodeCredit],
    values_of: Callable[[list[Sample]], list[np.ndarray]],
    config: CriticConfig,
) -> tuple[list[np.ndarray], list[ValueTargets], dict[str, float]]:
    """Advantages by generalized advantage estimation over the turns of each episode.

    Args:
        episodes: of a batch.
        values_of: samples -> the critic's values, one (T,) array each, read at turn starts.
        config: settings.

    Returns:
        Per sample, in order of episodes: advantages (T,) and value targets; and metrics:
        `value_mean`, `return_mean` and `explained_variance` (1 is a perfect critic, 0 a constant).

    Raises:
        ValueError: a turn without tokens.
    """
    if not episodes:
        return [], [], {}
    token_values = iter(values_of([s for episode in episodes for s in episode.samples]))
    values = [
        _turn_values(episode, [next(token_values) for _ in episode.samples]) for episode in episodes
    ]
    pairs = [
        generalized_advantages(e.rewards, v, discount=config.discount, decay=config.decay)
        for e, v in zip(episodes, values, strict=True)
    ]
    advantages = [advantage for advantage, _ in pairs]
    advantages = whiten(advantages) if config.whiten else advantages
    token_advantages: list[np.ndarray] = []
    targets: list[ValueTargets] = []
    for episode, advantage, old, (_, wanted) in zip(
        episodes, advantages, values, pairs, strict=True
    ):
        for sample in episode.samples:
            token_advantages.append(spread_over_tokens(advantage, sample.turn_index))
            targets.append(
                ValueTargets(
                    old_values=spread_over_tokens(old, sample.turn_index),
                    returns=spread_over_tokens(wanted, sample.turn_index),
                    mask=turn_starts(sample.turn_index),
                )
            )
    return token_advantages, targets, _metrics(values, [wanted for _, wanted in pairs])


def _turn_values(episode: EpisodeCredit, token_values: Sequence[np.ndarray]) -> np.ndarray:
    values = np.full(len(episode.rewards), np.nan)
    for sample, row in zip(episode.samples, token_values, strict=True):
        starts = turn_starts(sample.turn_index)
        values[sample.turn_index[starts]] = row[starts]
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise ValueError(f"turns {missing.tolist()} of an episode have no tokens, and so no value")
    return values


def _metrics(values: Sequence[np.ndarray], returns: Sequence[np.ndarray]) -> dict[str, float]:
    guessed, earned = np.concatenate(list(values)), np.concatenate(list(returns))
    spread = float(earned.var())
    explained = 1.0 - float((earned - guessed).var()) / spread if spread > 0 else 0.0
    return {
        "value_mean": float(guessed.mean()),
        "return_mean": float(earned.mean()),
        "explained_variance": explained,
    }
