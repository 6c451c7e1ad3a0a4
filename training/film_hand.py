"""What a robot's episode says at a moment, gathered for a film of it: how far the task is done, the
action in numbers, and what was predicted in the picture beside what is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.episode import Episode, is_robots

Truth = Mapping[str, Any]
Point = tuple[float, float]
DEFAULT_CAMERAS = ("front", "wrist")
"""What a turn's pictures are of, where nobody says."""
MAX_NUMBERS = 8
"""Of an action that are shown."""
_NAMES: dict[int, tuple[str, ...]] = {
    4: ("dx", "dy", "dz", "grip"),
    5: ("x", "y", "z", "yaw", "grip"),
    7: ("dx", "dy", "dz", "rx", "ry", "rz", "grip"),
    8: ("j1", "j2", "j3", "j4", "j5", "j6", "j7", "grip"),
}
"""How many numbers an action has -> what they are."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something drawn onto a picture.

    Attributes:
        kind: "box" or "path".
        points: a box's two corners, or a path's points, (x, y) in shares of the picture.
        is_right: whether it is the simulator's; else a policy predicted it.
    """

    kind: str
    points: tuple[Point, ...]
    is_right: bool


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A number of an action.

    Attributes:
        name: what it is.
        value: the number.
        limit: what a full bar stands for, above 0.
    """

    name: str
    value: float
    limit: float


@dataclass(frozen=True, kw_only=True)
class Hand:
    """How things stand in a robot's episode.

    Attributes:
        stages: of the task, in order; empty where they are not known.
        stage: the one that is under way.
        progress: share of the task that is done, in [0, 1].
        best: the most that it has been.
        bars: the action's numbers, zeros before there is any; none for replies in words.
        row, num_rows: which action of a chunk it is, from 0, and how many there are.
        marks: to be drawn onto `marked_picture`.
        marked_picture: index of that picture.
        facts: names and values, such as where the hand is.
        curve: the progress at every turn so far, and now.
        num_turns: how many points the curve has in the end, less one.
    """

    stages: tuple[str, ...]
    stage: str
    progress: float
    best: float
    bars: tuple[Bar, ...]
    row: int
    num_rows: int
    marks: tuple[Mark, ...]
    marked_picture: int
    facts: tuple[tuple[str, str], ...]
    curve: tuple[float, ...]
    num_turns: int


def read_hand(
    episode: Episode,
    turn: int,
    stage: str,
    *,
    row: int = 0,
    cameras: Sequence[str] = (),
    moment: Truth | None = None,
) -> Hand | None:
    """How things stand at a moment; None for episodes that are no robot's.

    Args:
        episode: with at least one turn.
        turn: index of the turn, from 0.
        stage: one of `film_view.STAGES`.
        row: of the action, where it is a chunk; beyond its end, its last.
        cameras: names of a turn's pictures; empty takes `DEFAULT_CAMERAS`.
        moment: the truth of a moment while the turn's action is carried out; None for the one at
            which the turn's picture was taken, or the last one for the stage "end".
    """
    if not is_robots(episode):
        return None
    truths = _truths(episode)
    now = moment or truths[turn + (stage == "end")]
    known = truths[: turn + (stage == "end" or moment is not None)]
    names = tuple(cameras) or DEFAULT_CAMERAS
    marks, camera = _marks(truths, turn, stage, moving=moment is not None)
    bars, row, num_rows = _bars(episode, turn, row, acted=stage != "before")
    return Hand(
        stages=tuple(now.get("stages", ())),
        stage=str(now.get("stage", "")),
        progress=float(now.get("progress", 0.0)),
        best=max(float(one.get("progress_best", 0.0)) for one in (truths[turn], now)),
        bars=bars,
        row=row,
        num_rows=num_rows,
        marks=marks if camera in names else (),
        marked_picture=names.index(camera) if camera in names else 0,
        facts=_facts(now),
        curve=tuple(float(one.get("progress", 0.0)) for one in [*known, now]),
        num_turns=len(episode.turns),
    )


def _truths(episode: Episode) -> list[Truth]:
    """The truth at the reset and after every turn; empty ones where it is not there."""
    num = len(episode.turns) + 1
    if episode.truth is None:
        return [{}] * num
    known: list[Truth] = [episode.truth.initial, *episode.truth.turns]
    return [*known, *[{}] * num][:num]


def _marks(
    truths: Sequence[Truth], turn: int, stage: str, *, moving: bool
) -> tuple[tuple[Mark, ...], str]:
    """What is predicted and what is right, and the camera that this is about.

    What is right is known for the episode's start alone: a box counts while nothing has moved, and
    a path until a prediction has been carried out.
    """
    start, predicted = truths[0], truths[turn + 1].get("prediction") or {}
    speaks = bool(predicted)
    right_path, right_box = start.get("expert_path") or {}, start.get("affordance") or {}
    camera = str((right_path or right_box).get("camera", DEFAULT_CAMERAS[0]))
    if speaks and stage == "before":
        return (), camera
    asked = predicted.get("kind", "none")
    marks = []
    if not any(one.get("executed") for one in truths[1 : turn + 1]):
        box, still = right_box.get("box_xyxy_norm"), not moving and stage != "end"
        if box and still and asked != "trajectory" and (speaks or turn == 0):
            marks.append(Mark(kind="box", points=_corners(box), is_right=True))
        if right_path.get("points") and asked != "box":
            marks.append(Mark(kind="path", points=_points(right_path["points"]), is_right=True))
    if asked == "trajectory":
        marks.append(Mark(kind="path", points=_points(predicted["value"]), is_right=False))
    if asked == "box" and not moving and stage != "end":
        boxes = predicted.get("boxes") or [predicted["value"]]
        marks += [Mark(kind="box", points=_corners(box), is_right=False) for box in boxes]
    return tuple(marks), camera


def _points(points: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _corners(box: Sequence[float]) -> tuple[Point, ...]:
    return (float(box[0]), float(box[1])), (float(box[2]), float(box[3]))


def _bars(
    episode: Episode, turn: int, row: int, *, acted: bool
) -> tuple[tuple[Bar, ...], int, int]:
    """An action's numbers, which row of its chunk they are, and how many rows it has."""
    action = episode.turns[turn].output.action
    if action is None:
        return (), 0, 1
    rows = np.atleast_2d(action)
    row = min(row, len(rows) - 1)
    width = rows.shape[1]
    names = _NAMES.get(width, tuple(f"a{index + 1}" for index in range(width)))
    limits = _limits(episode, width)
    values = rows[row] if acted else np.zeros(width)
    triples = zip(names, values, limits, strict=True)
    bars = [Bar(name=name, value=float(value), limit=limit) for name, value, limit in triples]
    return tuple(bars[:MAX_NUMBERS]), row, len(rows)


