"""Which columns an export has: decided by what the episodes hold, before any is written."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from training.episode import Episode, Turn
from training.lerobot.config import LerobotConfig
from training.lerobot.language import EVENTS, FEATURE, LABEL_STYLES, PERSISTENT, row_type
from training.lerobot.layout import INDEX_FEATURES, DatasetInfo

STATE, ACTION = "observation.state", "action"
IMAGES = "observation.images."
CHUNK, CHUNK_LENGTH = "chunk.actions", "chunk.length"
TEXT, REPLY, OPTIONS, SIZES = "turn.text", "turn.reply", "turn.options", "turn.image_sizes"
REWARD, DONE, SUCCESS, TRUNCATED = "next.reward", "next.done", "next.success", "next.truncated"

PICTURE_NAMES = ["height", "width", "channels"]
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class EpisodeShape:
    """What a set of episodes needs room for.

    Attributes:
        num_pictures: most pictures of a turn.
        height, width: of the largest picture, each by itself [px]; 0 for no pictures.
        state_width: numbers of proprioception; 0 for none.
        action_width: numbers of an action; 0 where replies are words.
        chunk_length: most actions of a turn.
        has_options: whether any turn offers lettered options.
        labels: annotations with a text per turn, of `LABEL_STYLES`.
    """

    num_pictures: int = 0
    height: int = 0
    width: int = 0
    state_width: int = 0
    action_width: int = 0
    chunk_length: int = 1
    has_options: bool = False
    labels: tuple[str, ...] = ()

    def image_keys(self, config: LerobotConfig) -> list[str]:
        """The features that hold a turn's pictures, by their place in the turn."""
        names = [*config.cameras[: self.num_pictures]]
        names += [f"view_{k}" for k in range(len(names), self.num_pictures)]
        return [IMAGES + name for name in names]


def survey(episodes: Iterable[Episode]) -> EpisodeShape:
    """What all of these need together.

    Raises:
        ValueError: where some have a state or actions and others have none, or of another width.
    """
    total: EpisodeShape | None = None
    for episode in episodes:
        shape = shape_of(episode)
        if total is not None:
            check_alike(shape, total, episode)
            shape = _join(total, shape)
        total = shape
    if total is None:
        raise ValueError("there are no episodes to export")
    return total


def shape_of(episode: Episode) -> EpisodeShape:
    """What one episode needs.

    Raises:
        ValueError: where its turns are not of one kind.
    """
    if not episode.turns:
        raise ValueError(f"episode {episode.episode_id} has no turns")
    states = {0 if t.state is None else t.state.size for t in episode.turns}
    actions = {0 if t.output.action is None else t.output.action.shape[1] for t in episode.turns}
    for name, widths in (("states", states), ("actions", actions)):
        if len(widths) > 1:
            raise ValueError(
                f"episode {episode.episode_id} has {name} of {sorted(widths)} numbers; "
                "all turns of an export must be alike"
            )
    sizes = [png_size(png) for turn in episode.turns for png in turn.image_pngs]
    return EpisodeShape(
        num_pictures=max(len(turn.image_pngs) for turn in episode.turns),
        height=max((height for height, _ in sizes), default=0),
        width=max((width for _, width in sizes), default=0),
        state_width=states.pop(),
        action_width=actions.pop(),
        chunk_length=max(num_actions(turn) for turn in episode.turns),
        has_options=any(turn.options for turn in episode.turns),
        labels=tuple(name for name in LABEL_STYLES if name in episode.annotations),
    )


def num_actions(turn: Turn) -> int:
    """Length of a turn's action chunk; 1 for a reply in words."""
    return 1 if turn.output.action is None else len(turn.output.action)


def png_size(png: bytes) -> tuple[int, int]:
    """(height, width) from a PNG's head.

    Raises:
        ValueError: for other bytes.
    """
    if len(png) < 24 or not png.startswith(_PNG_HEAD):
        raise ValueError("a picture is no PNG file")
    width, height = struct.unpack(">II", png[16:24])
    return height, width


def check_alike(shape: EpisodeShape, other: EpisodeShape, episode: Episode) -> None:
    """Raise `ValueError` where an episode is of another kind than a data set's others."""
    for name in ("state_width", "action_width"):
        if getattr(shape, name) != getattr(other, name):
            raise ValueError(
                f"episode {episode.episode_id} ({episode.env_id}) has {name} "
                f"{getattr(shape, name)}, others have {getattr(other, name)}; export each kind of "
                "environment to a data set of its own"
            )


def check_room(shape: EpisodeShape, room: EpisodeShape, episode: Episode) -> None:
    """Raise `ValueError` where an episode does not fit into a data set's columns."""
    check_alike(shape, room, episode)
    for name in ("num_pictures", "height", "width", "chunk_length", "has_options"):
        if getattr(shape, name) > getattr(room, name):
            raise ValueError(
                f"episode {episode.episode_id} has {name} {getattr(shape, name)}; the data set "
                f"has room for {getattr(room, name)}"
            )


