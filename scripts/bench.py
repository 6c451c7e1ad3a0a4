"""Measure how fast the simulations are, beside MuJoCo's default settings; manipulation, beside five
peers in virtual environments of their own; how fast films are read, beside decord, torchcodec and
OpenCV; how rollouts in Ray actors scale; or how fast a step of training is, beside TRL's.

Simulations: rates are per second of process time, and durations are process time, so that another
process on the machine disturbs them less; a fifth of that time may still be its doing. Films: wall
seconds and core seconds, best of the rounds. Rollouts and training: turns and action tokens per
wall second, best of the rounds, on an idle machine. Writes runs/bench/summary.json.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import gymnasium
import numpy as np

from configs.bench_schema import BenchScript
from scripts.bench_video import bench_video
from scripts.hydra_door import run_script
from scripts.making import open_run
from sims.avr.bench_cases import SIZE, Case, avr_cases, timed
from sims.avr.bench_scene import default_look, make_scenes
from sims.avr.scene_types import KINDS
from sims.avr.sight import Box, look
from sims.rendering import RenderSettings

EXAMPLES = (
    "python scripts/bench.py sims",
    "python scripts/bench.py sims seconds=1",
    "python scripts/bench.py manipulation run.name=bench_manipulation",
    "python scripts/bench.py video run.name=bench_video",
    "python scripts/bench.py rollout run.name=bench_rollout",
    "python scripts/bench.py training run.name=bench_training",
)
RATE, DURATION = "_per_core_second", "_ms"
TARGETS = {
    "ours.observation_shadow_per_core_second": 130.0,
    "ours.reset_occlusion_per_core_second": 80.0,
    "ours.reset_stack_per_core_second": 80.0,
    "ours.reset_composite_per_core_second": 80.0,
    "ours.reset_nursery_per_core_second": 250.0,
    "ours.expected_gains_ms": 1.5,
}
"""What is asked for: rates of at least, durations of at most."""


def main(config: BenchScript, config_yaml: str) -> None:
    """Measure every case and write the figures."""
    run = open_run(config.run, config_yaml)
    if config.what == "video":
        figures = bench_video(run.path, rounds=config.rounds, minutes=config.minutes)
        run.write_summary("bench video", figures, {})
        print(f"Results: {run.summary_path}")
        return
    if config.what == "manipulation":
        from scripts.bench_manipulation import bench_manipulation

        def measure_in_turn(cases: Mapping[str, Case]) -> dict[str, float]:
            return measure_all(cases, config.seconds, rounds=config.rounds)

        figures, tables = bench_manipulation(Path(config.peers), measure_in_turn)
        run.write_summary("bench manipulation", figures, tables)
        print(f"Results: {run.summary_path}")
        return
    if config.what == "rollout":
        from scripts.bench_rollout import bench_rollout

        run.write_summary("bench rollout", bench_rollout(rounds=config.rounds), {})
        print(f"Results: {run.summary_path}")
        return
    if config.what == "training":
        from scripts.bench_training import Job, bench_training

        job = Job(prompt_words=config.prompt_words)
        figures = bench_training(Path(config.peers), rounds=config.rounds, job=job)
        run.write_summary("bench training", figures, {})
        print(f"Results: {run.summary_path}")
        return
    check_agreement()
    figures = measure_all({**avr_cases(), **peer_cases()}, config.seconds, rounds=config.rounds)
    figures |= shares(figures)
    for name, figure in figures.items():
        print(f"{name:<58} {figure:8.2f}{describe_target(name)}")
    run.write_summary("bench sims", figures, {})
    print(f"Results: {run.summary_path}")


def describe_target(name: str) -> str:
    """What is asked for, in words; nothing where nothing is."""
    if name not in TARGETS:
        return ""
    bound = "at most" if name.endswith(DURATION) else "at least"
    return f"   (target: {bound} {TARGETS[name]:g})"


def shares(figures: Mapping[str, float]) -> dict[str, float]:
    """What the belief costs beside the rendering, and the settling in a reset [%]."""
    reset_ms = np.mean([1000 / figures[f"ours.reset_{kind}{RATE}"] for kind in KINDS])
    rendering_ms = figures["ours.rendering_ms"]
    return {
        "ours.belief_percent_of_rendering": 100 * figures["ours.belief_ms"] / rendering_ms,
        "ours.settling_percent_of_reset": 100 * figures["ours.settling_ms"] / float(reset_ms),
    }


def check_agreement() -> None:
    """Require that our rendering and MuJoCo's default one see the same bodies at the same places.

    Raises:
        AssertionError: where they do not.
    """
    scene = make_scenes()[0]
    boxes = look(scene.world, RenderSettings(height=SIZE, width=SIZE)).boxes
    ids = default_look(scene, SIZE, SIZE)()[1]
    compare_boxes(boxes, {name: ids == scene.world.model.body(name).id for name in boxes})


def compare_boxes(boxes: Mapping[str, Box], masks: Mapping[str, np.ndarray]) -> None:
    """Require that boxes (by one renderer) fit masks (by another) to a pixel.

    Args:
        boxes: body -> (x0, y0, x1, y1) [px].
        masks: body -> where it is seen, bool (H, W).

    Raises:
        AssertionError: naming the body where they do not.
    """
    for name, box in boxes.items():
        rows, columns = np.nonzero(masks[name])
        if not len(rows):
            raise AssertionError(f"{name} is seen by ours alone")
        other = tuple(map(int, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
        if np.abs(np.subtract(box, other)).max() > 1:
            raise AssertionError(f"{name} is at {box} by ours and at {other} by default")


def peer_cases() -> dict[str, Case]:
    """A frame of each peer that is installed and works with this version of MuJoCo."""
    makers = {"gymnasium_robotics": make_fetch_camera, "robosuite": make_lift_camera}
    cases: dict[str, Case] = {}
    for peer, make in makers.items():
        if importlib.util.find_spec(peer):
            try:
                cases[f"{peer}.frame{RATE}"] = as_case(make())
            except Exception as error:  # none of them works with every version
                print(f"{peer} is left out: {type(error).__name__} {error}".rstrip())
    return cases


def as_case(call: Callable[[], object]) -> Case:
    """A case of which one call is one unit."""
    return lambda: (timed(call), 1)


def make_fetch_camera() -> Callable[[], object]:
    """A function that renders one frame of gymnasium-robotics' FetchReach."""
    name = "gymnasium_robotics:FetchReach-v4"  # the module before the colon is imported
    env = gymnasium.make(name, render_mode="rgb_array", width=SIZE, height=SIZE)
    env.reset(seed=0)
    return env.render


