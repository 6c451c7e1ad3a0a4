"""The check of LeRobot data sets, where pictures are videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")

from tests.training.lerobot_episodes import arm_episodes
from tests.training.lerobot_spoiling import (
    EPISODES,
    change_column,
    change_feature,
    change_info,
    drop_column,
    first,
)
from training.lerobot.check import check_lerobot
from training.lerobot.config import LerobotConfig
from training.lerobot.export import write_lerobot
from training.lerobot.layout import LerobotError

VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"


@pytest.fixture
def film_root(tmp_path: Path) -> Path:
    config = LerobotConfig(fps=20, cameras=["front"], images="video", codec="libx264")
    write_lerobot(tmp_path / "film", arm_episodes(3), config)
    return tmp_path / "film"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda root: (root / VIDEO).unlink(), rf"{VIDEO}: is missing"),
        (lambda root: (root / VIDEO).write_bytes(b"no film"), r"file-000\.mp4: no video"),
        (
            lambda root: change_feature(root, "observation.images.front", shape=[24, 16, 3]),
            rf"{VIDEO}: is 12 by 16 px; meta/info.json says 24 by 16",
        ),
        (
            lambda root: change_column(
                root, EPISODES, "videos/observation.images.front/to_timestamp", first(9.0)
            ),
            "to_timestamp span 9.000 s for 3 frames at 20 per second",
        ),
        (
            lambda root: [
                change_column(root, EPISODES, f"videos/observation.images.front/{edge}", shift)
                for edge, shift in (
                    ("from_timestamp", lambda c: [x + 9 for x in c]),
                    ("to_timestamp", lambda c: [x + 9 for x in c]),
                )
            ],
            r"lasts 0\.600 s; its episodes last 9\.600 s",
        ),
        (
            lambda root: drop_column(
                root, EPISODES, "videos/observation.images.front/from_timestamp"
            ),
            "column videos/observation.images.front/from_timestamp is missing",
        ),
        (lambda root: change_info(root, video_path=None), "video_path is null, but there are"),
    ],
)
def test_what_is_wrong_with_videos_is_told(
    spoil: Callable[[Path], Any], told: str, film_root: Path
) -> None:
    check_lerobot(film_root)
    spoil(film_root)
    with pytest.raises(LerobotError, match=told):
        check_lerobot(film_root)
