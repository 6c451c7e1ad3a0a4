"""Walks through the parts of Matroska and AVI files, whose demuxers pass over damage in silence.

They look for the next part that makes sense, and so lose frames without a word.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from video.frames import VideoError

SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
EBML = 0x1A45DFA3
TOP_PARTS = {
    SEGMENT, EBML, CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770,
    0x1254C367, 0xEC, 0xBF,
}  # fmt: skip
"""Segment, header, cluster, seek head, info, tracks, cues, files, chapters, tags, void, CRC."""
CLUSTER_PARTS = {0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0xAF, 0x5854, 0xEC, 0xBF}
"""Time, blocks simple, grouped and encrypted, position, previous size, silent tracks, void, CRC."""

AVI_LISTS = (b"movi", b"rec ")
"""Lists whose chunks hold the film."""


def check_structure(path: str, container: str) -> None:
    """Require that the parts of a Matroska or AVI file follow each other without a gap.

    Raises:
        VideoError: naming the byte where they do not.
    """
    if container not in ("matroska", "avi"):
        return
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        place = _matroska_damage(data) if container == "matroska" else _avi_damage(data)
    if place is not None:
        raise VideoError(path, f"is damaged at byte {place}")


def _matroska_damage(data: mmap.mmap) -> int | None:
    """Where a part is not what may stand there; None where all are."""
    start, ends = 0, [(len(data), TOP_PARTS)]
    while start < len(data):
        while start >= ends[-1][0] and len(ends) > 1:
            if start > ends[-1][0]:
                return start
            ends.pop()
        kind, after = _read_id(data, start)
        length, body, unknown = _read_length(data, after)
        if kind not in ends[-1][1]:
            if kind in TOP_PARTS and len(ends) > 1 and ends[-1][0] == len(data):
                ends.pop()  # a cluster of unknown length ends where something else begins
                continue
            return start
        if kind in (SEGMENT, CLUSTER):
            end = len(data) if unknown else body + length
            ends.append((min(end, len(data)), CLUSTER_PARTS if kind == CLUSTER else TOP_PARTS))
            start = body
        else:
            start = body + length
    return None if start == len(data) else len(data)


def _read_id(data: mmap.mmap, start: int) -> tuple[int, int]:
    first = data[start]
    num = 9 - first.bit_length() if first else 1
    return int.from_bytes(data[start : start + num], "big"), start + num


def _read_length(data: mmap.mmap, start: int) -> tuple[int, int, bool]:
    """Value, what follows it, and whether it stands for an unknown length."""
    first = data[start] if start < len(data) else 0
    num = 9 - first.bit_length() if first else 1
    bits = 7 * num
    value = int.from_bytes(data[start : start + num], "big") & ((1 << bits) - 1)
    return value, start + num, value == (1 << bits) - 1


def _avi_damage(data: mmap.mmap) -> int | None:
    """Where a chunk has no proper name or does not end where the next begins; None: nowhere."""
    start = 0
    while start + 8 <= len(data):
        name, length = (
            data[start : start + 4],
            int.from_bytes(data[start + 4 : start + 8], "little"),
        )
        if not all(48 <= letter < 123 or letter == 32 for letter in name):
            return start
        inside = name == b"RIFF" or (name == b"LIST" and data[start + 8 : start + 12] in AVI_LISTS)
        start += 12 if inside else 8 + length + length % 2
    return None if start <= len(data) + 1 else len(data)
