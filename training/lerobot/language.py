"""LeRobot's two language columns: what is said at a turn, and what holds until something else does.

Formats: https://github.com/huggingface/lerobot, src/lerobot/datasets/language.py. A row of
`language_events` stands on the frame at which it is said. The rows of `language_persistent` are the
whole episode's, with the time from which each holds, and are repeated on every frame.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from training.episode import Turn

EVENTS, PERSISTENT = "language_events", "language_persistent"
LABEL_STYLES = {"subtask": "subtask", "rationale": "plan"}
"""An annotation of the episode, one text a turn -> the style under which it is kept."""

PERSISTENT_STYLES = ("subtask", "plan", "memory", "motion", "task_aug")
EVENT_STYLES = ("interjection", "vqa", "trace", None)
VIEW_STYLES = ("vqa", "trace")
"""Styles whose words are about one camera's picture."""
FIELDS = {
    PERSISTENT: ("role", "content", "style", "timestamp", "camera", "tool_calls"),
    EVENTS: ("role", "content", "style", "camera", "tool_calls"),
}
FEATURE = {"dtype": "language", "shape": [1], "names": None}

MAX_PREDICTION_CHARS = 10_000
"""A longer one is kept as words alone."""

Row = dict[str, Any]


def row_type(column: str) -> pa.StructType:
    """The Arrow type of a row of a language column."""
    json_type = pa.json_() if hasattr(pa, "json_") else pa.string()
    types = {"timestamp": pa.float32(), "tool_calls": pa.list_(json_type)}
    required = ("role", "timestamp")
    fields = [
        pa.field(name, types.get(name, pa.string()), nullable=name not in required)
        for name in FIELDS[column]
    ]
    return pa.struct(fields)


def column_array(column: str, rows: Sequence[Sequence[Row]]) -> pa.Array:
    """One list of rows per frame -> the column.

    Built from its parts, since pyarrow makes no JSON from Python objects.
    """
    flat = list(chain.from_iterable(rows))
    kind = row_type(column)
    arrays = [
        pa.nulls(len(flat), field.type)
        if field.name == "tool_calls"
        else pa.array([row[field.name] for row in flat], field.type)
        for field in kind
    ]
    offsets = np.cumsum([0, *(len(some) for some in rows)], dtype=np.int32)
    structs = pa.StructArray.from_arrays(arrays, fields=list(kind))
    return pa.ListArray.from_arrays(pa.array(offsets), structs)


def event_rows(turn: Turn, cameras: Sequence[str] = ()) -> list[Row]:
    """What is said at a turn: the environment's words as user, the policy's reply as assistant.

    A reply whose `<output>` is a path or a box in the picture, as JSON, is also told in LeRobot's
    own styles, `trace` and `vqa`, which name the camera: the front one, or else the first.

    Args:
        turn: of an episode.
        cameras: the features that hold pictures.
    """
    silent: Row = {"style": None, "camera": None, "tool_calls": None}
    rows = [{"role": "user", "content": turn.text, **silent}]
    reply = turn.output.text
    if reply is None:
        return rows
    rows.append({"role": "assistant", "content": reply, **silent})
    style, content = _prediction(reply) if cameras and turn.image_pngs else (None, "")
    if style is not None:
        front = [camera for camera in cameras if camera.endswith(".front")]
        seen = silent | {"style": style, "camera": (front or list(cameras))[0]}
        asked = [{"role": "user", "content": turn.text, **seen}] if style == "vqa" else []
        rows += [*asked, {"role": "assistant", "content": content, **seen}]
    return rows


def _prediction(reply: str) -> tuple[str | None, str]:
    """The style of what a reply predicts, and that as JSON; None for no prediction."""
    _, opened, rest = reply.rpartition("</think>")[2].partition("<output>")
    content, closed, _ = rest.partition("</output>")
    if not (opened and closed) or len(content) > MAX_PREDICTION_CHARS:
        return None, ""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None, ""
    if isinstance(value, dict) and {"x", "y", "width", "height"} <= set(value):
        return "vqa", content
    points = isinstance(value, list) and value and all(_is_point(point) for point in value)
    return ("trace", content) if points else (None, "")


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(isinstance(number, int | float) for number in value)


def persistent_rows(labels: Mapping[str, Sequence[str]], timestamps: np.ndarray) -> list[Row]:
    """The labels of an episode, one row where a label changes.

    Args:
        labels: annotation -> its text at every turn.
        timestamps: float32 (turns,), of the frames [s].
    """
    rows: list[Row] = []
    for name, texts in labels.items():
        for turn, text in enumerate(texts):
            if turn == 0 or text != texts[turn - 1]:
                row: Row = {"role": "assistant", "content": text, "style": LABEL_STYLES[name]}
                row |= {"timestamp": float(timestamps[turn]), "camera": None, "tool_calls": None}
                rows.append(row)
    return sorted(rows, key=lambda row: row["timestamp"])


def read_events(rows: Sequence[Row] | None) -> tuple[str | None, str | None]:
    """What the environment said and what was replied; None where there is no such row."""
    said: dict[str, str] = {}
    for row in rows or ():
        if row.get("style") is None and isinstance(row.get("content"), str):
            said.setdefault(row["role"], row["content"])
    return said.get("user"), said.get("assistant")


def read_labels(rows: Sequence[Row] | None, timestamps: np.ndarray) -> dict[str, list[str]]:
    """The labels of an episode from its persistent rows; a label that starts later is "" before."""
    labels: dict[str, list[str]] = {}
    for name, style in LABEL_STYLES.items():
        mine = [row for row in rows or () if row.get("style") == style]
        if not mine:
            continue
        starts = np.asarray([row["timestamp"] for row in mine], dtype=np.float32)
        order = np.argsort(starts, kind="stable")
        active = np.searchsorted(starts[order], timestamps, side="right") - 1
        texts = [mine[k].get("content") or "" for k in order]
        labels[name] = [texts[k] if k >= 0 else "" for k in active]
    return labels


def row_problem(column: str, row: Row, cameras: Sequence[str]) -> str:
    """What is wrong with a row of a language column; "" for nothing."""
    styles = PERSISTENT_STYLES if column == PERSISTENT else EVENT_STYLES
    style, camera = row["style"], row["camera"]
    if not row["role"]:
        return "role is empty"
    if style not in styles:
        return f"style is {style!r}; legal: {', '.join(map(str, styles))}"
    if style in VIEW_STYLES and camera not in cameras:
        return f"camera is {camera!r}; style {style} needs one of {', '.join(cameras)}"
    if style not in VIEW_STYLES and camera is not None:
        return f"camera is {camera!r}; style {style} takes none"
    return ""
