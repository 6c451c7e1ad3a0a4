"""Checkpoints restore bit for bit, appear whole or not at all, and say what does not fit."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.training.toy import ToyModel, make_learner, make_samples
from training.checkpoint import (
    CheckpointMismatch,
    load_checkpoint,
    save_checkpoint,
)
from training.checkpoint_folder import CheckpointUnreadable, latest_checkpoint

SETTINGS = {"schedule": "cosine", "warmup_steps": 2, "total_steps": 6, "num_minibatches": 2}


def train(learner, samples, num_steps):
    """Steps whose advantages come from torch's global random state, so that it matters too."""
    for _ in range(num_steps):
        advantages = [torch.randn(len(sample.input_ids)).numpy() for sample in samples]
        learner.improve(samples, advantages)


def assert_same_bits(model, other):
    for (name, a), (_, b) in zip(
        model.state_dict().items(), other.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name


def make_run(tied=False, seed=0):
    model = ToyModel(seed=seed, tied=tied)
    return model, make_learner(model, **SETTINGS)


def save(directory, model, learner, step=2, **options):
    return save_checkpoint(
        directory, model=model, learner=learner, config={"a": 1}, step=step, **options
    )


@pytest.fixture(autouse=True)
def _keep_random_state():
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("tied", [False, True])
def test_resuming_equals_not_stopping_bit_for_bit(tmp_path, tied):
    samples = make_samples(seed=1)
    torch.manual_seed(0)
    straight, learner = make_run(tied)
    train(learner, samples, 4)

    torch.manual_seed(0)
    first, learner = make_run(tied)
    train(learner, samples, 2)
    path = save(tmp_path, first, learner, extra_state={"seeds": [3, 4]})
    train(learner, samples, 1)

    resumed, learner = make_run(tied, seed=9)
    torch.manual_seed(123)
    state = load_checkpoint(path, resumed, learner)
    assert (state.step, state.config, state.extra_state) == (2, {"a": 1}, {"seeds": [3, 4]})
    assert learner.step == 4
    train(learner, samples, 2)
    assert_same_bits(resumed, straight)
    assert (resumed.head.weight is resumed.embed.weight) == tied


def test_what_is_loaded_is_a_copy(tmp_path):
    samples = make_samples(seed=1)
    model, learner = make_run()
    train(learner, samples, 1)
    path = save(tmp_path, model, learner)
    before = load_file(path / "weights.safetensors")
    state = learner.state_dict()
    kept = {name: tensor.clone() for name, tensor in state["tensors"].items()}
    other, other_learner = make_run(seed=3)
    other_learner.load_state_dict(state)
    train(other_learner, samples, 1)
    assert all(torch.equal(kept[name], tensor) for name, tensor in state["tensors"].items())
    load_checkpoint(path, other, other_learner)
    train(other_learner, samples, 1)
    for name, tensor in load_file(path / "weights.safetensors").items():
        assert torch.equal(before[name], tensor)


def test_a_fresh_learner_can_be_saved(tmp_path):
    model, learner = make_run()
    path = save(tmp_path, model, learner, step=0)
    other, other_learner = make_run(seed=5)
    load_checkpoint(path, other, other_learner)
    assert_same_bits(other, model)
    assert other_learner.step == 0


def test_weights_alone_leave_the_random_state(tmp_path):
    model, learner = make_run()
    path = save(tmp_path, model, learner)
    other = ToyModel(seed=2)
    torch.manual_seed(77)
    before = torch.get_rng_state()
    load_checkpoint(path, other)
    assert_same_bits(other, model)
    assert torch.equal(torch.get_rng_state(), before)


def test_tied_tensors_are_stored_once(tmp_path):
    model, learner = make_run(tied=True)
    path = save(tmp_path, model, learner)
    stored = set(load_file(path / "weights.safetensors"))
    assert "embed.weight" in stored
    assert "head.weight" not in stored


@pytest.mark.parametrize("tied", [False, True])
def test_tied_and_untied_do_not_stand_in_for_each_other(tmp_path, tied):
    path = save(tmp_path, *make_run(tied=tied))
    other = ToyModel(seed=4, tied=not tied)
    before = other.embed.weight.detach().clone()
    with pytest.raises(CheckpointMismatch, match=r"\{'head\.weight': 'embed\.weight'\}"):
        load_checkpoint(path, other)
    assert torch.equal(other.embed.weight, before)


def test_overlapping_views_are_saved(tmp_path):
    class Rows(nn.Module):
        def __init__(self, value):
            super().__init__()
            both = value + torch.arange(9.0).view(3, 3)
            self.register_buffer("upper", both[:2])
            self.register_buffer("lower", both[1:])
            self.weight = nn.Parameter(both.clone().T)

    model = Rows(2.0)
    path = save(tmp_path, model, make_learner(model))
    other = Rows(-9.0)
    load_checkpoint(path, other)
    assert_same_bits(other, model)


def test_mismatch_names_missing_unexpected_and_both_shapes(tmp_path):
    path = save(tmp_path, *make_run())
    other = ToyModel(width=6)
    other.extra = nn.Linear(1, 1)
    del other.norm
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(CheckpointMismatch) as caught:
        load_checkpoint(path, other)
    message = str(caught.value)
    assert "2 missing (extra.weight; extra.bias)" in message
    assert "2 unexpected (norm.bias; norm.weight)" in message
    assert "embed.weight: float32 (11, 8) in the checkpoint, float32 (11, 6) here" in message
    assert all(torch.equal(before[name], t) for name, t in other.state_dict().items())


def test_another_dtype_does_not_fit(tmp_path):
    path = save(tmp_path, *make_run())
    with pytest.raises(CheckpointMismatch, match=r"float32 \(11, 8\).*bfloat16 \(11, 8\) here"):
        load_checkpoint(path, ToyModel().bfloat16())


def test_moments_of_other_parameters_do_not_fit(tmp_path):
    samples = make_samples(seed=1)
    model, learner = make_run()
    train(learner, samples, 1)
    path = save(tmp_path, model, learner)
    frozen = ToyModel(seed=1)
    frozen.norm.requires_grad_(False)
    other = make_learner(frozen, **SETTINGS)
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    with pytest.raises(CheckpointMismatch, match=r"optimizer.*6 unexpected \(.*/norm\."):
        load_checkpoint(path, frozen, other)
    assert other.step == 0
    assert all(torch.equal(before[name], t) for name, t in frozen.state_dict().items())


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_damaged_files_are_named(tmp_path, name, damage):
    model, learner = make_run()
    train(learner, make_samples(seed=1), 1)
    path = save(tmp_path, model, learner)
    content = (path / name).read_bytes()
    if damage == "missing":
        (path / name).unlink()
    else:
        (path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointUnreadable, match=f"{name}: missing or damaged"):
        load_checkpoint(path, *make_run())


def test_another_schema_is_refused(tmp_path):
    path = save(tmp_path, *make_run())
    record = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(record | {"schema_version": 99}))
    with pytest.raises(CheckpointUnreadable, match="schema 99, this code reads 1"):
        load_checkpoint(path, *make_run())


