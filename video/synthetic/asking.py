"""Questions about visits and cards: what is to be seen only while they last.

Every answer is drawn evenly over a vocabulary that no film decides, either here or when the film
was drawn, and independently of all that a question's words or its film's length could tell.
"""

from __future__ import annotations

import numpy as np

from video.questions import EvidenceBox
from video.synthetic.drafts import VERBS, Asker, Draft, events_of, pick_event, thing_name
from video.synthetic.events import Event
from video.synthetic.facts import frames_interval, visitor_boxes
from video.synthetic.film import QUIET_SECONDS
from video.synthetic.record import Film
from video.synthetic.vocabulary import clock

ORDINALS = ("first", "second", "third", "fourth")


def _draw_attribute(film: Film, rng: np.random.Generator) -> tuple[str, list[str]]:
    """What is asked of a visitor or an emblem, and the vocabulary of the answers."""
    legal = [("color", film.config.colors), ("shape", film.config.visitor_shapes)]
    legal = [pair for pair in legal if len(pair[1]) > 1]
    return legal[int(rng.integers(len(legal)))]


def _visitor_draft(
    film: Film,
    event: Event,
    rng: np.random.Generator,
    *,
    text: str,
    asks: dict[str, object],
    cue: str,
) -> Draft:
    """A question about the look of a visitor.

    Args:
        film, event, rng: whose look.
        text: with {what} where the attribute goes.
        asks: all but the attribute.
        cue: what leads there.
    """
    name, legal = _draw_attribute(film, rng)
    gold = str(getattr(event.visitor, name))
    return Draft(
        text=text.format(what=f"What {name}"),
        asks={**asks, "attribute": name},
        gold=gold,
        others=tuple(value for value in legal if value != gold),
        evidence=(frames_interval(film, *event.telling_frames),),
        boxes=visitor_boxes(film, event),
        cue=cue,
    )


def ask_change(kind: str, words: str) -> Asker:
    """Makes the asker of who took, brought or moved a thing.

    Args:
        kind: of the event.
        words: what the visitor did, with {} for the thing.
    """

    def ask(film: Film, rng: np.random.Generator) -> Draft | None:
        event = pick_event(events_of(film, kind), rng)
        if event is None:
            return None
        thing = thing_name(event)
        text = f"{{what}} was the visitor that {words.format(thing)}?"
        asks: dict[str, object] = {"event": kind, "thing": thing}
        return _visitor_draft(film, event, rng, text=text, asks=asks, cue="lasting")

    return ask


def ask_switched(film: Film, rng: np.random.Generator) -> Draft | None:
    """Who switched the lamp for the n-th time."""
    switches = events_of(film, "switch")
    if not switches:
        return None
    number = int(rng.integers(len(switches)))
    text = f"{{what}} was the visitor that switched the lamp for the {ORDINALS[number]} time?"
    asks: dict[str, object] = {"event": "switch", "number": number + 1}
    return _visitor_draft(film, switches[number], rng, text=text, asks=asks, cue="lasting")


def ask_card(film: Film, rng: np.random.Generator) -> Draft | None:
    """What the card of a chapter shows; never the first's, which is the film's first frame."""
    if len(film.chapters) < 2:
        return None
    chapter = film.chapters[int(rng.integers(1, len(film.chapters)))]
    assert chapter.emblem is not None
    name, legal = _draw_attribute(film, rng)
    gold = str(getattr(chapter.emblem, name))
    shown = frames_interval(film, chapter.start_frame, chapter.card_end)
    return Draft(
        text=f"What {name} is the thing on the card of chapter {chapter.number}?",
        asks={"chapter": chapter.number, "attribute": name},
        gold=gold,
        others=tuple(value for value in legal if value != gold),
        evidence=(shown,),
        boxes=(EvidenceBox(interval=shown, box_xyxy_norm=(0.0, 0.0, 1.0, 1.0)),),
        cue="chapter",
    )


def ask_after_card(film: Film, rng: np.random.Generator) -> Draft | None:
    """Who came first in a chapter."""
    if len(film.chapters) < 2:
        return None
    chapter = film.chapters[int(rng.integers(1, len(film.chapters)))]
    event = next((e for e in film.events if e.start_frame >= chapter.card_end), None)
    if event is None or event.end_frame > chapter.end_frame:
        return None
    number = chapter.number
    text = f"{{what}} was the first visitor after the card of chapter {number}?"
    asks: dict[str, object] = {"chapter": number}
    return _visitor_draft(film, event, rng, text=text, asks=asks, cue="chapter")


def ask_at_time(film: Film, rng: np.random.Generator) -> Draft | None:
    """Who crossed at a time, given in whole seconds."""
    visits = events_of(film, "pass")
    timed = [(event, time) for event in visits if (time := _whole_second(film, event))]
    if not timed:
        return None
    event, time = timed[int(rng.integers(len(timed)))]
    text = f"{{what}} was the visitor that crossed at {clock(time)}?"
    asks: dict[str, object] = {"time": clock(time)}
    return _visitor_draft(film, event, rng, text=text, asks=asks, cue="time")


def _whole_second(film: Film, event: Event) -> int | None:
    """A time [s] when the visitor is in the picture, and a frame before and after too."""
    time = -(-(event.start_frame + 1) // film.fps)
    return time if time * film.fps + 1 < event.end_frame else None


def ask_when(film: Film, rng: np.random.Generator) -> Draft | None:
    """When a thing was carried away, as a stretch."""
    event = pick_event(events_of(film, "take"), rng)
    if event is None:
        return None
    carried = frames_interval(film, event.hold_start, event.hold_end)
    return Draft(
        text=f"From when to when does a visitor carry the {thing_name(event)} away?",
        asks={"event": "take", "thing": thing_name(event)},
        gold="",
        others=(),
        evidence=(carried,),
        boxes=visitor_boxes(film, event),
        intervals=(carried,),
        cue="lasting",
    )


def ask_when_choice(film: Film, rng: np.random.Generator) -> Draft | None:
    """When a thing was taken, brought or moved, to be chosen from times.

    The wrong times are drawn evenly, with distances measured on a circle as long as the film, which
    keeps the right one from standing out among them. To be seen are the stretches between it and
    the times beside it.
    """
    event = pick_event(events_of(film, *VERBS), rng)
    if event is None:
        return None
    first, whole = round(QUIET_SECONDS), int(film.duration_seconds - film.config.visit_seconds)
    apart = film.duration_seconds / 20
    times = [event.change_frame // film.fps]
    while len(times) < film.config.num_options:
        time = int(rng.integers(first, whole))
        if all(min(abs(time - t), whole - abs(time - t)) >= apart for t in times):
            times.append(time)
    earlier = [time for time in times if time < times[0]]
    later = [time for time in times if time > times[0]]
    stretches = []
    if earlier:
        stretches.append(((max(earlier) + 1) * film.fps, event.change_frame))
    if later:
        stretches.append((event.change_frame, min(later) * film.fps))
    return Draft(
        text=f"When was the {thing_name(event)} {VERBS[event.kind]}?",
        asks={"event": event.kind, "thing": thing_name(event)},
        gold=clock(times[0]),
        others=tuple(clock(time) for time in times[1:]),
        evidence=tuple(frames_interval(film, start, end) for start, end in stretches),
    )
