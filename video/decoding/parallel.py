"""Runs independent jobs in threads, the caller's among them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Job = TypeVar("Job")
MOST_DECODERS = 8


def default_num_decoders() -> int:
    """As many as the process has cores, up to 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MOST_DECODERS, cores or 1))


def run_side_by_side(work: Callable[[Job], None], jobs: Sequence[Job], *, num_threads: int) -> None:
    """Run every job, each thread taking the next one; the longest had best come first.

    Raises:
        BaseException: the first that a job raised; the jobs not yet begun are then left out.
    """
    waiting, errors, lock = list(reversed(jobs)), list[BaseException](), threading.Lock()

    def loop() -> None:
        while True:
            with lock:
                if not waiting or errors:
                    return
                job = waiting.pop()
            try:
                work(job)
            except BaseException as error:  # the caller gets it
                with lock:
                    errors.append(error)

    helpers = [
        threading.Thread(target=loop, daemon=True) for _ in range(min(num_threads, len(jobs)) - 1)
    ]
    for helper in helpers:
        helper.start()
    loop()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
