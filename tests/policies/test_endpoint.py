"""A policy behind an endpoint: what it sends, what it makes of the replies, what these cost."""

from __future__ import annotations

import base64
import io
import re
import threading
import time
import traceback

import numpy as np
import pytest
from PIL import Image

from policies.endpoint import EndpointPolicy, TokenPrices
from policies.engines import openai_http
from policies.engines.openai_http import ChatClient, EndpointError
from policies.interface import (
    Conversation,
    Observation,
    Policy,
    PolicyOutput,
    UnansweredError,
)
from tests.fakes import FakeScene
from tests.policies.fake_endpoint import Failure, completion, serve, texts_of, urls_of
from training.rollout import EpisodeSpec, LocalPool, collect_episodes

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_http, "FIRST_PAUSE_SECONDS", 0.01)


def picture(seed: int, height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def talk(name: str = "0", num_turns: int = 0, **changes) -> Conversation:
    """A conversation with so many turns behind it and one that waits."""
    observations = [
        Observation(text=f"{name} asks {turn}", images=(picture(turn), picture(turn + 50)))
        for turn in range(num_turns + 1)
    ]
    outputs = [PolicyOutput(text=f" reply {turn}\n") for turn in range(num_turns)]
    fields = {"conversation_id": name, "task_id": name, "observations": observations}
    return Conversation(**(fields | {"outputs": outputs} | changes))


def ask(server, conversations=None, *, prices=None, **settings) -> EndpointPolicy:
    """A policy that has asked the server about the conversations (one, unless told)."""
    policy = policy_for(server, prices=prices, **settings)
    policy.act([talk()] if conversations is None else conversations)
    return policy


def policy_for(server, *, api_key=None, max_retries=3, timeout_seconds=5.0, **settings):
    client = ChatClient(
        server.base_url,
        api_key=api_key,
        max_retries=max_retries,
        timeout_seconds=timeout_seconds,
    )
    return EndpointPolicy(client, **({"model": "m", "max_new_tokens": 9} | settings))


def name_of(body: dict) -> str:
    """Whose conversation a request is about."""
    return texts_of(body["messages"][-1])[0].split()[0]


def decode(url: str) -> np.ndarray:
    assert url.startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_the_conversation_is_sent_turn_by_turn_with_the_very_pixels() -> None:
    conversation = talk(num_turns=2)
    with serve(lambda body: "fine") as server:
        ask(server, [conversation], system_prompt="Look.", temperature=0.5, model="eye-7b")
    [body] = server.bodies
    assert body["path"] == "/v1/chat/completions"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("eye-7b", 9, 0.5)
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == "Look."
    replies = [m["content"] for m in body["messages"] if m["role"] == "assistant"]
    assert replies == [" reply 0\n", " reply 1\n"]
    users = [m for m in body["messages"] if m["role"] == "user"]
    for message, observation in zip(users, conversation.observations, strict=True):
        assert texts_of(message) == [observation.text]
        assert [part["type"] for part in message["content"]] == ["image_url"] * 2 + ["text"]
        for url, image in zip(urls_of(message), observation.images, strict=True):
            np.testing.assert_array_equal(decode(url), image)


def test_what_is_left_out_and_what_is_added() -> None:
    silent = talk(observations=[Observation(text="", images=(picture(0),))])
    blank = talk(observations=[Observation(text="")])
    extra = {"seed": None, "max_tokens": None, "max_completion_tokens": 50}
    with serve(lambda body: "fine") as server:
        ask(server, [silent], image_detail="low", extra_body=extra)
        ask(server, [blank])
    first, second = server.bodies
    [part] = first["messages"][0]["content"]
    assert part["image_url"]["detail"] == "low"
    assert second["messages"] == [{"role": "user", "content": [{"type": "text", "text": ""}]}]
    assert set(first) == {"path", "model", "temperature", "messages", "max_completion_tokens"}
    assert first["max_completion_tokens"] == 50
    assert set(second) == {"path", "model", "temperature", "messages", "max_tokens", "seed"}


def test_a_blind_model_gets_black_pictures_of_the_same_size() -> None:
    with serve(lambda body: "fine") as server:
        ask(server, blind=True)
    for url in urls_of(server.bodies[0]["messages"][0]):
        assert decode(url).shape == (5, 7, 3)
        assert not decode(url).any()


def test_seeds_follow_the_noise_keys_and_nothing_else() -> None:
    policy = policy_of_nobody()

    def seed(**changes) -> int:
        return policy.request_body(talk(**changes))["seed"]

    assert seed() == seed(conversation_id="elsewhere")
    others = [{"sampling_seed": 1}, {"sample_index": 1}, {"task_id": "t"}, {"num_turns": 1}]
    seeds = [seed(), *(seed(**other) for other in others)]
    assert len(set(seeds)) == 5
    assert all(0 <= each < 2**31 for each in seeds)


def policy_of_nobody() -> EndpointPolicy:
    return EndpointPolicy(ChatClient("http://127.0.0.1:9/v1"), model="m", max_new_tokens=1)


@pytest.mark.parametrize(
    ("conversation", "message"),
    [
        (talk(expert_reply="A"), "'0' carries expert_reply"),
        (talk(observations=[]), "0 observations and 0 outputs"),
        (talk(num_turns=1, outputs=[PolicyOutput(action=np.zeros((1, 1)))]), "replies in words"),
    ],
)
def test_conversations_that_cannot_be_asked_about(conversation, message) -> None:
    policy = policy_of_nobody()
    assert isinstance(policy, Policy)
    assert not policy.privileged
    with pytest.raises(ValueError, match=message):
        policy.act([conversation])
    assert policy.act([]) == []


def test_replies_stand_in_the_order_of_the_conversations() -> None:
    delays = np.random.default_rng(0).permutation(12)
    side_by_side, done = threading.Barrier(4), []

    def play(body):
        side_by_side.wait(10)  # breaks unless four are asked about at once
        time.sleep(0.01 * float(delays[int(name_of(body))]))
        done.append(name_of(body))
        return f"to {name_of(body)}"

    with serve(play) as server:
        policy = policy_for(server, max_concurrency=4, max_retries=0)
        outputs = policy.act([talk(str(i)) for i in range(12)])
    assert [output.text for output in outputs] == [f"to {i}" for i in range(12)]
    assert done != sorted(done, key=int), "the server was not out of order"


def test_no_more_are_asked_about_at_once_than_allowed() -> None:
    lock, counts = threading.Lock(), [0, 0]

    def play(body):
        with lock:
            counts[:] = counts[0] + 1, max(counts[1], counts[0] + 1)
        time.sleep(0.02)
        with lock:
            counts[0] -= 1
        return "fine"

    with serve(play) as server:
        policy_for(server, max_concurrency=3).act([talk(str(i)) for i in range(12)])
    assert 1 <= counts[1] <= 3


def test_after_a_bug_nothing_more_is_sent() -> None:
    released = threading.Event()

    def play(body):
        released.wait(10)
        return "late"

    conversations = [talk("bad", expert_reply="A"), *(talk(str(i)) for i in range(20))]
    with serve(play) as server:
        with pytest.raises(ValueError, match="expert_reply"):
            policy_for(server, max_concurrency=2).act(conversations)
        released.set()
        time.sleep(0.2)
        assert len(server.bodies) <= 2


def test_one_conversation_without_reply_leaves_the_others_theirs() -> None:
    def play(body):
        return Failure(status=400) if name_of(body) == "b" else f"to {name_of(body)}"

    with serve(play) as server, pytest.raises(UnansweredError, match="1 of 3 conv.* 400") as caught:
        ask(server, [talk("a"), talk("b"), talk("c")])
    first, second, third = caught.value.outcomes
    assert (first.text, third.text) == ("to a", "to c")
    assert isinstance(second, EndpointError)
    assert second.status == 400


def test_tokens_are_counted_and_priced() -> None:
    def play(body):
        return completion("cut", finish_reason="length" if name_of(body) == "b" else "stop")

    prices = TokenPrices(prompt=2.0, completion=10.0, cached=0.5)
    conversations = [talk("a"), talk("b"), talk("c")]
    with serve(play, Failure(status=503)) as server:
        policy = ask(server, conversations, prices=prices)
        usage = policy.usage()
        assert policy.act([talk("d")])
        assert policy.usage()["prompt_tokens"] == 400
    waited = usage.pop("seconds_waited"), usage.pop("backoff_seconds")
    assert waited[0] > waited[1] > 0
    assert usage == {
        "num_requests": 4,
        "num_retries": 1,
        "num_replies": 3,
        "num_failed": 0,
        "prompt_tokens": 300,
        "cached_tokens": 60,
        "completion_tokens": 21,
        "empty_replies": 0,
        "truncated_replies": 1,
        "replies_without_usage": 0,
        "cost": pytest.approx((240 * 2.0 + 60 * 0.5 + 21 * 10.0) / 1e6),
    }
    without = TokenPrices(prompt=2.0, completion=10.0)
    assert without.cost(usage) == pytest.approx((300 * 2.0 + 21 * 10.0) / 1e6)
    assert "cost" not in policy_for(server).usage()


def test_the_key_is_sent_and_told_to_nobody() -> None:
    def play(body):
        return Failure(status=401, body=f'{{"error": "wrong key: {KEY}"}}'.encode())

    with serve(play) as server:
        policy = policy_for(server, api_key=KEY)
        with pytest.raises(UnansweredError, match=r"wrong key: \[key\]") as caught:
            policy.act([talk()])
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    told = "".join(traceback.format_exception(caught.value))
    assert "401" in told
    outcomes = repr(caught.value.outcomes)
    for text in (told, repr(caught.value), outcomes, repr(policy), repr(policy.client)):
        assert KEY not in text
    with serve(lambda body: "free") as server:
        ask(server)
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("name", ["max_new_tokens", "max_concurrency"])
def test_numbers_out_of_range(name) -> None:
    with pytest.raises(ValueError, match=f"{name}=0 .*must be at least 1"):
        EndpointPolicy(ChatClient("http://a/v1"), **({"model": "m", "max_new_tokens": 1, name: 0}))


def play_scene(body: dict) -> str:
    """Lifts the lid, looks at the pixels, and names the colour. Sees what is sent, no more."""
    last = body["messages"][-1]
    color = decode(urls_of(last)[0])[4, 4]
    if (color == 128).all():
        return "<answer>C</answer>"
    colors = {"red": (200, 30, 30), "green": (30, 160, 30), "blue": (40, 60, 220)}
    name = next(name for name, value in colors.items() if tuple(color) == value)
    return f"<answer>{re.search(rf'([AB])[.] {name}', texts_of(last)[0]).group(1)}</answer>"


def test_a_whole_rollout_through_an_endpoint_that_sees() -> None:
    failures = [Failure(status=status) for status in (429, 500, 500, 429, 503)]
    with serve(play_scene, *failures) as server:
        policy = policy_for(server, max_concurrency=4, max_retries=5)
        specs = [EpisodeSpec(seed=seed) for seed in range(12)]
        episodes = collect_episodes(LocalPool(FakeScene, 6), policy, specs)
    assert all(episode.failure is None and episode.success for episode in episodes)
    assert {len(episode.turns) for episode in episodes} == {2}
    usage = policy.usage()
    assert (usage["num_replies"], usage["num_requests"], usage["num_failed"]) == (24, 29, 0)


def test_a_refused_conversation_ends_its_episode_and_no_other() -> None:
    def play(body):
        refused = len(body["messages"]) == 1 and "A. red" in texts_of(body["messages"][0])[0]
        return Failure(status=400) if refused else play_scene(body)

    with serve(play) as server:
        specs = [EpisodeSpec(seed=seed) for seed in range(12)]
        episodes = collect_episodes(LocalPool(FakeScene, 12), policy_for(server), specs)
    failed = [episode for episode in episodes if episode.failure is not None]
    assert 0 < len(failed) < 12
    assert {episode.failure.stage for episode in failed} == {"policy"}
    assert all("status 400" in episode.failure.message for episode in failed)
    assert all(episode.success for episode in episodes if episode.failure is None)


def test_an_empty_reply_is_a_turn_and_no_failure() -> None:
    with serve(lambda body: completion(None)) as server:
        specs = [EpisodeSpec(seed=0)]
        [episode] = collect_episodes(LocalPool(FakeScene, 1), policy_for(server), specs)
    assert episode.failure is None
    assert [turn.output.text for turn in episode.turns] == [""] * FakeScene.max_turns
    assert not episode.success
