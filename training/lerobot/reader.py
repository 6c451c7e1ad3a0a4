"""Reads a LeRobot data set back as episodes, for training: ours exactly, and those of others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from policies.interface import PolicyOutput
from training.episode import Episode, Turn
from training.lerobot import schema as columns
from training.lerobot.episode_table import (
    EPISODE_COLUMNS,
    RECORD,
    RECORD_TYPES,
    VIDEO_COLUMNS,
)
from training.lerobot.language import EVENTS, PERSISTENT, read_events, read_labels
from training.lerobot.layout import DatasetInfo, LerobotError, file_path, load_info
from training.lerobot.pictures import cropped, load_pictures
from training.lerobot.tables import name_of, open_table, read_rows

Row = dict[str, Any]


def load_lerobot(root: Path, episodes: Sequence[int] | None = None) -> Iterator[Episode]:
    """The episodes of a data set, one after another; one is in memory at a time.

    Of a data set that this suite has written, everything that the export keeps comes back: words,
    options, state and actions exactly, pictures exactly where they are of type image, rewards in
    single precision. Of other data sets a turn's words are the task, and an episode counts as
    solved unless `next.success` says otherwise, since such sets hold demonstrations.

    Args:
        root: folder of the data set.
        episodes: which, by number; None for all.

    Raises:
        LerobotError: naming the file that is not as it should be.
    """
    root = Path(root)
    info = load_info(root)
    rows = load_episode_rows(root, info)
    tables = FrameTables(root, info, rows)
    for index in range(len(rows)) if episodes is None else episodes:
        if not 0 <= index < len(rows):
            raise LerobotError(f"{root}: episode {index} is not in 0 to {len(rows) - 1}")
        yield _load_one(root, info, rows[index], tables)


def load_episode_rows(root: Path, info: DatasetInfo) -> list[Row]:
    """The rows of `meta/episodes`, by number, with the columns that say where an episode lies.

    Raises:
        LerobotError: where a table is missing or wrong.
    """
    tables = sorted((root / "meta/episodes").glob("*/*.parquet"))
    if not tables:
        raise LerobotError("meta/episodes: there is no table")
    wanted = [*EPISODE_COLUMNS]
    for key in info.keys_of("video"):
        wanted += [f"videos/{key}/{name}" for name in VIDEO_COLUMNS]
    rows: list[Row] = []
    for path in tables:
        extra = [RECORD] if RECORD in open_table(root, path).schema_arrow.names else []
        rows += read_rows(root, path, [*wanted, *extra])
    for row in rows:
        _check_row(row, info)
    rows.sort(key=lambda row: row["episode_index"])
    if [row["episode_index"] for row in rows] != list(range(len(rows))):
        raise LerobotError("meta/episodes: column episode_index must count from 0")
    return rows


class FrameTables:
    """Finds the frames of an episode in the data files, which it keeps open one at a time.

    Args:
        root: folder of the data set.
        info: of it.
        rows: of `meta/episodes`.
    """

    def __init__(self, root: Path, info: DatasetInfo, rows: Sequence[Row]) -> None:
        self._root, self._info = root, info
        self._firsts: dict[tuple[int, int], int] = {}
        for row in rows:
            place, start = _place_of(row), row["dataset_from_index"]
            self._firsts[place] = min(start, self._firsts.get(place, start))
        self._open: tuple[tuple[int, int], Path, parquet.ParquetFile] | None = None

    def frames_of(self, row: Row) -> pa.Table:
        """The frames of one episode, as they lie in its data file.

        Raises:
            LerobotError: where the file is missing, or has not these frames.
        """
        place = _place_of(row)
        if self._open is None or self._open[0] != place:
            path = file_path(self._root, self._info.data_path, *place)
            self._open = (place, path, open_table(self._root, path))
        _, path, table = self._open
        start, groups, offset, skipped = row["dataset_from_index"] - self._firsts[place], [], 0, 0
        for group in range(table.num_row_groups):
            size = table.metadata.row_group(group).num_rows
            if offset + size <= start:
                skipped += size
            elif offset < start + row["length"]:
                groups.append(group)
            offset += size
        name = name_of(self._root, path)
        try:
            frames = table.read_row_groups(groups).slice(start - skipped, row["length"])
        except (pa.ArrowException, OSError) as error:
            raise LerobotError(f"{name}: cannot be read ({error})") from error
        _check_frames(frames, name, row)
        return frames


def _place_of(row: Row) -> tuple[int, int]:
    """Chunk and file of the data that an episode lies in."""
    return row["data/chunk_index"], row["data/file_index"]


def _check_row(row: Row, info: DatasetInfo) -> None:
    """Whole numbers where they are due, and a length that the frames' range has."""
    where = f"meta/episodes: episode {row['episode_index']!r}"
    for name, value in row.items():
        if name == "tasks":
            if not isinstance(value, list) or not all(isinstance(task, str) for task in value):
                raise LerobotError(f"{where}: column tasks must be a list of strings")
        elif name.endswith("_timestamp"):
            if not isinstance(value, float | int) or not 0 <= value < 1e9:
                raise LerobotError(f"{where}: column {name} is {value!r}")
        elif name != RECORD and (not isinstance(value, int) or value < 0):
            raise LerobotError(f"{where}: column {name} must be a whole number from 0")
    frames = row["dataset_to_index"] - row["dataset_from_index"]
    if row["length"] != frames or not 1 <= frames <= info.total_frames:
        raise LerobotError(f"{where}: column length is {row['length']}, its frames are {frames}")


