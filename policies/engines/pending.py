"""Replies on their way through an engine: what is asked, what is cached, what is sampled so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from policies.engines.rows import CachedRow
from policies.engines.sampling import affordable
from policies.inputs import TokenSequence
from policies.interface import Completion, GenerationRequest
from policies.noise import make_generator

SLOT_STEP = 128
SUFFIX_STEP = 32


@dataclass(kw_only=True, eq=False)
class PendingReply:
    """One request and its reply so far.

    Attributes:
        place: index among the requests of the call, -1 for a stand-in that only fills a batch.
        request: what is asked.
        cached: the row that holds the beginning of the prompt, or None.
        start: how many tokens of the prompt that are.
        keep: whether keys and values stay for the next turn.
        tokens, logprobs: what is sampled so far.
        spent: of the request's budget.
        reason: None until the reply is complete, then "stop" or "length".
    """

    place: int
    request: GenerationRequest
    cached: CachedRow | None = None
    start: int = 0
    keep: bool = True
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    spent: int = 0
    reason: str | None = None

    @property
    def num_suffix(self) -> int:
        """Prompt tokens still to be computed."""
        return len(self.request.prompt_ids) - self.start

    @property
    def num_slots(self) -> int:
        """Slots that the finished row may take."""
        return len(self.request.prompt_ids) + self.request.max_new_tokens

    @property
    def fixed_shape(self) -> tuple[int, int]:
        """Slots and prompt columns, rounded up, as they depend on this request alone."""
        return _round_up(self.num_slots, SLOT_STEP), _round_up(self.num_suffix, SUFFIX_STEP)

    def sequence(self) -> TokenSequence:
        """The prompt, with the part that is still to be computed marked."""
        return TokenSequence(
            ids=self.request.prompt_ids,
            images=self.request.images,
            image_spans=self.request.image_spans,
            first=self.start,
        )

    def take(self, token: int, logprob: float) -> None:
        """Add a sampled token and see whether the reply is complete."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        budget = self.request.budget
        self.spent += 0 if budget is None else int(budget.costs[token])
        if token in self.request.stop_ids or (budget is not None and self.spent >= budget.total):
            self.reason = "stop"
        elif len(self.tokens) == self.request.max_new_tokens:
            self.reason = "length"

    def row(self, used_at: int) -> CachedRow:
        """What its row of the pool holds: all but the last token, which was not fed back yet."""
        request = self.request
        ids = np.concatenate([request.prompt_ids, np.asarray(self.tokens[:-1], dtype=np.int64)])
        return CachedRow(
            key=request.cache_key,
            ids=ids,
            images=tuple(request.images),
            image_spans=request.image_spans,
            used_at=used_at,
        )

    def completion(self, weights_version: int) -> Completion:
        """The finished reply."""
        return Completion(
            token_ids=np.asarray(self.tokens, dtype=np.int64),
            rollout_logprobs=np.asarray(self.logprobs, dtype=np.float32),
            finish_reason=self.reason or "length",
            weights_version=weights_version,
        )


def make_stand_in() -> PendingReply:
    """A finished reply of one token that fills a batch up to a fixed number of rows."""
    request = GenerationRequest(
        prompt_ids=np.zeros(1, dtype=np.int64),
        image_spans=np.zeros((0, 2), dtype=np.int64),
        cache_key="",
        noise_key=(),
        max_new_tokens=1,
    )
    return PendingReply(place=-1, request=request, keep=False, reason="length")


def find_twins(replies: Sequence[PendingReply]) -> dict[PendingReply, PendingReply]:
    """Replies whose whole prompt, pictures included, is that of another one: reply -> the first
    such.

    The members of a group start from the same observation, so its keys and values are computed
    once.
    """
    first: dict[tuple[bytes, ...], PendingReply] = {}
    twins = {}
    for reply in replies:
        if reply.start:
            continue
        pictures = [image.tobytes() for image in reply.request.images]
        key = (reply.request.prompt_ids.tobytes(), *pictures)
        if first.setdefault(key, reply) is not reply:
            twins[reply] = first[key]
    return twins


