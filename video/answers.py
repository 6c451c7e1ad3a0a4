"""The part of a reply that answers, and what it says to the letter."""

from __future__ import annotations

import re
from collections.abc import Mapping

from video.intervals import Span, read_span

MAX_READ = 20_000
"""How many characters of a reply, from its end, are read."""

ACTION_ANSWER = re.compile(r"\s*output answer:\s*(.*?)\s*", re.DOTALL)


def strict_choice(reply: str, options: Mapping[str, str]) -> str | None:
    """The letter that a reply gives in exactly the prescribed form.

    After the thinking the reply has one `<answer>` block, and that holds a letter of the options
    and white space; or its last `<action>` block is `output answer: B` (FrameThinker's contract).

    Args:
        reply: any text.
        options: letter -> text.

    Returns:
        The letter; None where the form is another.
    """
    text = _after_thinking(reply)
    said = _only_answer(text)
    if said is None:
        said = _action_answer(text)
    return said if said in options else None


def strict_interval(reply: str) -> Span | None:
    """The stretch that a reply gives as `<answer>12.0 to 15.5</answer>`, in seconds or MM:SS, with
    start before end, in one block after the thinking; None where the form is another.
    """
    said = _only_answer(_after_thinking(reply))
    return None if said is None else read_span(said)


def answer_text(reply: str) -> str:
    """The part of a reply that answers: its last `<answer>` block after the thinking, or the answer
    in its last `<action>` block; else all after the thinking, without `<action>` and `<evidence>`
    blocks.
    """
    text = _after_thinking(reply)
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, max(end, 0))
    if end >= 0 and start >= 0:
        return text[start + len("<answer>") : end].strip()
    said = _action_answer(text)
    return _without(_without(text, "action"), "evidence").strip() if said is None else said


def _after_thinking(reply: str) -> str:
    return reply.rpartition("</think>")[2][-MAX_READ:]


def _only_answer(text: str) -> str | None:
    """What stands in the only `<answer>` block; None for none or several."""
    if text.count("<answer>") != 1 or text.count("</answer>") != 1:
        return None
    start, end = text.find("<answer>"), text.find("</answer>")
    return text[start + len("<answer>") : end].strip() if start < end else None


def _action_answer(text: str) -> str | None:
    """What the last `<action>` block gives as `output answer:`."""
    end = text.rfind("</action>")
    start = text.rfind("<action>", 0, max(end, 0))
    if end < 0 or start < 0:
        return None
    found = ACTION_ANSWER.fullmatch(text[start + len("<action>") : end])
    return found.group(1) if found else None


def _without(text: str, tag: str) -> str:
    """The text without the blocks of a tag; what follows one that is not closed is left out too."""
    kept = []
    for index, part in enumerate(text.split(f"<{tag}>")):
        kept.append(part if index == 0 else part.partition(f"</{tag}>")[2])
    return " ".join(kept)
