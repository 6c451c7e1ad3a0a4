"""Runs expert episodes and writes them into the parts of a dataset, in one process or several."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from configs.generate_schema import GenerateScript
from policies.scripted import ExpertPolicy
from scripts.spawned_workers import work_through
from sims import make_env
from sims.config import EnvConfig
from training.episode import Episode
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.seeding import task_seed
from training.trace_shards import PART_SIZE, part_sizes, write_part
from training.trace_statistics import Tally
from training.traces import draw_style


class PartMaker:
    """Makes the parts of one dataset.

    Args:
        config: what to generate.
        root: folder of the dataset.
    """

    def __init__(self, config: GenerateScript, root: Path) -> None:
        self._config, self._root = config, root
        self._pools = [_make_pool(env) for env in env_configs(config)]

    def work(self, task: int) -> Tally:
        """Run the episodes of a part and write it. Returns its numbers."""
        size = part_sizes(self._config.num_episodes)[task]
        first = task * PART_SIZE
        episodes = (self._collect(index) for index in range(first, first + size))
        return write_part(self._root, task, episodes, self._config.traces())

    def close(self) -> None:
        """Close the environments."""
        for pool in self._pools:
            pool.close()

    def _collect(self, index: int) -> Episode:
        seed = task_seed(self._config.purpose, self._config.first_index + index)
        policy = _expert(draw_style(self._config.traces(), seed))
        pool = self._pools[index % len(self._pools)]
        return collect_episodes(pool, policy, [EpisodeSpec(seed=seed)])[0]


def env_configs(config: GenerateScript) -> list[EnvConfig]:
    """The environments that a dataset takes in turn."""
    ids = config.traces().env_ids or [config.env.id]
    return [replace(config.env, id=env_id) for env_id in ids]


def _make_pool(env: EnvConfig) -> LocalPool:
    return LocalPool(lambda: make_env(env), 1)


@lru_cache
def _expert(style: str) -> ExpertPolicy:
    return ExpertPolicy(style)


def make_parts(
    config: GenerateScript, root: Path, parts: Sequence[int]
) -> Generator[tuple[int, Tally], None, None]:
    """Make parts of a dataset with `config.num_workers` processes.

    When it is closed early, the parts that are being made are finished and no others begun.

    Yields:
        Each part and its numbers, in whatever order they are finished.
    """
    return work_through(partial(PartMaker, config, root), parts, config.num_workers)
