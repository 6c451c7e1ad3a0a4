"""What a chat-completions endpoint answers, as plain data. Nothing in an answer is trusted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ChatReply:
    """What a model replied, and what it cost.

    Attributes:
        text: the reply without its separate reasoning; empty where the model said nothing.
        finish_reason: the server's word for why the reply ended, such as "stop" or "length"; empty
            where it gave none.
        prompt_tokens, completion_tokens: as the server counted them; None where it did not.
        cached_tokens: those of the prompt's tokens that the server had in its cache; 0 where it
            does not say.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int


def parse_reply(payload: bytes) -> ChatReply:
    """A chat completion from its JSON.

    Raises:
        ValueError: where it is none.
    """
    try:
        answer = json.loads(payload)
        choice = answer["choices"][0]
        text = _content_text(choice["message"].get("content"))
        usage = answer.get("usage") or {}
        prompt_tokens = _token_count(usage.get("prompt_tokens"))
        details = usage.get("prompt_tokens_details") or {}
        cached_tokens = _token_count(details.get("cached_tokens")) or 0
        return ChatReply(
            text=text,
            finish_reason=str(choice.get("finish_reason") or ""),
            prompt_tokens=prompt_tokens,
            completion_tokens=_token_count(usage.get("completion_tokens")),
            cached_tokens=min(cached_tokens, prompt_tokens or 0),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no chat completion ({type(error).__name__})") from error


def parse_error(payload: bytes) -> str:
    """What the server says is wrong: the message in its JSON, or else the whole text."""
    text = payload.decode(errors="replace")
    try:
        answer = json.loads(text)
        error = answer.get("error", answer)
        message = error if isinstance(error, str) else error.get("message", error.get("detail"))
    except (ValueError, AttributeError, RecursionError):
        return text
    return message if isinstance(message, str) else text


def parse_retry_after(value: str | None) -> float:
    """Seconds from now that a `Retry-After` header asks for, as seconds or as a date; 0 where it is
    missing, past or unreadable.
    """
    try:
        seconds = float(value or 0)
    except ValueError:
        try:
            when = parsedate_to_datetime(value or "")
        except (ValueError, TypeError):
            return 0.0
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _content_text(content: Any) -> str:
    """The text of a message's content: a string, a list of parts, or nothing.

    Halves of surrogate pairs become "?", since no file could hold them.
    """
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part["type"] == "text")
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError(f"content is a {type(content).__name__}")
    return content.encode(errors="replace").decode()


def _token_count(value: Any) -> int | None:
    """A count as the server gave it; None where it is no whole number from 0."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None
