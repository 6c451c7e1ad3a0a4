"""The whole experiment in the nursery: interrupted and resumed, it is the uninterrupted one."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from safetensors.numpy import load_file

from policies.checkpoints import ModelConfig
from policies.engines.scoring import score
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.small_agent import SIZE, make_agent, offer_num_chars
from training.agent import EngineConfig
from training.checkpoint import CheckpointMismatch
from training.episode import load_episode
from training.evaluation import EvaluationConfig
from training.experiment import Experiment, ExperimentConfig
from training.grpo import GrpoConfig
from training.held_out import ROWS, HeldOut
from training.learner_config import LearnerConfig
from training.report import NOTICES
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.run_directory import RunDirectory, open_run_directory
from training.scoring import rescore
from training.seeding import task_seeds
from training.sft import ImitationConfig
from training.wandb_mirror import LoggerConfig, WandbMirror

WORLD = AvrEnvConfig(config=nursery_config())
CONFIG = ExperimentConfig(
    model=ModelConfig(**vars(SIZE)),
    corpus_episodes=12,
    num_envs=8,
    engine=EngineConfig(max_new_tokens=6),
    cold_start=ImitationConfig(
        num_steps=4, episodes_per_step=2, learner=LearnerConfig(learning_rate=3e-3)
    ),
    algorithm=GrpoConfig(
        num_steps=4,
        groups_per_step=2,
        group_size=2,
        learner=LearnerConfig(learning_rate=3e-3, warmup_steps=3),
    ),
    reward=RewardConfig(terms={"num_chars": RewardTermConfig()}),  # differs even when untrained
    evaluation=EvaluationConfig(num_episodes=3),
    constant_episodes=4,
    checkpoint_every=2,
    report_every=2,
    num_films=0,
)
NO_ROWS = replace(CONFIG, rows=[], continue_imitation=False)


@pytest.fixture(autouse=True)
def reward_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_num_chars(monkeypatch)


def run_experiment(
    path: Path,
    config: ExperimentConfig,
    *,
    resume: bool = False,
    stop_at: tuple[str, int] | None = None,
    on_line: Callable[[str, int], None] = lambda phase, step: None,
) -> RunDirectory:
    """Run it; a signal arrives while the step `stop_at` is being written down."""
    run = open_run_directory(path, resume=resume)
    run.write_config("seed: 0\n")
    mirror = WandbMirror(LoggerConfig(), path, {})

    def log(step: int, metrics: dict[str, float], *, phase: str) -> None:
        on_line(phase, step)
        if (phase, step) == stop_at:
            signal.raise_signal(signal.SIGINT)

    mirror.log = log  # type: ignore[method-assign]
    Experiment(config, lambda: make_env(WORLD), run, title="t", mirror=mirror).train()
    return run


def checkpoint(run: RunDirectory, stage: str, step: int) -> dict[str, np.ndarray]:
    folder = run.checkpoints_path / stage / f"step-{step:06d}"
    return {
        f"{name}/{key}": value
        for name in ("weights", "optimizer")
        for key, value in load_file(folder / f"{name}.safetensors").items()
    }


def assert_same_bits(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert [k for k in one if one[k].tobytes() != other[k].tobytes()] == []


def lines(run: RunDirectory) -> list[dict[str, float]]:
    """The metrics, without what the clock says."""
    clock = ("seconds", "elapsed_seconds")
    return [{k: v for k, v in line.items() if k not in clock} for line in run.load_metrics()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        offer_num_chars(patch)
        return run_experiment(tmp_path_factory.mktemp("runs") / "whole", NO_ROWS)


def test_training_changes_the_weights_at_every_step(uninterrupted: RunDirectory) -> None:
    """Without this the comparisons below would compare nothing."""
    for stage in ("cold_start", "grpo"):
        two, four = (checkpoint(uninterrupted, stage, step) for step in (2, 4))
        changed = [k for k in two if not np.array_equal(two[k], four[k])]
        assert len(changed) > 0.9 * len(two), stage
    grpo = [line for line in uninterrupted.load_metrics() if line["phase"] == "grpo"]
    assert [line["step"] for line in grpo] == [1, 2, 3, 4]
    assert all(line["signal_share"] > 0 and line["grad_norm"] > 0 for line in grpo)


@pytest.mark.parametrize("stage", ["cold_start", "grpo"])
def test_interrupted_and_resumed_is_the_same_bit_for_bit(
    stage: str, uninterrupted: RunDirectory, tmp_path: Path
) -> None:
    path = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt, match=rf"after {stage} step 2; .*run\.resume=true"):
        run_experiment(path, NO_ROWS, stop_at=(stage, 2))
    assert not (path / "checkpoints" / stage / "step-000004").exists()
    resumed = run_experiment(path, NO_ROWS, resume=True)
    for name in ("cold_start", "grpo"):
        assert_same_bits(checkpoint(resumed, name, 4), checkpoint(uninterrupted, name, 4))
    assert lines(resumed) == lines(uninterrupted)


def test_a_crash_between_checkpoints_loses_and_repeats_only_those_steps(
    uninterrupted: RunDirectory, tmp_path: Path
) -> None:
    def crash(phase: str, step: int) -> None:
        if (phase, step) == ("grpo", 3):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_experiment(tmp_path / "parts", NO_ROWS, on_line=crash)
    seen: list[tuple[str, int]] = []
    resumed = run_experiment(
        tmp_path / "parts", NO_ROWS, resume=True, on_line=lambda *step: seen.append(step)
    )
    assert seen == [("grpo", 3), ("grpo", 4)]
    assert lines(resumed) == lines(uninterrupted)
    assert_same_bits(checkpoint(resumed, "grpo", 4), checkpoint(uninterrupted, "grpo", 4))


def test_a_stop_leaves_a_valid_report_and_no_summary(tmp_path: Path) -> None:
    path = tmp_path / "stopped"
    config = replace(NO_ROWS, rows=["random"])
    with pytest.raises(KeyboardInterrupt):
        run_experiment(path, config, stop_at=("cold_start", 1))
    run = RunDirectory(path)
    assert run.status == "interrupted"
    page = run.report_path.read_text()
    assert NOTICES["interrupted"] in page
    assert page.rstrip().endswith("</html>")
    assert "random" in page
    assert not run.summary_path.exists()
    assert (path / "checkpoints" / "cold_start" / "step-000001" / "state.json").exists()


def test_a_stop_during_an_evaluation_keeps_its_row(tmp_path: Path, monkeypatch) -> None:
    path, config = tmp_path / "stopped", replace(NO_ROWS, rows=["random", "expert"])
    keep = HeldOut._keep

    def interrupt(self, row, *values) -> None:
        keep(self, row, *values)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(HeldOut, "_keep", interrupt)
        with pytest.raises(KeyboardInterrupt, match=r"after the evaluation of random; go on with"):
            run_experiment(path, config)
    assert set(json.loads((path / "evaluation.json").read_text())) == {"random"}
    run = run_experiment(path, config, resume=True)
    assert set(json.loads(run.summary_path.read_text())["tables"]["evaluation"]) == set(config.rows)


def test_the_report_is_there_at_every_report_step(tmp_path: Path) -> None:
    path, pages = tmp_path / "watched", []

    def look(phase: str, step: int) -> None:
        # Called before the step's own report: what is there is that of the last report step.
        report = path / "report.html"
        pages.append((phase, step, report.exists() and NOTICES["running"] in report.read_text()))

    run_experiment(path, NO_ROWS, on_line=look)
    assert [there for _, _, there in pages] == [False, False] + [True] * 6


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        offer_num_chars(patch)
        config = replace(CONFIG, num_films=1)
        return run_experiment(tmp_path_factory.mktemp("runs") / "full", config)


def test_the_summary_has_every_row_in_the_one_form(full: RunDirectory) -> None:
    summary = json.loads(full.summary_path.read_text())
    assert set(summary) == {"command", "seconds", "peak_rss_mib", "figures", "tables"}
    assert set(summary["tables"]) == {"evaluation"}
    table = summary["tables"]["evaluation"]
    assert set(table) == set(ROWS)
    for row in table.values():
        assert set(row) <= {"acc_fa", "acc_isj", "igr", "turns", "reward"}
        assert {"acc_fa", "acc_isj", "turns", "reward"} <= set(row)
        for cell in row.values():
            assert set(cell) == {"mean", "stderr", "n"}
    assert all(row["acc_fa"]["n"] == 3 for row in table.values())
    assert table["expert"]["acc_fa"]["mean"] >= 2 / 3
    stages = ("cold_start", "grpo", "sft_continued")
    assert all(f"seconds.{stage}" in summary["figures"] for stage in stages)
    assert full.status == "finished"
    page = full.report_path.read_text()
    assert "sft_continued" in page
    assert "data:video/mp4;base64," in page


def test_the_same_worlds_are_evaluated_in_every_row(full: RunDirectory) -> None:
    tasks = {
        row.name: sorted(load_episode(folder).task_id for folder in row.iterdir())
        for row in full.episodes_path.iterdir()
    }
    assert set(tasks) == set(ROWS)
    assert len(set(map(tuple, tasks.values()))) == 1


def test_blind_sees_black(full: RunDirectory) -> None:
    """The same weights say, or weigh, something else at the same first turns."""
    replies = {
        row: [
            (turn.output.text, turn.output.rollout_logprobs.round(4).tolist())
            for folder in sorted((full.episodes_path / row).iterdir())
            for turn in load_episode(folder).turns[:1]
        ]
        for row in ("grpo", "blind")
    }
    assert replies["grpo"] != replies["blind"]


def test_resuming_a_finished_run_does_nothing_twice(full: RunDirectory) -> None:
    before = json.loads(full.summary_path.read_text()), lines(full)
    kept = {p: p.stat().st_mtime_ns for p in full.checkpoints_path.rglob("*.safetensors")}
    seen: list[tuple[str, int]] = []
    run = run_experiment(
        full.path,
        replace(CONFIG, num_films=1),
        resume=True,
        on_line=lambda *step: seen.append(step),
    )
    assert seen == []
    summary = json.loads(run.summary_path.read_text())
    assert summary["tables"] == before[0]["tables"]
    assert summary["figures"] == before[0]["figures"]
    assert lines(run) == before[1]
    assert kept == {p: p.stat().st_mtime_ns for p in kept}


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small"
    with pytest.raises(KeyboardInterrupt):
        run_experiment(path, NO_ROWS, stop_at=("cold_start", 1))
    wider = replace(NO_ROWS, model=replace(CONFIG.model, intermediate_size=128))
    with pytest.raises(
        CheckpointMismatch, match=r"step-000001 model tensors do not fit.*different"
    ):
        run_experiment(path, wider, resume=True)
    assert not (path / "summary.json").exists()


def test_rescoring_a_finished_episode_gives_what_sampling_gave() -> None:
    """Several turns and pictures, decoded with a cache in a batch, scored in one pass."""
    pool = LocalPool(lambda: make_env(WORLD), 8)
    agent = make_agent(max_new_tokens=24)
    specs = [EpisodeSpec(seed=seed, sample_index=i) for seed in range(4) for i in range(2)]
    episodes = collect_episodes(pool, agent.policy(temperature=0.8), specs, sampling_seed=1)
    pool.close()
    samples = [agent.sample(episode) for episode in episodes]
    assert max(len(sample.images) for sample in samples) == 3
    learner = agent.learner(LearnerConfig(temperature=0.8))
    scored = rescore(
        agent.model,
        samples,
        collate=agent.chat.collate,
        score=score,
        config=learner.config,
    )
    for sample, trainer_logprobs in zip(samples, scored, strict=True):
        assert sample.loss_mask.sum() > 20
        np.testing.assert_allclose(trainer_logprobs, sample.rollout_logprobs, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"rows": ["rndom"]}, "rows has 'rndom'; legal: random, constant"),
        ({"vocab_size": 10}, "vocab_size is 10; it must be at least 300"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0; it must be at least 1"),
        ({"engine": EngineConfig(max_new_tokens=0)}, r"engine\.max_new_tokens is 0"),
    ],
)
def test_settings_out_of_range(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(CONFIG, **settings).check()


def test_training_may_differ_from_the_evaluation(tmp_path: Path) -> None:
    """Both kinds of training act in the variant alone, the rows in the environment itself."""
    seeds: dict[str, set[int]] = {"variant": set(), "itself": set()}

    def watched(name: str) -> gymnasium.Env:
        env = make_env(WORLD)
        reset = env.reset

        def noting(*, seed: int | None = None, **options: Any) -> Any:
            seeds[name].add(seed or 0)
            return reset(seed=seed, **options)

        env.reset = noting  # type: ignore[method-assign]
        return env

    run = open_run_directory(tmp_path)
    run.write_config("seed: 0\n")
    config = replace(NO_ROWS, rows=["expert"], training_settings={"max_turns": 2})
    experiment = Experiment(
        config,
        lambda: watched("itself"),
        run,
        title="t",
        mirror=WandbMirror(LoggerConfig(), tmp_path, {}),
        make_variant=lambda settings: watched("variant"),
    )
    experiment.train()
    assert seeds["itself"] == set(task_seeds("test", 0, 3))
    trained = {*task_seeds("imitation", 0, 4 * 2), *task_seeds("train", 0, 2)}
    assert trained <= seeds["variant"]


def test_training_settings_need_settings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training_settings names max_turns; legal for an enviro"):
        run_experiment(tmp_path, replace(CONFIG, training_settings={"max_turns": 2}))
