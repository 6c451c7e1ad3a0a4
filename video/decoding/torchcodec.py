"""Frames with torchcodec, which finds them by reading every packet once. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from torchcodec.decoders import VideoDecoder
from torchcodec.transforms import Resize

from video.decoding.backend import Sink
from video.decoding.index import FilmIndex
from video.frames import VideoError

FRAMES_PER_DECODER = 16
TIME_TOLERANCE_SECONDS = 1e-3


class TorchcodecBackend:
    """See `video.decoding.backend.Backend`.

    Args:
        index: of the film.
        height, width: of the frames to give [px].
        num_threads: of the decoder; 0 for its own choice.
        seek_mode: exact; or approximate, which believes the file's header.

    Raises:
        VideoError: where torchcodec cannot open the film, or counts its frames otherwise.
    """

    def __init__(
        self,
        index: FilmIndex,
        *,
        height: int,
        width: int,
        num_threads: int,
        seek_mode: Literal["exact", "approximate"] = "exact",
    ) -> None:
        self.index, self.shape = index, (height, width, 3)
        self.num_bytes = FRAMES_PER_DECODER * index.height * index.width * 3
        resized = (height, width) != (index.height, index.width)
        try:
            self._decoder = VideoDecoder(
                index.path,
                stream_index=index.stream_index,
                dimension_order="NHWC",
                num_ffmpeg_threads=num_threads,
                seek_mode=seek_mode,
                transforms=[Resize((height, width))] if resized else None,
            )
        except (RuntimeError, ValueError) as error:
            raise VideoError(
                index.path, f"torchcodec cannot open it: {_first_line(error)}"
            ) from error
        if len(self._decoder) != index.num_frames:
            raise VideoError(
                index.path,
                f"torchcodec counts {len(self._decoder)} frames where there are "
                f"{index.num_frames}; use backend pyav",
            )

    def decode(self, indices: Sequence[int], sink: Sink) -> None:
        """Hand each of some ascending frames to `sink` once. See `Backend`."""
        times = self.index.pts[list(indices)] * float(self.index.time_base)
        try:
            batch = self._decoder.get_frames_at(list(indices))
        except (RuntimeError, ValueError, IndexError) as error:
            raise VideoError(
                self.index.path,
                f"torchcodec cannot decode frames {indices[0]} to {indices[-1]}: "
                f"{_first_line(error)}",
                seconds=float(self.index.seconds()[indices[0]]),
            ) from error
        pictures = batch.data.numpy()
        late = np.abs(batch.pts_seconds.numpy() - times) > TIME_TOLERANCE_SECONDS
        if late.any() or pictures.shape[1:] != self.shape:
            frame = indices[int(np.argmax(late))]
            raise VideoError(
                self.index.path,
                f"torchcodec gives another picture for frame {frame}; use backend pyav",
                seconds=float(self.index.seconds()[frame]),
            )
        for frame, picture in zip(indices, pictures, strict=True):
            sink(frame, picture.copy())

    def close(self) -> None:
        """Give the file and the decoder back."""
        self.__dict__.pop("_decoder", None)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
