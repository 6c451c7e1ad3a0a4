"""FrameThinker's replies as its released environment reads them (arXiv 2509.24304; repository
lcqysl/FrameThinker-RL, verl/workers/agent/envs/visual_agent/think_with_video.py).

The last closed `<action>` block counts. `get frame number at time` has to start it, `choose frames
between` may stand anywhere in it, and both go before an answer; whatever is neither of these three
ends the episode without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CHOOSE = re.compile(r"choose frames between (\d+) and (\d+)")
TIME = re.compile(r"get frame number at time\s+(\S+)")
ANSWER = re.compile(r"output answer:\s*(\S.*)", re.DOTALL)
MAX_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class PublishedAction:
    """What the last action block says; all None where it says nothing legal.

    Attributes:
        pair: (start, end) frame numbers of a choice.
        time: the words of a time query.
        seconds: what they mean [s].
        answer: all that stands after `output answer:`.
    """

    pair: tuple[int, int] | None = None
    time: str | None = None
    seconds: int | None = None
    answer: str | None = None


def find_blocks(text: str, start_tag: str, end_tag: str) -> list[str]:
    """What stands between each pair of tags, as `re.findall("<a>(.*?)</a>", text, re.DOTALL)` has
    it, in linear time.
    """
    blocks, position = [], 0
    while (start := text.find(start_tag, position)) >= 0:
        start += len(start_tag)
        end = text.find(end_tag, start)
        if end < 0:
            break
        blocks.append(text[start:end])
        position = end + len(end_tag)
    return blocks


def read_published_action(reply: str) -> PublishedAction:
    """Read a reply under the contract "frame_thinker". Never raises."""
    blocks = find_blocks(reply, "<action>", "</action>")
    block = blocks[-1].strip() if blocks else ""
    time = TIME.match(block)
    if time is not None:
        seconds = minutes_and_seconds(time.group(1))
        return PublishedAction(time=None if seconds is None else time.group(1), seconds=seconds)
    choice = CHOOSE.search(block)
    if choice is not None:
        start, end = map(whole, choice.groups())
        return PublishedAction(pair=(start, end))
    answer = ANSWER.match(block)
    return PublishedAction(answer=answer.group(1).strip() if answer else None)


def whole(digits: str) -> int:
    """A whole number; one with very many digits counts as 10**18."""
    return int(digits) if len(digits) <= MAX_DIGITS else 10**MAX_DIGITS


def minutes_and_seconds(text: str) -> int | None:
    """Seconds that `MM:SS` means, by the released code's lenient reading: two whole numbers of any
    size and sign. None where it is not that.
    """
    parts = text.split(":")
    if len(parts) != 2 or any(len(part) > MAX_DIGITS for part in parts):
        return None
    try:
        minutes, seconds = map(int, parts)
    except ValueError:
        return None
    return minutes * 60 + seconds
