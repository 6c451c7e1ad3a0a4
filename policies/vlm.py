"""A policy that is a vision-language model: chat format + engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from policies.chat import ChatFormat, Transcript
from policies.interface import (
    Conversation,
    Engine,
    GenerationRequest,
    Observation,
    PolicyOutput,
)
from policies.memory import remember
from policies.noise import make_noise_key


@dataclass(kw_only=True)
class _Memory:
    """A conversation as tokens so far, and the turns that these were made of."""

    transcript: Transcript = field(default_factory=Transcript)
    observations: list[Observation] = field(default_factory=list)
    outputs: list[PolicyOutput] = field(default_factory=list)


class VLMPolicy:
    """Answers conversations by sampling from an engine, one batch for all."""

    privileged = False

    def __init__(
        self,
        chat: ChatFormat,
        engine: Engine,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        blind: bool = False,
        max_context: int | None = None,
        picture_window: int | None = None,
    ) -> None:
        """
        Args:
            chat: the model's chat format.
            engine: generates tokens.
            max_new_tokens: longest reply, at least 1.
            temperature: of sampling; 0 takes the likeliest token.
            blind: every picture is replaced by a black one of the same size. The control that says
                how much of a score comes from the text alone.
            max_context: most tokens of prompt and reply together; None takes the engine's own limit
                where it names one (`engine.max_context`).
            picture_window: of how many observations, the newest, a prompt shows the pictures beside
                those of the first; None for all. See `policies.memory`.

        Raises:
            ValueError: where a number is out of range.
        """
        if picture_window is not None and picture_window < 1:
            raise ValueError(f"picture_window={picture_window} must be at least 1, or None")
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1")
        if temperature < 0:
            raise ValueError(f"temperature={temperature} must be 0 or above")
        self.chat = chat
        self.engine = engine
        self.max_new_tokens = max_new_tokens
        self.temperature = temperature
        self.blind = blind
        self.picture_window = picture_window
        self.max_context = max_context or getattr(engine, "max_context", None)
        self._memories: dict[str, _Memory] = {}

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Forget these conversations, in the engine too."""
        for conversation_id in conversation_ids:
            self._memories.pop(conversation_id, None)
        self.engine.forget(conversation_ids)

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """Sample one reply per conversation.

        Raises:
            ValueError: where a prompt and its reply would not fit the context, or a conversation
                brings the expert's reply along, which a learned policy must not see.
        """
        requests = [self._request(conversation) for conversation in conversations]
        completions = self.engine.generate(requests)
        return [
            PolicyOutput(
                text=self.chat.decode(completion.token_ids),
                reply_ids=completion.token_ids,
                rollout_logprobs=completion.rollout_logprobs,
                weights_version=completion.weights_version,
            )
            for completion in completions
        ]

    def transcript(
        self, observations: Sequence[Observation], outputs: Sequence[PolicyOutput]
    ) -> Transcript:
        """A conversation as this policy reads it now, for training: black pictures where blind,
        none that have left its memory.
        """
        seen = [self._seen(observation) for observation in observations]
        return self.chat.transcript(remember(seen, self.picture_window), outputs)

    def _request(self, conversation: Conversation) -> GenerationRequest:
        if conversation.expert_reply is not None:
            raise ValueError(
                f"conversation {conversation.conversation_id!r} carries expert_reply, which is for "
                "policies with privileged = True only"
            )
        prompt = self._remember(conversation).prompt()
        length = len(prompt.ids) + self.max_new_tokens
        if self.max_context is not None and length > self.max_context:
            raise ValueError(
                f"conversation {conversation.conversation_id!r}, turn {conversation.turn}: prompt "
                f"of {len(prompt.ids)} tokens + max_new_tokens={self.max_new_tokens} exceeds "
                f"max_context={self.max_context}"
            )
        return GenerationRequest(
            prompt_ids=prompt.ids,
            images=tuple(prompt.images),
            image_spans=prompt.image_spans,
            cache_key=conversation.conversation_id,
            noise_key=make_noise_key(conversation),
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            stop_ids=self.chat.stop_ids,
        )

    def _remember(self, conversation: Conversation) -> Transcript:
        """The conversation's transcript; only turns not met before are tokenised, unless pictures
        leave the prompt.
        """
        if self.picture_window is not None:
            return self.transcript(conversation.observations, conversation.outputs)
        memory = self._memories.get(conversation.conversation_id)
        if memory is None or not _continues(memory, conversation):
            memory = self._memories[conversation.conversation_id] = _Memory()
        new = conversation.observations[len(memory.observations) :]
        memory.observations = list(conversation.observations)
        memory.outputs = list(conversation.outputs)
        first = memory.transcript.num_observations
        seen = [*conversation.observations[:first], *(self._seen(o) for o in new)]
        self.chat.extend(memory.transcript, seen, conversation.outputs)
        return memory.transcript

    def _seen(self, observation: Observation) -> Observation:
        if not self.blind:
            return observation
        return replace(observation, images=tuple(np.zeros_like(i) for i in observation.images))


def _continues(memory: _Memory, conversation: Conversation) -> bool:
    """Whether a conversation begins with the very turns that were remembered under its id."""
    pairs = (
        (memory.observations, conversation.observations),
        (memory.outputs, conversation.outputs),
    )
    return all(
        len(old) <= len(new) and all(a is b for a, b in zip(old, new, strict=False))
        for old, new in pairs
    )
