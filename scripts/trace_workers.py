"""Runs expert episodes and writes them into the parts of a dataset, in one process or several."""

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
from functools import lru_cache
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path

from configs.generate_schema import GenerateScript
from policies.scripted import ExpertPolicy
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

    def make(self, part: int) -> Tally:
        """Run the episodes of a part and write it. Returns its numbers."""
        size = part_sizes(self._config.num_episodes)[part]
        first = part * PART_SIZE
        episodes = (self._collect(index) for index in range(first, first + size))
        return write_part(self._root, part, episodes, self._config.traces())

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
    if config.num_workers == 1 or len(parts) == 1:
        maker = PartMaker(config, root)
        try:
            for part in parts:
                yield part, maker.make(part)
        finally:
            maker.close()
        return
    with _workers(config, root) as executor:
        # One part a worker at a time: what an executor holds in its queue can not be called back.
        waiting = iter(parts)
        running = {executor.submit(_make_part, k): k for k in islice(waiting, config.num_workers)}
        while running:
            done, _ = wait_for(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
                running |= {executor.submit(_make_part, k): k for k in islice(waiting, 1)}


@contextmanager
def _workers(config: GenerateScript, root: Path) -> Iterator[ProcessPoolExecutor]:
    executor = ProcessPoolExecutor(
        max_workers=config.num_workers,
        mp_context=multiprocessing.get_context("spawn"),  # GL contexts do not survive a fork
        initializer=_start_worker,
        initargs=(config, root),
    )
    try:
        yield executor
    except KeyboardInterrupt:
        for process in list(executor._processes.values()):
            process.terminate()  # a part that is cut off is made anew
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_MAKER: list[PartMaker] = []
"""In a worker: its maker."""


def _start_worker(config: GenerateScript, root: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _MAKER.append(PartMaker(config, root))


def _end_with_parent() -> None:
    """End this process when its parent is gone, however that went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _make_part(part: int) -> Tally:
    return _MAKER[0].make(part)
