"""Runs the experts of manipulation tasks, in one process or several."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

from configs.dataset_schema import ManipulationDatasetConfig
from configs.generate_schema import GenerateScript
from policies.scripted import ExpertPolicy
from scripts.spawned_workers import work_through
from sims import make_env
from sims.config import EnvConfig
from training.demonstrations import style_of
from training.episode import Episode
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.seeding import task_seed


def demonstration_envs(
    config: GenerateScript, dataset: ManipulationDatasetConfig
) -> list[EnvConfig]:
    """The environments that the demonstrations take in turn."""
    ids = dataset.env_ids or [config.env.id]
    return [replace(config.env, id=env_id) for env_id in ids]


class Demonstrator:
    """Runs one expert episode after another.

    Args:
        config: which seeds.
        dataset: which environments and styles.
    """

    def __init__(self, config: GenerateScript, dataset: ManipulationDatasetConfig) -> None:
        self._config, self._dataset = config, dataset
        self._pools = [_make_pool(env) for env in demonstration_envs(config, dataset)]

    def work(self, task: int) -> Episode:
        """The episode with this index."""
        seed = task_seed(self._config.purpose, self._config.first_index + task)
        policy = ExpertPolicy(style_of(self._dataset, seed))
        pool = self._pools[task % len(self._pools)]
        return collect_episodes(pool, policy, [EpisodeSpec(seed=seed)])[0]

    def close(self) -> None:
        """Close the environments."""
        for pool in self._pools:
            pool.close()


def _make_pool(env: EnvConfig) -> LocalPool:
    return LocalPool(lambda: make_env(env), 1)


def run_experts(
    config: GenerateScript, dataset: ManipulationDatasetConfig, indices: Sequence[int]
) -> Generator[Episode, None, None]:
    """Run the episodes of these indices with `config.num_workers` processes.

    Yields:
        Each episode, in whatever order they end.
    """
    make_worker = partial(Demonstrator, config, dataset)
    for _, episode in work_through(make_worker, indices, config.num_workers, ahead=2):
        yield episode
