"""Measure how fast the simulations are, beside MuJoCo's default settings.

Rates are per second of process time, so that another process on the machine disturbs them less; a
fifth of that time may still be its doing. Writes runs/bench/summary.json.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import time
from collections.abc import Callable

import gymnasium
import numpy as np

from configs.bench_schema import BenchScript
from scripts.hydra_door import run_script
from scripts.making import open_run
from sims.avr.bench_scene import NUM_COLUMNS, default_look, ten_objects
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import OcclusionEnv
from sims.avr.stage import Stage

EXAMPLES = ("python scripts/bench.py sims", "python scripts/bench.py sims seconds=1")
SIZE = 224
NUM_ROUNDS = 3
TARGETS = {
    "ours.observation_shadow_per_core_second": 130.0,
    "ours.observation_per_core_second": 300.0,
    "ours.reset_per_core_second": 150.0,
}


def main(config: BenchScript, config_yaml: str) -> None:
    """Measure every case and write the figures."""
    run = open_run(config.run, config_yaml)
    figures = measure_all(sims_cases(), config.seconds)
    for name, rate in figures.items():
        target = f"   (target: {TARGETS[name]:.0f})" if name in TARGETS else ""
        print(f"{name:<58} {rate:8.1f}{target}")
    run.write_summary("bench sims", figures, {})
    print(f"Results: {run.summary_path}")


def sims_cases() -> dict[str, Callable[[], object]]:
    """Name -> one call of what is measured. Raises where two ways of rendering disagree."""
    scene = ten_objects()
    stages = [
        Stage(SIZE, SIZE, shadows=shadows, num_columns=NUM_COLUMNS) for shadows in (True, False)
    ]
    by_default = default_look(stages[0], scene, SIZE, SIZE)
    check_agreement(stages[0].show(scene).boxes, by_default()[1], stages[0].first_slot_geom)
    cases = {
        "ours.observation_shadow_per_core_second": lambda: stages[0].show(scene),
        "ours.observation_per_core_second": lambda: stages[1].show(scene),
        "ours.reset_per_core_second": make_resetter(AvrConfig(shadows=False)),
        "ours.reset_shadow_per_core_second": make_resetter(AvrConfig()),
        "ours.reset_nursery_per_core_second": make_resetter(nursery_config()),
        "mujoco_default.observation_per_core_second": by_default,
    }
    if importlib.util.find_spec("gymnasium_robotics"):
        try:
            cases["gymnasium_robotics.fetch_frame_per_core_second"] = make_fetch_camera()
        except Exception as error:  # it does not work with every version of MuJoCo
            print(f"gymnasium-robotics is left out: {type(error).__name__} {error}".rstrip())
    return cases


def check_agreement(
    boxes: tuple[tuple[int, int, int, int] | None, ...], ids: np.ndarray, first_geom: int
) -> None:
    """Require that two renderers see the same objects at the same places.

    Args:
        boxes: (x0, y0, x1, y1) [px] per object, by ours.
        ids: geom ids by the other, (H, W).
        first_geom: the geom of the first object.
    """
    for index, box in enumerate(boxes):
        rows, columns = np.nonzero(ids == first_geom + index)
        if box is None or not len(rows):
            raise AssertionError(f"object {index} is not seen by both renderers")
        other = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        if np.abs(np.subtract(box, other)).max() > 1:
            raise AssertionError(f"object {index} is at {box} by ours and at {other} by default")


def make_resetter(config: AvrConfig) -> Callable[[], object]:
    """A function that resets one environment to the next seed."""
    env, seeds = OcclusionEnv(config), itertools.count()
    return lambda: env.reset(seed=next(seeds))


def make_fetch_camera() -> Callable[[], object]:
    """A function that renders one frame of gymnasium-robotics' FetchReach."""
    name = "gymnasium_robotics:FetchReach-v4"  # the module before the colon is imported
    env = gymnasium.make(name, render_mode="rgb_array", width=SIZE, height=SIZE)
    env.reset(seed=0)
    return env.render


def measure_all(cases: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Calls per second of process time: of each case the best of `NUM_ROUNDS` rounds in turn."""
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(NUM_ROUNDS):
        for name, call in cases.items():
            rates[name].append(measure(call, seconds / NUM_ROUNDS))
    return {name: max(values) for name, values in rates.items()}


def measure(call: Callable[[], object], seconds: float) -> float:
    """Calls per second of process time, after one that warms up."""
    call()
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        call()
        count += 1
    return count / spent


def run(arguments: list[str]) -> int:
    """The script, for its arguments; `sims` is short for `what=sims`. Returns the exit code."""
    words = [word if "=" in word or word[:1] == "-" else f"what={word}" for word in arguments]
    return run_script(main, config_name="bench", schema=BenchScript, examples=EXAMPLES, argv=words)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
