"""A question about a film, and where in the film its evidence is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True, order=True)
class Interval:
    """A stretch of film, half-open.

    Attributes:
        start_seconds: from the start of the film, 0 or more [s].
        end_seconds: above start_seconds [s].
    """

    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < self.end_seconds < math.inf:  # also false for NaN
            raise ValueError(
                f"interval [{self.start_seconds}, {self.end_seconds}) s is reversed, empty or not "
                "finite; legal: 0 <= start < end"
            )

    def contains(self, seconds: float) -> bool:
        """Whether a time lies in it."""
        return self.start_seconds <= seconds < self.end_seconds


@dataclass(frozen=True, kw_only=True)
class EvidenceBox:
    """Where in the frame the evidence is, over a stretch of film.

    Attributes:
        interval: when.
        box_xyxy_norm: (x0, y0, x1, y1) as shares of width and height, in [0, 1].
    """

    interval: Interval
    box_xyxy_norm: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class VideoQuestion:
    """One question of a set.

    Attributes:
        question_id: unique in its set.
        video: the film's path relative to the set's directory of films, or the name of a film that
            is rendered when asked for.
        text: the question, without its options.
        kind: the set's own name for what sort of question it is.
        options: texts of the options in order, without letters; empty where the answer is a stretch
            of film.
        answer: letter of the right option; None for a stretch, and where the set keeps it secret.
        intervals: right stretches, any of which counts; empty for a choice.
        evidence: stretches that have to be seen to answer; empty where the set does not say.
        evidence_boxes: where to look in them; empty where the set does not say.
        subtitles: path of the subtitles relative to the set's directory, or None.
        groups: further divisions that metrics are reported by: name -> value, such as duration ->
            short.
        extra: what the set's own result file needs beside, JSON-able.
    """

    question_id: str
    video: str
    text: str
    kind: str
    options: tuple[str, ...] = ()
    answer: str | None = None
    intervals: tuple[Interval, ...] = ()
    evidence: tuple[Interval, ...] = ()
    evidence_boxes: tuple[EvidenceBox, ...] = ()
    subtitles: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.answer is not None and self.answer not in self.letters():
            raise ValueError(
                f"question {self.question_id}: answer is {self.answer!r}; legal: "
                f"{', '.join(self.letters()) or 'none, as there are no options'}"
            )

    def letters(self) -> dict[str, str]:
        """Letter -> text of each option, in order."""
        return dict(zip(LETTERS, self.options, strict=False))
