"""Predictions from episodes, and on disk, one a line with its scores: what comparisons read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from video.benchmarks.benchmark import Benchmark
from video.metrics import Measure, Scored, score_all
from video.scoring import Prediction


def prediction_of(
    question_id: str, reply_text: str, facts: Sequence[Mapping[str, Any]]
) -> Prediction:
    """What an episode of `Video/Spotlight-v0` predicts.

    Where a choice is asked for, its evidence is the stretch that the last reply names; else the one
    that it looked at last, from the first to the last frame shown; none where it never looked
    closer.

    Args:
        question_id: of the set.
        reply_text: the last reply.
        facts: the `truth` of the reset and of every step.
    """
    last = facts[-1]
    looks = [f["shown_seconds"] for f in facts if f["kind"] == "look" and f.get("shown_seconds")]
    interval = last.get("predicted_interval")
    asks_for_stretch = bool(facts[0].get("gold_intervals"))
    if interval is None and not asks_for_stretch:
        looked_at = (min(looks[-1]), max(looks[-1])) if looks else None
        interval = last.get("evidence_interval") or looked_at
    seen = last.get("evidence_seen")
    return Prediction(
        question_id=question_id,
        reply_text=reply_text,
        choice=last.get("choice"),
        interval=None if interval is None else (float(interval[0]), float(interval[1])),
        num_frames_used=last.get("num_frames_used"),
        evidence_seen=None if seen is None else tuple(map(bool, seen)),
    )


def save_predictions(
    path: Path,
    benchmark: Benchmark,
    predictions: Iterable[Prediction],
    measures: Mapping[str, Measure],
) -> None:
    """Write `predictions.jsonl`.

    Args:
        path: the file, replaced if it is there.
        benchmark: the set.
        predictions: any number, at most one a question.
        measures: what to score by, such as a set's own.

    Raises:
        ValueError: for predictions that fit no question, or the same one.
    """
    lines = []
    for one in score_all(benchmark, predictions):
        record = _record(one, measures)
        lines.append(json.dumps({"benchmark": benchmark.name, "split": benchmark.split, **record}))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def load_predictions(path: Path) -> list[Prediction]:
    """Read what `save_predictions` wrote, without the scores.

    Raises:
        ValueError: naming the line that is no prediction.
        OSError: where the file cannot be opened.
    """
    predictions = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            predictions.append(_read(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: no prediction ({error!r})") from None
    return predictions


def _record(one: Scored, measures: Mapping[str, Measure]) -> dict[str, Any]:
    scores = {name: measure(one) for name, measure in measures.items()}
    prediction = one.prediction
    return {
        "question_id": one.question.question_id,
        "video": one.question.video,
        "scores": {name: value for name, value in scores.items() if value is not None},
        "answer": one.question.answer,
        "strict": one.strict.choice,
        "lenient": one.lenient.choice,
        "choice": prediction.choice,
        "interval": prediction.interval,
        "num_frames_used": prediction.num_frames_used,
        "evidence_seen": prediction.evidence_seen,
        "reply_text": prediction.reply_text,
    }


def _read(record: Mapping[str, Any]) -> Prediction:
    interval, seen = record["interval"], record["evidence_seen"]
    return Prediction(
        question_id=record["question_id"],
        reply_text=record["reply_text"],
        choice=record["choice"],
        interval=None if interval is None else (float(interval[0]), float(interval[1])),
        num_frames_used=record["num_frames_used"],
        evidence_seen=None if seen is None else tuple(map(bool, seen)),
    )
