"""The pictures of an episode: out of the tables, or out of the videos."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from training.episode import decode_png, encode_png
from training.lerobot.layout import MAX_EDGE, DatasetInfo, LerobotError, file_path
from training.lerobot.schema import png_size
from training.lerobot.videos import read_frames


def load_pictures(
    root: Path, info: DatasetInfo, row: dict[str, Any], table: pa.Table, key: str
) -> list[bytes]:
    """The pictures of a feature, PNG encoded, one per frame of an episode.

    Args:
        root: folder of the data set.
        info: of it.
        row: the episode's, of `meta/episodes`.
        table: its frames.
        key: the feature.

    Raises:
        LerobotError: where there is none, or one that cannot be decoded.
    """
    if info.features[key]["dtype"] == "image":
        return _stored_pictures(table, key, f"data: episode {row['episode_index']}: column {key}")
    place = (row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"])
    assert info.video_path is not None  # checked with the info
    path = file_path(root, info.video_path, *place, key)
    start = float(row[f"videos/{key}/from_timestamp"])
    frames = read_frames(path, start=start, count=row["length"], fps=info.fps)
    return [encode_png(frame) for frame in frames]


def cropped(png: bytes, height: int, width: int) -> bytes:
    """The picture without the black that was put beside it; nothing for an empty slot.

    Raises:
        ValueError: where it is smaller than that.
    """
    if not height or not width:
        return b""
    found = png_size(png)
    if found == (height, width):
        return png
    if found[0] < height or found[1] < width or min(height, width) < 0:
        raise ValueError(f"a picture of {found} px is said to be one of {(height, width)}")
    return encode_png(decode_png(png)[:height, :width])


def _stored_pictures(table: pa.Table, key: str, where: str) -> list[bytes]:
    if key not in table.column_names:
        raise LerobotError(f"{where} is missing")
    pictures = []
    for cell in table[key].to_pylist():
        content = cell.get("bytes") if isinstance(cell, dict) else None
        if not isinstance(content, bytes) or not content:
            raise LerobotError(f"{where} holds no picture's bytes")
        pictures.append(_as_png(content, where))
    return pictures


def _as_png(content: bytes, where: str) -> bytes:
    """The very bytes of a PNG; other formats, which others may write, become one."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind, size = image.format, image.size
    except Exception as error:  # Pillow's decoders raise of every kind
        raise LerobotError(f"{where} holds no picture ({error})") from error
    if max(size) > MAX_EDGE:
        raise LerobotError(f"{where} has a picture of {size[1]} by {size[0]} px")
    return content if kind == "PNG" else encode_png(decode_png(content))
