"""Synthetic films: what happens in them, when, and that the seed decides all of it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from video.synthetic.checks import event_positions, ks_critical, ks_distance
from video.synthetic.config import LAMP_REST_SHARE, FilmConfig, nursery_film_config
from video.synthetic.film import draw_film
from video.synthetic.narration import srt_text
from video.synthetic.record import Film
from video.synthetic.schedule import CrowdedError, fill_gaps, spaced_on_circle


@pytest.fixture(scope="module")
def films() -> list[Film]:
    config = FilmConfig(min_seconds=400, max_seconds=900)
    return [draw_film(config, seed) for seed in range(60)]


@pytest.fixture(scope="module")
def long_films() -> list[Film]:
    return [draw_film(FilmConfig(), seed) for seed in range(150)]


def test_the_seed_decides_the_film() -> None:
    config = FilmConfig()
    assert draw_film(config, 3).log() == draw_film(config, 3).log()
    assert draw_film(config, 3).log() != draw_film(config, 4).log()


def test_a_film_survives_pickling_and_its_log_is_json(films: list[Film]) -> None:
    film = films[0]
    assert pickle.loads(pickle.dumps(film)) == film
    assert json.loads(json.dumps(film.log()))["num_frames"] == film.num_frames


def test_things_stand_where_the_events_leave_them(films: list[Film]) -> None:
    for film in films:
        shelf = dict(film.initial)
        for event in film.events:
            assert dict(film.shelf_at(event.start_frame)) in (
                shelf,
                {k: v for k, v in shelf.items() if k != event.place_from},
            )
            if event.kind in ("take", "move"):
                assert event.place_from is not None
                assert shelf.pop(event.place_from) == event.thing
            if event.kind in ("bring", "move"):
                assert event.place_to not in (None, *shelf)
                assert event.thing is not None
                shelf[event.place_to] = event.thing
            assert dict(film.shelf_at(event.end_frame - 1)) == shelf
        assert dict(film.shelf_at(film.num_frames - 1)) == shelf


def test_one_visitor_at_a_time_and_none_on_a_card(films: list[Film]) -> None:
    for film in films:
        busy = [(event.start_frame, event.end_frame) for event in film.events]
        busy += [(c.start_frame, c.card_end) for c in film.chapters]
        busy.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(busy))
        assert busy[-1][1] <= film.num_frames


def test_luggage_is_never_like_a_thing_of_the_shelf(films: list[Film]) -> None:
    passers = [event for film in films for event in film.events if event.kind == "pass"]
    assert any(event.thing is not None for event in passers)
    assert all(event.thing not in film.things for film in films for event in film.events
               if event.kind == "pass")  # fmt: skip


def test_the_lamp_rests_between_two_switchings(films: list[Film]) -> None:
    counts = set()
    for film in films:
        times = [event.change_frame for event in film.events if event.kind == "switch"]
        counts.add(len(times))
        assert all(np.diff(times) >= LAMP_REST_SHARE * film.num_frames)
        assert film.switches_before(film.num_frames - 1) == len(times)
    assert counts == {1, 2, 3, 4}


@pytest.mark.parametrize("kinds", [("take", "bring", "move"), ("switch",), ("pass",)])
def test_event_times_are_uniform(long_films: list[Film], kinds: tuple[str, ...]) -> None:
    positions = event_positions(long_films, kinds)
    assert len(positions) > 300
    assert ks_distance(positions) < ks_critical(len(positions))


def test_ks_distance_is_that_of_the_definition() -> None:
    assert ks_distance(np.array([0.1, 0.2, 0.3])) == pytest.approx(0.7)
    assert ks_distance(np.array([0.25, 0.75])) == pytest.approx(0.25)
    assert ks_distance(np.array([0.9])) == pytest.approx(0.9)


def test_times_on_a_circle_are_apart_and_uniform() -> None:
    rng = np.random.default_rng(0)
    draws = np.array([spaced_on_circle(4, 1000, 150, rng) for _ in range(2000)])
    gaps = np.diff(np.column_stack([draws, draws[:, 0] + 1000]), axis=1)
    assert gaps.min() >= 149  # cut to whole frames
    assert ks_distance((draws.ravel() + 0.5) / 1000) < 0.02
    with pytest.raises(CrowdedError, match="4 times do not fit into 100 frames, 30 apart"):
        spaced_on_circle(4, 100, 30, rng)


def test_fillers_keep_clear_of_what_is_blocked() -> None:
    blocked = [(100, 130), (400, 420)]
    starts = fill_gaps(
        1000, span=20, margin=5, mean_gap=3, blocked=blocked, rng=np.random.default_rng(1)
    )
    assert len(starts) > 25
    for start in starts:
        assert all(start + 25 <= a or b + 5 <= start for a, b in blocked)
    assert min(np.diff(starts)) >= 25


def test_subtitles_say_titles_and_words_and_never_who_it_was(films: list[Film]) -> None:
    film = films[0]
    text = srt_text(film.subtitles)
    assert text.startswith("1\n00:00:00,000 --> 00:00:02,000\nChapter 1.\n")
    for chapter in film.chapters:
        assert f"The word of chapter {chapter.number} is {chapter.word}." in text
    words = set(text.replace(".", " ").split())
    assert not words & {*film.config.colors, *film.config.visitor_shapes}
    ends = [(line.start_seconds, line.end_seconds) for line in film.subtitles]
    assert all(end <= start for (_, end), (start, _) in pairwise(ends))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 27}, r"film\.height is 27; legal: 28 to 1080"),
        ({"width": 321}, r"film\.width is 321; legal: even numbers"),
        ({"fps": 0}, r"film\.fps is 0"),
        ({"max_seconds": 10.0}, r"film\.max_seconds is 10\.0; legal: 1200\.0 to"),
        ({"min_seconds": float("nan")}, r"film\.min_seconds is nan"),
        ({"colors": ["mauve"]}, r"film\.colors is \['mauve'\]; legal: .*gray, red"),
        ({"question_kinds": []}, r"film\.question_kinds is \[\]"),
        ({"num_places": 5}, r"film\.num_places is 5; legal: multiples of 3"),
        ({"num_taken": 9}, r"film\.num_places is 9; legal: at least 14"),
        ({"colors": ["red"], "standing_shapes": ["cube"]}, r"make 1 things; legal: at least 7"),
        ({"fps": 1}, r"film\.visit_seconds is 2\.0; legal: at least 4 frames"),
        ({"max_chapters": 41}, r"film\.max_chapters is 41; legal: at most one per 30 s"),
    ],
)
def test_configurations_out_of_range_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(FilmConfig(), **change).check("film.")


def test_too_much_for_the_time_is_an_error() -> None:
    config = replace(nursery_film_config(20.0), num_taken=2, visit_seconds=10.0)
    with pytest.raises(CrowdedError, match="2 changes do not fit into 80 frames"):
        draw_film(config, 0)


def test_nursery_films_have_neither_cards_nor_lamp() -> None:
    film = draw_film(nursery_film_config(), 0)
    assert (film.num_frames, len(film.chapters), film.subtitles) == (256, 1, ())
    assert {event.kind for event in film.events} == {"pass", "take"}
    assert len(film.initial) == 3


def test_every_number_of_switches_is_as_likely_however_crowded_the_film() -> None:
    """Few switches fit more often than many, which must not make them the answer to bet on."""
    config = FilmConfig(
        min_seconds=360.0,
        max_seconds=360.0,
        min_chapters=12,
        max_chapters=12,
        mean_gap_seconds=60.0,
        spoken_lines=0,
    )
    films = [draw_film(config, seed) for seed in range(300)]
    numbers = [sum(event.kind == "switch" for event in film.events) for film in films]
    assert all(50 <= numbers.count(number) <= 100 for number in (1, 2, 3, 4))
