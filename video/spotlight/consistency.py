"""Whether the turns of an episode hang together: FrameThinker's cognitive consistency verification.

Two sets of rules, each pure. `verify_published` is the released code to the letter (function v11 of
verl/utils/reward_score/think_with_video_reward.py), faults included; `verify_repaired` is what the
default environment goes by. The broken rule has one of these names:

| name | published | repaired |
|---|---|---|
| `blocks` | as many think blocks as action blocks, and at least one | every reply holds exactly one think block and one action, tool call or answer block |
| `no_answer` | the last action is `output answer: X` | the last reply answers |
| `repeat` | no choice of frames equals an earlier one, the whole film `(0, N - 1)`, or `(s + 1, e - 1)` of an earlier one | nor differs from one of them by at most 1 at either end, in any request |
| `too_narrow` | `end - start > 8`, whatever a look shows | `end - start` is above what a look shows in this film |
| `thought_action` | the last two whole numbers of the thinking are the two frames asked for | the same; other requests' numbers stand somewhere in the thinking |
| `time_repeat` | each time is asked for once | each second is |
| `time_unanswered` | a time query was told a frame number | - |
| `time_unused` | frames chosen right after a time query hold the frame told, and no answer comes right after one; another time query in between clears this | frames chosen next hold a frame told, and no frame told is left over at the answer |
| `unknown_action` | nothing else is asked for | - (a refused request is left out of account) |
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from video.spotlight.clock import parse_clock
from video.spotlight.published import CHOOSE, find_blocks, whole

PUBLISHED_FRAMES = 8
"""What the released code takes a look to show, whatever it shows."""
CHOICE_TAGS = ("action", "tool_call", "answer")
_LAST_NUMBERS = re.compile(r"(?<!:)\b(\d+)\b(?!:)")
_PLAIN_NUMBERS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_PUBLISHED_ANSWER = re.compile(r"output answer:\s*(\S+)")
_PUBLISHED_TIME = re.compile(r"get frame number at time\s+(\d{1,3}:\d{2})")
_TOLD = re.compile(r"is:\s*(\d+)")


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A reply, and what came back.

    Attributes:
        reply: all the policy wrote.
        response: the text of the observation that followed; "" after the last.
        kind: "answer", "look", "time" or "invalid".
        tool: what was asked for, or None.
        numbers: those of the request as they were written: frame numbers, a segment's number, or
            seconds.
        frames: (first, last) frame that a look is about, or None.
        told: the frame number that a time query was told, or None.
    """

    reply: str
    response: str = ""
    kind: str = "invalid"
    tool: str | None = None
    numbers: tuple[float, ...] = ()
    frames: tuple[int, int] | None = None
    told: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the rules are kept.

    Attributes:
        consistent: whether all are.
        broken_rule: name of the first that is not; "" where all are.
    """

    consistent: bool = True
    broken_rule: str = ""


def verify(
    rules: str, exchanges: Sequence[Exchange], *, num_frames: int, look_frames: int, over: bool
) -> Verdict:
    """The verdict on an episode so far.

    Args:
        rules: "none", "published" by its preset's name "frame_thinker", or "repaired".
        exchanges: the turns, oldest first.
        num_frames: of the film.
        look_frames: what a choice of frames shows in this film.
        over: whether the episode is over. Before that, rules about its end are not yet broken.
    """
    if rules == "none":
        return Verdict()
    if rules == "frame_thinker":
        broken = verify_published(exchanges, num_frames=num_frames, over=over)
    else:
        broken = verify_repaired(
            exchanges, num_frames=num_frames, look_frames=look_frames, over=over
        )
    return Verdict(consistent=not broken, broken_rule=broken)


def verify_published(exchanges: Sequence[Exchange], *, num_frames: int, over: bool) -> str:
    """The first broken rule of the released code, or "". It reads the whole episode as one text.

    Args:
        exchanges: the turns; of each, `reply` and `response` alone count.
        num_frames: of the film.
        over: whether the episode is over.
    """
    text = "".join(exchange.reply + exchange.response for exchange in exchanges)
    thoughts = find_blocks(text, "<think>", "</think>")
    actions = [block.strip() for block in find_blocks(text, "<action>", "</action>")]
    responses = find_blocks(text, "</action>", "<think>")
    if exchanges and (not actions or len(thoughts) != len(actions)):
        return "blocks"
    if over and not (actions and _PUBLISHED_ANSWER.match(actions[-1])):
        return "no_answer"
    if not over:
        responses.append(exchanges[-1].response if exchanges else "")
    looks = actions[:-1] if over else actions
    return _check_published_looks(looks, thoughts, responses, num_frames, over=over)


def _check_published_looks(
    actions: Sequence[str],
    thoughts: Sequence[str],
    responses: Sequence[str],
    num_frames: int,
    *,
    over: bool,
) -> str:
    """The rules about everything before the answer, in the order of the released code."""
    pairs, times = [(0, num_frames - 1)], set()
    told: int | None = None
    for index, action in enumerate(actions):
        choice = CHOOSE.match(action)
        pair = (whole(choice.group(1)), whole(choice.group(2))) if choice else None
        if told is not None and pair and not pair[0] <= told <= pair[1]:
            return "time_unused"
        told = None
        time = _PUBLISHED_TIME.match(action)
        if pair:
            broken = _check_published_choice(pair, pairs, thoughts[index])
            if broken:
                return broken
            pairs += [pair, (pair[0] + 1, pair[1] - 1)]
        elif time:
            if time.group(1) in times:
                return "time_repeat"
            times.add(time.group(1))
            answer = _TOLD.search(responses[index]) if index < len(responses) else None
            if answer is None:
                return "time_unanswered"
            told = whole(answer.group(1))
        else:
            return "unknown_action"
    return "time_unused" if over and told is not None else ""


def _check_published_choice(
    pair: tuple[int, int], pairs: Sequence[tuple[int, int]], thought: str
) -> str:
    if pair in pairs:
        return "repeat"
    if pair[0] >= pair[1] - PUBLISHED_FRAMES:
        return "too_narrow"
    return "" if _last_two(thought) == pair else "thought_action"


def verify_repaired(
    exchanges: Sequence[Exchange], *, num_frames: int, look_frames: int, over: bool
) -> str:
    """The first broken rule of ours, or "".

    Args:
        exchanges: the turns.
        num_frames: of the film.
        look_frames: what a choice of frames shows in this film.
        over: whether the episode is over.
    """
    asked: list[tuple[str, tuple[float, ...]]] = [("choose_frames", (0, num_frames - 1))]
    pending: set[int] = set()
    for exchange in exchanges:
        thoughts = find_blocks(exchange.reply, "<think>", "</think>")
        choices = [find_blocks(exchange.reply, f"<{tag}>", f"</{tag}>") for tag in CHOICE_TAGS]
        if len(thoughts) != 1 or sum(map(len, choices)) != 1:
            return "blocks"
        if exchange.kind in ("look", "time") and exchange.tool is not None:
            broken = _check_repaired_request(exchange, thoughts[0], asked, pending, look_frames)
            if broken:
                return broken
            asked.append((exchange.tool, exchange.numbers))
    if over and (not exchanges or exchanges[-1].kind != "answer"):
        return "no_answer"
    return "time_unused" if over and pending else ""


def _check_repaired_request(
    exchange: Exchange,
    thought: str,
    asked: Sequence[tuple[str, tuple[float, ...]]],
    pending: set[int],
    look_frames: int,
) -> str:
    """The rules about one request that was met; keeps `pending`, the frames told and not yet looked
    at, up to date.
    """
    numbers = exchange.numbers
    if any(tool == exchange.tool and _alike(numbers, before) for tool, before in asked):
        return "time_repeat" if exchange.kind == "time" else "repeat"
    if exchange.told is not None:
        pending.add(exchange.told)
        return ""
    if exchange.tool == "choose_frames":
        if numbers[1] - numbers[0] <= look_frames:
            return "too_narrow"
        if _last_two(thought) != numbers:
            return "thought_action"
    elif not set(numbers[:1] if exchange.tool == "zoom" else numbers) <= _numbers_in(thought):
        return "thought_action"
    if pending and exchange.frames is not None:
        first, last = exchange.frames
        seen = {frame for frame in pending if first <= frame <= last}
        pending -= seen
        return "" if seen else "time_unused"
    return ""


def _alike(numbers: Sequence[float], before: Sequence[float]) -> bool:
    """Whether two requests ask for the same: frame numbers may differ by 1."""
    is_pair = len(numbers) == 2 and all(isinstance(n, int) for n in (*numbers, *before))
    room = 1 if is_pair else 0
    return all(abs(one - two) <= room for one, two in zip(numbers, before, strict=True))


def _last_two(thought: str) -> tuple[int, ...]:
    """The last two whole numbers of a thought that do not touch a colon."""
    return tuple(whole(digits) for digits in _LAST_NUMBERS.findall(thought)[-2:])


def _numbers_in(thought: str) -> set[float]:
    """Every number written in a thought, and what its clock times mean [s]."""
    plain = {float(digits) for digits in _PLAIN_NUMBERS.findall(thought)}
    words = (word.strip(".,;()[]") for word in thought.split() if ":" in word)
    clocks = {parse_clock(word) for word in words}
    return plain | {seconds for seconds in clocks if seconds is not None}
