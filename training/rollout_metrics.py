"""What collecting episodes took: how long they were under way, what queued, what was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean, median


@dataclass(kw_only=True)
class RolloutMetrics:
    """Counts from one `take` to the next.

    Attributes:
        queued: per batch that the policy was asked, the conversations in it.
        backlog: per batch, the orders that environments had not answered yet.
        episode_seconds: how long each episode was under way [s].
        num_turns: answered steps.
        num_lost: attempts at an episode that ended with the loss of a worker.
        num_restarts: workers that were replaced.
        driver_seconds: processor time of the collecting thread [s], the policy left out. It holds
            that of the environments where they are in the same thread.
    """

    queued: list[int] = field(default_factory=list)
    backlog: list[int] = field(default_factory=list)
    episode_seconds: list[float] = field(default_factory=list)
    num_turns: int = 0
    num_lost: int = 0
    num_restarts: int = 0
    driver_seconds: float = 0.0
    _since: float = 0.0

    def note_batch(self, *, ready: int, running: int) -> None:
        """The policy is about to be asked about `ready` of `running` episodes."""
        self.queued.append(ready)
        self.backlog.append(running - ready)

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Count the processor time of this thread inside as the driver's own."""
        self._since = time.thread_time()
        try:
            yield
        finally:
            self.driver_seconds += time.thread_time() - self._since

    @contextmanager
    def not_driving(self) -> Iterator[None]:
        """Leave what is inside out of the `driving` around it."""
        self.driver_seconds += time.thread_time() - self._since
        try:
            yield
        finally:
            self._since = time.thread_time()

    def take(self) -> dict[str, float]:
        """The figures since the last call, named as they are logged; then count anew. Empty where
        nothing was collected.
        """
        if not self.queued and not self.num_lost:
            return {}
        figures = {
            "rollout/lost_attempts": float(self.num_lost),
            "rollout/restarts": float(self.num_restarts),
            "rollout/driver_ms_per_turn": 1000 * self.driver_seconds / max(1, self.num_turns),
        }
        if self.queued:
            figures |= {
                "rollout/queue_mean": fmean(self.queued),
                "rollout/queue_max": float(max(self.queued)),
                "rollout/backlog_mean": fmean(self.backlog),
                "rollout/backlog_max": float(max(self.backlog)),
            }
        if self.episode_seconds:
            figures |= {
                "rollout/episode_seconds_median": median(self.episode_seconds),
                "rollout/episode_seconds_slowest": max(self.episode_seconds),
            }
        self.queued, self.backlog, self.episode_seconds = [], [], []
        self.num_turns = self.num_lost = self.num_restarts = 0
        self.driver_seconds = 0.0
        return figures
