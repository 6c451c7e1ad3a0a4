"""`scripts/evaluate.py`: one row per split, for scripted policies and for trained models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.scripts.real_scripts import call
from tests.training.small_agent import make_agent
from training.seeding import purpose_of


def evaluate(root: Path, *argv: str) -> dict:
    command = ("env=avr/nursery", "evaluation.num_episodes=4", f"run.root={root}", *argv)
    assert call("evaluate", *command) == 0
    return json.loads((root / "evaluate" / "summary.json").read_text())["tables"]["evaluation"]


def test_the_expert_on_each_split(tmp_path: Path) -> None:
    test = evaluate(tmp_path / "a")
    assert set(test) == {"test"}
    assert set(test["test"]) == {"acc_fa", "acc_isj", "igr", "turns", "reward"}
    assert test["test"]["acc_fa"]["mean"] == 1.0
    validation = evaluate(tmp_path / "b", "evaluation.purpose=validation")
    assert set(validation) == {"validation"}


def test_worlds_are_held_out(tmp_path: Path, monkeypatch) -> None:
    import scripts.evaluate

    seen: list[int] = []
    original = scripts.evaluate.evaluate

    def watch(pool, policy, seeds, **settings):
        seen.extend(seeds)
        return original(pool, policy, seeds, **settings)

    monkeypatch.setattr(scripts.evaluate, "evaluate", watch)
    evaluate(tmp_path)
    assert {purpose_of(seed) for seed in seen} == {"test"}


def test_a_trained_model_and_its_blind_twin(tmp_path: Path) -> None:
    make_agent().save(tmp_path / "model")
    model = ("policy=model", f"policy.path={tmp_path / 'model'}", "policy.max_new_tokens=4")
    row = evaluate(tmp_path / "seeing", *model)["test"]
    assert row["acc_fa"]["n"] == 4
    assert np.isfinite(row["turns"]["mean"])
    assert evaluate(tmp_path / "blind", *model, "policy.blind=true")["test"]["acc_fa"]["n"] == 4
