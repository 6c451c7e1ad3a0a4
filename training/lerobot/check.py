"""Holds a data set to LeRobotDataset v3.0: every file and every column that the format names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training.lerobot import layout
from training.lerobot.episode_table import EPISODE_COLUMNS, PLACE_COLUMNS
from training.lerobot.file_check import check_data_files, check_videos
from training.lerobot.frame_check import check_episode_frames
from training.lerobot.layout import DatasetInfo, LerobotError, load_info, load_json
from training.lerobot.problems import Problems
from training.lerobot.reader import FrameTables, load_episode_rows
from training.lerobot.statistics import QUANTILES, STATISTICS
from training.lerobot.tables import PART, name_of, open_table, read_rows

Row = dict[str, Any]
WORDS = ("string", "language")
"""Types that have no statistics."""


def check_lerobot(root: Path, *, pictures: bool = True) -> DatasetInfo:
    """Check a data set, ours or anybody's.

    Args:
        root: its folder.
        pictures: whether to open every picture and video, too.

    Returns:
        What it says of itself.

    Raises:
        LerobotError: with a line for each problem, which names the file, the column and the value.
    """
    root, problems = Path(root), Problems()
    info = load_info(root)
    tasks = problems.trying(_load_tasks, root, info) or []
    _check_statistics(root, info, problems)
    rows = problems.trying(load_episode_rows, root, info)
    if rows is None:
        problems.tell()
        return info
    _check_counts(info, rows, tasks, problems)
    _check_episode_tables(root, info, problems)
    check_data_files(root, info, rows, problems)
    tables = FrameTables(root, info, rows)
    for row in rows:
        table = problems.trying(tables.frames_of, row)
        if table is not None:
            for text in check_episode_frames(table, info, row, tasks, pictures=pictures):
                problems.add(text)
    for key in info.keys_of("video"):
        check_videos(root, info, rows, key, problems, opened=pictures)
    for part in sorted(root.rglob(f"*{PART}")):
        problems.add(f"{name_of(root, part)}: was left unfinished")
    problems.tell()
    return info


def _load_tasks(root: Path, info: DatasetInfo) -> list[str]:
    """The tasks by their number.

    Raises:
        LerobotError: where the table's index or numbers are wrong.
    """
    where = layout.TASKS_PATH
    note = open_table(root, root / where).schema_arrow.pandas_metadata or {}
    if note.get("index_columns") != ["task"]:
        raise LerobotError(f"{where}: its pandas index must be the column task")
    rows = read_rows(root, root / where, ["task_index", "task"])
    if [row["task_index"] for row in rows] != list(range(len(rows))):
        raise LerobotError(f"{where}: column task_index must count from 0")
    tasks = [row["task"] for row in rows]
    if not all(isinstance(task, str) for task in tasks) or len(set(tasks)) < len(tasks):
        raise LerobotError(f"{where}: column task must hold strings, each once")
    if len(tasks) != info.total_tasks:
        raise LerobotError(f"{where}: {len(tasks)} rows; info.json says {info.total_tasks}")
    return tasks


def _check_statistics(root: Path, info: DatasetInfo, problems: Problems) -> None:
    record = problems.trying(load_json, root, layout.STATS_PATH)
    if record is None:
        return
    if not isinstance(record, dict):
        problems.add(f"{layout.STATS_PATH}: must hold an object")
        return
    for name, spec in info.features.items():
        if spec["dtype"] in WORDS:
            continue
        found = record.get(name)
        if not isinstance(found, dict):
            problems.add(f"{layout.STATS_PATH}: {name} is missing")
            continue
        for text in _statistic_problems(info, name, found):
            problems.add(f"{layout.STATS_PATH}: {name}: {text}")


def _statistic_problems(info: DatasetInfo, name: str, found: Row) -> Iterator[str]:
    """Quantiles may be missing, all else not; every statistic has a frame's shape."""
    picture = info.features[name]["dtype"] in ("image", "video")
    wanted = (3, 1, 1) if picture else info.shape(name)
    for key in STATISTICS:
        if key not in found:
            if key not in QUANTILES:
                yield f"{key} is missing"
            continue
        legal = (1,) if key == "count" else wanted
        if _shape_of(found[key]) != legal:
            yield f"{key} has shape {_shape_of(found[key])}; legal: {legal}"


def _shape_of(value: object, depth: int = 0) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers; None for anything else."""
    if isinstance(value, int | float):
        return ()
    if not isinstance(value, list) or not value or depth > 5:
        return None
    shapes = {_shape_of(item, depth + 1) for item in value}
    inner = shapes.pop()
    return None if shapes or inner is None else (len(value), *inner)


def _check_counts(
    info: DatasetInfo, rows: Sequence[Row], tasks: Sequence[str], problems: Problems
) -> None:
    where, next_index, known = "meta/episodes", 0, set(tasks)
    if len(rows) != info.total_episodes:
        problems.add(f"{where}: {len(rows)} rows; info.json says {info.total_episodes} episodes")
    for row in rows:
        episode = f"{where}: episode {row['episode_index']}"
        if row["dataset_from_index"] != next_index:
            problems.add(
                f"{episode}: column dataset_from_index is {row['dataset_from_index']}; "
                f"the one before ends at {next_index}"
            )
        next_index = row["dataset_to_index"]
        if unknown := [task for task in row["tasks"] if task not in known]:
            problems.add(
                f"{episode}: column tasks has {unknown[0][:60]!r}, which is not in "
                f"{layout.TASKS_PATH}"
            )
    if next_index != info.total_frames:
        problems.add(f"{where}: {next_index} frames; info.json says {info.total_frames}")
    for name, split in info.splits.items():
        first, _, last = split.partition(":")
        sound = len(split) < 30 and first.isdecimal() and last.isdecimal()
        if not sound or not int(first) <= int(last) <= info.total_episodes:
            problems.add(
                f"{layout.INFO_PATH}: splits: {name[:60]!r} is {split[:30]!r}; legal: first:last, "
                f"of {info.total_episodes} episodes"
            )


def _check_episode_tables(root: Path, info: DatasetInfo, problems: Problems) -> None:
    """The columns that say where a row itself lies, and those of statistics."""
    wanted = [*EPISODE_COLUMNS, *PLACE_COLUMNS]
    for name, spec in info.features.items():
        if spec["dtype"] not in WORDS:
            keys = [key for key in STATISTICS if key not in QUANTILES]
            wanted += [f"stats/{name}/{key}" for key in keys]
    for path in sorted((root / "meta/episodes").glob("*/*.parquet")):
        name = name_of(root, path)
        found = set(open_table(root, path).schema_arrow.names)
        for column in [column for column in wanted if column not in found]:
            problems.add(f"{name}: column {column} is missing")
        if set(PLACE_COLUMNS) <= found:
            rows = problems.trying(read_rows, root, path, PLACE_COLUMNS) or []
            places = {tuple(row.values()) for row in rows}
            told = {f"chunk-{c:03d}/file-{f:03d}" for c, f in places if _numbers(c, f)}
            if told != {name.removeprefix("meta/episodes/").removesuffix(".parquet")}:
                problems.add(f"{name}: columns {PLACE_COLUMNS[0]} and file_index say {told}")


def _numbers(*values: object) -> bool:
    return all(isinstance(value, int) for value in values)
