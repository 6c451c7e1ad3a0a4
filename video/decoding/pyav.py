"""Exact frames with PyAV: several single-threaded decoders side by side, each doing the least.

Frames are wanted from places that are independent of each other, so each decoder takes the next
place, seeks to the key before it and decodes up to the last frame wanted there. On the way it
leaves out what no other frame refers to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from video.decoding.backend import Sink
from video.decoding.codecs import ALONE, decode_numbered, make_context
from video.decoding.damage import make_inspector
from video.decoding.demuxing import Demuxer
from video.decoding.index import FilmIndex, split_segments
from video.decoding.parallel import run_side_by_side
from video.frames import VideoError

MOST_PACKETS_AT_ONCE = 1024
"""A longer way than this to a frame is not read ahead but decoded while it is read."""
FRAMES_PER_DECODER = 10
"""Pictures that a decoder holds, about."""
NEAR_SECONDS = 5.0
"""Frames that are wanted and no further apart than this [s] are looked at as one stretch."""


class Between(Protocol):
    """Keeps frames as they were decoded, by number, for as long as it can."""

    def get(self, frame: int) -> av.VideoFrame | None:
        """A frame, or None where it is not kept."""
        ...

    def put(self, frame: int, decoded: av.VideoFrame) -> None:
        """Keep a frame."""
        ...

    def drop(self, frames: Iterable[int]) -> None:
        """Forget frames."""
        ...


@dataclass
class _Harvest:
    """What came out of one go at decoding.

    Attributes:
        met: numbers of the frames that came out.
        pictures: frame number -> picture, of those that are wanted.
        damaged: numbers of the packets that are damaged or lost.
    """

    met: set[int] = field(default_factory=set)
    pictures: dict[int, np.ndarray] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    def damaged_from(self, start: int) -> bool:
        """Whether there is damage, and none of it before packet `start`."""
        return bool(self.damaged) and min(self.damaged) >= start


class PyavBackend:
    """See `video.decoding.backend.Backend`.

    Args:
        index: of the film.
        demuxer: its open file, which is closed with this.
        height, width: of the frames to give [px].
        num_decoders: side by side, 1 or more.
        between: keeps the frames between two that are wanted, which are all decoded then; None
            leaves out those that can be left out.
    """

    def __init__(
        self,
        index: FilmIndex,
        demuxer: Demuxer,
        *,
        height: int,
        width: int,
        num_decoders: int,
        between: Between | None = None,
    ) -> None:
        self.index, self.demuxer, self.between = index, demuxer, between
        self.height, self.width = height, width
        self.num_decoders = num_decoders if index.codec in ALONE else 1
        self.num_bytes = (
            self.num_decoders * FRAMES_PER_DECODER * index.height * index.width * 3 // 2
        )
        self._inspect = make_inspector(demuxer.stream)
        self._ordinals = np.sort(index.ordinals)
        self._reading = threading.Lock()
        self._idle: list[tuple[av.VideoCodecContext, VideoReformatter]] = []

    def decode(self, indices: Sequence[int], sink: Sink) -> None:
        """Hand each of some ascending frames to `sink` once. See `Backend`."""
        wanted = self._take_kept(indices, sink) if self.between else set(indices)
        frames = self._with_near(wanted) if self.between else sorted(wanted)
        run_side_by_side(
            lambda frames: self._decode_segment(frames, wanted, sink),
            split_segments(self.index, frames),
            num_threads=self.num_decoders,
        )

    def close(self) -> None:
        """Give the file and the decoders back."""
        self._idle.clear()
        self.demuxer.close()

    def _take_kept(self, indices: Sequence[int], sink: Sink) -> set[int]:
        """Hand over the frames that an earlier request has kept. Returns the others."""
        assert self.between is not None
        missing, scaler = set(), VideoReformatter()
        for frame in indices:
            decoded = self.between.get(frame)
            if decoded is None:
                missing.add(frame)
            else:
                sink(frame, self.picture(decoded, scaler))
        return missing

    def _with_near(self, wanted: set[int]) -> list[int]:
        """Frames that are wanted and those between two of them that are near to each other."""
        assert self.between is not None
        most = NEAR_SECONDS / float(self.index.time_base)
        frames = sorted(wanted)
        for before, after in pairwise(sorted(wanted)):
            if self.index.pts[after] - self.index.pts[before] <= most:
                frames += [f for f in range(before + 1, after) if self.between.get(f) is None]
        return sorted(frames)

    def _decode_segment(self, frames: list[int], wanted: Set[int], sink: Sink) -> None:
        """Frames from one place. Where something is wrong with those that are wanted, tries again
        from ever earlier keys: some files call a picture a key that others do not suffice for.
        """
        place, step = int(np.searchsorted(self.index.keys, self.index.starts[frames[0]])), 0
        while True:
            start = int(self.index.keys[max(place - step, 0)])
            harvest = self._harvest(frames, wanted, start)
            wrong = [frame for frame in frames if not self._is_sound(frame, harvest)]
            for frame in wanted & (set(frames) - set(wrong)):
                sink(frame, harvest.pictures[frame])
            if self.between:
                self.between.drop(set(wrong) - wanted)
            frames, step = [frame for frame in wrong if frame in wanted], 2 * step or 1
            if not frames:
                return
            if start == 0 or (step > 1 and harvest.damaged_from(self.index.keys[place])):
                raise self._damage(frames[0], harvest)

    def _is_sound(self, frame: int, harvest: _Harvest) -> bool:
        ordinal = self.index.ordinals[frame]
        return frame in harvest.met and all(number > ordinal for number in harvest.damaged)

    def _damage(self, frame: int, harvest: _Harvest) -> VideoError:
        seconds, reason = self.index.seconds(), "it cannot be decoded"
        shown = np.flatnonzero(np.isin(self.index.ordinals, harvest.damaged))
        if len(shown):
            reason = f"the film is damaged at {seconds[shown].min():.3f} s"
        return VideoError(
            self.index.path, f"frame {frame} is not sound: {reason}", seconds=float(seconds[frame])
        )

    def _harvest(self, frames: list[int], wanted: Set[int], start: int) -> _Harvest:
        """Decode from packet `start` until all the frames are out."""
        held = dict(zip(self.index.ordinals[frames].tolist(), frames, strict=True))
        whole = {number for ordinal in held for number in self._parts(ordinal)}
        context, scaler = self._take_decoder()
        harvest, due = _Harvest(), set[int]()

        last = max(whole)

        def packets() -> Iterator[tuple[int, av.Packet]]:
            for number, packet in self._read(start, last + 1):
                sight = self._inspect(packet)
                if packet.is_corrupt or sight.holed:  # what hit its head may have hit a tail before
                    harvest.damaged += [max(number - 1, start), number]
                elif sight.disposable and number not in whole:
                    continue
                if number > last:
                    return
                due.add(number)
                yield number, packet

        with closing(decode_numbered(context, packets())) as decoded:
            for number, out in decoded:
                due.discard(number)
                if out is None or out.is_corrupt:
                    harvest.damaged.append(number)
                elif number in held:
                    frame = held[number]
                    harvest.met.add(frame)
                    if frame in wanted:
                        harvest.pictures[frame] = self.picture(out, scaler)
                    elif self.between:
                        self.between.put(frame, out)
        self._idle.append((context, scaler))
        harvest.damaged += self._lost(due, start)
        return harvest

    def _lost(self, due: Set[int], start: int) -> list[int]:
        """Of packets that were decoded without giving a frame, those that should have: all that are
        shown and can be decoded from `start` on.
        """
        places = np.flatnonzero(np.isin(self.index.ordinals, list(due)))
        return self.index.ordinals[places[self.index.starts[places] >= start]].tolist()

    def _parts(self, ordinal: int) -> range:
        """The packets of one frame: those that hold none of their own belong to the one before."""
        place = int(np.searchsorted(self._ordinals, ordinal, side="right"))
        after = self.index.num_packets if place == len(self._ordinals) else self._ordinals[place]
        return range(ordinal, int(after))

    def _read(self, start: int, last: int) -> Iterable[tuple[int, av.Packet]]:
        """Packets by number. Short ways are read in one go, so that the next decoder can read."""
        with self._reading:
            packets = self.demuxer.read(self.index.keys, self.index.key_ids, start, last)
            ahead = list(islice(packets, MOST_PACKETS_AT_ONCE))
            if len(ahead) == MOST_PACKETS_AT_ONCE:
                yield from ahead
                yield from packets
                return
        yield from ahead

    def _take_decoder(self) -> tuple[av.VideoCodecContext, VideoReformatter]:
        try:
            return self._idle.pop()  # atomic: decoders of several threads share the list
        except IndexError:
            if self.index.codec in ALONE:
                return make_context(self.demuxer.stream), VideoReformatter()
            return self.demuxer.stream.codec_context, VideoReformatter()

    def picture(self, frame: av.VideoFrame, scaler: VideoReformatter) -> np.ndarray:
        """A decoded frame turned upright, at the size to give: uint8 (H, W, 3), RGB."""
        height, width = self.index.turn.shape(self.height, self.width)
        rgb = scaler.reformat(
            _as_whole_picture(frame) if frame.interlaced_frame else frame,
            width=width,
            height=height,
            format="rgb24",
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        plane = rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        return self.index.turn.apply(rows[:, : 3 * width].reshape(height, width, 3)).copy()


def _as_whole_picture(frame: av.VideoFrame) -> av.VideoFrame:
    """An interlaced frame without its mark, by which it would be scaled field by field, which
    ffmpeg does not do by itself.
    """
    whole = av.VideoFrame(frame.width, frame.height, frame.format.name)
    whole.colorspace, whole.color_range = frame.colorspace, frame.color_range
    for theirs, ours in zip(frame.planes, whole.planes, strict=True):
        rows, num = ours.height, min(theirs.line_size, ours.line_size)
        source = np.frombuffer(memoryview(theirs), np.uint8)[: rows * theirs.line_size]
        target = np.frombuffer(memoryview(ours), np.uint8)[: rows * ours.line_size]
        target.reshape(rows, -1)[:, :num] = source.reshape(rows, -1)[:, :num]
    return whole
