"""The belief in films: bars that say what the truth says, and move when a picture comes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from policies.interface import PolicyOutput
from training import belief_chart, drawing
from training.belief_chart import MAX_BARS, Belief, entropy_of, on_its_way, read_belief
from training.episode import Episode, EpisodeTruth, Turn, encode_png
from training.recording import contact_sheet, encode_mp4, episode_frames, episode_mp4

OPTIONS = {"A": "red", "B": "blue", "C": "[Move Viewer] up"}
FIRST, SECOND = {"red": 0.5, "blue": 0.5}, {"red": 0.1, "blue": 0.9}
PINK = (250, 40, 160)


def make_episode(*, told: bool = True, ends_with: str = "answer") -> Episode:
    """A look and an answer (or a second look); the truth tells of the belief or does not."""
    png = encode_png(np.full((40, 40, 3), PINK, dtype=np.uint8))
    text = "Question: What color?\nA. red\nB. blue\nC. [Move Viewer] up"
    replies = ("<action>C</action>", "<answer>B</answer>")
    turns = [
        Turn(
            text=text,
            image_pngs=(png,),
            state=None,
            options=dict(OPTIONS),
            output=PolicyOutput(text=reply),
            reward=0.0,
        )
        for reply in replies
    ]
    truths: list[dict[str, Any]] = [{"kind": "reset"}, {"kind": "action"}, {"kind": ends_with}]
    for truth, belief in zip(truths, (FIRST, SECOND, SECOND), strict=True):
        truth |= {"gold": "blue", "gold_letter": "B", "expected_gains": {"C": 0.3}}
        truth |= {"belief": dict(belief)} if told else {}
    return Episode(
        task_id="t",
        env_id="Fake-v0",
        env_config_hash="",
        seed=3,
        turns=turns,
        success=True,
        truth=EpisodeTruth(initial=truths[0], turns=truths[1:]),
    )


def make_belief(shares: dict[str, float], before: dict[str, float] | None = None) -> Belief:
    num_views = 1 if before is None else 2
    entropies = tuple(entropy_of(one) for one in (before, shares) if one is not None)
    return Belief(
        shares=shares, before=before, right="blue", entropies=entropies, num_views=num_views
    )


def count(frame: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((frame == np.array(color)).all(axis=2).sum())


@pytest.mark.parametrize(
    ("shares", "nats"),
    [
        ({"a": 1.0, "b": 0.0}, 0.0),
        ({"a": 0.5, "b": 0.5}, math.log(2)),
        ({"a": 0.5, "b": 0.25, "c": 0.25}, 1.5 * math.log(2)),
    ],
)
def test_entropy_by_hand(shares: dict[str, float], nats: float) -> None:
    assert entropy_of(shares) == pytest.approx(nats, abs=1e-12)


def test_the_belief_is_read_from_the_looks_and_not_from_the_answer() -> None:
    truth = make_episode().truth
    assert truth is not None
    belief = read_belief([truth.initial, *truth.turns], num_views=2)
    assert belief is not None
    assert (belief.shares, belief.before, belief.right) == (SECOND, FIRST, "blue")
    assert belief.entropies == pytest.approx((0.6931, 0.3251), abs=1e-4)


def test_without_a_belief_from_the_start_there_is_no_chart() -> None:
    assert read_belief([{}, {"belief": FIRST}]) is None
    assert read_belief([{"belief": FIRST}, {}], num_views=9) is not None


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.004, "<1 %"),
        (0.006, "1 %"),
        (0.623, "62 %"),
        (0.996, ">99 %"),
        (1.0, "100 %"),
    ],
)
def test_only_what_is_certain_reads_as_certain(share: float, words: str) -> None:
    assert belief_chart.share_words(share) == words


def test_bars_move_from_what_was_to_what_is() -> None:
    belief = make_belief(SECOND, FIRST)
    assert on_its_way(belief, 0).shares == FIRST
    assert on_its_way(belief, 1) == belief
    half = on_its_way(belief, 0.5)
    assert half.shares == pytest.approx({"red": 0.3, "blue": 0.7})
    assert half.entropies[-1] == pytest.approx((0.6931 + 0.3251) / 2, abs=1e-4)
    assert on_its_way(make_belief(FIRST), 0.5).shares == FIRST


def test_a_bar_is_as_long_as_its_share() -> None:
    canvas = drawing.Canvas(220, 30)
    belief = make_belief({"red": 0.25, "blue": 0.75}, {"red": 0.5, "blue": 0.5})
    belief_chart.draw_bar(canvas, (10, 10, 210, 20), belief, "red")
    middle = canvas.array()[15]
    blue = np.flatnonzero((middle == drawing.ACCENT).all(axis=1))
    assert blue.max() == pytest.approx(10 + 0.25 * 200, abs=1.5)
    # The outline ends where the bar ended before; beyond it lies the bare track.
    assert middle[10 + 100 - 1].min() > 120
    assert tuple(middle[150]) == belief_chart.TRACK


def test_the_true_answer_is_green_from_the_first_frame() -> None:
    frame = episode_frames(make_episode(), fps=1)[0]
    assert frame.shape == (720, 1280, 3)
    assert count(frame, drawing.GOOD) == pytest.approx(count(frame, drawing.ACCENT), rel=0.3)


def test_a_film_shows_the_bars_moving_when_the_picture_comes() -> None:
    fps = 10
    frames = episode_frames(make_episode(), fps=fps, hold_seconds=3)
    assert len(frames) == 2 * (10 + 30) + 30  # as long as a film without a belief
    green = [count(frame, drawing.GOOD) for frame in frames[40:50]]
    assert green == sorted(green) and len(set(green)) >= 6
    assert green[0] == pytest.approx(green[-1] * 5 / 9, rel=0.15)
    assert frames[49] is frames[48]  # arrived, and held
    # The answer brings no picture, so that nothing moves afterwards.
    assert all(frame is frames[80] for frame in frames[80:])


def test_a_last_look_that_ends_the_episode_moves_the_bars_too() -> None:
    episode = make_episode(ends_with="action")
    assert episode.truth is not None
    episode.truth.turns[-1]["belief"] = {"red": 0.0, "blue": 1.0}
    last = episode_frames(episode, fps=10, hold_seconds=3)[80:]
    assert count(last[-1], drawing.GOOD) > count(last[0], drawing.GOOD)


def test_films_of_episodes_with_a_belief_play_smoothly() -> None:
    moving, still = episode_mp4(make_episode()), episode_mp4(make_episode(told=False))
    assert moving != still
    assert moving == encode_mp4(episode_frames(make_episode(), fps=12), 12)


def test_episodes_without_a_belief_look_as_they_did() -> None:
    assert episode_frames(make_episode(told=False), fps=1)[0].shape == (540, 960, 3)


def test_a_contact_sheet_has_bars_below_the_pictures(tmp_path: Path) -> None:
    sheets = [
        np.asarray(Image.open(contact_sheet([episode], tmp_path / "sheet.png", cell=100)))
        for episode in (make_episode(told=False), make_episode())
    ]
    assert sheets[1].shape[0] > sheets[0].shape[0] and sheets[1].shape[1] == sheets[0].shape[1]
    assert count(sheets[0], PINK) == count(sheets[1], PINK) == 2 * 100 * 100
    # "not solved" and "solved" are written in these colours: bars are what is more.
    assert count(sheets[1], drawing.GOOD) > count(sheets[0], drawing.GOOD) + 50


def test_many_answers_are_cut_to_the_likeliest_and_the_true_one() -> None:
    shares = {f"answer {n}": (n + 1) / 210 for n in range(20)}
    belief = Belief(shares=shares, before=None, right="answer 0", entropies=(1.0,), num_views=1)
    shown = belief_chart.shown_answers(belief)
    assert len(shown) == MAX_BARS
    assert shown == ["answer 0", *(f"answer {n}" for n in range(9, 20))]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.integers(1, 30),
    st.text(max_size=40),
)
def test_any_belief_can_be_drawn(weights: list[float], num_views: int, word: str) -> None:
    total = sum(weights) or 1.0
    shares = {f"{word}{index}": weight / total for index, weight in enumerate(weights)}
    truths = [{"belief": shares, "gold": f"{word}0"}] * num_views
    episode = make_episode()
    episode.truth = EpisodeTruth(initial=truths[0], turns=truths[1:3])
    assert episode_frames(episode, fps=1)[-1].shape == (720, 1280, 3)
    belief = read_belief(truths, num_views=num_views)
    assert belief is not None
    canvas = drawing.Canvas(200, 120)
    belief_chart.draw_entropy(canvas, (10, 20, 190, 110), belief)
    belief_chart.draw_small_bars(canvas, (10, 20, 190, 60), belief)
