"""`scripts/play.py`: a person plays over HTTP or in the terminal, and strangers do not."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from configs.play_schema import PlayScript
from scripts import play as play_script
from scripts.hydra_door import run_script
from scripts.play_game import Game, StaleError, tagged, typed_kind
from scripts.play_server import MAX_BODY_BYTES, PlayServer
from scripts.play_terminal import play_in_terminal
from sims.config import EnvConfig
from tests.fakes import FakeArm, FakeFilm, FakeScene
from tests.scripts.real_scripts import start

Answer = tuple[int, dict[str, str], Any]


class BeliefScene(FakeScene):
    """The scene with the lid, and what should be believed about the colour below it."""

    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(
            action.replace("action>", "answer>")
        )
        info["truth"]["kind"] = "answer" if terminated else "action"
        return obs, reward, terminated, truncated, info

    def observe(self, success, **texts):
        obs, info = super().observe(success, **texts)
        first, second = self.facts["answers"]
        right = self.facts["answers"][self.facts["gold"]]
        sure = {first: float(first == right), second: float(second == right)}
        lifted = self.facts["lifted"]
        belief = sure if lifted else {first: 0.5, second: 0.5}
        gains = {"C": 0.0 if lifted else float(np.log(2))}
        info["truth"] = {"gold": right, "belief": belief, "expected_gains": gains}
        return obs, info


def right_letter(game: Game) -> str:
    options, gold = game.now.options, game.looks[0].truth["gold"]
    return next(letter for letter, text in options.items() if text == gold)


@pytest.fixture
def game() -> Game:
    return Game(BeliefScene(), purpose="validation", index=2)


@pytest.fixture
def server(game: Game) -> Iterator[PlayServer]:
    with PlayServer(game, show_gains=True) as running:
        running.timeout = 0.05
        yield running


def served(server: PlayServer, client: Callable[[], Answer]) -> Answer:
    """What a client gets, in a thread of its own, while the server works in this one."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client)
        while not future.done():
            server.handle_request()
        return future.result()


