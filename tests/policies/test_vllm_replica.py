"""The engine around a stand-in for vLLM: replies, versions, and the four phases of an update."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from policies.engines.vllm import VllmEngine, llm_arguments, make_vllm_engine
from policies.engines.vllm_config import VllmConfig
from policies.engines.vllm_transfer import FileSender
from policies.interface import Engine, TokenBudget
from tests.policies.fake_vllm import FORMAT, FakeLLM, make_fake_replica, make_picture, make_request


class Weights(nn.Module):
    """A model of one number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.model.weight, value)


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM()


@pytest.fixture
def engine(llm: FakeLLM, tmp_path: Path) -> VllmEngine:
    replica = make_fake_replica(lambda: llm)
    return VllmEngine(replica, FileSender(replica, tmp_path))


def test_replies_come_in_order_with_the_log_probabilities_of_their_tokens(
    engine: VllmEngine,
) -> None:
    assert isinstance(engine, Engine)
    requests = [make_request(make_picture(), noise=n, max_new_tokens=n + 1) for n in range(3)]
    completions = engine.generate(requests)
    assert [len(c.token_ids) for c in completions] == [1, 2, 3]
    for completion in completions:
        assert completion.token_ids.dtype == np.int64
        assert completion.rollout_logprobs.dtype == np.float32
        np.testing.assert_allclose(completion.rollout_logprobs, -completion.token_ids / 100)
        assert (completion.finish_reason, completion.weights_version) == ("length", 0)
    again = engine.generate(requests[::-1])[::-1]
    assert [c.token_ids.tolist() for c in again] == [c.token_ids.tolist() for c in completions]
    assert engine.generate([]) == []


def test_what_is_found_in_the_prefix_cache_is_counted(engine: VllmEngine) -> None:
    request = make_request(make_picture())
    engine.generate([request, request])
    length = len(request.prompt_ids)
    assert engine.replica.num_prompt_tokens == 2 * length
    assert engine.replica.num_cached_tokens == length


def test_a_spent_budget_is_a_stop_as_in_the_other_engine(engine: VllmEngine) -> None:
    budget = TokenBudget(costs=np.ones(100, dtype=np.int64), total=2)
    [completion] = engine.generate([make_request(budget=budget, max_new_tokens=8)])
    assert (len(completion.token_ids), completion.finish_reason) == (2, "stop")


def test_an_update_goes_through_four_phases_and_drops_every_cache(
    engine: VllmEngine, llm: FakeLLM, tmp_path: Path
) -> None:
    request = make_request(make_picture())
    [before] = engine.generate([request])
    engine.update_weights(Weights(3.0), 1)
    resets = ["reset prefix", "reset mm", "reset encoder"]
    assert llm.phases == ["init", "start", "update", ("finish", "1"), *resets]
    assert llm.weights == 3.0
    [after] = engine.generate([request])
    assert (before.weights_version, after.weights_version, engine.weights_version) == (0, 1, 1)
    assert before.token_ids.tolist() != after.token_ids.tolist()
    fresh = FakeLLM()
    fresh.weights = 3.0
    [expected] = make_fake_replica(lambda: fresh).generate([request])
    assert after.token_ids.tolist() == expected.token_ids.tolist()
    assert list(tmp_path.iterdir()) == []
    engine.update_weights({"model.weight": torch.tensor([[4.0]])}, 2)
    assert llm.phases.count("init") == 1
    assert llm.weights == 4.0


def test_an_engine_with_weights_of_another_version_does_not_answer(
    engine: VllmEngine, llm: FakeLLM
) -> None:
    engine.weights_version = 4
    with pytest.raises(RuntimeError, match="holds weights of version 0, the learner's are of vers"):
        engine.generate([make_request()])
    engine.weights_version = 0
    llm.update_weight_version("9")
    with pytest.raises(RuntimeError, match="sampled from weights of version 9, not 0"):
        engine.generate([make_request()])


def test_an_update_that_breaks_off_leaves_an_engine_that_does_not_answer(
    engine: VllmEngine, llm: FakeLLM, tmp_path: Path
) -> None:
    whole = llm.update_weights
    llm.update_weights = lambda request: (_ for _ in ()).throw(OSError("the disk is gone"))
    with pytest.raises(OSError, match="the disk is gone"):
        engine.update_weights(Weights(1.0), 1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="half exchanged"):
        engine.generate([make_request()])
    llm.update_weights = whole
    engine.update_weights(Weights(1.0), 1)
    assert engine.generate([make_request()])[0].weights_version == 1


def test_a_cache_that_is_in_use_is_an_error(engine: VllmEngine, llm: FakeLLM) -> None:
    llm.busy = True
    with pytest.raises(RuntimeError, match="prefix cache is in use"):
        engine.update_weights(Weights(1.0), 1)


def test_an_update_needs_weights(engine: VllmEngine) -> None:
    with pytest.raises(ValueError, match="needs the learner's module, not None"):
        engine.update_weights(None, 1)


def test_pictures_that_vllm_would_resize_are_refused(tmp_path: Path) -> None:
    replica = make_fake_replica(lambda: FakeLLM(resizes=True))
    with pytest.raises(ValueError, match="'c' as 11 tokens, we as 10: its image processor resizes"):
        replica.generate([make_request(make_picture())])


def test_a_reply_that_vllm_broke_off_is_an_error() -> None:
    replica = make_fake_replica(lambda: FakeLLM(finish_reason="abort"))
    with pytest.raises(RuntimeError, match="finish_reason='abort'"):
        replica.generate([make_request()])


def test_an_update_waits_for_the_replies_under_way(engine: VllmEngine, llm: FakeLLM) -> None:
    generate, begun, go_on = llm.generate, threading.Event(), threading.Event()

    def slow(*arguments, **options):
        begun.set()
        assert go_on.wait(10)
        assert "start" not in llm.phases
        return generate(*arguments, **options)

    llm.generate = slow
    completions: list = []
    asking = threading.Thread(target=lambda: completions.extend(engine.generate([make_request()])))
    sending = threading.Thread(target=lambda: engine.update_weights(Weights(1.0), 1))
    asking.start()
    assert begun.wait(10)
    sending.start()
    sending.join(0.1)
    go_on.set()
    asking.join(10)
    sending.join(10)
    assert [completion.weights_version for completion in completions] == [0]
    assert engine.weights_version == 1


def test_closing_ends_vllm(engine: VllmEngine, llm: FakeLLM) -> None:
    engine.close()
    assert llm.phases == ["shutdown"]


def test_settings_reach_vllm() -> None:
    config = VllmConfig(max_model_len=99, transfer="nccl", prefix_caching=False)
    arguments = llm_arguments(config, max_batch_size=12)
    assert arguments["max_model_len"] == 99
    assert arguments["max_num_seqs"] == 12
    assert arguments["enable_prefix_caching"] is False
    assert arguments["logprobs_mode"] == "processed_logprobs"
    assert arguments["weight_transfer_config"] == {"backend": "nccl"}
    assert "worker_extension_cls" not in arguments
    ours = llm_arguments(VllmConfig(), max_batch_size=1)["worker_extension_cls"]
    assert ours == "policies.engines.vllm_file_backend.FileBackEnd"


def test_without_vllm_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vllm", None)
    with pytest.raises(ModuleNotFoundError, match=r"docs/vllm\.md says how"):
        make_vllm_engine(tmp_path, VllmConfig(), picture_format=FORMAT, max_batch_size=1)
