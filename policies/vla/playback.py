"""Wrappers that turn action chunks into single actions. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.interface import Conversation, Policy, PolicyOutput, UnansweredError

Outcome = PolicyOutput | Exception


@dataclass(kw_only=True)
class _Chunk:
    """A chunk that is being played.

    Attributes:
        output: as the policy gave it.
        num_played: rows that are used up.
    """

    output: PolicyOutput
    num_played: int = 0


class ChunkPlayback:
    """Plays a policy's chunks row by row, and asks again when a chunk is used up.

    An output in words is passed on as it is. What is played carries no tokens, so a learner would
    take it for a demonstration: train on the policy itself.
    """

    def __init__(self, policy: Policy, num_steps: int | None = None) -> None:
        """
        Args:
            policy: gives chunks.
            num_steps: rows of a chunk that are played, at least 1; None plays all.

        Raises:
            ValueError: where `num_steps` is below 1.
        """
        if num_steps is not None and num_steps < 1:
            raise ValueError(f"num_steps={num_steps} must be at least 1, or None for whole chunks")
        self.policy, self.num_steps = policy, num_steps
        self.privileged = policy.privileged
        self.style: str = getattr(policy, "style", "best")
        self._chunks: dict[str, _Chunk] = {}

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Forget these conversations, in the policy too."""
        for conversation_id in conversation_ids:
            self._chunks.pop(conversation_id, None)
        self.policy.reset(conversation_ids)

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """The next row of each conversation's chunk, (1, D). See `Policy`."""
        waiting = [talk for talk in conversations if talk.conversation_id not in self._chunks]
        fresh = dict(zip([id(talk) for talk in waiting], ask(self.policy, waiting), strict=True))
        return answers([self._next(talk, fresh.get(id(talk))) for talk in conversations])

    def _next(self, talk: Conversation, fresh: Outcome | None) -> Outcome:
        if fresh is not None:
            if isinstance(fresh, Exception) or fresh.action is None:
                return fresh
            self._chunks[talk.conversation_id] = _Chunk(output=fresh)
        chunk = self._chunks[talk.conversation_id]
        rows = chunk.output.action
        assert rows is not None  # only chunks are kept
        row = rows[chunk.num_played][None]
        chunk.num_played += 1
        if chunk.num_played >= min(len(rows), self.num_steps or len(rows)):
            del self._chunks[talk.conversation_id]
        return PolicyOutput(action=row, weights_version=chunk.output.weights_version)


@dataclass(kw_only=True)
class _History:
    """The chunks of a conversation that reach its present step, oldest first.

    Attributes:
        chunks: (first step, rows (H, D)).
    """

    chunks: list[tuple[int, np.ndarray]] = field(default_factory=list)


class TemporalEnsemble:
    """Asks for a chunk at every step and averages what all chunks so far say about the present.

    The weight of the i-th chunk, from 0 for the oldest that still reaches the step, is
    exp(-decay * i) (ACT, arXiv 2304.13705, algorithm 2): the smaller `decay`, the faster new
    observations count. What it plays carries no tokens, as in `ChunkPlayback`.
    """

    def __init__(self, policy: Policy, decay: float = 0.01) -> None:
        """
        Args:
            policy: gives chunks of actions.
            decay: finite; 0 weighs all chunks alike.

        Raises:
            ValueError: where `decay` is not finite.
        """
        if not np.isfinite(decay):
            raise ValueError(f"decay={decay} must be finite")
        self.policy, self.decay = policy, decay
        self.privileged = policy.privileged
        self.style: str = getattr(policy, "style", "best")
        self._histories: dict[str, _History] = {}

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Forget these conversations, in the policy too."""
        for conversation_id in conversation_ids:
            self._histories.pop(conversation_id, None)
        self.policy.reset(conversation_ids)

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """The averaged action of each conversation, (1, D). See `Policy`.

        Raises:
            ValueError: where the policy replies in words, which have no average.
        """
        outcomes = ask(self.policy, conversations)
        pairs = zip(conversations, outcomes, strict=True)
        return answers([self._average(talk, outcome) for talk, outcome in pairs])

    def _average(self, talk: Conversation, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Exception):
            return outcome
        if outcome.action is None:
            raise ValueError(
                f"conversation {talk.conversation_id!r}: a reply in words has no average; temporal "
                "ensembling needs a policy of actions"
            )
        now = talk.turn
        history = self._histories.setdefault(talk.conversation_id, _History())
        history.chunks.append((now, np.asarray(outcome.action, dtype=np.float64)))
        history.chunks = [c for c in history.chunks if c[0] + len(c[1]) > now]
        rows = np.stack([rows[now - first] for first, rows in history.chunks])
        weights = np.exp(-self.decay * np.arange(len(rows)))
        mean = (weights[:, None] * rows).sum(axis=0) / weights.sum()
        action = mean[None].astype(np.float32)
        return PolicyOutput(action=action, weights_version=outcome.weights_version)


def ask(policy: Policy, conversations: Sequence[Conversation]) -> list[Outcome]:
    """Per conversation, the policy's output or why there is none. Asks nothing about none."""
    if not conversations:
        return []
    try:
        return list(policy.act(conversations))
    except UnansweredError as error:
        return list(error.outcomes)


def answers(outcomes: Sequence[Outcome]) -> list[PolicyOutput]:
    """The outputs.

    Raises:
        UnansweredError: where one is missing.
    """
    outputs = [outcome for outcome in outcomes if isinstance(outcome, PolicyOutput)]
    if len(outputs) < len(outcomes):
        raise UnansweredError(outcomes)
    return outputs
