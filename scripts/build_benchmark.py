"""Build a benchmark: draw its questions, count the turns they need, and play the references.

Writes runs/<name>/<manifest>.json and <manifest>.references.json; both belong into
sims/avr/benchmarks/. Every cell of questions is kept as it is found, so run.resume=true goes on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from configs.benchmark_schema import BuildBenchmarkScript
from policies.interface import Policy
from policies.scripted import ConstantPolicy, ExpertPolicy, RandomPolicy
from scripts.benchmark_job import benchmark_pool, benchmark_specs, tabulate
from scripts.evaluate import print_tables
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from sims import make_env
from sims.avr.benchmark import Entry, Manifest, manifest_text
from sims.avr.benchmark_builder import PLANNER, Blueprint, Cell, draw_cells
from sims.avr.scene_types import KINDS, SCENE_TYPES
from sims.config import AvrEnvConfig
from training.avr_metrics import Row
from training.benchmark_references import References, references_text
from training.episode import Episode
from training.evaluation import evaluate_specs, fit_best_constant
from training.progress import progress_bar
from training.rewards.compose import RewardConfig
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.run_directory import Tables, write_atomic
from training.seeding import task_seed, task_seeds
from training.statistics import mean_stderr

EXAMPLES = (
    "python scripts/build_benchmark.py",
    "python scripts/build_benchmark.py run.resume=true",
    "python scripts/build_benchmark.py 'scene_types=[in_drawer]' name=drawers run.name=drawers",
)
PER_CELL = ("scene_types", "question_types", "include_held_out")
"""Settings that each cell has its own of."""


def main(config: BuildBenchmarkScript, config_yaml: str) -> None:
    """Build the manifest and its references."""
    blueprint = make_blueprint(config)
    run = open_run(config.run, config_yaml)
    cells = draw_all(blueprint, run.path / "cells.jsonl")
    manifest = blueprint.manifest([entry for cell in cells for entry in cell.entries])
    manifest_path = run.path / f"{manifest.name}.json"
    write_atomic(manifest_path, manifest_text(manifest))
    references = References(
        manifest_sha256=manifest.sha256,
        tables={
            name: play(name, manifest, policy, config.num_envs)
            for name, policy in reference_policies(config).items()
        },
        num_drawn=sum(cell.num_drawn for cell in cells),
        num_unsolved=sum(cell.num_unsolved for cell in cells),
    )
    references_path = run.path / f"{manifest.name}.references.json"
    write_atomic(references_path, references_text(references))
    figures = {
        "num_questions": float(len(manifest.entries)),
        "num_drawn": float(references.num_drawn),
        "num_unsolved": float(references.num_unsolved),
    }
    tables = {"references": references.rows(), **balance_tables(manifest)}
    run.write_summary("build_benchmark", figures, tables)
    print_tables(tables, figures)
    print(f"Benchmark: {manifest_path}, {references_path}")


def make_blueprint(config: BuildBenchmarkScript) -> Blueprint:
    """What is to be drawn.

    Raises:
        BadInputError: for an environment without scene types, or an unknown one.
        ValueError: where the seeds leave the test range.
    """
    if not isinstance(config.env, AvrEnvConfig):
        raise BadInputError(f"env.id is {config.env.id!r}; a benchmark is made of AVR worlds")
    unknown = sorted(set(config.scene_types) - set(SCENE_TYPES))
    if unknown:
        raise BadInputError(f"scene_types has {unknown}; legal: {', '.join(SCENE_TYPES)}")
    settings = {k: v for k, v in asdict(config.env.config).items() if k not in PER_CELL}
    blueprint = Blueprint(
        name=config.name,
        version=config.version,
        settings=settings,
        first_seed=task_seed("test", config.first_index),
        seeds_per_cell=config.seeds_per_cell,
        scene_types=tuple(config.scene_types or SCENE_TYPES),
    )
    task_seed("test", config.first_index + len(blueprint.cells()) * config.seeds_per_cell - 1)
    return blueprint


def draw_all(blueprint: Blueprint, path: Path) -> list[Cell]:
    """Every cell. Those in the file are not drawn again, others are added to it."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    cells = [read_cell(line) for line in lines]
    write_atomic(path, "".join(f"{line}\n" for line in lines))  # without a line that was cut off
    with (
        progress_bar("draw", len(cells), len(blueprint.cells())) as advance,
        path.open("a", encoding="utf-8") as file,
    ):
        for cell in draw_cells(blueprint, list(cells)):
            file.write(json.dumps(asdict(cell)) + "\n")
            file.flush()
            cells.append(cell)
            advance({})
    return cells


def read_cell(line: str) -> Cell:
    """A cell from its line."""
    record = json.loads(line)
    entries = tuple(Entry(**entry) for entry in record.pop("entries"))
    return Cell(entries=entries, **record)


def reference_policies(config: BuildBenchmarkScript) -> dict[str, Policy]:
    """Name -> policy. The best constant answers are fitted on training worlds of every kind."""
    assert isinstance(config.env, AvrEnvConfig)  # checked with the blueprint
    shared = replace(
        config.env.config,
        image_height=28,
        image_width=28,
        scene_types=[],
        include_held_out=True,
        foresee=False,
    )
    episodes: list[Episode] = []
    for index, kind in enumerate(KINDS):
        world = AvrEnvConfig(id=f"AVR/{kind.title()}-v0", config=shared)
        count = -(-config.num_constant_episodes // len(KINDS))
        seeds = task_seeds("calibration", index * count, count)
        pool = LocalPool(partial(make_env, world), 1)
        with progress_bar(f"constant, {kind}", 0, count) as advance:
            episodes += collect_episodes(
                pool,
                RandomPolicy(),
                [EpisodeSpec(seed=seed) for seed in seeds],
                on_episode=lambda episode, advance=advance: advance({}),  # type: ignore[misc]
            )
    return {
        "random": RandomPolicy(),
        "constant": ConstantPolicy(fit_best_constant(episodes)),
        "plan": ExpertPolicy(PLANNER),
    }


def play(name: str, manifest: Manifest, policy: Policy, num_envs: int) -> Tables:
    """The tables of a policy on all questions."""
    specs = benchmark_specs(manifest)
    with progress_bar(name, 0, len(specs)) as advance:
        episodes = evaluate_specs(
            benchmark_pool(manifest, num_envs),
            policy,
            specs,
            max_failed_share=0.0,
            on_episode=lambda episode: advance({}),
        )
    return tabulate(manifest, episodes, RewardConfig())


def balance_tables(manifest: Manifest) -> Tables:
    """How often the first view suffices, and how often each place in the list of answers is right,
    by question type and number of answers.
    """
    share: dict[str, Row] = {}
    places: dict[str, Row] = {}
    for question_type in dict.fromkeys(entry.question_type for entry in manifest.entries):
        entries = [e for e in manifest.entries if e.question_type == question_type]
        share[question_type] = {"sufficient": mean_stderr([e.sufficient for e in entries])}
        for size in sorted({entry.num_answers for entry in entries}):
            golds = [e.gold_index for e in entries if e.num_answers == size]
            places[f"{question_type}, {size} answers"] = {
                f"place {place + 1}": mean_stderr([gold == place for gold in golds])
                for place in range(size)
            }
    return {"sufficient": share, "right_answer": places}


if __name__ == "__main__":
    sys.exit(
        run_script(
            main,
            config_name="build_benchmark",
            schema=BuildBenchmarkScript,
            examples=EXAMPLES,
        )
    )
