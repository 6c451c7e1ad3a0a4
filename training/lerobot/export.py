"""From a folder of recorded episodes to a LeRobot data set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from training.episode import Episode, load_episode
from training.lerobot import layout
from training.lerobot.config import LerobotConfig
from training.lerobot.schema import EpisodeShape, survey
from training.lerobot.writer import LerobotWriter

Keep = Callable[[Episode], bool]


def write_lerobot(
    root: Path,
    episodes: Iterable[Episode],
    config: LerobotConfig,
    *,
    shape: EpisodeShape | None = None,
    append: bool = False,
) -> int:
    """Write a data set of these episodes, or behind those that are there.

    Args:
        root: folder of the data set.
        episodes: read twice where there is no `shape`, so a sequence then.
        config: the form.
        shape: what they need room for; None to look.
        append: go on with the data set that is there.

    Returns:
        How many episodes were written. Those that have failed or have no turns are left out.

    Raises:
        ValueError: where there is none to write, or they are not of one kind.
    """
    if shape is None:
        shape = survey(episode for episode in episodes if is_whole(episode))
    num_written = 0
    with LerobotWriter(root, shape, config, append=append) as writer:
        for episode in filter(is_whole, episodes):
            writer.add(episode)
            num_written += 1
    return num_written


def is_whole(episode: Episode) -> bool:
    """Whether an episode has turns, and came to its end."""
    return episode.failure is None and bool(episode.turns)


def episode_folders(path: Path) -> list[Path]:
    """The folders of the recorded episodes under a path, in order.

    Raises:
        FileNotFoundError: where there is none.
    """
    path = Path(path)
    folders = [found.parent for found in sorted(path.glob("*/episode.json"))]
    if not folders:
        raise FileNotFoundError(
            f"{path} holds no recorded episodes; rollout.py writes them with save_episodes=true, "
            "record.py always"
        )
    return folders


def load_episodes(path: Path, keep: Keep = is_whole) -> Iterator[Episode]:
    """The recorded episodes under a path that are to be kept, one in memory at a time."""
    return filter(keep, map(load_episode, episode_folders(path)))


def remove_lerobot(root: Path) -> None:
    """Delete a data set.

    Raises:
        FileExistsError: where the folder holds something else.
    """
    root = Path(root)
    if root.exists() and any(root.iterdir()) and not (root / layout.INFO_PATH).is_file():
        raise FileExistsError(f"{root} holds something that is no LeRobot data set; remove it")
    shutil.rmtree(root, ignore_errors=True)