def _check_frames(frames: pa.Table, name: str, row: Row) -> None:
    for column in ("episode_index", "frame_index"):
        if column not in frames.column_names:
            raise LerobotError(f"{name}: column {column} is missing")
    found = set(frames["episode_index"].to_pylist())
    if len(frames) != row["length"] or found != {row["episode_index"]}:
        raise LerobotError(
            f"{name}: column episode_index has {sorted(found, key=str)[:3]} where episode "
            f"{row['episode_index']} should lie"
        )


def _load_one(root: Path, info: DatasetInfo, row: Row, tables: FrameTables) -> Episode:
    table = tables.frames_of(row)
    images = {
        key: load_pictures(root, info, row, table, key) for key in info.keys_of("image", "video")
    }
    skipped = {*images, EVENTS, PERSISTENT}
    try:
        data = {n: table[n].to_pylist() for n in table.column_names if n not in images}
        numbers = {n: v for n, v in data.items() if n not in skipped}
        return _make_episode(info, row, numbers | _said(data, row), images)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        if isinstance(error, LerobotError):
            raise
        where = f"data: episode {row['episode_index']}"
        raise LerobotError(f"{where} cannot be read ({type(error).__name__}: {error})") from error


def _said(data: Mapping[str, list[Any]], row: Row) -> dict[str, Any]:
    """Words, reply and labels of every turn, from whichever columns there are."""
    num = row["length"]
    times = np.asarray(data["timestamp"], dtype=np.float32)
    task = row["tasks"][0] if row["tasks"] else ""
    pairs = [read_events(rows) for rows in data.get(EVENTS, [None] * num)]
    texts = data.get(columns.TEXT, [text for text, _ in pairs])
    replies = data.get(columns.REPLY, [reply for _, reply in pairs])
    labels = read_labels(data[PERSISTENT][0], times) if PERSISTENT in data else {}
    for name in columns.LABEL_STYLES:
        written = data.get(columns.label_key(name))
        if written is not None and any(written):
            labels[name] = written
    return {
        "said.text": [task if text is None else text for text in texts],
        "said.reply": replies,
        "said.labels": labels,
    }


def _make_episode(
    info: DatasetInfo, row: Row, data: Mapping[str, Any], images: Mapping[str, list[bytes]]
) -> Episode:
    turns = [_make_turn(info, data, images, index) for index in range(row["length"])]
    number = row["episode_index"]
    fields: Row = {
        "task_id": f"lerobot/{number}",
        "env_id": info.robot_type or "lerobot",
        "env_config_hash": "",
        "seed": number,
        "success": bool(data[columns.SUCCESS][-1]) if columns.SUCCESS in data else True,
        "truncated": bool(data[columns.TRUNCATED][-1]) if columns.TRUNCATED in data else False,
    }
    fields["terminated"] = not fields["truncated"]
    fields |= _read_record(row.get(RECORD))
    return Episode(**fields, turns=turns, annotations=data["said.labels"])


def _read_record(text: str | None) -> Row:
    """What `writer.RECORD` says.

    Raises:
        LerobotError: where it is not as the writer leaves it.
    """
    if text is None:
        return {}
    record = json.loads(text)
    wrong = [n for n, kind in RECORD_TYPES.items() if type(record.get(n)) is not kind]
    if wrong:
        raise LerobotError(f"meta/episodes: column {RECORD} has no sound {wrong[0]}")
    return {name: record[name] for name in RECORD_TYPES}


def _make_turn(
    info: DatasetInfo, data: Mapping[str, Any], images: Mapping[str, list[bytes]], index: int
) -> Turn:
    sizes = _row_of(data, columns.SIZES, index, np.int64)
    pngs = [pngs[index] for pngs in images.values()]
    if sizes is not None:
        pngs = [cropped(png, *size) for png, size in zip(pngs, sizes.reshape(-1, 2), strict=True)]
    options = data[columns.OPTIONS][index] if columns.OPTIONS in data else "{}"
    return Turn(
        text=data["said.text"][index],
        image_pngs=tuple(png for png in pngs if png),
        state=_row_of(data, columns.STATE, index, np.float32),
        options=dict(json.loads(options)),
        output=_make_output(data, index),
        reward=float(data[columns.REWARD][index]) if columns.REWARD in data else 0.0,
    )


def _make_output(data: Mapping[str, Any], index: int) -> PolicyOutput:
    if columns.ACTION not in data:
        return PolicyOutput(text=data["said.reply"][index] or "")
    chunk = _row_of(data, columns.ACTION, index, np.float32)
    assert chunk is not None
    if columns.CHUNK in data:
        rows = np.asarray(data[columns.CHUNK][index], dtype=np.float32)
        return PolicyOutput(action=rows[: data[columns.CHUNK_LENGTH][index]])
    return PolicyOutput(action=chunk[None])


def _row_of(data: Mapping[str, Any], name: str, index: int, dtype: Any) -> np.ndarray | None:
    if name not in data:
        return None
    return np.atleast_1d(np.asarray(data[name][index], dtype=dtype)).ravel()
