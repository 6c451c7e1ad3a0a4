"""Generate data: the expert's reasoning traces as multi-turn conversations with pictures, long
films with questions about them, or a robot's demonstrations.

Traces: writes runs/<name>/ with data.jsonl, images/, statistics.json and statistics.html. Films:
with videos/, logs/, subtitles/ and questions.jsonl. Demonstrations: with episodes/, and lerobot/, a
LeRobot data set. When it is interrupted, the same command goes on where it stopped, and the dataset
comes out the same.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from configs.dataset_schema import FilmDatasetConfig, ManipulationDatasetConfig
from configs.generate_schema import GenerateScript
from saccade import __version__
from scripts.demonstration_files import generate_demonstrations
from scripts.film_files import generate_films
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from scripts.trace_workers import env_configs, make_parts
from sims import make_env
from training.interrupts import StopRequest
from training.progress import progress_bar
from training.rollout import TooManyFailuresError
from training.run_directory import RunDirectory, write_atomic
from training.trace_shards import finish_dataset, load_tallies, part_sizes
from training.trace_statistics import Tally

EXAMPLES = (
    "python scripts/generate.py dataset=avr_cot num_episodes=2000",
    "python scripts/generate.py env=avr/stack dataset.form=single_step run.name=stack_steps",
    "python scripts/generate.py 'dataset.env_ids=[AVR/Occlusion-v0, AVR/Composite-v0]'",
    "python scripts/generate.py dataset=long_video dataset.num_films=8 run.name=films",
    "python scripts/generate.py dataset.styles.wander=0.25 run.name=mixed",
    "python scripts/generate.py dataset=manipulation env=manipulation/push num_episodes=200",
)


def main(config: GenerateScript, config_yaml: str) -> None:
    """Make what is missing of the dataset."""
    if isinstance(config.dataset, FilmDatasetConfig):
        generate_films(config, config.dataset, config_yaml)
    elif isinstance(config.dataset, ManipulationDatasetConfig):
        opened = partial(open_dataset, config, config_yaml)
        generate_demonstrations(config, config.dataset, opened)
    else:
        generate_traces(config, config_yaml)


def generate_traces(config: GenerateScript, config_yaml: str) -> None:
    """Make the parts that are missing, and join them."""
    for env in env_configs(config):
        make_env(env).close()  # what is wrong with one is said before anything is written
    run = open_dataset(config, config_yaml)
    sizes = part_sizes(config.num_episodes)
    done = load_tallies(run.path)
    missing = [k for k, size in enumerate(sizes) if done.get(k, {}).get("num_episodes") != size]
    stop, start = StopRequest(), time.perf_counter()
    first = sum(size for part, size in enumerate(sizes) if part not in missing)
    num_failed = sum(tally["num_failed"] for part, tally in done.items() if part not in missing)
    with (
        progress_bar("generate", first, config.num_episodes) as advance,
        stop.listening(),
        closing(make_parts(config, run.path, missing)) as made_parts,
    ):
        for part, tally in made_parts:
            num_failed += tally["num_failed"]
            check_failed(num_failed, tally, config)
            for _ in range(sizes[part]):
                advance({})
            if stop.requested:
                run.set_status("interrupted")
                stop.stop(f"part {part}", run.path)
    seconds = time.perf_counter() - start
    statistics = finish_dataset(run.path, len(sizes), config.traces())
    figures = {k: float(v) for k, v in statistics.items() if not isinstance(v, dict)}
    made = config.num_episodes - first
    run.write_summary("generate", figures | {"episodes_per_second": made / seconds}, {})
    print(f"{made} episodes in {seconds:.1f} s ({made / seconds:.1f} per second)")
    print(f"Dataset: {run.path / 'data.jsonl'}\nStatistics: {run.path / 'statistics.html'}")


def open_dataset(config: GenerateScript, config_yaml: str) -> RunDirectory:
    """The dataset's folder: a new one, or the one that an earlier run of the same configuration
    left unfinished.

    Raises:
        BadInputError: where the folder to go on with holds a dataset of other settings, or more
            episodes than are asked for.
    """
    path = Path(config.run.root) / config.run.name
    mark, recipe = path / "recipe.json", recipe_of(config)
    unfinished = mark.exists() and not (path / "summary.json").exists()
    if mark.exists() and (config.run.resume or unfinished) and not config.run.overwrite:
        check_recipe(path, recipe, config.num_episodes)
        config.run.resume = True
    run = open_run(config.run, config_yaml)
    write_atomic(mark, json.dumps(recipe, indent=1) + "\n")
    return run


def recipe_of(config: GenerateScript) -> dict[str, Any]:
    """All that decides what an episode's samples are, as JSON has it."""
    recipe = {
        "suite_version": __version__,
        "env": asdict(config.env),
        "dataset": asdict(config.dataset),
        "purpose": config.purpose,
        "first_index": config.first_index,
    }
    return json.loads(json.dumps(recipe))


def check_recipe(path: Path, recipe: dict[str, Any], num_episodes: int) -> None:
    """Raise `BadInputError` where a dataset cannot be gone on with."""
    earlier = json.loads((path / "recipe.json").read_text(encoding="utf-8"))
    advice = "set run.overwrite=true to delete it, or choose another run.name"
    if changed := [name for name in recipe if earlier.get(name) != recipe[name]]:
        raise BadInputError(f"{path} holds a dataset with another {', '.join(changed)}; {advice}")
    parts = load_tallies(path)
    held = max(parts, default=-1) + 1
    if held > len(part_sizes(num_episodes)):
        raise BadInputError(
            f"{path} holds {held} parts already, more than num_episodes={num_episodes} makes; "
            f"{advice}"
        )


def check_failed(num_failed: int, tally: Tally, config: GenerateScript) -> None:
    """Raise `TooManyFailuresError` where more episodes broke than the configuration allows."""
    if num_failed > config.traces().max_failed_share * config.num_episodes:
        raise TooManyFailuresError(
            f"{num_failed} of {config.num_episodes} episodes broke (stages: "
            f"{', '.join(tally.get('failure', {}))}); dataset.max_failed_share is "
            f"{config.traces().max_failed_share}"
        )


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="generate", schema=GenerateScript, examples=EXAMPLES))
