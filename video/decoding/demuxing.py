"""Opens a film's file and reads its packets from any place on, telling each by its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
from av.stream import Discard, Disposition

from video.decoding.index import PacketId
from video.frames import VideoError

CONTAINERS = {
    "mov": "MP4 or QuickTime",
    "matroska": "Matroska or WebM",
    "avi": "AVI",
    "mpegts": "MPEG transport stream",
    "mpeg": "MPEG program stream",
    "flv": "Flash",
    "ogg": "Ogg",
    "asf": "ASF",
    "ivf": "IVF",
}
"""First of FFmpeg's names of a format -> in words. Others, such as playlists that lead to further
files, pictures and texts shown as films, are refused."""
TELL_SHOW_TIMES = ("mov", "matroska", "mpegts", "flv", "ivf")
"""Formats that say when a frame is shown, and not only when it is decoded."""
TELL_PTS = ("matroska",)
"""Formats whose own table of keys, by which they seek, gives pts; that of the others gives dts."""
DEFAULT_TRACK_BONUS = 5_000_000
"""What ffmpeg counts a default track for, in pixels, where a file has several films."""


class Demuxer:
    """An open file and its film: the video stream that ffmpeg takes by itself.

    Attributes:
        path: of the file.
        container: PyAV's.
        stream: PyAV's, of the film.

    Raises:
        VideoError: where the file cannot be opened or holds no film.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.container = _open(path)
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise VideoError(path, f"is no film that can be read: {reason}") from error
        try:
            self._check_format()
            self.stream = self._choose_stream()
            self._index = self.stream.index
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Close the file. Twice does no harm."""
        self.container.close()

    @property
    def format_name(self) -> str:
        """The first of FFmpeg's names of the format, a key of `CONTAINERS`."""
        return str(self.container.format.name).partition(",")[0]

    @property
    def time_base(self) -> Fraction:
        """Length of one unit of the film's times [s]."""
        assert self.stream.time_base is not None  # of every stream of an open file
        return self.stream.time_base

    def _check_format(self) -> None:
        if self.format_name not in CONTAINERS:
            raise VideoError(
                self.path,
                f"is no film: its format is {self.format_name}; legal: "
                f"{', '.join(CONTAINERS.values())}",
            )

    def _choose_stream(self) -> av.VideoStream:
        best, best_score = None, -1
        for stream in self.container.streams.video:
            stream.discard = Discard.all
            score = stream.width * stream.height
            if stream.disposition & Disposition.default:
                score += DEFAULT_TRACK_BONUS
            is_cover = bool(stream.disposition & Disposition.attached_pic)
            if score > best_score and not is_cover and stream.codec_context is not None:
                best, best_score = stream, score
        if best is None:
            raise VideoError(self.path, "has no video stream")
        for other in self.container.streams:
            other.discard = Discard.default if other is best else Discard.all
        return best

    def packets(self) -> Iterator[av.Packet]:
        """Packets of the film from where the file stands.

        Raises:
            VideoError: where the file cannot be read on.
        """
        seconds = None
        try:
            for packet in self.container.demux(self.stream):
                if packet.size or packet.pts is not None:
                    if packet.pts is not None:
                        seconds = float(packet.pts * self.time_base)
                    yield packet
        except (av.FFmpegError, OSError) as error:
            raise VideoError(self.path, f"cannot be read on: {error}", seconds=seconds) from error

    def read(
        self, keys: np.ndarray, ids: Sequence[PacketId], start: int, last: int
    ) -> Iterator[tuple[int, av.Packet]]:
        """Packets `start` to `last` with their numbers.

        Seeking lands where a format's table says, which may be later than asked for. So the packet
        that is found is told by its identity, and where it is too late, seeking begins further
        ahead.

        Args:
            keys, ids: of the film's index.
            start: where to begin; what lies between the key before it and it is passed over.

        Raises:
            VideoError: where the place cannot be found.
        """
        numbers = dict(zip(ids, keys.tolist(), strict=True))
        place, step = int(np.searchsorted(keys, start, side="right")) - 1, 0
        while True:
            self._seek(ids[max(place - step, 0)], at_start=step > place)
            for number, packet in self._count(numbers, start):
                if number > last:
                    return
                yield number, packet
                if number == last:
                    return
            if self._found:
                return
            if step > place:
                raise VideoError(self.path, f"packet {start} cannot be found again")
            step = 2 * step or 1

    def _seek(self, key: PacketId, *, at_start: bool) -> None:
        _, pts, dts = key
        first, second = (pts, dts) if self.format_name in TELL_PTS else (dts, pts)
        time = first if first is not None else second
        try:
            if not at_start and time is not None:
                self.container.seek(time, stream=self.stream)
                return
        except (av.FFmpegError, OSError):
            pass  # there is nothing before the first key in some formats: read from the beginning
        self.rewind()

    def rewind(self) -> None:
        """Go back to the first packet, which in some formats no seeking reaches: open anew."""
        discards = {stream.index: stream.discard for stream in self.container.streams}
        self.container.close()
        self.container = _open(self.path)
        for stream in self.container.streams:
            stream.discard = discards.get(stream.index, Discard.all)
        stream = self.container.streams[self._index]
        assert isinstance(stream, av.VideoStream)
        self.stream = stream

    def _count(self, numbers: dict[PacketId, int], start: int) -> Iterator[tuple[int, av.Packet]]:
        """Packets from `start` on; none, and `_found` False, where the file stands behind it."""
        number, self._found = None, False
        for packet in self.packets():
            known = numbers.get(packet_id(packet))
            if number is not None:
                number += 1
                if known is not None and known != number:
                    raise VideoError(self.path, f"packet {known} is met as packet {number}")
            elif known is not None:
                if known > start:
                    return
                number = known
            if number is not None and number >= start:
                self._found = True
                yield number, packet


def _open(path: str) -> av.container.InputContainer:
    # The prefix keeps FFmpeg from reading a name with a colon as the address of something else.
    return av.open(f"file:{path}", metadata_errors="replace")


def packet_id(packet: av.Packet) -> PacketId:
    """What tells a packet from all others of its stream."""
    return packet.pos, packet.pts, packet.dts
