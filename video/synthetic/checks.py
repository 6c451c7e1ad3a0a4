"""Whether questions about films are as hard, and as fair, as they are meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from video.questions import VideoQuestion
from video.spotlight.tools import spotlight_indices, uniform_indices
from video.synthetic.events import Event
from video.synthetic.expert import make_expert
from video.synthetic.questions import is_needle
from video.synthetic.record import Film

_LOOK = re.compile(r"<action>choose frames between (\d+) and (\d+)</action>")
_TIME = re.compile(r"<action>get frame number at time ([\d:]+)</action>")
_ANSWER = re.compile(r"<answer>(.*)</answer>")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a turn showed.

    Attributes:
        frames: indices of the frames.
        told: the frame number that a time query was told, or None.
    """

    frames: tuple[int, ...] = ()
    told: int | None = None


@dataclass(frozen=True, kw_only=True)
class Search:
    """How an expert fared with a question.

    Attributes:
        success: whether its answer is right; for a stretch, whether it overlaps the right one by
            half (IoU).
        num_frames: shown, those of the scan among them.
        num_replies: the answer among them.
        evidence_seen: whether a frame was shown of every stretch of evidence.
        replies: what it said.
    """

    success: bool
    num_frames: int
    num_replies: int
    evidence_seen: bool
    replies: tuple[str, ...]


def run_expert(
    film: Film,
    question: VideoQuestion,
    *,
    scan_frames: int,
    look_frames: int,
    max_turns: int,
    frame_budget: int | None = None,
    style: str = "best",
    brief: bool = False,
    hears: bool = False,
) -> Search:
    """Let an expert answer, with the frames that the spotlight environment would show it.

    Args:
        film: the film.
        question: drawn from it.
        scan_frames: of the first scan.
        look_frames, max_turns, frame_budget, style, brief, hears: see `SpotlightExpert`.
    """
    expert = make_expert(
        question,
        film,
        look_frames=look_frames,
        max_turns=max_turns,
        frame_budget=frame_budget,
        style=style,
        brief=brief,
        hears=hears,
    )
    history = [Turn(frames=tuple(uniform_indices(film.num_frames, scan_frames)))]
    replies: list[str] = []
    while len(replies) < max_turns and not (replies and _ANSWER.search(replies[-1])):
        replies.append(expert.reply(history))
        history.append(_show(film, replies[-1], history, look_frames, frame_budget))
    frames = [frame for turn in history for frame in turn.frames]
    return Search(
        success=_is_right(question, replies[-1]),
        num_frames=len(frames),
        num_replies=len(replies),
        evidence_seen=_covers(film, question, frames),
        replies=tuple(replies),
    )


def _show(
    film: Film, reply: str, history: Sequence[Turn], look_frames: int, budget: int | None
) -> Turn:
    look, time = _LOOK.search(reply), _TIME.search(reply)
    if time is not None:
        seconds = 0
        for part in time.group(1).split(":"):
            seconds = 60 * seconds + int(part)
        return Turn(told=seconds * film.fps)
    if look is None:
        return Turn()
    shown = sum(len(turn.frames) for turn in history)
    num = look_frames if budget is None else min(look_frames, budget - shown)
    return Turn(frames=tuple(spotlight_indices(int(look.group(1)), int(look.group(2)), num)))


def _is_right(question: VideoQuestion, reply: str) -> bool:
    found = _ANSWER.search(reply)
    if found is None:
        return False
    if question.options:
        said = found.group(1)  # a letter; in brief, the option itself
        return said in (question.answer, question.letters().get(str(question.answer)))
    start, end = (float(word) for word in found.group(1).split(" to "))
    overlaps = (
        (min(end, right.end_seconds) - max(start, right.start_seconds))
        / (max(end, right.end_seconds) - min(start, right.start_seconds))
        for right in question.intervals
    )
    return max(overlaps) >= 0.5


def _covers(film: Film, question: VideoQuestion, frames: Sequence[int]) -> bool:
    times = [frame / film.fps for frame in frames]
    return all(any(span.contains(time) for time in times) for span in question.evidence)


def num_options(question: VideoQuestion) -> int:
    """Options of a choice; raises `ValueError` for a question that asks for a stretch."""
    if not question.options:
        raise ValueError(f"question {question.question_id} has no options to guess among")
    return len(question.options)


def chance(questions: Iterable[VideoQuestion]) -> float:
    """Expected accuracy of guessing evenly."""
    return float(np.mean([1 / num_options(question) for question in questions]))


def uniform_scan_accuracy(
    pairs: Sequence[tuple[Film, VideoQuestion]], num_frames: Sequence[int]
) -> float:
    """Mean of `uniform_scan_hits`."""
    return float(np.mean(uniform_scan_hits(pairs, num_frames)))


def uniform_scan_hits(
    pairs: Sequence[tuple[Film, VideoQuestion]], num_frames: Sequence[int]
) -> np.ndarray:
    """(pairs,) expected accuracy of the best answer to a needle question from a uniform scan.

    1 where a frame of the scan shows what is asked about at all: the card, or the visitor, even
    before it carries or touches anything, which flatters the scan. Elsewhere the answer is
    independent of all that is shown, and a guess is as good as any answer.

    Args:
        pairs: films and needle questions drawn from them.
        num_frames: frames of the scan for each pair, such as those that a search took.

    Raises:
        ValueError: where a question is no needle.
    """
    other = [question.question_id for _, question in pairs if not is_needle(question)]
    if other:
        raise ValueError(f"question {other[0]} is no needle; its answer is not in one place")
    values = [
        1.0 if _is_hit(film, question, num) else 1 / num_options(question)
        for (film, question), num in zip(pairs, num_frames, strict=True)
    ]
    return np.array(values)


def _is_hit(film: Film, question: VideoQuestion, num: int) -> bool:
    stretches = [
        (round(span.start_seconds * film.fps), round(span.end_seconds * film.fps))
        for span in question.evidence
    ]
    for start, end in list(stretches):
        event = film.event_at(start)
        if event is not None and film.event_at(end - 1) is event:
            stretches.append((event.start_frame, event.end_frame))
    scan = uniform_indices(film.num_frames, num)
    return any(start <= frame < end for frame in scan for start, end in stretches)


def event_positions(films: Iterable[Film], kinds: Sequence[str]) -> np.ndarray:
    """(N,) where in its film each event of these kinds starts, as a share of where it could."""
    return np.array([_position(film, e) for film in films for e in film.events if e.kind in kinds])


def _position(film: Film, event: Event) -> float:
    room = film.num_frames - (event.end_frame - event.start_frame) + 1
    return (event.start_frame + 0.5) / room


def ks_distance(values: np.ndarray) -> float:
    """Largest distance of the distribution of some numbers from the even one over [0, 1]
    (Kolmogorov and Smirnov).
    """
    ordered = np.sort(values)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))


def ks_critical(num: int) -> float:
    """Distance that even numbers exceed in one of twenty samples of this size, for 35 or more."""
    return 1.358 / float(np.sqrt(num))