def ask(
    server: PlayServer, path: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> Answer:
    """Status, headers and body of a request; a body that is no bytes is sent as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data=data)
    for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
        request.add_header(name, value)

    def client() -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    status, found, content = served(server, client)
    is_json = found.get("Content-Type") == "application/json"
    return status, found, json.loads(content) if is_json else content


def state_of(server: PlayServer) -> dict[str, Any]:
    status, _, answer = ask(server, "/state")
    assert (status, answer["error"]) == (200, "")
    return answer["state"]


def test_an_episode_over_http(server: PlayServer) -> None:
    state = state_of(server)
    assert (state["turn"], state["over"], state["gold"], state["index"]) == (0, False, None, 2)
    assert state["question"] == "Which colour is under the lid?"
    assert [option["action"] for option in state["options"]] == [False, False, True]
    assert state["gains"] == {"C": pytest.approx(0.6931, abs=1e-4)}
    status, _, answer = ask(server, "/reply", {"ticket": state["ticket"], "letter": "C"})
    state = answer["state"]
    assert (status, state["turn"], state["over"]) == (200, 1, False)
    assert [look["words"] for look in state["looks"]] == ["first view", "[Lift] the lid"]
    assert [look["entropy"] for look in state["looks"]] == pytest.approx([0.6931, 0.0], abs=1e-4)
    letter = right_letter(server.game)
    _, _, answer = ask(server, "/reply", {"ticket": state["ticket"], "letter": letter})
    state = answer["state"]
    assert (state["over"], state["success"], state["reward"]) == (True, True, 1.0)
    assert state["gold"] == server.game.looks[0].truth["gold"]


def test_pictures_come_as_they_were_seen(server: PlayServer) -> None:
    state = state_of(server)
    ask(server, "/reply", {"ticket": state["ticket"], "letter": "C"})
    lids = []
    for look in (0, 1):
        status, headers, png = ask(server, f"/picture/{state['episode']}/{look}/0.png")
        assert (status, headers["Content-Type"]) == (200, "image/png")
        lids.append(np.asarray(Image.open(io.BytesIO(png)))[4, 4].tolist())
    assert lids[0] == [128, 128, 128] and lids[1] != lids[0]


@pytest.mark.parametrize(
    "path",
    ["/picture/{}/9/0.png", "/picture/{}/0/1.png", "/picture/x/0/0.png", "/../play.py", "/a b"],
)
def test_other_paths_lead_nowhere(server: PlayServer, path: str) -> None:
    assert ask(server, path.format(server.game.episode).replace(" ", "%20"))[0] == 404
    assert ask(server, "/quit", {"ticket": server.game.ticket})[0] == 404


def test_a_tab_that_is_behind_changes_nothing(server: PlayServer) -> None:
    old = state_of(server)["ticket"]
    ask(server, "/reply", {"ticket": old, "letter": "C"})
    for path, wish in (("/reply", {"letter": "A"}), ("/world", {"index": 5})):
        status, _, answer = ask(server, path, {"ticket": old, **wish})
        assert (status, answer["state"]["turn"], answer["state"]["index"]) == (409, 1, 2)
        assert "gone on elsewhere" in answer["error"]


def test_another_world_and_the_same_again(server: PlayServer) -> None:
    first = state_of(server)
    ticket = ask(server, "/world", {"ticket": first["ticket"], "index": 3})[2]["state"]["ticket"]
    status, _, answer = ask(server, "/world", {"ticket": ticket, "index": 2})
    again = answer["state"]
    assert (status, again["seed"]) == (200, 1_000_000_002)
    assert again["options"] == first["options"]
    # The tickets of the first time are worthless now.
    assert again["ticket"] not in (first["ticket"], ticket)
    assert ask(server, "/picture/{}/0/0.png".format(first["episode"]))[0] == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:1234", 200), ("evil.example", 403), ("[::1", 403), ("", 403)],
)
def test_only_this_machine_is_served(server: PlayServer, host: str, status: int) -> None:
    found, _, answer = ask(server, "/state", headers={"Host": host})
    assert found == status
    assert (answer["state"] is None) == (status == 403)


def test_pages_of_others_cannot_play_along(server: PlayServer) -> None:
    body = {"ticket": server.game.ticket, "letter": "C"}
    assert ask(server, "/reply", body, headers={"Origin": "http://evil.example"})[0] == 403
    assert ask(server, "/reply", body, headers={"Content-Type": "text/plain"})[0] == 415
    assert server.game.replies == []
    assert ask(server, "/reply", body, headers={"Origin": server.url})[0] == 200


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"letter": "Z"}, "'Z' is not on offer; legal: A, B, C"),
        ({"letter": 7}, "letter is 7; it must be of type str"),
        ({"text": "red"}, "kind is None"),
        ({"text": "red", "kind": "shout"}, "legal: answer, action, written"),
        ({"text": "x" * 300, "kind": "written"}, "300 characters does not fit"),
    ],
)
def test_replies_that_make_no_sense(server: PlayServer, wish: dict[str, Any], message: str) -> None:
    status, _, answer = ask(server, "/reply", {"ticket": server.game.ticket, **wish})
    assert status == 400 and message in answer["error"]
    assert answer["state"]["turn"] == 0


@pytest.mark.parametrize("index", [-1, 10**9, 1.5, True, "0", None])
def test_worlds_that_do_not_exist(server: PlayServer, index: Any) -> None:
    status, _, answer = ask(server, "/world", {"ticket": server.game.ticket, "index": index})
    assert (status, answer["state"]["index"]) == (400, 2)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 50_000, 400),
        (b'"' + b"x" * MAX_BODY_BYTES + b'"', 413),
    ],
)
def test_bodies_that_are_no_requests(server: PlayServer, body: bytes, status: int) -> None:
    # A body that is refused unread may break the connection before the client has sent it.
    try:
        assert ask(server, "/reply", body)[0] == status
    except urllib.error.URLError:
        assert status == 413
    assert server.game.replies == []


def test_a_body_needs_a_length(server: PlayServer) -> None:
    def client() -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.putrequest("POST", "/reply")
        connection.putheader("Content-Type", "application/json")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {}, answer.read()

    assert served(server, client)[0] == 411


def test_a_silent_connection_does_not_hold_the_others_up(server: PlayServer) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)):
        began = time.monotonic()
        assert state_of(server)["turn"] == 0
        assert time.monotonic() - began < 5


def test_the_page_brings_all_it_needs(server: PlayServer) -> None:
    status, headers, page = ask(server, "/")
    text = page.decode()
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", text)
    assert re.search(r'id="show-belief" type="checkbox" checked', text)
    assert re.search(r'id="show-gains" type="checkbox" checked', text)
    assert "$" not in re.sub(r"\$\{|<script>.*</script>", "", text, flags=re.DOTALL)


def test_words_that_look_like_markup_stay_words(server: PlayServer) -> None:
    body = {"ticket": server.game.ticket, "text": "<img src=x>", "kind": "written"}
    state = ask(server, "/reply", body)[2]["state"]
    assert state["looks"][1]["words"] == "<img src=x>"
    script = ask(server, "/")[2].decode()
    assert "innerHTML" not in script and "insertAdjacentHTML" not in script


def test_a_game_refuses_what_is_over_and_what_is_stale(game: Game) -> None:
    with pytest.raises(StaleError, match="gone on elsewhere"):
        game.check_ticket("0-0-0")
    game.choose("A")
    assert game.over
    with pytest.raises(ValueError, match="this episode is over"):
        game.choose("B")


def test_an_environment_of_numbers_cannot_be_played() -> None:
    with pytest.raises(ValueError, match="answered in words"):
        Game(FakeArm(), purpose="validation")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("pick(0.4, 0.6)", "<action>pick(0.4, 0.6)</action>"),
        ("red", "<answer>red</answer>"),
        ("<answer>A</answer>", "<answer>A</answer>"),
    ],
)
def test_typed_words_are_sent_as_what_they_look_like(text: str, reply: str) -> None:
    assert tagged(text, typed_kind(text)) == reply


def play(game: Game, folder: Path, typed: str, **options: bool) -> str:
    sink = io.StringIO()
    shown = {"show_belief": True, "show_gains": True} | options
    play_in_terminal(game, folder, source=io.StringIO(typed), sink=sink, **shown)
    return sink.getvalue()


def test_an_episode_in_the_terminal(game: Game, tmp_path: Path) -> None:
    text = play(game, tmp_path, f"c\n{right_letter(game).lower()}\n")
    assert game.over and game.success
    paths = re.findall(r"picture: (\S+)", text)
    sizes = [Image.open(io.BytesIO(Path(path).read_bytes())).size for path in paths]
    assert sizes == [(8, 8)] * 3
    assert "Which colour is under the lid?" in text
    assert "C. [Lift] the lid  (expected gain 0.69 nats)" in text
    assert "belief (0.69 nats" in text and "belief (0.00 nats" in text and "100 %" in text
    assert f"Right. The answer was: {game.looks[0].truth['gold']}." in text


def test_the_terminal_goes_on_to_the_next_world_and_stops(game: Game, tmp_path: Path) -> None:
    text = play(game, tmp_path, "zebra\nA\n\nnext\nquit\nA\n", show_belief=False, show_gains=False)
    assert "('ZEBRA' is not on offer; legal: A, B, C)" in text
    assert (game.index, game.replies) == (4, [])
    assert "nats" not in text and "World 3" in text


def test_typed_replies_in_the_terminal(tmp_path: Path) -> None:
    game = Game(FakeFilm(), purpose="validation")
    text = play(game, tmp_path, "=watch 0-3\nred\n")
    assert game.replies == ["watch 0-3", "<answer>red</answer>"]
    assert text.count("picture:") == 1 + 4 + 4


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"interface": "radio"}, "interface is 'radio'; legal: browser, terminal"),
        ({"port": 70_000}, "port is 70000; legal: 0 to 65535"),
        ({"first_index": -1}, "index -1 is outside"),
        ({"purpose": "fun"}, "'fun' is unknown"),
    ],
)
def test_settings_out_of_range(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlayScript(env=EnvConfig(), **setting).check()


@pytest.mark.render
def test_the_script_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """The real world, as a process: one look, then Ctrl-C."""
    process = start("play", "env=avr/occlusion", "env.config.shadows=false", cwd=tmp_path)
    try:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url), process.stderr.read()
        state = json.load(urllib.request.urlopen(f"{url}/state", timeout=30))["state"]
        action = next(option for option in state["options"] if option["action"])
        body = json.dumps({"ticket": state["ticket"], "letter": action["letter"]}).encode()
        request = urllib.request.Request(f"{url}/reply", body, {"Content-Type": "application/json"})
        state = json.load(urllib.request.urlopen(request, timeout=30))["state"]
        assert state["turn"] == 1 and state["looks"][1]["words"] == action["text"]
        assert sum(state["looks"][1]["belief"].values()) == pytest.approx(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()


@pytest.mark.render
def test_the_script_in_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    settings = ("env=avr/occlusion", "env.config.shadows=false", "interface=terminal")
    code = run_script(
        play_script.main,
        config_name="play",
        schema=PlayScript,
        examples=play_script.EXAMPLES,
        argv=settings,
    )
    shown = capsys.readouterr()
    assert (code, shown.err) == (0, "")
    assert "belief (" in shown.out
    # The pictures were for this one game.
    assert not Path(re.findall(r"picture: (\S+)", shown.out)[0]).exists()
