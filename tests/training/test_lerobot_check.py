"""The check of LeRobot data sets tells what is wrong, in which file and column."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")

import pyarrow as pa
from pyarrow import parquet

from tests.training.lerobot_episodes import arm_episodes
from tests.training.lerobot_spoiling import (
    DATA,
    EPISODES,
    change_column,
    change_feature,
    change_info,
    drop_column,
    first,
)
from training.episode import encode_png
from training.lerobot.check import check_lerobot
from training.lerobot.config import LerobotConfig
from training.lerobot.export import write_lerobot
from training.lerobot.layout import LerobotError


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with nothing wrong."""
    root = tmp_path_factory.mktemp("sound") / "arm"
    config = LerobotConfig(fps=20, cameras=["front"])
    write_lerobot(root, arm_episodes(3, chunk_length=2, labels=True), config)
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "arm"))


def test_a_sound_data_set_passes(sound: Path) -> None:
    assert check_lerobot(sound).total_episodes == 3


INFO = "codebase_version robot_type total_episodes total_frames total_tasks chunks_size splits fps"
INFO += " data_files_size_in_mb video_files_size_in_mb data_path video_path features"


@pytest.mark.parametrize("name", INFO.split())
def test_every_key_of_info_is_needed(name: str, root: Path) -> None:
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    del info[name]
    path.write_text(json.dumps(info))
    with pytest.raises(LerobotError, match=rf"meta/info\.json: {name} is missing"):
        check_lerobot(root)


@pytest.mark.parametrize("name", ["info.json", "stats.json", "tasks.parquet", "episodes"])
def test_every_file_of_meta_is_needed(name: str, root: Path) -> None:
    path = root / "meta" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(LerobotError, match=f"meta/{name}"):
        check_lerobot(root)


@pytest.mark.parametrize(
    "name",
    [
        "episode_index",
        "tasks",
        "length",
        "dataset_from_index",
        "dataset_to_index",
        "data/chunk_index",
        "data/file_index",
        "meta/episodes/chunk_index",
        "meta/episodes/file_index",
        "stats/action/mean",
        "stats/observation.images.front/max",
    ],
)
def test_every_column_of_episodes_is_needed(name: str, root: Path) -> None:
    drop_column(root, EPISODES, name)
    with pytest.raises(LerobotError, match=rf"file-000\.parquet: column {name} is missing"):
        check_lerobot(root)


@pytest.mark.parametrize(
    "name",
    [
        "timestamp",
        "frame_index",
        "episode_index",
        "index",
        "task_index",
        "observation.state",
        "action",
        "observation.images.front",
        "next.reward",
        "language_events",
    ],
)
def test_every_feature_is_a_column_of_the_data(name: str, root: Path) -> None:
    drop_column(root, DATA, name)
    with pytest.raises(LerobotError, match=rf"{DATA}: column {name} is missing"):
        check_lerobot(root)


