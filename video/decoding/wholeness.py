"""Finds files that are cut short, from the lengths that their outermost parts declare."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from video.frames import VideoError

MP4_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot")
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def check_whole(path: str) -> None:
    """Require a file that holds all that its MP4 boxes, Matroska segment or AVI chunk announce.

    Raises:
        VideoError: where there is no such file, or it is empty or cut short.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(path, f"cannot be read: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(path, "is not a file")
    if status.st_size == 0:
        raise VideoError(path, "is empty: 0 bytes")
    try:
        with Path(path).open("rb") as file:
            end, part = _declared_end(path, file, status.st_size)
    except OSError as error:
        raise VideoError(path, f"cannot be read: {error.strerror}") from error
    if end > status.st_size:
        raise VideoError(
            path, f"is cut short: its {part} ends at byte {end}, the file at {status.st_size}"
        )


def _declared_end(path: str, file: BinaryIO, num_bytes: int) -> tuple[int, str]:
    """Where the last of the outermost parts ends, and its name; (0, "") for other formats."""
    head = file.read(12)
    if head[4:8] in MP4_FIRST_BOXES:
        return _mp4_end(path, file, num_bytes)
    if head[:4] == EBML:
        return _matroska_end(file), "segment"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        length = int.from_bytes(head[4:8], "little")
        return (0 if length == 0xFFFFFFFF else 8 + length), "RIFF chunk"
    return 0, ""


def _mp4_end(path: str, file: BinaryIO, num_bytes: int) -> tuple[int, str]:
    names, start = set(), 0
    while start + 8 <= num_bytes:
        file.seek(start)
        head = file.read(16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:  # reaches to the end of the file
            length = num_bytes - start
        if length < 8:
            break  # padding or rubbish after the last box
        names.add(name)
        start += length
        if start > num_bytes:
            return start, f"{name.decode('latin-1')} box"
    if b"moov" not in names:
        raise VideoError(path, "has no moov box: it is cut short or was never finished")
    return 0, ""


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends; 0 where that is unknown, as it is of a live recording."""
    file.seek(4)
    length = _read_length(file)
    if length is None:
        return 0
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != SEGMENT:
        return 0
    length = _read_length(file)
    return 0 if length is None else file.tell() + length


def _read_length(file: BinaryIO) -> int | None:
    """An EBML length, whose first byte's leading zeros say how many bytes follow; None: unknown."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    more = 8 - first[0].bit_length()
    bits = 7 * (more + 1)
    value = int.from_bytes(first + file.read(more), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
