"""What a reply asks for or answers: tolerant, linear in its length, no exceptions.

Here a reply is only read. Whether there is such a tool, and whether the film has what it asks for,
is for `video.spotlight.toolbox` to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sims.replies import find_choice
from sims.tools.calls import MAX_CALL, Call, read_call
from sims.tools.tool import Tool
from video.lenient import EITHER, lenient_choice
from video.spotlight.clock import parse_time

MAX_ECHO = 60
ARGUMENT = r"(\S{1,40})"


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """How one tool is asked for in words.

    Attributes:
        form: the words, with capitals where something is to be put.
        pattern: what they look like, each run of white space one blank.
    """

    form: str
    pattern: re.Pattern[str]


TOOL_FORMS = {
    "choose_frames": Phrase(
        form="choose frames between START and END",
        pattern=re.compile(rf"choose frames? between {ARGUMENT} and {ARGUMENT}"),
    ),
    "frame_number_at": Phrase(
        form="get frame number at time H:MM:SS",
        pattern=re.compile(rf"get frame number at time {ARGUMENT}"),
    ),
    "rewatch": Phrase(
        form="rewatch START to END",
        pattern=re.compile(rf"rewatch {ARGUMENT} to {ARGUMENT}"),
    ),
    "find_segment": Phrase(
        form="find segment NUMBER",
        pattern=re.compile(rf"find segment {ARGUMENT}"),
    ),
    "find_frame": Phrase(
        form="find frame NUMBER",
        pattern=re.compile(rf"find frame {ARGUMENT}"),
    ),
    "zoom": Phrase(
        form="zoom frame NUMBER at X0 Y0 X1 Y1",
        pattern=re.compile(rf"zoom frame {ARGUMENT} at" + f" {ARGUMENT}" * 4),
    ),
}
"""Tool -> the words it is asked for with. Those without any are asked for by name."""

_TAG = re.compile(
    rf"<(?:(answer|action)>([^<]{{0,200}})</\1>|(tool_call)>([^<]{{0,{MAX_CALL}}})</\3>)"
)
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
    """Something asked for in words.

    Attributes:
        tool: its name.
        arguments: the words that stand for its capitals.
    """

    tool: str
    arguments: tuple[str, ...]

    @property
    def call(self) -> Call:
        """The same as a call of a tool."""
        return Call(name=self.tool, positional=self.arguments)


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A reply, read.

    Attributes:
        choice: letter of the option it answers with, or None.
        interval: (start, end) that it answers with [s], or None; start may not be below end.
        request: what it asks for in words, or None.
        call: the tool that it asks for, in words or by name, or None.
        evidence: (start, end) that it names as its evidence [s], whatever else it says, or None.
        note: what was wrong, where it neither answers nor asks; "" otherwise.
    """

    choice: str | None = None
    interval: tuple[float, float] | None = None
    request: Request | None = None
    call: Call | None = None
    evidence: tuple[float, float] | None = None
    note: str = ""


def read_reply(reply: str, options: Mapping[str, str], tools: Sequence[str]) -> Spoken:
    """Read a reply under the contract "saccade": its last closed `<answer>`, `<action>` or
    `<tool_call>` tag after the thinking counts, and beside it its last closed `<evidence>` tag
    there.

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
    tags = _TAG.findall(reply.rpartition("</think>")[2])
    if not tags:
        what = "was empty" if not reply.strip() else "had no <action> or <answer> tag"
        return Spoken(note=f"The reply {what}.")
    tag, content, _, json_call = tags[-1]
    if not tag:
        call = read_call(json_call)
        note = "" if call else f"No use of a tool was recognised in {echo(json_call)}."
        return Spoken(call=call, note=note)
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


def form_of(tool: Tool) -> str:
    """How a tool is asked for: in words where there are any for it, else by its name."""
    phrase = TOOL_FORMS.get(tool.name)
    return tool.form if phrase is None else phrase.form


def _read_request(content: str, tools: Sequence[str]) -> Spoken:
    words = " ".join(content.translate(_BLANKED).split()).casefold().rstrip(". ")
    for name, phrase in TOOL_FORMS.items():
        found = phrase.pattern.fullmatch(words)
        if found is None:
            continue
        if name not in tools:
            verb = phrase.form.split(" ")[0]
            return Spoken(note=f"There is no {verb!r} action of that form here.")
        request = Request(tool=name, arguments=found.groups())
        return Spoken(request=request, call=request.call)
    call = read_call(content)
    if call is not None and call.name in tools:
        return Spoken(call=call)
    return Spoken(note=f"No action was recognised in {echo(content)}.")
