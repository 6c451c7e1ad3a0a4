"""Where the files of a LeRobot data set lie, and what `meta/info.json` says.

Everything read here may have been written by anybody: a path that the metadata names is formatted
with whole numbers alone and must stay inside the data set's folder.
"""

from __future__ import annotations

import json
import re
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CODEBASE_VERSION = "v3.0"
INFO_PATH = "meta/info.json"
STATS_PATH = "meta/stats.json"
TASKS_PATH = "meta/tasks.parquet"
CHUNK_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
EPISODES_PATH = f"meta/episodes/{CHUNK_FILE}.parquet"
DATA_PATH = f"data/{CHUNK_FILE}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{CHUNK_FILE}.mp4"

INDEX_FEATURES: dict[str, str] = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""What every data set has -> its type."""

NUMBERS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
DTYPES = (*NUMBERS, "uint64", "bool", "string", "image", "video", "language")
MAX_JSON_BYTES = 64 * 2**20
MAX_EDGE = 8192
"""Largest edge of a picture [px]."""
MAX_INDEX = 10**6
"""Largest number of a chunk or a file."""
_NUMBER = re.compile(r"(0?\d{1,2})?d?")


class LerobotError(ValueError):
    """A folder is no sound LeRobot data set; the message names the file and what is wrong."""


@dataclass(kw_only=True)
class DatasetInfo:
    """`meta/info.json`.

    Attributes:
        codebase_version: of the format; "v3.0".
        robot_type: what acted, or None.
        total_episodes, total_frames, total_tasks: counts of the whole.
        chunks_size: most files in a folder.
        data_files_size_in_mb, video_files_size_in_mb: how large files may grow [MiB].
        fps: frames per second.
        splits: name -> "first:last" episode, half-open.
        data_path, video_path: templates; None for no videos.
        features: column -> {"dtype", "shape", "names"}.
    """

    codebase_version: str = CODEBASE_VERSION
    robot_type: str | None = None
    total_episodes: int = 0
    total_frames: int = 0
    total_tasks: int = 0
    chunks_size: int = 1000
    data_files_size_in_mb: int = 100
    video_files_size_in_mb: int = 200
    fps: int = 1
    splits: dict[str, str] = field(default_factory=dict)
    data_path: str = DATA_PATH
    video_path: str | None = None
    features: dict[str, dict[str, Any]] = field(default_factory=dict)

    def keys_of(self, *dtypes: str) -> list[str]:
        """The features of these types, in order."""
        return [name for name, spec in self.features.items() if spec["dtype"] in dtypes]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a feature."""
        return tuple(self.features[name]["shape"])


def load_json(root: Path, name: str) -> Any:
    """A JSON file of the data set.

    Raises:
        LerobotError: where it is missing, too large or no JSON.
    """
    path = root / name
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise LerobotError(f"{name}: larger than {MAX_JSON_BYTES} bytes")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise LerobotError(f"{name}: cannot be read ({error.strerror})") from error
    except LerobotError:
        raise
    except (ValueError, RecursionError) as error:
        raise LerobotError(f"{name}: not JSON ({error})") from error


def load_info(root: Path) -> DatasetInfo:
    """`meta/info.json`, checked.

    Raises:
        LerobotError: naming the first key that is wrong.
    """
    record = load_json(root, INFO_PATH)
    if not isinstance(record, dict):
        raise LerobotError(f"{INFO_PATH}: must hold an object")
    known = DatasetInfo.__dataclass_fields__
    if missing := sorted(set(known) - set(record)):
        raise LerobotError(f"{INFO_PATH}: {missing[0]} is missing")
    info = DatasetInfo(**{name: record[name] for name in known})
    _check_head(info)
    _check_features(info)
    _check_template("data_path", info.data_path)
    if info.video_path is not None:
        _check_template("video_path", info.video_path)
    elif info.keys_of("video"):
        raise LerobotError(f"{INFO_PATH}: video_path is null, but there are videos")
    return info


