"""What an export that goes on with a data set must know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.lerobot import layout
from training.lerobot import schema as columns
from training.lerobot.config import LerobotConfig
from training.lerobot.layout import DatasetInfo, LerobotError, load_json
from training.lerobot.statistics import Statistics, from_json
from training.lerobot.tables import read_rows


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What is there already.

    Attributes:
        tasks: task -> its number.
        statistics: of all frames.
        last_row: of `meta/episodes`; None where there is nothing yet.
    """

    tasks: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    last_row: dict[str, Any] | None = None


def load_earlier(root: Path, info: DatasetInfo, config: LerobotConfig) -> Earlier:
    """Read what an export in this form would go on with.

    Raises:
        LerobotError: where the data set is not sound, or of another form.
    """
    wanted = columns.make_features(columns.shape_from(info), config)
    names = {*wanted, *info.features}
    if differing := sorted(n for n in names if wanted.get(n) != info.features.get(n)):
        raise LerobotError(
            f"{root} has other columns than this export would have: {', '.join(differing)}"
        )
    if info.fps != (config.fps or 1):
        raise LerobotError(f"{root} has {info.fps} frames per second, not {config.fps or 1}")
    if info.data_path != layout.DATA_PATH or info.video_path not in (None, layout.VIDEO_PATH):
        raise LerobotError(f"{root} names its files in another way than this export would")
    rows = read_rows(root, root / layout.TASKS_PATH, ["task_index", "task"])
    tables = sorted((root / "meta/episodes").glob("*/*.parquet"))
    if not tables:
        raise LerobotError(f"{root}/meta/episodes: there is no table")
    last = read_rows(root, tables[-1])[-1]
    if last["episode_index"] != info.total_episodes - 1:
        raise LerobotError(f"{root}: its last episode is not the last of its table")
    return Earlier(
        tasks={row["task"]: row["task_index"] for row in rows},
        statistics=from_json(load_json(root, layout.STATS_PATH)),
        last_row=last,
    )
