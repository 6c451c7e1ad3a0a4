"""A benchmark small enough for tests, made by the suite's own script."""

from __future__ import annotations

from pathlib import Path

from configs.benchmark_schema import BuildBenchmarkScript, CheckGuessingScript
from scripts import build_benchmark, check_guessing
from scripts.hydra_door import run_script

SMALL = (
    "env.config.image_height=32",
    "env.config.image_width=32",
    "env.config.shadows=false",
)


def build(root: Path, *argv: str) -> int:
    """The exit code of a build of twelve cells' worth of one scene type: thirty questions."""
    small = ("name=small", "scene_types=[behind_wall]", "num_constant_episodes=9", *SMALL)
    return run_script(
        build_benchmark.main,
        config_name="build_benchmark",
        schema=BuildBenchmarkScript,
        examples=build_benchmark.EXAMPLES,
        argv=(*small, f"run.root={root}", *argv),
    )


def check(root: Path, *argv: str) -> int:
    """The exit code of `python scripts/check_guessing.py ...`."""
    return run_script(
        check_guessing.main,
        config_name="check_guessing",
        schema=CheckGuessingScript,
        examples=check_guessing.EXAMPLES,
        argv=(*SMALL[2:], f"run.root={root}", *argv),
    )
