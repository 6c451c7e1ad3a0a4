"""Where a set's files lie in a user's folder. What an annotation names never leads out of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from video.benchmarks.rows import RowError, show

FILM_SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v")


def check_folder(directory: Path, name: str) -> Path:
    """The folder, made absolute.

    Raises:
        FileNotFoundError: where it is no folder.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"data_dir={directory} for {name} is no folder")
    return directory.resolve()


def find_annotations(directory: Path, names: Sequence[str], *, what: str) -> Path:
    """The first file that is there.

    Args:
        directory: where to look.
        names: relative paths in order of preference; `*` matches within a name.
        what: names the set in the message.

    Raises:
        FileNotFoundError: where none is, with all that was looked for.
    """
    for name in names:
        found = sorted(directory.glob(name))
        if found:
            return found[0]
    raise FileNotFoundError(f"{what}: found none of {', '.join(names)} in {directory}")


def check_relative(path: str) -> str:
    """A path that an annotation names, as it is.

    Raises:
        RowError: where it is empty, absolute, has a `..`, or holds what no path may.
    """
    if not path or "\0" in path:
        raise RowError(f"{show(path)} is no path")
    for flavour in (PurePosixPath(path), PureWindowsPath(path)):
        if flavour.is_absolute() or flavour.drive or ".." in flavour.parts:
            raise RowError(f"the path {show(path)} leads out of the data directory")
    return path


def find_inside(
    directory: Path, candidates: Iterable[str], *, allow_links: bool = False
) -> Path | None:
    """The first candidate that is a file.

    Args:
        directory: resolved.
        candidates: relative paths that `check_relative` accepts.
        allow_links: whether a symbolic link may lead out of the folder.

    Returns:
        Its path, or None where no candidate is there.

    Raises:
        RowError: where one is there, but is a link out of the folder.
    """
    for candidate in candidates:
        path = directory / check_relative(candidate)
        try:
            there = path.is_file()
        except OSError:  # a name too long for the file system
            there = False
        if there:
            if not allow_links and not path.resolve().is_relative_to(directory):
                raise RowError(
                    f"{candidate} is a link that leads out of {directory}; name a folder that "
                    "holds both ends, or allow links"
                )
            return path
    return None


def film_candidates(name: str, folders: Sequence[str]) -> list[str]:
    """Where a film may lie.

    Args:
        name: its path, or its stem.
        folders: where films may lie, in order of preference; "" is the folder of the set.

    Returns:
        Relative paths, `name` as it is in each folder first, then with other suffixes.
    """
    stem, suffix = _split(name)
    suffixes = [s for s in FILM_SUFFIXES if s != suffix]
    first = [_join(folder, stem + suffix) for folder in folders] if suffix else []
    return first + [_join(folder, stem + other) for folder in folders for other in suffixes]


def _split(name: str) -> tuple[str, str]:
    for suffix in FILM_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], name[-len(suffix) :]
    return name, ""


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
