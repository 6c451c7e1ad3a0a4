"""Exact frames of films on disk, by number and by time."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from video.cache import FilmCache, shared_cache
from video.decoding.films import (
    BACKENDS,
    FilmRequest,
    fetch_frames,
    load_backend,
    look_at_file,
    share_film,
)
from video.decoding.index import FilmIndex
from video.decoding.parallel import default_num_decoders
from video.frames import FrameBatch, VideoError

Size = tuple[int, int] | int | None

TIME_SLACK_SECONDS = 1e-9
"""A time that is this little before a frame counts as the frame's: k / fps as others compute it may
differ from the frame's own time in the last digit."""


def check_backend(backend: str, name: str = "backend") -> None:
    """Raise `ValueError` where there is no such back end."""
    if backend not in BACKENDS:
        raise ValueError(f"{name} is {backend!r}; legal: {', '.join(BACKENDS)}")


def check_size(size: object) -> Size:
    """The size as plain numbers.

    Raises:
        ValueError: where it is neither None, a number nor a pair of numbers, each 1 or more.
    """
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, tuple | list) else (size,)
    if len(pair) > 2 or not pair or not all(_is_whole(side) and side >= 1 for side in pair):
        raise ValueError(
            f"size is {size!r}; legal: (height, width), the most that the longer side may have, "
            "or None; numbers of 1 or more"
        )
    sides = tuple(int(side) for side in pair)
    return (sides[0], sides[1]) if isinstance(size, tuple | list) and len(sides) == 2 else sides[0]


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


