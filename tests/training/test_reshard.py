"""What two processes saved, one and four go on with; and what was exported, the library loads."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("transformers")

from transformers import Qwen2_5_VLForConditionalGeneration

from tests.training.rank_work import (
    improve,
    make_chat,
    make_learner,
    make_samples,
    results,
    shared_folder,
)
from training.checkpoint import (
    CheckpointMismatch,
    load_checkpoint,
)
from training.checkpoint_folder import CheckpointUnreadable, latest_checkpoint
from training.critic_config import CriticConfig
from training.distributed_checkpoint import load_sharded, save_sharded


@pytest.mark.parametrize("num_ranks", [1, 4])
def test_another_number_of_ranks_goes_on_equally(num_ranks):
    straight, resumed = results(2)["resumed"], results(num_ranks)["resumed"]
    assert set(resumed) == set(straight)
    assert straight["metric/value_error"] > 0
    for name in set(straight) - {"metric/num_micro_batches"}:
        torch.testing.assert_close(resumed[name], straight[name], rtol=1e-5, atol=1e-6)


def test_the_export_is_loaded_by_the_library():
    results(2)
    folder = shared_folder()
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder / "exported", local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    for rank in (0, 1):
        served = torch.load(folder / "2" / f"served-{rank}.pt", weights_only=True)
        assert set(served) == set(model.state_dict())
        for name, weight in model.state_dict().items():
            assert torch.equal(weight, served[name]), name


def make(seed=0, **settings):
    return make_learner(make_chat(), seed=seed, learning_rate=1e-2, **settings)


def test_a_learner_in_one_process_can_use_it_too(tmp_path):
    samples = make_samples(make_chat())
    straight = make()
    improve(straight, samples)
    path = save_sharded(tmp_path, learner=straight, config={}, step=1, extra_state={"b": [2]})
    assert latest_checkpoint(tmp_path) == path
    improve(straight, samples)
    resumed = make(seed=3)
    improve(resumed, samples)
    assert load_sharded(path, resumed, run_path=tmp_path).extra_state == {"b": [2]}
    improve(resumed, samples)
    for name, weight in straight.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name


def test_old_ones_are_deleted_and_numbers_checked(tmp_path):
    learner = make()
    for step in (1, 2, 3):
        save_sharded(tmp_path, learner=learner, config={}, step=step, keep_last=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000003"]
    with pytest.raises(ValueError, match="step = -1 is not legal"):
        save_sharded(tmp_path, learner=learner, config={}, step=-1)
    with pytest.raises(ValueError, match="keep_last = 0 is not legal"):
        save_sharded(tmp_path, learner=learner, config={}, step=1, keep_last=0)


def test_only_the_runs_own_directory_is_read(tmp_path):
    learner = make()
    path = save_sharded(tmp_path / "other", learner=learner, config={}, step=1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "step-000001").symlink_to(path)
    for place in (path, tmp_path / "run" / "step-000001"):
        with pytest.raises(CheckpointUnreadable, match="outside the run's own directory"):
            load_sharded(place, learner, run_path=tmp_path / "run")


def test_what_does_not_fit_changes_nothing(tmp_path):
    path = save_sharded(tmp_path, learner=make(), config={}, step=1)
    other = make(seed=5, critic=CriticConfig())
    before = {name: weight.clone() for name, weight in other.model.state_dict().items()}
    with pytest.raises(CheckpointMismatch, match="2 missing .critic/head.weight"):
        load_sharded(path, other, run_path=tmp_path)
    assert all(torch.equal(before[n], w) for n, w in other.model.state_dict().items())
    with pytest.raises(CheckpointUnreadable, match=r"weights\.safetensors: missing"):
        load_checkpoint(path, other.model)


@pytest.mark.parametrize("name", [".metadata", "state.json", "__0_0.distcp"])
def test_damaged_files_are_named(tmp_path, name):
    path = save_sharded(tmp_path, learner=make(), config={}, step=1)
    (path / name).unlink()
    with pytest.raises(CheckpointUnreadable, match=r"step-000001.*: missing or damaged"):
        load_sharded(path, make(), run_path=tmp_path)