def split_prompts(replies: Sequence[PendingReply], max_scores: int) -> list[tuple[int, int]]:
    """Cut replies, sorted by `num_suffix`, into ranges that are computed together.

    A range ends where padding would more than double the work, and where its attention mask would
    have more than `max_scores` entries.
    """
    ranges = []
    first = 0
    for index, reply in enumerate(replies):
        columns = reply.num_suffix
        area = (index + 1 - first) * columns * len(reply.request.prompt_ids)
        too_ragged = columns > 2 * replies[first].num_suffix + SUFFIX_STEP
        if index > first and (too_ragged or area > max_scores):
            ranges.append((first, index))
            first = index
    return [*ranges, (first, len(replies))]


@dataclass(kw_only=True)
class DecodeState:
    """Per row of a decoding batch, on the model's device.

    Attributes:
        lengths: int64 (B,), tokens in the cache.
        positions: int64 (B,), rotary position of the next token.
        temperatures: float32 (B,).
        uniforms: float64 (B, longest reply), the sampling noise.
        costs: int64 (B, V), as in `TokenBudget`; None where no request has a budget.
        left: int64 (B,), what is left of the budgets; 0 where there is none. None likewise.
    """

    lengths: torch.Tensor
    positions: torch.Tensor
    temperatures: torch.Tensor
    uniforms: torch.Tensor
    costs: torch.Tensor | None = None
    left: torch.Tensor | None = None

    @classmethod
    def start(
        cls, replies: Sequence[PendingReply], positions: torch.Tensor, vocab_size: int
    ) -> DecodeState:
        """The state after the prompts are computed; `positions` is int64 (B,)."""
        longest = max(reply.request.max_new_tokens for reply in replies)
        uniforms = np.stack(
            [make_generator(reply.request.noise_key).random(longest) for reply in replies]
        )
        lengths = [len(reply.request.prompt_ids) for reply in replies]
        temperatures = [float(reply.request.temperature) for reply in replies]
        device = positions.device
        costs, left = _budgets(replies, vocab_size)
        return cls(
            lengths=torch.tensor(lengths, device=device),
            positions=positions,
            temperatures=torch.tensor(temperatures, device=device),
            uniforms=torch.from_numpy(uniforms).to(device),
            costs=None if costs is None else costs.to(device),
            left=None if left is None else left.to(device),
        )

    def select(self, order: Sequence[int]) -> DecodeState:
        """These rows in this order."""
        index = torch.as_tensor(order, device=self.lengths.device)
        rows = {n: None if value is None else value[index] for n, value in vars(self).items()}
        return DecodeState(**rows)  # type: ignore[arg-type]  # None only where None was

    def restrict(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) with what the budgets rule out at minus infinity."""
        if self.costs is None or self.left is None:
            return logits
        ruled_out = ~affordable(self.costs, self.left) & (self.left > 0)[:, None]
        return logits.masked_fill(ruled_out, -torch.inf)

    def spend(self, tokens: torch.Tensor) -> None:
        """Take the costs of sampled tokens, int64 (B,), off the budgets."""
        if self.costs is not None and self.left is not None:
            self.left = self.left - self.costs.gather(1, tokens[:, None])[:, 0]


def _budgets(
    replies: Sequence[PendingReply], vocab_size: int
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """`DecodeState.costs` and `DecodeState.left` before the first token."""
    budgets = [reply.request.budget for reply in replies]
    if all(budget is None for budget in budgets):
        return None, None
    none = np.zeros(vocab_size, dtype=np.int64)
    costs = np.stack([none if budget is None else budget.costs for budget in budgets])
    left = [0 if budget is None else budget.total for budget in budgets]
    return torch.from_numpy(costs), torch.tensor(left)


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step