def test_latest_counts_numbers_and_whole_checkpoints_only(tmp_path):
    assert latest_checkpoint(tmp_path / "nowhere") is None
    assert latest_checkpoint(tmp_path) is None
    run = make_run()
    for step in (2, 1_000_000, 30):
        save(tmp_path, *run, step=step)
    assert latest_checkpoint(tmp_path).name == "step-1000000"
    shutil.copytree(tmp_path / "step-000030", tmp_path / ".step-2000000.partial")
    (tmp_path / "step-3000000").mkdir()
    assert latest_checkpoint(tmp_path).name == "step-1000000"


def test_a_failed_write_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    model, learner = make_run()
    path = save(tmp_path, model, learner)
    weights = (path / "weights.safetensors").read_bytes()

    def break_down(*args):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("training.checkpoint.save_file", break_down)
        for step in (2, 3):
            with pytest.raises(OSError, match="no space left"):
                save(tmp_path, model, learner, step=step)
    assert latest_checkpoint(tmp_path) == path
    assert (path / "weights.safetensors").read_bytes() == weights
    with torch.no_grad():
        model.mix.bias += 1
    save(tmp_path, model, learner, step=2)
    assert load_file(path / "weights.safetensors")["mix.bias"][0] == model.mix.bias[0]
    assert [entry.name for entry in tmp_path.iterdir() if "000002" in entry.name] == ["step-000002"]


def test_old_checkpoints_are_deleted(tmp_path):
    run = make_run()
    for step in (1, 2, 3, 4):
        save(tmp_path, *run, step=step, keep_last=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]
    # A run that starts over from an older step never deletes what it has just written.
    save(tmp_path, *run, step=1, keep_last=2)
    assert (tmp_path / "step-000001").exists()


def test_illegal_arguments_are_named(tmp_path):
    run = make_run()
    with pytest.raises(ValueError, match="step = -1 is not legal"):
        save(tmp_path, *run, step=-1)
    with pytest.raises(ValueError, match="keep_last = 0 is not legal"):
        save(tmp_path, *run, keep_last=0)
    for value in (float("nan"), np.float32(1), object()):
        with pytest.raises(ValueError, match="must be JSON without NaN"):
            save(tmp_path, *run, extra_state={"x": value})
    assert list(tmp_path.iterdir()) == []
