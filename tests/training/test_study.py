"""A study trains every arm from every seed, goes on where it was stopped, and compares pairwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from policies.checkpoints import ModelConfig
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.small_agent import SIZE, offer_num_chars
from training.agent import EngineConfig
from training.evaluation import EvaluationConfig
from training.experiment import ExperimentConfig
from training.grpo import GrpoConfig
from training.learner_config import LearnerConfig
from training.logger_config import LoggerConfig
from training.outcomes import load_outcomes
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.run_directory import RunDirectory, open_run_directory
from training.sft import ImitationConfig
from training.study import Study
from training.study_config import ArmConfig, StudyConfig
from training.study_curves import mean_curves
from training.study_tables import StudyResults, paired_difference, study_tables
from training.wandb_mirror import WandbMirror

WORLD = AvrEnvConfig(config=nursery_config())
LEARNER = LearnerConfig(learning_rate=3e-3, warmup_steps=1)
CONFIG = ExperimentConfig(
    model=ModelConfig(**vars(SIZE)),
    corpus_episodes=12,
    num_envs=8,
    engine=EngineConfig(max_new_tokens=4),
    cold_start=ImitationConfig(num_steps=2, episodes_per_step=2, num_worlds=2, learner=LEARNER),
    algorithm=GrpoConfig(num_steps=1, groups_per_step=2, group_size=2, learner=LEARNER),
    reward=RewardConfig(terms={"num_chars": RewardTermConfig()}),  # differs even when untrained
    evaluation=EvaluationConfig(num_episodes=3),
    constant_episodes=4,
    num_films=0,
)
SPARSE = RewardConfig(terms={"num_chars": RewardTermConfig(weight=-1.0)})
STUDY = StudyConfig(
    arms={
        "grpo": ArmConfig(continue_imitation=True),
        "shorter": ArmConfig(reward=SPARSE),
        "blind": ArmConfig(senses="blind"),
    },
    seeds=[0, 3],
    other_senses=["shuffled"],
)


@pytest.fixture(autouse=True)
def reward_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_num_chars(monkeypatch)


def run_study(path: Path, study: StudyConfig, *, resume: bool = False) -> RunDirectory:
    run = open_run_directory(path, resume=resume)
    run.write_config("seed: 0\n")
    mirror = WandbMirror(LoggerConfig(), path, {})
    Study(study, CONFIG, lambda: make_env(WORLD), run, title="t", mirror=mirror).train()
    return run


def weights(run: RunDirectory, part: str, stage: str) -> dict[str, np.ndarray]:
    newest = sorted((run.path / "runs" / part / "checkpoints" / stage).iterdir())[-1]
    return load_file(newest / "weights.safetensors")


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(one[key].tobytes() == other[key].tobytes() for key in one)


def test_a_study_from_end_to_end_and_again(tmp_path: Path) -> None:
    run = run_study(tmp_path / "study", STUDY)
    tables = json.loads(run.summary_path.read_text())["tables"]
    learned = ["cold_start", "grpo", "sft_continued", "shorter", "cold_start_blind", "blind"]
    for name in learned:
        assert tables["study"][name]["acc_fa"]["n"] == 2  # training seeds
        assert set(tables["seeds"][name]) == {"seed_0", "seed_3"}
    for name in ("random", "constant", "expert"):
        assert set(tables["seeds"][name]) == {"seed_0"}
    assert tables["study"]["expert"]["acc_fa"]["mean"] == 1.0
    assert set(tables["differences"]) == {
        f"grpo less {name}"
        for name in (*learned, "random", "constant", "expert", "grpo_evaluated_shuffled")
        if name != "grpo"
    }
    assert set(tables["crossed"]) == {
        f"{actor} acts" for actor in ("random", "constant", "cold_start", "grpo", "expert")
    }

    # The arms of a seed that see alike begin alike; others do not.
    colds = {
        (seed, part): weights(run, f"seed{seed}/{part}", "cold_start")
        for seed in (0, 3)
        for part in ("cold_start", "grpo", "shorter", "cold_start_blind", "blind")
    }
    for seed in (0, 3):
        assert same(colds[seed, "cold_start"], colds[seed, "grpo"])
        assert same(colds[seed, "cold_start"], colds[seed, "shorter"])
        assert same(colds[seed, "cold_start_blind"], colds[seed, "blind"])
        assert not same(colds[seed, "cold_start"], colds[seed, "blind"])
    assert not same(colds[0, "cold_start"], colds[3, "cold_start"])
    assert not same(weights(run, "seed0/grpo", "grpo"), weights(run, "seed0/shorter", "grpo"))

    # What is finished is passed over; what is missing is done again, to the same end.
    seconds = (run.path / "runs/seed0/shorter/summary.json").stat().st_mtime_ns
    before = weights(run, "seed3/shorter", "grpo")
    for name in ("summary.json", "metrics.jsonl"):
        (run.path / "runs/seed3/shorter" / name).unlink()
    for stage in (run.path / "runs/seed3/shorter/checkpoints/grpo").iterdir():
        for file in stage.iterdir():
            file.unlink()
        stage.rmdir()
    again = run_study(tmp_path / "study", STUDY, resume=True)
    assert json.loads(again.summary_path.read_text())["tables"] == tables
    assert (run.path / "runs/seed0/shorter/summary.json").stat().st_mtime_ns == seconds
    assert same(weights(again, "seed3/shorter", "grpo"), before)


def test_the_compute_of_reinforcement_is_matched_by_the_cold_starts_own_pace(
    tmp_path: Path,
) -> None:
    study = replace(STUDY, arms={"grpo": STUDY.arms["grpo"]}, seeds=[0], cross=False)
    run = run_study(tmp_path, replace(study, other_senses=[]))
    lines = RunDirectory(run.path / "runs/seed0/grpo").load_metrics()
    assert {line["phase"] for line in lines} == {"cold_start", "grpo", "sft_continued"}
    assert load_outcomes(run.path / "runs/seed0/grpo").keys() == {"grpo", "sft_continued"}


def test_curves_are_means_over_the_seeds_that_have_come_so_far():
    def line(phase, step, success):
        return {"phase": phase, "step": step, "success": success, "seconds": 1.0}

    first = [line("cold_start", 1, 9), line("grpo", 1, 0.2), line("grpo", 2, 0.4)]
    found = mean_curves({"arm": [first, [line("grpo", 1, 0.6)]], "late": []})
    assert found == [{"phase": "arm", "step": 1, "success": pytest.approx(0.4)}]


def outcomes(*rights: int) -> dict[int, float]:
    return {100 + world: float(right) for world, right in enumerate(rights)}


def test_differences_are_paired_by_world_and_by_seed():
    first = {0: outcomes(1, 1, 0, 1), 1: outcomes(1, 1, 1, 0)}
    second = {0: outcomes(1, 0, 0, 1), 1: outcomes(0, 1, 0, 0)}
    found = paired_difference(first, second)
    # Seed 0 gains one of four worlds, seed 1 two: 3 / 8; over seeds 0.25 and 0.5.
    assert found["difference"]["mean"] == pytest.approx(0.375)
    assert found["difference"]["n"] == 4  # worlds
    assert found["over_seeds"]["mean"] == pytest.approx(0.375)
    assert found["over_seeds"]["stderr"] == pytest.approx(0.125)
    assert 0 <= found["lower_95"]["mean"] < 0.375


def test_what_no_seed_changes_is_compared_with_every_seed():
    found = paired_difference({0: outcomes(1, 1), 5: outcomes(1, 0)}, {0: outcomes(0, 0)})
    assert found["difference"]["mean"] == pytest.approx(0.75)
    assert found["over_seeds"]["n"] == 2


def test_a_gain_in_every_world_is_sure():
    found = paired_difference({0: outcomes(*[1] * 30)}, {0: outcomes(*[0] * 30)})
    assert found["lower_95"]["mean"] == pytest.approx(1.0)


def test_nothing_in_common_is_no_difference():
    assert paired_difference({0: outcomes(1)}, {0: {}}) is None


def test_means_are_over_training_seeds():
    results = StudyResults()
    for seed, score in ((0, 0.5), (1, 0.7)):
        row = {"acc_fa": {"mean": score, "stderr": 0.1, "n": 20}}
        results.add("grpo", seed, row, outcomes(1, 0))
    results.crossed = {"random": {"grpo": {0: 0.25, 1: 0.35}}}
    tables = study_tables(results, "grpo")
    assert tables["study"]["grpo"]["acc_fa"]["mean"] == pytest.approx(0.6)
    assert tables["study"]["grpo"]["acc_fa"]["stderr"] == pytest.approx(0.1)
    assert tables["seeds"]["grpo"]["seed_1"] == {"mean": 0.7, "stderr": 0.1, "n": 20}
    assert tables["crossed"]["random acts"]["grpo answers"]["mean"] == pytest.approx(0.3)
    assert "differences" not in tables


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": []}, r"study.seeds is \[\]"),
        ({"seeds": [1, 1]}, r"study.seeds is \[1, 1\]"),
        ({"main": "best"}, "study.main is 'best'; legal: grpo, shorter, blind"),
        ({"other_senses": ["deaf"]}, "study.other_senses is 'deaf'; legal: all, blind"),
        ({"arms": {"grpo": ArmConfig(senses="deaf")}}, "study.arms.grpo.senses is 'deaf'"),
        ({"arms": {"../grpo": ArmConfig()}, "main": "../grpo"}, r"study.arms has '../grpo'"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(STUDY, **changes).check()