SPOILED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "version": (
        lambda root: change_info(root, codebase_version="v2.1"),
        r"codebase_version is 'v2\.1'; legal: v3\.0",
    ),
    "fps": (lambda root: change_info(root, fps=0), "fps must be a whole number from 1"),
    "half fps": (lambda root: change_info(root, fps=29.97), "fps must be a whole number"),
    "total": (lambda root: change_info(root, total_frames=11), "12 frames; info.json says 11"),
    "episodes": (lambda root: change_info(root, total_episodes=4), "3 rows; info.json says 4"),
    "split": (lambda root: change_info(root, splits={"train": "0:9"}), "'train' is '0:9'"),
    "tasks": (lambda root: change_info(root, total_tasks=2), "1 rows; info.json says 2"),
    "dtype": (
        lambda root: change_feature(root, "action", dtype="float64"),
        r"column action has type fixed_size_list.*float.*info\.json says",
    ),
    "width": (
        lambda root: change_feature(root, "action", shape=[6]),
        "column action has type",
    ),
    "name with a slash": (
        lambda root: change_info(
            root,
            features={
                **json.loads((root / "meta/info.json").read_text())["features"],
                "a/b": {"dtype": "float32", "shape": [1], "names": None},
            },
        ),
        "feature 'a/b': names hold no slash",
    ),
    "picture size": (
        lambda root: change_feature(root, "observation.images.front", shape=[8, 8, 3]),
        "column observation.images.front: frame 0 is 12 by 16 px; legal: 8 by 8",
    ),
    "extra column": (
        lambda root: parquet.write_table(
            parquet.read_table(root / DATA).append_column("strange", pa.array([1] * 12)),
            root / DATA,
        ),
        "column strange is not among the features",
    ),
    "statistics": (
        lambda root: (root / "meta/stats.json").write_text(
            json.dumps(
                json.loads((root / "meta/stats.json").read_text())
                | {"action": {"min": [0], "max": [[1, 2]], "mean": "x", "std": [1] * 7}}
            )
        ),
        r"stats\.json: action: min has shape \(1,\); legal: \(7,\)",
    ),
    "not a number": (
        lambda root: change_column(root, DATA, "action", first([float("nan")] * 7)),
        "episode 0: column action has values that are not finite",
    ),
    "empty cell": (
        lambda root: change_column(root, DATA, "next.reward", first(None)),
        "episode 0: column next.reward has 1 empty values",
    ),
    "time": (
        lambda root: change_column(root, DATA, "timestamp", first(0.5)),
        "episode 0: column timestamp is not frame_index / 20",
    ),
    "frame": (
        lambda root: change_column(root, DATA, "frame_index", first(1)),
        "episode 0: column frame_index does not count from 0 to 2",
    ),
    "index": (
        lambda root: change_column(root, DATA, "index", first(7)),
        "episode 0: column index does not count from 0 to 2",
    ),
    "task": (
        lambda root: change_column(root, DATA, "task_index", first(1)),
        r"episode 0: column task_index has \[0, 1\]",
    ),
    "episode": (
        lambda root: change_column(root, DATA, "episode_index", first(2)),
        r"column episode_index has \[0, 2\] where episode 0 should lie",
    ),
    "no picture": (
        lambda root: change_column(
            root, DATA, "observation.images.front", first({"bytes": b"GIF89a", "path": None})
        ),
        "frame 0 is no picture",
    ),
    "cut picture": (
        lambda root: change_column(
            root,
            DATA,
            "observation.images.front",
            first({"bytes": encode_png(np.zeros((12, 16, 3), np.uint8))[:50], "path": None}),
        ),
        "frame 0 is no picture",
    ),
    "gap": (
        lambda root: [
            change_column(root, EPISODES, "dataset_from_index", lambda c: [c[0], 4, c[2]]),
            change_column(root, EPISODES, "dataset_to_index", lambda c: [c[0], 8, c[2]]),
        ],
        "episode 1: column dataset_from_index is 4; the one before ends at 3",
    ),
    "length": (
        lambda root: change_column(root, EPISODES, "length", first(2)),
        "episode 0: column length is 2, its frames are 3",
    ),
    "numbers": (
        lambda root: change_column(root, EPISODES, "episode_index", first(5)),
        "column episode_index must count from 0",
    ),
    "unknown task": (
        lambda root: change_column(root, EPISODES, "tasks", first(["Sing."])),
        r"episode 0: column tasks has 'Sing\.', which is not in meta/tasks\.parquet",
    ),
    "file": (
        lambda root: change_column(root, EPISODES, "data/file_index", first(3)),
        r"data/chunk-000/file-003\.parquet: cannot be read",
    ),
    "place of the row": (
        lambda root: change_column(root, EPISODES, "meta/episodes/file_index", first(3)),
        "columns meta/episodes/chunk_index and file_index say",
    ),
    "stray file": (
        lambda root: shutil.copy(root / DATA, root / "data/chunk-000/file-001.parquet"),
        r"file-001\.parquet: no episode lies in this file",
    ),
    "no parquet": (
        lambda root: (root / DATA).write_bytes(b"PAR1" + bytes(100) + b"PAR1"),
        rf"{DATA}: cannot be read",
    ),
    "no index": (
        lambda root: parquet.write_table(
            parquet.read_table(root / "meta/tasks.parquet").replace_schema_metadata(None),
            root / "meta/tasks.parquet",
        ),
        "its pandas index must be the column task",
    ),
}


@pytest.mark.parametrize("what", list(SPOILED))
def test_each_thing_that_is_wrong_is_told(what: str, root: Path) -> None:
    spoil, told = SPOILED[what]
    spoil(root)
    with pytest.raises(LerobotError, match=told):
        check_lerobot(root)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"style": "song"}, "style is 'song'"),
        ({"style": "vqa"}, "style vqa needs one of observation.images.front"),
        ({"camera": "observation.images.front"}, "style None takes none"),
        ({"role": ""}, "role is empty"),
    ],
)
def test_rows_of_language_are_held_to_their_rules(
    row: dict[str, Any], told: str, root: Path
) -> None:
    from training.lerobot.language import EVENTS, column_array

    table = parquet.read_table(root / DATA)
    cells = table[EVENTS].to_pylist()
    cells[0][0] |= row
    index = table.column_names.index(EVENTS)
    table = table.set_column(index, table.schema.field(EVENTS), column_array(EVENTS, cells))
    parquet.write_table(table, root / DATA, row_group_size=3)
    with pytest.raises(LerobotError, match=f"episode 0: column language_events: .*{told}"):
        check_lerobot(root)


def test_all_that_is_wrong_is_told_at_once(root: Path) -> None:
    change_info(root, splits={"train": "x"})
    change_column(root, DATA, "next.reward", first(None))
    shutil.copy(root / DATA, root / "data/chunk-000/file-001.parquet")
    with pytest.raises(LerobotError) as told:
        check_lerobot(root)
    assert len(str(told.value).splitlines()) == 3
