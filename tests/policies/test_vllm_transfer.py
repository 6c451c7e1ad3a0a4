"""How weights get onto their way to vLLM, and the settings of that. No vLLM needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from policies.engines.vllm_config import VllmConfig
from policies.engines.vllm_transfer import (
    BuiltInSender,
    FileSender,
    make_sender,
    named_weights,
    weights_path,
    write_weights,
)


class Learner(nn.Module):
    """A model with a tied output layer, and a critic that vLLM knows nothing of."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Embedding(3, 2)
        self.lm_head = nn.Linear(2, 3, bias=False)
        self.critic = nn.Linear(2, 1)


class Client:
    """Notes what it is told, and what lies in the folder then."""

    def __init__(self, folder: Path, *, fails_at: str = "") -> None:
        self.told: list[tuple[str, Any]] = []
        self.read: dict[str, torch.Tensor] = {}
        self._folder, self._fails_at = folder, fails_at

    def _note(self, phase: str, argument: Any = None) -> None:
        self.told.append((phase, argument))
        if phase == self._fails_at:
            raise RuntimeError(phase)

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self._note("init", init_info)

    def start_weight_update(self) -> None:
        self._note("start")

    def update_weights(self, update_info: Any) -> None:
        self._note("update", update_info)
        self.read = load_file(self._folder / update_info["name"])

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._note("finish", weight_version)


def test_a_file_holds_what_a_checkpoint_would(tmp_path: Path) -> None:
    learner = Learner()
    path = write_weights(learner, tmp_path / "new", 3)
    assert path == weights_path(tmp_path / "new", 3)
    weights = load_file(path)
    assert sorted(weights) == ["lm_head.weight", "model.weight"]
    assert torch.equal(weights["model.weight"], learner.model.weight)
    assert [file.name for file in path.parent.iterdir()] == ["weights-3.safetensors"]


def test_views_and_tied_weights_are_written_whole(tmp_path: Path) -> None:
    learner = Learner()
    learner.lm_head.weight = learner.model.weight
    assert list(load_file(write_weights(learner, tmp_path, 0))) == ["model.weight"]
    table = torch.arange(6.0).view(2, 3)
    path = write_weights({"model.a": table.t(), "model.b": table[1:]}, tmp_path, 1)
    weights = load_file(path)
    assert weights["model.a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert weights["model.b"].tolist() == [[3, 4, 5]]


def test_shards_are_gathered_before_they_are_written(tmp_path: Path) -> None:
    class Shard(nn.Parameter):
        def full_tensor(self) -> torch.Tensor:
            return torch.tensor([1.0, 2.0, 3.0])

    learner = Learner()
    learner.model.weight = Shard(torch.tensor([1.0]))
    learner.model.weight.detach = lambda: learner.model.weight  # as a DTensor stays one
    assert load_file(write_weights(learner, tmp_path, 0))["model.weight"].tolist() == [1, 2, 3]


def test_a_file_goes_through_four_phases_and_is_gone_afterwards(tmp_path: Path) -> None:
    client = Client(tmp_path)
    sender = FileSender(client, tmp_path)
    learner = Learner()
    sender.send(learner, 5)
    sender.send(learner, 6)
    update = [("start", None), ("update", {"name": "weights-6.safetensors"}), ("finish", "6")]
    assert client.told[0] == ("init", {"root": str(tmp_path)})
    assert client.told[4:] == update
    assert torch.equal(client.read["lm_head.weight"], learner.lm_head.weight)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_gone_after_a_failure_too_unless_it_is_to_stay(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="update"):
        FileSender(Client(tmp_path, fails_at="update"), tmp_path).send(Learner(), 1)
    assert list(tmp_path.iterdir()) == []
    FileSender(Client(tmp_path), tmp_path, keep=True).send(Learner(), 1)
    late = Client(tmp_path)
    FileSender(late, tmp_path).deliver(1)
    assert sorted(late.read) == ["lm_head.weight", "model.weight"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "weights come as a NoneType"),
        ({"critic.weight": torch.ones(1)}, "no weight's name begins with model"),
        ({"model.q.lora_A.weight": torch.ones(1)}, "hold an adapter .*; merge it"),
    ],
)
def test_what_is_no_whole_model_is_refused(source: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(named_weights(source))


def test_vllms_own_senders_need_the_module(tmp_path: Path) -> None:
    sender = make_sender("nccl", Client(tmp_path), folder=tmp_path, num_workers=2)
    assert isinstance(sender, BuiltInSender)
    with pytest.raises(ValueError, match="needs a module to send, got a dict"):
        sender.send({"model.weight": torch.ones(1)}, 1)
    with pytest.raises(ValueError, match="transfer is 'pigeon'; legal: file, nccl, ipc"):
        make_sender("pigeon", Client(tmp_path), folder=tmp_path, num_workers=1)


def test_the_defaults_are_legal() -> None:
    VllmConfig().check()
    VllmConfig(placement="ray", num_engines=8, tensor_parallel_size=2, transfer="nccl").check()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"placement": "cloud"}, "engine.vllm.placement is 'cloud'; legal: process, ray"),
        ({"transfer": "post"}, "engine.vllm.transfer is 'post'; legal: file, nccl, ipc"),
        ({"dtype": "int8"}, "engine.vllm.dtype is 'int8'"),
        ({"tensor_parallel_size": 0}, "tensor_parallel_size is 0; it must be at least 1"),
        ({"max_model_len": 0}, "max_model_len is 0"),
        ({"gpus_per_engine": -0.5}, "gpus_per_engine is -0.5"),
        ({"gpu_memory_utilization": 1.2}, "gpu_memory_utilization is 1.2; it must be above 0 and"),
        ({"gpu_memory_utilization": 0.0}, "gpu_memory_utilization is 0.0"),
        ({"reply_timeout_seconds": 0.0}, "reply_timeout_seconds is 0.0; it must be above 0"),
        ({"num_engines": 2}, "num_engines is 2 with engine.vllm.placement=process"),
        (
            {"num_engines": 2, "placement": "ray", "transfer": "ipc"},
            "transfer is 'ipc' with engine.vllm.num_engines=2",
        ),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VllmConfig(**settings).check()
