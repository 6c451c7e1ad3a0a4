"""The documentation's contact sheets of films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.film_gallery import ask, card_strips, event_of, hay, scan_strips, write_film_sheets
from video.synthetic.config import FilmConfig
from video.synthetic.film import draw_film
from video.synthetic.source import FilmSource

FILM = draw_film(FilmConfig(), 0)


def test_the_event_is_the_one_that_the_question_asks_about() -> None:
    scan, event = scan_strips(FILM)
    assert scan.title == "film-0, 45:28: a uniform scan"
    assert (scan.frames[0], scan.frames[-1]) == (0, FILM.num_frames - 1)
    taken = event_of(FILM, ask(FILM, "what_taken"))
    assert taken.kind == "take" and taken.thing is not None
    assert f"took the {taken.thing.name} away" in event.title
    answer = event.title.rpartition("Answer: ")[2]
    assert answer in taken.visitor.name
    assert taken.thing in FILM.shelf_at(event.frames[0]).values()
    assert taken.thing not in FILM.shelf_at(event.frames[-1]).values()


def test_a_card_comes_before_its_visitor_and_hay_changes_nothing() -> None:
    (strip,) = card_strips(FILM)
    chapter = FILM.chapter_at(strip.frames[0])
    assert strip.frames[0] == chapter.start_frame < chapter.card_end <= strip.frames[1]
    assert f"chapter {chapter.number}?" in strip.title
    events = [FILM.event_at(frame) for frame in hay(FILM).frames]
    assert [event.kind for event in events if event is not None] == ["pass"] * 6


@pytest.mark.render
def test_the_sheets_are_pictures(tmp_path: Path) -> None:
    write_film_sheets(tmp_path, 0)
    for name in ("films.png", "film_nursery.png"):
        with Image.open(tmp_path / name) as sheet:
            assert sheet.width > 1000
            assert len(sheet.convert("RGB").getcolors(maxcolors=100_000) or []) > 50
    with Image.open(tmp_path / "films.png") as sheet:
        first = FilmSource(FILM).frames([0]).data[0]
        shown = np.asarray(sheet.convert("RGB").crop((8, 26, 216, 143)))
    assert shown.mean() == pytest.approx(first.mean(), abs=3)
