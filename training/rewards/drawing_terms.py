"""Reward terms of policies that draw on the picture and look at it again: VILASR (arXiv 2506.09965)
and ViTAR ("Think Twice").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from policies.replies import read_reply
from training.episode import Episode
from training.rewards.looking import read_look_truth
from training.rewards.records import last_truth, turn_truths
from training.rewards.regions import box_iou, point_in_box

ERRORS = tuple((100 - percent) / 100 for percent in range(50, 100, 5))
"""Relative errors below which a number counts as right: 0.50, 0.45 ... 0.05."""


def relative_accuracy(group: Sequence[Episode]) -> np.ndarray:
    """Where the right answer is a number, the share of the thresholds t = 0.50, 0.55 ... 0.95 with
    |y - g| / |g| < 1 - t; else 1 where solved. In [0, 1]; VILASR's accuracy.

    The number answered is that of the option chosen. A right answer of 0 must be met exactly.
    """
    return np.array([_relative_accuracy(episode) for episode in group])


def partly_right(group: Sequence[Episode]) -> np.ndarray:
    """1 where `relative_accuracy` is above 0: the gate of VILASR's format reward."""
    return (relative_accuracy(group) > 0).astype(float)


def drew(group: Sequence[Episode]) -> np.ndarray:
    """1 where something was drawn on the picture, else 0."""
    return np.array([float(bool(_drawings(episode, "drew"))) for episode in group])


def redrew(group: Sequence[Episode]) -> np.ndarray:
    """1 where something was drawn again elsewhere under the same name, else 0: what VILASR's
    reflective rejection sampling looks for. It is no part of VILASR's reward.
    """
    return np.array([float(_redrew(_drawings(episode, "redrew"))) for episode in group])


def drawn_on_evidence(group: Sequence[Episode], *, min_overlap: float = 0.3) -> np.ndarray:
    """Share of what was drawn that is on evidence, in [0, 1]; 0 where nothing was drawn. Ours.

    A box is where its IoU with a thing that the answer hangs on is at least `min_overlap`, a mark
    where it lies on one, a line where both its ends do.
    """
    return np.array([_share_on_evidence(episode, min_overlap) for episode in group])


def acts_first(group: Sequence[Episode]) -> np.ndarray:
    """1 where the first reply is well formed, thinks and acts: the first 0.2 of ViTAR's reward."""
    return np.array([_reply_is(episode, 0, "action") for episode in group])


def answers_last(group: Sequence[Episode]) -> np.ndarray:
    """1 where the last reply is well formed and answers: the second 0.2 of ViTAR's reward."""
    return np.array([_reply_is(episode, -1, "answer") for episode in group])


def _reply_is(episode: Episode, index: int, kind: str) -> float:
    if not episode.turns:
        return 0.0
    reply = read_reply(episode.turns[index].output.text or "")
    return float(reply.well_formed and reply.kind == kind)


def _relative_accuracy(episode: Episode) -> float:
    truth = last_truth(episode)
    choice = truth.get("choice")
    options = episode.turns[-1].options if episode.turns else {}
    right, answered = _number(truth.get("gold")), _number(options.get(choice or ""))
    if right is None or answered is None or not right:
        return float(episode.success)
    error = abs(answered - right) / abs(right)
    return float(np.mean([error < limit for limit in ERRORS]))


def _number(text: Any) -> float | None:
    """The number that a text is; None for any other text."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _drawings(episode: Episode, term: str) -> list[Mapping[str, Any]]:
    """What was drawn, in order: its kind, its points [px of the photograph] and its label."""
    found = [read_look_truth(episode, t, "drawn", term=term) for t in turn_truths(episode)]
    return [drawn for drawn in found if drawn]


def _redrew(drawings: Sequence[Mapping[str, Any]]) -> bool:
    named = [(one["kind"], one["label"], one["points"]) for one in drawings if one["label"]]
    return any(
        (kind, label) == (other_kind, other) and points != others
        for i, (kind, label, points) in enumerate(named)
        for other_kind, other, others in named[:i]
    )


def _share_on_evidence(episode: Episode, min_overlap: float) -> float:
    drawings = _drawings(episode, "drawn_on_evidence")
    evidence = last_truth(episode).get("evidence") or []
    boxes = [piece["object_box_xyxy"] for piece in evidence if piece["object_box_xyxy"]]
    hits = [any(_is_on(drawn, box, min_overlap) for box in boxes) for drawn in drawings]
    return float(np.mean(hits)) if hits else 0.0


def _is_on(drawn: Mapping[str, Any], box: Sequence[float], min_overlap: float) -> bool:
    points = drawn["points"]
    if drawn["kind"] == "box":
        return box_iou([*points[0], *points[1]], box) >= min_overlap
    return all(point_in_box(point, box) for point in points)
