"""An engine of several replicas in Ray actors, around a stand-in for vLLM."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from policies.engines.vllm_config import VllmConfig
from policies.interface import Engine
from tests.policies.fake_vllm import MortalLLM, make_fake_replica, make_picture, make_request
from tests.training.ray_worlds import ray_session  # noqa: F401

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("default")


def make_engine(folder: Path, make_replica=make_fake_replica, **settings):
    from training.ray_engine import RayVllmEngine

    defaults = {"placement": "ray", "num_engines": 2, "gpus_per_engine": 0.0}
    config = VllmConfig(**{**defaults, "reply_timeout_seconds": 300.0, **settings})
    config.check()
    return RayVllmEngine(make_replica, config, folder=folder)


def some_requests(count: int = 6) -> list:
    return [make_request(make_picture(), key=f"c{n}", noise=n) for n in range(count)]


def replies(completions) -> list[list[int]]:
    return [completion.token_ids.tolist() for completion in completions]


def weights(value: float) -> dict[str, torch.Tensor]:
    return {"model.weight": torch.tensor([[value]])}


@pytest.mark.usefixtures("ray_session")
def test_replies_are_those_of_one_replica_before_and_after_an_update(tmp_path: Path) -> None:
    engine, alone = make_engine(tmp_path), make_fake_replica()
    assert isinstance(engine, Engine)
    assert engine.max_context == 512
    requests = some_requests()
    assert replies(engine.generate(requests)) == replies(alone.generate(requests))
    engine.update_weights(weights(3.0), 1)
    after = engine.generate(requests)
    alone._llm.weights = 3.0
    alone._llm._reset("prefix"), alone._llm._reset("encoder")
    assert replies(after) == replies(alone.generate(requests))
    assert {completion.weights_version for completion in after} == {1}
    engine.forget(["c0"])
    engine.update_weights(weights(4.0), 2)
    assert [file.name for file in tmp_path.iterdir()] == ["weights-2.safetensors"]
    engine.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("num_engines", [1, 2])
def test_a_replica_that_dies_costs_no_reply_and_its_successor_has_the_weights(
    tmp_path: Path, num_engines: int
) -> None:
    fatal = tmp_path / "fatal"
    make_replica = partial(make_fake_replica, partial(MortalLLM, fatal))
    engine = make_engine(tmp_path, make_replica, num_engines=num_engines)
    engine.update_weights(weights(3.0), 1)
    requests = some_requests()
    expected = replies(engine.generate(requests))
    fatal.touch()
    assert replies(engine.generate(requests)) == expected
    assert engine.num_deaths == 1
    engine.update_weights(weights(4.0), 2)
    assert {completion.weights_version for completion in engine.generate(requests)} == {2}
    engine.close()


@pytest.mark.usefixtures("ray_session")
def test_what_a_replica_cannot_be_asked_is_said_in_its_own_words(tmp_path: Path) -> None:
    engine = make_engine(tmp_path, num_engines=1)
    bad = make_request(make_picture())
    bad = type(bad)(**{**vars(bad), "images": ()})
    with pytest.raises(ValueError, match="0 pictures but 1 placeholder spans"):
        engine.generate([bad])
    with pytest.raises(ValueError, match="needs the learner's module, not None"):
        engine.update_weights(None, 1)
    engine.weights_version = 7
    with pytest.raises(RuntimeError, match="holds weights of version 0, the learner's are of"):
        engine.generate(some_requests(1))
    engine.close()


@pytest.mark.usefixtures("ray_session")
def test_a_cluster_without_the_gpus_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_engines=2 with 99 GPUs each needs 198 GPUs of Ray"):
        make_engine(tmp_path, gpus_per_engine=99.0)


def test_ranks_of_workers_go_on_from_actor_to_actor() -> None:
    from training.ray_engine_actor import ActorClient

    told: list[dict] = []

    class Handle:
        class init_weight_transfer_engine:  # noqa: N801
            @staticmethod
            def remote(info):
                told.append(info)
                return len(told)

    import training.ray_engine_actor as module

    client = ActorClient({0: Handle, 1: Handle}, workers_per_actor=2, timeout=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.ray, "get", lambda ref, timeout: None)
        client.init_weight_transfer_engine({"rank_offset": 1, "world_size": 5})
    assert [info["rank_offset"] for info in told] == [1, 3]
