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
from statistics import median

import torch

from policies.interface import Policy
from policies.scripted import ExpertPolicy
from policies.tiny import TinyConfig, check_tiny_config
from policies.vla.config import VlaConfig
from training.agent import Agent, EngineConfig, make_tiny_agent, words_of
from training.annotations import annotations_needed
from training.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from training.checks import check_at_least
from training.grpo import GrpoConfig, reinforce
from training.held_out import ROWS, HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.learner import Learner
from training.pool import LocalPool, MakeEnv, MakePool, MakeVariant
from training.progress import progress_bar
from training.reporter import Reporter
from training.rollout import EpisodeSpec, collect_episodes
from training.rollout_config import RolloutConfig
from training.run_directory import RunDirectory
from training.seeding import task_seeds
from training.sft import ExpertBatches, ImitationConfig, imitate
from training.vla_agent import make_vla_agent
from training.wandb_mirror import WandbMirror

FEWEST_STEPS = 6
"""Steps of imitation that continue a cold start, at least: five of warm-up and one more."""


@dataclass(kw_only=True)
class ExperimentConfig(HeldOutConfig):
    """Everything about a training run but the environment.

    Attributes:
        model: size of the tiny model that is built.
        vocab_size: tokens of its tokenizer, at least 300.
        whole_numbers: whether every number with a decimal point is one token, where replies are
            words; numbers that are nearly the same then begin nearly the same.
        corpus_episodes: expert episodes that the tokenizer learns its words from, at least 1.
        vla: how actions become tokens, in an environment that is driven by numbers; None where
            replies are words.
        engine: how replies are generated.
        rollout: in which processes environments run.
        num_threads: threads of PyTorch's operations; None leaves PyTorch's own choice.
        cold_start: imitation of the scripted expert.
        algorithm: reinforcement, from the cold start.
        continue_imitation: whether to also train the cold start on by imitation, for as long as
            reinforcement took: what the same time buys without reward.
        checkpoint_every: steps between checkpoints, at least 1.
        report_every: steps between rewrites of the report, at least 1.
    """

    model: TinyConfig = field(default_factory=TinyConfig)
    vocab_size: int = 512
    whole_numbers: bool = False
    corpus_episodes: int = 300
    vla: VlaConfig | None = None
    engine: EngineConfig = field(default_factory=EngineConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    num_threads: int | None = None
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
        check_tiny_config(self.model)
        self.rollout.check_num_envs(self.num_envs)
        for part in (self.engine, self.rollout, self.cold_start, self.algorithm):
            part.check()
        if self.vla is not None:
            self.vla.check()


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

    Raises:
        ValueError: for a study of frame budgets or worlds without `make_variant`, or a reward that
            lacks its scorer.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        make_env: MakeEnv,
        run: RunDirectory,
        *,
        title: str,
        mirror: WandbMirror,
        make_variant: MakeVariant | None = None,
        make_pool: MakePool = LocalPool,
    ) -> None:
        self._scorer = config.annotations.make_scorer(annotations_needed(config.reward))
        self.config, self.run, self._mirror = config, run, mirror
        self._make_env = make_env
        self._pool = make_pool(make_env, config.num_envs)
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
        self._pool.close()
        self._reporter.finish()

    def _make_agent(self) -> Agent:
        """A new tiny model; the tokenizer learns its words, and a codec its ranges, from expert
        episodes.
        """
        config = self.config
        specs = [EpisodeSpec(seed=s) for s in task_seeds("imitation", 0, config.corpus_episodes)]
        expert = ExpertPolicy(config.cold_start.expert_style)
        episodes = collect_episodes(self._pool, expert, specs)
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
        reference = copy.deepcopy(agent.model) if config.loss.kl_weight else None
        first = self._restore("grpo", agent, learner)
        if first < config.num_steps:
            with progress_bar("grpo", first, config.num_steps) as bar:
                reinforce(
                    agent,
                    learner,
                    self._pool,
                    config,
                    self.config.reward,
                    first_step=first,
                    run_seed=self.config.seed,
                    on_step=self._on_step("grpo", agent, learner, config.num_steps, bar),
                    reference=reference,
                    scorer=self._scorer,
                )
        self._save_model("grpo", agent)
        self._held_out.evaluate("grpo", lambda: self._greedy(agent))
        self._held_out.evaluate("blind", lambda: self._greedy(agent, blind=True))
        self._held_out.measure_budgets("grpo", self._greedy(agent))
        self._held_out.measure_rewards("grpo", lambda t: agent.policy(temperature=t))

    def _sft_continued(self, agent: Agent) -> None:
        """The cold start, imitating on for about as long as reinforcement took."""
        num_steps = self._matching_steps()
        cold = self.config.cold_start
        warmup = FEWEST_STEPS - 1
        schedule = replace(
            cold.learner, schedule="cosine", total_steps=num_steps, warmup_steps=warmup
        )
        config = replace(cold, num_steps=num_steps, learner=schedule)
        scratch = agent.learner(cold.learner)
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
        pool = self._pool
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
            stopping = self._stop.requested
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
        return {} if isinstance(self._pool, LocalPool) else self._pool.metrics.take()

    def _greedy(self, agent: Agent, *, blind: bool = False) -> Policy:
        return agent.policy(temperature=self.config.evaluation.temperature, blind=blind)

    def _save(self, stage: str, agent: Agent, learner: Learner, step: int) -> None:
        save_checkpoint(
            self.run.checkpoints_path / stage,
            model=agent.model,
            learner=learner,
            config=asdict(self.config),
            step=step,
            keep_last=2,
        )

    def _restore(self, stage: str, agent: Agent, learner: Learner) -> int:
        """Load a stage's newest checkpoint, if there is one. Returns the steps it has behind it."""
        latest = latest_checkpoint(self.run.checkpoints_path / stage)
        step = 0 if latest is None else load_checkpoint(latest, agent.model, learner).step
        self.run.drop_after(step, stage)
        return step

    def _save_model(self, stage: str, agent: Agent) -> None:
        agent.save(self.run.path / "models" / stage)
