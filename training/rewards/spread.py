"""How far a reward sets right predictions apart from wrong ones: a table of what boxes and paths
that err in known ways earn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from policies.interface import PolicyOutput
from training.episode import Episode, EpisodeTruth, Turn
from training.rewards.compose import RewardConfig, reward_group
from training.statistics import mean_stderr

Tables = dict[str, dict[str, dict[str, Any]]]
Change = Callable[[np.ndarray], np.ndarray]

RIGHT = "exact"
WHOLE_PICTURE = np.array([0.0, 0.0, 1.0, 1.0])
MIDDLE = np.array([0.25, 0.25, 0.75, 0.75])


def shifted_box(box: np.ndarray, share: float) -> np.ndarray:
    """A box moved to the right by a share of the picture."""
    return box + np.array([share, 0.0, share, 0.0])


def resized_box(box: np.ndarray, factor: float) -> np.ndarray:
    """A box with sides so many times as long, around the same middle."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.concatenate([middle - factor * half, middle + factor * half])


def far_box(box: np.ndarray) -> np.ndarray:
    """A small box in the corner that is furthest away."""
    corner = np.where((box[:2] + box[2:]) / 2 < 0.5, 0.95, 0.0)
    return np.concatenate([corner, corner + 0.05])


def changed_path(path: np.ndarray, offset: float, angle: float, ratio: float) -> np.ndarray:
    """A path turned about its start [rad], stretched, and moved to the right."""
    cos, sin = math.cos(angle), math.sin(angle)
    turned = (path - path[0]) @ np.array([[cos, sin], [-sin, cos]])
    return path[0] + ratio * turned + np.array([offset, 0.0])


BOXES: dict[str, Change] = {
    RIGHT: lambda box: box,
    "5 % aside": lambda box: shifted_box(box, 0.05),
    "just beside": lambda box: shifted_box(box, box[2] - box[0]),
    "twice as large": lambda box: resized_box(box, 2.0),
    "whole picture": lambda _: WHOLE_PICTURE,
    "middle of the picture": lambda _: MIDDLE,
    "small and far": far_box,
}
"""What is predicted -> from the right box."""
PATHS: dict[str, Change] = {
    RIGHT: lambda path: path,
    "a point repeated": lambda path: np.concatenate([path[:1], path]),
    "5 % aside, 0.2 rad, 1.2 x": lambda path: changed_path(path, 0.05, 0.2, 1.2),
    "10 % aside, 0.5 rad, 1.5 x": lambda path: changed_path(path, 0.10, 0.5, 1.5),
    "30 % aside, 90 degrees, 2 x": lambda path: changed_path(path, 0.30, math.pi / 2, 2.0),
    "50 % aside, 180 degrees, 3 x": lambda path: changed_path(path, 0.50, math.pi, 3.0),
    "30 % aside": lambda path: changed_path(path, 0.30, 0.0, 1.0),
    "turned by 90 degrees": lambda path: changed_path(path, 0.0, math.pi / 2, 1.0),
    "backwards": lambda path: path[::-1],
}
"""What is predicted -> from the right path."""
WRONG = {
    "box": ("whole picture", "middle of the picture", "small and far"),
    "path": (
        "30 % aside, 90 degrees, 2 x",
        "50 % aside, 180 degrees, 3 x",
        "30 % aside",
        "turned by 90 degrees",
        "backwards",
    ),
}
"""Table -> what no reward should pay for."""


def draw_box(rng: np.random.Generator) -> np.ndarray:
    """A box of a thing on the table: 5 to 14 % of the picture each way."""
    size = rng.uniform(0.05, 0.14, size=2)
    middle = rng.uniform(0.2, 0.8, size=2)
    return np.concatenate([middle - size / 2, middle + size / 2])


def draw_path(rng: np.random.Generator, num_points: int = 8) -> np.ndarray:
    """An arc of 10 to 40 % of the picture, bent to one side by up to a quarter of its length."""
    angle, length = rng.uniform(-math.pi, math.pi), rng.uniform(0.10, 0.40)
    along = np.linspace(0.0, 1.0, num_points)
    aside = 4 * rng.uniform(-0.25, 0.25) * along * (1 - along)
    arc = changed_path(np.stack([along, aside], axis=1), 0.0, angle, length)
    return arc + rng.uniform(0.3, 0.7, size=2) - arc.mean(axis=0)


def spread_tables(
    rewards: Mapping[str, RewardConfig], num_truths: int, rng: np.random.Generator
) -> tuple[Tables, dict[str, float]]:
    """What predictions earn under each reward, on average over right boxes and paths.

    Args:
        rewards: name -> reward over predictions.
        num_truths: how many boxes and paths are drawn, at least 1.
        rng: draws them.

    Returns:
        Tables "box" and "path": prediction -> reward -> mean, stderr, n. And figures
        "<table>_spread.<reward>": what the right one earns above the best paid of `WRONG`.
    """
    boxes = [draw_box(rng) for _ in range(num_truths)]
    paths = [draw_path(rng) for _ in range(num_truths)]
    tables: Tables = {
        "box": _rows(rewards, BOXES, boxes, "box"),
        "path": _rows(rewards, PATHS, paths, "trajectory"),
    }
    figures = {
        f"{table}_spread.{name}": rows[RIGHT][name]["mean"]
        - max(rows[wrong][name]["mean"] for wrong in WRONG[table])
        for table, rows in tables.items()
        for name in rewards
    }
    return tables, figures


def _rows(
    rewards: Mapping[str, RewardConfig],
    changes: Mapping[str, Change],
    truths: list[np.ndarray],
    kind: str,
) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for row, change in changes.items():
        group = [predicting_episode(kind, change(truth), truth) for truth in truths]
        rows[row] = {
            name: mean_stderr(reward_group(group, reward).total) for name, reward in rewards.items()
        }
    return rows


def predicting_episode(kind: str, predicted: np.ndarray, right: np.ndarray) -> Episode:
    """An episode of one well-formed reply that predicts a box or a path, without a picture.

    Args:
        kind: "box" or "trajectory".
        predicted, right: normalised boxes (4,) or points (N, 2). What is predicted is clipped to
            the picture, as an environment does.
    """
    value = np.clip(predicted, 0.0, 1.0).tolist()
    prediction = {
        "kind": kind,
        "value": value,
        "problem": "",
        "well_formed": True,
        "num_clipped": 0,
        "boxes": [value] if kind == "box" else [],
    }
    initial = {
        "affordance": {"camera": "front", "box_xyxy_norm": right.tolist()},
        "expert_path": {"camera": "front", "points": right.tolist()},
    }
    turn = Turn(
        text="", image_pngs=(), state=None, options={}, output=PolicyOutput(text=""), reward=0.0
    )
    return Episode(
        task_id="prediction",
        env_id="prediction",
        env_config_hash="",
        seed=0,
        turns=[turn],
        terminated=True,
        truth=EpisodeTruth(initial=initial, turns=[{"prediction": prediction}]),
    )
