"""The narrow door between whatever acts and whatever is acted on.

A policy sees a batch of conversations and answers each with one output. It never sees an
environment, a reward, or the private truth. Everything here is plain data over numpy, so that a
headless rollout of a scripted policy needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

IMAGE_MARKER = "<image>"
"""Where a picture stands in an observation's text."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What an environment shows at one turn.

    Attributes:
        text: what the environment says; may be empty. It either holds one `IMAGE_MARKER` for each
            picture, where that picture stands, or none at all: then pictures come before the text.
        images: the new pictures of this turn, each uint8 of shape (H, W, 3), RGB.
        state: proprioception, float32 of shape (D,), or None for environments without a robot.
    """

    text: str
    images: tuple[np.ndarray, ...] = ()
    state: np.ndarray | None = None

    @classmethod
    def from_env(cls, obs: dict[str, Any]) -> Observation:
        """Read the observation dict of the suite's environments (`text`, `images`, maybe
        `state`).
        """
        return cls(text=obs["text"], images=tuple(obs["images"]), state=obs.get("state"))

    def parts(self) -> list[str | np.ndarray]:
        """Words and pictures in the order in which they are read; no empty words.

        Raises:
            ValueError: where the text has markers, but not one for each picture.
        """
        words = split_at_images(self.text, len(self.images))
        pairs = zip(words, [*self.images, None], strict=True)
        parts = [part for pair in pairs for part in pair]
        return [part for part in parts if part is not None and not _is_empty(part)]


@dataclass(frozen=True, kw_only=True)
class PolicyOutput:
    """What a policy does at one turn: a reply in words, or an action chunk, and how it came about.

    Attributes:
        text: the whole reply, for language environments; None where `action` is given.
        action: float32 of shape (H, D), H control steps of D numbers; None where `text` is given.
        reply_ids: int64 of shape (T,), the tokens that were sampled, the end-of-turn token included
            when it was sampled; None for policies without tokens.
        rollout_logprobs: float32 of shape (T,), log-probability of each token of `reply_ids` under
            the distribution it was drawn from (after temperature); None for policies without
            tokens.
        action_logprob: log-density of `action`, or None.
        value: a critic's estimate of the return, or None.
        weights_version: version of the weights that produced this output; 0 for scripted policies.
    """

    text: str | None = None
    action: np.ndarray | None = None
    reply_ids: np.ndarray | None = None
    rollout_logprobs: np.ndarray | None = None
    action_logprob: float | None = None
    value: float | None = None
    weights_version: int = 0

    def __post_init__(self) -> None:
        if (self.text is None) == (self.action is None):
            raise ValueError("PolicyOutput needs exactly one of text and action")
        ids, logprobs = self.reply_ids, self.rollout_logprobs
        if ids is not None and logprobs is not None and len(ids) != len(logprobs):
            raise ValueError(f"{len(ids)} reply_ids but {len(logprobs)} rollout_logprobs")


@dataclass(kw_only=True)
class Conversation:
    """The turns of one episode so far, as a policy may see them.

    A conversation waits for a reply when it has one observation more than outputs.

    Attributes:
        conversation_id: unique among the conversations alive at once; engines key their caches by
            it.
        task_id: names what was asked; equal for the members of a group.
        sample_index: which member of its group this is; 0 when there is no group.
        sampling_seed: the run's seed. Sampling noise is a function of (sampling_seed, task_id,
            sample_index, turn, token) and of nothing else.
        observations: one per turn, oldest first.
        outputs: the replies given so far.
        expert_reply: what the environment's scripted expert does at this turn: a reply, or an
            action chunk, float32 (H, D) or (D,). The privileged channel: filled by the collector
            only for policies that declare `privileged = True`, None for all others.
    """

    conversation_id: str
    task_id: str = ""
    sample_index: int = 0
    sampling_seed: int = 0
    observations: list[Observation] = field(default_factory=list)
    outputs: list[PolicyOutput] = field(default_factory=list)
    expert_reply: str | np.ndarray | None = None

    @property
    def turn(self) -> int:
        """Index of the turn that is waiting for a reply, from 0."""
        return len(self.outputs)


class UnansweredError(RuntimeError):
    """A policy has no output for some conversations of a batch; the others need not suffer for it.

    Args:
        outcomes: per conversation of the batch, in order: its output, or why there is none.
    """

    def __init__(self, outcomes: Sequence[PolicyOutput | Exception]) -> None:
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        super().__init__(
            f"{len(errors)} of {len(outcomes)} conversations got no reply. The first: {errors[0]}"
        )
        self.outcomes = tuple(outcomes)


@runtime_checkable
class Policy(Protocol):
    """Anything that acts. Chunk playback, retries and recording are wrappers or observers
    around it.
    """

    privileged: bool
    """True only for experts: the collector then hands over the environment's `expert_reply()`."""

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Forget what is kept for these conversations: they are about to start, or are over."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """Answer every conversation, in order. Always batched.

        Raises:
            UnansweredError: where only some cannot be answered. Any other exception is about all.
        """


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One append-only token sequence with its pictures: what the learner trains on.

    `input_ids` is expanded: every picture stands there as as many placeholder tokens as it has
        features.
    `image_spans` says where, so that `compact_ids` gives back one placeholder per picture without
    ever re-tokenising.

    Attributes:
        input_ids: int64 (T,), expanded.
        loss_mask: bool (T,), True on the tokens that the policy sampled (or, in imitation, should
            have).
        turn_index: int32 (T,), the turn that produced a token under the loss mask, -1 elsewhere.
        rollout_logprobs: float32 (T,), zero where the loss mask is False; None for imitation data.
        images: uint8 (H, W, 3) pictures in the order of their placeholders, already at the size the
            model sees.
        image_spans: int64 (N, 2), half-open [start, end) of each picture's placeholders in
            `input_ids`.
        role: what the sequence is for: "policy", or the name of a second stage, critic or probe.
        first_turn, last_turn: half-open range of the episode's turns that the sequence covers.
    """

    input_ids: np.ndarray
    loss_mask: np.ndarray
    turn_index: np.ndarray
    rollout_logprobs: np.ndarray | None
    images: tuple[np.ndarray, ...]
    image_spans: np.ndarray
    role: str = "policy"
    first_turn: int = 0
    last_turn: int = 0

    def __post_init__(self) -> None:
        length = len(self.input_ids)
        for name in ("loss_mask", "turn_index", "rollout_logprobs"):
            value = getattr(self, name)
            if value is not None and len(value) != length:
                raise ValueError(f"Sample.{name} has {len(value)} entries for {length} tokens")
        if len(self.images) != len(self.image_spans):
            raise ValueError(
                f"{len(self.images)} images but {len(self.image_spans)} placeholder spans"
            )

    def compact_ids(self) -> np.ndarray:
        """`input_ids` with exactly one placeholder per picture, int64. Engines such as
        vLLM want those.
        """
        keep = np.ones(len(self.input_ids), dtype=bool)
        for start, end in self.image_spans:
            keep[start + 1 : end] = False
        return self.input_ids[keep]


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenBudget:
    """Which tokens a reply may be made of: those with a cost, until the costs add up to the total.

    At every place the tokens that cost more than what is left are ruled out, and the probabilities
    of the others are scaled to add up to 1. Trainers must score replies in the same way.

    Attributes:
        costs: int64 (V,), of every token of the vocabulary; 0 rules it out. One at least costs 1.
        total: what a whole reply costs, at least 1.
    """

    costs: np.ndarray
    total: int


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One reply asked of an engine: token in, token out.

    Attributes:
        prompt_ids: int64 (T,), expanded placeholders, everything said so far.
        images: all pictures of the prompt, uint8 (H, W, 3), in order.
        image_spans: int64 (N, 2), as in `Sample`.
        cache_key: requests of one conversation share it; an engine may keep what it computed for
            the longest prefix it has already seen under this key.
        noise_key: integers from which the sampling noise is derived; token k uses the k-th draw.
        max_new_tokens: at least 1.
        temperature: 0 takes the likeliest token.
        stop_ids: a sampled token among these ends the reply and is part of it.
        budget: limits the reply to some tokens, and ends it when it is spent; None for no limit.
    """

    prompt_ids: np.ndarray
    images: tuple[np.ndarray, ...] = ()
    image_spans: np.ndarray
    cache_key: str
    noise_key: tuple[int, ...]
    max_new_tokens: int
    temperature: float = 1.0
    stop_ids: tuple[int, ...] = ()
    budget: TokenBudget | None = None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What an engine generated.

    Attributes:
        token_ids: int64 (T,), the stop token included when it was sampled.
        rollout_logprobs: float32 (T,), under the distribution after temperature (for temperature 0,
            under temperature 1).
        finish_reason: "stop" or "length".
        weights_version: version of the weights that were used.
    """

    token_ids: np.ndarray
    rollout_logprobs: np.ndarray
    finish_reason: str
    weights_version: int


@runtime_checkable
class Engine(Protocol):
    """Generates tokens. Knows no chat format, no tags and no environment."""

    weights_version: int

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """One completion per request, in order."""

    def update_weights(self, source: Any, version: int) -> None:
        """Take new weights. `source` is what the engine's transfer protocol defines (None when the
        engine shares the learner's module); every cache made with older weights is dropped.
        """

    def forget(self, cache_keys: Sequence[str]) -> None:
        """Drop what is cached for these conversations."""


def split_at_images(text: str, num_images: int) -> list[str]:
    """The words before each picture, and those after the last: num_images + 1 texts, maybe empty.

    Raises:
        ValueError: where the text has markers, but not one for each picture.
    """
    words = text.split(IMAGE_MARKER)
    if len(words) == 1:
        return [""] * num_images + words
    if len(words) != num_images + 1:
        raise ValueError(
            f"the text has {len(words) - 1} {IMAGE_MARKER} for {num_images} pictures; legal: one "
            "for each, or none"
        )
    return words


def _is_empty(part: str | np.ndarray) -> bool:
    return isinstance(part, str) and not part
