"""The page of `play.py` and its server: this machine only, one thread, one request at a time.

The renderer of an environment belongs to the thread that made it, so the server has one thread.
Whoever else runs a browser on this machine, or makes this person's browser visit a page of theirs,
must not be able to play along: the host and the origin of every request are checked.
"""

from __future__ import annotations

import base64
import hashlib
import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from scripts.play_game import KINDS, Game, StaleError, tagged

HOSTS = ("127.0.0.1", "localhost")
MAX_BODY_BYTES = 65_536
IDLE_SECONDS = 0.5
"""Browsers open connections in advance; one that stays silent this long is closed [s]."""
BUSY_SECONDS = 10.0
"""How long a request that has begun may take to arrive and to be answered [s]."""


class RequestError(Exception):
    """A request that is refused.

    Args:
        status: the HTTP status.
        message: for the person at the page.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def make_page(*, show_belief: bool, show_gains: bool) -> tuple[bytes, str]:
    """The page, whole in one file, and the content policy that lets it load nothing else."""
    folder = Path(__file__).parent
    names = ("play_page.html", "play_page.css", "play_charts.js", "play_page.js")
    page, style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in names)
    script = "\n".join(scripts)
    checked = {"show_belief": show_belief, "show_gains": show_gains}
    words = {name: "checked" if value else "" for name, value in checked.items()}
    body = Template(page).substitute(style=style, script=script, **words)
    policy = (
        f"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src {_digest(style)};"
        f" script-src {_digest(script)}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return body.encode(), policy


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class PlayServer(HTTPServer):
    """Serves a game to browsers on this machine.

    Args:
        game: what is played.
        port: to listen on; 0 takes a free one.
        show_belief, show_gains: what the page shows at first.
    """

    def __init__(
        self, game: Game, *, port: int = 0, show_belief: bool = True, show_gains: bool = False
    ) -> None:
        self.game = game
        self.page, self.policy = make_page(show_belief=show_belief, show_gains=show_gains)
        super().__init__((HOSTS[0], port), _Handler)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOSTS[0]}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: PlayServer
    server_version, sys_version = "Saccade", ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        """The page, the game's state, or a picture of it."""
        try:
            self._check_sender()
            path = urlsplit(self.path).path
            if path == "/":
                self._send(self.server.page, "text/html; charset=utf-8", policy=self.server.policy)
            elif path == "/state":
                self._send_state()
            else:
                self._send_picture(path)
        except RequestError as error:
            self._send_state(error.status, str(error))

    def do_POST(self) -> None:
        """A reply, or the wish for another world."""
        try:
            self._check_sender()
            self._act(self._read_body())
            self._send_state()
        except RequestError as error:
            self._send_state(error.status, str(error))

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def _check_sender(self) -> None:
        self.connection.settimeout(BUSY_SECONDS)
        host = self.headers.get("Host", "")
        if _host_name(f"//{host}") not in HOSTS:
            raise RequestError(HTTPStatus.FORBIDDEN, f"host {host!r} is not this machine")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            raise RequestError(HTTPStatus.FORBIDDEN, f"origin {origin!r} is not this page")

    def _read_body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be JSON")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise RequestError(HTTPStatus.LENGTH_REQUIRED, "the body must have a length")
        if int(length[:20]) > MAX_BODY_BYTES:
            text = f"the body has {length[:20]} bytes; legal: up to {MAX_BODY_BYTES}"
            raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error
        if not isinstance(body, dict):
            raise RequestError(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
        return body

    def _act(self, body: dict[str, Any]) -> None:
        game = self.server.game
        path = urlsplit(self.path).path
        if path not in ("/reply", "/world"):
            raise RequestError(HTTPStatus.NOT_FOUND, "legal: /reply and /world")
        try:
            game.check_ticket(_field(body, "ticket", str))
            if path == "/world":
                game.start(_field(body, "index", int))
            elif "letter" in body:
                game.choose(_field(body, "letter", str))
            else:
                kind = _field(body, "kind", str)
                if kind not in KINDS:
                    raise ValueError(f"kind is {kind!r}; legal: {', '.join(KINDS)}")
                game.reply(tagged(_field(body, "text", str), kind))
        except StaleError as error:
            raise RequestError(HTTPStatus.CONFLICT, str(error)) from error
        except ValueError as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _send_state(self, status: HTTPStatus = HTTPStatus.OK, error: str = "") -> None:
        """The game as JSON, with what was wrong with the request. Strangers get only the latter."""
        known = status != HTTPStatus.FORBIDDEN
        answer = {"error": error, "state": self.server.game.snapshot() if known else None}
        self._send(json.dumps(answer).encode(), "application/json", status=status)

    def _send_picture(self, path: str) -> None:
        """`/picture/<episode>/<look>/<number>.png`"""
        game, parts = self.server.game, path.removesuffix(".png").split("/")
        if len(parts) == 5 and parts[:3] == ["", "picture", game.episode]:
            pictures = {
                (str(look), str(number)): png
                for look in range(len(game.looks))
                for number, png in enumerate(game.looks[look].pictures)
            }
            found = pictures.get((parts[3], parts[4]))
            if found is not None:
                self._send(found, "image/png", keep=True)
                return
        raise RequestError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _send(
        self,
        body: bytes,
        content_type: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        policy: str = "default-src 'none'",
        keep: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "private, max-age=3600" if keep else "no-store")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _field(body: dict[str, Any], name: str, kind: type) -> Any:
    """A field of a request. Raises ValueError where it is missing or of another type."""
    value = body.get(name)
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r:.80}; it must be of type {kind.__name__}")
    return value
