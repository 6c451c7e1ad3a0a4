"""Stretches of film as they are written, and how far two of them agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from video.questions import Interval

Span = tuple[float, float]
"""(start, end) in seconds; start may equal end: a moment."""

CLOCK = r"\d{1,6}(?::[0-5]?\d){1,2}(?:\.\d{1,6})?"
SECONDS = r"\d{1,9}(?:\.\d{1,9})?"
TIME = rf"(?:{CLOCK}|{SECONDS})"
UNIT = r"(?:[ \t]*(?:seconds?|secs?|s)\b)?"
PLAIN_SPAN = re.compile(rf"\s*({TIME})\s+to\s+({TIME})\s*")
FREE_SPAN = re.compile(
    rf"(?<![\w.:])({TIME}){UNIT}[ \t]*(?:-|–|—|,|to\b|and\b|until\b)[ \t]*"
    rf"({TIME})(?!:|\.?\d){UNIT}(?!\w)",
    re.IGNORECASE,
)
FIELD = re.compile(
    rf"\b(start|end)(?:s|ing)?(?![a-z])[^\d\n]{{0,40}}?({TIME})(?!:|\.?\d)", re.IGNORECASE
)
REFERENCE = re.compile(rf"\s*({CLOCK})\s*(?:-|–|—|~|to)\s*({CLOCK})\s*")


def read_clock(text: str) -> float:
    """`SS`, `MM:SS` or `H:MM:SS`, each with a fraction or without, in seconds. Minutes before the
    first colon may be 60 or more.

    Raises:
        ValueError: for anything else.
    """
    if not re.fullmatch(TIME, text.strip()):
        raise ValueError(f"{text!r} is no time; legal: SS, MM:SS, H:MM:SS")
    seconds = 0.0
    for part in text.strip().split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def read_span(text: str) -> Span | None:
    """`12.0 to 15.5` or `0:12 to 0:15.5`, start before end, in seconds; None for anything else."""
    found = PLAIN_SPAN.fullmatch(text)
    if not found:
        return None
    start, end = map(read_clock, found.groups())
    return (start, end) if start < end else None


def find_spans(text: str) -> list[Span]:
    """Every stretch that a text names, in order; start and end put into order."""
    fields = [(name.lower(), read_clock(time)) for name, time in FIELD.findall(text)]
    if [name for name, _ in fields] == ["start", "end"]:
        return [_ordered(fields[0][1], fields[1][1])]
    return [_ordered(*map(read_clock, found.groups())) for found in FREE_SPAN.finditer(text)]


def read_reference(text: str) -> Interval:
    """A time reference `MM:SS-MM:SS` or `HH:MM:SS-HH:MM:SS`. Its times are whole seconds: one that
    begins and ends in the same second lasts that second.

    Raises:
        ValueError: for anything else, or a reversed one.
    """
    found = REFERENCE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no time reference; legal: MM:SS-MM:SS, HH:MM:SS-HH:MM:SS")
    start, end = map(read_clock, found.groups())
    return Interval(start_seconds=start, end_seconds=end + 1 if end == start else end)


def temporal_iou(span: Span, truth: Interval) -> float:
    """Length of the overlap / length of the union, in [0, 1].

    0 for a moment. (The sets' own code divides by the hull of the two, which is their union
    wherever they overlap.)
    """
    overlap = _overlap(span, truth)
    union = (span[1] - span[0]) + (truth.end_seconds - truth.start_seconds) - overlap
    return overlap / union


def temporal_iop(span: Span, truth: Interval) -> float:
    """Length of the overlap / length of the prediction, in [0, 1].

    A moment has 1 inside the truth, its ends included, and 0 outside (as in NExT-GQA's own code).
    """
    if span[0] == span[1]:
        return float(truth.start_seconds <= span[0] <= truth.end_seconds)
    return _overlap(span, truth) / (span[1] - span[0])


def best(
    measure: Callable[[Span, Interval], float], span: Span | None, truths: Sequence[Interval]
) -> float:
    """The largest of a measure over several true stretches; 0 where nothing was predicted."""
    return 0.0 if span is None else max((measure(span, truth) for truth in truths), default=0.0)


def _overlap(span: Span, truth: Interval) -> float:
    return max(0.0, min(span[1], truth.end_seconds) - max(span[0], truth.start_seconds))


def _ordered(start: float, end: float) -> Span:
    return (start, end) if start <= end else (end, start)
