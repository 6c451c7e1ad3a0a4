"""Finished episodes on disk: an evaluation that was interrupted goes on where it stopped."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from training.episode import Episode, load_episode, save_episode

UNFINISHED = ".unfinished"
"""Where an episode lies while it is being written."""


class EpisodeStore:
    """A folder of episodes, each there whole or not at all.

    Args:
        path: the folder; made when needed.
        pictures: whether pictures are kept. Without them an episode takes a few kilobytes and says
            all that metrics need; its seed and replies bring the pictures back.
    """

    def __init__(self, path: Path, *, pictures: bool = False) -> None:
        self.path, self.pictures = Path(path), pictures

    def save(self, episode: Episode) -> None:
        """Keep a finished episode."""
        if not self.pictures:
            turns = [replace(turn, image_pngs=()) for turn in episode.turns]
            episode = replace(episode, turns=turns)
        written = save_episode(self.path / UNFINISHED, episode)
        kept = self.path / written.name
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(written, kept)
        written.parent.rmdir()

    def load(self) -> dict[int, Episode]:
        """Seed -> episode, of all that were kept."""
        shutil.rmtree(self.path / UNFINISHED, ignore_errors=True)
        folders = sorted(self.path.iterdir()) if self.path.is_dir() else []
        episodes = [load_episode(folder) for folder in folders]
        return {episode.seed: episode for episode in episodes}
