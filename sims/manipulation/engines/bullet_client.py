"""The door to PyBullet: imported in silence, and one world of its own per client."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sims.manipulation.physics import EngineUnavailableError

INSTALL_HINT = 'pip install "saccade[bullet]"   (CPython 3.11 or older; there are no later wheels)'


class Client:
    """PyBullet's functions and constants, for one world that no other client shares.

    Raises:
        EngineUnavailableError: where PyBullet is not installed.
    """

    def __init__(self) -> None:
        self._module = import_pybullet()
        self._id = self._module.connect(self._module.DIRECT)

    def __getattr__(self, name: str) -> Any:
        """A function bound to this world, or a constant; looked up once."""
        found = getattr(self._module, name)
        if callable(found) and not isinstance(found, type):
            found = partial(found, physicsClientId=self._id)
        self.__dict__[name] = found
        return found

    def close(self) -> None:
        """Free the world. Harmless when called twice."""
        if self._id >= 0:
            self._module.disconnect(physicsClientId=self._id)
        self._id = -1
        self.__dict__ = {"_module": self._module, "_id": -1}


@lru_cache(maxsize=1)
def import_pybullet() -> ModuleType:
    """PyBullet, without the line that it prints when it is imported.

    Raises:
        EngineUnavailableError: where it is not installed.
    """
    try:
        with _silence():
            import pybullet
    except ImportError as missing:
        raise EngineUnavailableError(
            f"env.config.engine=bullet needs PyBullet, which cannot be imported: {missing}. "
            f"Try: {INSTALL_HINT}"
        ) from missing
    return pybullet


def bullet_data() -> Path:
    """Folder of the models that PyBullet brings along.

    Raises:
        EngineUnavailableError: where it is not installed.
    """
    found = importlib.util.find_spec("pybullet_data")
    if found is None or found.origin is None:
        raise EngineUnavailableError(
            f"the Panda's meshes come with PyBullet, which is not installed. Try: {INSTALL_HINT}"
        )
    return Path(found.origin).parent


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Drop what C code prints, which no Python stream sees."""
    libc = ctypes.CDLL(None)
    sys.stderr.flush()
    libc.fflush(None)
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
        libc.fflush(None)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def memory_file(content: bytes = b"") -> Iterator[str]:
    """The path of a file that lies in memory only: PyBullet reads and writes nothing but files.

    Args:
        content: what it holds at first.
    """
    handle = os.memfd_create("bullet")
    try:
        with os.fdopen(handle, "wb", closefd=False) as stream:
            stream.write(content)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
