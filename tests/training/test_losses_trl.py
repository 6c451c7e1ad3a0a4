"""Losses and gradients against those of TRL's GRPOTrainer, which `tests.external.trl_losses` wrote
down; tests/external/test_trl_parity.py asks TRL itself.
"""

import json

import pytest
import torch

from tests.training.trl_cases import FROZEN, OURS, TRL, make_tensors, our_loss

RECORD = json.loads(FROZEN.read_text(encoding="utf-8"))


def test_the_record_is_of_these_cases() -> None:
    assert RECORD["origin"].startswith("TRL 1.16.0")
    assert RECORD["tensors"] == make_tensors()
    assert list(RECORD["results"]) == list(TRL) == list(OURS)


@pytest.mark.parametrize("name", OURS)
def test_loss_and_gradient_equal_trls(name: str) -> None:
    wanted = RECORD["results"][name]
    outputs, gradient = our_loss(name, RECORD["tensors"])
    mask = torch.tensor(RECORD["tensors"]["loss_mask"]).bool()
    assert outputs.loss.item() == pytest.approx(wanted["loss"], rel=0, abs=1e-6)
    assert gradient[mask].tolist() == pytest.approx(wanted["gradient"], rel=0, abs=1e-6)
    assert not gradient[~mask].any()


def test_the_cases_clip_and_cut() -> None:
    for name in ("grpo", "gspo", "cispo", "dapo"):
        assert 0 < our_loss(name, RECORD["tensors"])[0].metrics["clip_fraction"] < 1
    for name in OURS:
        metrics = our_loss(name, RECORD["tensors"])[0].metrics
        assert 0 < metrics.get("importance_clipped", 0.5) < 1
