"""Builds a film's index: from the tables of an MP4 file, or by reading every packet once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np

from video.decoding.codecs import decode_numbered, make_context
from video.decoding.demuxing import TELL_SHOW_TIMES, Demuxer, packet_id
from video.decoding.index import FilmIndex, Packets, find_starts, show_order
from video.decoding.mp4 import read_sample_times
from video.decoding.structure import check_structure
from video.decoding.turning import turn_from_matrix
from video.decoding.wholeness import check_whole
from video.frames import VideoError

ONE_PICTURE_PER_PACKET = ("h264", "hevc", "vp9", "av1", "mjpeg")
"""Codecs whose packets each hold one picture that is shown, and so are counted without decoding."""
NUM_CHECKED = 64
"""Entries of an MP4's tables that are held against the demuxer's."""
LEAD_MARGIN = 32
"""Packets that are decoded beyond the first key to see which frames before it come out."""


def open_film(path: str) -> tuple[FilmIndex, Demuxer]:
    """Everything about a film's frames but their pixels, and the open file.

    Raises:
        VideoError: where the file is not a whole film.
    """
    check_whole(path)
    demuxer = Demuxer(path)
    try:
        check_structure(path, demuxer.format_name)
        packets = _packets_from_tables(demuxer) or _packets_from_scan(demuxer)
        if packets is None:
            return _index_by_decoding(demuxer), demuxer
        return _index(demuxer, _without_lost_lead(demuxer, packets)), demuxer
    except BaseException:
        demuxer.close()
        raise


def _packets_from_tables(demuxer: Demuxer) -> Packets | None:
    """From an MP4's own tables, where they and the demuxer agree; else None."""
    stream = demuxer.stream
    if (
        demuxer.format_name != "mov"
        or stream.codec_context.codec.canonical_name not in ONE_PICTURE_PER_PACKET
    ):
        return None
    times, first = read_sample_times(demuxer.path, stream.id), next(demuxer.packets(), None)
    entries = stream.index_entries
    if times is None or first is None or first.pts is None or len(entries) != len(times.dts):
        return None
    pts = first.pts + (times.dts + times.shift) - (times.dts[0] + times.shift[0])
    dts = first.dts + times.dts
    is_key = np.zeros(len(pts), bool)
    is_key[times.keys] = True
    spread = np.linspace(0, len(pts) - 1, min(NUM_CHECKED, len(pts))).astype(int)
    for number in {*spread.tolist(), *times.keys[:NUM_CHECKED].tolist()}:
        entry = entries[number]
        facts = entry.timestamp, entry.is_keyframe, entry.is_discard
        if facts != (dts[number], is_key[number], False):
            return None
    if len(np.unique(pts)) < len(pts):
        return None
    return Packets(
        pts=pts,
        shown=np.ones(len(pts), bool),
        keys=times.keys,
        key_ids=tuple((entries[k].pos, int(pts[k]), int(dts[k])) for k in times.keys.tolist()),
        last_duration=int(times.durations[np.argmax(pts)]),
    )


def _packets_from_scan(demuxer: Demuxer) -> Packets | None:
    """From reading all packets; None where they do not tell which frames are shown and when."""
    if demuxer.format_name not in TELL_SHOW_TIMES:
        return None
    if demuxer.stream.codec_context.codec.canonical_name not in ONE_PICTURE_PER_PACKET:
        return None
    demuxer.rewind()
    pts, shown, keys, ids, durations = [], [], [], [], []
    for number, packet in enumerate(demuxer.packets()):
        if packet.is_keyframe or not number:
            keys.append(number)
            ids.append(packet_id(packet))
        pts.append(packet.pts)
        shown.append(not packet.is_discard)
        durations.append(packet.duration or 0)
    given = [time for time, is_shown in zip(pts, shown, strict=True) if is_shown]
    if None in pts or len(set(given)) < len(given) or not given:
        return None
    times = np.array(pts, np.int64)
    last = max(np.flatnonzero(shown), key=lambda number: times[number])
    return Packets(
        pts=times,
        shown=np.array(shown),
        keys=np.array(keys, np.int64),
        key_ids=tuple(ids),
        last_duration=durations[last] or _usual_gap(np.sort(np.array(given, np.int64))),
    )


def _usual_gap(times: np.ndarray) -> int:
    """The median of the differences of ascending times, at least 1."""
    return max(1, int(np.median(np.diff(times)))) if len(times) > 1 else 1


