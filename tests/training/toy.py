"""A language model of a few hundred numbers, for tests of the learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from policies.interface import Sample
from training.critic import Critic
from training.learner import Learner
from training.learner_config import LearnerConfig

NUM_TOKENS = 11


class ToyModel(nn.Module):
    """Predicts token t from token t-1 and the running mean of all earlier ones."""

    def __init__(self, *, seed: int = 0, width: int = 8, tied: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.embed = nn.Embedding(NUM_TOKENS, width)
        self.mix = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, NUM_TOKENS, bias=False)
        for parameter in (self.embed.weight, self.mix.weight, self.head.weight):
            nn.init.normal_(parameter, std=0.5, generator=generator)
        nn.init.zeros_(self.mix.bias)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, input_ids: Tensor) -> Tensor:
        """(B, T) -> logits (B, T, NUM_TOKENS) of the token after each."""
        return self.head(self.encode(input_ids))

    def encode(self, input_ids: Tensor) -> Tensor:
        """(B, T) -> hidden states (B, T, width)."""
        embedded = self.embed(input_ids)
        counts = torch.arange(1, input_ids.shape[1] + 1, dtype=embedded.dtype)[:, None]
        context = torch.cat([embedded, embedded.cumsum(dim=1) / counts], dim=-1)
        return self.norm(torch.tanh(self.mix(context)))


@dataclass
class ToyInputs:
    input_ids: Tensor

    def to(self, device: torch.device) -> ToyInputs:
        return ToyInputs(input_ids=self.input_ids.to(device))


@dataclass
class ToyScores:
    trainer_logprobs: Tensor
    entropies: Tensor
    hidden: Tensor | None = None


def collate(samples: Sequence[Sample]) -> ToyInputs:
    length = max(len(sample.input_ids) for sample in samples)
    ids = torch.zeros(len(samples), length, dtype=torch.int64)
    for row, sample in zip(ids, samples, strict=True):
        row[: len(sample.input_ids)] = torch.from_numpy(sample.input_ids)
    return ToyInputs(input_ids=ids)


def score(
    model: ToyModel, inputs: ToyInputs, *, temperature: float = 1.0, select: Tensor | None = None
) -> ToyScores:
    hidden = model.encode(inputs.input_ids)[:, :-1]
    table = torch.log_softmax(model.head(hidden) / temperature, dim=-1)
    chosen = table.gather(-1, inputs.input_ids[:, 1:, None])[..., 0]
    entropies = -(table.exp() * table).sum(dim=-1)
    first = chosen.new_zeros(len(chosen), 1)
    return ToyScores(
        torch.cat([first, chosen], dim=1),
        torch.cat([first, entropies], dim=1),
        None if select is None else hidden[select[:, 1:]],
    )


def make_samples(*, seed: int, lengths: Sequence[int] = (9, 5, 12, 7, 6, 10, 4, 8)) -> list[Sample]:
    """Random samples of two turns each: an observation, a reply, an observation, a reply."""
    rng = np.random.default_rng(seed)
    samples = []
    for length in lengths:
        turns = np.full(length, -1, dtype=np.int32)
        half = length // 2
        turns[1:half], turns[half + 1 :] = 0, 1
        mask = turns >= 0
        rollout = np.where(mask, rng.normal(-2.4, 0.4, length), 0.0).astype(np.float32)
        samples.append(
            Sample(
                input_ids=rng.integers(0, NUM_TOKENS, length),
                loss_mask=mask,
                turn_index=turns,
                rollout_logprobs=rollout,
                images=(),
                image_spans=np.zeros((0, 2), dtype=np.int64),
                last_turn=2,
            )
        )
    return samples


def make_learner(model: nn.Module, **settings: object) -> Learner:
    config = LearnerConfig(**{"learning_rate": 0.02, **settings})
    critic = None if config.critic is None else Critic(model.head.in_features, config.critic)
    return Learner(model, collate=collate, score=score, config=config, critic=critic)
