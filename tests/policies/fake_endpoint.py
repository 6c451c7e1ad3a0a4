"""A chat-completions server on this machine that answers, and fails, as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class Failure:
    """An answer that is no chat completion.

    Attributes:
        status: of the answer.
        body: of the answer; None closes the connection without a word.
        headers: further ones.
        hold_seconds: wait before answering.
        byte_seconds: wait after each byte of the body; 0 sends it at once.
    """

    status: int = 500
    body: bytes | None = b'{"error": {"message": "out of order"}}'
    headers: dict[str, str] = field(default_factory=dict)
    hold_seconds: float = 0.0
    byte_seconds: float = 0.0


def completion(content: Any, **choice: Any) -> dict[str, Any]:
    """The JSON of a chat completion: 100 prompt tokens, 20 of them cached, and 7 of reply."""
    message = {"role": "assistant", "content": content, "reasoning_content": "Secretly: B."}
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice],
        "usage": usage | {"prompt_tokens_details": {"cached_tokens": 20}},
    }


class FakeEndpoint(ThreadingHTTPServer):
    """Answers with `play(body)`, which gives a text, a whole completion or a Failure, once the
    scripted failures are used up.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, play: Callable[[dict], Any], failures: list[Failure]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.play, self.failures = play, list(failures)
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.bodies: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.lock, self.over = threading.Lock(), threading.Event()

    def take_failure(self, body: dict, headers: dict[str, str]) -> Failure | None:
        with self.lock:
            self.bodies.append(body)
            self.headers.append(headers)
            return self.failures.pop(0) if self.failures else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that gave up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: FakeEndpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body["path"] = self.path
        answer = self.server.take_failure(body, dict(self.headers)) or self.server.play(body)
        if isinstance(answer, str):
            answer = completion(answer)
        if isinstance(answer, dict):
            answer = Failure(status=200, body=json.dumps(answer).encode())
        self.server.over.wait(answer.hold_seconds)
        if answer.body is not None:
            self.send(answer, answer.body)

    def send(self, answer: Failure, body: bytes) -> None:
        self.send_response(answer.status)
        for name, value in ({"Content-Length": str(len(body))} | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        pieces = [bytes([byte]) for byte in body] if answer.byte_seconds else [body]
        with suppress(ConnectionError):
            for piece in pieces:
                self.wfile.write(piece)
                self.server.over.wait(answer.byte_seconds)

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""


@contextmanager
def serve(play: Callable[[dict], Any], *failures: Failure) -> Iterator[FakeEndpoint]:
    """A running server; the failures come first, one per request."""
    with FakeEndpoint(play, list(failures)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def texts_of(message: dict) -> list[str]:
    """The texts among a user message's parts."""
    return [part["text"] for part in message["content"] if part["type"] == "text"]


def urls_of(message: dict) -> list[str]:
    """The addresses of the pictures among a user message's parts."""
    return [p["image_url"]["url"] for p in message["content"] if p["type"] == "image_url"]
