"""A policy that is a model behind an OpenAI-compatible endpoint: conversations in, replies out."""

from __future__ import annotations

import base64
import io
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from policies.engines.openai_http import ChatClient, EndpointError, is_local, is_one_word
from policies.interface import Conversation, Observation, PolicyOutput, UnansweredError
from policies.noise import make_generator, make_noise_key


@dataclass(frozen=True, kw_only=True)
class TokenPrices:
    """What a million tokens cost, in any one currency.

    Attributes:
        prompt: of the prompt.
        completion: of the reply, reasoning included.
        cached: of those of the prompt that the server had in its cache; None = as `prompt`.
    """

    prompt: float
    completion: float
    cached: float | None = None

    def cost(self, usage: Mapping[str, float]) -> float:
        """The price of what `ChatClient.usage` counted."""
        cached = self.prompt if self.cached is None else self.cached
        fresh_tokens = usage["prompt_tokens"] - usage["cached_tokens"]
        total = fresh_tokens * self.prompt + usage["cached_tokens"] * cached
        return (total + usage["completion_tokens"] * self.completion) / 1e6


class EndpointPolicy:
    """Answers conversations by asking an endpoint, several at once.

    A reply that the model left empty, such as a refusal, is the reply "": for the environment to
    judge. Equal conversations are asked with equal seeds; whether they then get equal replies is up
    to the server.

    Args:
        client: asks the endpoint.
        model: the model's name there.
        max_new_tokens: longest reply, at least 1; for models that reason, reasoning included.
        temperature: of sampling; 0 takes the likeliest token.
        max_concurrency: most requests under way at once, at least 1.
        system_prompt: said before all else; None for nothing.
        blind: every picture is replaced by a black one of the same size.
        image_detail: "low", "high" or "auto", for endpoints that know the setting; None leaves it
            out.
        extra_body: further fields of the request's body, over those of the policy; None for a value
            leaves the field out, as some models ask for.
        prices: None for no cost in `usage`.

    Raises:
        ValueError: where a number is out of range.
    """

    privileged = False

    def __init__(
        self,
        client: ChatClient,
        *,
        model: str,
        max_new_tokens: int,
        temperature: float = 0.0,
        max_concurrency: int = 16,
        system_prompt: str | None = None,
        blind: bool = False,
        image_detail: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        prices: TokenPrices | None = None,
    ) -> None:
        if min(max_new_tokens, max_concurrency) < 1:
            raise ValueError(
                f"max_new_tokens={max_new_tokens} and max_concurrency={max_concurrency} must be "
                "at least 1"
            )
        self.client, self.prices = client, prices
        self.max_concurrency = max_concurrency
        self.system_prompt, self.blind, self.image_detail = system_prompt, blind, image_detail
        self._settings = {
            "model": model,
            "max_tokens": max_new_tokens,
            "temperature": temperature,
        }
        self._extra_body = dict(extra_body or {})

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """The endpoint's reply to each.

        Raises:
            UnansweredError: where some got none, after all others got theirs; it carries these.
            ValueError: where a conversation cannot be asked about.
        """
        stop = threading.Event()
        pool = ThreadPoolExecutor(max_workers=self.max_concurrency)
        try:
            asked = [pool.submit(self._answer, each, stop) for each in conversations]
            outcomes = [future.result() for future in asked]
        finally:
            # After Ctrl-C or a bug, nothing is sent any more and nothing is waited for.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
        outputs = [outcome for outcome in outcomes if isinstance(outcome, PolicyOutput)]
        if len(outputs) < len(outcomes):
            raise UnansweredError(outcomes)
        return outputs

    def usage(self) -> dict[str, int | float]:
        """What `ChatClient.usage` counted and, where prices are given, its `cost`."""
        usage = self.client.usage()
        return usage if self.prices is None else usage | {"cost": self.prices.cost(usage)}

    def request_body(self, conversation: Conversation) -> dict[str, Any]:
        """The body of the request for a conversation's next reply.

        Raises:
            ValueError: where no reply is awaited, an earlier one was an action, or the conversation
                brings the expert's reply along, which a model must not see.
        """
        if conversation.expert_reply is not None:
            raise ValueError(
                f"conversation {conversation.conversation_id!r} carries expert_reply, which is for "
                "policies with privileged = True only"
            )
        noise = make_generator(make_noise_key(conversation))
        body = {
            **self._settings,
            "seed": int(noise.integers(2**31)),
            "messages": self._messages(conversation),
            **self._extra_body,
        }
        return {name: value for name, value in body.items() if value is not None}

    def _answer(
        self, conversation: Conversation, stop: threading.Event
    ) -> PolicyOutput | EndpointError:
        key = f"{conversation.conversation_id}/{conversation.turn}"
        body = self.request_body(conversation)
        try:
            return PolicyOutput(text=self.client.complete(body, jitter_key=key, stop=stop).text)
        except EndpointError as error:
            return error

    def _messages(self, conversation: Conversation) -> list[dict[str, Any]]:
        """The conversation as chat messages: system, then user and assistant by turns."""
        observations, outputs = conversation.observations, conversation.outputs
        if len(observations) != len(outputs) + 1:
            raise ValueError(
                f"conversation {conversation.conversation_id!r} has {len(observations)} "
                f"observations and {len(outputs)} outputs; a reply needs one observation more"
            )
        messages: list[dict[str, Any]] = []
        if self.system_prompt is not None:
            messages.append({"role": "system", "content": self.system_prompt})
        for observation, output in zip(observations, outputs, strict=False):
            if output.text is None:
                raise ValueError("a chat needs replies in words; this output is an action")
            messages.append({"role": "user", "content": self._parts(observation)})
            messages.append({"role": "assistant", "content": output.text})
        return [*messages, {"role": "user", "content": self._parts(observations[-1])}]

    def _parts(self, observation: Observation) -> list[dict[str, Any]]:
        """An observation as content parts, in the order of our own chat format."""
        detail = {} if self.image_detail is None else {"detail": self.image_detail}
        parts: list[dict[str, Any]] = []
        for part in observation.parts() or [""]:
            if isinstance(part, str):
                parts.append({"type": "text", "text": part})
                continue
            url = picture_url(np.zeros_like(part) if self.blind else part)
            parts.append({"type": "image_url", "image_url": {"url": url, **detail}})
        return parts


def picture_url(image: np.ndarray) -> str:
    """uint8 (H, W, 3) -> a data URL that holds the very same pixels as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def load_api_key(variable: str | None, base_url: str) -> str | None:
    """The key from the environment; None where none is needed.

    Args:
        variable: name of the environment variable that holds it, or None.
        base_url: whom it is for; a server on this machine does without.

    Raises:
        ValueError: where the variable is not set, or holds what cannot be a key.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key and not is_local(base_url):
        raise ValueError(
            f"policy.api_key_env is {variable!r}, but no environment variable of that name is set; "
            "put the key there, or set policy.api_key_env=null for an endpoint without keys"
        )
    if key and not is_one_word(key):
        raise ValueError(
            f"the environment variable {variable} (policy.api_key_env) must be printable ASCII "
            "without spaces"
        )
    return key or None