def _join(first: EpisodeShape, second: EpisodeShape) -> EpisodeShape:
    largest = ("num_pictures", "height", "width", "chunk_length", "has_options")
    joined = {name: max(getattr(first, name), getattr(second, name)) for name in largest}
    labels = tuple(name for name in LABEL_STYLES if name in (*first.labels, *second.labels))
    return replace(first, **joined, labels=labels)


def make_features(shape: EpisodeShape, config: LerobotConfig) -> dict[str, dict[str, Any]]:
    """The `features` of `info.json`.

    Raises:
        ValueError: for more pictures a turn than `max_pictures`.
    """
    if shape.num_pictures > config.max_pictures:
        raise ValueError(
            f"a turn has {shape.num_pictures} pictures; lerobot.max_pictures is "
            f"{config.max_pictures}"
        )
    features: dict[str, dict[str, Any]] = {}
    for key in shape.image_keys(config):
        features[key] = _picture(shape, config)
    if shape.state_width:
        features[STATE] = _vector("float32", shape.state_width, "state")
    if shape.action_width:
        features[ACTION] = _vector("float32", shape.action_width, "action")
    if shape.chunk_length > 1:
        edge = [shape.chunk_length, shape.action_width]
        features[CHUNK] = {"dtype": "float32", "shape": edge, "names": None}
        features[CHUNK_LENGTH] = _vector("int64", 1)
    if shape.num_pictures:
        features[SIZES] = _vector("int64", 2 * shape.num_pictures, "size")
    if shape.has_options:
        features[OPTIONS] = _vector("string", 1)
    features |= _language(shape, config)
    features[REWARD] = _vector("float32", 1)
    features |= {name: _vector("bool", 1) for name in (DONE, SUCCESS, TRUNCATED)}
    return features | {name: _vector(dtype, 1) for name, dtype in INDEX_FEATURES.items()}


def _language(shape: EpisodeShape, config: LerobotConfig) -> dict[str, dict[str, Any]]:
    if config.language == "columns":
        return {name: dict(FEATURE) for name in (PERSISTENT, EVENTS)}
    names = [TEXT, *([] if shape.action_width else [REPLY])]
    return {name: _vector("string", 1) for name in (*names, *map(label_key, shape.labels))}


def label_key(label: str) -> str:
    """The text column of a label."""
    return f"turn.{label}"


def _picture(shape: EpisodeShape, config: LerobotConfig) -> dict[str, Any]:
    height, width = shape.height, shape.width
    spec: dict[str, Any] = {"dtype": config.images, "names": list(PICTURE_NAMES)}
    if config.images == "video":  # yuv420p has one colour for two by two pixels
        height, width = height + height % 2, width + width % 2
        spec["info"] = {
            "video.height": height,
            "video.width": width,
            "video.codec": {"libsvtav1": "av1", "libx264": "h264"}[config.codec],
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": config.fps or 1,
            "video.channels": 3,
            "has_audio": False,
        }
    return spec | {"shape": [height, width, 3]}


def _vector(dtype: str, width: int, name: str = "") -> dict[str, Any]:
    names = [f"{name}_{k}" for k in range(width)] if name else None
    return {"dtype": dtype, "shape": [width], "names": names}


def shape_from(info: DatasetInfo) -> EpisodeShape:
    """What a data set that this suite has written has room for."""
    features = info.features
    keys = info.keys_of("image", "video")
    width = {name: info.shape(name)[0] if name in features else 0 for name in (STATE, ACTION)}
    labels = [k for k in LABEL_STYLES if label_key(k) in features or PERSISTENT in features]
    return EpisodeShape(
        num_pictures=len(keys),
        height=info.shape(keys[0])[0] if keys else 0,
        width=info.shape(keys[0])[1] if keys else 0,
        state_width=width[STATE],
        action_width=width[ACTION],
        chunk_length=info.shape(CHUNK)[0] if CHUNK in features else 1,
        has_options=OPTIONS in features,
        labels=tuple(labels),
    )


def arrow_type(name: str, spec: Mapping[str, Any]) -> pa.DataType:
    """The Arrow type of a feature's column."""
    if name in (PERSISTENT, EVENTS):
        return pa.list_(row_type(name))
    if spec["dtype"] == "image":
        return pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    item = (
        pa.string() if spec["dtype"] == "string" else pa.from_numpy_dtype(np.dtype(spec["dtype"]))
    )
    shape = list(spec["shape"])
    if shape == [1]:
        return item
    if len(shape) == 1:
        return pa.list_(item, shape[0])
    for _ in shape:
        item = pa.list_(item)
    return item


def arrow_schema(features: Mapping[str, Mapping[str, Any]]) -> pa.Schema:
    """The schema of the data tables: all features but videos."""
    kept = {name: spec for name, spec in features.items() if spec["dtype"] != "video"}
    return pa.schema([pa.field(name, arrow_type(name, spec)) for name, spec in kept.items()])
