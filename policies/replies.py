"""From a reply's text to its structure. Plain Python, and takes time linear in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

# Possessive, with a look at the next character first: a megabyte of "<" must not cost time.
TAG = re.compile(r"<(?=[\s/ta])/?+\s*+(?:think|answer|action|tool_call)\s*+>", re.IGNORECASE)
EVIDENCE = re.compile(r"\s*+<evidence>[^<]{1,200}</evidence>\s*+")
OPTION = re.compile(r"^[ \t]*(?:\(([A-Z])\)|([A-Z])[.)])[ \t]+(\S.*)$", re.MULTILINE)
MAX_TAGS = 32
"""A reply with more tags than this has no structure that could be read."""
KINDS = {"answer": "answer", "action": "action", "tool_call": "action"}
"""Tag -> the kind of choice that it makes."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The structure of a reply.

    Attributes:
        think: text of the one `<think>` block, or None.
        kind: "answer" or "action", where the reply makes exactly one choice, else None. A tool call
            is an action.
        choice: what stands inside that tag, without outer white space; None where there is no
            choice or an empty one.
        well_formed: the reply is exactly `<think>...</think>` and then one `<answer>...</answer>`,
            `<action>...</action>` or `<tool_call>...</tool_call>` with a choice in it, and white
            space otherwise; an answer may be followed by one `<evidence>...</evidence>`. A reply
            may make a readable choice without being well formed.
    """

    think: str | None
    kind: str | None
    choice: str | None
    well_formed: bool


def read_reply(text: str) -> Reply:
    """Read any text as a reply. Never raises.

    Tags are lower case and hold no white space; anything that merely looks like one (`<Answer>`,
    `< think>`) counts as a stray tag. A stray, nested or repeated tag spoils the block it touches.
    """
    tags = list(islice(TAG.finditer(text), MAX_TAGS + 1))
    if len(tags) > MAX_TAGS:
        return Reply(think=None, kind=None, choice=None, well_formed=False)
    names = [tag.group() for tag in tags]
    think = _only_block(text, tags, "think")
    choices = {name: _only_block(text, tags, name) for name in KINDS}
    made = [name for name in KINDS if any(_is_about(tag, name) for tag in names)]
    chosen = made[0] if len(made) == 1 and choices[made[0]] is not None else ""
    kind = KINDS.get(chosen)
    choice = (choices[chosen] or "").strip() if chosen else ""
    in_order = names == ["<think>", "</think>", f"<{chosen}>", f"</{chosen}>"]
    well_formed = in_order and bool(choice) and _blank_outside(text, tags, kind)
    return Reply(think=think, kind=kind, choice=choice or None, well_formed=well_formed)


def list_options(text: str) -> dict[str, str]:
    """The lettered options in a text, letter -> what it stands for, in order.

    An option stands on a line of its own, as `A. red`, `A) red` or `(A) red`, with one capital
    letter. Where a letter comes twice the first one counts.
    """
    options: dict[str, str] = {}
    for found in OPTION.finditer(text):
        bracketed, plain, option = found.groups()
        options.setdefault(bracketed or plain, option.strip())
    return options


def _is_about(tag: str, name: str) -> bool:
    """Whether a tag, fake or not, is one of `<name>` and `</name>`."""
    return name in tag.lower()


def _only_block(text: str, tags: list[re.Match[str]], name: str) -> str | None:
    """What stands in the one block of this name; None unless there is one proper block."""
    about = [index for index, tag in enumerate(tags) if _is_about(tag.group(), name)]
    if len(about) != 2 or about[1] != about[0] + 1:
        return None
    start, end = (tags[index] for index in about)
    if start.group() != f"<{name}>" or end.group() != f"</{name}>":
        return None
    return text[start.end() : end.start()]


def _blank_outside(text: str, tags: list[re.Match[str]], kind: str | None) -> bool:
    """Whether there is nothing but white space before, between and after two blocks, and after an
    answer perhaps its evidence.
    """
    end = text[tags[3].end() :]
    if kind == "answer" and EVIDENCE.fullmatch(end):
        end = ""
    outside = (text[: tags[0].start()], text[tags[1].end() : tags[2].start()], end)
    return not any(part.strip() for part in outside)
