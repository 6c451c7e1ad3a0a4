"""Takes a decoder through the packets of a film until the frames from one place are out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import av
import numpy as np

from video.decoding.codecs import ALONE, decode_numbered
from video.decoding.damage import make_inspector
from video.decoding.decoders import Decoder
from video.decoding.demuxing import Demuxer
from video.decoding.index import FilmIndex

MOST_PACKETS_AT_ONCE = 1024
"""A longer way than this to a frame is not read ahead but decoded while it is read."""
MOST_SPARE_PACKETS = 32
"""Decoders hold back no more pictures than this to put them in order."""


@dataclass
class Harvest:
    """What came out of one go at decoding.

    Attributes:
        met: numbers of the frames that came out.
        damaged: numbers of the packets that are damaged or lost.
    """

    met: set[int] = field(default_factory=set)
    damaged: list[int] = field(default_factory=list)

    def damaged_from(self, start: int) -> bool:
        """Whether there is damage, and none of it before packet `start`."""
        return bool(self.damaged) and min(self.damaged) >= start


class Harvester:
    """Reads a film's packets and decodes them. Several threads may use it, each its own decoder.

    Args:
        index: of the film.
        demuxer: its open file.
    """

    def __init__(self, index: FilmIndex, demuxer: Demuxer) -> None:
        self.index, self.demuxer = index, demuxer
        self._inspect = make_inspector(demuxer.stream)
        self._bounds = np.append(np.sort(index.ordinals), index.num_packets)
        self._reading = threading.Lock()

    def harvest(
        self,
        decoder: Decoder,
        frames: Sequence[int],
        take: Callable[[int, av.VideoFrame], None],
        *,
        leave: bool = False,
    ) -> Harvest:
        """Decode until some frames are out.

        Args:
            decoder: that comes to them.
            frames: ascending, all decoded from the same key on.
            take: is handed the number of each frame that comes out, and the frame.
            leave: whether the decoder is to go on later. Unless something is wrong, or the group
                of pictures is at its end, it is not emptied then. Frames behind the last that come
                out as well are handed over, too.
        """
        beyond = MOST_SPARE_PACKETS if leave else 0
        after = range(frames[-1] + 1, min(frames[-1] + 1 + beyond, self.index.num_frames))
        numbers = {int(self.index.ordinals[frame]): frame for frame in (*frames, *after)}
        spare = self._num_spare(frames) if leave else 0
        harvest, whole = Harvest(), self._parts_of(frames)
        with (
            closing(self._packets(decoder, whole, spare, harvest)) as packets,
            closing(
                decode_numbered(decoder.context, packets, goes_on=lambda: decoder.is_left)
            ) as decoded,
        ):
            for number, frame in decoded:
                decoder.due.discard(number)
                if frame is None or frame.is_corrupt:
                    harvest.damaged.append(number)
                elif number in numbers:
                    harvest.met.add(numbers[number])
                    take(numbers[number], frame)
        if not decoder.is_left:
            harvest.damaged += decoder.due  # decoded without an error, and yet lost
        return harvest

    def _num_spare(self, frames: Sequence[int]) -> int:
        """How many packets may be decoded behind some frames, so that these come out of a decoder
        that is not emptied: none of the next group, as it does not go on to that.
        """
        if self.index.codec not in ALONE:
            return 0
        end = self.index.next_key(int(self.index.starts[frames[0]]))
        last = max(self._parts_of(frames))
        return min(MOST_SPARE_PACKETS, max(end - 1 - last, 0))

    def _packets(
        self, decoder: Decoder, whole: Set[int], spare: int, harvest: Harvest
    ) -> Generator[tuple[int, av.Packet], None, None]:
        """What a decoder is given: the packets of `whole`, those that they may refer to, and up to
        `spare` more until all these are out. Notes the damage that is seen.
        """
        last, index = max(whole), self.index
        ordinals = index.ordinals[index.starts >= decoder.start]
        shown = set(ordinals[(ordinals >= decoder.number) & (ordinals <= last + spare)].tolist())
        for number, packet in self._read(decoder.number, last + spare + 1):
            sight = self._inspect(packet)
            if packet.is_corrupt or sight.holed:  # what hit its head may have hit a tail before
                harvest.damaged += [max(number - 1, decoder.start), number]
            elif sight.disposable and number not in whole and number <= last:
                continue
            is_through = number > last and not decoder.owes(last)
            if is_through or number > last + spare:
                decoder.is_left = number <= last + spare and not harvest.damaged
                return
            decoder.number = number + 1
            if number in shown:
                decoder.due.add(number)
            yield number, packet

    def _parts_of(self, frames: Sequence[int]) -> set[int]:
        """The packets of some frames: one that holds no frame belongs to the one before."""
        ordinals = self.index.ordinals[list(frames)]
        ends = self._bounds[np.searchsorted(self._bounds, ordinals, side="right")]
        return {part for pair in zip(ordinals, ends, strict=True) for part in range(*pair)}

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
