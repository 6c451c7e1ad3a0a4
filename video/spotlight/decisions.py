"""What a reply comes to: an answer, something to show, or a note about what is legal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sims.tools.calls import Call
from sims.tools.tool import Tool, use_tool
from video.frames import FrameSource, VideoError
from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.consistency import Exchange
from video.spotlight.looks import Look, RefusedError
from video.spotlight.published import PublishedAction, read_published_action
from video.spotlight.published_tools import PUBLISHED_TOOLS
from video.spotlight.reel import Asked, Projector, Reel
from video.spotlight.replies import Spoken, read_reply, read_stretch
from video.spotlight.toolbox import choose_tools
from video.subtitles import SubtitleLine


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
        captions: subtitles of the film.
        project: makes the pictures of a look; None where only a plan is wanted.
    """

    question: VideoQuestion
    film: FrameSource
    config: SpotlightConfig
    asked: Asked
    frames_left: int | None
    turns_left: int
    shown: Sequence[int] = ()
    captions: Sequence[SubtitleLine] = ()
    project: Projector | None = None

    def reel(self) -> Reel:
        """What a tool is to work on."""
        return Reel(
            film=self.film,
            config=self.config,
            asked=self.asked,
            frames_left=self.frames_left,
            shown=self.shown,
            captions=self.captions,
            project=self.project,
        )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reply, understood and checked.

    Attributes:
        kind: "answer", "look", "time" or "invalid".
        choice: letter answered, or None.
        interval: stretch answered [s], or None.
        evidence: stretch of the film named as evidence beside whatever else was said [s], or None.
        look: what is shown or told, or None.
        text: what the tool says of that, for the policy.
        pictures: what is shown, each uint8 (H, W, 3).
        seconds: when the frames shown are [s].
        note: what was wrong, for the policy; "" otherwise.
        ends: whether it ends the episode.
    """

    kind: str
    choice: str | None = None
    interval: tuple[float, float] | None = None
    evidence: tuple[float, float] | None = None
    look: Look | None = None
    text: str = ""
    pictures: tuple[np.ndarray, ...] = ()
    seconds: tuple[float, ...] = ()
    note: str = ""
    ends: bool = False


def decide(reply: str, situation: Situation) -> Decision:
    """Understand a reply under the contract in force, and carry it out. Never raises, whatever a
    model writes.
    """
    if situation.config.contract == "frame_thinker":
        return _decide_published(read_published_action(reply), situation)
    question, config = situation.question, situation.config
    tools = choose_tools(() if config.scan_only else config.tools)
    spoken = read_reply(reply, question.letters(), tuple(tools))
    try:
        decision = _decide(spoken, tools, situation)
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


def _decide(spoken: Spoken, tools: Mapping[str, Tool], situation: Situation) -> Decision:
    """Raises `RefusedError` for what cannot be met."""
    if spoken.call is not None:
        if situation.turns_left == 1:
            raise RefusedError("No turn was left to look at anything: an answer was due.")
        return _use(spoken.call, tools, situation)
    if spoken.interval is not None:
        _check_stretch(spoken.interval, situation.film)
    if spoken.note:
        raise RefusedError(spoken.note)
    return Decision(kind="answer", choice=spoken.choice, interval=spoken.interval, ends=True)


def _use(call: Call, tools: Mapping[str, Tool], situation: Situation) -> Decision:
    """Use a tool, and note what it showed or told."""
    reel = situation.reel()
    result = use_tool(call, tools, reel)
    if result.error:
        return Decision(kind="invalid", note=result.text)
    look = reel.look
    assert look is not None, f"the tool {call.name} neither showed nor told anything"
    return Decision(
        kind="look" if look.indices else "time",
        look=look,
        text=result.text,
        pictures=result.images,
        seconds=reel.seconds,
    )


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
    if action.answer is not None:
        return _answer_published(action.answer, situation.question)
    tools = {} if situation.config.scan_only else PUBLISHED_TOOLS
    decision = _use(_published_call(action), tools, situation)
    return replace(decision, ends=decision.look is None)


def _published_call(action: PublishedAction) -> Call:
    """The tool that an action asks for; one of no name where it asks for none."""
    if action.time is not None:
        return Call(name="frame_number_at", positional=(action.time,))
    if action.pair is not None:
        return Call(name="choose_frames", positional=tuple(map(str, action.pair)))
    return Call(name="")


def _answer_published(answer: str, question: VideoQuestion) -> Decision:
    """The first word counts, to the letter; for a stretch of film, all of it."""
    if not question.options:
        interval = read_stretch(answer[:200])
        is_stretch = interval is not None and interval[0] < interval[1]
        return Decision(kind="answer", interval=interval if is_stretch else None, ends=True)
    word = answer.split()[0]
    choice = word if word in question.letters() else None
    return Decision(kind="answer", choice=choice, ends=True)
