"""Films that the readers of a process share: opened once, their frames decoded once."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from video.cache import FilmCache
from video.decoding.backend import Backend, fitting_size
from video.decoding.demuxing import Demuxer
from video.decoding.index import FilmIndex
from video.decoding.pyav import PyavBackend
from video.decoding.scanning import open_film
from video.frames import VideoError

BACKENDS = ("pyav", "decord", "torchcodec")
FileKey = tuple[str, int, int]
"""Path, length [bytes] and time of the last change [ns]."""


@dataclass(frozen=True, kw_only=True)
class FilmRequest:
    """A film and how it is to be read: what is equal for two readers, they share.

    Attributes:
        file: which file, as it was when it was first looked at.
        backend: one of `BACKENDS`.
        size: see `video.decoding.backend.fitting_size`.
        num_decoders: side by side, 1 or more.
        keep_between: also keep what is decoded between two frames that are wanted.
    """

    file: FileKey
    backend: str
    size: tuple[int, int] | int | None
    num_decoders: int
    keep_between: bool

    @property
    def path(self) -> str:
        """Of the file."""
        return self.file[0]

    def frame_key(self, frame: int) -> tuple[object, ...]:
        """What a frame is kept under."""
        return ("frame", self.file, self.backend, self.size, frame)


def look_at_file(path: str) -> FileKey:
    """What tells a file from what it may be later.

    Raises:
        VideoError: where there is none.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(path, f"cannot be read: {reason}") from error
    return path, status.st_size, status.st_mtime_ns


@dataclass
class OpenFilm:
    """An open film, which is used by one thread at a time.

    Attributes:
        index: of its frames.
        backend: that decodes it.
        height, width: of the frames that it gives [px].
    """

    index: FilmIndex
    backend: Backend
    height: int
    width: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_retired: bool = False
    _is_closed: bool = False

    def retire(self) -> None:
        """Close now, or when its user of the moment is done."""
        self._is_retired = True
        if self._lock.acquire(blocking=False):
            self._release()

    def take(self) -> bool:
        """Wait for it to be free. False where it was closed meanwhile and so is not taken."""
        self._lock.acquire()
        if self._is_closed:
            self._lock.release()
            return False
        return True

    def _release(self) -> None:
        if self._is_retired and not self._is_closed:
            self._is_closed = True
            self.backend.close()
        self._lock.release()
        if self._is_retired and not self._is_closed:  # retired between the two lines above
            self.retire()


def share_film(cache: FilmCache, request: FilmRequest) -> OpenFilm:
    """The open film of a request: the one that is kept, or a new one that is kept from now on.

    Raises:
        VideoError: where the file is not a whole film.
    """
    return cache.keep_film(("film", request), lambda: _open(cache, request))


def fetch_frames(
    cache: FilmCache, request: FilmRequest, frames: Sequence[int]
) -> dict[int, np.ndarray]:
    """Pictures by frame number, from the cache or decoded.

    Args:
        frames: ascending, without repeats, all of them in the film.

    Raises:
        VideoError: where a frame cannot be had exactly, or the file has changed.
    """
    if look_at_file(request.path) != request.file:
        raise VideoError(request.path, "has changed on disk since it was opened")
    pictures: dict[int, np.ndarray] = {}

    def look() -> list[int]:
        for frame in frames:
            picture = None if frame in pictures else cache.get(request.frame_key(frame))
            if picture is not None:
                pictures[frame] = picture
        return [frame for frame in frames if frame not in pictures]

    def sink(frame: int, picture: np.ndarray) -> None:
        pictures[frame] = picture
        cache.put(request.frame_key(frame), picture, picture.nbytes)

    if look():
        with _taken(cache, request) as film:
            missing = look()  # others may have decoded them while this waited
            if missing:
                film.backend.decode(missing, sink)
    return pictures


@contextmanager
def _taken(cache: FilmCache, request: FilmRequest) -> Iterator[OpenFilm]:
    film = share_film(cache, request)
    while not film.take():
        film = share_film(cache, request)
    try:
        yield film
    finally:
        film._release()


class _Between:
    """Decoded frames between those that were wanted, kept for later."""

    def __init__(self, cache: FilmCache, request: FilmRequest) -> None:
        self._cache, self._key = cache, ("between", request)

    def get(self, frame: int) -> Any:
        return self._cache.get((*self._key, frame))

    def put(self, frame: int, decoded: Any) -> None:
        decoded.make_writable()  # by a copy: a decoder never gives back memory of its own
        num_bytes = sum(plane.buffer_size for plane in decoded.planes)
        self._cache.put((*self._key, frame), decoded, num_bytes)

    def drop(self, frames: Iterable[int]) -> None:
        for frame in frames:
            self._cache.drop((*self._key, frame))


def _open(cache: FilmCache, request: FilmRequest) -> tuple[OpenFilm, int]:
    key, demuxer = ("index", request.file), None
    index = cache.get(key)
    if index is None:
        index, demuxer = open_film(request.path)
        cache.put(key, index, index.num_bytes)
    height, width = fitting_size(index.height, index.width, request.size)
    if request.backend == "pyav":
        backend: Backend = PyavBackend(
            index,
            demuxer or Demuxer(request.path),
            height=height,
            width=width,
            num_decoders=request.num_decoders,
            between=_Between(cache, request) if request.keep_between else None,
        )
    else:
        if demuxer is not None:
            demuxer.close()
        make = load_backend(request.backend)
        backend = make(index, height=height, width=width, num_threads=request.num_decoders)
    return OpenFilm(index, backend, height, width), backend.num_bytes


def load_backend(name: str) -> Any:
    """The class of a back end that is not part of the base install.

    Raises:
        ImportError: where it is not installed.
    """
    try:
        module = importlib.import_module(f"video.decoding.{name}")
    except (ImportError, RuntimeError, OSError) as error:  # torchcodec without FFmpeg is the second
        raise ImportError(
            f"backend {name} cannot be used: {str(error).strip().partition(chr(10))[0]}; "
            "pip install 'saccade[video]'"
        ) from error
    return getattr(module, f"{name.capitalize()}Backend")
