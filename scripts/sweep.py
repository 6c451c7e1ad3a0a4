"""Measure a policy at several values of some of its environment's settings.

The same held-out worlds are played at every value, each curve with one setting, or some together,
at that value. Every episode is kept as it finishes, so run.resume=true goes on with a sweep that
was interrupted. Writes runs/<name>/summary.json (the table `sweep` has a row per curve and value),
report.html with the curves, and curves.svg.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from configs.sweep_schema import SweepScript
from policies.interface import Policy
from scripts.evaluate import check_same_settings, print_tables
from scripts.hydra_door import BadInputError, run_script
from scripts.making import make_policy, open_run
from scripts.sweep_chart import SweepPoint, draw_sweep, standalone_sweep
from scripts.variants import variants_of
from sims import make_env
from training.avr_metrics import Row
from training.evaluation import summarise
from training.pool import LocalPool, MakeVariant
from training.report import Chart, ReportData, write_report
from training.run_directory import RunDirectory, write_atomic
from training.stored_evaluation import evaluate_stored

EXAMPLES = (
    "python scripts/sweep.py",
    "python scripts/sweep.py run.resume=true",
    "python scripts/sweep.py env=look/search policy=expert policy.style=best "
    "settings=[label_pixels] values=[1.5,2,3,4,6] run.name=label_pixels",
    "python scripts/sweep.py env=video/nursery policy=model policy.path=runs/demo/models/grpo "
    "settings=[frame_budget] values=[4,8,16] run.name=budgets",
)
ACCURACY = ("acc_fa", "success")
"""What the chart shows, the first of these that a row has."""


def main(config: SweepScript, config_yaml: str) -> None:
    """Play every value of every curve, and write."""
    make_variant = variants_of(config.env)
    if make_variant is None:
        raise BadInputError(f"env={config.env.id} has no env.config whose settings could be swept")
    changes = {name: plan_curve(name, config.values) for name in config.settings}
    check_changes(changes, make_variant)
    pool = LocalPool(lambda: make_env(config.env), 1)
    policy = make_policy(config.policy, pool)
    pool.close()
    check_same_settings(config.run, config_yaml)
    run = open_run(config.run, config_yaml)
    rows: dict[str, dict[str, Row]] = {name: {} for name in changes}
    try:
        for name, points in changes.items():
            for label, settings in points.items():
                env = partial(make_variant, settings)
                rows[name][label] = play(run, f"{name}={label}", env, policy, config)
    except KeyboardInterrupt:
        run.set_status("interrupted")
        raise
    write(run, rows, config, config_yaml)


def plan_curve(name: str, values: list[Any]) -> dict[str, dict[str, Any]]:
    """The settings of each point of a curve.

    Args:
        name: of the settings, dotted, with + between.
        values: that they take.

    Returns:
        The value as text -> the changes in `env.config`.
    """
    points: dict[str, dict[str, Any]] = {}
    for value in values:
        changes: dict[str, Any] = {}
        for part in name.split("+"):
            *groups, last = part.strip().split(".")
            inner = changes
            for group in groups:
                inner = inner.setdefault(group, {})
            inner[last] = value
        points[str(value)] = changes
    return points


def check_changes(
    curves: Mapping[str, Mapping[str, Mapping[str, Any]]], make_variant: MakeVariant
) -> None:
    """Raise `BadInputError` for a setting that does not exist, or cannot have a value."""
    for name, points in curves.items():
        for label, changes in points.items():
            try:
                make_variant(changes).close()
            except (ValueError, TypeError) as error:
                raise BadInputError(f"settings={name}, value {label}: {error}") from error


def play(
    run: RunDirectory, point: str, env: partial[Any], policy: Policy, config: SweepScript
) -> Row:
    """One row of the table; episodes that an earlier attempt kept are not played again."""
    episodes = evaluate_stored(
        run.path / "episodes" / re.sub(r"[^\w.=+-]", "_", point),
        env,
        policy,
        config.evaluation,
        title=point,
        num_episodes=config.evaluation.num_episodes,
        num_envs=config.num_envs,
        sampling_seed=config.seed,
    )
    return summarise(episodes, None, config.evaluation.terms)


def write(
    run: RunDirectory,
    rows: Mapping[str, Mapping[str, Row]],
    config: SweepScript,
    config_yaml: str,
) -> None:
    """Summary, report and chart."""
    tables = {
        "sweep": {
            f"{name}={label}": row for name, points in rows.items() for label, row in points.items()
        }
    }
    run.write_summary("sweep", {}, tables)
    curves = {name: points_of(points) for name, points in rows.items()}
    drawable = bool(curves) and all(curves.values())
    charts = []
    if drawable:
        body = draw_sweep(curves, chance=config.chance)
        charts.append(Chart(title="accuracy over the value that is set", body=body))
        write_atomic(run.path / "curves.svg", standalone_sweep(curves, chance=config.chance))
    write_report(
        run.report_path,
        ReportData(
            title=f"{config.env.id}: {', '.join(rows)}",
            status="finished",
            tables=tables,
            charts=charts,
            config_yaml=config_yaml,
        ),
    )
    print_tables(tables, {})
    print(f"Results: {run.summary_path}, {run.report_path}")


def points_of(rows: Mapping[str, Row]) -> list[SweepPoint]:
    """The points of a curve, in ascending order; none where a value is no number."""
    points = []
    for label, row in rows.items():
        metric = next((name for name in ACCURACY if name in row), None)
        try:
            value = float(label)
        except ValueError:
            return []
        if metric is None:
            return []
        cell = row[metric]
        points.append(SweepPoint(value=value, mean=float(cell["mean"] or 0), stderr=cell["stderr"]))
    return sorted(points, key=lambda point: point.value)


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="sweep", schema=SweepScript, examples=EXAMPLES))
