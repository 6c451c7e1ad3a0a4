"""A policy that is a vision-language-action model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from policies.chat import Transcript
from policies.interface import (
    Completion,
    Conversation,
    Engine,
    GenerationRequest,
    PolicyOutput,
)
from policies.vla.format import ActionChat
from policies.vla.gaussian import ActionCompletion
from policies.vlm import VLMPolicy


class VlaPolicy(VLMPolicy):
    """Replies with action chunks. It has no memory beyond its window: a prompt shows the last few
    turns alone.

    Attributes:
        num_undecodable: replies so far that stood for no chunk, and became a hold (zeros).
    """

    chat: ActionChat

    def __init__(
        self,
        chat: ActionChat,
        engine: Engine,
        *,
        window: int = 1,
        temperature: float = 1.0,
        blind: bool = False,
    ) -> None:
        """
        Args:
            chat: tokens <-> actions, states and words.
            engine: generates tokens under a budget, or actions.
            window: turns that a prompt shows, at least 1.
            temperature: of sampling; 0 takes the likeliest tokens, or the mean.
            blind: whether every picture is replaced by a black one; the state is still told.

        Raises:
            ValueError: where a number is out of range.
        """
        super().__init__(
            chat,
            engine,
            max_new_tokens=chat.budget.total,
            temperature=temperature,
            blind=blind,
        )
        if window < 1:
            raise ValueError(f"window={window} must be at least 1")
        self.window = window
        self.num_undecodable = 0

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """One action chunk per conversation, float32 (H, D).

        Raises:
            ValueError: where a prompt and its reply would not fit the context, or a conversation
                brings the expert's reply along, which a learned policy must not see.
        """
        completions = self.engine.generate([self._request(talk) for talk in conversations])
        return [self._output(completion) for completion in completions]

    def _output(self, completion: Completion) -> PolicyOutput:
        density = None
        if isinstance(completion, ActionCompletion):
            action = completion.action
            density = float(completion.rollout_logprobs.sum())
        else:
            action, problem = self.chat.decode_action(completion.token_ids)
            self.num_undecodable += problem is not None
        return PolicyOutput(
            action=action,
            reply_ids=completion.token_ids,
            rollout_logprobs=completion.rollout_logprobs,
            action_logprob=density,
            weights_version=completion.weights_version,
        )

    def _request(self, conversation: Conversation) -> GenerationRequest:
        return replace(super()._request(conversation), stop_ids=(), budget=self.chat.budget)

    def _remember(self, conversation: Conversation) -> Transcript:
        observations = conversation.observations[-self.window :]
        outputs = conversation.outputs[len(conversation.outputs) + 1 - len(observations) :]
        return self.transcript(observations, outputs)
