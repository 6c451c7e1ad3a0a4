"""Checks of single values. All raise `ValueError` saying what is legal and what was found."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Collection
from pathlib import PureWindowsPath
from typing import Any, TypeGuard


def show(value: object) -> str:
    """A short text of any value for an error message, however long or deeply nested it is."""
    try:
        return reprlib.repr(value)
    except Exception:  # such as an integer of more digits than Python prints
        return f"something of type {type(value).__name__}"


class Place:
    """`with Place("scenes", 3):` puts "scenes[3]" before the message of any `ValueError` inside.

    A class rather than a generator: files have millions of places, and few errors.
    """

    def __init__(self, name: str, index: int | None = None) -> None:
        self._name, self._index = name, index

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ValueError):
            place = self._name if self._index is None else f"{self._name}[{self._index}]"
            raise ValueError(f"{place}: {error}") from error


def check_choice(name: str, value: object, legal: Collection[str]) -> None:
    """Raise unless `value` is one of `legal`."""
    if not isinstance(value, str) or value not in legal:
        raise ValueError(f"{name} must be one of {', '.join(legal)}; got {show(value)}")


def check_text(name: str, value: object) -> None:
    """Raise unless `value` is a string."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text; got {show(value)}")


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is an integer. JSON's true and false, which Python counts as integers, are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_index(name: str, value: object) -> None:
    """Raise unless `value` is an integer of at least 0."""
    if not is_integer(value) or value < 0:
        raise ValueError(f"{name} must be an integer of at least 0; got {show(value)}")


def check_number(name: str, value: object) -> None:
    """Raise unless `value` is a finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -sys.float_info.max <= value <= sys.float_info.max:  # type: ignore[operator]
        raise ValueError(f"{name} must be a finite number; got {show(value)}")


def check_vector(name: str, value: object) -> None:
    """Raise unless `value` is a tuple of three finite numbers."""
    if not isinstance(value, tuple) or len(value) != 3:
        raise ValueError(f"{name} must be three numbers; got {show(value)}")
    for i, number in enumerate(value):
        with Place(name, i):
            check_number("the coordinate", number)


def check_filename(name: str, value: object) -> None:
    """Raise unless `value` is a file name that stays inside the folder it is looked up in.

    Folders below that one are legal. What climbs out on any operating system is refused, since
    scene files travel: absolute paths, drives, and "..".
    """
    check_text(name, value)
    path = PureWindowsPath(str(value))  # knows both kinds of slash, and drives
    if path.anchor or ".." in path.parts or not path.name or "\0" in str(value):
        raise ValueError(
            f"{name} must be a file name inside its folder: not empty, not absolute, "
            f"without '..'; got {show(value)}"
        )


def check_list(name: str, value: object) -> list[Any]:
    """The list itself; raise unless `value` is one."""
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list; got {show(value)}")
    return value


def check_record(name: str, value: object) -> dict[str, Any]:
    """The dict itself; raise unless `value` is one whose keys are texts."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be an object with named fields; got {show(value)}")
    return value
