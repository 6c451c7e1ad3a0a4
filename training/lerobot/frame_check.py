"""Holds the frames of one episode to what the metadata says of them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from training.lerobot.language import EVENTS, PERSISTENT, row_problem
from training.lerobot.layout import DatasetInfo

Row = dict[str, Any]
TIME_TOLERANCE = 1e-4
"""LeRobot's own, for a frame's time [s]."""


def check_episode_frames(
    table: pa.Table, info: DatasetInfo, row: Row, tasks: Sequence[str], *, pictures: bool
) -> Iterator[str]:
    """What is wrong with an episode's frames, a line each.

    Args:
        table: the frames.
        info: the data set's.
        row: the episode's, of `meta/episodes`.
        tasks: all tasks by their number.
        pictures: whether to open the pictures.
    """
    where = f"data: episode {row['episode_index']}"
    present = set(table.column_names)
    yield from (f"{where}: {text}" for text in _index_problems(table, info, row, tasks))
    for name, spec in info.features.items():
        if name not in present:
            continue
        column = table[name]
        if column.null_count and name not in (EVENTS, PERSISTENT):
            yield f"{where}: column {name} has {column.null_count} empty values"
        elif spec["dtype"] in ("float32", "float64"):
            if not np.isfinite(_numbers(column)).all():
                yield f"{where}: column {name} has values that are not finite"
        elif spec["dtype"] == "image" and pictures:
            yield from (
                f"{where}: column {name}: {t}" for t in _picture_problems(column, info, name)
            )
        if name in (EVENTS, PERSISTENT):
            cameras = info.keys_of("image", "video")
            for rows in column.to_pylist():
                told = (row_problem(name, said, cameras) for said in rows or ())
                yield from (f"{where}: column {name}: {text}" for text in told if text)


def _index_problems(
    table: pa.Table, info: DatasetInfo, row: Row, tasks: Sequence[str]
) -> Iterator[str]:
    num, present = len(table), set(table.column_names)
    wanted = {"frame_index": np.arange(num), "index": row["dataset_from_index"] + np.arange(num)}
    for name, expected in wanted.items():
        if name in present and table[name].to_pylist() != expected.tolist():
            yield f"column {name} does not count from {expected[0]} to {expected[-1]}"
    if "timestamp" in present and not table["timestamp"].null_count:
        late = np.abs(_numbers(table["timestamp"]) - np.arange(num) / info.fps)
        if not (late <= TIME_TOLERANCE + 1e-6 * num / info.fps).all():
            yield f"column timestamp is not frame_index / {info.fps}"
    if "task_index" in present:
        found = set(table["task_index"].to_pylist())
        named = {tasks[k] for k in found if isinstance(k, int) and 0 <= k < len(tasks)}
        if len(named) < len(found) or not named <= set(row["tasks"]):
            yield f"column task_index has {sorted(found, key=str)[:3]}, not those of its tasks"


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """All numbers of a column of numbers or of lists of them, however deep."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    while hasattr(array, "flatten") and not pa.types.is_primitive(array.type):
        array = array.flatten()
    return array.to_numpy(zero_copy_only=False)


def picture_edges(info: DatasetInfo, name: str) -> tuple[int, int]:
    """Height and width of a picture feature, which may have its channels first."""
    shape, names = info.shape(name), info.features[name]["names"]
    first = isinstance(names, list) and names[:1] in (["channels"], ["channel"])
    return (shape[1], shape[2]) if first else (shape[0], shape[1])


def _picture_problems(column: pa.ChunkedArray, info: DatasetInfo, name: str) -> Iterator[str]:
    height, width = picture_edges(info, name)
    for number, cell in enumerate(column.to_pylist()):
        content = cell.get("bytes") if isinstance(cell, dict) else None
        if not content:
            yield f"frame {number} has no picture"
            continue
        try:
            with Image.open(io.BytesIO(content)) as image:
                found = (image.size[1], image.size[0])
                if found == (height, width):  # or it might be a bomb
                    image.load()
        except Exception as error:  # Pillow's decoders raise of every kind
            yield f"frame {number} is no picture ({type(error).__name__}: {error})"
            continue
        if found != (height, width):
            yield f"frame {number} is {found[0]} by {found[1]} px; legal: {height} by {width}"
