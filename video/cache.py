"""Shares open films, their indices and their frames among all readers of a process.

Every episode of a group reads the same film, so what one of them has decoded the others find.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

DEFAULT_MAX_BYTES = 1 << 30
MOST_FILMS = 16
"""Films that are open at a time: each holds a file open."""

Value = TypeVar("Value")


class Closable(Protocol):
    """What holds a file open."""

    def retire(self) -> None:
        """Close now, or when its user of the moment is done."""
        ...


class FilmCache:
    """Keeps what was used last, within a number of bytes. Safe to use from several threads.

    A process that is forked starts with an empty one, as it cannot use its parent's open files and
    locks; so does one that gets it pickled.

    Args:
        max_bytes: of frames, indices and open decoders together, 0 or more. What is larger than
            that by itself is not kept.
        max_films: that are held open, 1 or more.

    Raises:
        ValueError: where an argument is out of range.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES, *, max_films: int = MOST_FILMS) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes is {max_bytes}; it must be 0 or more")
        if max_films < 1:
            raise ValueError(f"max_films is {max_films}; it must be 1 or more")
        self.max_bytes, self.max_films = max_bytes, max_films
        self._begin_empty()
        _caches.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_cache, (self.max_bytes, self.max_films)

    def _begin_empty(self) -> None:
        self._lock = threading.RLock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._films: OrderedDict[Hashable, None] = OrderedDict()
        self._making: weakref.WeakValueDictionary[Hashable, _MakingLock]
        self._making = weakref.WeakValueDictionary()
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        """What is kept at the moment."""
        return self._num_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """What is kept under a key, or None."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            if key in self._films:
                self._films.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: Any, num_bytes: int) -> None:
        """Keep a value, and let go of what was not used for longest to make room."""
        with self._lock:
            self._drop(key)
            if num_bytes > self.max_bytes:
                return
            self._entries[key] = value, num_bytes
            self._num_bytes += num_bytes
            self._make_room()

    def get_or_make(self, key: Hashable, make: Callable[[], tuple[Value, int]]) -> Value:
        """What is kept under a key; else it is made, once where several threads ask for it.

        Args:
            make: returns the value and how many bytes it takes.
        """
        with self._lock:
            making = self._making.setdefault(key, _MakingLock())
        with making.lock:
            value = self.get(key)
            if value is None:
                value, num_bytes = make()
                self.put(key, value, num_bytes)
            return value

    def keep_film(self, key: Hashable, make: Callable[[], tuple[Value, int]]) -> Value:
        """As `get_or_make`, of something that holds a file open and is told when to close it."""

        def make_film() -> tuple[Value, int]:
            with self._lock:
                while len(self._films) >= self.max_films:
                    self._drop(next(iter(self._films)))
            film, num_bytes = make()
            with self._lock:
                self._films[key] = None
            return film, min(num_bytes, self.max_bytes)  # the film that is in use stays

        return self.get_or_make(key, make_film)

    def drop(self, key: Hashable) -> None:
        """Let go of what is kept under a key, if anything is."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            for key in list(self._entries):
                self._drop(key)

    def resize(self, max_bytes: int) -> None:
        """Change how much may be kept.

        Raises:
            ValueError: where it is negative.
        """
        if max_bytes < 0:
            raise ValueError(f"max_bytes is {max_bytes}; it must be 0 or more")
        with self._lock:
            self.max_bytes = max_bytes
            self._make_room()

    def _make_room(self) -> None:
        while self._num_bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._num_bytes -= entry[1]
        if key in self._films:
            del self._films[key]
            entry[0].retire()

    def _abandon(self) -> None:
        """In a forked process: begin anew, and never close what the parent has open."""
        _left_by_parent.append(self._entries)
        self._begin_empty()


class _MakingLock:
    """A lock that can be referred to weakly, for one value that is being made."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_caches: weakref.WeakSet[FilmCache] = weakref.WeakSet()
_left_by_parent: list[Any] = []
_shared: FilmCache | None = None
_shared_lock = threading.Lock()


def shared_cache(max_bytes: int | None = None) -> FilmCache:
    """The cache of this process, which readers use that are given none. Made when first asked for.

    Args:
        max_bytes: what it may keep from now on; None leaves that as it is, at first 1 GiB.
    """
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = FilmCache(DEFAULT_MAX_BYTES if max_bytes is None else max_bytes)
        elif max_bytes is not None:
            _shared.resize(max_bytes)
        return _shared


def _make_cache(max_bytes: int, max_films: int) -> FilmCache:
    return FilmCache(max_bytes, max_films=max_films)


def _after_fork() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for cache in list(_caches):
        cache._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
