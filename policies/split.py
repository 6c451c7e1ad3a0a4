"""A policy in two halves: one chooses the actions, another gives the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from policies.interface import Conversation, Policy, PolicyOutput
from policies.replies import list_options, read_reply


class SplitPolicy:
    """Acts as one policy does until that one would answer; then another, which has seen the same,
    says what the answer is.

    Crossing actors with answerers tells apart what comes of choosing where to look and what of
    reading what was seen. Where the answerer would rather act on, `NO_ANSWER` stands for its reply,
    which is none of the options: it has been given all that it gets.

    Args:
        actor: chooses the actions, and when to stop.
        answerer: gives the answers; it must not be privileged.

    Attributes:
        num_unanswered: how often the answerer would rather have acted on.

    Raises:
        ValueError: for a privileged answerer.
    """

    def __init__(self, actor: Policy, answerer: Policy) -> None:
        if answerer.privileged:
            raise ValueError("the answerer is privileged; only the actor may be")
        self._actor, self._answerer = actor, answerer
        self.privileged = actor.privileged
        self.style = getattr(actor, "style", None)
        self.num_unanswered = 0

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Both forget these conversations."""
        self._actor.reset(conversation_ids)
        self._answerer.reset(conversation_ids)

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """The actor's action for each, or the answerer's answer."""
        outputs = self._actor.act(conversations)
        pairs = zip(conversations, outputs, strict=True)
        ready = [i for i, (asked, output) in enumerate(pairs) if is_answer(asked, output)]
        if ready:
            # What the expert would say is for privileged policies alone.
            asked = [replace(conversations[i], expert_reply=None) for i in ready]
            for i, said in zip(ready, self._answerer.act(asked), strict=True):
                outputs[i] = self._answer(conversations[i], said)
        return outputs

    def _answer(self, conversation: Conversation, said: PolicyOutput) -> PolicyOutput:
        if is_answer(conversation, said):
            return said
        self.num_unanswered += 1
        return PolicyOutput(text=NO_ANSWER, weights_version=said.weights_version)


NO_ANSWER = "<answer>no answer</answer>"
"""What a policy is taken to say that will not answer."""


def is_answer(conversation: Conversation, output: PolicyOutput) -> bool:
    """Whether a reply ends the episode with an answer, and does not ask for an action.

    A letter may stand for either: options that are actions open with a bracket.
    """
    reply = read_reply(output.text or "")
    if reply.kind != "answer":
        return False
    lists = (list_options(seen.text) for seen in reversed(conversation.observations))
    options = next((found for found in lists if found), {})
    return not options.get(reply.choice or "", "").startswith("[")
