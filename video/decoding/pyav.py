"""Exact frames with PyAV: several decoders side by side, each doing the least.

Frames are wanted from places that are independent of each other, so each decoder takes the next
place, seeks to the key before it and decodes up to the last frame wanted there. On the way it
leaves out what no other frame refers to. Where requests are likely to go on from each other, the
decoder of a request's last place is left as it is, for a later one that begins further on; and a
place that takes longer than all others together gets a decoder of several threads, lest they wait
for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from video.decoding.backend import Sink
from video.decoding.codecs import ALONE, make_context
from video.decoding.decoders import Decoder, Decoders
from video.decoding.demuxing import Demuxer
from video.decoding.harvest import Harvest, Harvester
from video.decoding.index import FilmIndex, split_segments
from video.decoding.parallel import run_side_by_side
from video.decoding.pictures import make_picture
from video.frames import VideoError

FRAMES_PER_DECODER = 10
"""Pictures that a decoder holds, about."""
WORTH_THREADS = 30
"""A way of fewer frames is over before several threads are under way."""
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


class PyavBackend:
    """See `video.decoding.backend.Backend`.

    Args:
        index: of the film.
        demuxer: its open file, which is closed with this.
        height, width: of the frames to give [px].
        num_decoders: side by side, 1 or more.
        between: keeps the frames between two that are near, which are all decoded then, and has
            decoders be left for requests that go on from this one; None leaves out the frames that
            can be left out, and empties the decoders.
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
        most_decoders = self.num_decoders * (1 if between is None else 2)  # as many may be left
        self.num_bytes = most_decoders * FRAMES_PER_DECODER * index.height * index.width * 3 // 2
        self._harvester = Harvester(index, demuxer)
        self._decoders = Decoders(self._make_decoder, most_left=self.num_decoders)

    def decode(self, indices: Sequence[int], sink: Sink) -> None:
        """Hand each of some ascending frames to `sink` once. See `Backend`."""
        kept = self._find_kept(indices)
        wanted = set(indices).difference(frame for frame, _ in kept)
        frames = self._with_near(indices, wanted) if self.between else sorted(wanted)
        segments = list(split_segments(self.index, frames))
        total = sum(map(len, segments))
        jobs = [
            partial(self._decode_segment, segment, wanted, sink, self._num_threads(segment, total))
            for segment in segments
        ]
        shares = [kept[place :: self.num_decoders] for place in range(self.num_decoders)]
        jobs += [partial(self._show, share, sink) for share in shares if share]
        run_side_by_side(lambda job: job(), jobs, num_threads=self.num_decoders)

    def close(self) -> None:
        """Give the file and the decoders back."""
        self._decoders.clear()
        self.demuxer.close()

    def _find_kept(self, indices: Sequence[int]) -> list[tuple[int, av.VideoFrame]]:
        """The frames that an earlier request has decoded, with their numbers."""
        if self.between is None:
            return []
        found = [(frame, self.between.get(frame)) for frame in indices]
        return [(frame, decoded) for frame, decoded in found if decoded is not None]

    def _show(self, kept: Iterable[tuple[int, av.VideoFrame]], sink: Sink) -> None:
        scaler = VideoReformatter()
        for frame, decoded in kept:
            sink(frame, self._picture(decoded, scaler))

    def _with_near(self, indices: Sequence[int], wanted: set[int]) -> list[int]:
        """Frames that are to be decoded: those that are wanted, and those that are not kept between
        them and the one asked for before or after, where that is near.
        """
        assert self.between is not None
        most = NEAR_SECONDS / float(self.index.time_base)
        frames = sorted(wanted)
        for before, after in pairwise(indices):
            is_near = self.index.pts[after] - self.index.pts[before] <= most
            if is_near and not wanted.isdisjoint((before, after)):
                frames += [f for f in range(before + 1, after) if self.between.get(f) is None]
        return sorted(frames)

    def _num_threads(self, segment: list[int], total: int) -> int:
        """For the decoder of a segment, of so many frames to decode in all."""
        is_longest_way = self.between is not None and 2 * len(segment) > total
        return self.num_decoders if is_longest_way and len(segment) >= WORTH_THREADS else 1

    def _decode_segment(
        self, frames: list[int], wanted: set[int], sink: Sink, num_threads: int
    ) -> None:
        """Frames from one place. Where something is wrong with those that are wanted, tries again
        from ever earlier keys: some files call a picture a key that others do not suffice for.
        """
        if self.between and self._go_on(frames, wanted, sink, num_threads):
            return
        place, step = int(np.searchsorted(self.index.keys, self.index.starts[frames[0]])), 0
        while True:
            start = int(self.index.keys[max(place - step, 0)])
            harvest, pictures = self._harvest(self._decoders.take(start), frames, wanted)
            wrong = [frame for frame in frames if not self._is_sound(frame, harvest)]
            for frame in pictures.keys() - wrong:
                sink(frame, pictures[frame])
            if self.between:
                self.between.drop(wrong)
            frames, step = [frame for frame in wrong if frame in wanted], 2 * step or 1
            if not frames:
                return
            if start == 0 or (step > 1 and harvest.damaged_from(self.index.keys[place])):
                raise self._damage(frames[0], harvest)

    def _is_sound(self, frame: int, harvest: Harvest) -> bool:
        ordinal = self.index.ordinals[frame]
        return frame in harvest.met and all(number > ordinal for number in harvest.damaged)

    def _damage(self, frame: int, harvest: Harvest) -> VideoError:
        seconds, reason = self.index.seconds(), "it cannot be decoded"
        shown = np.flatnonzero(np.isin(self.index.ordinals, harvest.damaged))
        if len(shown):
            reason = f"the film is damaged at {seconds[shown].min():.3f} s"
        return VideoError(
            self.index.path, f"frame {frame} is not sound: {reason}", seconds=float(seconds[frame])
        )

    def _go_on(self, frames: list[int], wanted: set[int], sink: Sink, num_threads: int) -> bool:
        """Frames from one place, by a decoder that was left on the way to them, or one of several
        threads; and if they are the request's last, its decoder is left behind them.

        Returns:
            False, and nothing is done, where neither is so, or where anything at all is wrong.
        """
        assert self.between is not None
        start, ordinals = int(self.index.starts[frames[0]]), self.index.ordinals[frames].tolist()
        decoder, leave = self._decoders.take_left(start, ordinals), frames[-1] == max(wanted)
        if decoder is None and not leave and num_threads == 1:
            return False
        decoder = decoder or self._decoders.take(start, num_threads)
        harvest, pictures = self._harvest(decoder, frames, wanted, leave=leave)
        if harvest.damaged:
            self.between.drop(harvest.met)
            return False
        for frame, picture in pictures.items():
            sink(frame, picture)
        return True

    def _harvest(
        self, decoder: Decoder, frames: list[int], wanted: set[int], *, leave: bool = False
    ) -> tuple[Harvest, dict[int, np.ndarray]]:
        """Decode some frames of one place. Returns the pictures of those wanted, by number."""
        pictures: dict[int, np.ndarray] = {}
        is_stretch = not wanted.issuperset(frames)

        def take(frame: int, decoded: av.VideoFrame) -> None:
            if frame in wanted:
                pictures[frame] = self._picture(decoded, decoder.scaler)
            if self.between and (is_stretch or frame not in wanted):
                self.between.put(frame, decoded)

        harvest = self._harvester.harvest(decoder, frames, take, leave=leave)
        self._decoders.give_back(decoder)
        return harvest, pictures

    def _make_decoder(self, num_threads: int) -> Decoder:
        stream = self.demuxer.stream
        if self.index.codec not in ALONE:
            return Decoder(stream.codec_context)
        return Decoder(make_context(stream, num_threads=num_threads), num_threads)

    def _picture(self, frame: av.VideoFrame, scaler: VideoReformatter) -> np.ndarray:
        height, width = self.height, self.width
        return make_picture(frame, scaler, self.index.turn, height=height, width=width)
