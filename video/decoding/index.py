"""Which frames a film has, when each is shown, and where decoding has to begin to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from video.decoding.turning import Turn

PacketId = tuple[int | None, int | None, int | None]
"""Place in the file, pts and dts of a packet: tells it from all others of its stream."""


@dataclass(frozen=True, kw_only=True)
class Packets:
    """The packets of a video stream in the order in which they are stored and decoded.

    Attributes:
        pts: int64 (P,), when the frame is shown [time base].
        shown: bool (P,), False for those that an edit list asks to decode but not to show.
        keys: int64 (K,), which of them decoding can begin at, ascending; the first is 0.
        key_ids: (K,) identities of those.
        last_duration: how long the frame that is shown last stays [time base].
    """

    pts: np.ndarray
    shown: np.ndarray
    keys: np.ndarray
    key_ids: tuple[PacketId, ...]
    last_duration: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FilmIndex:
    """The frames of a film, counted in the order in which they are shown.

    Attributes:
        path: of the file.
        stream_index: which of the file's streams is the film.
        container: format of the file, a key of `video.decoding.demuxing.CONTAINERS`.
        codec: its name as FFmpeg has it, such as h264.
        time_base: length of one unit of pts [s].
        start_pts: the film's beginning, from which seconds count: that of the whole file, so that
            a picture which starts after the sound is first shown after 0 s [time base].
        pts: int64 (N,), ascending [time base].
        ordinals: int64 (N,), which packet holds each frame.
        starts: int64 (N,), from which packet on to decode to get each frame.
        keys: int64 (K,), packets that decoding can begin at, ascending.
        key_ids: (K,) their identities.
        num_packets: of the film's stream.
        last_duration: how long the last frame is shown [time base].
        height, width: of the frames as shown [px].
        turn: from the stored picture to the one shown.
    """

    path: str
    stream_index: int
    container: str
    codec: str
    time_base: Fraction
    start_pts: Fraction
    pts: np.ndarray
    ordinals: np.ndarray
    starts: np.ndarray
    keys: np.ndarray
    key_ids: tuple[PacketId, ...]
    num_packets: int
    last_duration: int
    height: int
    width: int
    turn: Turn

    @property
    def num_frames(self) -> int:
        """How many frames are shown."""
        return len(self.pts)

    @property
    def num_bytes(self) -> int:
        """Memory that it takes, about."""
        return 24 * len(self.pts) + 200 * len(self.keys)

    @property
    def has_open_groups(self) -> bool:
        """Whether some frame is stored after a key but needs what is stored before it."""
        nearest = self.keys[np.searchsorted(self.keys, self.ordinals, side="right") - 1]
        return bool((nearest > self.starts).any())

    @property
    def duration_seconds(self) -> float:
        """When the last frame stops being shown [s]."""
        return float((int(self.pts[-1]) + self.last_duration - self.start_pts) * self.time_base)

    def next_key(self, packet: int) -> int:
        """The first key behind a packet; behind the last one, the end of the film."""
        place = int(np.searchsorted(self.keys, packet, side="right"))
        return int(self.keys[place]) if place < len(self.keys) else self.num_packets

    def seconds(self) -> np.ndarray:
        """float64 (N,): when each frame is first shown [s], correctly rounded."""
        numerator, denominator = self.time_base.numerator, self.time_base.denominator
        shift = self.start_pts.denominator
        return (self.pts * shift - self.start_pts.numerator) * numerator / (denominator * shift)


def show_order(packets: Packets) -> tuple[np.ndarray, np.ndarray]:
    """Which packet holds each frame and where its decoding begins, in the order of showing.

    A frame is decoded from the last key packet that is stored before it and shown before it: the
    frames that follow the key of an open group but are shown before it need the group before.

    Returns:
        ordinals and starts, int64 (N,) each.
    """
    ordinals = np.flatnonzero(packets.shown)
    ordinals = ordinals[np.argsort(packets.pts[ordinals], kind="stable")]
    return ordinals, find_starts(ordinals, packets.pts[ordinals], packets)


def find_starts(ordinals: np.ndarray, pts: np.ndarray, packets: Packets) -> np.ndarray:
    """Packet that decoding begins at for each frame, int64 (N,); see `show_order`."""
    key_pts = packets.pts[packets.keys]
    which = np.maximum(np.searchsorted(packets.keys, ordinals, side="right") - 1, 0)
    while True:
        late = (key_pts[which] > pts) & (which > 0)
        if not late.any():
            return packets.keys[which]
        which[late] -= 1


def split_segments(index: FilmIndex, wanted: Sequence[int]) -> list[list[int]]:
    """Frames that are decoded in one go, largest work first: a list per place to begin at.

    Args:
        wanted: frame numbers, ascending, without repeats.
    """
    segments: dict[int, list[int]] = {}
    for frame in wanted:
        segments.setdefault(int(index.starts[frame]), []).append(frame)
    return sorted(segments.values(), key=lambda frames: -work(index, frames))


def work(index: FilmIndex, frames: Sequence[int]) -> int:
    """How many packets are decoded to get frames of one segment."""
    return int(index.ordinals[list(frames)].max() - index.starts[frames[0]]) + 1
