"""The decoders of a film: those that begin at a key, and those that were left behind one.

A decoder that stops in the middle of a group of pictures and is not emptied holds all that the rest
of the group refers to. Frames further on are had from there without decoding the way once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import av
from av.video.reformatter import VideoReformatter


@dataclass(eq=False)
class Decoder:
    """A decoder and how far it has come from the key that it began at.

    Attributes:
        context: PyAV's.
        num_threads: of it.
        scaler: for the frames that come out.
        start: packet that it began at, a key.
        number: packet that it comes to next.
        due: packets that it was given and whose frames are still to come out.
        is_left: whether it was not emptied at the end of its way, so that it can go on later.
    """

    context: av.VideoCodecContext
    num_threads: int = 1
    scaler: VideoReformatter = field(default_factory=VideoReformatter)
    start: int = 0
    number: int = 0
    due: set[int] = field(default_factory=set)
    is_left: bool = False

    def begin(self, start: int) -> None:
        """Stand before a key."""
        self.start = self.number = start
        self.due, self.is_left = set(), False

    def owes(self, last: int) -> bool:
        """Whether a frame of packet `last` or of an earlier one has not come out."""
        return any(number <= last for number in self.due)

    def can_reach(self, ordinals: Collection[int]) -> bool:
        """Whether the frames of these packets are all still to come out on its way."""
        return all(number >= self.number or number in self.due for number in ordinals)


class Decoders:
    """Those that an open film has at hand. Several threads may take from them and give back.

    Args:
        make: number of threads -> a new one.
        most_left: how many are kept that were left on their way, 1 or more: the last ones.
    """

    def __init__(self, make: Callable[[int], Decoder], most_left: int) -> None:
        self._make, self._most_left = make, most_left
        self._idle: list[Decoder] = []
        self._left: list[Decoder] = []
        self._lock = threading.Lock()

    def take(self, start: int, num_threads: int = 1) -> Decoder:
        """One that stands before a key, with so many threads."""
        with self._lock:
            able = [d for d in self._idle if d.num_threads == num_threads]
            decoder = able[-1] if able else self._make(num_threads)
            self._idle = [d for d in self._idle if d is not decoder]
        decoder.begin(start)
        return decoder

    def take_left(self, start: int, ordinals: Collection[int]) -> Decoder | None:
        """The one that was left nearest to the frames of these packets, on the way to them from a
        key; None where there is none.
        """
        with self._lock:
            able = [d for d in self._left if d.start == start and d.can_reach(ordinals)]
            if not able:
                return None
            decoder = max(able, key=lambda decoder: decoder.number)
            self._left.remove(decoder)
        decoder.is_left = False
        return decoder

    def give_back(self, decoder: Decoder) -> None:
        """Keep one for later."""
        with self._lock:
            if decoder.is_left:
                self._left = [*self._left, decoder][-self._most_left :]
            else:
                self._idle.append(decoder)

    def clear(self) -> None:
        """Give all up."""
        with self._lock:
            self._idle.clear()
            self._left.clear()
