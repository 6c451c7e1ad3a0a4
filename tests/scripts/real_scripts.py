"""Runs the suite's own scripts inside the test's process, or as a process of their own."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from scripts.hydra_door import run_script

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("train", "rollout", "evaluate", "record", "play", "generate", "clevr")
"""The scripts that users meet first."""
SCHEMAS = {
    "train": "train_schema.TrainScript",
    "rollout": "schemas.RolloutScript",
    "evaluate": "schemas.EvaluateScript",
    "record": "schemas.RecordScript",
    "play": "play_schema.PlayScript",
    "generate": "generate_schema.GenerateScript",
    "clevr": "clevr_schema.ClevrScript",
    "compare": "compare_schema.CompareScript",
    "build_benchmark": "benchmark_schema.BuildBenchmarkScript",
    "check_guessing": "benchmark_schema.CheckGuessingScript",
    "check_belief": "check_belief_schema.CheckBeliefScript",
    "check_engines": "check_engines_schema.CheckEnginesScript",
    "export": "export_schema.ExportScript",
    "reward_spread": "reward_spread_schema.RewardSpreadScript",
    "sweep": "sweep_schema.SweepScript",
    "check_films": "check_films_schema.CheckFilmsScript",
    "probe": "probe_schema.ProbeScript",
    "plan": "plan_schema.PlanScript",
}
"""Name of a script -> its schema, within `configs`."""
TINY_TRAIN = (
    "debug=tiny",
    "corpus_episodes=8",
    "cold_start.num_steps=2",
    "cold_start.episodes_per_step=2",
    "algorithm.num_steps=1",
    "evaluation.num_episodes=2",
    "constant_episodes=4",
    "engine.max_new_tokens=4",
    "checkpoint_every=1",
    "rows=[]",
    "continue_imitation=false",
    "num_films=0",
)
"""A training run of two seconds."""


def schema_of(name: str) -> type:
    """The schema of a script; imports it, with PyTorch where it needs that."""
    module, _, schema = SCHEMAS[name].partition(".")
    found: type = getattr(importlib.import_module(f"configs.{module}"), schema)
    return found


def call(name: str, *argv: str) -> int:
    """The exit code of `python scripts/<name>.py ...`, run here."""
    module = importlib.import_module(f"scripts.{name}")
    return run_script(
        module.main,
        config_name=name,
        schema=schema_of(name),
        examples=module.EXAMPLES,
        argv=argv,
    )


def start(name: str, *argv: str, cwd: Path) -> subprocess.Popen[str]:
    """`python scripts/<name>.py ...` as a process, one core, no screen."""
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "0"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *argv],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background ignores Ctrl-C, and would bequeath that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
