"""The videos of a data set: the frames of many episodes one after another, each at its own time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from training.lerobot.layout import LerobotError
from training.lerobot.tables import NumberedFiles

os.environ.setdefault("SVT_LOG", "1")  # errors alone; the encoder is talkative

KEY_FRAME_EVERY = 2
"""As LeRobot has it: any frame is found by decoding two."""


class VideoFiles:
    """Writes the pictures of one feature into numbered videos.

    Args:
        files: numbers them.
        fps: frames per second.
        codec: libsvtav1 or libx264.
        crf: quality, 0 is best.
    """

    def __init__(self, files: NumberedFiles, *, fps: int, codec: str, crf: int) -> None:
        self.files = files
        self._fps, self._codec, self._crf = fps, codec, crf
        self._container: Any = None
        self._stream: Any = None
        self._num_frames = 0

    def write(self, pictures: Iterable[np.ndarray], num_bytes: int) -> dict[str, int | float]:
        """Append an episode.

        Args:
            pictures: uint8 (H, W, 3), edges even, one per frame.
            num_bytes: how large they will be at most.

        Returns:
            chunk_index, file_index, from_timestamp and to_timestamp [s], half-open.
        """
        if self._container is not None and self.files.is_due(self._size(), num_bytes):
            self.close()
            self.files.advance()
        place, first = self.files.place, self._num_frames
        for picture in pictures:
            if self._container is None:
                self._open(picture.shape)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = self._num_frames
            frame.time_base = Fraction(1, self._fps)
            self._container.mux(self._stream.encode(frame))
            self._num_frames += 1
        return {
            "chunk_index": place[0],
            "file_index": place[1],
            "from_timestamp": first / self._fps,
            "to_timestamp": self._num_frames / self._fps,
        }

    def close(self) -> None:
        """Finish the current video."""
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        self._container, self._num_frames = None, 0

    def _open(self, shape: tuple[int, ...]) -> None:
        self._container = av.open(str(self.files.make_part()), "w", format="mp4")
        stream = self._container.add_stream(self._codec, rate=Fraction(self._fps))
        stream.height, stream.width = shape[0], shape[1]
        stream.pix_fmt = "yuv420p"
        stream.options = {"g": str(KEY_FRAME_EVERY), "crf": str(self._crf)}
        if self._codec == "libx264":
            stream.options |= {"bf": "0"}
        stream.codec_context.time_base = Fraction(1, self._fps)
        self._stream = stream

    def _size(self) -> int:
        part = self.files.parts[-1]  # it comes into being with the first frame that is encoded
        return part.stat().st_size if part.exists() else 0


def read_frames(path: Path, *, start: float, count: int, fps: int) -> list[np.ndarray]:
    """The frames of one episode.

    Args:
        path: of the video.
        start: time of the first in it [s].
        count: how many.
        fps: of the data set.

    Returns:
        uint8 (H, W, 3) each.

    Raises:
        LerobotError: where the video cannot be decoded, or has no frame at one of the times.
    """
    wanted = [start + k / fps for k in range(count)]
    found: list[np.ndarray] = []
    try:
        with closing(av.open(str(path))) as container:
            stream = container.streams.video[0]
            container.seek(max(0, int(start / (stream.time_base or 1))), stream=stream)
            for frame in container.decode(stream):
                if len(found) == count:
                    break
                if frame.time is not None and abs(frame.time - wanted[len(found)]) < 0.5 / fps:
                    found.append(frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, OSError, IndexError, ValueError, OverflowError) as error:
        raise LerobotError(f"{path.name}: cannot be decoded ({error})") from error
    if len(found) < count:
        raise LerobotError(f"{path.name}: has no frame at {wanted[len(found)]:.4f} s")
    return found


def video_size(path: Path) -> tuple[int, int, float]:
    """Height and width [px], and how long it is [s].

    Raises:
        LerobotError: where it is no video.
    """
    try:
        with closing(av.open(str(path))) as container:
            stream = container.streams.video[0]
            seconds = float((stream.duration or 0) * (stream.time_base or 0))
            return stream.height, stream.width, seconds
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise LerobotError(f"{path.name}: no video ({error})") from error
