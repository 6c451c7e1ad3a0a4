"""What has been seen of a film so far, and between which frames something must have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Facts = Mapping[str, Any]
"""What `frame_facts` says of a frame."""
Side = Callable[[Facts], "str | None"]
"""Facts -> "before" or "after" a change, or None where they do not tell."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that a viewer knows of a film.

    Attributes:
        num_frames: of the film.
        fps: frames per second.
        visit_frames, hold_frames: how long a visitor is in the picture, and carries what it takes
            away. The same in all films of a kind.
        look_frames: frames that one look shows.
        num_places: on the shelf.
        facts: frame -> what it shows, of the frames shown, ascending.
        told: frame numbers that times were said to be.
        heard: lines that were said.
    """

    num_frames: int
    fps: int
    visit_frames: int
    hold_frames: int
    look_frames: int
    num_places: int
    facts: Mapping[int, Facts] = field(default_factory=dict)
    told: tuple[int, ...] = ()
    heard: tuple[str, ...] = ()

    @property
    def last(self) -> int:
        """The film's last frame."""
        return self.num_frames - 1

    def frame_of(self, seconds: float) -> int:
        """The frame on show at a time."""
        return min(self.last, int(seconds * self.fps + 1e-6))


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Two frames between which something changes: after `lo`, not after `hi`."""

    lo: int
    hi: int

    @property
    def width(self) -> int:
        """Frames from one to the other."""
        return self.hi - self.lo


def find_bracket(known: Known, side: Side) -> Bracket:
    """The last frame before a change and the first after it; or the film's ends."""
    lo, hi = 0, known.last
    sides = [(frame, side(facts)) for frame, facts in known.facts.items()]
    before = [frame for frame, where in sides if where == "before"]
    lo = max(before, default=lo)
    hi = min((frame for frame, where in sides if where == "after" and frame > lo), default=hi)
    return Bracket(lo=lo, hi=hi)


def change_side(known: Known, event: str, thing: str) -> Side:
    """Where frames stand to the taking, bringing or moving of a thing.

    A thing that is taken or moved leaves its place when it is lifted, one that is brought
    gets there when it is put down.
    """
    places = [place_of(facts, thing) for facts in known.facts.values()]
    final = next((place for place in reversed(places) if place is not None), None)

    def side(facts: Facts) -> str | None:
        if facts["card"] is not None:
            return None
        place = place_of(facts, thing)
        if event == "move":
            return "after" if place is None or place == final else "before"
        stands_before = event == "take"
        return "before" if (place is not None) == stands_before else "after"

    return side


def chapter_side(number: int, *, card_is_before: bool) -> Side:
    """Where frames stand to the beginning of a chapter, or to the end of its card."""

    def side(facts: Facts) -> str | None:
        if facts["chapter"] is None:
            return None
        if facts["chapter"] < number:
            return "before"
        on_card = facts["card"] is not None and facts["chapter"] == number
        return "before" if on_card and card_is_before else "after"

    return side


def place_of(facts: Facts, thing: str) -> int | None:
    """Where a thing stands, None where it does not."""
    return next((s["place"] for s in facts["standing"] if s["name"] == thing), None)


def neighbor_of(facts: Facts, thing: str, side: str) -> str | None:
    """What stands directly to the left or right of a thing; None for nothing."""
    place = place_of(facts, thing)
    if place is None:
        return None
    beside = place + (1 if side == "right" else -1)
    return next((s["name"] for s in facts["standing"] if s["place"] == beside), None)


def touched(facts: Facts) -> str | None:
    """What the visitor carries or touches; None for nothing and for no visitor."""
    return facts["visitor"]["touches"] if facts["visitor"] else None


def switch_brackets(known: Known) -> list[Bracket]:
    """Between which frames the lamp, off at the start, was switched; at most once in each."""
    found, last, lamp = [], 0, "off"
    for frame, facts in known.facts.items():
        if facts["lamp"] is None:
            continue
        if facts["lamp"] != lamp:
            found.append(Bracket(lo=last, hi=frame))
        last, lamp = frame, facts["lamp"]
    return found


def largest_gap(known: Known, seen: Iterable[int]) -> Bracket:
    """The longest stretch of which no frame is among those seen."""
    edges = [0, *seen, known.last]
    lo, hi = max(pairwise(edges), key=lambda pair: pair[1] - pair[0])
    return Bracket(lo=lo, hi=hi)