def file_path(root: Path, template: str, chunk: int, file: int, video_key: str = "") -> Path:
    """The file that a template names.

    Raises:
        LerobotError: where the numbers are out of range, or the path leaves the data set.
    """
    for number in (chunk, file):
        if not (isinstance(number, int) and 0 <= number < MAX_INDEX):
            raise LerobotError(f"file number {number!r} is not in 0 to {MAX_INDEX - 1}")
    try:
        name = template.format(chunk_index=chunk, file_index=file, video_key=video_key)
        path = (root / name).resolve()
    except (ValueError, OSError, RuntimeError) as error:
        raise LerobotError(f"{template}: no path ({error})") from error
    if not path.is_relative_to(root.resolve()):
        raise LerobotError(f"{INFO_PATH}: {name} leaves the data set's folder")
    return path


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_head(info: DatasetInfo) -> None:
    if info.codebase_version != CODEBASE_VERSION:
        raise LerobotError(
            f"{INFO_PATH}: codebase_version is {info.codebase_version!r}; legal: {CODEBASE_VERSION}"
        )
    for name in ("total_episodes", "total_frames", "total_tasks"):
        if not _is_count(getattr(info, name)):
            raise LerobotError(f"{INFO_PATH}: {name} must be a whole number from 0")
    sizes = ("chunks_size", "data_files_size_in_mb", "video_files_size_in_mb", "fps")
    for name in sizes:
        if not (_is_count(getattr(info, name)) and 1 <= getattr(info, name) <= MAX_INDEX):
            raise LerobotError(f"{INFO_PATH}: {name} must be a whole number from 1")
    if not (info.robot_type is None or isinstance(info.robot_type, str)):
        raise LerobotError(f"{INFO_PATH}: robot_type must be a string or null")
    splits = info.splits
    if not isinstance(splits, dict) or not all(isinstance(v, str) for v in splits.values()):
        raise LerobotError(f"{INFO_PATH}: splits must map names to strings such as 0:10")
    if not isinstance(info.features, dict):
        raise LerobotError(f"{INFO_PATH}: features must be an object")


def _check_features(info: DatasetInfo) -> None:
    for name, spec in info.features.items():
        where = f"{INFO_PATH}: feature {name!r}"
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            raise LerobotError(f"{where}: names hold no slash and are no path")
        if not isinstance(spec, dict) or not {"dtype", "shape", "names"} <= set(spec):
            raise LerobotError(f"{where} must have dtype, shape and names")
        if spec["dtype"] not in DTYPES:
            raise LerobotError(f"{where}: dtype is {spec['dtype']!r}; legal: {', '.join(DTYPES)}")
        shape = spec["shape"]
        if not isinstance(shape, list) or not 1 <= len(shape) <= 5:
            raise LerobotError(f"{where}: shape must be a list of 1 to 5 numbers")
        if not all(_is_count(edge) and 1 <= edge <= MAX_INDEX for edge in shape):
            raise LerobotError(f"{where}: shape is {shape}; legal: whole numbers from 1")
        if spec["dtype"] in ("image", "video"):
            _check_picture(where, spec)
    for name, dtype in INDEX_FEATURES.items():
        index = info.features.get(name)
        if index is None or index["dtype"] != dtype or index["shape"] != [1]:
            raise LerobotError(f"{INFO_PATH}: feature {name!r} must be {dtype} of shape [1]")


def _check_picture(where: str, spec: dict[str, Any]) -> None:
    """Height, width, channels; the order is what `names` says, channels last where it is silent."""
    if len(spec["shape"]) != 3 or max(spec["shape"]) > MAX_EDGE:
        raise LerobotError(f"{where}: shape must be three numbers up to {MAX_EDGE}")


def _check_template(key: str, template: object) -> None:
    """A template may hold plain text and the known numbers, padded with zeros, nothing else."""
    where = f"{INFO_PATH}: {key} is {template!r}"
    legal = {"chunk_index", "file_index"} | ({"video_key"} if key == "video_path" else set())
    if not isinstance(template, str) or len(template) > 300 or "\0" in template:
        raise LerobotError(f"{where}; it must be a short string")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise LerobotError(f"{where}; not a template ({error})") from error
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        plain = spec == "" if name == "video_key" else _NUMBER.fullmatch(spec or "")
        if name not in legal or conversion or not plain:
            raise LerobotError(f"{where}; its fields may be {', '.join(sorted(legal))}")
    if not {"chunk_index", "file_index"} <= {name for _, name, _, _ in parts}:
        raise LerobotError(f"{where}; it must name chunk_index and file_index")
