"""How each kind of question is solved: what to look at next, or the answer, from what is known.

The search is from coarse to fine. What lasts is bisected: the last frame before a change and the
first after it are known, and the next look goes between them. Captions lead to cards in the same
way, and a time in the question to a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from video.synthetic.config import LAMP_REST_SHARE
from video.synthetic.facts import LAMP
from video.synthetic.film import QUIET_SECONDS
from video.synthetic.knowledge import (
    Bracket,
    Known,
    change_side,
    chapter_side,
    find_bracket,
    largest_gap,
    neighbor_of,
    switch_brackets,
    touched,
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do next.

    Attributes:
        answer: text of the option, or a stretch (start, end) [s]; None where there is more to see.
        look: frames to look between; None for no look.
        time: time to ask the frame number of; "" for none.
        guesses: options that are still possible; empty for all.
        stretch: the likeliest stretch so far [s], where a stretch is asked for.
    """

    answer: str | tuple[float, float] | None = None
    look: Bracket | None = None
    time: str = ""
    guesses: tuple[str, ...] = ()
    stretch: tuple[float, float] | None = None


Asks = Mapping[str, Any]
Solver = Callable[[Asks, Known, Sequence[str]], Step]


def seconds_of(clock: str) -> int:
    """Seconds of a time M:SS or H:MM:SS."""
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return total


