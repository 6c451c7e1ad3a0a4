"""A study: the same experiment in several arms and from several training seeds, compared on the
same held-out worlds.

An arm is the experiment with another reward, another algorithm, or fewer senses. Arms that have the
same senses go on from one cold start per training seed. Every part is a run directory of its own
under `runs/`, which is passed over when it is finished, so that a study of hours goes on where it
was stopped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium

from policies.interface import Policy
from policies.scripted import ConstantPolicy, ExpertPolicy, RandomPolicy
from policies.split import SplitPolicy
from training.agent import load_agent
from training.avr_metrics import Row
from training.evaluation import evaluate, fit_best_constant, summarise
from training.experiment import Experiment, ExperimentConfig
from training.logger_config import Mirror
from training.outcomes import Outcomes, keep_outcomes, load_outcomes
from training.pool import LocalPool, MakeEnv, MakePool, MakeVariant
from training.progress import progress_bar
from training.report import ReportData, write_report
from training.rollout import EpisodeSpec, collect_episodes
from training.run_directory import RunDirectory, open_run_directory, write_atomic
from training.seeding import task_seeds
from training.senses import Senses
from training.study_config import ArmConfig, StudyConfig
from training.study_curves import mean_curves
from training.study_tables import StudyResults, study_tables

MakePolicy = Callable[[], Policy]

SCRIPTED_ROWS = ("random", "constant", "expert")
"""What no training seed changes."""
ANSWERERS = ("cold_start", "grpo")


class Study:
    """Runs every arm from every training seed, then crosses and compares what came of them.

    Args:
        study: the arms, checked; at least one.
        config: the experiment that all arms are variants of, checked.
        make_env: makes one environment.
        run: where everything is written.
        title: heading of the report.
        mirror: where metrics go beside the runs' own files.
        make_variant: makes environments with other settings; None where there are none.
        make_pool: makes the pool in which so many environments run.
    """

    def __init__(
        self,
        study: StudyConfig,
        config: ExperimentConfig,
        make_env: MakeEnv,
        run: RunDirectory,
        *,
        title: str,
        mirror: Mirror,
        make_variant: MakeVariant | None = None,
        make_pool: MakePool = LocalPool,
    ) -> None:
        self._config, self._study, self._make_env = config, study, make_env
        self._run, self._title, self._mirror = run, title, mirror
        self._make_variant, self._make_pool = make_variant, make_pool
        self._main = study.main
        self._results = StudyResults()
        self._metrics: dict[str, list[list[dict[str, Any]]]] = {}

    def train(self) -> None:
        """Everything that is not done yet, then the summary."""
        try:
            for seed in self._study.seeds:
                self._train_seed(seed)
            tables = study_tables(self._results, self._main)
            self._run.write_summary("train", {}, tables)
            self._write_report("finished")
        except BaseException:  # Ctrl-C too: whatever ended it, the report stays a valid one
            self._run.set_status("interrupted")
            self._write_report("interrupted")
            raise

    def _train_seed(self, seed: int) -> None:
        for name, arm in self._study.arms.items():
            cold = self._cold_start(seed, arm.senses)
            self._arm(seed, name, arm, cold)
            self._write_report("running")
        main = self._study.arms[self._main]
        self._sense_otherwise(seed)
        if self._study.cross:
            self._cross(seed, main.senses)
        self._write_report("running")

    def _cold_start(self, seed: int, senses: str) -> Path:
        """Where the cold start of such senses is, trained if need be."""
        name = _cold_start_name(senses)
        scripted = SCRIPTED_ROWS if senses == "all" and seed == self._study.seeds[0] else ()
        config = replace(
            self._config,
            seed=seed,
            rows=[row for row in self._config.rows if row in (*scripted, "cold_start")],
            algorithm=replace(self._config.algorithm, num_steps=0),
            continue_imitation=False,
        )
        path = self._part(seed, name, config, senses)
        self._take(seed, path, {"cold_start": name, **{row: row for row in SCRIPTED_ROWS}})
        return path

    def _arm(self, seed: int, name: str, arm: ArmConfig, cold: Path) -> None:
        rows = ["grpo", *(["sft_continued"] if arm.continue_imitation else [])]
        config = replace(
            self._config,
            seed=seed,
            rows=rows,
            reward=arm.reward or self._config.reward,
            algorithm=arm.algorithm or self._config.algorithm,
            continue_imitation=arm.continue_imitation,
        )
        path = self._part(seed, name, config, arm.senses, cold_start_path=cold)
        self._take(seed, path, {"grpo": name, "sft_continued": "sft_continued"})
        self._metrics.setdefault(name, []).append(RunDirectory(path).load_metrics())

    def _part(
        self,
        seed: int,
        name: str,
        config: ExperimentConfig,
        senses: str,
        *,
        cold_start_path: Path | None = None,
    ) -> Path:
        """Run one experiment, or the rest of it. Returns its folder."""
        path = self._folder(seed) / name
        if (path / "summary.json").exists():
            return path
        run = open_run_directory(path, resume=(path / "config.yaml").exists())
        run.write_config(json.dumps(asdict(config), indent=1, default=str))
        if cold_start_path is not None and not (run.checkpoints_path / "cold_start").exists():
            _copy_cold_start(cold_start_path, run)
        Experiment(
            config,
            self._limited(senses),
            run,
            title=f"{self._title}: {name}, seed {seed}",
            mirror=self._mirror,
            make_variant=self._limited_variant(senses),
            make_pool=self._make_pool,
        ).train()
        return path

    def _limited(self, senses: str) -> MakeEnv:
        """Makes environments in which a policy has these senses."""
        return partial(_limit, self._make_env, senses)

    def _limited_variant(self, senses: str) -> MakeVariant | None:
        make_variant = self._make_variant
        if make_variant is None:
            return None
        return lambda changes: _limit(partial(make_variant, changes), senses)

    def _take(self, seed: int, path: Path, names: dict[str, str]) -> None:
        """Take rows of a part into the study's results, under other names."""
        table: dict[str, Row] = json.loads((path / "evaluation.json").read_text())
        outcomes = load_outcomes(path)
        for row, name in names.items():
            if row in table:
                self._results.add(name, seed, table[row], outcomes[row])

    def _sense_otherwise(self, seed: int) -> None:
        """Evaluate the main arm's policy with senses that it was not trained with."""
        for senses in self._study.other_senses:
            name = f"{self._main}_evaluated_{senses}"
            make_policy = partial(self._trained, seed, "grpo")
            row, outcomes = self._played(seed, name, make_policy, self._limited(senses))
            self._results.add(name, seed, row, outcomes)

    def _cross(self, seed: int, senses: str) -> None:
        """Every policy's actions with either learned policy's answers."""
        actors: dict[str, MakePolicy] = {
            "random": RandomPolicy,
            "constant": self._best_constant,
            "cold_start": partial(self._trained, seed, "cold_start"),
            "grpo": partial(self._trained, seed, "grpo"),
            "expert": ExpertPolicy,
        }
        make_env = self._limited(senses)
        for actor, make_actor in actors.items():
            for answerer in ANSWERERS:
                make_policy = partial(_split, make_actor, partial(self._trained, seed, answerer))
                name = f"crossed_{actor}_{answerer}"
                row, _ = self._played(seed, name, make_policy, make_env)
                score = float(row["acc_fa"]["mean"] or 0.0)
                crossed = self._results.crossed.setdefault(actor, {})
                crossed.setdefault(answerer, {})[seed] = score

    def _played(
        self, seed: int, name: str, make_policy: MakePolicy, make_env: MakeEnv
    ) -> tuple[Row, Outcomes]:
        """A policy's row and outcomes on the held-out worlds, played unless that is done."""
        folder = self._folder(seed)
        path = folder / f"{name}.json"
        if not path.exists():
            config = self._config.evaluation
            seeds = task_seeds(config.purpose, 0, config.num_episodes)
            pool = LocalPool(make_env, self._config.num_envs)
            with progress_bar(f"{name}, seed {seed}", 0, len(seeds)) as bar:
                episodes = evaluate(
                    pool,
                    make_policy(),
                    seeds,
                    sampling_seed=seed,
                    max_failed_share=config.max_failed_share,
                    on_episode=lambda episode: bar({}),
                )
            pool.close()
            keep_outcomes(folder, name, episodes)
            row = summarise(episodes, None, config.terms)
            write_atomic(path, json.dumps(row))
        return json.loads(path.read_text()), load_outcomes(folder)[name]

    def _trained(self, seed: int, stage: str) -> Policy:
        """The main arm's policy after a stage, as it is evaluated."""
        part = self._main
        if stage == "cold_start":
            part = _cold_start_name(self._study.arms[self._main].senses)
        path = self._folder(seed) / part / "models" / stage
        agent = load_agent(path, self._config.engine)
        return agent.policy(temperature=self._config.evaluation.temperature)

    def _folder(self, seed: int) -> Path:
        """Where everything of a training seed is."""
        return self._run.path / "runs" / f"seed{seed}"

    def _best_constant(self) -> Policy:
        seeds = task_seeds("calibration", 0, self._config.constant_episodes)
        pool = LocalPool(self._make_env, self._config.num_envs)
        episodes = collect_episodes(pool, RandomPolicy(), [EpisodeSpec(seed=s) for s in seeds])
        pool.close()
        return ConstantPolicy(fit_best_constant(episodes))

    def _write_report(self, status: str) -> None:
        config = self._run.config_path
        data = ReportData(
            title=self._title,
            intro=INTRO,
            status=status,
            tables=study_tables(self._results, self._main),
            metrics=mean_curves(self._metrics),
            config_yaml=config.read_text() if config.exists() else "",
            notes=NOTES,
        )
        write_report(self._run.report_path, data)


