"""Times of the frames of an MP4 file, read from its tables without touching the frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_TABLES_BYTES = 1 << 28
ODD_BOXES = (b"stps", b"sgpd", b"sbgp")
"""Boxes that change which frames decoding can begin at."""


@dataclass(frozen=True, kw_only=True)
class SampleTimes:
    """When the samples of a track are decoded and shown, in the order of storing.

    Attributes:
        dts: int64 (P,), from 0 on [media time scale].
        shift: int64 (P,), how much later each is shown than decoded [media time scale].
        durations: int64 (P,) [media time scale].
        keys: int64 (K,), samples that decoding can begin at.
    """

    dts: np.ndarray
    shift: np.ndarray
    durations: np.ndarray
    keys: np.ndarray


def read_sample_times(path: str, track_id: int) -> SampleTimes | None:
    """The times of one track; None where only the demuxer can tell them.

    That is so for fragmented files, edit lists that cut something away or show something twice,
    several sample descriptions, and tables that contradict each other.

    Args:
        track_id: as the file numbers it.
    """
    try:
        moov = _read_moov(Path(path))
        boxes = {} if moov is None else dict(_boxes(moov))
        if moov is None or b"mvex" in boxes:
            return None
        tracks = (dict(_boxes(body)) for name, body in _boxes(moov) if name == b"trak")
        track = next(track for track in tracks if _track_id(track[b"tkhd"]) == track_id)
        media = dict(_boxes(track[b"mdia"]))
        table = dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))
        times = _sample_times(table)
        edits = dict(_boxes(track.get(b"edts", b""))).get(b"elst")
        scales = _time_scale(boxes[b"mvhd"]), _time_scale(media[b"mdhd"])
        return times if times and _shows_all(times, edits, *scales) else None
    except (KeyError, IndexError, StopIteration, ValueError):
        return None


def _read_moov(path: Path) -> bytes | None:
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            length, name = int.from_bytes(head[:4], "big"), head[4:]
            skipped = 8
            if length == 1:
                length, skipped = int.from_bytes(file.read(8), "big"), 16
            if length < skipped:
                return None
            if name == b"moov":
                return file.read(length - skipped) if length < MAX_TABLES_BYTES else None
            file.seek(length - skipped, 1)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start + 8 <= len(data):
        length, name = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        skipped = 8
        if length == 1:
            length, skipped = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        if length < skipped:
            return
        yield name, data[start + skipped : start + length]
        start += length


def _track_id(tkhd: bytes) -> int:
    start = 20 if tkhd[0] == 1 else 12
    return int.from_bytes(tkhd[start : start + 4], "big")


def _time_scale(header: bytes) -> int:
    start = 20 if header[0] == 1 else 12
    return int.from_bytes(header[start : start + 4], "big")


def _sample_times(table: dict[bytes, bytes]) -> SampleTimes | None:
    if any(name in table for name in ODD_BOXES) or table[b"stsd"][4:8] != b"\0\0\0\1":
        return None
    durations = _expand(table[b"stts"], ">u4").astype(np.int64)
    shift = np.zeros(len(durations), np.int64)
    if b"ctts" in table:
        shift = _expand(table[b"ctts"], ">i4").astype(np.int64)
    if len(shift) != len(durations) or not len(durations) or durations.max() >= 1 << 31:
        return None
    keys = np.arange(len(durations))
    if b"stss" in table:
        keys = np.frombuffer(table[b"stss"], ">u4", offset=8).astype(np.int64) - 1
    if not len(keys) or keys[0] != 0 or keys[-1] >= len(durations) or (np.diff(keys) <= 0).any():
        return None
    dts = np.cumsum(durations) - durations
    return SampleTimes(dts=dts, shift=shift, durations=durations, keys=keys)


def _expand(box: bytes, kind: str) -> np.ndarray:
    """Values of a table that gives runs of (count, value)."""
    runs = np.frombuffer(box, ">u4", offset=8).reshape(-1, 2)
    values = np.frombuffer(box, kind, offset=8).reshape(-1, 2)[:, 1]
    if runs[:, 0].sum(dtype=np.int64) > MAX_TABLES_BYTES:
        raise ValueError("more samples than a table can hold")
    return np.repeat(values, runs[:, 0])


def _shows_all(times: SampleTimes, edits: bytes | None, movie_scale: int, scale: int) -> bool:
    """Whether an edit list, but for a pause before the film, shows every sample once."""
    if edits is None:
        return True
    wide = edits[0] == 1
    kind = np.dtype([("length", ">u8" if wide else ">u4"), ("start", ">i8" if wide else ">i4"),
                     ("rate", ">u4")])  # fmt: skip
    entries = np.frombuffer(edits, kind, count=int.from_bytes(edits[4:8], "big"), offset=8)
    if len(entries) == 2 and entries[0]["start"] == -1:
        entries = entries[1:]
    if len(entries) != 1 or entries[0]["rate"] != 1 << 16:
        return False
    start, pts = int(entries[0]["start"]), times.dts + times.shift
    end = start + int(entries[0]["length"]) * scale // movie_scale
    return start == pts.min() and pts.max() < end
