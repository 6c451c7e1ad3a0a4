"""Continuous actions: a Gaussian per row of a chunk, whose mean the language model gives.

The reply is one token per row. What token t stands for is drawn from a density that is read from
the hidden state before it, as words are, so that everything that learns from words' probabilities
learns from these densities too. Rows are independent given the prompt: one forward pass gives all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policies.engines.scoring import TokenScores, encode, scatter
from policies.inputs import ModelInputs, PictureFormat, TokenSequence, collate
from policies.interface import Completion, GenerationRequest
from policies.noise import make_generator
from policies.vla.format import ActionInputs
from policies.vla.ranges import Ranges

STD_GAIN = 10.0
"""An optimizer such as Adam moves every parameter by about its learning rate. The logarithm of a
standard deviation has further to go than a weight, so its parameter counts for ten.
"""
HEAD = "action_head"
"""The name under which a model has its head."""


class GaussianHead(nn.Module):
    """Hidden state -> a Gaussian over one action, independent per dimension.

    It works in units of half a dimension's range and speaks in the action's own. The standard
    deviation is learned but does not depend on the state: min_std + exp(STD_GAIN * a), in units of
    half a range. Dimensions that never varied keep their one value and have no density.
    """

    center: Tensor
    scale: Tensor
    free: Tensor

    def __init__(
        self,
        width: int,
        ranges: Ranges,
        *,
        init_std: float,
        min_std: float,
        weight_std: float = 0.05,
        seed: int = 0,
    ) -> None:
        """
        Args:
            width: of the hidden state.
            ranges: of each dimension of the action.
            init_std: standard deviation of actions before training, above `min_std`.
            min_std: its lower bound, above 0.
            weight_std: standard deviation of the mean's weights before training, 0 or more. From 0
                the model below gets no gradient until the head has moved: a tiny one then takes
                several times the examples to see where anything is.
            seed: decides the weights.
        """
        super().__init__()
        num_dims = len(ranges.low)
        self.mean = nn.Linear(width, num_dims)
        noise = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.mean.weight, std=weight_std, generator=noise)
        nn.init.zeros_(self.mean.bias)
        self.raw_std = nn.Parameter(
            torch.full((num_dims,), math.log(init_std - min_std) / STD_GAIN)
        )
        self.min_std = min_std
        low, high = torch.from_numpy(ranges.low), torch.from_numpy(ranges.high)
        self.register_buffer("center", ((low + high) / 2).float(), persistent=False)
        self.register_buffer("scale", ((high - low) / 2).float(), persistent=False)
        self.register_buffer("free", torch.from_numpy(ranges.free), persistent=False)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., D) and standard deviation (D,), in the action's units; the latter is 0 where
        there is no density.
        """
        spread = self.scale * self.free
        mean = self.center + spread * self.mean(hidden.to(self.mean.weight.dtype)).float()
        return mean, spread * self._std()

    def log_density(self, hidden: Tensor, actions: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Of actions (..., D) given hidden states (..., width), in nats: (...)."""
        mean, std = self(hidden)
        mean, std, actions = mean[..., self.free], std[self.free] * temperature, actions
        squares = ((actions[..., self.free] - mean) / std).square()
        return (-0.5 * squares - std.log() - 0.5 * math.log(2 * math.pi)).sum(dim=-1)

    def entropy(self, *, temperature: float = 1.0) -> Tensor:
        """In nats, of the density of one action."""
        spread = (self.scale * self._std())[self.free] * temperature
        return (spread.log() + 0.5 * math.log(2 * math.pi * math.e)).sum()

    def _std(self) -> Tensor:
        """Standard deviations (D,) in units of half a range."""
        return self.min_std + (STD_GAIN * self.raw_std).exp()


def score_gaussian(
    model: Any,
    inputs: ModelInputs,
    *,
    temperature: float = 1.0,
    select: Tensor | None = None,
) -> TokenScores:
    """`policies.engines.scoring.score` for rows of actions: log-densities and their entropies.

    Args:
        model: with an action head.
        inputs: `ActionInputs`.
        temperature: factor of the standard deviations, as in sampling; above 0.
        select: bool (B, T), the tokens that stand for rows.
    """
    if temperature <= 0:
        raise ValueError(f"temperature={temperature} must be above 0")
    if not isinstance(inputs, ActionInputs) or select is None:
        raise ValueError("a Gaussian head scores batches with actions, at given places")
    head: GaussianHead = getattr(model, HEAD)
    targets = (select & inputs.attention_mask)[:, 1:]
    hidden = encode(model, inputs)[:, :-1][targets]
    densities = head.log_density(hidden, inputs.actions[:, 1:][targets], temperature=temperature)
    entropies = head.entropy(temperature=temperature).expand(len(densities))
    return TokenScores(
        trainer_logprobs=scatter(densities, targets),
        entropies=scatter(entropies, targets),
        hidden=hidden,
    )


@dataclass(frozen=True, kw_only=True)
class ActionCompletion(Completion):
    """A reply whose tokens mark rows of a chunk.

    Attributes:
        action: float32 (H, D), what was drawn.
    """

    action: np.ndarray


class GaussianEngine:
    """Draws action chunks from a model with a Gaussian head. An `Engine` without a cache, since
    its prompts share next to nothing.
    """

    def __init__(
        self,
        model: Any,
        row_ids: np.ndarray,
        picture_format: PictureFormat,
        *,
        max_batch_size: int = 64,
        deterministic: bool = False,
    ) -> None:
        """
        Args:
            model: with an action head; shared with the learner.
            row_ids: int64 (H,), the tokens of a reply.
            picture_format: how the model cuts pictures.
            max_batch_size: most prompts in one forward pass.
            deterministic: one prompt per forward pass, so that nothing depends on the others.
        """
        self.model, self.row_ids, self.picture_format = model, row_ids, picture_format
        self.max_batch_size = 1 if deterministic else max_batch_size
        self.max_context: int = model.config.text_config.max_position_embeddings
        self.weights_version = 0

    @torch.inference_mode()
    def generate(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """One `ActionCompletion` per request, in order."""
        was_training = self.model.training
        self.model.eval()
        order = sorted(range(len(requests)), key=lambda i: len(requests[i].prompt_ids))
        completions: dict[int, Completion] = {}
        for first in range(0, len(order), self.max_batch_size):
            places = order[first : first + self.max_batch_size]
            batch = self._draw([requests[i] for i in places])
            completions |= dict(zip(places, batch, strict=True))
        self.model.train(was_training)
        return [completions[i] for i in range(len(requests))]

    def update_weights(self, source: Any, version: int) -> None:
        """See `TransformersEngine.update_weights`."""
        if source is not None:
            self.model.load_state_dict(source)
        self.weights_version = version

    def forget(self, cache_keys: Sequence[str]) -> None:
        """Nothing is kept."""

    def _draw(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        head: GaussianHead = getattr(self.model, HEAD)
        hidden = self._row_states(requests)
        mean, std = head(hidden)
        temperatures = torch.tensor([r.temperature for r in requests], device=mean.device)
        noise = np.stack(
            [make_generator(r.noise_key).standard_normal(mean.shape[1:]) for r in requests]
        )
        shift = torch.from_numpy(noise).to(mean) * std * temperatures[:, None, None]
        actions = mean + shift.float()
        densities = [
            head.log_density(h, a, temperature=float(r.temperature) or 1.0)
            for h, a, r in zip(hidden, actions, requests, strict=True)
        ]
        return [
            ActionCompletion(
                token_ids=self.row_ids.copy(),
                rollout_logprobs=density.cpu().numpy(),
                finish_reason="stop",
                weights_version=self.weights_version,
                action=action.cpu().numpy(),
            )
            for density, action in zip(densities, actions, strict=True)
        ]

    def _row_states(self, requests: Sequence[GenerationRequest]) -> Tensor:
        """The hidden states that the rows are read from, (B, H, width)."""
        sequences = [
            TokenSequence(
                ids=np.concatenate([r.prompt_ids, self.row_ids[:-1]]),
                images=r.images,
                image_spans=r.image_spans,
            )
            for r in requests
        ]
        device = next(self.model.parameters()).device
        hidden = encode(self.model, collate(sequences, self.picture_format).to(device))
        last = torch.tensor([len(r.prompt_ids) - 1 for r in requests], device=device)
        places = last[:, None] + torch.arange(len(self.row_ids), device=device)
        return hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[-1]))
