"""The client of an endpoint: what it reads, what it asks again, what it gives up, what it counts.

The server is a real one on this machine; nothing of the client is replaced but its patience.
"""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from policies.engines import openai_http
from policies.engines.openai_answers import parse_reply, parse_retry_after
from policies.engines.openai_http import ChatClient, EndpointError, pause_seconds
from tests.policies.fake_endpoint import Failure, completion, serve

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_http, "FIRST_PAUSE_SECONDS", 0.01)


def make_client(server, **settings) -> ChatClient:
    return ChatClient(server.base_url, **({"max_retries": 3, "timeout_seconds": 10.0} | settings))


def ask(server, **settings) -> dict:
    """What one reply used."""
    client = make_client(server, **settings)
    client.complete({"words": "hello"}, jitter_key="a")
    return client.usage()


def test_busy_and_broken_servers_are_asked_again() -> None:
    failures = [Failure(status=status) for status in (500, 408, 409, 503)]
    failures += [Failure(status=429, headers={"Retry-After": "0.3"}), Failure(body=None)]
    with serve(lambda body: "at last", *failures) as server:
        started = time.monotonic()
        usage = ask(server, max_retries=6)
        seconds = time.monotonic() - started
    assert (usage["num_requests"], usage["num_retries"], usage["num_replies"]) == (7, 6, 1)
    assert 0.3 < usage["backoff_seconds"] <= usage["seconds_waited"] <= seconds
    assert [body["words"] for body in server.bodies] == ["hello"] * 7


def test_a_server_that_stays_broken_is_given_up() -> None:
    with serve(lambda body: Failure(status=502, body=b"<html>bad   gateway")) as server:
        client = make_client(server, max_retries=2)
        told = "status 502: <html>bad gateway (attempt 3 of 3)"
        with pytest.raises(EndpointError, match=re.escape(told)) as caught:
            client.complete({}, jitter_key="a")
    assert (caught.value.status, caught.value.url) == (502, f"{server.base_url}/chat/completions")
    assert caught.value.url in str(caught.value)
    usage = client.usage()
    assert (usage["num_requests"], usage["num_failed"], usage["num_replies"]) == (3, 1, 0)


@pytest.mark.parametrize("status", [204, 400, 401, 404, 422])
def test_a_refusal_is_final(status) -> None:
    body = {"error": {"message": "no such picture " + "x" * 500, "code": 1}}
    refusal = Failure(status=status, body=b"" if status == 204 else json.dumps(body).encode())
    words = r"\(nothing\) " if status == 204 else r"no such picture x+\.\.\. "
    with (
        serve(lambda body: refusal) as server,
        pytest.raises(EndpointError, match=f"status {status}: {words}") as caught,
    ):
        ask(server)
    assert len(server.bodies) == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "a word"}', "a word"),
        (b'{"error": {"message": "two words"}}', "two words"),
        (b'{"object": "error", "message": "of old"}', "of old"),
        (b'{"detail": "three words"}', "three words"),
        (b'{"detail": [{"loc": 1}]}', '{"detail": [{"loc": 1}]}'),
        (b"\xff plain", "\N{REPLACEMENT CHARACTER} plain"),
        (b"[1]", "[1]"),
    ],
)
def test_the_servers_own_words_are_repeated(body, words) -> None:
    with (
        serve(lambda _: Failure(status=400, body=body)) as server,
        pytest.raises(EndpointError, match=re.escape(f"status 400: {words} (attempt 1 of 4)")),
    ):
        ask(server)


def test_silence_is_a_timeout() -> None:
    with serve(lambda body: "woken", Failure(hold_seconds=60)) as server:
        assert ask(server, timeout_seconds=1.0)["num_retries"] == 1
    with (
        serve(lambda body: Failure(hold_seconds=60)) as server,
        pytest.raises(EndpointError, match="no answer, TimeoutError: timed out") as caught,
    ):
        ask(server, timeout_seconds=0.2, max_retries=1)
    assert caught.value.status is None


def test_an_answer_that_trickles_is_a_timeout() -> None:
    trickle = Failure(status=200, body=b" " * 10_000, byte_seconds=0.05)
    with (
        serve(lambda body: trickle) as server,
        pytest.raises(EndpointError, match="the answer did not end in time"),
    ):
        ask(server, timeout_seconds=1.0, max_retries=0)


