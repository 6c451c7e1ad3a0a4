"""What a reply asks for or answers: tolerant, linear in its length, no exceptions.

Here a reply is only read. Whether a film has what it asks for is for `video.spotlight.looks` to
say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sims.replies import find_choice, find_tag
from video.lenient import EITHER, lenient_choice
from video.spotlight.clock import parse_time

MAX_ECHO = 60
ARGUMENT = r"(\S{1,40})"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """How one tool is asked for.

    Attributes:
        form: the words, with capitals where something is to be put.
        pattern: what they look like, each run of white space one blank.
        shows: what comes back.
    """

    form: str
    pattern: re.Pattern[str]
    shows: str


TOOL_FORMS = {
    "choose_frames": Tool(
        form="choose frames between START and END",
        pattern=re.compile(rf"choose frames? between {ARGUMENT} and {ARGUMENT}"),
        shows="{look} frames spread evenly between two frame numbers",
    ),
    "frame_number_at": Tool(
        form="get frame number at time H:MM:SS",
        pattern=re.compile(rf"get frame number at time {ARGUMENT}"),
        shows="the number of the frame on show at a time, MM:SS or H:MM:SS",
    ),
    "rewatch": Tool(
        form="rewatch START to END",
        pattern=re.compile(rf"rewatch {ARGUMENT} to {ARGUMENT}"),
        shows="that stretch, in seconds or MM:SS, at {rewatch_fps:g} frames a second",
    ),
    "find_segment": Tool(
        form="find segment NUMBER",
        pattern=re.compile(rf"find segment {ARGUMENT}"),
        shows="{segment_frames} frames of one of the film's equal segments, 1 to {segments}",
    ),
    "find_frame": Tool(
        form="find frame NUMBER",
        pattern=re.compile(rf"find frame {ARGUMENT}"),
        shows="that one frame",
    ),
    "zoom": Tool(
        form="zoom frame NUMBER at X0 Y0 X1 Y1",
        pattern=re.compile(rf"zoom frame {ARGUMENT} at" + f" {ARGUMENT}" * 4),
        shows="that part of the frame, larger; x and y go from 0 at the left and top to 1",
    ),
}
"""Tool -> how it is asked for."""

_EVIDENCE = re.compile(r"<evidence>([^<]{0,200})</evidence>")
_ARTICLE = re.compile(
    r"\s*(?:a|I)\s+(?!(?:as|and|based|because|but|given|or|since)\b)[a-z]", re.IGNORECASE
)
"""How `A dog` begins, which names no option by its letter."""
_BLANKED = str.maketrans(",()[]", "     ")
_NUMBER = r"[0-9:]{1,15}(?:\.[0-9]{1,9})?"
_STRETCH = re.compile(
    rf"[(\[]? ?(?:from )?({_NUMBER}) ?(?:s|seconds)? ?(?:to|and|-|–|,) ?({_NUMBER})"
    r" ?(?:s|seconds)? ?[)\]]?"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """Something asked for.

    Attributes:
        tool: a key of `TOOL_FORMS`.
        arguments: the words that stand for its capitals.
    """

    tool: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A reply, read.

    Attributes:
        choice: letter of the option it answers with, or None.
        interval: (start, end) that it answers with [s], or None; start may not be below end.
        request: what it asks for, or None.
        evidence: (start, end) that it names as its evidence [s], whatever else it says, or None.
        note: what was wrong, where it neither answers nor asks; "" otherwise.
    """

    choice: str | None = None
    interval: tuple[float, float] | None = None
    request: Request | None = None
    evidence: tuple[float, float] | None = None
    note: str = ""


def read_reply(reply: str, options: Mapping[str, str], tools: Sequence[str]) -> Spoken:
    """Read a reply under the contract "saccade": its last closed `<answer>` or `<action>` tag after
    the thinking counts, and beside it its last closed `<evidence>` tag there.

    Args:
        reply: any text at all.
        options: letter -> text; empty where the answer is a stretch of film.
        tools: those that may be asked for.
    """
    return replace(_read_tag(reply, options, tools), evidence=read_evidence(reply))


def read_evidence(reply: str) -> tuple[float, float] | None:
    """The stretch in the last closed `<evidence>` tag after the thinking, (start, end) [s], as
    tolerantly as `read_stretch`; None where there is none, or the last is none.

    Args:
        reply: any text at all.
    """
    found = _EVIDENCE.findall(reply.rpartition("</think>")[2])
    return read_stretch(found[-1]) if found else None


def _read_tag(reply: str, options: Mapping[str, str], tools: Sequence[str]) -> Spoken:
    spoken = find_tag(reply)
    if spoken is None:
        what = "was empty" if not reply.strip() else "had no <action> or <answer> tag"
        return Spoken(note=f"The reply {what}.")
    tag, content = spoken
    if tag == "action":
        return _read_request(content, tools)
    if not options:
        interval = read_stretch(content)
        note = "" if interval else f"No stretch of film was recognised in {echo(content)}."
        return Spoken(interval=interval, note=note)
    choice = read_choice(content, options)
    return Spoken(
        choice=choice, note="" if choice else f"No option was recognised in {echo(content)}."
    )


def read_choice(content: str, options: Mapping[str, str]) -> str | None:
    """The option that an answer names: by the rules of `lenient_choice`, else by a letter that it
    begins with (`B red`), unless that may be an article or several are offered (`A or B`). None
    where it names none.

    Args:
        content: of the answer tag, at most some hundred characters.
        options: letter -> text.
    """
    reply = f"<answer>{content}</answer>"
    choice = lenient_choice(reply, options)
    if choice is not None or _ARTICLE.match(content) or EITHER.search(content):
        return choice
    return find_choice(reply, options)


def read_stretch(text: str) -> tuple[float, float] | None:
    """A stretch of film in words, (start, end) [s]; None where there is none.

    Read are `12.0 to 15.5`, `[12.0, 15.5]`, `12.0 - 15.5`, `0:12 to 0:15.5`, with `s` or `seconds`
    behind the numbers, and Temporal-R1's `{"start_time": "12.0", "end_time": "15.5"}`.

    Args:
        text: at most some hundred characters.
    """
    text = " ".join(text.split()).casefold().rstrip(".")
    if text.startswith("{"):
        return _read_json_stretch(text)
    found = _STRETCH.fullmatch(text)
    times = [parse_time(part) for part in found.groups()] if found else [None]
    return None if None in times else (times[0], times[1])  # type: ignore[return-value]


def echo(text: str) -> str:
    """The end of what a model wrote, quoted, with nothing in it that cannot be printed."""
    return repr("".join(c if c.isprintable() else "?" for c in text.strip()[-MAX_ECHO:]))


def _read_json_stretch(text: str) -> tuple[float, float] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    times = [found.get(key) for key in ("start_time", "end_time")]
    if not all(isinstance(time, str | int | float) for time in times):
        return None
    start, end = (parse_time(str(time).strip()) for time in times)
    return None if start is None or end is None else (start, end)


def _read_request(content: str, tools: Sequence[str]) -> Spoken:
    words = " ".join(content.translate(_BLANKED).split()).casefold().rstrip(". ")
    for name, tool in TOOL_FORMS.items():
        found = tool.pattern.fullmatch(words)
        if found is None:
            continue
        if name not in tools:
            return Spoken(note=f"There is no {tool.form.split(' ')[0]!r} action of that form here.")
        return Spoken(request=Request(tool=name, arguments=found.groups()))
    return Spoken(note=f"No action was recognised in {echo(content)}.")
