"""What every stage of an experiment is worth on held-out worlds: the rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from policies.interface import Policy
from policies.scripted import ConstantPolicy, RandomPolicy
from policies.vlm import VLMPolicy
from training.annotations import (
    AnnotationConfig,
    AnnotationTools,
    SemanticScorer,
    annotate,
    annotations_needed,
)
from training.avr_metrics import Row
from training.baselines import make_random_policy
from training.budget_study import BudgetStudy, BudgetStudyConfig
from training.checks import check_at_least
from training.episode import Episode, save_episode
from training.evaluation import EvaluationConfig, evaluate, fit_best_constant, summarise
from training.interrupts import StopRequest
from training.outcomes import keep_outcomes
from training.pool import MakeVariant, Pool
from training.progress import progress_bar
from training.reporter import Reporter
from training.reward_study import RewardStudy, RewardStudyConfig
from training.rewards.compose import RewardConfig
from training.rollout import EpisodeSpec, collect_episodes
from training.run_directory import RunDirectory
from training.seeding import task_seeds
from training.world_study import WorldStudy, WorldStudyConfig

ROWS = ("random", "constant", "cold_start", "sft_continued", "grpo", "blind", "expert")


@dataclass(kw_only=True)
class HeldOutConfig:
    """What is measured on held-out worlds, and how.

    Attributes:
        seed: decides the model's first weights and the sampling noise.
        num_envs: episodes in flight at once, at least 1.
        reward: what reinforcement rewards; the evaluation reports the same sum.
        annotations: what the reward's annotations are made with.
        evaluation: on which held-out worlds, and how many.
        budget_study: frame budgets to measure the cold start and the reinforced policy at.
        world_study: other worlds to measure rows in.
        reward_study: rewards to compare as predictors of success, at the same two stages.
        rows: which policies to evaluate, of `ROWS`.
        constant_episodes: training worlds on which the best constant answers are found, at least 1.
        num_films: before-and-after pairs in the report, 0 or more.
    """

    seed: int = 0
    num_envs: int = 64
    reward: RewardConfig = field(default_factory=RewardConfig)
    annotations: AnnotationConfig = field(default_factory=AnnotationConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    budget_study: BudgetStudyConfig = field(default_factory=BudgetStudyConfig)
    world_study: WorldStudyConfig = field(default_factory=WorldStudyConfig)
    reward_study: RewardStudyConfig = field(default_factory=RewardStudyConfig)
    rows: list[str] = field(default_factory=lambda: list(ROWS))
    constant_episodes: int = 500
    num_films: int = 4

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, seed=0, num_envs=1, constant_episodes=1, num_films=0)
        unknown = [row for row in self.rows if row not in ROWS]
        if unknown:
            raise ValueError(f"rows has {unknown[0]!r}; legal: {', '.join(ROWS)}")
        strange = [row for row in self.world_study.rows if row not in ROWS]
        if strange:
            raise ValueError(f"world_study.rows has {strange[0]!r}; legal: {', '.join(ROWS)}")
        parts = (self.evaluation, self.budget_study, self.world_study, self.reward_study)
        for part in (self.reward, *parts):
            part.check()
        self.annotations.check(annotations_needed(self.reward))


class HeldOut:
    """Fills the table of an experiment; rows that a resumed run has already stay.

    Args:
        config: what is measured.
        pool: where the environments come from.
        reporter: keeps the table.
        run: where some episodes are kept for their films.
        stop: asked after each row, each world, and each frame budget of a study.
        make_variant: makes environments with other settings; None where there are no variants.
        scorer: what the annotation semantic_cosine is made with; None where no reward reads it.

    Raises:
        ValueError: for a study of frame budgets or worlds without `make_variant`.
    """

    def __init__(
        self,
        config: HeldOutConfig,
        pool: Pool,
        reporter: Reporter,
        run: RunDirectory,
        *,
        stop: StopRequest,
        make_variant: MakeVariant | None = None,
        scorer: SemanticScorer | None = None,
    ) -> None:
        self._config, self._pool, self._reporter = config, pool, reporter
        self._run, self._stop, self._scorer = run, stop, scorer
        self._study = self._make_study(make_variant)
        self._worlds = self._make_world_study(make_variant)
        self._rewards = self._make_reward_study()

    def evaluate(self, row: str, make_policy: Callable[[], Policy]) -> None:
        """Fill one row, here and in the other worlds, unless it is there or not wanted."""
        if row not in self._config.rows:
            return
        if row not in self._reporter.table:
            self._evaluate(row, make_policy)
        if self._worlds is not None and row in self._config.world_study.rows:
            self._worlds.measure(row, make_policy)
            self._reporter.show_worlds(self._worlds)

    def _evaluate(self, row: str, make_policy: Callable[[], Policy]) -> None:
        config, policy = self._config.evaluation, make_policy()
        seeds = task_seeds(config.purpose, 0, config.num_episodes)
        with progress_bar(f"evaluate {row}", 0, len(seeds)) as bar:
            episodes = evaluate(
                self._pool,
                policy,
                seeds,
                sampling_seed=self._config.seed,
                max_failed_share=config.max_failed_share,
                on_episode=lambda episode: bar({}),
            )
        reward = self._reward_of(policy, episodes)
        keep_outcomes(self._run.path, row, episodes)
        self._keep(row, episodes, summarise(episodes, reward, config.terms))
        self._stop_if_asked(f"the evaluation of {row}")

    def measure_budgets(self, stage: str, policy: Policy) -> None:
        """Play the study's frame budgets, where there is one."""
        if self._study is not None:
            self._study.measure(stage, policy)
            self._reporter.show_study(self._study)

    def measure_rewards(self, stage: str, make_policy: Callable[[float], Policy]) -> None:
        """Play the rollouts of the study of rewards, where there is one.

        Args:
            stage: whose they are.
            make_policy: temperature of sampling -> policy.
        """
        if self._rewards is not None:
            self._rewards.measure(stage, make_policy(self._config.reward_study.temperature))
            self._reporter.show_rewards(self._rewards)

    def random_policy(self) -> Policy:
        """A policy that acts at random within the environments' action space."""
        return make_random_policy(self._pool.action_space())

    def best_constant(self) -> Policy:
        """The best policy that never looks, found on training worlds."""
        seeds = task_seeds("calibration", 0, self._config.constant_episodes)
        specs = [EpisodeSpec(seed=seed) for seed in seeds]
        episodes = collect_episodes(self._pool, RandomPolicy(), specs)
        return ConstantPolicy(fit_best_constant(episodes))

    def _make_study(self, make_variant: MakeVariant | None) -> BudgetStudy | None:
        config = self._config
        if not config.budget_study.budgets:
            return None
        if make_variant is None:
            raise ValueError(
                f"budget_study.budgets is {config.budget_study.budgets}; legal for an environment "
                "without frame budgets: none"
            )
        return BudgetStudy(
            config.budget_study,
            make_variant,
            self._run.path / "budget_study",
            num_envs=config.num_envs,
            evaluation=config.evaluation,
            sampling_seed=config.seed,
            on_budget=self._stop_if_asked,
        )

    def _make_world_study(self, make_variant: MakeVariant | None) -> WorldStudy | None:
        config = self._config
        if not config.world_study.worlds:
            return None
        if make_variant is None:
            names = ", ".join(config.world_study.worlds)
            raise ValueError(
                f"world_study.worlds names {names}; legal for an environment without settings: none"
            )
        return WorldStudy(
            config.world_study,
            make_variant,
            self._run.path / "world_study",
            num_envs=config.num_envs,
            evaluation=config.evaluation,
            sampling_seed=config.seed,
            on_world=self._stop_if_asked,
        )

    def _make_reward_study(self) -> RewardStudy | None:
        config = self._config
        if not config.reward_study.rewards:
            return None
        return RewardStudy(
            config.reward_study,
            self._pool,
            self._run.path / "reward_study",
            evaluation=config.evaluation,
            sampling_seed=config.seed,
            on_stage=self._stop_if_asked,
        )

    def _stop_if_asked(self, where: str) -> None:
        if self._stop.requested:
            self._stop.stop(where, self._run.path)

    def _reward_of(self, policy: Policy, episodes: Sequence[Episode]) -> RewardConfig | None:
        """The reward, once what it reads is annotated; None where that takes asking a model."""
        names, seed = annotations_needed(self._config.reward), self._config.seed
        if names and not isinstance(policy, VLMPolicy):
            return None
        tools = AnnotationTools(
            greedy_policy=policy,
            sampling_policy=policy,
            scorer=self._scorer,
            sampling_seed=seed,
        )
        annotate(episodes, names, tools)
        return self._config.reward

    def _keep(self, row: str, episodes: Sequence[Episode], values: Row) -> None:
        for episode in episodes[: 4 * self._config.num_films]:
            save_episode(self._run.episodes_path / row, episode)
        self._reporter.add_row(row, values)
        self._reporter.update()
