"""Holds the data files and videos of a data set to what its metadata says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from training.lerobot import schema as columns
from training.lerobot.frame_check import picture_edges
from training.lerobot.layout import INFO_PATH, DatasetInfo, file_path
from training.lerobot.problems import Problems
from training.lerobot.tables import MIB, name_of, open_table
from training.lerobot.videos import video_size

Row = dict[str, Any]
SLACK = 1.1
"""A file may be this much larger than its limit: LeRobot's own writer guesses at sizes, too."""
_TEXTS = {pa.string(), pa.large_string()}
_BYTES = {pa.binary(), pa.large_binary()}


def check_data_files(
    root: Path, info: DatasetInfo, rows: Sequence[Row], problems: Problems
) -> None:
    """That the files which episodes lie in are there, have their columns, and hold nothing else.

    Args:
        root: folder of the data set.
        info: of it.
        rows: of `meta/episodes`.
        problems: where to note what is wrong.
    """
    frames: dict[tuple[int, int], int] = {}
    for row in rows:
        place = (row["data/chunk_index"], row["data/file_index"])
        frames[place] = frames.get(place, 0) + row["length"]
    known = set()
    for (chunk, file), num_frames in sorted(frames.items()):
        path = problems.trying(file_path, root, info.data_path, chunk, file)
        table = problems.trying(open_table, root, path) if path is not None else None
        if path is None or table is None:
            continue
        known.add(path)
        name, metadata = name_of(root, path), table.metadata
        if metadata.num_rows != num_frames:
            problems.add(f"{name}: {metadata.num_rows} rows; meta/episodes says {num_frames}")
        if metadata.num_row_groups > 1:  # one episode is never cut in two
            _check_size(path, name, info.data_files_size_in_mb, problems)
        _check_columns(table.schema_arrow, info, name, problems)
    for path in sorted((root / "data").glob("*/*.parquet")):
        if path.resolve() not in known:
            problems.add(f"{name_of(root, path)}: no episode lies in this file")
    for chunk_folder in sorted((root / "data").glob("*")):
        num_files = len(list(chunk_folder.glob("*.parquet")))
        if num_files > info.chunks_size:
            told = f"{num_files} files; {INFO_PATH} allows {info.chunks_size}"
            problems.add(f"data/{chunk_folder.name}: {told}")


def _check_columns(schema: pa.Schema, info: DatasetInfo, name: str, problems: Problems) -> None:
    wanted = columns.arrow_schema(info.features)
    for column in wanted:
        index = schema.get_field_index(column.name)
        if index < 0:
            problems.add(f"{name}: column {column.name} is missing")
        elif not is_same_type(schema.field(index).type, column.type):
            problems.add(
                f"{name}: column {column.name} has type {schema.field(index).type}; "
                f"{INFO_PATH} says {column.type}"
            )
    for extra in sorted(set(schema.names) - set(wanted.names)):
        problems.add(f"{name}: column {extra} is not among the features of {INFO_PATH}")


def is_same_type(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column's type is the wanted one, whichever way lists and JSON are stored."""
    if isinstance(found, pa.BaseExtensionType):
        found = found.storage_type
    if isinstance(wanted, pa.BaseExtensionType):
        wanted = wanted.storage_type
    if _is_list(found) and _is_list(wanted):
        sizes = {t.list_size for t in (found, wanted) if pa.types.is_fixed_size_list(t)}
        return len(sizes) < 2 and is_same_type(found.value_type, wanted.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(wanted):
        names = {field.name for field in wanted}
        return {field.name for field in found} == names and all(
            is_same_type(found.field(name).type, wanted.field(name).type) for name in names
        )
    return found == wanted or {found, wanted} <= _TEXTS or {found, wanted} <= _BYTES


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def check_videos(
    root: Path,
    info: DatasetInfo,
    rows: Sequence[Row],
    key: str,
    problems: Problems,
    *,
    opened: bool,
) -> None:
    """That the videos of a feature are there, of its size, and as long as their episodes say.

    Args:
        root, info, rows, problems: as in `check_data_files`.
        key: the feature.
        opened: whether to open the videos.
    """
    ends: dict[tuple[int, int], float] = {}
    for row in rows:
        start, end = (row[f"videos/{key}/{edge}_timestamp"] for edge in ("from", "to"))
        if abs(end - start - row["length"] / info.fps) > 0.5 / info.fps:
            problems.add(
                f"meta/episodes: episode {row['episode_index']}: columns videos/{key}/"
                f"from_timestamp and to_timestamp span {end - start:.3f} s for {row['length']} "
                f"frames at {info.fps} per second"
            )
        place = (row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"])
        ends[place] = max(end, ends.get(place, 0.0))
    assert info.video_path is not None  # checked with the info
    for (chunk, file), end in sorted(ends.items()):
        path = problems.trying(file_path, root, info.video_path, chunk, file, key)
        if path is None:
            continue
        name = name_of(root, path)
        if not path.is_file():
            problems.add(f"{name}: is missing")
            continue
        _check_size(path, name, info.video_files_size_in_mb, problems)
        found = problems.trying(video_size, path) if opened else None
        if found is not None:
            _check_video(name, found, (*picture_edges(info, key), end), 0.5 / info.fps, problems)


def _check_video(
    name: str,
    found: tuple[int, int, float],
    wanted: tuple[int, int, float],
    tolerance: float,
    problems: Problems,
) -> None:
    if found[:2] != wanted[:2]:
        told = f"{wanted[0]} by {wanted[1]}"
        problems.add(f"{name}: is {found[0]} by {found[1]} px; {INFO_PATH} says {told}")
    if found[2] < wanted[2] - tolerance:
        problems.add(f"{name}: lasts {found[2]:.3f} s; its episodes last {wanted[2]:.3f} s")


def _check_size(path: Path, name: str, limit_mb: int, problems: Problems) -> None:
    size = path.stat().st_size / MIB
    if size > SLACK * limit_mb:
        problems.add(f"{name}: {size:.0f} MiB; {INFO_PATH} allows {limit_mb}")
