"""Means with clustered standard errors; predictions on disk."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from training.statistics import mean_stderr
from video.benchmarks.benchmark import Benchmark
from video.metrics import (
    choice_measures,
    clustered_mean,
    looking_measures,
    mean_of_means,
    row_of,
    score_all,
)
from video.predictions import load_predictions, prediction_of, save_predictions
from video.questions import Interval, VideoQuestion
from video.scoring import Prediction


def make_benchmark(num_questions: int = 4) -> Benchmark:
    evidence = (
        Interval(start_seconds=0.0, end_seconds=1.0),
        Interval(start_seconds=2.0, end_seconds=3.0),
    )
    questions = [
        VideoQuestion(
            question_id=f"q{i}",
            video=f"film{i // 2}.mp4",
            text="?",
            kind="k",
            options=("x", "y"),
            answer="A",
            evidence=evidence if i else (),
        )
        for i in range(num_questions)
    ]
    return Benchmark(
        name="video_mme",
        split="test",
        directory=Path(),
        questions=tuple(questions),
        video_paths={},
    )


def test_clustered_errors_by_hand() -> None:
    # Mean 1/2; deviations sum to 1 in film a and to -1 in film b: sqrt(2 / 1 * 2) / 4.
    cell = clustered_mean([1, 1, 0, 0], ["a", "a", "b", "b"])
    assert cell == {"mean": 0.5, "stderr": pytest.approx(0.5), "n": 4}
    # Deviations cancel in each film.
    assert clustered_mean([1, 0, 0, 1], ["a", "a", "b", "b"]) == {
        "mean": 0.5,
        "stderr": 0.0,
        "n": 4,
    }
    assert clustered_mean([1, 0], ["a", "a"]) == {"mean": 0.5, "stderr": None, "n": 2}
    assert clustered_mean([], []) is None


def test_one_question_a_film_is_the_ordinary_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=50)
    cell = clustered_mean(values.tolist(), [str(i) for i in range(50)])
    assert cell == pytest.approx(mean_stderr(values))


def test_clustered_errors_predict_the_spread_of_means() -> None:
    rng = np.random.default_rng(1)
    means, errors = [], []
    for _ in range(400):
        films = np.repeat(rng.random(30), 5)
        cell = clustered_mean(
            (rng.random(150) < films).astype(float).tolist(), [str(i // 5) for i in range(150)]
        )
        assert cell is not None
        means.append(cell["mean"])
        errors.append(cell["stderr"])
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.1)


def test_a_mean_of_means_by_hand() -> None:
    # Means 1/2 and 1. Pulls: film a (1 - 1/2) / 2 / 2 = 1/8 from part one and 0 from part two;
    # film b -1/8; film c 0. sqrt(3 / 2 * 2 / 64).
    cell = mean_of_means([([1.0, 0.0], ["a", "b"]), ([1.0, 1.0], ["a", "c"])])
    assert cell == {"mean": 0.75, "stderr": pytest.approx(math.sqrt(1.5 * 2 / 64)), "n": 4}
    assert mean_of_means([]) is None


def test_looking_is_measured_where_it_was_counted() -> None:
    benchmark = make_benchmark()
    predictions = [
        Prediction(question_id="q0", reply_text="", num_frames_used=10, evidence_seen=()),
        Prediction(
            question_id="q1", reply_text="", num_frames_used=20, evidence_seen=(True, False)
        ),
        Prediction(question_id="q2", reply_text="", evidence_seen=(False, False)),
    ]
    row = row_of(score_all(benchmark, predictions), looking_measures())
    assert {name: (cell["mean"], cell["n"]) for name, cell in row.items()} == {
        "frames": (15.0, 2),
        "evidence_hit": (0.5, 2),
        "evidence_seen": (0.25, 2),
    }


def test_predictions_must_fit_the_set() -> None:
    benchmark = make_benchmark()
    with pytest.raises(ValueError, match="has no question 'q9'"):
        score_all(benchmark, [Prediction(question_id="q9", reply_text="")])
    twice = [Prediction(question_id="q1", reply_text="")] * 2
    with pytest.raises(ValueError, match="'q1' has two predictions"):
        score_all(benchmark, twice)
    assert score_all(benchmark, []) == [] and row_of([], choice_measures()) == {}


def test_predictions_come_back_from_disk(tmp_path: Path) -> None:
    predictions = [
        Prediction(
            question_id="q0",
            reply_text="<answer>A</answer> \ud800 é\u2028",
            choice="A",
            interval=(1.0, 2.5),
            num_frames_used=12,
            evidence_seen=(True, False),
        ),
        Prediction(question_id="q1", reply_text="line\nbreak"),
    ]
    path = tmp_path / "predictions.jsonl"
    save_predictions(path, make_benchmark(), predictions, choice_measures())
    assert load_predictions(path) == predictions
    path.write_text(path.read_text() + '{"question_id": "q2"}\n')
    with pytest.raises(ValueError, match=r"predictions\.jsonl:3: no prediction"):
        load_predictions(path)


def test_what_an_episode_predicts() -> None:
    scan = {"kind": "reset", "shown_seconds": [0.0, 50.0], "gold_intervals": []}
    look = {"kind": "look", "shown_seconds": [12.0, 11.0, 14.5]}
    nothing = {"kind": "look", "shown_seconds": []}
    end = {
        "kind": "answer",
        "choice": "B",
        "predicted_interval": None,
        "num_frames_used": 5,
        "evidence_seen": [True, False],
    }
    assert prediction_of("q", "reply", [scan, look, nothing, end]) == Prediction(
        question_id="q",
        reply_text="reply",
        choice="B",
        interval=(11.0, 14.5),
        num_frames_used=5,
        evidence_seen=(True, False),
    )
    assert prediction_of("q", "reply", [scan, end]).interval is None
    # Where a stretch is asked for, looking is no answer.
    grounding = scan | {"gold_intervals": [[1.0, 2.0]]}
    assert prediction_of("q", "", [grounding, look, end | {"choice": None}]).interval is None
    answered = end | {"choice": None, "predicted_interval": [1.0, 2.0]}
    assert prediction_of("q", "", [grounding, look, answered]).interval == (1.0, 2.0)
