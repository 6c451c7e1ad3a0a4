"""The guard: a package that is missing, or beside a MuJoCo that it does not work with, is an error
that says which versions work, which were found, and what to type.
"""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass

from gymnasium.error import DependencyNotInstalled

Version = tuple[int, ...]


class PackageUnavailableError(DependencyNotInstalled):
    """A package is not installed, or its versions do not work together."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Versions of a distribution that were seen to work.

    Attributes:
        distribution: its name on the package index.
        first, last: the range, both included; a version counts up to as many numbers as they have,
            so that a last 3.9 includes 3.9.1.
        why: what goes wrong outside of it.
    """

    distribution: str
    first: str
    last: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.first} to {self.last}.x"

    def contains(self, version: str) -> bool:
        """Whether a version lies in the range."""
        first, last, found = map(read_version, (self.first, self.last, version))
        return first <= found[: len(first)] and found[: len(last)] <= last


GYMNASIUM_ROBOTICS = (
    Range(distribution="gymnasium-robotics", first="1.4.2", last="1.4"),
    Range(
        distribution="mujoco",
        first="3.3.7",
        last="3.11",
        why="later ones make its Fetch environments fail with an AssertionError",
    ),
)
ROBOSUITE = (
    Range(distribution="robosuite", first="1.5.2", last="1.5"),
    Range(
        distribution="mujoco",
        first="3.3.7",
        last="3.9",
        why="3.10 changed the arguments of mj_fullM, which robosuite calls",
    ),
)
METAWORLD = (
    Range(distribution="metaworld", first="3.1.1", last="3.1"),
    Range(
        distribution="mujoco",
        first="3.3.0",
        last="3.13",
        why="it asks for 3.3.0 and was seen to work up to 3.13",
    ),
    Range(distribution="packaging", first="20", last="9999", why="its wheel forgets to ask for it"),
)


def check_versions(ranges: tuple[Range, ...]) -> None:
    """Require versions that work together. Imports nothing.

    Args:
        ranges: the package's own first.

    Raises:
        PackageUnavailableError: says what works, what was found and what to type.
    """
    package = ranges[0].distribution
    works = " with ".join(map(str, ranges[:2]))
    cure = (
        f"It has a virtual environment of its own: python scripts/external_venvs.py {package} "
        f"makes one with the versions of constraints/external-{package}.txt"
    )
    for needed in ranges:
        found = installed_version(needed.distribution)
        if found is None:
            problem = f"{needed.distribution} is not installed"
        elif needed.contains(found):
            continue
        else:
            problem = f"{needed.distribution} {found} is installed"
        because = f" ({needed.why})" if needed.why else ""
        raise PackageUnavailableError(f"{problem}; what works is {works}{because}. {cure}.")


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution; None where there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def read_version(text: str) -> Version:
    """The numbers of a version's release part: "3.17.0rc1" gives (3, 17, 0)."""
    release = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, release.group().split("."))) if release else ()
