"""The whole experiment with actions: cloning, then reinforcement, which must help."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from policies.checkpoints import ModelConfig
from policies.vla.config import CODECS, VlaConfig
from tests.training.arms import HurriedArm
from tests.training.small_agent import SIZE
from training.evaluation import EvaluationConfig
from training.experiment import Experiment, ExperimentConfig
from training.grpo import GrpoConfig
from training.learner_config import LearnerConfig
from training.run_directory import RunDirectory, open_run_directory
from training.sft import ImitationConfig
from training.wandb_mirror import LoggerConfig, WandbMirror

CONFIG = ExperimentConfig(
    model=ModelConfig(**vars(SIZE)),
    vocab_size=320,
    corpus_episodes=40,
    num_envs=32,
    num_threads=1,
    cold_start=ImitationConfig(
        num_steps=16, episodes_per_step=4, learner=LearnerConfig(learning_rate=3e-3)
    ),
    algorithm=GrpoConfig(
        num_steps=8,
        groups_per_step=5,
        group_size=6,
        learner=LearnerConfig(learning_rate=2e-3),
    ),
    evaluation=EvaluationConfig(num_episodes=60, temperature=1.0),
    rows=["random", "cold_start", "grpo", "expert"],
    continue_imitation=False,
    num_films=1,
)


def run_experiment(path: Path, config: ExperimentConfig, *, resume: bool = False) -> RunDirectory:
    config.check()
    run = open_run_directory(path, resume=resume)
    run.write_config("seed: 0\n")
    mirror = WandbMirror(LoggerConfig(), path, {})
    Experiment(config, HurriedArm, run, title="arm", mirror=mirror).train()
    return run


def with_codec(config: ExperimentConfig, codec: str) -> ExperimentConfig:
    return replace(config, vla=VlaConfig(codec=codec, num_bins=16, state_bins=32))


@pytest.mark.parametrize("codec", CODECS)
def test_reinforcement_adds_to_cloning(codec: str, tmp_path: Path) -> None:
    run = run_experiment(tmp_path / codec, with_codec(CONFIG, codec))
    table = json.loads((run.path / "evaluation.json").read_text())
    success = {row: cells["success"]["mean"] for row, cells in table.items()}
    assert success["expert"] == 1.0
    assert success["random"] < 0.3
    assert success["grpo"] >= success["cold_start"] + 0.1, success
    assert (run.path / "models" / "grpo" / "vla.json").exists()
    assert "arm" in run.report_path.read_text()
