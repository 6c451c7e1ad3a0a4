"""The scripted expert: finds what it is asked for, from what it has been shown, in its bounds."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from video.questions import VideoQuestion
from video.spotlight.tools import spotlight_indices, uniform_indices
from video.synthetic.checks import Turn, run_expert
from video.synthetic.config import FilmConfig, nursery_film_config
from video.synthetic.expert import make_expert
from video.synthetic.film import draw_film
from video.synthetic.questions import draw_questions
from video.synthetic.record import Film

LOOK = re.compile(r"<action>choose frames between (\d+) and (\d+)</action>$")
Pair = tuple[Film, VideoQuestion]


def draw_pairs(config: FilmConfig, seeds: range) -> list[Pair]:
    films = [draw_film(config, seed) for seed in seeds]
    return [(f, q) for f in films for q in draw_questions(f, np.random.default_rng(f.seed))]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return draw_pairs(FilmConfig(), range(1000, 1040))


@pytest.fixture(scope="module")
def nursery() -> list[Pair]:
    return draw_pairs(nursery_film_config(timed=True), range(150))


@pytest.mark.parametrize(("frames", "turns"), [(12, 5), (8, 6)])
def test_solves_every_kind(pairs: list[Pair], frames: int, turns: int) -> None:
    found: dict[str, list[bool]] = {}
    for film, question in pairs:
        search = run_expert(
            film, question, scan_frames=frames, look_frames=frames, max_turns=turns, hears=True
        )
        assert search.num_replies <= turns
        assert search.num_frames <= frames * turns
        found.setdefault(question.kind, []).append(search.success)
    assert {kind: np.mean(hits) for kind, hits in found.items() if np.mean(hits) < 0.97} == {}


@pytest.mark.parametrize("brief", [True, False])
@pytest.mark.parametrize("frames", [4, 6, 8])
def test_solves_the_nursery(nursery: list[Pair], frames: int, brief: bool) -> None:
    searches = [
        run_expert(f, q, scan_frames=frames, look_frames=frames, max_turns=6, brief=brief)
        for f, q in nursery
    ]
    assert np.mean([search.success for search in searches]) >= 0.97
    assert np.mean([search.num_replies for search in searches]) < 4.2


def test_brief_looks_are_copied_from_numbers_that_have_been_said(nursery: list[Pair]) -> None:
    for film, question in nursery[:60]:
        expert = make_expert(question, film, look_frames=6, max_turns=6, brief=True)
        history = [Turn(frames=tuple(uniform_indices(film.num_frames, 6)))]
        said = set(history[0].frames)
        for _ in range(6):
            found = LOOK.search(expert.reply(history))
            if found is None:
                told = re.search(r"time (\d+):(\d+)<", expert.reply(history))
                if told is None:
                    break
                seconds = 60 * int(told.group(1)) + int(told.group(2))
                history.append(Turn(told=seconds * film.fps))
                said.add(seconds * film.fps)
                continue
            start, end = int(found.group(1)), int(found.group(2))
            assert {start, end} <= said
            assert end - start > 6
            history.append(Turn(frames=tuple(spotlight_indices(start, end, 6))))
            said |= set(history[-1].frames)


def test_looks_keep_the_rules_of_consistency(pairs: list[Pair]) -> None:
    for film, question in pairs[:200]:
        search = run_expert(film, question, scan_frames=8, look_frames=8, max_turns=8)
        asked = [(0, film.num_frames - 1)]
        for reply in search.replies:
            assert len(re.findall("<think>.*</think><(action|answer)>", reply)) == 1
            look = LOOK.search(reply)
            if look is None:
                continue
            pair = (int(look.group(1)), int(look.group(2)))
            thought = reply.partition("</think>")[0]
            numbers = re.findall(r"(?<!:)\b(\d+)\b(?!:)", thought)[-2:]
            assert tuple(map(int, numbers)) == pair
            assert pair[1] - pair[0] > 8
            assert not any(abs(pair[0] - a) <= 1 and abs(pair[1] - b) <= 1 for a, b in asked)
            asked.append(pair)


def test_what_has_not_been_shown_changes_nothing() -> None:
    """Two films that differ only in who takes the thing get the same words until that is shown."""
    film = draw_film(nursery_film_config(), 4)
    (question,) = draw_questions(film, np.random.default_rng(0))
    name = question.extra["asks"]["thing"]  # type: ignore[index]
    take = film.event_of("take", name)
    color = next(c for c in film.config.colors if c != take.visitor.color)
    other_take = replace(take, visitor=replace(take.visitor, color=color))
    events = tuple(other_take if event == take else event for event in film.events)
    other = replace(film, events=events)
    experts = [
        make_expert(question, one, look_frames=6, max_turns=6, brief=True) for one in (film, other)
    ]
    history = [Turn(frames=(0, take.start_frame - 1, take.end_frame, film.num_frames - 1))]
    assert experts[0].reply(history) == experts[1].reply(history)
    history.append(Turn(frames=(take.hold_start,)))
    one, two = (expert.reply(history) for expert in experts)
    assert f"So {take.visitor.color}." in one
    assert f"So {color}." in two


def test_answer_and_evidence_of_the_question_are_not_read(pairs: list[Pair]) -> None:
    film, question = pairs[0]
    blank = replace(question, answer=None, evidence=(), evidence_boxes=(), groups={})
    terms = {"scan_frames": 8, "look_frames": 8, "max_turns": 6}
    one = run_expert(film, question, **terms)
    two = run_expert(film, blank, **terms)
    assert one.replies == two.replies


def test_budgets_and_turns_are_kept(pairs: list[Pair]) -> None:
    for film, question in pairs[:60]:
        tight = run_expert(
            film, question, scan_frames=8, look_frames=8, max_turns=9, frame_budget=20
        )
        assert tight.num_frames <= 20
        assert "<answer>" in tight.replies[-1]
        hasty = run_expert(film, question, scan_frames=8, look_frames=8, max_turns=1)
        assert hasty.num_replies == 1
        assert "<answer>" in hasty.replies[0]


def test_styles(nursery: list[Pair]) -> None:
    terms = {"scan_frames": 6, "look_frames": 6, "max_turns": 6}
    few = {"scan_frames": 4, "look_frames": 3, "max_turns": 5, "frame_budget": 16}
    rates = {
        style: np.mean([run_expert(f, q, style=style, **few).success for f, q in nursery])
        for style in ("best", "wander", "scan")
    }
    assert rates["scan"] < 0.45 < rates["wander"] < rates["best"] - 0.05
    film, question = nursery[0]
    assert run_expert(film, question, style="scan", **terms).num_frames == 6
    with pytest.raises(ValueError, match="style 'lazy' is unknown; legal: best, wander, scan"):
        run_expert(film, question, style="lazy", **terms)


def test_the_published_contract() -> None:
    film = draw_film(FilmConfig(min_seconds=5400, max_seconds=5400), 2)
    rng = np.random.default_rng(0)
    while True:
        (question,) = draw_questions(film, rng, kinds=["what_at_time"])
        if question.text.count(":") == 2:
            break
    expert = make_expert(question, film, look_frames=12, max_turns=5, contract="frame_thinker")
    history = [Turn(frames=tuple(uniform_indices(film.num_frames, 12)))]
    assert re.search(r"<action>get frame number at time \d\d:\d\d</action>", expert.reply(history))
    start = round(question.evidence[0].start_seconds * film.fps)
    seconds = -(-(start + 1) // film.fps)
    history.append(Turn(told=seconds * film.fps))
    history.append(Turn(frames=(seconds * film.fps,)))
    assert expert.reply(history).endswith(f"<action>output answer: {question.answer}</action>")


def test_without_time_queries_it_reckons(nursery: list[Pair]) -> None:
    film, question = next(pair for pair in nursery if pair[1].kind == "what_at_time")
    expert = make_expert(question, film, look_frames=6, max_turns=5, can_ask_times=False)
    history = [Turn(frames=tuple(uniform_indices(film.num_frames, 6)))]
    look = LOOK.search(expert.reply(history))
    assert look is not None
    shown = spotlight_indices(int(look.group(1)), int(look.group(2)), 6)
    history.append(Turn(frames=tuple(shown)))
    assert expert.reply(history).endswith(f"<answer>{question.answer}</answer>")


def test_what_is_said_is_known_only_where_it_is_heard(pairs: list[Pair]) -> None:
    spoken = [(f, q) for f, q in pairs if q.kind == "spoken"]
    terms = {"scan_frames": 12, "look_frames": 12, "max_turns": 5}
    assert np.mean([run_expert(f, q, hears=True, **terms).success for f, q in spoken]) >= 0.97
    assert np.mean([run_expert(f, q, hears=False, **terms).success for f, q in spoken]) < 0.6


def test_questions_of_others_have_no_expert() -> None:
    film = draw_film(nursery_film_config(), 0)
    question = VideoQuestion(question_id="q", video="v", text="Why?", kind="why")
    with pytest.raises(ValueError, match="question q of kind 'why' has no expert"):
        make_expert(question, film, look_frames=6, max_turns=5)
