"""Policies without weights: the expert, and baselines for learned policies. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from policies.interface import Conversation, PolicyOutput
from policies.noise import make_generator, make_noise_key
from policies.replies import list_options


class ExpertPolicy:
    """Gives the reply of the environment's own expert, which the collector hands over.

    Args:
        style: how the expert acts; the environment says what is legal.
    """

    privileged = True

    def __init__(self, style: str = "best") -> None:
        self.style = style

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """The expert's reply to each.

        Raises:
            ValueError: where a conversation carries no expert reply.
        """
        return [self._output(conversation) for conversation in conversations]

    def _output(self, conversation: Conversation) -> PolicyOutput:
        reply = conversation.expert_reply
        if reply is None:
            raise ValueError(
                f"conversation {conversation.conversation_id!r} has no expert_reply: the "
                "environment has no expert, or the collector did not pass its reply on"
            )
        if isinstance(reply, str):
            return PolicyOutput(text=reply)
        return PolicyOutput(action=np.atleast_2d(np.asarray(reply, dtype=np.float32)))


TIME = re.compile(r"\[(\d+:\d\d(?::\d\d)?(?:\.\d+)?)\]")
"""How observations of films name the time of a frame."""


_EXAMPLE = re.compile(r"<output>[^<>]*</output>")
_NUMBER = re.compile(r"\d+\.\d+")


class RandomPolicy:
    """Replies with one of the lettered options now on offer, answer or action, each as likely as
    the others; where there are none, as the example of an `<output>` that is shown, with random
    numbers in [0, 1] in it; else with a stretch of film between two of the times named.
    """

    privileged = False

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """`<answer>X</answer>` for each, X an option of the last list in its observations, or
        `<answer>0:12 to 1:40</answer>`, or `<output>[[0.512, 0.071]]</output>`.

        The noise comes from the conversation's keys, so equal conversations get equal answers.

        Raises:
            ValueError: where no observation lists options, names times or shows an example.
        """
        return [PolicyOutput(text=self._reply(conversation)) for conversation in conversations]

    def _reply(self, conversation: Conversation) -> str:
        lists = (list_options(obs.text) for obs in reversed(conversation.observations))
        letters = list(next((options for options in lists if options), {}))
        generator = make_generator(make_noise_key(conversation))
        if letters:
            return f"<answer>{letters[generator.integers(len(letters))]}</answer>"
        told = "\n".join(obs.text for obs in conversation.observations)
        examples = _EXAMPLE.findall(told)
        if examples:
            return _NUMBER.sub(lambda match: f"{generator.random():.3f}", examples[-1])
        times = TIME.findall(told)
        if len(times) < 2:
            raise ValueError(
                f"conversation {conversation.conversation_id!r}: no lettered options such as "
                "'A. red' in any observation, no example of an <output> and no times such as "
                "'[1:40]', so there is nothing to choose from"
            )
        first, last = sorted(generator.permutation(len(times))[:2].tolist())
        return f"<answer>{times[first]} to {times[last]}</answer>"


class ConstantPolicy:
    """A fixed rule from conversations to replies, such as always the same letter."""

    privileged = False

    def __init__(self, reply: str | Callable[[Conversation], str]) -> None:
        """
        Args:
            reply: the reply to everything, or a function that gives it.
        """
        self._reply = reply

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """The rule's reply to each."""
        reply = self._reply
        return [
            PolicyOutput(text=reply if isinstance(reply, str) else reply(c)) for c in conversations
        ]


class RandomActionPolicy:
    """Uniform action chunks for environments with continuous control."""

    privileged = False

    def __init__(
        self, *, low: np.ndarray | float, high: np.ndarray | float, shape: tuple[int, int]
    ) -> None:
        """
        Args:
            low, high: bounds of the action, broadcast to `shape`.
            shape: (control steps per chunk, width of an action).

        Raises:
            ValueError: where a bound is infinite or low is above high.
        """
        self._low = np.broadcast_to(np.asarray(low, dtype=np.float64), shape)
        self._high = np.broadcast_to(np.asarray(high, dtype=np.float64), shape)
        if not (np.isfinite(self._low).all() and np.isfinite(self._high).all()):
            raise ValueError(f"low={low} and high={high} must be finite")
        if (self._low > self._high).any():
            raise ValueError(f"low={low} must not be above high={high}")

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """One chunk for each; the noise comes from the conversation's keys."""
        return [PolicyOutput(action=self._action(conversation)) for conversation in conversations]

    def _action(self, conversation: Conversation) -> np.ndarray:
        generator = make_generator(make_noise_key(conversation))
        return generator.uniform(self._low, self._high).astype(np.float32)
