"""Reward terms about evidence: how many of the segments, frames and boxes that a policy picked out
are right (Video-CoM, arXiv 2511.23477).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.episode import Episode
from training.rewards.records import interval_overlap, last_truth, read_film_truth, turn_truths

TOOLS = {"find_segment": "segment", "find_frame": "frame", "zoom": "box"}
"""Tool of the film environment -> what it picks out."""


@dataclass(frozen=True, kw_only=True)
class Pick:
    """One thing that a policy picked out.

    Attributes:
        kind: "segment", "frame" or "box".
        counts: whether there is evidence to hold it against.
        right: whether it is right.
        found: numbers of the evidence stretches that it rightly shows.
    """

    kind: str
    counts: bool
    right: bool
    found: frozenset[int]


def evidence_fraction(group: Sequence[Episode], *, box_iou: float = 0.35) -> np.ndarray:
    """(segments + frames + boxes that are right) / (segments + frames + boxes picked out), in
    [0, 1]; 0 where none was picked out.

    RA-GRPO of Video-CoM, as published. A segment is right where it overlaps an evidence stretch, a
    frame inside one; a box counts only on a frame that has evidence boxes, and is right where its
    IoU with one of them is at least `box_iou`. Picks count only where the question has evidence of
    their kind, and picking nothing of a kind costs nothing.
    """
    return np.array([_published(_picks(e, box_iou, "evidence_fraction")) for e in group])


def evidence_fraction_ours(
    group: Sequence[Episode],
    *,
    box_iou: float = 0.35,
    segments: float = 1,
    frames: float = 1,
    boxes: float = 1,
) -> np.ndarray:
    """Evidence found / max(evidence there is, picks), each summed over segments, frames and boxes,
    in [0, 1]. Ours.

    Picks are right as above, but evidence counts as found once, however often it is picked again;
    picking nothing of a kind costs as much as there is to find; and a box on a frame without
    evidence boxes is a wrong pick. Evidence is counted in stretches, for boxes in those that have
    any. 0 in place of 1 leaves a kind out, as an environment that lacks the tool should.
    """
    wanted = {"segment": segments, "frame": frames, "box": boxes}
    kinds = [kind for kind, counts in wanted.items() if counts]
    return np.array([_ours(e, box_iou, kinds) for e in group])


def _published(picks: Sequence[Pick]) -> float:
    counted = [pick.right for pick in picks if pick.counts]
    return float(np.mean(counted)) if counted else 0.0


def _ours(episode: Episode, box_iou: float, kinds: Sequence[str]) -> float:
    term = "evidence_fraction_ours"
    stretches, boxes = _evidence(episode, term)
    picks = _picks(episode, box_iou, term)
    with_boxes = {number for box in boxes for number in _touched(box["interval"], stretches)}
    num_found = num_all = 0
    for kind in kinds:
        there = len(with_boxes) if kind == "box" else len(stretches)
        if there:
            some = [pick for pick in picks if pick.kind == kind]
            num_found += len(frozenset().union(*(pick.found for pick in some)))
            num_all += max(there, len(some))
    return num_found / num_all if num_all else 0.0


def _evidence(episode: Episode, term: str) -> tuple[list[Any], list[Any]]:
    """The evidence stretches and the evidence boxes of the question."""
    truth = last_truth(episode)
    stretches, boxes = (
        read_film_truth(episode, truth, key, term=term) or []
        for key in ("evidence", "evidence_boxes")
    )
    return stretches, boxes


def _picks(episode: Episode, box_iou: float, term: str) -> list[Pick]:
    """All that the policy picked out, in order."""
    stretches, boxes = _evidence(episode, term)
    picks: list[Pick] = []
    for turn in turn_truths(episode):
        kind = TOOLS.get(read_film_truth(episode, turn, "tool", term=term))
        if turn.get("kind") != "look" or kind is None:
            continue
        if kind == "segment":
            request = turn["request"]
            keys = ("start_seconds", "end_seconds")
            start, end = (read_film_truth(episode, request, key, term=term) for key in keys)
            picks.append(_segment(start, end, stretches))
        elif kind == "frame":
            picks += [_frame(seconds, stretches) for seconds in turn["shown_seconds"]]
        else:
            zooms = zip(turn["shown_seconds"], turn["shown_boxes"], strict=True)
            picks += [
                _box(t, box, boxes, stretches, box_iou) for t, box in zooms if box is not None
            ]
    return picks


def _segment(start: float, end: float, stretches: Sequence[Any]) -> Pick:
    found = [n for n, one in enumerate(stretches) if interval_overlap((start, end), one) > 0]
    return _pick("segment", bool(stretches), found)


def _frame(seconds: float, stretches: Sequence[Any]) -> Pick:
    found = [number for number, one in enumerate(stretches) if _covers(one, seconds)]
    return _pick("frame", bool(stretches), found)


def _box(
    seconds: float,
    box: Sequence[float],
    boxes: Sequence[Any],
    stretches: Sequence[Any],
    box_iou: float,
) -> Pick:
    there = [other for other in boxes if _covers(other["interval"], seconds)]
    hit = [other for other in there if _iou(box, other["box_xyxy_norm"]) >= box_iou]
    found = [number for other in hit for number in _touched(other["interval"], stretches)]
    return _pick("box", bool(there), found)


def _pick(kind: str, counts: bool, found: Sequence[int]) -> Pick:
    return Pick(kind=kind, counts=counts, right=bool(found), found=frozenset(found))


def _touched(interval: Sequence[float], stretches: Sequence[Any]) -> list[int]:
    """The stretches that an evidence box lies in; [-1] where the set names none for it."""
    touched = [n for n, one in enumerate(stretches) if interval_overlap(interval, one) > 0]
    return touched or [-1]


def _covers(interval: Sequence[float], seconds: float) -> bool:
    return interval[0] <= seconds < interval[1]


def _iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1); 0 where both are empty."""
    width, height = (
        interval_overlap((first[i], first[i + 2]), (second[i], second[i + 2])) for i in (0, 1)
    )
    areas = [max(0.0, b[2] - b[0]) * max(0.0, b[3] - b[1]) for b in (first, second)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0
