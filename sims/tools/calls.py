"""What a reply answers or asks a tool for: tolerant, linear in its length, no exceptions.

A reply is read, not judged: whether there is such a tool, and whether it takes what it is given,
is for `sims.tools.tool` to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sims.replies import find_choice

MAX_CALL = 1500
"""Longest content of a tag that is read."""
MAX_ECHO = 60
MAX_VALUES = 64
"""A call may have this many words and numbers."""
Value = float | str

_TAG = re.compile(rf"<(answer|action|tool_call)>([^<]{{0,{MAX_CALL}}})</\1>")
_CALL = re.compile(r"\s*([A-Za-z_]\w{0,39})\s*\((.*)\)[\s.;]*", re.DOTALL)
_KEYWORD = re.compile(r"\s*['\"]?([A-Za-z_]\w{0,39})['\"]?\s*[=:](?!=)(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][+-]?\d{1,4})?")
_BRACKETS = str.maketrans("()[]{}", "      ")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool that is asked for.

    Attributes:
        name: of the tool.
        positional: words and numbers without a name.
        keywords: name -> its words and numbers.
    """

    name: str
    positional: tuple[Value, ...] = ()
    keywords: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A reply, read. Exactly one of the first three says something.

    Attributes:
        choice: letter of the option that it answers with, or None.
        call: what it asks for, or None.
        note: what was wrong, where it does neither; "" otherwise.
        error: kind of what was wrong: "format" (no tag), "option" (none that is on offer), "call"
            (none that can be read); "" otherwise.
    """

    choice: str | None = None
    call: Call | None = None
    note: str = ""
    error: str = ""


def read_reply(reply: str, options: Mapping[str, str]) -> Spoken:
    """Read a reply: its last closed `<answer>`, `<action>` or `<tool_call>` tag after the thinking
    counts.

    Args:
        reply: any text at all.
        options: letter -> text.
    """
    tags = _TAG.findall(reply.rpartition("</think>")[2])
    if not tags:
        what = "was empty" if not reply.strip() else "had no closed <answer> or <action> tag"
        return Spoken(note=f"The reply {what}.", error="format")
    tag, content = tags[-1]
    if tag == "answer":
        choice = find_choice(f"<answer>{content[:200]}</answer>", options)
        if choice is not None:
            return Spoken(choice=choice)
        return Spoken(note=f"No option was recognised in {echo(content)}.", error="option")
    call = read_call(content)
    if call is not None:
        return Spoken(call=call)
    return Spoken(note=f"No use of a tool was recognised in {echo(content)}.", error="call")


def read_call(text: str) -> Call | None:
    """What `crop(0.1, 0.2, 0.3, 0.4)`, `crop(box=[0.1, 0.2, 0.3, 0.4], image=2)` or
    `{"name": "crop", "arguments": {"box": [0.1, 0.2, 0.3, 0.4]}}` asks for; None for what has none
    of these forms.
    """
    text = text.strip()[:MAX_CALL]
    if text.startswith("{"):
        return _read_json(text)
    found = _CALL.fullmatch(text)
    if found is None:
        return None
    name, inside = found.groups()
    positional: list[Value] = []
    keywords: dict[str, list[Value]] = {}
    current = positional
    for piece in inside.split(","):
        keyword = _KEYWORD.fullmatch(piece)
        if keyword:
            current, piece = keywords.setdefault(keyword.group(1), []), keyword.group(2)
        current += _read_values(piece)
    return _make_call(name, positional, keywords)


def echo(text: str) -> str:
    """The end of what a model wrote, quoted; nothing in it can be mistaken for a tag."""
    shown = "".join(c if c.isprintable() and c not in "<>" else "?" for c in text.strip())
    return repr(shown[-MAX_ECHO:])


def _read_json(text: str) -> Call | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    given = found.get("arguments", {})
    if not isinstance(given, dict):
        return None
    keywords = {str(key): _flatten(value) for key, value in given.items()}
    return _make_call(found["name"], [], keywords)


def _flatten(value: Any, depth: int = 3) -> list[Value]:
    """Words and numbers of a JSON value, those of its lists in order."""
    if isinstance(value, list) and depth > 0:
        return [leaf for part in value[:MAX_VALUES] for leaf in _flatten(part, depth - 1)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [str(value)]
    try:
        return [float(value)]
    except OverflowError:
        return [math.inf]


def _read_values(piece: str) -> list[Value]:
    """The numbers of a piece between commas, or its words as one."""
    words = piece.translate(_BRACKETS).split()
    if words and all(_NUMBER.fullmatch(word) for word in words):
        return [float(word) for word in words]
    text = " ".join(words).strip("'\"` ")
    return [text] if text else []


def _make_call(
    name: str, positional: list[Value], keywords: Mapping[str, list[Value]]
) -> Call | None:
    if len(positional) + sum(map(len, keywords.values())) > MAX_VALUES:
        return None
    named = {key: tuple(values) for key, values in keywords.items()}
    return Call(name=name.strip(), positional=tuple(positional), keywords=named)
