"""What a run says of the pool its episodes came from: what was lost, what drew, how long it took.

Of a pool in this process there is nothing to say.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from training.episode import Episode
from training.pool import LocalPool, Pool


class LostAttempts:
    """Keeps a line of JSON for every attempt at an episode whose worker was lost.

    Args:
        directory: of the run; the lines go to lost_attempts.jsonl in it, once there is one.
    """

    def __init__(self, directory: Path) -> None:
        self._path = Path(directory) / "lost_attempts.jsonl"

    def __call__(self, episode: Episode) -> None:
        """Write an attempt down."""
        assert episode.failure is not None
        line = {
            "task_id": episode.task_id,
            "seed": episode.seed,
            "sample_index": episode.sample_index,
            "num_turns": len(episode.turns),
            "stage": episode.failure.stage,
            "message": episode.failure.message,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def pool_figures(pool: Pool) -> dict[str, float]:
    """Figures for the summary, counted since they were last taken."""
    return {} if isinstance(pool, LocalPool) else pool.metrics.take()


def renderers_text(pool: Pool) -> str:
    """What drew the pictures, and in how many workers; "" where that is not known."""
    counts = Counter(getattr(pool, "renderers", {}).values())
    return ", ".join(f"{name} in {count} actors" for name, count in sorted(counts.items()))
