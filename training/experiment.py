"""An experiment: a cold start, reinforcement, a control, and what each of them is worth on held-out
worlds.

Every stage starts from the stage it names, writes checkpoints as it goes, and is skipped when a
resumed run finds it done. The report is rewritten all along, so an interrupted run leaves a valid
one.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from policies.checkpoints import ModelConfig
from policies.interface import Policy
from policies.scripted import ExpertPolicy
from policies.vla.config import VlaConfig
from training.agent import (
    Agent,
    EngineConfig,
    load_pretrained_agent,
    make_tiny_agent,
    words_of,
)
from training.annotations import annotations_needed
from training.asynchrony import check_asynchrony
from training.checkpoint import load_checkpoint, save_checkpoint
from training.checkpoint_folder import latest_checkpoint
from training.checks import check_at_least
from training.grpo import GrpoConfig, reinforce
from training.held_out import ROWS, HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.learner import Learner
from training.logger_config import Mirror
from training.pool import LocalPool, MakeEnv, MakePool, MakeVariant
from training.progress import progress_bar
from training.reference import Reference
from training.reporter import Reporter
from training.rollout import EpisodeSpec, collect_episodes
from training.rollout_config import RolloutConfig
from training.run_directory import RunDirectory
from training.seeding import task_seeds
from training.sft import ExpertBatches, ImitationConfig, imitate
from training.vla_agent import make_vla_agent

FEWEST_STEPS = 6
"""Steps of imitation that continue a cold start, at least: five of warm-up and one more."""


@dataclass(kw_only=True)
class ExperimentConfig(HeldOutConfig):
    """Everything about a training run but the environment.

    Attributes:
        model: what is trained: a checkpoint from a directory, or a tiny model and its size.
        vocab_size: tokens of its tokenizer, at least 300.
        whole_numbers: whether numbers with a decimal point, which then begin like their neighbours,
            and counts below 100, with the space before them, are one token each in a tiny model.
        corpus_episodes: expert episodes that the tokenizer learns its words from, at least 1.
        vla: how actions become tokens, in an environment that is driven by numbers; None where
            replies are words.
        engine: how replies are generated.
        rollout: in which processes environments run.
        num_threads: threads of PyTorch's operations; None leaves PyTorch's own choice.
        training_settings: what of `env.config` is different in training from the evaluation, such
            as what costs time and no reward reads.
        cold_start: imitation of the scripted expert.
        algorithm: reinforcement, from the cold start.
        continue_imitation: whether to also train the cold start on by imitation, for as long as
            reinforcement took: what the same time buys without reward.
        checkpoint_every: steps between checkpoints, at least 1.
        report_every: steps between rewrites of the report, at least 1.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    vocab_size: int = 512
    whole_numbers: bool = False
    corpus_episodes: int = 300
    vla: VlaConfig | None = None
    engine: EngineConfig = field(default_factory=EngineConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    num_threads: int | None = None
    training_settings: dict[str, Any] = field(default_factory=dict)
    cold_start: ImitationConfig = field(default_factory=ImitationConfig)
    algorithm: GrpoConfig = field(default_factory=GrpoConfig)
    continue_imitation: bool = True
    checkpoint_every: int = 25
    report_every: int = 10

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        super().check()
        check_at_least(self, vocab_size=300, corpus_episodes=1)
        check_at_least(self, checkpoint_every=1, report_every=1)
        if self.num_threads is not None:
            check_at_least(self, num_threads=1)
        self.model.check()
        self.rollout.check_num_envs(self.num_envs)
        check_asynchrony(self.rollout, shares_weights=self.engine.shares_weights)
        for part in (self.engine, self.rollout, self.cold_start, self.algorithm):
            part.check()
        if self.vla is not None:
            self.vla.check()
            if self.model.path is not None or self.model.size is not None:
                raise ValueError(
                    "vla is set together with model.path or model.size; actions as tokens are for "
                    "tiny models, so set vla=null and an environment driven by words, such as "
                    "env.config.control=text"
                )


class Experiment:
    """Runs an experiment in a run directory.

    Args:
        config: settings, checked.
        make_env: makes one environment.
        run: where everything is written.
        title: heading of the report.
        mirror: where metrics go beside the run's own files.
        make_variant: makes environments with other settings; None where there are none.
        make_pool: makes the pool in which so many environments run.
        checkpoints_path: where checkpoints go, the same for all ranks of a sharded learner; None
            for the run directory.

    Raises:
        ValueError: for training settings, or a study of frame budgets or worlds, without
            `make_variant`, or a reward that lacks its scorer.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        make_env: MakeEnv,
        run: RunDirectory,
        *,
        title: str,
        mirror: Mirror,
        make_variant: MakeVariant | None = None,
        make_pool: MakePool = LocalPool,
        checkpoints_path: Path | None = None,
    ) -> None:
        config.model.check_path()
        self._scorer = config.annotations.make_scorer(annotations_needed(config.reward))
        self.config, self.run, self._mirror = config, run, mirror
        self._checkpoints_path = checkpoints_path or run.checkpoints_path
        self._make_env = _training_env(config.training_settings, make_env, make_variant)
        self._pool = make_pool(make_env, config.num_envs)
        self._training_pool = self._pool
        if config.training_settings:
            self._training_pool = make_pool(self._make_env, config.num_envs)
        self._reporter = Reporter(run, title=title, num_films=config.num_films, rows=ROWS)
        self._stop = StopRequest()
        self._held_out = HeldOut(
            config,
            self._pool,
            self._reporter,
            run,
            stop=self._stop,
            make_variant=make_variant,
            scorer=self._scorer,
        )

    def train(self) -> None:
        """All stages and all rows of the evaluation, then the summary."""
        if self.config.num_threads is not None:
            torch.set_num_threads(self.config.num_threads)
        try:
            with self._stop.listening():
                agent = self._make_agent()
                self._evaluate_scripted()
                self._cold_start(agent)
                self._grpo(agent)
                if self.config.continue_imitation:
                    self._sft_continued(agent)
        except BaseException:  # Ctrl-C too: whatever ended the run, its report stays a valid one
            self._reporter.interrupted()
            raise
        for pool in {self._pool, self._training_pool}:
            pool.close()
        self._reporter.finish()

    def _make_agent(self) -> Agent:
        """The model of `model.path`; or a new tiny one, whose tokenizer learns its words, and a
        codec its ranges, from expert episodes.
        """
        config = self.config
        if config.model.path is not None:
            return load_pretrained_agent(config.model, config.engine)
        specs = [EpisodeSpec(seed=s) for s in task_seeds("imitation", 0, config.corpus_episodes)]
        expert = ExpertPolicy(config.cold_start.expert_style)
        episodes = collect_episodes(self._training_pool, expert, specs)
        model, vocab_size = replace(config.model, seed=config.seed), config.vocab_size
        if config.vla is not None:
            return make_vla_agent(model, config.vla, config.engine, episodes, vocab_size=vocab_size)
        corpus = words_of(episodes)
        return make_tiny_agent(
            model,
            config.engine,
            corpus,
            vocab_size=vocab_size,
            whole_numbers=config.whole_numbers,
        )

    def _evaluate_scripted(self) -> None:
        self._held_out.evaluate("random", self._held_out.random_policy)
        self._held_out.evaluate("constant", self._held_out.best_constant)
        self._held_out.evaluate("expert", ExpertPolicy)

    def _cold_start(self, agent: Agent) -> None:
        config = self.config.cold_start
        learner = agent.learner(config.learner)
        first = self._restore("cold_start", agent, learner)
        if first < config.num_steps:
            self._imitate("cold_start", agent, learner, config, first)
        self._held_out.evaluate("cold_start", lambda: self._greedy(agent))
        self._held_out.measure_budgets("cold_start", self._greedy(agent))
        self._held_out.measure_rewards("cold_start", lambda t: agent.policy(temperature=t))

    def _grpo(self, agent: Agent) -> None:
        config = self.config.algorithm
        learner = agent.learner(replace(config.learner, temperature=config.temperature))
        reference = self._reference(agent, learner) if config.loss.kl_weight else None
        first = self._restore("grpo", agent, learner)
        if first < config.num_steps:
            with progress_bar("grpo", first, config.num_steps) as bar:
                reinforce(
                    agent,
                    learner,
                    self._training_pool,
                    config,
                    self.config.reward,
                    first_step=first,
                    run_seed=self.config.seed,
                    on_step=self._on_step("grpo", agent, learner, config.num_steps, bar),
                    reference=reference,
                    scorer=self._scorer,
                    rollout=self.config.rollout,
                )
        self._save_model("grpo", agent)
        self._held_out.evaluate("grpo", lambda: self._greedy(agent))
        self._held_out.evaluate("blind", lambda: self._greedy(agent, blind=True))
        self._held_out.measure_budgets("grpo", self._greedy(agent))
        self._held_out.measure_rewards("grpo", lambda t: agent.policy(temperature=t))

    def _reference(self, agent: Agent, learner: Learner) -> nn.Module | Reference:
        settings = learner.config
        if settings.sharding is None and settings.lora is None:
            return copy.deepcopy(agent.model)
        return learner.make_reference()

    def _sft_continued(self, agent: Agent) -> None:
        """The cold start, imitating on for about as long as reinforcement took."""
        cold = self.config.cold_start
        scratch = agent.learner(cold.learner)
        num_steps = scratch.ranks.largest(self._matching_steps())
        warmup = FEWEST_STEPS - 1
        schedule = replace(
            cold.learner, schedule="cosine", total_steps=num_steps, warmup_steps=warmup
        )
        config = replace(cold, num_steps=num_steps, learner=schedule)
        self._restore("cold_start", agent, scratch)
        learner = agent.learner(schedule)
        first = self._restore("sft_continued", agent, learner)
        if first < num_steps:
            self._imitate("sft_continued", agent, learner, config, first, offset=cold.num_steps)
        self._held_out.evaluate("sft_continued", lambda: self._greedy(agent))

    def _matching_steps(self) -> int:
        """Imitation steps that take as long as reinforcement took, by this run's own clock.

        A cold-start step counts with its median: the mean would hold against imitation whatever
        else the machine was doing at times.
        """
        imitation = self._reporter.step_seconds("cold_start")
        if not imitation:
            return FEWEST_STEPS
        reinforcement = sum(self._reporter.step_seconds("grpo"))
        return max(FEWEST_STEPS, round(reinforcement / median(imitation)))

    def _imitate(
        self,
        stage: str,
        agent: Agent,
        learner: Learner,
        config: ImitationConfig,
        first: int,
        *,
        offset: int = 0,
    ) -> None:
        """Imitate up to `config.num_steps`; worlds are those from `offset` batches on."""
        pool = self._training_pool
        if isinstance(pool, LocalPool):  # its environments draw in the thread that made them
            pool = LocalPool(self._make_env, min(self.config.num_envs, 16))
        batches = ExpertBatches(pool, agent, config, first_batch=offset)
        try:
            with progress_bar(stage, first, config.num_steps) as bar:
                imitate(
                    learner,
                    batches,
                    first_step=first,
                    num_steps=config.num_steps,
                    on_step=self._on_step(stage, agent, learner, config.num_steps, bar),
                )
        finally:
            batches.close()
        self._save_model(stage, agent)

    def _on_step(
        self,
        stage: str,
        agent: Agent,
        learner: Learner,
        num_steps: int,
        bar: Callable[[dict[str, float]], None],
    ) -> Callable[[int, dict[str, float]], None]:
        """What happens after every optimizer step: log, checkpoint, report, and perhaps stop."""
        clock = time.perf_counter()

        def on_step(step: int, metrics: dict[str, float]) -> None:
            nonlocal clock
            now = time.perf_counter()
            line = {**metrics, **self._rollout_metrics(), "seconds": now - clock}
            self.run.log(step, line, phase=stage)
            self._mirror.log(step, line, phase=stage)
            bar(metrics)
            stopping = bool(learner.ranks.largest(int(self._stop.requested)))
            if step % self.config.checkpoint_every == 0 or step == num_steps or stopping:
                self._save(stage, agent, learner, step)
            if step % self.config.report_every == 0 or step == num_steps:
                self._reporter.update()
            if stopping:
                self._stop.stop(f"{stage} step {step}", self.run.path)
            clock = time.perf_counter()

        return on_step

    def _rollout_metrics(self) -> dict[str, float]:
        """What collecting took; in this process there is nothing to say of it."""
        pool = self._training_pool
        return {} if isinstance(pool, LocalPool) else pool.metrics.take()

    def _greedy(self, agent: Agent, *, blind: bool = False) -> Policy:
        return agent.policy(temperature=self.config.evaluation.temperature, blind=blind)

    def _save(self, stage: str, agent: Agent, learner: Learner, step: int) -> None:
        directory, config = self._checkpoints_path / stage, asdict(self.config)
        if learner.config.sharding is not None:
            from training.distributed_checkpoint import save_sharded  # which few runs need

            save_sharded(directory, learner=learner, config=config, step=step, keep_last=2)
            return
        save_checkpoint(
            directory,
            model=agent.model,
            learner=learner,
            config=config,
            step=step,
            keep_last=2,
        )

    def _restore(self, stage: str, agent: Agent, learner: Learner) -> int:
        """Load a stage's newest checkpoint, if there is one. Returns the steps it has behind it."""
        latest = latest_checkpoint(self._checkpoints_path / stage)
        if latest is None:
            step = 0
        elif learner.config.sharding is not None:
            from training.distributed_checkpoint import load_sharded  # which few runs need

            step = load_sharded(latest, learner, run_path=self._checkpoints_path).step
        else:
            step = load_checkpoint(latest, agent.model, learner).step
        self.run.drop_after(step, stage)
        return step

    def _save_model(self, stage: str, agent: Agent) -> None:
        agent.save(self.run.path / "models" / stage)


def _training_env(
    settings: dict[str, Any], make_env: MakeEnv, make_variant: MakeVariant | None
) -> MakeEnv:
    """Makes the environments that are trained in. What is wrong with them is said at once."""
    if not settings:
        return make_env
    if make_variant is None:
        raise ValueError(
            f"training_settings names {', '.join(settings)}; legal for an environment without "
            "settings: none"
        )
    make_variant(settings).close()
    return lambda: make_variant(settings)
