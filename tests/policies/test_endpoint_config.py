"""An endpoint in the configuration: from the command line to the request, and what is refused."""

from __future__ import annotations

import re

import pytest

from configs.schemas import EvaluateScript
from policies.config import PolicyConfig
from policies.endpoint import load_api_key
from policies.engines.openai_http import ChatClient
from policies.interface import Conversation, Observation
from scripts.hydra_door import load_config
from scripts.making import make_policy
from tests.policies.fake_endpoint import serve

KEY = "sk-very-secret-0123456789"


def test_from_the_command_line_to_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serve(lambda body: "fine") as server:
        argv = ["policy=openai", f"policy.base_url={server.base_url}", "policy.model=eye"]
        argv += ["policy.api_key_env=MY_KEY", "policy.system_prompt=Look.", "policy.max_retries=1"]
        argv += ["+policy.extra_body={seed: null, chat_template_kwargs: {thinking: false}}"]
        argv += ["policy.prompt_price=1", "policy.completion_price=4", "policy.temperature=0.5"]
        config, text = load_config("evaluate", EvaluateScript, argv)
        policy = make_policy(config.policy)
        policy.act([Conversation(conversation_id="a", observations=[Observation(text="Hm?")])])
    assert KEY not in text
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    [body] = server.bodies
    assert "seed" not in body
    assert body["chat_template_kwargs"] == {"thinking": False}
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("eye", 0.5, 1024)
    assert policy.usage()["cost"] == pytest.approx((100 * 1 + 7 * 4) / 1e6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_url": None}, "policy.base_url is not set; policy=openai needs it"),
        ({"model": ""}, "policy.model is not set; policy=openai needs it"),
        ({"base_url": "a.example"}, "policy.base_url is 'a.example'; it must be"),
        ({"max_concurrency": 0}, "policy.max_concurrency is 0; it must be at least 1"),
        ({"max_retries": -1}, "policy.max_retries is -1; it must be 0 or more"),
        ({"timeout_seconds": 0.0}, "policy.timeout_seconds is 0.0; it must be above 0"),
        ({"timeout_seconds": float("nan")}, "policy.timeout_seconds is nan"),
        ({"image_detail": "best"}, "policy.image_detail is 'best'; legal: low, high, auto, null"),
        ({"extra_body": {"stream": True}}, r"policy.extra_body holds \['stream'\]"),
        ({"prompt_price": -1.0, "completion_price": 1.0}, "policy.prompt_price is -1.0"),
        ({"cached_price": 1.0}, "policy.cached_price set alone; a cost needs both"),
    ],
)
def test_settings_out_of_range(changes, message) -> None:
    fine = {"kind": "openai", "base_url": "http://a/v1", "model": "m", "api_key_env": "MY_KEY"}
    PolicyConfig(**fine).check()
    with pytest.raises(ValueError, match=message):
        PolicyConfig(**(fine | changes)).check()


def test_a_key_in_the_place_of_its_name_is_not_repeated() -> None:
    config = PolicyConfig(kind="openai", base_url="http://a/v1", model="m", api_key_env=KEY)
    with pytest.raises(ValueError, match="policy.api_key_env is not the name") as caught:
        config.check()
    assert KEY not in str(caught.value)


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    far, near = "https://models.example/v1", "http://localhost:8000/v1"
    monkeypatch.setenv("GOOD_KEY", f" {KEY}\n")
    monkeypatch.setenv("BAD_KEY", "bad\r\nX-Header: 1")
    monkeypatch.delenv("NO_KEY", raising=False)
    assert load_api_key("GOOD_KEY", far) == KEY
    assert load_api_key(None, far) is None
    assert load_api_key("NO_KEY", near) is None
    assert load_api_key("NO_KEY", "http://[::1]:8000/v1") is None
    with pytest.raises(ValueError, match="policy.api_key_env is 'NO_KEY', but no environment"):
        load_api_key("NO_KEY", far)
    with pytest.raises(ValueError, match="BAD_KEY .* must be printable") as caught:
        load_api_key("BAD_KEY", far)
    assert "X-Header" not in str(caught.value)
    with pytest.raises(ValueError, match="key must be printable") as caught:
        ChatClient(far, api_key=f"{KEY}\n")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "base_url", ["", "localhost:8000/v1", "ftp://a/v1", "http:///v1", "http://a:port/v1"]
)
def test_addresses_that_are_none(base_url) -> None:
    with pytest.raises(ValueError, match=f"base_url is {re.escape(repr(base_url))}; it must be"):
        ChatClient(base_url)


def test_an_address_is_the_base_only() -> None:
    assert ChatClient("http://a/v1/").url == ChatClient("http://a/v1").url
    with pytest.raises(ValueError, match="must be what stands before /chat/completions"):
        ChatClient("http://a/v1/chat/completions/")


@pytest.mark.parametrize("base_url", [f"https://me:{KEY}@a/v1", f"https://a/v1?key={KEY}"])
def test_addresses_with_secrets_are_refused_and_not_repeated(base_url) -> None:
    with pytest.raises(ValueError, match="one of the characters @ ") as caught:
        ChatClient(base_url)
    assert KEY not in str(caught.value)
