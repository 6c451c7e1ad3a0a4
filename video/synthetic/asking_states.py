"""Questions about what lasts: how many times, in what order, before or after, next to, where; and
about what is said.

Their evidence is every stretch of which a frame must be seen: between two changes, to know which
came first.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, permutations

import numpy as np

from video.questions import EvidenceBox, Interval
from video.synthetic.drafts import VERBS, Draft, events_of, thing_name
from video.synthetic.events import Event
from video.synthetic.facts import frames_interval, lamp_box, place_box, standing_box
from video.synthetic.layout import union
from video.synthetic.record import Film
from video.synthetic.vocabulary import PARTS, WORDS, clock


def ask_how_many(film: Film, rng: np.random.Generator) -> Draft | None:
    """How often the lamp was switched: a frame must be seen between every two switchings."""
    switches = events_of(film, "switch")
    if film.config.max_switches < 2:
        return None
    legal = range(1, film.config.max_switches + 1)
    edges = [0, *(event.change_frame for event in switches), film.num_frames]
    evidence = tuple(frames_interval(film, a, b) for a, b in pairwise(edges) if b > a)
    return Draft(
        text="How many times was the lamp switched, on or off?",
        asks={"event": "switch"},
        gold=str(len(switches)),
        others=tuple(str(number) for number in legal if number != len(switches)),
        evidence=evidence,
        boxes=tuple(EvidenceBox(interval=span, box_xyxy_norm=lamp_box(film)) for span in evidence),
        cue="lasting",
    )


def ask_order(film: Film, rng: np.random.Generator) -> Draft | None:
    """In what order three things were taken."""
    taken = events_of(film, "take")
    if len(taken) < 3:
        return None
    chosen = [taken[i] for i in sorted(rng.permutation(len(taken))[:3])]
    names = [thing_name(event) for event in chosen]
    told = [names[i] for i in rng.permutation(3)]
    gold = ", ".join(names)
    orders = [", ".join(order) for order in permutations(names)]
    return Draft(
        text=f"In what order were these taken away: the {told[0]}, the {told[1]}, the {told[2]}?",
        asks={"event": "take", "things": told},
        gold=gold,
        others=tuple(order for order in orders if order != gold),
        evidence=_between(film, chosen),
        boxes=_places_between(film, chosen),
        cue="lasting",
    )


def ask_before_after(film: Film, rng: np.random.Generator) -> Draft | None:
    """Which of two changes came first."""
    changes = events_of(film, *VERBS)
    if len(changes) < 2:
        return None
    one, two = (changes[i] for i in rng.permutation(len(changes))[:2])
    gold = "before" if one.start_frame < two.start_frame else "after"
    in_order = sorted((one, two), key=lambda event: event.start_frame)
    return Draft(
        text=f"Was the {thing_name(one)} {VERBS[one.kind]} before or after the {thing_name(two)} "
        f"was {VERBS[two.kind]}?",
        asks={
            "first": {"event": one.kind, "thing": thing_name(one)},
            "second": {"event": two.kind, "thing": thing_name(two)},
        },
        gold=gold,
        others=("after" if gold == "before" else "before",),
        evidence=_between(film, in_order),
        boxes=_places_between(film, in_order),
        cue="lasting",
    )


def _between(film: Film, events: Iterable[Event]) -> tuple[Interval, ...]:
    """The stretches between the changes that some events make, in order of time."""
    return tuple(
        frames_interval(film, one.change_frame, two.change_frame) for one, two in pairwise(events)
    )


def _places_between(film: Film, events: list[Event]) -> tuple[EvidenceBox, ...]:
    """In each of these stretches, the places of the shelf that the two events concern."""
    found = []
    for span, pair in zip(_between(film, events), pairwise(events), strict=True):
        places = [p for event in pair for p in (event.place_from, event.place_to) if p is not None]
        box = union(place_box(film, place) for place in places)
        found.append(EvidenceBox(interval=span, box_xyxy_norm=box))
    return tuple(found)


def ask_next_to(film: Film, rng: np.random.Generator) -> Draft | None:
    """What stood beside a thing when it was taken: to be seen as long as both stood there."""
    found = []
    for event in events_of(film, "take"):
        shelf = film.shelf_at(event.hold_start - 1)
        assert event.place_from is not None
        for side, step in (("left", -1), ("right", 1)):
            neighbor = shelf.get(event.place_from + step)
            if neighbor is not None:
                found.append((event, side, neighbor))
    if not found:
        return None
    event, side, neighbor = found[int(rng.integers(len(found)))]
    thing = thing_name(event)
    names = [f"{c} {s}" for c in film.config.colors for s in film.config.standing_shapes]
    since = max(_stands_since(film, name, event.hold_start - 1) for name in (thing, neighbor.name))
    span = frames_interval(film, since, event.hold_start)
    box = standing_box(film, event.hold_start - 1, neighbor.name)
    assert box is not None
    return Draft(
        text=f"What stood in the place directly to the {side} of the {thing} when it was taken "
        "away?",
        asks={"event": "take", "thing": thing, "side": side},
        gold=neighbor.name,
        others=tuple(name for name in names if name not in (neighbor.name, thing)),
        evidence=(span,),
        boxes=(EvidenceBox(interval=span, box_xyxy_norm=box),),
        cue="lasting",
    )


def ask_where(film: Film, rng: np.random.Generator) -> Draft | None:
    """In which third of the shelf a thing stood at a time: to be seen as long as it stood there."""
    for _ in range(100):
        time = int(rng.integers(film.num_frames // film.fps))
        frame = time * film.fps
        shelf = sorted(film.shelf_at(frame).items())
        if shelf and film.chapter_at(frame).card_end <= frame:
            break
    else:
        return None
    place, item = shelf[int(rng.integers(len(shelf)))]
    gold = PARTS[place // (film.config.num_places // 3)]
    since, until = _stands_since(film, item.name, frame), _stands_until(film, item.name, frame)
    span = frames_interval(film, since, until)
    return Draft(
        text=f"In which part of the shelf did the {item.name} stand at {clock(time)}?",
        asks={"thing": item.name, "time": clock(time)},
        gold=gold,
        others=tuple(part for part in PARTS if part != gold),
        evidence=(span,),
        boxes=(EvidenceBox(interval=span, box_xyxy_norm=place_box(film, place)),),
        cue="time",
    )


def _stands_since(film: Film, name: str, frame: int) -> int:
    """First frame from which a thing has stood where it stands at a frame."""
    puts = [
        event.hold_end
        for event in events_of(film, "bring", "move")
        if thing_name(event) == name and event.hold_end <= frame
    ]
    return max(puts, default=0)


def _stands_until(film: Film, name: str, frame: int) -> int:
    """First frame after one at which a thing no longer stands where it stood then."""
    lifts = [
        event.hold_start
        for event in events_of(film, "take", "move")
        if thing_name(event) == name and event.hold_start > frame
    ]
    return min(lifts, default=film.num_frames)


def ask_spoken(film: Film, rng: np.random.Generator) -> Draft | None:
    """What the narrator calls the word of a chapter: said, never shown."""
    said = [
        (chapter, line)
        for chapter in film.chapters
        for line in film.subtitles
        if line.text.startswith(f"The word of chapter {chapter.number} is ")
    ]
    if not said:
        return None
    chapter, line = said[int(rng.integers(len(said)))]
    return Draft(
        text=f"What does the narrator say is the word of chapter {chapter.number}?",
        asks={"chapter": chapter.number},
        gold=chapter.word,
        others=tuple(word for word in WORDS if word != chapter.word),
        evidence=(Interval(start_seconds=line.start_seconds, end_seconds=line.end_seconds),),
        cue="subtitles",
    )
