"""Writing LeRobot data sets: in bounds, in several goes, and only ever as a whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")


from tests.training.lerobot_episodes import (
    arm_episodes,
    check_equal,
    export,
    film_episodes,
    scene_episodes,
)
from training.episode import Episode, Failure, encode_png
from training.lerobot.check import check_lerobot
from training.lerobot.config import LerobotConfig
from training.lerobot.export import remove_lerobot, write_lerobot
from training.lerobot.layout import LerobotError
from training.lerobot.reader import load_lerobot
from training.lerobot.schema import survey
from training.lerobot.writer import LerobotWriter


def test_files_stay_within_their_bounds_and_roll_over_into_chunks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    episodes = arm_episodes(6)
    for episode in episodes:  # about 0.7 MB each, which no codec makes smaller
        noise = [rng.integers(256, size=(250, 300, 3), dtype=np.uint8) for _ in range(3)]
        episode.turns = [
            replace(turn, image_pngs=(encode_png(picture),))
            for turn, picture in zip(episode.turns, noise, strict=False)
        ]
    root = export(tmp_path / "arm", episodes, data_files_size_in_mb=1, chunks_size=2)
    names = sorted(path.relative_to(root).as_posix() for path in root.glob("data/*/*"))
    assert len(names) == 6
    assert names[2] == "data/chunk-001/file-000.parquet"
    check_lerobot(root)
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        check_equal(found, wanted)


@pytest.mark.parametrize("form", [{}, {"images": "video", "codec": "libx264"}])
def test_appending_in_two_goes_gives_the_same_episodes_and_statistics(
    form: dict[str, Any], tmp_path: Path
) -> None:
    episodes = arm_episodes(6)
    whole = export(tmp_path / "whole", episodes, **form)
    parts = export(tmp_path / "parts", episodes[:4], **form)
    config = LerobotConfig(fps=20, **form)
    assert write_lerobot(parts, episodes[4:], config, append=True) == 2
    info = check_lerobot(parts)
    assert (info.total_episodes, info.splits) == (6, {"train": "0:6"})
    for found, wanted in zip(load_lerobot(parts), episodes, strict=True):
        check_equal(found, wanted, pictures=not form)
    one, other = (json.loads((root / "meta/stats.json").read_text()) for root in (whole, parts))
    for name, found in one.items():
        for key, value in found.items():
            assert np.allclose(value, other[name][key]), (name, key)


def test_an_append_in_another_form_is_refused(tmp_path: Path) -> None:
    root = export(tmp_path / "arm", arm_episodes(2))
    more = arm_episodes(2)
    with pytest.raises(LerobotError, match="30 frames per second|20 frames per second"):
        write_lerobot(root, more, LerobotConfig(fps=30), append=True)
    with pytest.raises(LerobotError, match=r"turn\.text"):
        write_lerobot(root, more, LerobotConfig(fps=20, language="text"), append=True)
    wide = arm_episodes(1, width_of_action=8)
    with pytest.raises(ValueError, match="action_width 8, others have 7"):
        write_lerobot(root, wide, LerobotConfig(fps=20), append=True)
    larger = arm_episodes(1, height=40)
    with pytest.raises(ValueError, match="has height 40; the data set has room for 12"):
        write_lerobot(root, larger, LerobotConfig(fps=20), append=True)
    assert check_lerobot(root).total_episodes == 2


def write_all(root: Path, episodes: Sequence[Episode], config: LerobotConfig) -> None:
    with LerobotWriter(root, survey(episodes), config, append=True) as writer:
        for episode in episodes:
            writer.add(episode)


def test_nothing_is_seen_of_a_data_set_until_it_is_finalised(tmp_path: Path) -> None:
    episodes, config = arm_episodes(3), LerobotConfig(fps=20)
    root, broken = tmp_path / "arm", Failure(stage="env", message="it fell over")
    writer = LerobotWriter(root, survey(episodes), config)
    writer.add(episodes[0])
    assert not list(root.rglob("*.parquet"))
    assert not (root / "meta/info.json").exists()
    writer.finalise()
    check_lerobot(root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="failed"):
        write_all(root, [episodes[1], replace(episodes[2], failure=broken)], config)
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert after == before


def test_what_a_killed_writer_left_is_told_and_cleared_away(tmp_path: Path) -> None:
    episodes, config = arm_episodes(3), LerobotConfig(fps=20)
    root = export(tmp_path / "arm", episodes[:1])
    (root / "data/chunk-000/file-001.parquet.part").write_bytes(b"PAR1 and then the light went out")
    with pytest.raises(LerobotError, match=r"file-001\.parquet\.part: was left unfinished"):
        check_lerobot(root)
    assert write_lerobot(root, episodes[2:], config, append=True) == 1
    assert check_lerobot(root).total_episodes == 2


def test_failed_and_empty_episodes_are_left_out(tmp_path: Path) -> None:
    episodes = arm_episodes(3)
    episodes[1].failure = Failure(stage="env", message="it fell over")
    empty = replace(episodes[0], turns=[])
    root = tmp_path / "arm"
    assert write_lerobot(root, [*episodes, empty], LerobotConfig(fps=20)) == 2
    assert [episode.seed for episode in load_lerobot(root)] == [0, 2]
    with pytest.raises(ValueError, match="no episodes to export"):
        write_lerobot(tmp_path / "none", [episodes[1]], LerobotConfig(fps=20))


def test_kinds_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="state_width 15, others have 0"):
        survey([*scene_episodes(1), *arm_episodes(1)])
    with pytest.raises(ValueError, match="fps is null; episodes of actions have a clock"):
        write_lerobot(tmp_path / "arm", arm_episodes(1), LerobotConfig())
    with pytest.raises(ValueError, match="4 pictures; lerobot.max_pictures is 3"):
        write_lerobot(tmp_path / "film", film_episodes(3), LerobotConfig(max_pictures=3))
    episode = arm_episodes(1, labels=True)[0]
    episode.annotations["subtask"] = ["too", "few"]
    with pytest.raises(ValueError, match="'subtask' must be one text for each of its 3 turns"):
        write_lerobot(tmp_path / "labels", [episode], LerobotConfig(fps=20))


def test_a_folder_with_other_things_is_neither_written_to_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="is not empty"):
        write_lerobot(tmp_path, arm_episodes(1), LerobotConfig(fps=20))
    with pytest.raises(FileExistsError, match="no LeRobot data set"):
        remove_lerobot(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    root = export(tmp_path / "arm", arm_episodes(1))
    remove_lerobot(root)
    assert not root.exists()
