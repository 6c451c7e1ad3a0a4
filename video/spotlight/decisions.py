"""What a reply comes to: an answer, something to show, or a note about what is legal."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from video.frames import FrameSource, VideoError
from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.consistency import Exchange
from video.spotlight.looks import Look, RefusedError, plan_look
from video.spotlight.naming import by_numbers
from video.spotlight.published import PublishedAction, read_published_action
from video.spotlight.replies import Spoken, read_reply, read_stretch
from video.spotlight.tools import spotlight_indices

Asked = Set[tuple[str, tuple[float, ...]]]
"""(tool, numbers) of the requests that were met."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a reply is judged by.

    Attributes:
        question: what is asked.
        film: what it is about.
        config: the rules.
        asked: requests that were met.
        frames_left: of the budget; None for no budget.
        turns_left: replies that are still admitted, this one among them.
        shown: numbers of all frames shown so far, in the order in which they were shown.
    """

    question: VideoQuestion
    film: FrameSource
    config: SpotlightConfig
    asked: Asked
    frames_left: int | None
    turns_left: int
    shown: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reply, understood and checked.

    Attributes:
        kind: "answer", "look", "time" or "invalid".
        choice: letter answered, or None.
        interval: stretch answered [s], or None.
        evidence: stretch of the film named as evidence beside whatever else was said [s], or None.
        look: what is to be shown or told, or None.
        note: what was wrong, for the policy; "" otherwise.
        ends: whether it ends the episode.
    """

    kind: str
    choice: str | None = None
    interval: tuple[float, float] | None = None
    evidence: tuple[float, float] | None = None
    look: Look | None = None
    note: str = ""
    ends: bool = False


def decide(reply: str, situation: Situation) -> Decision:
    """Understand a reply under the contract in force. Never raises, whatever a model writes."""
    if situation.config.contract == "frame_thinker":
        return _decide_published(read_published_action(reply), situation)
    question, config = situation.question, situation.config
    tools = () if config.scan_only else config.tools
    spoken = read_reply(reply, question.letters(), tools)
    try:
        decision = _decide(spoken, situation)
    except RefusedError as refusal:
        decision = Decision(kind="invalid", note=str(refusal))
    except VideoError as error:
        decision = Decision(kind="invalid", note=f"That place cannot be read ({error.problem}).")
    return replace(decision, evidence=_evidence(spoken, situation.film))


def make_exchange(reply: str, response: str, decision: Decision) -> Exchange:
    """The record of a turn that the consistency rules go by."""
    look = decision.look
    if look is None:
        return Exchange(reply=reply, response=response, kind=decision.kind)
    return Exchange(
        reply=reply,
        response=response,
        kind=decision.kind,
        tool=look.tool,
        numbers=look.numbers,
        frames=look.frame_range,
        told=look.told,
    )


def _decide(spoken: Spoken, situation: Situation) -> Decision:
    """Raises `RefusedError` for what cannot be met."""
    if spoken.request is not None:
        if situation.turns_left == 1:
            raise RefusedError("No turn was left to look at anything: an answer was due.")
        config, request = situation.config, spoken.request
        if config.frame_names == "shown":
            request = by_numbers(request, situation.shown)
        look = plan_look(request, situation.film, config, situation.frames_left)
        if (look.tool, look.numbers) in situation.asked:
            raise RefusedError("That has been asked for before; ask for something else.")
        return Decision(kind="time" if look.told is not None else "look", look=look)
    if spoken.interval is not None:
        _check_stretch(spoken.interval, situation.film)
    if spoken.note:
        raise RefusedError(spoken.note)
    return Decision(kind="answer", choice=spoken.choice, interval=spoken.interval, ends=True)


def _evidence(spoken: Spoken, film: FrameSource) -> tuple[float, float] | None:
    """The stretch named as evidence where it is one of the film. It is no part of an answer, so one
    that is not costs nothing.
    """
    if spoken.evidence is None:
        return None
    try:
        _check_stretch(spoken.evidence, film)
    except RefusedError:
        return None
    return spoken.evidence


def _check_stretch(interval: tuple[float, float], film: FrameSource) -> None:
    start, end = interval
    legal = f"legal: start before end, from 0 to {film.duration_seconds:.1f} s"
    if start >= end:
        raise RefusedError(f"The stretch {start:g} to {end:g} s is reversed or empty; {legal}.")
    if start >= film.duration_seconds:
        raise RefusedError(f"The stretch starts at {start:g} s, past the end; {legal}.")


def _decide_published(action: PublishedAction, situation: Situation) -> Decision:
    """FrameThinker's dynamics: what is not legal ends the episode without a word."""
    film, config = situation.film, situation.config
    dead = Decision(kind="invalid", ends=True)
    if action.answer is not None:
        return _answer_published(action.answer, situation.question)
    if config.scan_only:
        return dead
    if action.seconds is not None:
        told = int(action.seconds * film.average_fps)
        look = Look(
            tool="frame_number_at",
            numbers=(action.seconds,),
            frame_range=(told, told),
            told=told,
            details={"time": action.time, "seconds": action.seconds},
        )
        return Decision(kind="time", look=look)
    if action.pair is None:
        return dead
    start, end = action.pair
    num, stop = config.look_frames(film.duration_seconds), min(end, film.num_frames)
    if start > film.num_frames or start >= stop - num:
        return dead
    look = Look(
        tool="choose_frames",
        numbers=action.pair,
        indices=spotlight_indices(start, stop, num),
        frame_range=(start, stop),
    )
    return Decision(kind="look", look=look)


def _answer_published(answer: str, question: VideoQuestion) -> Decision:
    """The first word counts, to the letter; for a stretch of film, all of it."""
    if not question.options:
        interval = read_stretch(answer[:200])
        is_stretch = interval is not None and interval[0] < interval[1]
        return Decision(kind="answer", interval=interval if is_stretch else None, ends=True)
    word = answer.split()[0]
    choice = word if word in question.letters() else None
    return Decision(kind="answer", choice=choice, ends=True)
