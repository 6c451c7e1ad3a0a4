"""Questions about synthetic films: right, fair, and with their evidence."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from video.questions import VideoQuestion
from video.synthetic.checks import chance, run_expert, uniform_scan_accuracy, uniform_scan_hits
from video.synthetic.config import NEEDLE_KINDS, QUESTION_KINDS, FilmConfig, nursery_film_config
from video.synthetic.facts import frame_facts
from video.synthetic.film import draw_film
from video.synthetic.questions import draw_questions, is_needle
from video.synthetic.record import Film

Pair = tuple[Film, VideoQuestion]


def draw_pairs(config: FilmConfig, num: int) -> list[Pair]:
    films = [draw_film(config, seed) for seed in range(num)]
    return [
        (film, question)
        for film in films
        for question in draw_questions(film, np.random.default_rng((film.seed, 1)))
    ]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return draw_pairs(FilmConfig(), 120)


@pytest.fixture(scope="module")
def nursery() -> list[Pair]:
    return draw_pairs(nursery_film_config(timed=True), 200)


def of_kind(pairs: list[Pair], kind: str) -> list[Pair]:
    return [(film, question) for film, question in pairs if question.kind == kind]


def gold(question: VideoQuestion) -> str:
    assert question.answer is not None
    return question.letters()[question.answer]


def test_every_kind_is_asked_once_per_film(pairs: list[Pair]) -> None:
    counts = Counter(question.kind for _, question in pairs)
    assert set(counts) == set(QUESTION_KINDS)
    assert all(count >= 118 for count in counts.values())
    assert len({question.question_id for _, question in pairs}) == len(pairs)
    for _, question in pairs:
        assert is_needle(question) == (question.kind in NEEDLE_KINDS)


def test_the_generator_decides_the_questions() -> None:
    film = draw_film(FilmConfig(), 1)
    one, two, other = (draw_questions(film, np.random.default_rng(s)) for s in (0, 0, 1))
    assert one == two != other
    few = draw_questions(film, np.random.default_rng(0), kinds=["order", "what_card"], num=1)
    assert len(few) == 1
    with pytest.raises(ValueError, match="question kind 'why'; legal: what_taken, "):
        draw_questions(film, np.random.default_rng(0), kinds=["why"])


@pytest.mark.parametrize("kind", ["what_taken", "what_brought", "what_moved", "what_switched"])
def test_the_evidence_shows_the_answer_and_nothing_else_does(pairs: list[Pair], kind: str) -> None:
    for film, question in of_kind(pairs, kind)[:25]:
        (span,) = question.evidence
        asks = question.extra["asks"]
        assert isinstance(asks, dict)
        start, end = (round(t * film.fps) for t in (span.start_seconds, span.end_seconds))
        assert end - start <= 2 * film.fps
        wanted = asks.get("thing", "lamp")
        for frame in (start, (start + end) // 2, end - 1):
            visitor = frame_facts(film, frame)["visitor"]
            assert visitor["touches"] == wanted
            assert visitor[asks["attribute"]] == gold(question)
        for frame in (start - 1, end):
            assert (frame_facts(film, frame)["visitor"] or {}).get("touches") != wanted
        others = [e for e in film.events if e.thing and e.thing.name == wanted]
        assert len(others) <= 1


def test_cards_and_times_show_the_answer(pairs: list[Pair]) -> None:
    for film, question in of_kind(pairs, "what_card")[:25]:
        asks = question.extra["asks"]
        assert isinstance(asks, dict)
        frame = round(question.evidence[0].start_seconds * film.fps)
        assert frame_facts(film, frame)["card"][asks["attribute"]] == gold(question)
        assert str(asks["chapter"]) in question.text
    for film, question in of_kind(pairs, "what_at_time")[:25]:
        asks = question.extra["asks"]
        assert isinstance(asks, dict)
        parts = [int(part) for part in asks["time"].split(":")]
        seconds = sum(p * 60**i for i, p in enumerate(reversed(parts)))
        assert question.evidence[0].contains(seconds)
        for frame in (-1, 0, 1):
            visitor = frame_facts(film, seconds * film.fps + frame)["visitor"]
            assert visitor[asks["attribute"]] == gold(question)
        assert asks["time"] in question.text


def test_answers_about_lasting_things_by_reading_the_log(pairs: list[Pair]) -> None:
    for film, question in of_kind(pairs, "how_many"):
        assert gold(question) == str(sum(event.kind == "switch" for event in film.events))
    for film, question in of_kind(pairs, "order"):
        times = [film.event_of("take", name).start_frame for name in gold(question).split(", ")]
        assert times == sorted(times)
    for film, question in of_kind(pairs, "before_after"):
        asks = question.extra["asks"]
        first, second = (
            film.event_of(asks[k]["event"], asks[k]["thing"]).start_frame  # type: ignore[index]
            for k in ("first", "second")
        )
        assert gold(question) == ("before" if first < second else "after")
    for film, question in of_kind(pairs, "next_to"):
        asks = question.extra["asks"]
        take = film.event_of("take", asks["thing"])  # type: ignore[index]
        step = 1 if asks["side"] == "right" else -1  # type: ignore[index]
        assert film.shelf_at(take.hold_start - 1)[take.place_from + step].name == gold(question)


def test_stretches_to_be_seen_lie_in_the_film(pairs: list[Pair]) -> None:
    for film, question in pairs:
        assert question.evidence
        for span in (*question.evidence, *(box.interval for box in question.evidence_boxes)):
            assert span.end_seconds <= film.duration_seconds
        if question.kind in NEEDLE_KINDS:
            assert sum(s.end_seconds - s.start_seconds for s in question.evidence) <= 2.0
            assert question.evidence_boxes


def is_even(counts: Counter[str], num: int) -> bool:
    """Whether counts over `num` values are even: chi-squared below its mean + 4 deviations."""
    expected = sum(counts.values()) / num
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    statistic += (num - len(counts)) * expected
    return statistic < (num - 1) + 4 * np.sqrt(2 * (num - 1))


def test_letters_and_values_are_even(pairs: list[Pair], nursery: list[Pair]) -> None:
    for kind in QUESTION_KINDS:
        asked = [q for _, q in of_kind(pairs, kind) if q.options]
        for num in {len(q.options) for q in asked}:
            some = [q for q in asked if len(q.options) == num]
            assert is_even(Counter(str(q.answer) for q in some), num), (kind, num)
    colors = [q for _, q in pairs if q.groups["family"] == "what" and len(q.options) == 4]
    assert is_even(Counter(gold(q) for q in colors), 8)
    shapes = [q for _, q in pairs if q.groups["family"] == "what" and len(q.options) == 3]
    assert is_even(Counter(gold(q) for q in shapes), 3)
    assert is_even(Counter(gold(q) for _, q in of_kind(pairs, "how_many")), 4)
    assert is_even(Counter(gold(q) for _, q in of_kind(pairs, "where")), 3)
    assert is_even(Counter(gold(q) for _, q in of_kind(pairs, "spoken")), 8)
    assert is_even(Counter(gold(q) for _, q in nursery), 4)


def test_right_times_do_not_stand_out(pairs: list[Pair]) -> None:
    """The right one of four times is the earliest, and the latest, once in four."""
    ranks = Counter()
    for _, question in of_kind(pairs, "when_choice"):
        texts = sorted(question.options, key=lambda t: [len(t), t])
        ranks[str(texts.index(gold(question)))] += 1
    assert is_even(ranks, 4)


def test_the_best_answer_from_a_uniform_scan_is_near_chance(pairs: list[Pair]) -> None:
    needles = [pair for pair in pairs if is_needle(pair[1])]
    searches = [run_expert(f, q, scan_frames=12, look_frames=12, max_turns=5) for f, q in needles]
    assert np.mean([search.success for search in searches]) >= 0.97
    assert np.mean([search.evidence_seen for search in searches]) >= 0.97
    scan = uniform_scan_accuracy(needles, [search.num_frames for search in searches])
    assert scan - chance(question for _, question in needles) < 0.05


def test_uniform_scan_hits_by_hand() -> None:
    film = draw_film(nursery_film_config(), 1)
    (question,) = draw_questions(film, np.random.default_rng(0), kinds=["what_taken"])
    everything = uniform_scan_hits([(film, question)], [film.num_frames])
    nothing = uniform_scan_hits([(film, question)], [2])
    assert (everything.tolist(), nothing.tolist()) == ([1.0], [0.25])
    (other,) = draw_questions(
        draw_film(FilmConfig(), 0), np.random.default_rng(0), kinds=["how_many"]
    )
    with pytest.raises(ValueError, match="film-0-how_many is no needle"):
        uniform_scan_hits([(film, other)], [8])
