"""Runs the experts of manipulation tasks, in one process or several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import wait

from configs.dataset_schema import ManipulationDatasetConfig
from configs.generate_schema import GenerateScript
from policies.scripted import ExpertPolicy
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

    def run(self, index: int) -> Episode:
        """The episode with this index."""
        seed = task_seed(self._config.purpose, self._config.first_index + index)
        policy = ExpertPolicy(style_of(self._dataset, seed))
        pool = self._pools[index % len(self._pools)]
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
    if config.num_workers == 1 or len(indices) <= 1:
        demonstrator = Demonstrator(config, dataset)
        try:
            yield from map(demonstrator.run, indices)
        finally:
            demonstrator.close()
        return
    with _workers(config, dataset) as executor:
        # Few at a time: what an executor holds in its queue can not be called back.
        waiting = iter(indices)
        running = {executor.submit(_run, k) for k in islice(waiting, 2 * config.num_workers)}
        while running:
            done, running = wait_for(running, return_when=FIRST_COMPLETED)
            for future in done:
                running |= {executor.submit(_run, k) for k in islice(waiting, 1)}
                yield future.result()


@contextmanager
def _workers(
    config: GenerateScript, dataset: ManipulationDatasetConfig
) -> Iterator[ProcessPoolExecutor]:
    executor = ProcessPoolExecutor(
        max_workers=config.num_workers,
        mp_context=multiprocessing.get_context("spawn"),  # GL contexts do not survive a fork
        initializer=_start_worker,
        initargs=(config, dataset),
    )
    try:
        yield executor
    except KeyboardInterrupt:
        for process in list(executor._processes.values()):
            process.terminate()  # an episode that is cut off is run anew
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_DEMONSTRATOR: list[Demonstrator] = []
"""In a worker: its own."""


def _start_worker(config: GenerateScript, dataset: ManipulationDatasetConfig) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _DEMONSTRATOR.append(Demonstrator(config, dataset))


def _end_with_parent() -> None:
    """End this process when its parent is gone, however that went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _run(index: int) -> Episode:
    return _DEMONSTRATOR[0].run(index)
