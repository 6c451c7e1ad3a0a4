"""Evidence that the physics engines of the manipulation tasks agree.

MuJoCo's arm and PyBullet's follow the same joint trajectories by their motors, under gravity; their
end effectors are compared, aligned in time. The same scripted pushes move the same blocks in both,
and the same expert does each task in both. Writes runs/check_engines/summary.json.
"""

from __future__ import annotations

import sys

import numpy as np

from configs.check_engines_schema import CheckEnginesScript
from scripts.evaluate import print_tables
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from sims.manipulation.agreement import (
    PATH_TOLERANCE_MM,
    POSITION_TOLERANCE_MM,
    PUSH_TOLERANCE_MM,
    PUSH_TOLERANCE_SHARE,
    PathAgreement,
    compare_paths,
    compare_push,
    position_errors,
    pushes,
    random_positions,
    random_targets,
    work_targets,
)
from sims.manipulation.config import ManipulationConfig, RobotConfig
from sims.manipulation.env import ManipulationEnv
from sims.manipulation.physics import (
    ENGINES,
    EngineUnavailableError,
    Physics,
    SimulationDivergedError,
    make_physics,
)
from training.progress import progress_bar
from training.seeding import task_seeds
from training.statistics import mean_stderr

EXAMPLES = (
    "python scripts/check_engines.py",
    "python scripts/check_engines.py num_seeds=100",
    "python scripts/check_engines.py num_seeds=0 num_paths=20",
)
Row = dict[str, dict[str, float | int | None]]
LEAST_SUCCESS = {"mujoco": 0.95, "bullet": 0.9}
GOALS = {
    "path.max_mm": f"at most {PATH_TOLERANCE_MM:g}",
    "position.max_mm": f"at most {POSITION_TOLERANCE_MM:g}",
    "push.worst_of_tolerance": (
        f"at most 1: within {PUSH_TOLERANCE_SHARE:.0%} or {PUSH_TOLERANCE_MM:g} mm"
    ),
    **{f"expert.worst_{name}": f"at least {least}" for name, least in LEAST_SUCCESS.items()},
}
"""Figure -> what it should be."""


def main(config: CheckEnginesScript, config_yaml: str) -> None:
    """Compare, and write it down."""
    try:
        engines = {name: make_physics(name, RobotConfig()) for name in ENGINES}
    except EngineUnavailableError as missing:
        raise BadInputError(str(missing)) from missing
    run = open_run(config.run, config_yaml)
    tables, figures = {}, {}
    tables["path"], figures["path.max_mm"] = path_table(engines, config)
    tables["position"], figures["position.max_mm"] = position_table(engines, config)
    tables["push"], figures["push.worst_of_tolerance"] = push_table(engines)
    for physics in engines.values():
        physics.close()
    if config.num_seeds and config.tasks:
        tables["expert"], worst = expert_table(config)
        figures |= {f"expert.worst_{name}": share for name, share in worst.items()}
    run.write_summary("check_engines", figures, tables)
    print_tables(tables, {})
    for name, value in figures.items():
        print(f"{name:<26} {value:10.4f}   (goal: {GOALS[name]})")
    print(f"Results: {run.summary_path}")


def path_table(
    engines: dict[str, Physics], config: CheckEnginesScript
) -> tuple[dict[str, Row], float]:
    """How near the arms stay along the same trajectories, and the largest distance [mm]."""
    rng = np.random.default_rng(config.seed)
    kinds = {
        "all joints": lambda: random_targets(rng, config.path_seconds),
        "hand down": lambda: work_targets(rng),
    }
    table, largest = {}, 0.0
    with progress_bar("follow", 0, 2 * config.num_paths) as advance:
        for kind, draw in kinds.items():
            found: list[PathAgreement] = []
            for _ in range(config.num_paths):
                found.append(compare_paths(engines["mujoco"], engines["bullet"], draw()))
                advance({})
            table[kind] = {
                "max_mm": mean_stderr(path.max_mm for path in found),
                "mean_mm": mean_stderr(path.mean_mm for path in found),
                "max_unaligned_mm": mean_stderr(path.raw_max_mm for path in found),
                "lag_ms": mean_stderr(1000 * path.lag_seconds for path in found),
            }
            largest = max(largest, *(path.max_mm for path in found))
    return table, largest


def position_table(
    engines: dict[str, Physics], config: CheckEnginesScript
) -> tuple[dict[str, Row], float]:
    """How far end effectors are from forward kinematics, and the largest distance [mm]."""
    positions = random_positions(np.random.default_rng(config.seed), config.num_positions)
    errors = {name: position_errors(physics, positions) for name, physics in engines.items()}
    table = {name: {"mean_mm": mean_stderr(values)} for name, values in errors.items()}
    return table, float(max(values.max() for values in errors.values()))


def push_table(engines: dict[str, Physics]) -> tuple[dict[str, Row], float]:
    """How far pushes move blocks, and the largest difference as a share of the tolerance."""
    table, worst = {}, 0.0
    for name, push in pushes():
        found = compare_push(engines["mujoco"], engines["bullet"], push)
        table[name] = {
            "mujoco_mm": mean_stderr([found.first_mm]),
            "bullet_mm": mean_stderr([found.second_mm]),
            "difference_mm": mean_stderr([found.difference_mm]),
            "difference_share": mean_stderr([found.share]),
        }
        worst = max(worst, found.of_tolerance)
    return table, worst


def expert_table(config: CheckEnginesScript) -> tuple[dict[str, Row], dict[str, float]]:
    """How often the expert does each task, by engine, and each engine's lowest share."""
    seeds = task_seeds(config.purpose, config.first_index, config.num_seeds)
    table: dict[str, Row] = {}
    worst = dict.fromkeys(ENGINES, 1.0)
    with progress_bar("expert", 0, len(config.tasks) * len(ENGINES) * len(seeds)) as advance:
        for task in config.tasks:
            table[task] = {}
            for engine in ENGINES:
                settings = ManipulationConfig(engine=engine, height=16, width=16, task_facts=False)
                env = ManipulationEnv(settings, task=task)
                solved = []
                for seed in seeds:
                    solved.append(expert_solves(env, seed))
                    advance({"success": float(np.mean(solved))})
                env.close()
                table[task][engine] = mean_stderr(solved)
                worst[engine] = min(worst[engine], float(np.mean(solved)))
    return table, worst


def expert_solves(env: ManipulationEnv, seed: int) -> bool:
    """Whether the expert does the task from a start. A diverging simulation is a failure."""
    _, info = env.reset(seed=seed)
    over = False
    try:
        while not over:
            _, _, terminated, truncated, info = env.step(env.expert_reply("best"))
            over = terminated or truncated
    except SimulationDivergedError:
        return False
    return bool(info["success"])


if __name__ == "__main__":
    sys.exit(
        run_script(main, config_name="check_engines", schema=CheckEnginesScript, examples=EXAMPLES)
    )
