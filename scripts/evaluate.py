"""Evaluate a policy: on held-out worlds of an environment, or on a benchmark.

Accuracy, judgement of sufficiency, information gained, turns, each with its standard error. Every
episode is kept as it finishes, so run.resume=true goes on with an evaluation that was interrupted.
Writes runs/<name>/summary.json and report.html; the table `evaluation` has one row, for the split
or the benchmark, and a benchmark has tables by kind, type, question type and first view besides.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from configs.schemas import EvaluateScript, RunConfig
from policies.interface import Policy
from scripts.benchmark_job import Job, make_job
from scripts.hydra_door import BadInputError, run_script
from scripts.making import make_policy, open_run
from scripts.pool_report import pool_figures
from scripts.usage import UsageRecord
from training.benchmark_tables import table_text
from training.episode import Episode
from training.episode_store import EpisodeStore
from training.evaluation import evaluate_specs
from training.progress import progress_bar
from training.report import ReportData, write_report
from training.rollout import TooManyFailuresError
from training.run_directory import RunDirectory, Tables

EXAMPLES = (
    "python scripts/evaluate.py env=avr/nursery policy=expert",
    "python scripts/evaluate.py benchmark=clevr_avr policy=expert policy.style=plan",
    "python scripts/evaluate.py benchmark=clevr_avr policy=openai policy.model=my-model "
    "policy.base_url=http://127.0.0.1:8000/v1 run.name=my-model",
    "python scripts/evaluate.py benchmark=video_mme data_dir=Video-MME env=video/spotlight "
    "policy=openai policy.model=my-model policy.base_url=http://127.0.0.1:8000/v1",
    "python scripts/evaluate.py env=avr/nursery policy=model policy.path=runs/demo/models/grpo "
    "policy.blind=true run.name=blind",
)

MAY_CHANGE = (
    "run.",
    "num_envs",
    "rollout.",
    "save_pictures",
    "policy.api_key_env",
    "policy.max_batch_size",
    "policy.max_concurrency",
    "policy.max_retries",
    "policy.timeout_seconds",
    "policy.prompt_price",
    "policy.cached_price",
    "policy.completion_price",
)
"""Settings, by the beginning of their names, that a resumed evaluation may have otherwise."""


def main(config: EvaluateScript, config_yaml: str) -> None:
    """Evaluate, and write tables and report."""
    job = make_job(config)
    policy = make_policy(config.policy, job.pool)
    check_same_settings(config.run, config_yaml)
    run = open_run(config.run, config_yaml)
    usage = UsageRecord(run.path / "usage.json", policy)
    try:
        episodes = play(job, policy, run, config, usage)
        job.save(episodes, run.path)
    except (KeyboardInterrupt, BadInputError):
        run.set_status("interrupted")
        raise
    except TooManyFailuresError as error:
        run.set_status("interrupted")
        raise BadInputError(
            f"{error}\nWhat was played is kept: run.resume=true goes on."
        ) from error
    job.pool.close()
    tables, figures = job.tabulate(episodes), {**usage.figures(), **job.figures(episodes)}
    figures |= pool_figures(job.pool)
    remarks = job.remarks(episodes)
    run.write_summary("evaluate", figures, tables)
    write_report(
        run.report_path,
        ReportData(
            title=job.title,
            status="finished",
            tables=tables,
            figures=figures,
            notes=[*job.notes, *remarks],
            config_yaml=config_yaml,
        ),
    )
    print_tables(tables, figures)
    for remark in remarks:
        print(remark)
    print(f"Results: {run.summary_path}, {run.report_path}")


def play(
    job: Job, policy: Policy, run: RunDirectory, config: EvaluateScript, usage: UsageRecord
) -> list[Episode]:
    """The episodes of a job; those kept by an earlier attempt are not played again."""
    store = EpisodeStore(run.episodes_path, pictures=config.save_pictures)
    done = {seed: kept for seed, kept in store.load().items() if job.is_current(kept)}
    num_done = sum(spec.seed in done for spec in job.specs)
    with progress_bar("evaluate", num_done, len(job.specs)) as advance:

        def take(episode: Episode) -> None:
            usage.save()
            if episode.failure is None:
                store.save(episode)
            elif job.stops_at(episode.failure):
                raise BadInputError(episode.failure.message)
            advance({})

        return evaluate_specs(
            job.pool,
            policy,
            job.specs,
            done=done,
            sampling_seed=config.seed,
            max_failed_share=config.evaluation.max_failed_share,
            on_episode=take,
            excuses=job.excuses,
        )


def check_same_settings(run: RunConfig, config_yaml: str) -> None:
    """Raise `BadInputError` where a run to be resumed was made with settings that matter."""
    path = Path(run.root) / run.name / "config.yaml"
    if not run.resume or not path.is_file():
        return
    before, now = (
        dict(flatten(yaml.safe_load(text)))
        for text in (path.read_text(encoding="utf-8"), config_yaml)
    )
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name) and not name.startswith(MAY_CHANGE):
            raise BadInputError(
                f"run.resume=true, but {path.parent} was made with {name}={before.get(name)}, not "
                f"{now.get(name)}; give the same settings, or another run.name"
            )


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Full name -> value, of every leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def print_tables(tables: Tables, figures: Mapping[str, float]) -> None:
    """Every table, and the figures."""
    for name, rows in tables.items():
        print(table_text(name, rows), end="\n\n")
    for name, value in figures.items():
        print(f"{name} {value:.6g}")


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="evaluate", schema=EvaluateScript, examples=EXAMPLES))
