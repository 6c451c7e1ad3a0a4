"""What each of several processes that `torchrun` started does of a training run."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from configs.train_schema import TrainScript
from training.logger_config import LoggerConfig
from training.process_group import join_processes


@dataclass(frozen=True, kw_only=True)
class RankRun:
    """A process's part of a run.

    Attributes:
        rank: number of this process, from 0.
        config: as this process has it: the first one keeps the run's directory and its logger, the
            others write beside it, to `<name>-ranks/<rank>`, and log nowhere else.
        checkpoints_path: where all processes read and write checkpoints.
    """

    rank: int
    config: TrainScript
    checkpoints_path: Path


def rank_run(config: TrainScript) -> RankRun:
    """Meet the other processes, where there are any.

    Raises:
        ValueError: there are several, and a learner is not spread over them, or the run is a study;
            or more of them than GPUs on this host; or they cannot share the batch, the engines or
            the environments.
    """
    path = Path(config.run.root) / config.run.name
    num_processes = int(os.environ.get("WORLD_SIZE", "1"))
    if num_processes == 1:
        return RankRun(rank=0, config=config, checkpoints_path=path / "checkpoints")
    if config.study.arms:
        raise ValueError(
            f"study.arms names {', '.join(config.study.arms)}, but {num_processes} processes were "
            "started: run a study in one process, or its arms one by one"
        )
    learners = {"cold_start": config.cold_start.learner, "algorithm": config.algorithm.learner}
    for name, learner in learners.items():
        if learner.sharding is None:
            raise ValueError(
                f"{name}.learner.sharding is null, but {num_processes} processes were started, "
                "each of which would learn alone: set it, as cluster=cpu_ranks does, or start one"
            )
        learner.sharding.check_world(num_processes, f"{name}.learner.sharding.")
    config = share_of(config, num_processes)
    rank = join_processes(config.engine.device.partition(":")[0]).rank
    if rank:
        run = replace(config.run, root=str(path.with_name(f"{path.name}-ranks")), name=str(rank))
        config = replace(config, run=run, logger=LoggerConfig())
    return RankRun(rank=rank, config=config, checkpoints_path=path / "checkpoints")


def share_of(config: TrainScript, num_processes: int) -> TrainScript:
    """The configuration as one of several processes has it: of the engines and environments in a
    cluster, which they have between them, each has as many.

    Raises:
        ValueError: naming the first number that cannot be shared out.
    """
    if config.algorithm.groups_per_step < num_processes:
        raise ValueError(
            f"algorithm.groups_per_step is {config.algorithm.groups_per_step}, which cannot be "
            f"split over {num_processes} processes; legal: {num_processes} or more"
        )
    rollout, engine = config.rollout, config.engine
    if rollout.kind == "ray":
        num_actors = _part("rollout.num_actors", rollout.num_actors, num_processes)
        num_envs = _part("num_envs", config.num_envs, num_processes)
        rollout = replace(rollout, num_actors=num_actors)
        config = replace(config, rollout=rollout, num_envs=num_envs)
        rollout.check_num_envs(num_envs)
    if engine.backend == "vllm" and engine.vllm.placement == "ray":
        setting = "engine.vllm.num_engines"
        vllm = replace(
            engine.vllm, num_engines=_part(setting, engine.vllm.num_engines, num_processes)
        )
        config = replace(config, engine=replace(engine, vllm=vllm))
    return config


def _part(setting: str, total: int, num_processes: int) -> int:
    if total % num_processes:
        raise ValueError(
            f"{setting} is {total}, which cannot be shared out evenly among {num_processes} "
            f"processes; legal: a multiple of {num_processes}"
        )
    return total // num_processes
