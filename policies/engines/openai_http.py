"""Asks a chat-completions endpoint over HTTP, as OpenAI, vLLM's server and most hosted models have.

Every thread sends one request at a time; any number of threads may share a client. Standard library
only.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
import threading
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from policies.engines.openai_answers import ChatReply, parse_error, parse_reply, parse_retry_after
from saccade import __version__

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 60.0
MAX_REPLY_BYTES = 8 * 2**20
MAX_ERROR_BYTES = 2**16
MAX_MESSAGE_CHARS = 300

COUNTS = (
    "num_requests",
    "num_retries",
    "num_replies",
    "num_failed",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "empty_replies",
    "truncated_replies",
    "replies_without_usage",
)


class EndpointError(RuntimeError):
    """An endpoint gave no reply and is not asked again. The message never holds the key.

    Args:
        message: what happened.
        url: of the request.
        status: the HTTP status of the last answer, None where there was none.
    """

    def __init__(self, message: str, *, url: str, status: int | None = None) -> None:
        super().__init__(message)
        self.url, self.status = url, status


class _AttemptError(Exception):
    """One attempt failed; `transient` says whether another one may fare better."""

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        status: int | None = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.transient, self.status, self.retry_after = transient, status, retry_after


class ChatClient:
    """Asks one endpoint, again where that may help, and counts what it costs.

    Connection errors, timeouts, unreadable answers and the statuses 408, 409, 429 and 5xx are
    tried again; everything else is final. Redirects are never followed: the key stays with the host
    that it was given for. Proxies are those of the environment; this machine's own servers are
    asked without.

    Args:
        base_url: such as https://api.example.com/v1 or http://127.0.0.1:8000/v1.
        api_key: sent as a bearer token; None for servers that want none.
        max_retries: further attempts after the first, 0 or more.
        timeout_seconds: longest silence of the server [s], above 0. An answer that is still coming
            in after this time is given up too.

    Raises:
        ValueError: where the address or the key cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        max_retries: int = 6,
        timeout_seconds: float = 120.0,
    ) -> None:
        check_base_url(base_url)
        if api_key is not None and not is_one_word(api_key):
            raise ValueError("the API key must be printable ASCII without spaces, and not empty")
        self.url = f"{base_url.rstrip('/')}/chat/completions"
        self.max_retries, self.timeout_seconds = max_retries, timeout_seconds
        self._api_key = api_key
        self._opener = OpenerDirector()  # with nothing in it that would follow a redirect
        proxies = ProxyHandler({} if is_local(base_url) else None)
        for handler in (proxies, HTTPHandler(), HTTPSHandler()):
            self._opener.add_handler(handler)
        self._used: dict[str, float] = dict.fromkeys(COUNTS, 0)
        self._used |= {"seconds_waited": 0.0, "backoff_seconds": 0.0}
        self._lock = threading.Lock()

    def complete(
        self, body: Mapping[str, Any], *, jitter_key: str, stop: threading.Event | None = None
    ) -> ChatReply:
        """The reply to one request. Blocks; safe to call from many threads.

        Args:
            body: of the request, JSON-able.
            jitter_key: decides by how much the pauses between attempts vary; different for requests
                that are sent side by side, so that these do not come back in step.
            stop: once set, nothing more is sent; None for never.

        Raises:
            EndpointError: where the endpoint refused, or no attempt brought a reply.
        """
        data = json.dumps(body, allow_nan=False).encode()
        started = time.monotonic()
        try:
            reply = self._insist(data, jitter_key, stop or threading.Event())
        except EndpointError:
            self._count(num_failed=1)
            raise
        finally:
            self._count(seconds_waited=time.monotonic() - started)
        self._count_reply(reply)
        return reply

    def usage(self) -> dict[str, int | float]:
        """What was used since the client was made, over all threads.

        Returns:
            `num_requests` sent, of which `num_retries` repeated a failed one; `num_replies` that
            came and `num_failed` that were given up; `prompt_tokens` (of which `cached_tokens` came
            from the server's cache) and `completion_tokens` as the server counted them, failed
            attempts and `replies_without_usage` left out; `empty_replies`, and `truncated_replies`
            that reached the token limit; `seconds_waited` [s], summed over all that was asked, of
            which `backoff_seconds` between attempts.
        """
        with self._lock:
            return dict(self._used)

    def _insist(self, data: bytes, jitter_key: str, stop: threading.Event) -> ChatReply:
        """Attempts until one succeeds or there is no point in another."""
        for attempt in itertools.count():
            if stop.is_set():
                break
            self._count(num_requests=1, num_retries=int(attempt > 0))
            try:
                return self._attempt(data)
            except _AttemptError as error:
                if not error.transient or attempt >= self.max_retries:
                    tries = f"attempt {attempt + 1} of {self.max_retries + 1}"
                    raise EndpointError(
                        f"POST {self.url}: {error} ({tries})", url=self.url, status=error.status
                    ) from error
                pause = pause_seconds(attempt, jitter_key, error.retry_after)
            paused = time.monotonic()
            stop.wait(pause)
            self._count(backoff_seconds=time.monotonic() - paused)
        raise EndpointError(f"POST {self.url}: interrupted", url=self.url)

    def _attempt(self, data: bytes) -> ChatReply:
        deadline = time.monotonic() + self.timeout_seconds
        try:
            with self._opener.open(self._request(data), timeout=self.timeout_seconds) as response:
                limit = MAX_REPLY_BYTES if response.status == 200 else MAX_ERROR_BYTES
                payload = _read(response, limit, deadline)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            message = f"no answer, {type(reason).__name__}: {reason}"
            raise _AttemptError(message, transient=True) from error
        if response.status != 200:
            raise self._refusal(response, payload)
        if len(payload) > limit:
            raise _AttemptError(f"the answer is longer than {limit} bytes", transient=False)
        try:
            return parse_reply(payload)
        except ValueError as error:
            message = f"{error}: {self._said(parse_error(payload))}"
            raise _AttemptError(message, transient=True, status=200) from error

    def _request(self, data: bytes) -> Request:
        headers = {"Content-Type": "application/json", "User-Agent": f"saccade/{__version__}"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return Request(self.url, data=data, headers=headers, method="POST")

    def _refusal(self, response: HTTPResponse, payload: bytes) -> _AttemptError:
        """What an answer that is no success means."""
        status, headers = response.status, response.headers
        message = self._said(parse_error(payload))
        if 300 <= status < 400:
            target = self._said(headers.get("Location") or "")
            message = f"redirects are not followed; this one leads to {target}"
        return _AttemptError(
            f"status {status}: {message}",
            transient=status in (408, 409, 429) or status >= 500,
            status=status,
            retry_after=parse_retry_after(headers.get("Retry-After")),
        )

    def _said(self, text: str) -> str:
        """The server's words on one short line, without the key."""
        if self._api_key is not None:
            text = text.replace(self._api_key, "[key]")
        text = " ".join(text.split()) or "(nothing)"
        return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]}..."

    def _count_reply(self, reply: ChatReply) -> None:
        self._count(
            num_replies=1,
            prompt_tokens=reply.prompt_tokens or 0,
            cached_tokens=reply.cached_tokens,
            completion_tokens=reply.completion_tokens or 0,
            empty_replies=int(not reply.text),
            truncated_replies=int(reply.finish_reason == "length"),
            replies_without_usage=int(None in (reply.prompt_tokens, reply.completion_tokens)),
        )

    def _count(self, **amounts: float) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self._used[name] += amount