def solve_change(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Who took, brought or moved a thing: seen with it in hand."""
    for facts in known.facts.values():
        if touched(facts) == asks["thing"]:
            return Step(answer=facts["visitor"][asks["attribute"]])
    return Step(look=find_bracket(known, change_side(known, asks["event"], asks["thing"])))


def solve_switched(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Who switched the lamp for the n-th time: seen touching it where its state changes."""
    gap = _lamp_gap(known)
    if gap is not None:
        return Step(look=gap)
    brackets = switch_brackets(known)
    if len(brackets) < asks["number"]:
        return Step()
    bracket = brackets[asks["number"] - 1]
    if bracket.width <= LAMP_REST_SHARE * known.num_frames / 2:
        for frame in (bracket.lo, bracket.hi):
            if touched(known.facts[frame]) == LAMP:
                return Step(answer=known.facts[frame]["visitor"][asks["attribute"]])
    return Step(look=bracket)


def solve_how_many(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """How often the lamp was switched."""
    gap = _lamp_gap(known)
    count = str(len(switch_brackets(known)))
    return Step(answer=count) if gap is None else Step(look=gap, guesses=(count,))


def _lamp_gap(known: Known) -> Bracket | None:
    """A stretch in which the lamp may have been switched twice unseen; None for none."""
    gap = largest_gap(known, [f for f, facts in known.facts.items() if facts["lamp"] is not None])
    return gap if gap.width >= LAMP_REST_SHARE * known.num_frames else None


def solve_card(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """What the card of a chapter shows."""
    for facts in known.facts.values():
        if facts["card"] is not None and facts["chapter"] == asks["chapter"]:
            return Step(answer=facts["card"][asks["attribute"]])
    return Step(look=find_bracket(known, chapter_side(asks["chapter"], card_is_before=False)))


def solve_after_card(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Who came first after a card: no second visitor comes for some seconds."""
    bracket = find_bracket(known, chapter_side(asks["chapter"], card_is_before=True))
    quiet = round(QUIET_SECONDS * known.fps)
    for frame, facts in known.facts.items():
        if bracket.hi <= frame <= bracket.lo + quiet and facts["visitor"]:
            return Step(answer=facts["visitor"][asks["attribute"]])
    near = 3 * known.fps
    if bracket.width > near:
        return Step(look=bracket)
    end = min(known.last, bracket.lo + near + known.fps + known.visit_frames)
    return Step(look=Bracket(lo=bracket.lo, hi=end))


def solve_at_time(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Who crossed at a time."""
    frame = known.frame_of(seconds_of(asks["time"]))
    for near in (frame, frame + 1, frame - 1):
        facts = known.facts.get(near)
        if facts is not None and facts["visitor"]:
            return Step(answer=facts["visitor"][asks["attribute"]])
    return _go_to(asks, known, frame)


def solve_where(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Where a thing stood at a time."""
    frame = known.frame_of(seconds_of(asks["time"]))
    for near in sorted(known.facts, key=lambda shown: abs(shown - frame)):
        if abs(near - frame) > known.look_frames:
            break
        for standing in known.facts[near]["standing"]:
            if standing["name"] == asks["thing"]:
                return Step(answer=standing["part"])
    return _go_to(asks, known, frame)


def _go_to(asks: Asks, known: Known, frame: int) -> Step:
    """Ask which frame the time in the question is at, then look there."""
    if any(abs(told - frame) <= 1 for told in known.told):
        return Step(look=_around(known, frame))
    return Step(time=asks["time"])


def _around(known: Known, frame: int) -> Bracket:
    """As many frames as a look shows, around one."""
    lo = min(max(0, frame - known.look_frames // 2 - 1), known.last - known.look_frames - 1)
    return Bracket(lo=max(0, lo), hi=max(0, lo) + known.look_frames + 1)


def solve_when(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """When a thing is carried away; how long that takes is the same for all."""
    bracket = find_bracket(known, change_side(known, asks["event"], asks["thing"]))
    start = (bracket.lo + 1 + bracket.hi) / 2
    end = min(start + known.hold_frames, known.num_frames)
    stretch = (round(start / known.fps, 2), round(end / known.fps, 2))
    if bracket.width <= max(1, known.hold_frames // 4):
        return Step(answer=stretch)
    return Step(look=bracket, stretch=stretch)


def solve_when_choice(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Which of some times is that of a change: the only one left in its bracket."""
    bracket = find_bracket(known, change_side(known, asks["event"], asks["thing"]))
    possible = tuple(
        option
        for option in options
        if (seconds_of(option) + 1) * known.fps > bracket.lo
        and seconds_of(option) * known.fps <= bracket.hi
    )
    return _only(possible, bracket)


def _only(possible: tuple[str, ...], look: Bracket) -> Step:
    if len(possible) == 1:
        return Step(answer=possible[0])
    return Step(look=look, guesses=possible)


def solve_order(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """In what order things were taken: the only order that their brackets admit."""
    brackets = {
        thing: find_bracket(known, change_side(known, "take", thing)) for thing in asks["things"]
    }
    possible = tuple(
        option
        for option in options
        if all(
            brackets[second].hi > brackets[first].lo
            for first, second in combinations(option.split(", "), 2)
        )
    )
    return _only(possible, _overlap(list(brackets.values())))


def solve_before_after(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """Which of two changes came first."""
    first, second = (
        find_bracket(known, change_side(known, asks[name]["event"], asks[name]["thing"]))
        for name in ("first", "second")
    )
    possible = []
    if second.hi > first.lo:
        possible.append("before")
    if first.hi > second.lo:
        possible.append("after")
    return _only(tuple(possible), _overlap([first, second]))


def _overlap(brackets: Sequence[Bracket]) -> Bracket:
    """What the two brackets have in common that have most."""
    shared = [Bracket(lo=max(a.lo, b.lo), hi=min(a.hi, b.hi)) for a, b in combinations(brackets, 2)]
    return max(shared, key=lambda bracket: bracket.width)


def solve_next_to(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """What stood beside a thing when it was taken: what stands there on both sides of that."""
    thing, side = asks["thing"], asks["side"]
    bracket = find_bracket(known, change_side(known, "take", thing))
    before, after = known.facts.get(bracket.lo), known.facts.get(bracket.hi)
    beside = neighbor_of(before, thing, side) if before else None
    guesses = (beside,) if beside is not None else ()
    names = {standing["name"] for standing in after["standing"]} if after else set()
    if beside is not None and (beside in names or bracket.width <= known.visit_frames // 2):
        return Step(answer=beside)
    return Step(look=bracket, guesses=guesses)


def solve_spoken(asks: Asks, known: Known, options: Sequence[str]) -> Step:
    """What the narrator says of a chapter: the lines of a stretch come with its frames."""
    start = f"The word of chapter {asks['chapter']} is "
    for line in known.heard:
        if line.startswith(start):
            return Step(answer=line.removeprefix(start).rstrip("."))
    first = find_bracket(known, chapter_side(asks["chapter"], card_is_before=False))
    last = find_bracket(known, chapter_side(asks["chapter"] + 1, card_is_before=False))
    return Step(look=Bracket(lo=first.lo, hi=last.hi))


SOLVERS: dict[str, Solver] = {
    "what_taken": solve_change,
    "what_brought": solve_change,
    "what_moved": solve_change,
    "what_switched": solve_switched,
    "what_card": solve_card,
    "what_after_card": solve_after_card,
    "what_at_time": solve_at_time,
    "when": solve_when,
    "when_choice": solve_when_choice,
    "how_many": solve_how_many,
    "order": solve_order,
    "before_after": solve_before_after,
    "next_to": solve_next_to,
    "where": solve_where,
    "spoken": solve_spoken,
}
"""Kind of question -> its solver."""
