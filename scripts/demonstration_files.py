"""Demonstrations on disk, as `generate.py dataset=manipulation` writes them.

episodes/<id>/       the kept episodes, each whole or not at all
finished.jsonl       what became of every seed
lerobot/             the same as a LeRobot data set, once every episode is there
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from configs.dataset_schema import ManipulationDatasetConfig
from configs.generate_schema import GenerateScript
from scripts.demonstration_workers import demonstration_envs, run_experts
from scripts.hydra_door import BadInputError
from scripts.lerobot_form import filled_in, needs_parquet
from sims import make_env
from sims.config import ManipulationEnvConfig
from training.demonstrations import make_demonstration
from training.episode import Episode
from training.episode_store import EpisodeStore
from training.interrupts import StopRequest
from training.lerobot.config import LerobotConfig
from training.progress import progress_bar
from training.rollout import TooManyFailuresError
from training.run_directory import RunDirectory
from training.seeding import task_seeds

FINISHED = "finished.jsonl"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an episode.

    Attributes:
        seed: of the episode.
        kept: whether it is among the demonstrations.
        success: whether the task was solved.
        num_turns: how long it was.
        failure: the stage at which it broke; "" for none.
    """

    seed: int
    kept: bool
    success: bool
    num_turns: int
    failure: str


def generate_demonstrations(
    config: GenerateScript, dataset: ManipulationDatasetConfig, opened: Callable[[], RunDirectory]
) -> None:
    """Run the experts where that was not done yet, keep what is to be kept, and export it.

    Args:
        config: what to generate.
        dataset: which demonstrations.
        opened: opens the run's folder, once nothing is wrong with the settings.
    """
    assert isinstance(config.env, ManipulationEnvConfig)  # checked with the configuration
    form = filled_in(dataset.lerobot, asdict(config.env.config))
    if dataset.export:
        with needs_parquet():  # said before an hour of rollouts, not after
            import training.lerobot.export  # noqa: F401
    for env in demonstration_envs(config, dataset):
        make_env(env).close()
    run = opened()
    seeds = task_seeds(config.purpose, config.first_index, config.num_episodes)
    done = load_outcomes(run.path)
    if strange := sorted(set(done) - set(seeds)):
        raise BadInputError(
            f"{run.path} holds episodes of other seeds, such as {strange[0]}; set "
            "run.overwrite=true to delete it, or choose another run.name"
        )
    start = time.perf_counter()
    missing = [index for index, seed in enumerate(seeds) if seed not in done]
    for outcome in run_missing(config, dataset, run, missing, done):
        done[outcome.seed] = outcome
    seconds = time.perf_counter() - start
    figures = figures_of([done[seed] for seed in seeds])
    if missing:
        figures["episodes_per_second"] = len(missing) / seconds
    if dataset.export and figures["num_kept"]:
        export(run.path, form)
    run.write_summary("generate", figures, {})
    print(f"{figures['num_kept']:.0f} demonstrations of {len(seeds)} episodes")
    print(f"Episodes: {run.episodes_path}")


def run_missing(
    config: GenerateScript,
    dataset: ManipulationDatasetConfig,
    run: RunDirectory,
    missing: list[int],
    done: dict[int, Outcome],
) -> Iterator[Outcome]:
    """Run the episodes of these indices, and write each down as it ends.

    Raises:
        TooManyFailuresError: where more episodes broke than the configuration allows.
    """
    store, stop = EpisodeStore(run.episodes_path, pictures=True), StopRequest()
    num_failed = sum(bool(outcome.failure) for outcome in done.values())
    with (
        progress_bar("generate", len(done), config.num_episodes) as advance,
        stop.listening(),
        closing(run_experts(config, dataset, missing)) as episodes,
    ):
        for episode in episodes:
            outcome = keep(episode, dataset, store)
            with (run.path / FINISHED).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")
            yield outcome
            advance({})
            num_failed += bool(outcome.failure)
            if num_failed > dataset.max_failed_share * config.num_episodes:
                assert episode.failure is not None  # the count has just grown
                raise TooManyFailuresError(
                    f"{num_failed} of {config.num_episodes} episodes broke; "
                    f"dataset.max_failed_share is {dataset.max_failed_share}. The last, at stage "
                    f"{episode.failure.stage}: {episode.failure.message}"
                )
            if stop.requested:
                run.set_status("interrupted")
                stop.stop(f"episode {episode.seed}", run.path)


def keep(episode: Episode, dataset: ManipulationDatasetConfig, store: EpisodeStore) -> Outcome:
    """Keep an episode if it is to be kept, and say what became of it."""
    kept = episode.failure is None and (episode.success or dataset.keep_unsolved)
    if kept:
        store.save(make_demonstration(episode, dataset))
    return Outcome(
        seed=episode.seed,
        kept=kept,
        success=episode.success,
        num_turns=len(episode.turns),
        failure=episode.failure.stage if episode.failure else "",
    )


def load_outcomes(path: Path) -> dict[int, Outcome]:
    """Seed -> what became of it, as far as an earlier run came. A line cut short is left out."""
    file = path / FINISHED
    lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
    outcomes = []
    for line in lines:
        try:
            outcomes.append(Outcome(**json.loads(line)))
        except (ValueError, TypeError):  # it and the next were written over each other
            continue
    return {outcome.seed: outcome for outcome in outcomes}


def figures_of(outcomes: list[Outcome]) -> dict[str, float]:
    """Counts, and means over the episodes that did not break."""
    whole = [outcome for outcome in outcomes if not outcome.failure]
    figures: dict[str, float] = {
        "num_episodes": len(outcomes),
        "num_kept": sum(outcome.kept for outcome in outcomes),
        "num_failed": len(outcomes) - len(whole),
        "num_frames": sum(outcome.num_turns for outcome in outcomes if outcome.kept),
    }
    if whole:
        figures["success"] = sum(outcome.success for outcome in whole) / len(whole)
        figures["turns_per_episode"] = sum(o.num_turns for o in whole) / len(whole)
    return {name: float(value) for name, value in figures.items()}


def export(path: Path, form: LerobotConfig) -> None:
    """Make a LeRobot data set of the kept episodes, in place of an earlier one, and check it."""
    from training.lerobot.check import check_lerobot
    from training.lerobot.export import load_episodes, remove_lerobot, write_lerobot
    from training.lerobot.schema import survey

    source, out = path / "episodes", path / "lerobot"
    shape = survey(load_episodes(source))
    remove_lerobot(out)
    write_lerobot(out, load_episodes(source), form, shape=shape)
    info = check_lerobot(out)
    print(f"LeRobot data set: {out} ({info.total_frames} frames, {info.total_tasks} tasks)")
