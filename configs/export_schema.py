"""Schema of the script that exports recorded episodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from training.lerobot.config import LerobotConfig

FORMATS = ("lerobot",)


@dataclass(kw_only=True)
class ExportScript:
    """An export of recorded episodes.

    Attributes:
        episodes: the folder that they lie in, such as runs/record/episodes.
        format: lerobot (LeRobotDataset v3.0).
        out: folder of the export; null for one of the format's name beside the episodes.
        append: go on with an export that is there.
        overwrite: delete an export that is there first.
        only_solved: whether episodes that end without success are left out.
        lerobot: the form. Its fps, cameras and robot_type are taken from the run's config.yaml
            where they are not given.
    """

    episodes: str = MISSING
    format: str = "lerobot"
    out: str | None = None
    append: bool = False
    overwrite: bool = False
    only_solved: bool = False
    lerobot: LerobotConfig = field(default_factory=LerobotConfig)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        if self.format not in FORMATS:
            raise ValueError(f"format is {self.format!r}; legal: {', '.join(FORMATS)}")
        if self.append and self.overwrite:
            raise ValueError("append and overwrite are both true; set at most one")
        if self.out == "":
            raise ValueError("out is empty; name a folder, or null")
        self.lerobot.check()