def _cold_start_name(senses: str) -> str:
    return "cold_start" if senses == "all" else f"cold_start_{senses}"


def _copy_cold_start(path: Path, run: RunDirectory) -> None:
    """Let a run begin where another's cold start ended, with the metrics of its steps: how long
    they took is what continued imitation is matched by.
    """
    shutil.copy(path / "metrics.jsonl", run.metrics_path)
    copied = run.checkpoints_path / "cold_start.part"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(path / "checkpoints" / "cold_start", copied)
    copied.rename(run.checkpoints_path / "cold_start")


def _limit(make_env: MakeEnv, senses: str) -> gymnasium.Env:
    if senses == "all":
        return make_env()
    return Senses(make_env(), senses, make_env() if senses == "shuffled" else None)


def _split(make_actor: MakePolicy, make_answerer: MakePolicy) -> Policy:
    return SplitPolicy(make_actor(), make_answerer())


INTRO = (
    "The same experiment in several arms, each trained from every training seed and evaluated on "
    "the same held-out worlds. Every part has a report of its own under runs/."
)
NOTES = (
    "study: means over training seeds, with the standard error over seeds. seeds: each training "
    "seed by itself, with the standard error over its worlds.",
    "differences: the main arm less another policy, world by world and seed by seed. difference "
    "has its error from a bootstrap over worlds, of which lower_95 is the one-sided 95 % bound; "
    "over_seeds has the standard error over training seeds.",
    "Curves are of training: success and reward of each step's rollouts, averaged over training "
    "seeds.",
    "crossed: one policy chooses the actions and when to stop, another gives the answer (acc_fa).",
)
