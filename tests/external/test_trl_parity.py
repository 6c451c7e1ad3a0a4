"""TRL itself computes the losses that ours are compared with. Run by `make test-external`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("trl", reason="scripts/external_tests.py trl makes TRL's environment")

from tests.external.trl_losses import trl_loss
from tests.external.trl_trainer import Record, train_and_record
from tests.training.trl_cases import FROZEN, TRL, loss_of, make_tensors, our_loss
from training.advantages import group_advantages


@pytest.mark.parametrize("name", TRL)
def test_given_tensors_give_equal_losses_and_gradients(name: str) -> None:
    tensors = make_tensors()
    loss, gradient = trl_loss(tensors, TRL[name])
    ours, our_gradient = our_loss(name, tensors)
    print(f"{name}: {abs(ours.loss.item() - loss):.1e} {(our_gradient - gradient).abs().max():.1e}")
    assert ours.loss.item() == pytest.approx(loss, rel=0, abs=1e-6)
    torch.testing.assert_close(our_gradient, gradient, rtol=0, atol=1e-6)
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))["results"][name]
    assert loss == pytest.approx(frozen["loss"], rel=0, abs=1e-9)


RUNS = {
    "dapo": {"aggregation": "token"},
    "grpo": {"aggregation": "sequence"},
    "dr_grpo": {"aggregation": "constant", "constant": 8},
}
"""TRL's loss type -> our settings."""


def train(folder: Path, loss_type: str, **settings: object) -> Record:
    """Two steps on one batch of 8 episodes, in micro-batches of 4: in the second, ratios differ
    from 1.
    """
    return train_and_record(
        folder,
        loss_type=loss_type,
        max_steps=2,
        num_iterations=2,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        num_generations=4,
        max_completion_length=8,
        learning_rate=0.01,
        beta=0.1,
        **settings,
    )


@pytest.mark.parametrize("loss_type", RUNS)
def test_a_training_of_trl_is_followed_step_by_step(loss_type: str, tmp_path: Path) -> None:
    batches = train(tmp_path, loss_type).batches
    assert len(batches) == 4
    for step in (batches[:2], batches[2:]):
        whole = {
            name: torch.cat([batch[name] for batch in step])
            for name in step[0]
            if name not in ("loss", "gradient")
        }
        settings = {**RUNS[loss_type], "kl_weight": 0.1, "kl_importance": True}
        ours, gradient = loss_of(whole, settings)
        theirs = sum(batch["loss"].item() for batch in step)
        wanted = torch.cat([batch["gradient"] for batch in step]).double()
        print(f"{abs(ours.loss.item() - theirs):.1e} {(gradient - wanted).abs().max():.1e}")
        assert ours.loss.item() == pytest.approx(theirs, rel=0, abs=1e-6)
        torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-6)
    assert (batches[2]["trainer_logprobs"] != batches[2]["old_logprobs"]).any()


@pytest.mark.parametrize(("theirs", "ours"), [("group", "std"), ("none", "none")])
def test_advantages_equal_trls(theirs: str, ours: str, tmp_path: Path) -> None:
    record = train(tmp_path, "dapo", scale_rewards=theirs)
    groups = np.array(record.rewards[0]).reshape(2, 4)
    wanted = np.concatenate([group_advantages(group, scale=ours, eps=1e-4) for group in groups])
    found = torch.cat([batch["advantages"] for batch in record.batches[:2]]).numpy()
    # TRL shuffles the episodes of a batch.
    np.testing.assert_allclose(np.sort(found), np.sort(wanted), rtol=0, atol=1e-6)
