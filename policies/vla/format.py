"""The chat format of a policy that replies with actions instead of words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from policies.chat import ChatFormat
from policies.inputs import ModelInputs
from policies.interface import Observation, PolicyOutput, Sample, TokenBudget
from policies.vla.binning import bin_of
from policies.vla.codec import ActionCodec
from policies.vla.ranges import Ranges, whole_chunk
from policies.vla.tokens import action_token_names, state_token_names


@dataclass(frozen=True, kw_only=True)
class StateFormat:
    """How a proprioceptive state becomes tokens, one per number.

    Attributes:
        ranges: of each number.
        num_bins: tokens of the vocabulary, at least 2.
    """

    ranges: Ranges
    num_bins: int

    def encode(self, state: np.ndarray) -> np.ndarray:
        """The bins, int64, of the numbers of a state (D,) that vary.

        Raises:
            ValueError: for another shape, or numbers that are not finite.
        """
        row = whole_chunk(state, 1, len(self.ranges.low))[0]
        return bin_of(self.ranges.normalise(row), self.num_bins)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"num_bins": self.num_bins, "ranges": self.ranges.to_json()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> StateFormat:
        """What `to_json` gave."""
        return cls(num_bins=record["num_bins"], ranges=Ranges.from_json(record["ranges"]))


@dataclass(frozen=True, kw_only=True)
class ActionSample(Sample):
    """A sample with the actions behind its tokens.

    Attributes:
        actions: float32 (T, D): at every token under the loss mask, that row of the chunk; 0
            elsewhere.
    """

    actions: np.ndarray


@dataclass(kw_only=True)
class ActionInputs(ModelInputs):
    """A batch with the actions behind its tokens.

    Attributes:
        actions: float32 (B, T, D).
    """

    actions: torch.Tensor


class ActionChat(ChatFormat):
    """A chat whose replies are action tokens alone, with no token that ends them, and whose
    observations end with their state, one token per number.
    """

    def __init__(
        self, tokenizer: Any, *, codec: ActionCodec, state: StateFormat | None, **settings: Any
    ) -> None:
        """
        Args:
            tokenizer: knows the action and state tokens too.
            codec: chunks <-> action tokens.
            state: how states are told; None leaves them out.
            settings: further arguments of `ChatFormat`.

        Raises:
            ValueError: where the tokenizer lacks a token.
        """
        super().__init__(tokenizer, **settings)
        self.codec, self.state = codec, state
        self.action_ids = _ids(tokenizer, action_token_names(codec.vocabulary_size))
        num_bins = 0 if state is None else state.num_bins
        self.state_ids = _ids(tokenizer, state_token_names(num_bins))
        costs = np.zeros(len(tokenizer), dtype=np.int64)
        costs[self.action_ids] = codec.token_costs
        self.budget = TokenBudget(costs=costs, total=codec.total_cost)
        self._token_of = {int(id): token for token, id in enumerate(self.action_ids)}

    def decode_action(self, reply_ids: np.ndarray) -> tuple[np.ndarray, str | None]:
        """The chunk, float32 (H, D), that a reply is, and None; or a hold and what is wrong."""
        try:
            tokens = [self._token_of[int(id)] for id in reply_ids]
        except KeyError as missing:
            hold = np.zeros((self.codec.num_steps, self.codec.num_dims), dtype=np.float32)
            return hold, f"token {missing} stands for no action"
        return self.codec.decode(np.asarray(tokens, dtype=np.int64))

    def collate(self, samples: Sequence[Sample]) -> ModelInputs:
        """See `ChatFormat`; with the actions where the samples have them."""
        inputs = super().collate(samples)
        if not all(isinstance(sample, ActionSample) for sample in samples):
            return inputs
        shape = (*inputs.input_ids.shape, self.codec.num_dims)
        actions = np.zeros(shape, dtype=np.float32)
        for row, sample in zip(actions, samples, strict=True):
            assert isinstance(sample, ActionSample)
            row[: len(sample.actions)] = sample.actions
        return ActionInputs(**vars(inputs), actions=torch.from_numpy(actions))

    def sample_turn(
        self, observations: Sequence[Observation], outputs: Sequence[PolicyOutput], turn: int
    ) -> Sample:
        """What the learner sees of one turn; with a continuous codec an `ActionSample`."""
        sample = super().sample_turn(observations, outputs, turn)
        if not self.codec.continuous:
            return sample
        chunk = outputs[-1].action
        if chunk is None:
            raise ValueError(f"turn {turn} is a reply in words; a policy of actions needs actions")
        actions = np.zeros((len(sample.loss_mask), self.codec.num_dims), dtype=np.float32)
        parts = {field.name: getattr(sample, field.name) for field in dataclasses.fields(Sample)}
        actions[sample.loss_mask] = whole_chunk(chunk, self.codec.num_steps, self.codec.num_dims)
        return ActionSample(**parts, actions=actions)

    def _state_tokens(self, observation: Observation) -> Sequence[int]:
        if self.state is None or observation.state is None:
            return ()
        return self.state_ids[self.state.encode(observation.state)].tolist()

    def _action_tokens(self, output: PolicyOutput) -> Sequence[int]:
        assert output.action is not None  # the chat asks only where there is no text
        return self.action_ids[self.codec.encode(output.action)].tolist()


def _ids(tokenizer: Any, names: Sequence[str]) -> np.ndarray:
    """The ids of special tokens, int64."""
    vocabulary = tokenizer.get_vocab()
    missing = [name for name in names if name not in vocabulary]
    if missing:
        raise ValueError(f"tokenizer lacks {missing[0]}; a policy of this codec needs it")
    return np.array([vocabulary[name] for name in names], dtype=np.int64)
