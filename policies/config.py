"""Which policy, as plain data. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

KINDS = ("expert", "random", "model", "openai")
IMAGE_DETAILS = (None, "low", "high", "auto")
NOT_EXTRA = ("messages", "model", "n", "stream")
"""Fields of a request's body that the policy must know of."""


@dataclass(kw_only=True)
class PolicyConfig:
    """A policy.

    Attributes:
        kind: "expert" (the environment's scripted one), "random", "model", or "openai" (a model
            behind an OpenAI-compatible endpoint).
        style: how an expert acts; what is legal is for the environment to say.
        path: for a model, the directory that training wrote, such as runs/demo/models/grpo.
        temperature: of a model's sampling; 0 takes the likeliest token.
        blind: whether a model sees black pictures instead of the real ones.
        max_batch_size: most conversations that a model decodes side by side, at least 1.
        max_new_tokens: longest reply of a model in tokens, at least 1.
        device: where a model lives: "cpu", "cuda" or "cuda:1".
        base_url: of an endpoint, such as http://127.0.0.1:8000/v1.
        model: the model's name at an endpoint.
        api_key_env: the environment variable that holds an endpoint's key, never the key itself,
            such as OPENAI_API_KEY; null for none. A server on this machine does without.
        max_concurrency: most requests to an endpoint under way at once, at least 1.
        max_retries: further attempts where an endpoint is busy or out of reach, 0 or more.
        timeout_seconds: longest silence of an endpoint before the next attempt [s], above 0.
        system_prompt: said to an endpoint's model before all else; null for nothing.
        image_detail: "low", "high" or "auto" for endpoints that know the setting; null leaves it
            out.
        extra_body: further fields of the request's body, added on the command line as
            +policy.extra_body.reasoning_effort=low; null leaves out a field that an endpoint
            refuses, as +policy.extra_body.seed=null.
        prompt_price: of a million prompt tokens, in any currency; null for no cost.
        cached_price: of a million prompt tokens that the endpoint had in its cache; null = as
            prompt_price.
        completion_price: of a million tokens of replies; null for no cost.
    """

    kind: str = "expert"
    style: str = "best"
    path: str | None = None
    temperature: float = 0.0
    blind: bool = False
    max_batch_size: int = 64
    max_new_tokens: int = 96
    device: str = "cpu"
    base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    max_concurrency: int = 16
    max_retries: int = 6
    timeout_seconds: float = 120.0
    system_prompt: str | None = None
    image_detail: str | None = None
    extra_body: dict[str, Any] = field(default_factory=dict)
    prompt_price: float | None = None
    cached_price: float | None = None
    completion_price: float | None = None

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.kind not in KINDS:
            raise ValueError(f"policy.kind is {self.kind!r}; legal: {', '.join(KINDS)}")
        if self.kind == "model" and self.path is None:
            raise ValueError(
                "policy.path is not set; policy=model needs the directory of a trained model, "
                "such as policy.path=runs/demo/models/grpo"
            )
        if not self.temperature >= 0:
            raise ValueError(f"policy.temperature is {self.temperature}; it must be 0 or more")
        for name in ("max_batch_size", "max_new_tokens", "max_concurrency"):
            if getattr(self, name) < 1:
                raise ValueError(f"policy.{name} is {getattr(self, name)}; it must be at least 1")
        if self.max_retries < 0:
            raise ValueError(f"policy.max_retries is {self.max_retries}; it must be 0 or more")
        if not 0 < self.timeout_seconds <= 86400:  # also refuses NaN; sockets overflow far above
            raise ValueError(
                f"policy.timeout_seconds is {self.timeout_seconds}; it must be above 0 and at most "
                "86400, a day"
            )
        if self.kind == "openai":
            self._check_endpoint()
        self._check_prices()

    def _check_endpoint(self) -> None:
        for name, example in (("base_url", "http://127.0.0.1:8000/v1"), ("model", "my-model")):
            if not getattr(self, name):
                raise ValueError(
                    f"policy.{name} is not set; policy=openai needs it, such as "
                    f"policy.{name}={example}"
                )
        assert self.base_url is not None
        from policies.engines.openai_http import check_base_url  # only those who need the network

        check_base_url(self.base_url)
        if self.api_key_env is not None and not re.fullmatch("[A-Z_][A-Z0-9_]*", self.api_key_env):
            raise ValueError(
                "policy.api_key_env is not the name of an environment variable, such as "
                "OPENAI_API_KEY, in upper case; the key itself must never stand in a configuration"
            )
        if self.image_detail not in IMAGE_DETAILS:
            raise ValueError(
                f"policy.image_detail is {self.image_detail!r}; legal: low, high, auto, null"
            )
        refused = sorted(set(self.extra_body) & set(NOT_EXTRA))
        if refused:
            raise ValueError(
                f"policy.extra_body holds {refused}; it must not set any of {', '.join(NOT_EXTRA)}"
            )

    def _check_prices(self) -> None:
        prices = ("prompt_price", "cached_price", "completion_price")
        given = {name: price for name in prices if (price := getattr(self, name)) is not None}
        for name, price in given.items():
            if not 0 <= price < float("inf"):
                raise ValueError(f"policy.{name} is {price}; it must be 0 or more, or null")
        if given and not {"prompt_price", "completion_price"} <= set(given):
            raise ValueError(
                f"policy.{' and policy.'.join(given)} set alone; a cost needs both "
                "policy.prompt_price and policy.completion_price"
            )
