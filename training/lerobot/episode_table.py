"""The table `meta/episodes`: a row per episode, with its statistics, and the total of those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from training.episode import Episode
from training.lerobot.statistics import Statistics, join_statistics
from training.lerobot.tables import TableFiles

EPISODE_COLUMNS = (
    "episode_index",
    "tasks",
    "length",
    "dataset_from_index",
    "dataset_to_index",
    "data/chunk_index",
    "data/file_index",
)
VIDEO_COLUMNS = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
"""Likewise for every video, as videos/<feature>/<name>."""
PLACE_COLUMNS = ("meta/episodes/chunk_index", "meta/episodes/file_index")
"""Where the row itself lies."""

RECORD = "saccade/record"
"""Column with what LeRobot has no place for, as JSON."""
RECORD_TYPES = {
    "task_id": str,
    "env_id": str,
    "env_config_hash": str,
    "seed": int,
    "sample_index": int,
    "success": bool,
    "terminated": bool,
    "truncated": bool,
    "suite_version": str,
}
ROWS_AT_ONCE = 64
"""Rows in a row group."""


class EpisodeTable:
    """Writes the rows, and sums their statistics up.

    Args:
        tables: where the rows go.
        statistics: of earlier episodes; empty for none.
    """

    def __init__(self, tables: TableFiles, statistics: dict[str, Statistics]) -> None:
        self.tables, self.statistics = tables, statistics
        self._rows: list[dict[str, Any]] = []

    def add(self, row: Mapping[str, Any], found: Mapping[str, Statistics]) -> None:
        """Note one episode: its columns, and the statistics of its frames."""
        flat = {f"stats/{n}/{k}": v.tolist() for n, some in found.items() for k, v in some.items()}
        self._rows.append({**row, **flat})
        known = [self.statistics] if self.statistics else []
        self.statistics = join_statistics([*known, found])
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write what is waiting, and finish the file."""
        self._flush()
        self.tables.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        place = self.tables.place_for(pa.Table.from_pylist(self._rows).nbytes)
        placed = dict(zip(PLACE_COLUMNS, place, strict=True))
        self.tables.write(pa.Table.from_pylist([row | placed for row in self._rows]))
        self._rows = []


def record_of(episode: Episode) -> str:
    """The cell of `RECORD`."""
    return json.dumps({name: getattr(episode, name) for name in RECORD_TYPES}, ensure_ascii=False)
