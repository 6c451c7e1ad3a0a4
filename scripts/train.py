"""Train a policy: imitate the scripted expert, then learn by reinforcement, and evaluate every
stage.

Writes runs/<name>/ with checkpoints, metrics.jsonl, summary.json and report.html, which is
rewritten as the run goes on. Ctrl-C saves; run.resume=true goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from configs.store import check_only_training_is_missing
from scripts.hydra_door import run_script
from scripts.making import make_pool, open_run
from scripts.variants import variants_of
from sims import make_env
from training.mirrors import Mirrors

try:
    from configs.train_schema import TrainScript
    from scripts.rank_runs import rank_run
    from training.experiment import Experiment
    from training.process_group import leave_processes
    from training.study import Study
except ModuleNotFoundError as missing:
    sys.exit(f"train.py: {check_only_training_is_missing(missing)}")

EXAMPLES = (
    "python scripts/train.py experiment=demo",
    "python scripts/train.py experiment=demo run.resume=true",
    "python scripts/train.py env=avr/nursery debug=tiny run.name=try",
    "python scripts/train.py experiment=spotlight_tiny",
    "python scripts/train.py experiment=demo_study run.resume=true",
    "python scripts/train.py env=avr/nursery algorithm=dr_grpo reward=answer run.name=plain",
)


def main(config: TrainScript, config_yaml: str) -> None:
    """Run the experiment."""
    if config.cluster is not None:
        config.cluster.check_world()
    part = rank_run(config)
    config = part.config
    run = open_run(config.run, config_yaml)
    prometheus = config.rollout.prometheus
    mirror = Mirrors(config.logger, run.path, asdict(config), prometheus=prometheus)
    make: Callable[..., Experiment | Study]
    make = partial(Experiment, checkpoints_path=part.checkpoints_path)
    if config.study.arms:
        make = partial(Study, config.study)
    try:
        make(
            config,
            lambda: make_env(config.env),
            run,
            title=config.title,
            mirror=mirror,
            make_variant=variants_of(config.env),
            make_pool=partial(make_pool, config.rollout),
        ).train()
    finally:
        mirror.close()
        leave_processes()
    if part.rank == 0:
        print(f"\nReport: {run.report_path}")


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="train", schema=TrainScript, examples=EXAMPLES))
