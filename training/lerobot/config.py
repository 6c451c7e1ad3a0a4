"""How episodes are exported to a LeRobot data set. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.checks import check_at_least

IMAGE_MODES = ("image", "video")
LANGUAGE_MODES = ("columns", "text")
CODECS = ("libsvtav1", "libx264")
MAX_FPS = 1000


@dataclass(kw_only=True)
class LerobotConfig:
    """The form of an export.

    Attributes:
        images: "image" (the recorded PNG files lie in the tables: exact, no codec) or "video" (one
            stream per camera, smaller, not exact).
        language: "columns" (LeRobot's language columns, which LeRobot reads from 0.6 on) or "text"
            (columns of plain strings, which every LeRobot of v3.0 reads).
        fps: turns per second, a whole number as LeRobot asks; null where only words are exchanged,
            which is written as 1.
        cameras: names of a turn's pictures in their order, such as [front, wrist]; what has no name
            here is called view_0, view_1 ... by its place.
        robot_type: what `info.json` calls the robot; null for none.
        codec: of videos: libsvtav1 (LeRobot's own choice) or libx264.
        crf: their quality, 0 (best) to 63.
        max_pictures: a turn with more pictures than this is refused; at least 1.
        chunks_size: most files in a folder, at least 1.
        data_files_size_in_mb: a table is closed before it grows beyond this [MiB], at least 1.
        video_files_size_in_mb: likewise for videos.
    """

    images: str = "image"
    language: str = "columns"
    fps: int | None = None
    cameras: list[str] = field(default_factory=list)
    robot_type: str | None = None
    codec: str = "libsvtav1"
    crf: int = 30
    max_pictures: int = 32
    chunks_size: int = 1000
    data_files_size_in_mb: int = 100
    video_files_size_in_mb: int = 200

    def check(self, prefix: str = "lerobot.") -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        named = {"images": IMAGE_MODES, "language": LANGUAGE_MODES, "codec": CODECS}
        for name, legal in named.items():
            if getattr(self, name) not in legal:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)!r}; legal: {', '.join(legal)}"
                )
        lowest = {"max_pictures": 1, "chunks_size": 1, "crf": 0}
        sizes = {"data_files_size_in_mb": 1, "video_files_size_in_mb": 1}
        check_at_least(self, prefix.rstrip("."), **lowest, **sizes)
        if self.crf > 63:
            raise ValueError(f"{prefix}crf is {self.crf}; legal: 0 to 63")
        if self.fps is not None and not 1 <= self.fps <= MAX_FPS:
            raise ValueError(f"{prefix}fps is {self.fps}; legal: 1 to {MAX_FPS}, or null")
        legal_name = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        for camera in self.cameras:
            if not camera or not set(camera) <= legal_name:
                raise ValueError(f"{prefix}cameras has {camera!r}; legal: letters, digits, _ and -")
        if len(set(self.cameras)) < len(self.cameras):
            raise ValueError(f"{prefix}cameras is {self.cameras}; each name may come once")
