"""Which lettered option a reply chooses: tolerant, linear in the reply's length, no exceptions.

Whether a reply keeps to a prescribed form is for a reward to judge; an environment only has to know
what was meant. The last closed `<answer>` or `<action>` tag outside the thinking counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TAG = re.compile(r"<(answer|action)>([^<]{0,200})</\1>")
_LETTER = re.compile(r"[\s(\[]*([A-Za-z])(?:[\s.):\]]|$)")
MAX_ECHO = 60


def find_choice(reply: str, options: Mapping[str, str]) -> str | None:
    """The letter that a reply chooses, or None when it names none of the options.

    Args:
        reply: any text at all.
        options: letter -> option text.
    """
    spoken = find_tag(reply)
    if spoken is None:
        return None
    letter = _LETTER.match(spoken[1])
    if letter and letter.group(1).upper() in options:
        return letter.group(1).upper()
    written = spoken[1].strip().casefold()
    matches = [key for key, text in options.items() if text.casefold() == written]
    return matches[0] if len(matches) == 1 else None


def find_tag(reply: str) -> tuple[str, str] | None:
    """The last closed tag outside the thinking, as ("answer" or "action", what it holds); None
    where there is none.
    """
    tags = _TAG.findall(reply.rpartition("</think>")[2])
    return tags[-1] if tags else None


def explain_invalid(reply: str, options: Mapping[str, str]) -> str:
    """What was wrong with a reply that chose nothing, and what is legal, in a sentence or two."""
    letters = sorted(options)
    legal = f"Give one letter from {letters[0]} to {letters[-1]}, as <answer>{letters[0]}</answer>."
    if not reply.strip():
        return f"The reply was empty. {legal}"
    if not _TAG.search(reply.rpartition("</think>")[2]):
        return f"The reply had no <answer> or <action> tag after its thinking. {legal}"
    echo = "".join(c if c.isprintable() else "?" for c in reply[-MAX_ECHO:])
    return f"No option was recognised in {echo!r}. {legal}"
