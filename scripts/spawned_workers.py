"""Work through a list of tasks in one process or several, and give the results as they come."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait
from typing import Any, Protocol, TypeVar

Result_co = TypeVar("Result_co", covariant=True)


class Worker(Protocol[Result_co]):
    """Does one task after another."""

    def work(self, task: int) -> Result_co:
        """The result of a task."""

    def close(self) -> None:
        """Free what it holds."""


def work_through(
    make_worker: Callable[[], Worker[Result_co]],
    tasks: Sequence[int],
    num_workers: int,
    *,
    ahead: int = 1,
) -> Generator[tuple[int, Result_co], None, None]:
    """Do every task with so many processes; one process is this one.

    When it is closed early, the tasks that are being done are finished and no others begun. Ctrl-C
    ends the processes at once.

    Args:
        make_worker: makes a worker in each process, so it can be pickled.
        tasks: numbers of the tasks.
        num_workers: processes, at least 1.
        ahead: tasks handed to each process at a time, at least 1: more keep short tasks flowing.

    Yields:
        Each task and its result, in whatever order they end.
    """
    if num_workers == 1 or len(tasks) <= 1:
        worker = make_worker()
        try:
            for task in tasks:
                yield task, worker.work(task)
        finally:
            worker.close()
        return
    with _executor(make_worker, num_workers) as executor:
        # Few at a time: what an executor holds in its queue can not be called back.
        waiting = iter(tasks)
        running = {executor.submit(_work, k): k for k in islice(waiting, ahead * num_workers)}
        while running:
            done, _ = wait_for(running, return_when=FIRST_COMPLETED)
            for future in done:
                running |= {executor.submit(_work, k): k for k in islice(waiting, 1)}
                yield running.pop(future), future.result()


@contextmanager
def _executor(make_worker: Callable[[], Any], num_workers: int) -> Iterator[ProcessPoolExecutor]:
    executor = ProcessPoolExecutor(
        max_workers=num_workers,
        mp_context=multiprocessing.get_context("spawn"),  # GL contexts do not survive a fork
        initializer=_start,
        initargs=(make_worker,),
    )
    try:
        yield executor
    except KeyboardInterrupt:
        for process in list(executor._processes.values()):
            process.terminate()  # a task that is cut off is done anew
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_WORKER: list[Worker[Any]] = []
"""In a process: its own."""


def _start(make_worker: Callable[[], Worker[Any]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _WORKER.append(make_worker())


def _end_with_parent() -> None:
    """End this process when its parent is gone, however that went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _work(task: int) -> Any:
    return _WORKER[0].work(task)
