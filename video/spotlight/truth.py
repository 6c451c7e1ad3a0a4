"""The private truth that the environment reports beside each observation, JSON-able.

At the reset and after every step:

- `gold_letter`: of the right option, and `gold`: its text; None for a stretch of film, and where
  the set keeps it secret.
  `gold_intervals`: right stretches [s]. `question_kind`, `question_id`, `video`, `groups`.
- `kind`: "reset", "answer", "look", "time" or "invalid". `choice`: letter answered, or None;
  `predicted_interval`: stretch answered [s], or None; `tiou`: its largest temporal overlap with a
  right one, or None. `evidence_interval`: stretch named as evidence beside whatever else was said
  [s]; None where none was given that lies in the film.
- `tool`: what was asked for, or None. `request`: `start_frame` and `end_frame` of it, and what else
  there is to it (`start_seconds`, `end_seconds`, `segment`, `time`, `seconds`, `box_xyxy_norm`), or
  None. `time_answer`: the frame number that a time query was told, or None.
- `shown_frames`, `shown_seconds`: the frames shown at this turn; `shown_boxes`: the part of each
  that a zoom shows, as (x0, y0, x1, y1) in [0, 1], else None.
- `num_frames_used`: frames shown so far, the scan's among them and repeats counted;
  `frame_budget`: or None. `num_frames`, `fps`, `duration_seconds`: of the film.
- `evidence`: stretches that have to be seen [s]; `evidence_boxes`: where in the frame, each
  {`interval`, `box_xyxy_norm`}; `evidence_seen`: of each stretch, whether a frame shown so far lies
  in it.
- `relevance` of the frames shown at this turn: "correct" (some lie in evidence of which no frame
  had been shown), "redundant" (only in evidence of which some had), "erroneous" (in none), or None
  where none were shown, or the set names no evidence.
- `shown_evidence`: None where `relevance` is; else for each stretch of evidence `shown` (whether a
  frame lies in it), `overlap` and `covered` (temporal IoU of the stretch looked at with it, and its
  share in that stretch; for a zoom, where there are evidence boxes at that moment, of the box with
  the best of them), `needed` (whether no frame of it had been shown) and `salience` (1.0).
- `evidence_regions`: evidence boxes of the moments shown at this turn, as shares of the frame;
  `point_limits`: the x and y that a policy writes for its right and lower edge.
- `gained`: whether this turn's frames lie in a stretch of evidence that no frame before lay in.
- `sufficient`: whether every stretch of evidence had been hit before this reply (at the reset: by
  the scan); None where the set names no evidence.
- `consistent`, `broken_rule`: the verdict on the turns so far (see `video.spotlight.consistency`).
- `mentions_time`: whether the question's text holds a clock time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from video.frames import FrameSource
from video.intervals import temporal_iou
from video.questions import Interval, VideoQuestion
from video.spotlight.clock import mentions_time
from video.spotlight.consistency import Verdict
from video.spotlight.looks import Box, Look
from video.spotlight.shown_evidence import describe_shown


@dataclass(kw_only=True)
class Watched:
    """What an episode has shown so far.

    Attributes:
        evidence: stretches that have to be seen.
        num_frames: frames shown, repeats counted.
        seen: of each stretch, whether a frame shown lies in it.
        seen_before: the same before the latest frames.
    """

    evidence: tuple[Interval, ...]
    num_frames: int = 0
    seen: list[bool] = field(default_factory=list)
    seen_before: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen = self.seen_before = [False] * len(self.evidence)

    @property
    def sufficient(self) -> bool | None:
        """Whether all evidence has been hit; None where none is known."""
        return all(self.seen) if self.evidence else None

    def add(self, seconds: Sequence[float]) -> bool:
        """Note frames that are shown, and say whether they hit evidence for the first time."""
        self.num_frames += len(seconds)
        self.seen_before = self.seen
        hits = [any(interval.contains(s) for s in seconds) for interval in self.evidence]
        gained = any(hit and not seen for hit, seen in zip(hits, self.seen, strict=True))
        self.seen = [hit or seen for hit, seen in zip(hits, self.seen, strict=True)]
        return gained


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What one turn showed.

    Attributes:
        frames: which frames, in order.
        seconds: when each is first shown in the film [s].
        box_xyxy_norm: the part of them that was shown; None for the whole.
        told: the frame number that a time query was told, or None.
    """

    frames: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    box_xyxy_norm: Box | None = None
    told: int | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened since the last observation.

    Attributes:
        kind: "reset", "answer", "look", "time" or "invalid".
        choice: letter answered, or None.
        interval: stretch answered [s], or None.
        evidence_interval: stretch named as evidence [s], or None.
        look: what was asked for and met, or None.
        shown: what came of it.
        gained: whether its frames hit evidence for the first time.
        sufficient: whether all evidence had been hit before; None where none is known.
    """

    kind: str
    choice: str | None = None
    interval: tuple[float, float] | None = None
    evidence_interval: tuple[float, float] | None = None
    look: Look | None = None
    shown: Shown = Shown()
    gained: bool = False
    sufficient: bool | None = None


def make_truth(
    step: Step,
    question: VideoQuestion,
    film: FrameSource,
    watched: Watched,
    *,
    frame_budget: int | None,
    verdict: Verdict,
) -> dict[str, Any]:
    """The truth after a step; keys as above."""
    look, shown = step.look, step.shown
    box = None if shown.box_xyxy_norm is None else list(shown.box_xyxy_norm)
    return {
        **_about_question(question),
        "kind": step.kind,
        "choice": step.choice,
        "predicted_interval": _listed(step.interval),
        "tiou": best_overlap(step.interval, question.intervals),
        "evidence_interval": _listed(step.evidence_interval),
        "tool": None if look is None else look.tool,
        "request": None if look is None else _request(look, film),
        "time_answer": shown.told,
        "shown_frames": list(shown.frames),
        "shown_seconds": list(shown.seconds),
        "shown_boxes": [box] * len(shown.frames),
        "num_frames_used": watched.num_frames,
        "frame_budget": frame_budget,
        "num_frames": film.num_frames,
        "fps": float(film.average_fps),
        "duration_seconds": float(film.duration_seconds),
        "evidence_seen": list(watched.seen),
        **describe_shown(question, film, look, shown.seconds, watched.seen_before),
        "gained": step.gained,
        "sufficient": step.sufficient,
        "consistent": verdict.consistent,
        "broken_rule": verdict.broken_rule,
    }


def best_overlap(interval: tuple[float, float] | None, golds: Sequence[Interval]) -> float | None:
    """Largest temporal overlap (intersection over union) of a stretch with any right one, in
    [0, 1]; None where there is no stretch, or none that is right.
    """
    if interval is None or not golds:
        return None
    return max(temporal_iou(interval, gold) for gold in golds)


def _about_question(question: VideoQuestion) -> dict[str, Any]:
    return {
        "gold": None if question.answer is None else question.letters()[question.answer],
        "gold_letter": question.answer,
        "gold_intervals": [_pair(interval) for interval in question.intervals],
        "question_kind": question.kind,
        "question_id": question.question_id,
        "video": question.video,
        "groups": dict(question.groups),
        "evidence": [_pair(interval) for interval in question.evidence],
        "evidence_boxes": [
            {"interval": _pair(box.interval), "box_xyxy_norm": list(box.box_xyxy_norm)}
            for box in question.evidence_boxes
        ],
        "mentions_time": mentions_time(question.text),
    }


def _request(look: Look, film: FrameSource) -> dict[str, object]:
    start, end = look.frame_range
    return {"start_frame": start, "end_frame": end, **look.details}


def _listed(stretch: tuple[float, float] | None) -> list[float] | None:
    return None if stretch is None else list(stretch)


def _pair(interval: Interval) -> list[float]:
    return [interval.start_seconds, interval.end_seconds]
