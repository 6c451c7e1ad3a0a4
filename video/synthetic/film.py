"""Drawing what happens in a film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from video.synthetic.config import LAMP_REST_SHARE, FilmConfig
from video.synthetic.events import Chapter, Event
from video.synthetic.narration import narrate
from video.synthetic.record import Film as Film
from video.synthetic.schedule import (
    MAX_TRIES,
    CrowdedError,
    Stretch,
    fill_gaps,
    free_starts,
    overlaps,
    spaced_on_circle,
)
from video.synthetic.vocabulary import WORDS, Item

QUIET_SECONDS = 8.0
"""After a card one visitor comes, and no other within this time [s]."""
APPROACH_SHARE = 0.2
"""Of a visit, before and after what it is about."""
NUM_TINTS = 6


def draw_film(config: FilmConfig, seed: int) -> Film:
    """The film of a seed.

    Args:
        config: what films look like; checked here.
        seed: 0 or more.

    Raises:
        ValueError: where the configuration is out of range, or more happens than there is time for.
    """
    config.check("film.")
    rng = np.random.default_rng((seed, 0))
    seconds = rng.uniform(config.min_seconds, config.max_seconds)
    num_frames = round(seconds * config.fps)
    chapters = _draw_chapters(config, num_frames, rng)
    starts = _draw_starts(config, num_frames, chapters, rng)
    things, initial, changes = _draw_changes(config, starts.changes, rng)
    switches = [_switch(config, start, rng) for start in starts.switches]
    others = sorted([*starts.fillers, *_after_cards(config, chapters, rng)])
    fillers = [_passer(config, start, things, rng) for start in others]
    events = sorted([*changes, *switches, *fillers], key=lambda event: event.start_frame)
    return Film(
        name=f"film-{seed}",
        config=config,
        seed=seed,
        num_frames=num_frames,
        chapters=chapters,
        things=things,
        initial=initial,
        events=tuple(events),
        subtitles=narrate(config, chapters, events, rng),
    )


@dataclass(frozen=True, kw_only=True)
class _Starts:
    """First frames of visits: that change the shelf, that switch the lamp, that fill the rest."""

    changes: list[int]
    switches: list[int]
    fillers: list[int]


def _draw_chapters(
    config: FilmConfig, num_frames: int, rng: np.random.Generator
) -> tuple[Chapter, ...]:
    num = int(rng.integers(config.min_chapters, config.max_chapters + 1))
    starts = [0]
    if num > 1:
        gap = num_frames / (2 * num)
        for _ in range(MAX_TRIES):
            later = spaced_on_circle(num - 1, num_frames, gap, rng)
            if later[0] >= gap and num_frames - later[-1] >= gap:
                break
        else:
            raise CrowdedError(f"{num} chapters do not fit into {num_frames} frames")
        starts += [int(start) for start in later]
    ends = [*starts[1:], num_frames]
    tints = _tints(num, rng)
    return tuple(
        Chapter(
            number=number,
            start_frame=start,
            card_end=start + (config.card_frames if num > 1 else 0),
            end_frame=end,
            tint=tints[number - 1],
            emblem=_any_item(config.colors, config.visitor_shapes, rng) if num > 1 else None,
            word=str(rng.choice(WORDS)) if config.spoken_lines else "",
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )


def _tints(num: int, rng: np.random.Generator) -> list[int]:
    """A look for each chapter, never that of the one before."""
    tints = [int(rng.integers(NUM_TINTS))]
    while len(tints) < num:
        tints.append((tints[-1] + int(rng.integers(1, NUM_TINTS))) % NUM_TINTS)
    return tints


def _any_item(colors: list[str], shapes: list[str], rng: np.random.Generator) -> Item:
    return Item(color=str(rng.choice(colors)), shape=str(rng.choice(shapes)))


def _draw_starts(
    config: FilmConfig, num_frames: int, chapters: tuple[Chapter, ...], rng: np.random.Generator
) -> _Starts:
    """When visits start: those that change something evenly over the film, clear of the cards."""
    span, margin = config.visit_frames, max(1, round(config.fps / 2))
    quiet = round(QUIET_SECONDS * config.fps)
    cards = [(c.start_frame, c.card_end + quiet) for c in chapters if c.card_end > c.start_frame]
    num_changes = config.num_taken + config.num_brought + config.num_moved
    # Drawn before any try: fewer switches fit more often, and would else be the likelier answer. A
    # film in which they find no place at all has one less.
    num_switches = int(rng.integers(1, config.max_switches + 1)) if config.has_lamp else 0
    for attempt in range(MAX_TRIES * max(1, num_switches)):
        switches = _draw_switches(config, num_switches - attempt // MAX_TRIES, num_frames, rng)
        lit = [(start, start + span) for start in switches]
        if any(overlaps(stretch, cards, margin) for stretch in lit):
            continue
        blocked = [*cards, *lit]
        changes = free_starts(
            num_changes, num_frames, span=span, margin=margin, blocked=blocked, rng=rng
        )
        if changes is not None:
            break
    else:
        raise CrowdedError(f"{num_changes} changes do not fit into {num_frames} frames")
    taken: list[Stretch] = [*blocked, *((start, start + span) for start in changes)]
    mean_gap = config.mean_gap_seconds * config.fps
    fillers = fill_gaps(
        num_frames, span=span, margin=margin, mean_gap=mean_gap, blocked=taken, rng=rng
    )
    return _Starts(changes=changes, switches=switches, fillers=fillers)


def _draw_switches(
    config: FilmConfig, num: int, num_frames: int, rng: np.random.Generator
) -> list[int]:
    if not num:
        return []
    length = num_frames - config.visit_frames + 1
    gap = LAMP_REST_SHARE * num_frames + config.visit_frames
    return [int(start) for start in spaced_on_circle(num, length, gap, rng)]


def _draw_changes(
    config: FilmConfig, starts: list[int], rng: np.random.Generator
) -> tuple[tuple[Item, ...], tuple[tuple[int, Item], ...], list[Event]]:
    """The things, where they stand at the start, and the visits that change that."""
    names = [Item(color=c, shape=s) for c in config.colors for s in config.standing_shapes]
    num_things = config.num_initial() + config.num_brought
    things = [names[i] for i in rng.permutation(len(names))[:num_things]]
    initial = things[: config.num_initial()]
    places = [int(place) for place in rng.permutation(config.num_places)[: len(initial)]]
    shelf = dict(zip(places, initial, strict=True))
    first = tuple(sorted(shelf.items()))
    events = []
    for start, kind, thing in sorted(
        zip(starts, *zip(*_plan(config, things), strict=True), strict=True)
    ):
        events.append(_change(config, start, kind, thing, shelf, rng))
    return tuple(things), first, events


def _plan(config: FilmConfig, things: list[Item]) -> Iterator[tuple[str, Item]]:
    """What happens to which thing, in no order of time."""
    for thing in things[: config.num_taken]:
        yield "take", thing
    for thing in things[config.num_taken : config.num_taken + config.num_moved]:
        yield "move", thing
    for thing in things[config.num_initial() :]:
        yield "bring", thing


def _change(
    config: FilmConfig,
    start: int,
    kind: str,
    thing: Item,
    shelf: dict[int, Item],
    rng: np.random.Generator,
) -> Event:
    """A visit that changes the shelf, whose state is brought up to date."""
    place_from = next((place for place, item in shelf.items() if item == thing), None)
    empty = [place for place in range(config.num_places) if place not in shelf]
    place_to = int(rng.choice(empty)) if kind in ("move", "bring") else None
    if place_from is not None:
        del shelf[place_from]
    if place_to is not None:
        shelf[place_to] = thing
    hold = {"take": (True, False), "bring": (False, True), "move": (True, True)}[kind]
    return _visit(
        config, start, rng, kind, hold=hold, thing=thing, place_from=place_from, place_to=place_to
    )


def _visit(
    config: FilmConfig,
    start: int,
    rng: np.random.Generator,
    kind: str,
    *,
    hold: tuple[bool, bool],
    thing: Item | None = None,
    place_from: int | None = None,
    place_to: int | None = None,
) -> Event:
    """A visit; `hold` says whether it begins to hold late, and whether it ends holding early."""
    frames = config.visit_frames
    approach = max(1, round(APPROACH_SHARE * frames))
    late, early = hold
    return Event(
        kind=kind,
        start_frame=start,
        end_frame=start + frames,
        visitor=_any_item(config.colors, config.visitor_shapes, rng),
        thing=thing,
        place_from=place_from,
        place_to=place_to,
        hold_start=start + (approach if late else 0),
        hold_end=start + frames - (approach if early else 0),
        enters=int(rng.choice((-1, 1))),
        leaves=int(rng.choice((-1, 1))),
    )


def _switch(config: FilmConfig, start: int, rng: np.random.Generator) -> Event:
    return _visit(config, start, rng, "switch", hold=(True, True))


def _after_cards(
    config: FilmConfig, chapters: tuple[Chapter, ...], rng: np.random.Generator
) -> list[int]:
    """When the first visitor of each chapter with a card comes: half a second to one after it."""
    low, high = round(0.5 * config.fps), config.fps
    return [
        chapter.card_end + int(rng.integers(low, high + 1))
        for chapter in chapters
        if chapter.card_end > chapter.start_frame
    ]


def _passer(
    config: FilmConfig, start: int, things: tuple[Item, ...], rng: np.random.Generator
) -> Event:
    """A visit that changes nothing: someone crosses, or stops at a place, with luggage or without.

    Luggage is never like anything that stands on the shelf in this film, and is picked up, put down
    or carried all the way as things of the shelf are.
    """
    luggage = None
    if rng.random() < config.luggage_share:
        names = [Item(color=c, shape=s) for c in config.colors for s in config.standing_shapes]
        spare = [item for item in names if item not in things]
        luggage = spare[int(rng.integers(len(spare)))]
    place = int(rng.integers(config.num_places)) if rng.random() < 0.7 else None
    hold = (bool(rng.integers(2)), bool(rng.integers(2)))
    visit = _visit(config, start, rng, "pass", hold=hold, thing=luggage, place_from=place)
    if luggage is not None:
        return visit
    return _without_hold(visit)


def _without_hold(visit: Event) -> Event:
    return replace(visit, hold_start=visit.start_frame, hold_end=visit.start_frame)