def _without_lost_lead(demuxer: Demuxer, packets: Packets) -> Packets:
    """The packets less those at the start that are shown before the first key and so cannot all be
    decoded: what a film that was cut out of a longer one begins with.
    """
    first = packets.keys[0]
    lead = packets.shown & (packets.pts < packets.pts[first])
    lead[packets.keys[1] if len(packets.keys) > 1 else len(lead) :] = False
    if not lead.any():
        return packets
    last = int(np.flatnonzero(lead)[-1]) + LEAD_MARGIN
    read = demuxer.read(packets.keys, packets.key_ids, int(first), last)
    decoded = decode_numbered(make_context(demuxer.stream), read)
    met = [number for number, frame in decoded if frame is not None]
    shown = packets.shown.copy()
    shown[lead] = np.isin(np.flatnonzero(lead), met)
    return replace(packets, shown=shown)


def _index(demuxer: Demuxer, packets: Packets) -> FilmIndex:
    ordinals, starts = show_order(packets)
    return _with_picture(demuxer, packets, ordinals, starts, packets.pts[ordinals])


def _index_by_decoding(demuxer: Demuxer) -> FilmIndex:
    """Numbers the frames by decoding them all once, for files that do not tell when they are shown:
    AVI with frames out of order, and codecs that hide pictures in packets of their own.
    """
    demuxer.rewind()
    context = make_context(demuxer.stream, for_order_only=True)
    times, keys, ids, durations = [], [], [], []

    def numbered() -> Iterator[tuple[int, av.Packet]]:
        for number, packet in enumerate(demuxer.packets()):
            if packet.is_keyframe or not number:
                keys.append(number)
                ids.append(packet_id(packet))
            times.append(packet.dts if packet.dts is not None else packet.pts)
            durations.append(packet.duration or 0)
            yield number, packet

    decoded = decode_numbered(context, numbered())
    met = [number for number, frame in decoded if frame is not None]
    if not met:
        raise VideoError(demuxer.path, "holds no frame that can be decoded")
    ordinals = np.array(met, np.int64)
    known = sorted(time for time in (times[number] for number in met) if time is not None)
    pts = np.array(known if len(known) == len(met) else range(len(met)), np.int64)
    ranks = np.searchsorted(np.sort(ordinals), np.arange(len(times)))
    ranks[ordinals] = np.arange(len(met))
    packets = Packets(
        pts=ranks,
        shown=np.ones(len(times), bool),
        keys=np.array(keys, np.int64),
        key_ids=tuple(ids),
        last_duration=durations[met[-1]] or _usual_gap(pts),
    )
    starts = find_starts(ordinals, np.arange(len(met)), packets)
    return _with_picture(demuxer, packets, ordinals, starts, pts)


def _with_picture(
    demuxer: Demuxer, packets: Packets, ordinals: np.ndarray, starts: np.ndarray, pts: np.ndarray
) -> FilmIndex:
    """The index with what only a frame tells: the size and the way up."""
    if not len(ordinals):
        raise VideoError(demuxer.path, "holds no frame")
    frame = _first_frame(demuxer, packets, int(starts[0]), int(ordinals[0]))
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    turn = turn_from_matrix(None if matrix is None else bytes(matrix))
    if turn is None:
        raise VideoError(demuxer.path, "is turned by other than right angles")
    height, width = turn.shape(frame.height, frame.width)
    stream = demuxer.stream
    return FilmIndex(
        path=demuxer.path,
        stream_index=stream.index,
        container=demuxer.format_name,
        codec=stream.codec_context.codec.canonical_name,
        time_base=demuxer.time_base,
        start_pts=_start_pts(demuxer, int(pts[0])),
        pts=pts,
        ordinals=ordinals,
        starts=starts,
        keys=packets.keys,
        key_ids=packets.key_ids,
        num_packets=len(packets.pts),
        last_duration=packets.last_duration,
        height=height,
        width=width,
        turn=turn,
    )


def _first_frame(demuxer: Demuxer, packets: Packets, start: int, ordinal: int) -> av.VideoFrame:
    """The first frame that is shown, with the stream's side data."""
    context = demuxer.stream.codec_context
    read = demuxer.read(packets.keys, packets.key_ids, start, max(ordinal, start) + LEAD_MARGIN)
    for number, frame in decode_numbered(context, read):
        if number == ordinal and frame is not None:
            return frame
    raise VideoError(demuxer.path, "cannot be decoded: its first frame is damaged", seconds=0.0)


def _start_pts(demuxer: Demuxer, first_pts: int) -> Fraction:
    """Where seconds count from: the start of the file, or the first frame where none is given."""
    start = demuxer.container.start_time
    if start is None:
        return Fraction(first_pts)
    exact = Fraction(start, av.time_base) / demuxer.time_base
    return Fraction(first_pts) if abs(exact - first_pts) < 1 else min(exact, Fraction(first_pts))