class VideoReader:
    """A film on disk. Implements `video.frames.FrameSource`.

    Frames are numbered from 0 in the order in which they are shown: frame i is the picture that
    `ffmpeg -i FILM -fps_mode passthrough` extracts as its i-th, turned upright as ffmpeg does.
    Seconds count from the start of the file as ffmpeg's do, so the first frame may be shown later
    than at 0 s; it stands in for the time before. A frame is shown until the next one is.

    A film that changes its resolution midway gives all frames at the size of the first. A frame
    that is damaged, or that needs a damaged one, is an error, and so is a film that changes on
    disk while it is read.

    Readers of one film share what they decode through their cache. Any number of threads may use
    one reader. It can be pickled, and used after a fork.

    Args:
        path: of the file.
        backend: pyav, decord or torchcodec. The latter two refuse films that they are known to get
            wrong: those with open groups, odd edit lists, in AVI or transport streams.
        size: (height, width) of the frames; or the most that the longer side may have, the shape
            being kept and nothing enlarged; or None for the film's own size [px].
        cache: where frames are kept; None for the one that the process shares.
        num_decoders: side by side, 1 or more; None for one per core, up to 8.
        keep_between: also keep what is decoded between two frames that are wanted. That makes the
            first request for a stretch slower and later ones for other frames of it quick: worth
            it where the episodes of a group look at the same stretch. For pyav only.

    Raises:
        VideoError: where the file is not a whole film.
        ValueError: where an argument is out of range.
        ImportError: where the back end is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        backend: str = "pyav",
        *,
        size: Size = None,
        cache: FilmCache | None = None,
        num_decoders: int | None = None,
        keep_between: bool = False,
    ) -> None:
        check_backend(backend)
        if num_decoders is not None and num_decoders < 1:
            raise ValueError(f"num_decoders is {num_decoders}; it must be 1 or more, or None")
        if backend != "pyav":
            load_backend(backend)
        self.name, self.backend, self.size = os.fspath(path), backend, check_size(size)
        self.num_decoders, self.keep_between = num_decoders, keep_between
        self._cache = cache
        self._film: _Film | None = None
        self._open()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_film": None}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the film. Its file stays open in the cache for others; it opens again on use."""
        self._film = None

    @property
    def cache(self) -> FilmCache:
        """Where frames are kept."""
        return shared_cache() if self._cache is None else self._cache

    @property
    def num_frames(self) -> int:
        """How many frames the film has, at least 1."""
        return self._open().index.num_frames

    @property
    def duration_seconds(self) -> float:
        """When the last frame stops being shown [s]."""
        return self._open().index.duration_seconds

    @property
    def average_fps(self) -> float:
        """num_frames / duration_seconds [1/s]."""
        return self.num_frames / self.duration_seconds

    @property
    def height(self) -> int:
        """Of the frames as they are given [px]."""
        return self._open().height

    @property
    def width(self) -> int:
        """Of the frames as they are given [px]."""
        return self._open().width

    @property
    def pts_seconds(self) -> np.ndarray:
        """float64 (num_frames,), read-only: when each frame is first shown [s]."""
        return self._open().seconds

    def frames(self, indices: Sequence[int]) -> FrameBatch:
        """Frames by number, in any order, repeats included. See `FrameSource`."""
        film, wanted = self._open(), self._check_indices(indices)
        pictures = fetch_frames(self.cache, film.request, np.unique(wanted).tolist())
        data = np.empty((len(wanted), film.height, film.width, 3), np.uint8)
        for place, frame in enumerate(wanted.tolist()):
            data[place] = pictures[frame]
        return FrameBatch(data=data, frame_index=wanted, pts_seconds=film.seconds[wanted])

    def frames_at(self, seconds: Sequence[float]) -> FrameBatch:
        """The frame that is on show at each time. See `FrameSource`."""
        return self.frames(self.indices_at(seconds).tolist())

    def indices_at(self, seconds: Sequence[float]) -> np.ndarray:
        """int64 (N,): the frame that is on show at each time. See `FrameSource`."""
        times = self._check_times(seconds) + TIME_SLACK_SECONDS
        found = np.searchsorted(self.pts_seconds, times, side="right") - 1
        return np.maximum(found, 0).astype(np.int64)

    def indices_between(self, start_seconds: float, end_seconds: float) -> np.ndarray:
        """int64 (N,): the frames that are first shown in [start_seconds, end_seconds).

        Raises:
            VideoError: where the stretch is reversed, empty or not within [0, duration_seconds].
        """
        if not start_seconds < end_seconds:  # also false for NaN
            raise VideoError(
                self.name, f"the stretch [{start_seconds}, {end_seconds}) s is reversed or empty"
            )
        self._check_times([start_seconds, math.nextafter(end_seconds, -math.inf)])
        bounds = np.array([start_seconds, end_seconds]) - TIME_SLACK_SECONDS
        return np.arange(*np.searchsorted(self.pts_seconds, bounds), dtype=np.int64)

    def _open(self) -> _Film:
        if self._film is None:
            request = FilmRequest(
                file=look_at_file(self.name),
                backend=self.backend,
                size=self.size,
                num_decoders=self.num_decoders or default_num_decoders(),
                keep_between=self.keep_between,
            )
            film = share_film(self.cache, request)
            seconds = film.index.seconds()
            seconds.setflags(write=False)
            self._film = _Film(request, film.index, film.height, film.width, seconds)
        return self._film

    def _check_indices(self, indices: Sequence[int]) -> np.ndarray:
        """The numbers as int64 (N,), each of them in the film."""
        wanted = list(indices)
        for frame in wanted:
            if not _is_whole(frame):
                raise VideoError(self.name, f"frame number {frame!r} is not a whole number")
            if not 0 <= frame < self.num_frames:
                raise VideoError(
                    self.name, f"there is no frame {frame}; legal: 0 to {self.num_frames - 1}"
                )
        return np.array(wanted, np.int64)

    def _check_times(self, seconds: Sequence[float]) -> np.ndarray:
        """The times as float64 (N,), each of them in the film."""
        times = np.array(list(seconds), np.float64)
        outside = ~((times >= 0) & (times < self.duration_seconds))  # true for NaN
        if outside.any():
            first = float(times[outside][0])
            raise VideoError(
                self.name,
                f"the time {first} s is not in the film; legal: from 0 to below "
                f"{self.duration_seconds:.3f} s",
                seconds=first,
            )
        return times


@dataclass(frozen=True)
class _Film:
    """What a reader knows of its film."""

    request: FilmRequest
    index: FilmIndex
    height: int
    width: int
    seconds: np.ndarray