def test_nobody_there_is_a_connection_error() -> None:
    with serve(lambda body: "never") as server:
        pass
    with pytest.raises(EndpointError, match=r"ConnectionRefusedError.*\(attempt 2 of 2\)"):
        ask(server, max_retries=1)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": [{"message": {"content": [{"type": "text"}]}}]}',
        b'{"choices": [{"message": {"content": "cut off"}}], "usage": 5}',
        b'{"error": {"message": "overloaded"}}',
        b"[" * 100_000,
    ],
)
def test_unreadable_answers_are_asked_for_again(body) -> None:
    unreadable = Failure(status=200, body=body)
    with serve(lambda body: "clear", unreadable) as server:
        assert ask(server)["num_retries"] == 1
    with (
        serve(lambda body: unreadable) as server,
        pytest.raises(EndpointError, match="no chat completion"),
    ):
        ask(server, max_retries=1)


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    whole = json.dumps(completion("short")).encode()
    broken = Failure(status=200, body=whole[:40], headers={"Content-Length": str(len(whole))})
    with serve(lambda body: "whole", broken) as server:
        assert ask(server)["num_retries"] == 1


def test_an_endless_answer_is_cut_and_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_http, "MAX_REPLY_BYTES", 1000)
    with (
        serve(lambda body: "x" * 10_000_000) as server,
        pytest.raises(EndpointError, match="longer than 1000 bytes"),
    ):
        ask(server)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status) -> None:
    with serve(lambda body: "stolen") as thief:
        target = {"Location": f"{thief.base_url}/chat/completions"}
        refusal = Failure(status=status, body=b"", headers=target)
        with (
            serve(lambda body: refusal) as server,
            pytest.raises(EndpointError, match=f"redirects are not followed.*{thief.base_url}"),
        ):
            ask(server, api_key=KEY)
    assert thief.bodies == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        ("", ""),
        ([], ""),
        ([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}], "in parts"),
        ([{"type": "thinking", "thinking": []}, {"type": "refusal", "refusal": "no"}], ""),
        ("half \ud83d of a pair, \U0001f642", "half ? of a pair, \U0001f642"),
    ],
)
def test_every_form_of_content_is_a_reply(content, text) -> None:
    with serve(lambda body: completion(content)) as server:
        client = make_client(server)
        assert client.complete({}, jitter_key="a").text == text
    assert client.usage()["empty_replies"] == int(text == "")


def test_a_message_without_content_is_an_empty_reply() -> None:
    with serve(lambda body: {"choices": [{"message": {"refusal": "I cannot."}}]}) as server:
        client = make_client(server)
        assert client.complete({}, jitter_key="a").text == ""
    usage = client.usage()
    assert (usage["replies_without_usage"], usage["empty_replies"]) == (1, 1)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (0, 0)


@pytest.mark.parametrize("count", [-1, 1.5, True, "7", None, {}])
def test_counts_that_are_none_are_not_counted(count) -> None:
    answer = completion("x")
    answer["usage"]["prompt_tokens"] = count
    reply = parse_reply(json.dumps(answer).encode())
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (None, 7, 0)


def test_pauses_grow_vary_and_honour_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_http, "FIRST_PAUSE_SECONDS", 0.5)
    for attempt, longest in enumerate((0.5, 1, 2, 4, 8, 16, 30, 30)):
        pauses = [pause_seconds(attempt, f"conversation {i}") for i in range(200)]
        assert longest / 2 <= min(pauses) < 0.55 * longest
        assert 0.95 * longest < max(pauses) < longest
        asked = pause_seconds(attempt, "conversation 0", 7.0)
        assert asked == pytest.approx(7 + pauses[0])
    assert pause_seconds(0, "a") == pause_seconds(0, "a") != pause_seconds(0, "b")
    assert 60 <= pause_seconds(0, "a", 1e9) < 61
    assert 15 <= pause_seconds(10**6, "a") < 30


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    now = datetime.now(UTC)
    later = format_datetime(now + timedelta(seconds=40), usegmt=True)
    assert 30 < parse_retry_after(later) <= 40
    assert parse_retry_after(format_datetime(now - timedelta(days=1), usegmt=True)) == 0
    assert parse_retry_after("2.5") == 2.5
    for text in (None, "", "-3", "nan", "inf", "soon", "Mon, 99 Foo"):
        assert parse_retry_after(text) == 0


def test_proxies_are_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    with serve(lambda body: "by proxy") as proxy, serve(lambda body: "directly") as server:
        monkeypatch.setenv("http_proxy", proxy.base_url)
        near = make_client(server)
        far = ChatClient("http://models.example/v1", max_retries=0)
        assert near.complete({}, jitter_key="a").text == "directly"
        assert far.complete({}, jitter_key="a").text == "by proxy"
    assert proxy.bodies[0]["path"] == "http://models.example/v1/chat/completions"


def test_what_is_stopped_sends_no_more() -> None:
    stop = threading.Event()

    def play(body):
        stop.set()
        return Failure(status=429, headers={"Retry-After": "30"})

    with serve(play) as server:
        client = make_client(server)
        started = time.monotonic()
        with pytest.raises(EndpointError, match="interrupted"):
            client.complete({}, jitter_key="a", stop=stop)
    assert time.monotonic() - started < 10
    assert len(server.bodies) == 1
