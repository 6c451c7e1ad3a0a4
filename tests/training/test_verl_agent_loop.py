"""Our environments as an agent loop of verl: with verl where it is installed, else a stand-in."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from policies.tiny_tokenizer import CHAT_TEMPLATE, make_tokenizer
from tests.training import verl_stand_in
from tests.training.guessing import GuessEnv
from tests.training.test_trl_environment import LONG, right_reply

pytestmark = pytest.mark.filterwarnings("ignore")
if find_spec("verl") is None:
    verl_stand_in.install()

from training.adapters.verl import SaccadeAgentLoop  # noqa: E402

END = "<|im_end|>"
TOKENIZER = make_tokenizer(["<answer>A</answer> Look A. red B. blue C. green"])
TOKENIZER.chat_template = CHAT_TEMPLATE
PROMPT = [{"role": "system", "content": "Answer."}]


class WordsEnv(GuessEnv):
    """Without its picture."""

    def _obs(self) -> dict[str, Any]:
        return {**super()._obs(), "images": ()}


class Server:
    """Says the same every time, each token with a log-probability of -0.5."""

    def __init__(self, reply: str, *, with_logprobs: bool = True) -> None:
        self.ids = TOKENIZER(reply + END)["input_ids"]
        self.logprobs = [-0.5] * len(self.ids) if with_logprobs else None
        self.asked: list[dict[str, Any]] = []

    async def generate(self, request_id: str, **asked: Any) -> SimpleNamespace:
        asked["image_data"] = list(asked["image_data"] or [])
        self.asked.append({"request_id": request_id, **asked})
        fields = {"max_global_steps": len(self.asked)}
        return SimpleNamespace(
            token_ids=list(self.ids), log_probs=self.logprobs, extra_fields=fields
        )


def make_loop(server: Server, make_env: Any = WordsEnv, **settings: Any) -> SaccadeAgentLoop:
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap

    length = settings.pop("response_length", 2000)
    rollout = SimpleNamespace(prompt_length=1000, response_length=length)
    config = SimpleNamespace(actor_rollout_ref=SimpleNamespace(rollout=rollout))
    return SaccadeAgentLoop(
        trainer_config=DictConfigWrap(config),
        server_manager=server,
        tokenizer=TOKENIZER,
        processor=None,
        dataset_cls=object,
        data_config=DictConfigWrap({}),
        make_env=make_env,
        **settings,
    )


def play(server: Server, make_env: Any = WordsEnv, seed: int = LONG, **settings: Any) -> Any:
    async def run():
        loop = make_loop(server, make_env, **settings)
        row = {"raw_prompt": PROMPT, "extra_info": {"seed": seed}, "index": 0}
        return await loop.run({"temperature": 1.0}, **row)

    return asyncio.run(run())


def written(output: Any) -> str:
    """What the loss is over."""
    pairs = zip(output.response_ids, output.response_mask, strict=True)
    return TOKENIZER.decode([token for token, mask in pairs if mask])


def test_every_reply_is_an_action_and_every_observation_a_message() -> None:
    reply = right_reply(LONG)
    server = Server(reply)
    output = play(server)
    assert written(output) == (reply + END) * 3
    whole = TOKENIZER.decode(output.prompt_ids + output.response_ids)
    assert "<|im_start|>user\nLook 1.\nA. red" in TOKENIZER.decode(output.prompt_ids)
    assert [whole.count(f"Look {turn}.") for turn in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert (output.reward_score, output.num_turns) == (1.0, 7)
    assert output.extra_fields["turn_scores"] == [0.0, 0.0, 1.0]
    assert output.extra_fields["success"] is True
    assert output.extra_fields["max_global_steps"] == 3


def test_tokens_and_log_probabilities_are_those_that_were_sampled() -> None:
    server = Server(right_reply(LONG))
    output = play(server)
    assert output.response_logprobs == [-0.5 if m else 0.0 for m in output.response_mask]
    prompts = [asked["prompt_ids"] for asked in server.asked]
    for earlier, later in pairwise(prompts):
        assert later[: len(earlier) + len(server.ids)] == earlier + server.ids
    assert prompts[-1] + server.ids == output.prompt_ids + output.response_ids
    assert len({asked["request_id"] for asked in server.asked}) == 1
    assert server.asked[0]["sampling_params"] == {"temperature": 1.0}
    assert play(Server("x", with_logprobs=False)).response_logprobs is None


def test_pictures_are_handed_over_in_order_and_never_to_a_blind_model(monkeypatch) -> None:
    with pytest.raises(ValueError, match="Multimodal inputs require"):
        play(Server("x"), GuessEnv)
    monkeypatch.setattr(SaccadeAgentLoop, "_assert_mm_supported", lambda self, has: None)
    server = Server("x")
    output = play(server, GuessEnv)
    assert [len(asked["image_data"]) for asked in server.asked] == [1, 2, 3]
    images = output.multi_modal_data["images"]
    assert images[:2] == server.asked[1]["image_data"]
    whole = TOKENIZER.decode(output.prompt_ids + output.response_ids)
    assert whole.count("<|vision_start|><|image_pad|><|vision_end|>") == len(images) == 3


def test_what_does_not_fit_is_dropped_whole() -> None:
    server = Server("hm")
    whole = play(server)
    first_reply, second = len(server.ids), server.asked[1]["prompt_ids"]
    shown = len(second) - len(whole.prompt_ids) - first_reply
    output = play(Server("hm"), response_length=first_reply + shown)
    assert output.response_mask == [1] * first_reply
    assert output.response_ids == server.ids
    cut = play(Server("hm"), response_length=first_reply - 1)
    assert cut.response_ids == server.ids[:-1]


def test_turns_are_limited() -> None:
    assert play(Server("hm"), max_turns=2).num_turns == 5


def test_success_instead_of_the_return() -> None:
    assert play(Server(right_reply(LONG)), reward="success").reward_score == 1.0
    assert play(Server("hm"), reward="success").reward_score == 0.0


def test_nothing_is_learned_from_a_world_that_breaks() -> None:
    output = play(Server("hm"), lambda: WordsEnv(broken_steps=[LONG]))
    assert set(output.response_mask) == {0}
    assert "the floor fell out" in output.extra_fields["failure"]
    with pytest.raises(RuntimeError, match=f"no world for seed {LONG}"):
        play(Server("hm"), lambda: WordsEnv(broken_resets=[LONG]))


def test_episodes_run_side_by_side() -> None:
    opened: list[WordsEnv] = []

    def make_env() -> WordsEnv:
        opened.append(WordsEnv())
        return opened[-1]

    async def run():
        loops = [make_loop(Server(right_reply(seed)), make_env) for seed in range(5)]
        rows = [{"raw_prompt": PROMPT, "extra_info": {"seed": seed}} for seed in range(5)]
        return await asyncio.gather(
            *(loop.run({}, **row) for loop, row in zip(loops, rows, strict=True))
        )

    assert [output.reward_score for output in asyncio.run(run())] == [1.0] * 5
    assert len(opened) == 5
    assert all(env.closed for env in opened)


def test_a_data_set_without_seeds() -> None:
    with pytest.raises(ValueError, match=r"no extra_info\.seed"):
        asyncio.run(make_loop(Server("x")).run({}, raw_prompt=PROMPT))
