"""An episode as the rows of a table: one frame per turn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from training.episode import Episode, Turn, decode_png, encode_png
from training.lerobot import schema as columns
from training.lerobot.language import (
    EVENTS,
    PERSISTENT,
    column_array,
    event_rows,
    persistent_rows,
)
from training.lerobot.layout import DatasetInfo


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an episode stands in a data set.

    Attributes:
        episode_index: its number.
        first_index: number of its first frame in the whole.
        task_index: number of its task.
    """

    episode_index: int
    first_index: int
    task_index: int


def task_of(episode: Episode) -> str:
    """What was asked: the words of the first turn, without marks of pictures."""
    return episode.turns[0].text.replace("<image>", "").strip()


def frame_times(num_frames: int, fps: int) -> np.ndarray:
    """float32 (num_frames,), the time of each frame of an episode [s]."""
    return (np.arange(num_frames) / fps).astype(np.float32)


def make_columns(episode: Episode, info: DatasetInfo, place: Place) -> dict[str, Any]:
    """Column -> values, arrays of (frames, ...) or lists, for every feature but pictures.

    Args:
        episode: fits the features.
        info: the data set's.
        place: of the episode in it.
    """
    turns, num = episode.turns, len(episode.turns)
    last = np.arange(num) == num - 1
    made: dict[str, Any] = {
        columns.REWARD: np.array([turn.reward for turn in turns], dtype=np.float32),
        columns.DONE: last & (episode.terminated or episode.truncated),
        columns.SUCCESS: last & episode.success,
        columns.TRUNCATED: last & episode.truncated,
        "timestamp": frame_times(num, info.fps),
        "frame_index": np.arange(num),
        "episode_index": np.full(num, place.episode_index),
        "index": place.first_index + np.arange(num),
        "task_index": np.full(num, place.task_index),
    }
    made |= _numbers(turns, info) | _words(episode, info, made["timestamp"])
    pictures = info.keys_of("image", "video")
    return {name: made[name] for name in info.features if name not in pictures}


def _numbers(turns: Sequence[Turn], info: DatasetInfo) -> dict[str, np.ndarray]:
    """State, action, the whole chunk, and the pictures' sizes."""
    made: dict[str, np.ndarray] = {}
    features = info.features
    if columns.STATE in features:
        made[columns.STATE] = np.stack(
            [np.ravel(t.state) for t in turns if t.state is not None]
        ).astype(np.float32)
    if columns.ACTION in features:
        actions = [t.output.action for t in turns if t.output.action is not None]
        made[columns.ACTION] = np.stack([chunk[0] for chunk in actions]).astype(np.float32)
        if columns.CHUNK in features:
            room = np.zeros((len(turns), *info.shape(columns.CHUNK)), dtype=np.float32)
            for row, chunk in zip(room, actions, strict=True):
                row[: len(chunk)] = chunk
            made[columns.CHUNK] = room
            made[columns.CHUNK_LENGTH] = np.array([len(chunk) for chunk in actions])
    if columns.SIZES in features:
        sizes = np.zeros((len(turns), info.shape(columns.SIZES)[0]), dtype=np.int64)
        for row, turn in zip(sizes, turns, strict=True):
            flat = [edge for png in turn.image_pngs for edge in columns.png_size(png)]
            row[: len(flat)] = flat
        made[columns.SIZES] = sizes
    return made


def _words(episode: Episode, info: DatasetInfo, times: np.ndarray) -> dict[str, list[Any]]:
    """What was said, on offer, and noted, in whichever columns there are."""
    turns = episode.turns
    labels = {name: texts_of(episode, name) for name in columns.LABEL_STYLES}
    labels = {name: texts for name, texts in labels.items() if texts}
    rows, cameras = persistent_rows(labels, times), info.keys_of("image", "video")
    made: dict[str, list[Any]] = {
        EVENTS: [event_rows(turn, cameras) for turn in turns],
        PERSISTENT: [rows] * len(turns),
        columns.TEXT: [turn.text for turn in turns],
        columns.REPLY: [turn.output.text or "" for turn in turns],
        columns.OPTIONS: [json.dumps(turn.options, ensure_ascii=False) for turn in turns],
    }
    empty = [""] * len(turns)
    return made | {
        columns.label_key(name): labels.get(name, empty) for name in columns.LABEL_STYLES
    }


def texts_of(episode: Episode, label: str) -> list[str]:
    """An annotation of one text per turn; empty for none.

    Raises:
        ValueError: where it is something else.
    """
    texts = episode.annotations.get(label)
    if texts is None:
        return []
    if len(texts) != len(episode.turns) or not all(isinstance(text, str) for text in texts):
        raise ValueError(
            f"episode {episode.episode_id}: annotation {label!r} must be one text for each of its "
            f"{len(episode.turns)} turns"
        )
    return list(texts)


def padded_png(turn: Turn, slot: int, shape: Sequence[int]) -> bytes:
    """The picture in a slot as PNG; black where a turn has none, and below and right of a smaller
    one. A picture of the full size keeps its very bytes.
    """
    height, width = shape[0], shape[1]
    if slot >= len(turn.image_pngs):
        return encode_png(np.zeros((height, width, 3), dtype=np.uint8))
    png = turn.image_pngs[slot]
    if columns.png_size(png) == (height, width):
        return png
    picture = decode_png(png)
    edges = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return encode_png(np.pad(picture, edges))


def make_table(
    made: Mapping[str, Any], pictures: Mapping[str, Sequence[bytes]], info: DatasetInfo
) -> pa.Table:
    """The rows of an episode as they lie in the data files.

    Args:
        made: of `make_columns`.
        pictures: feature -> a PNG per frame, for the features of type image.
        info: the data set's.
    """
    schema = columns.arrow_schema(info.features)
    arrays = [
        _picture_array(pictures[field.name], field.type)
        if field.name in pictures
        else _array(field.name, made[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _picture_array(pngs: Sequence[bytes], kind: pa.StructType) -> pa.Array:
    return pa.array([{"bytes": png, "path": None} for png in pngs], kind)


def _array(name: str, values: Any, kind: pa.DataType) -> pa.Array:
    if name in (EVENTS, PERSISTENT):
        return column_array(name, values)
    if isinstance(values, np.ndarray) and pa.types.is_fixed_size_list(kind):
        flat = pa.array(np.ascontiguousarray(values).ravel(), kind.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, kind.list_size)
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return pa.array(values.tolist() if isinstance(values, np.ndarray) else values, kind)