def make_lift_camera() -> Callable[[], object]:
    """A function that renders one frame of robosuite's Lift with a Panda arm."""
    env = importlib.import_module("robosuite").make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=True,
        use_camera_obs=True,
        camera_heights=SIZE,
        camera_widths=SIZE,
    )
    env.reset()
    return lambda: env.sim.render(width=SIZE, height=SIZE, camera_name="agentview")


def measure_all(cases: Mapping[str, Case], seconds: float, *, rounds: int) -> dict[str, float]:
    """The figure of each case, by its name's unit: the best of some rounds in turn.

    Args:
        cases: name -> case.
        seconds: process time to spend on each case.
        rounds: how many.
    """
    means: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        case()  # warms up
    for _ in range(rounds):
        for name, case in cases.items():
            means[name].append(measure(case, seconds / rounds))
    best = {name: min(values) for name, values in means.items()}
    return {name: 1000 * s if name.endswith(DURATION) else 1 / s for name, s in best.items()}


def measure(case: Case, seconds: float) -> float:
    """The process time that one unit of a case takes [s], from `seconds` of them or more."""
    spent, count = 0.0, 0
    while spent < seconds or not count:
        more_seconds, more_units = case()
        spent, count = spent + more_seconds, count + more_units
    return spent / count


def run(arguments: list[str]) -> int:
    """The script, for its arguments; `sims` is short for `what=sims`. Returns the exit code."""
    words = [word if "=" in word or word[:1] == "-" else f"what={word}" for word in arguments]
    return run_script(main, config_name="bench", schema=BenchScript, examples=EXAMPLES, argv=words)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