def _limits(episode: Episode, width: int) -> list[float]:
    """What full bars stand for: 1, or pi where angles go beyond that, or the largest there is."""
    actions = [np.atleast_2d(t.output.action) for t in episode.turns if t.output.action is not None]
    fitting = np.concatenate([rows for rows in actions if rows.shape[1] == width])
    largest = np.nan_to_num(np.abs(fitting), nan=0.0, posinf=0.0, neginf=0.0).max(axis=0)
    return [next((one for one in (1.0, math.pi) if size <= one), float(size)) for size in largest]


def _facts(now: Truth) -> tuple[tuple[str, str], ...]:
    """What is known of a moment, and of what the action before it brought."""
    facts: list[tuple[str, str]] = []
    if "ee_position" in now:
        x, y, z = (100 * float(value) for value in now["ee_position"])
        facts.append(("hand", f"{x:.1f}, {y:.1f}, {z:.1f} cm"))
    if "finger_width" in now:
        facts.append(("fingers", f"{1000 * float(now['finger_width']):.0f} mm apart"))
    if "grasped" in now:
        facts.append(("holds", str(now["grasped"] or "nothing").replace("_", " ")))
    if "distance" in now:
        facts.append(("to go", f"{100 * float(now['distance']):.1f} cm"))
    if now.get("executed") and not now.get("success_once"):  # success ends it on the way
        reached = now["executed"].get("reached")
        facts.append(("waypoints", "all reached" if reached else "not all reached"))
    if now.get("variation"):
        facts.append(("held out", f"{now['split']}: {now['variation']}"))
    return tuple(facts)