def check_base_url(base_url: str) -> None:
    """Raise `ValueError` where an address is not the start of an endpoint's. An address that may
    hold a secret is not repeated.
    """
    if set(base_url) & set("@?#"):
        raise ValueError(
            "policy.base_url holds one of the characters @ ? #; it must be a plain address such as "
            "http://127.0.0.1:8000/v1, and a key stands in the variable that policy.api_key_env "
            "names"
        )
    try:
        parts = urlsplit(base_url)
        legal = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        legal = False
    if not (legal and is_one_word(base_url)) or base_url.rstrip("/").endswith("/completions"):
        raise ValueError(
            f"policy.base_url is {base_url!r}; it must be what stands before /chat/completions, "
            "such as http://127.0.0.1:8000/v1 or https://api.openai.com/v1"
        )


def is_one_word(text: str) -> bool:
    """Whether a text is printable ASCII without spaces and not empty: safe in a header."""
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


def is_local(base_url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pause_seconds(attempt: int, jitter_key: str, retry_after: float = 0.0) -> float:
    """How long to wait after a failed attempt [s].

    What the server asked for (at most 60 s), and on top min(30, 0.5 * 2^attempt) scaled by a factor
    in [0.5, 1) that is a hash of the key and the attempt.

    Args:
        attempt: that failed, from 0.
        jitter_key: see `ChatClient.complete`.
        retry_after: what the server asked for [s].
    """
    digest = hashlib.blake2b(f"{jitter_key}/{attempt}".encode(), digest_size=6).digest()
    factor = 0.5 + 0.5 * int.from_bytes(digest, "little") / 2**48
    pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 60))
    return min(retry_after, MAX_RETRY_AFTER_SECONDS) + factor * pause


def _read(response: HTTPResponse, limit: int, deadline: float) -> bytes:
    """The body of an answer; of one that is too long, a little more than `limit` bytes."""
    payload = bytearray()
    while len(payload) <= limit and (chunk := response.read1(2**16)):
        payload += chunk
        if time.monotonic() > deadline:
            raise TimeoutError("the answer did not end in time")
    return bytes(payload)
