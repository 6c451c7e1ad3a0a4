"""A question before its options are dealt, and what all kinds of question share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from video.questions import EvidenceBox, Interval
from video.synthetic.events import Event
from video.synthetic.record import Film

VERBS = {"take": "taken away", "bring": "brought", "move": "moved"}
"""Kind of event that changes the shelf -> what is done to the thing."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A question before its options are dealt.

    Attributes:
        text: the question.
        asks: the same for machines: nothing that the text does not say.
        gold: text of the right answer; "" where the answer is a stretch.
        others: wrong options to draw from.
        evidence, boxes: see `VideoQuestion`.
        intervals: right stretches; empty for a choice.
        cue: what leads to the evidence: "lasting", "chapter", "time", "subtitles" or "none".
    """

    text: str
    asks: dict[str, object]
    gold: str
    others: tuple[str, ...]
    evidence: tuple[Interval, ...]
    boxes: tuple[EvidenceBox, ...] = ()
    intervals: tuple[Interval, ...] = ()
    cue: str = "none"


Asker = Callable[[Film, np.random.Generator], "Draft | None"]
"""Draws a question of one kind; None where the film has none."""


def events_of(film: Film, *kinds: str) -> list[Event]:
    """The events of some kinds, in order of time."""
    return [event for event in film.events if event.kind in kinds]


def pick_event(events: Sequence[Event], rng: np.random.Generator) -> Event | None:
    """One of some events, drawn evenly; None where there is none."""
    return events[int(rng.integers(len(events)))] if events else None


def thing_name(event: Event) -> str:
    """What an event that concerns a thing concerns."""
    assert event.thing is not None
    return event.thing.name
