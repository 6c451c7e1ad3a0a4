"""What happens in a film, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from video.synthetic.vocabulary import Item

EVENT_KINDS = ("pass", "take", "bring", "move", "switch")


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A stretch of film with a look of its own.

    Attributes:
        number: counted from 1.
        start_frame: first frame, of its card where there are chapters.
        card_end: first frame after its card; start_frame where it has none.
        end_frame: first frame after it.
        tint: index of its look.
        emblem: what its card shows; None where it has none.
        word: what the narrator calls its word; "" where nobody says one.
    """

    number: int
    start_frame: int
    card_end: int
    end_frame: int
    tint: int
    emblem: Item | None
    word: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """A visitor comes, does something or not, and leaves.

    Attributes:
        kind: "pass" (changes nothing), "take", "bring", "move" (of a thing on the shelf), "switch"
            (of the lamp).
        start_frame, end_frame: the visitor is in the picture, half-open.
        visitor: what it looks like.
        thing: what it carries: the thing concerned, or its own luggage; None for nothing.
        place_from, place_to: on the shelf, where it takes from and puts to; for a "pass" the first
            is where it stops, if it does.
        hold_start, hold_end: it carries the thing or touches the lamp, half-open; equal where it
            does neither.
        enters, leaves: -1 on the left, 1 on the right.
    """

    kind: str
    start_frame: int
    end_frame: int
    visitor: Item
    thing: Item | None = None
    place_from: int | None = None
    place_to: int | None = None
    hold_start: int = 0
    hold_end: int = 0
    enters: int = -1
    leaves: int = 1

    @property
    def change_frame(self) -> int:
        """First frame that shows what it changed: for a move, that the thing has left its place."""
        if self.kind == "switch":
            return (self.hold_start + self.hold_end) // 2
        return self.hold_end if self.kind == "bring" else self.hold_start

    @property
    def telling_frames(self) -> tuple[int, int]:
        """When a frame tells who did it, half-open: while the thing is held or the lamp touched;
        all the visit where it changes nothing.
        """
        if self.kind == "pass":
            return self.start_frame, self.end_frame
        return self.hold_start, self.hold_end


@dataclass(frozen=True, kw_only=True)
class Subtitle:
    """A line that is spoken.

    Attributes:
        start_seconds, end_seconds: when, half-open [s].
        text: one line.
    """

    start_seconds: float
    end_seconds: float
    text: str
