"""Frames with decord, which is not exact for every film: those that it fails are refused."""

from __future__ import annotations

from collections.abc import Sequence

import decord

from video.decoding.backend import Sink
from video.decoding.index import FilmIndex
from video.frames import VideoError

FRAMES_PER_DECODER = 32
WRONG_CONTAINERS = ("avi", "mpegts", "mpeg")
"""Formats in which decord takes decoding times for showing times, or keys for what they are not."""


class DecordBackend:
    """See `video.decoding.backend.Backend`.

    Args:
        index: of the film.
        height, width: of the frames to give [px].
        num_threads: of the decoder; 0 for its own choice.

    Raises:
        VideoError: where decord cannot open the film, or counts its frames otherwise.
    """

    def __init__(self, index: FilmIndex, *, height: int, width: int, num_threads: int) -> None:
        self.index, self.shape = index, (height, width, 3)
        self.num_bytes = FRAMES_PER_DECODER * height * width * 3
        refusal = _why_refused(index, height, width)
        if refusal:
            raise VideoError(index.path, f"decord {refusal}; use backend pyav")
        try:
            self._reader = decord.VideoReader(
                index.path, width=width, height=height, num_threads=num_threads
            )
        except (decord.DECORDError, RuntimeError) as error:
            raise VideoError(index.path, f"decord cannot open it: {_first_line(error)}") from error
        if len(self._reader) != index.num_frames:
            raise VideoError(
                index.path,
                f"decord counts {len(self._reader)} frames where there are {index.num_frames}; "
                "use backend pyav",
            )

    def decode(self, indices: Sequence[int], sink: Sink) -> None:
        """Hand each of some ascending frames to `sink` once. See `Backend`."""
        seconds = self.index.seconds()
        try:
            pictures = self._reader.get_batch(list(indices)).asnumpy()
        except (decord.DECORDError, RuntimeError) as error:
            raise VideoError(
                self.index.path,
                f"decord cannot decode frames {indices[0]} to {indices[-1]}: {_first_line(error)}",
                seconds=float(seconds[indices[0]]),
            ) from error
        if pictures.shape[1:] != self.shape:
            raise VideoError(
                self.index.path,
                f"decord gives frames of {pictures.shape[1:3]} where {self.shape[:2]} are asked "
                "for; use backend pyav",
            )
        for frame, picture in zip(indices, pictures, strict=True):
            sink(frame, picture.copy())

    def close(self) -> None:
        """Give the file and the decoder back."""
        self._reader = None


def _why_refused(index: FilmIndex, height: int, width: int) -> str | None:
    if index.container in WRONG_CONTAINERS:
        return f"gives wrong frames of films in format {index.container}"
    if index.has_open_groups:
        return "gives wrong frames of films with open groups of frames"
    if index.turn.transpose and (height, width) != (index.height, index.width):
        return "cannot scale a film that is shown on its side"
    return None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
