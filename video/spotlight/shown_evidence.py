"""How a look at a film shows each stretch of its evidence: the keys that every family of
environments tells of its looks (see `video.spotlight.truth`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from video.frames import FrameSource
from video.intervals import temporal_iou
from video.questions import EvidenceBox, Interval, VideoQuestion
from video.spotlight.looks import Box, Look

Span = tuple[float, float]


def describe_shown(
    question: VideoQuestion,
    film: FrameSource,
    look: Look | None,
    seconds: Sequence[float],
    seen_before: Sequence[bool],
) -> dict[str, Any]:
    """`relevance`, `shown_evidence`, `evidence_regions` and `point_limits` of a turn.

    Args:
        question: names the evidence.
        film: says which frame is shown when.
        look: what was asked for and met, or None.
        seconds: when the frames were on that were shown [s].
        seen_before: of each stretch, whether a frame of it had been shown.
    """
    boxes = [b for b in question.evidence_boxes if any(b.interval.contains(s) for s in seconds)]
    pieces = None
    if look is not None and seconds and question.evidence:
        span = _span(look, film)
        pieces = [
            _piece(stretch, span, look.box_xyxy_norm, seconds, boxes) | {"needed": not seen}
            for stretch, seen in zip(question.evidence, seen_before, strict=True)
        ]
    return {
        "relevance": None if pieces is None else _relevance(pieces),
        "shown_evidence": pieces,
        "evidence_regions": [list(box.box_xyxy_norm) for box in boxes],
        "point_limits": [1.0, 1.0],
    }


def _piece(
    stretch: Interval,
    span: Span,
    zoomed: Box | None,
    seconds: Sequence[float],
    boxes: Sequence[EvidenceBox],
) -> dict[str, Any]:
    """How frames at these times show a stretch of evidence."""
    overlap, covered = temporal_iou(span, stretch), _share_in(stretch, span)
    here = [b.box_xyxy_norm for b in boxes if temporal_iou(_pair(b.interval), stretch) > 0]
    if zoomed is not None and here:
        overlap = max(_box_iou(zoomed, box) for box in here)
        covered = max(_common(zoomed, b) / _area(b) if _area(b) > 0 else 0.0 for b in here)
    shown = any(stretch.contains(moment) for moment in seconds)
    return {"overlap": overlap, "covered": covered, "shown": shown, "salience": 1.0}


def _relevance(pieces: Sequence[dict[str, Any]]) -> str:
    shown = [piece for piece in pieces if piece["shown"]]
    if not shown:
        return "erroneous"
    return "correct" if any(piece["needed"] for piece in shown) else "redundant"


def _span(look: Look, film: FrameSource) -> Span:
    """The stretch of film that a look is about [s]: what it names, else that of its frames, the
    last one's own time included.
    """
    named = [look.details.get(name) for name in ("start_seconds", "end_seconds")]
    if isinstance(named[0], float | int) and isinstance(named[1], float | int):
        return float(named[0]), float(named[1])
    first, last = look.frame_range
    fps = float(film.average_fps)
    return first / fps, max(last, first + 1) / fps


def _share_in(stretch: Interval, span: Span) -> float:
    shared = min(stretch.end_seconds, span[1]) - max(stretch.start_seconds, span[0])
    return max(0.0, shared) / (stretch.end_seconds - stretch.start_seconds)


def _pair(interval: Interval) -> Span:
    return interval.start_seconds, interval.end_seconds


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _common(first: Box, second: Box) -> float:
    """Area of what two boxes share."""
    return _area(
        (
            max(first[0], second[0]),
            max(first[1], second[1]),
            min(first[2], second[2]),
            min(first[3], second[3]),
        )
    )


def _box_iou(first: Box, second: Box) -> float:
    shared = _common(first, second)
    union = _area(first) + _area(second) - shared
    return shared / union if union > 0 else 0.0
