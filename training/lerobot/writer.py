"""Writes a LeRobot data set. Nothing of it can be seen until it is finished."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from training.episode import Episode, decode_png
from training.lerobot import layout
from training.lerobot import schema as columns
from training.lerobot.config import LerobotConfig
from training.lerobot.earlier import Earlier, load_earlier
from training.lerobot.episode_table import RECORD, EpisodeTable, record_of
from training.lerobot.frames import (
    Place,
    make_columns,
    make_table,
    padded_png,
    task_of,
)
from training.lerobot.layout import DatasetInfo, load_info
from training.lerobot.schema import EpisodeShape
from training.lerobot.statistics import (
    Statistics,
    number_statistics,
    picture_statistics,
    to_json,
)
from training.lerobot.tables import (
    PART,
    NumberedFiles,
    TableFiles,
    next_place,
    tasks_table,
)
from training.lerobot.videos import VideoFiles
from training.run_directory import write_atomic


class LerobotWriter:
    """Writes episodes into a new data set, or behind those of an earlier one.

    `finalise()` brings everything into being at once; without it the folder is as it was. As a
    context it finalises at the end, or discards what was written where something went wrong.

    Args:
        root: folder of the data set.
        shape: what the episodes need room for; see `survey`.
        config: the form.
        append: go on with the data set that is there.

    Raises:
        FileExistsError: where there is something already, unless it is to be gone on with.
        LerobotError: where a data set to go on with is not sound, or has other columns.
    """

    def __init__(
        self, root: Path, shape: EpisodeShape, config: LerobotConfig, *, append: bool = False
    ) -> None:
        config.check()
        self.root, self._config = Path(root), config
        if self.root.exists() and any(self.root.iterdir()) and not append:
            raise FileExistsError(f"{self.root} is not empty")
        self._info = load_info(self.root) if append else _new_info(shape, config)
        self._shape = columns.shape_from(self._info) if append else shape
        earlier = load_earlier(self.root, self._info, config) if append else Earlier()
        self._tasks, last = earlier.tasks, earlier.last_row
        _drop_parts(self.root)
        self._data = TableFiles(self._number(layout.DATA_PATH, last, "data/"))
        tables = TableFiles(self._number(layout.EPISODES_PATH, last, "meta/episodes/"))
        self._episodes = EpisodeTable(tables, earlier.statistics)
        self._videos = {key: self._make_video(key, last) for key in self._info.keys_of("video")}

    def add(self, episode: Episode) -> None:
        """Write one episode.

        Raises:
            ValueError: where it has failed, has no turns, or does not fit into the columns.
        """
        if episode.failure is not None:
            raise ValueError(f"episode {episode.episode_id} failed; it shows nothing")
        columns.check_room(columns.shape_of(episode), self._shape, episode)
        info = self._info
        task = task_of(episode)
        place = Place(
            episode_index=info.total_episodes,
            first_index=info.total_frames,
            task_index=self._tasks.setdefault(task, len(self._tasks)),
        )
        made = make_columns(episode, info, place)
        pictures = self._pictures(episode)
        table = make_table(made, pictures, info)
        chunk, file = self._data.place_for(table.nbytes)
        self._data.write(table)
        row: dict[str, Any] = {
            "episode_index": place.episode_index,
            "tasks": [task],
            "length": len(episode.turns),
            "dataset_from_index": place.first_index,
            "dataset_to_index": place.first_index + len(episode.turns),
            "data/chunk_index": chunk,
            "data/file_index": file,
        }
        row |= self._write_videos(pictures) | {RECORD: record_of(episode)}
        self._episodes.add(row, _statistics(made, pictures, info))
        info.total_episodes += 1
        info.total_frames += row["length"]

    def finalise(self) -> None:
        """Close every file and bring the data set into being.

        Raises:
            ValueError: where no episode was added.
        """
        if self._info.total_episodes == 0:
            raise ValueError(f"{self.root}: no episode was added")
        self._close()
        info = self._info
        info.total_tasks = len(self._tasks)
        info.splits = {"train": f"0:{info.total_episodes}"}
        (self.root / "meta").mkdir(parents=True, exist_ok=True)
        for part in self._parts():
            part.rename(part.with_name(part.name.removesuffix(PART)))
        sink = pa.BufferOutputStream()
        parquet.write_table(tasks_table(list(self._tasks)), sink)
        write_atomic(self.root / layout.TASKS_PATH, sink.getvalue().to_pybytes())
        self._write_json(layout.STATS_PATH, to_json(self._episodes.statistics))
        self._write_json(layout.INFO_PATH, asdict(info))

    def discard(self) -> None:
        """Take back what was written since the start."""
        self._close()
        _drop_parts(self.root)
        if not (self.root / layout.INFO_PATH).exists():  # it held nothing before
            shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> LerobotWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finalise()
        else:
            self.discard()

    def _number(
        self, template: str, last: dict[str, Any] | None, prefix: str, video_key: str = ""
    ) -> NumberedFiles:
        size = self._config.chunks_size
        start = (0, 0)
        if last is not None:
            place = (last[f"{prefix}chunk_index"], last[f"{prefix}file_index"])
            start = next_place(place, size)
        limit = self._config.video_files_size_in_mb if video_key else None
        return NumberedFiles(
            self.root,
            template,
            limit_mb=limit or self._config.data_files_size_in_mb,
            chunks_size=size,
            start=start,
            video_key=video_key,
        )

    def _make_video(self, key: str, last: dict[str, Any] | None) -> VideoFiles:
        files = self._number(layout.VIDEO_PATH, last, f"videos/{key}/", key)
        config = self._config
        return VideoFiles(files, fps=self._info.fps, codec=config.codec, crf=config.crf)

    def _pictures(self, episode: Episode) -> dict[str, list[bytes]]:
        """Feature -> a PNG per frame, of the feature's size."""
        keys = self._info.keys_of("image", "video")
        return {
            key: [padded_png(turn, slot, self._info.shape(key)) for turn in episode.turns]
            for slot, key in enumerate(keys)
        }

    def _write_videos(self, pictures: dict[str, list[bytes]]) -> dict[str, int | float]:
        row: dict[str, int | float] = {}
        for key, video in self._videos.items():
            pngs = pictures[key]
            said = video.write(map(decode_png, pngs), sum(map(len, pngs)))
            row |= {f"videos/{key}/{name}": value for name, value in said.items()}
        return row

    def _close(self) -> None:
        self._data.close()
        self._episodes.close()
        for video in self._videos.values():
            video.close()

    def _parts(self) -> list[Path]:
        numbered = [video.files for video in self._videos.values()]
        numbered += [self._data.files, self._episodes.tables.files]
        return [part for files in numbered for part in files.parts]

    def _write_json(self, name: str, record: dict[str, Any]) -> None:
        text = json.dumps(record, indent=4, ensure_ascii=False, allow_nan=False)
        write_atomic(self.root / name, text + "\n")


def _new_info(shape: EpisodeShape, config: LerobotConfig) -> DatasetInfo:
    if shape.action_width and config.fps is None:
        raise ValueError(
            "lerobot.fps is null; episodes of actions have a clock: give the number of turns per "
            "second (1 / control_dt)"
        )
    features = columns.make_features(shape, config)
    return DatasetInfo(
        robot_type=config.robot_type,
        chunks_size=config.chunks_size,
        data_files_size_in_mb=config.data_files_size_in_mb,
        video_files_size_in_mb=config.video_files_size_in_mb,
        fps=config.fps or 1,
        video_path=layout.VIDEO_PATH if config.images == "video" and shape.num_pictures else None,
        features=features,
    )


def _statistics(
    made: dict[str, Any], pictures: dict[str, list[bytes]], info: DatasetInfo
) -> dict[str, Statistics]:
    numeric = {name: value for name, value in made.items() if isinstance(value, np.ndarray)}
    found = {name: number_statistics(value) for name, value in numeric.items()}
    return found | {key: picture_statistics(pngs) for key, pngs in pictures.items()}


def _drop_parts(root: Path) -> None:
    """Delete what an export that was cut off has left."""
    for part in root.rglob(f"*{PART}"):
        part.unlink()
