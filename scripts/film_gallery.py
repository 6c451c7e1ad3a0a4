"""Contact sheets of synthetic films: a scan, an event that a question hinges on, and the hay around
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.drawing import MUTED, Canvas
from video.questions import VideoQuestion
from video.sampling import sample_frames
from video.synthetic.config import FilmConfig, nursery_film_config
from video.synthetic.events import Event
from video.synthetic.film import draw_film
from video.synthetic.questions import draw_questions
from video.synthetic.record import Film
from video.synthetic.source import FilmSource
from video.synthetic.vocabulary import clock

WIDTH, HEIGHT = 208, 138
"""Largest size of a picture on the sheet [px]."""
NUM_FRAMES = 6
GAP, HEAD, FOOT = 8, 26, 20


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Frames of a film in a row.

    Attributes:
        title: what they show.
        frames: their numbers.
    """

    title: str
    frames: Sequence[int]


def write_film_sheets(folder: Path, seed: int) -> None:
    """Write `films.png`, of a film as `dataset=long_video` has them, and `film_nursery.png`."""
    film = draw_film(FilmConfig(), seed)
    write_sheet(folder / "films.png", film, [*scan_strips(film), *card_strips(film), hay(film)])
    film = draw_film(nursery_film_config(), seed)
    write_sheet(folder / "film_nursery.png", film, scan_strips(film))


def scan_strips(film: Film) -> list[Strip]:
    """A uniform scan of the whole film, and the event that a question about it hinges on."""
    question = ask(film, "what_taken")
    event = event_of(film, question)
    frames = spread(event.start_frame, event.end_frame)
    scan = sample_frames("linspace", film.num_frames, NUM_FRAMES)
    long = f"{film.name}, {clock(film.duration_seconds)}: a uniform scan"
    return [Strip(title=long, frames=scan), Strip(title=solved(question), frames=frames)]


def card_strips(film: Film) -> list[Strip]:
    """A chapter's card, and the first visitor after it."""
    question = ask(film, "what_after_card")
    event = event_of(film, question)
    card = film.chapter_at(event.start_frame).start_frame
    frames = [card, *spread(event.start_frame, event.end_frame, NUM_FRAMES - 1)]
    return [Strip(title=solved(question), frames=frames)]


def hay(film: Film) -> Strip:
    """Visitors that change nothing, one after the other."""
    passers = [event for event in film.events if event.kind == "pass"]
    middle = len(passers) // 2
    frames = [(e.start_frame + e.end_frame) // 2 for e in passers[middle : middle + NUM_FRAMES]]
    title = f"Hay: {len(passers)} of {len(film.events)} visitors change nothing"
    return Strip(title=title, frames=frames)


def ask(film: Film, kind: str) -> VideoQuestion:
    """A question of a kind.

    Raises:
        RuntimeError: where the film has none.
    """
    for question in draw_questions(film, np.random.default_rng((film.seed, 1)), kinds=[kind]):
        return question
    raise RuntimeError(f"{film.name} has no question of the kind {kind}; choose another seed")


def event_of(film: Film, question: VideoQuestion) -> Event:
    """The visit that a question's evidence lies in."""
    event = film.event_at(round(question.evidence[0].start_seconds * film.fps))
    assert event is not None, "these questions are about visits"
    return event


def solved(question: VideoQuestion) -> str:
    """A question with its options and the answer."""
    options = ", ".join(question.options)
    return f"{question.text} ({options})  Answer: {question.letters()[str(question.answer)]}"


def spread(start: int, end: int, num: int = NUM_FRAMES) -> list[int]:
    """So many frames of a half-open stretch, the first among them."""
    return np.linspace(start, end - 1, num).astype(int).tolist()


def write_sheet(path: Path, film: Film, strips: Sequence[Strip]) -> None:
    """One row per strip: a title above, the time below each picture."""
    source = FilmSource(film)
    scale = min(WIDTH / source.width, HEIGHT / source.height)
    width, height = round(source.width * scale), round(source.height * scale)
    step = HEAD + height + FOOT
    canvas = Canvas(GAP + NUM_FRAMES * (width + GAP), len(strips) * step + GAP)
    for row, strip in enumerate(strips):
        top = row * step + HEAD
        canvas.line(GAP, top - 8, strip.title, size=14, width=NUM_FRAMES * (width + GAP) - GAP)
        pictures = source.frames(strip.frames).data
        for column, (frame, picture) in enumerate(zip(strip.frames, pictures, strict=True)):
            left = GAP + column * (width + GAP)
            canvas.picture(picture, (left, top, left + width, top + height))
            label = f"{clock(frame / film.fps)}, frame {frame}"
            canvas.line(left, top + height + 14, label, size=11, color=MUTED, width=width)
    Image.fromarray(canvas.array()).quantize(256).save(path, optimize=True)
