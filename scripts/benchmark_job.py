"""What an evaluation plays and how it is summed up: held-out worlds, or a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from configs.schemas import EvaluateScript
from scripts.making import make_mixed_pool, make_pool
from sims import make_env
from sims.avr.benchmark import Entry, Manifest, load_manifest, references_path
from sims.avr.benchmark_worlds import make_entry_env
from sims.config import BenchmarkConfig
from training.benchmark_references import References, load_references
from training.benchmark_tables import (
    QuestionFacts,
    benchmark_tables,
    normalised_tables,
    published_note,
)
from training.episode import Episode, Failure
from training.evaluation import summarise
from training.pool import Pool
from training.rewards.compose import RewardConfig
from training.rollout import EpisodeSpec
from training.rollout_config import RolloutConfig
from training.run_directory import Tables
from training.seeding import task_seeds
from video.benchmarks.config import VideoBenchmarkConfig


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is played.

    Attributes:
        title: of the report.
        pool: where the environments come from.
        specs: the episodes.
        tabulate: the tables of the episodes, which come in the order of the specs.
        notes: what the report says besides.
        figures: further numbers about the episodes.
        save: writes what else there is to keep of them into the run's directory.
        remarks: what the report says of the episodes besides.
        excuses: failures that the user's own files are to blame for; they do not stop the run.
        stops_at: failures of which one stops the run.
        is_current: whether an episode that an earlier attempt kept is one of those asked for now.
    """

    title: str
    pool: Pool
    specs: list[EpisodeSpec]
    tabulate: Callable[[Sequence[Episode]], Tables]
    notes: list[str] = field(default_factory=list)
    figures: Callable[[Sequence[Episode]], dict[str, float]] = lambda episodes: {}
    save: Callable[[Sequence[Episode], Path], None] = lambda episodes, path: None
    remarks: Callable[[Sequence[Episode]], list[str]] = lambda episodes: []
    excuses: Callable[[Failure], bool] = lambda failure: False
    stops_at: Callable[[Failure], bool] = lambda failure: "WorldMismatchError" in failure.message
    is_current: Callable[[Episode], bool] = lambda episode: True


def make_job(config: EvaluateScript) -> Job:
    """The job that a configuration asks for.

    Raises:
        FileNotFoundError, ValueError: where there is no such benchmark.
    """
    if config.benchmark is None:
        return _split_job(config)
    if isinstance(config.benchmark, VideoBenchmarkConfig):
        from scripts.video_job import make_video_job

        return make_video_job(config, config.benchmark)
    return _avr_job(config, config.benchmark)


def _avr_job(config: EvaluateScript, benchmark: BenchmarkConfig) -> Job:
    whole = load_manifest(benchmark.name)
    manifest = whole.spread(benchmark.num_questions)
    references = load_references(references_path(benchmark.name), whole.sha256)
    # References are means over the whole manifest: they say nothing of a part of it.
    fitting = references if manifest is whole else None
    return Job(
        title=f"{manifest.name}, {config.policy.kind}",
        pool=benchmark_pool(manifest, config.num_envs, config.rollout),
        specs=benchmark_specs(manifest),
        tabulate=lambda episodes: tabulate(manifest, episodes, config.reward, fitting),
        notes=[_manifest_note(whole, manifest), published_note()],
    )


def benchmark_pool(manifest: Manifest, num_envs: int, rollout: RolloutConfig | None = None) -> Pool:
    """Environments by entry; the key of an entry is its seed."""
    entries = {str(entry.seed): entry for entry in manifest.entries}
    return make_mixed_pool(
        rollout or RolloutConfig(), lambda key: make_entry_env(manifest, entries[key]), num_envs
    )


def benchmark_specs(manifest: Manifest) -> list[EpisodeSpec]:
    """One episode per entry."""
    return [EpisodeSpec(seed=entry.seed, env_key=str(entry.seed)) for entry in manifest.entries]


def tabulate(
    manifest: Manifest,
    episodes: Sequence[Episode],
    reward: RewardConfig,
    references: References | None = None,
) -> Tables:
    """All tables of a benchmark: the policy's, the same normalised, and the references' rows."""
    facts = [facts_of(entry) for entry in manifest.entries]
    tables: dict = {**benchmark_tables(manifest.name, episodes, facts)}
    tables["evaluation"][manifest.name]["reward"] = summarise(episodes, reward)["reward"]
    if references is None:
        return tables
    random, planner = references.tables["random"], references.tables["plan"]
    return {
        **tables,
        **normalised_tables(tables, random, planner),
        "references": references.rows(),
    }


def facts_of(entry: Entry) -> QuestionFacts:
    """What the tables need to know of an entry."""
    return QuestionFacts(
        scene_kind=entry.scene_kind,
        scene_type=entry.scene_type,
        question_type=entry.question_type,
        held_out=entry.held_out,
        sufficient=entry.sufficient,
        optimal_turns=entry.optimal_turns,
    )


def _split_job(config: EvaluateScript) -> Job:
    purpose = config.evaluation.purpose
    seeds = task_seeds(purpose, 0, config.evaluation.num_episodes)
    return Job(
        title=f"{config.env.id}, {config.policy.kind}",
        pool=make_pool(config.rollout, lambda: make_env(config.env), config.num_envs),
        specs=[EpisodeSpec(seed=seed) for seed in seeds],
        tabulate=lambda episodes: {"evaluation": {purpose: summarise(episodes, config.reward)}},
    )


def _manifest_note(whole: Manifest, played: Manifest) -> str:
    part = "" if played is whole else f" {len(played.entries)} of them were played, evenly spread."
    return (
        f"{whole.name}, version {whole.version}, sha256 {whole.sha256}: "
        f"{len(whole.entries)} questions.{part}"
    )
