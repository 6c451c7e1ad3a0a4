"""What predictions are worth: scores of each question, and their means with standard errors.

Questions about the same film are not independent, so every standard error takes a film, not a
question, as one draw (clustered standard errors; Miller, arXiv 2411.00640, section 2.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from video.benchmarks.benchmark import Benchmark
from video.intervals import Span, best, temporal_iop, temporal_iou
from video.questions import Interval, VideoQuestion
from video.scoring import Prediction, Reading, read_leniently, read_strictly

Cell = dict[str, float | int | None]
"""`mean`, `stderr` and `n`, as in `summary.json`."""
Row = dict[str, Cell]
Rows = dict[str, Row]
Tables = dict[str, Rows]

Overlap = Callable[[Span, Interval], float]
GROUNDED = 0.5
"""Least share of the predicted stretch that must lie in the true one, for Acc@GQA."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One question with its prediction and both readings of it.

    Attributes:
        question: what was asked.
        prediction: what came of it.
        strict, lenient: the readings.
    """

    question: VideoQuestion
    prediction: Prediction
    strict: Reading
    lenient: Reading


Measure = Callable[[Scored], float | None]
"""The score of a question; None where the measure says nothing about it."""


def score_all(benchmark: Benchmark, predictions: Iterable[Prediction]) -> list[Scored]:
    """Predictions with their questions, in the order of the set.

    Raises:
        ValueError: where a prediction is for no question of the set, or for one that has one
            already.
    """
    by_id: dict[str, Prediction] = {}
    for prediction in predictions:
        if prediction.question_id in by_id:
            raise ValueError(f"question {prediction.question_id!r} has two predictions")
        by_id[prediction.question_id] = prediction
    scored = []
    for question in benchmark.questions:
        found = by_id.pop(question.question_id, None)
        if found is not None:
            scored.append(
                Scored(
                    question=question,
                    prediction=found,
                    strict=read_strictly(question, found),
                    lenient=read_leniently(question, found),
                )
            )
    if by_id:
        raise ValueError(
            f"{benchmark.name} {benchmark.split} has no question {next(iter(by_id))!r}, for which "
            "there is a prediction"
        )
    return scored


def choice_measures() -> dict[str, Measure]:
    """Measures of questions with options."""
    return {
        "accuracy_strict": lambda one: _right(one.question, one.strict),
        "accuracy_lenient": lambda one: _right(one.question, one.lenient),
        "unparsable_strict": _unparsable("strict"),
        "unparsable_lenient": _unparsable("lenient"),
    }


def grounding_measures(thresholds: Sequence[float] = (0.3, 0.5, 0.7)) -> dict[str, Measure]:
    """Measures of questions whose answer is a stretch: recall at 1 for each least overlap, and the
    mean overlap (IoU), the best over the true stretches.
    """
    measures: dict[str, Measure] = {}
    for name in ("strict", "lenient"):
        for threshold in thresholds:
            measures[f"r1_iou_{threshold}_{name}"] = _recall(name, threshold)
        measures[f"miou_{name}"] = _mean_iou(name)
        measures[f"unparsable_{name}"] = _unparsable(name)
    return measures


def gqa_measures() -> dict[str, Measure]:
    """Measures of grounded question answering (NExT-GQA, arXiv 2309.01327).

    IoP is the overlap over the length of the prediction. Acc@GQA counts a question as right where
    its choice is, and IoP is at least 0.5. All but Acc@QA are over the questions that have evidence
    stretches; a prediction without a stretch has 0 there.
    """
    measures: dict[str, Measure] = {
        "acc_gqa_strict": _right_and_grounded("strict"),
        "acc_gqa_lenient": _right_and_grounded("lenient"),
    }
    overlaps: dict[str, Overlap] = {"iop": temporal_iop, "iou": temporal_iou}
    for name, overlap in overlaps.items():
        measures[f"m{name}"] = _evidence_overlap(overlap)
        for threshold in (0.3, 0.5):
            measures[f"{name}_{threshold}"] = _evidence_recall(overlap, threshold)
    return measures


def looking_measures() -> dict[str, Measure]:
    """How much was watched, and whether it was the right thing.

    `frames`: frames shown, over the questions for which they were counted. `evidence_hit`: share of
    questions of which a frame of at least one evidence stretch was shown, over those whose set says
    where the evidence is. `evidence_seen`: mean share of the stretches that were.
    """
    return {
        "frames": lambda one: _count(one.prediction.num_frames_used),
        "evidence_hit": lambda one: _seen(one, any),
        "evidence_seen": lambda one: _seen(one, lambda seen: sum(seen) / len(seen)),
    }


def row_of(scored: Sequence[Scored], measures: Mapping[str, Measure]) -> Row:
    """Each measure's mean over the questions that it says something about; without the measures
    that say nothing about any.
    """
    cells = {name: cell_of(scored, measure) for name, measure in measures.items()}
    return {name: cell for name, cell in cells.items() if cell is not None}


def cell_of(scored: Sequence[Scored], measure: Measure) -> Cell | None:
    """A measure's mean; None where it says nothing about any of the questions."""
    values = [(measure(one), one.question.video) for one in scored]
    known = [(value, film) for value, film in values if value is not None]
    return clustered_mean([value for value, _ in known], [film for _, film in known])


def macro_cell(parts: Iterable[Sequence[Scored]], measure: Measure) -> Cell | None:
    """The mean of a measure's means over several parts, such as tasks; parts about which it says
    nothing are left out.
    """
    pairs = [
        [(value, one.question.video) for one in part if (value := measure(one)) is not None]
        for part in parts
    ]
    return mean_of_means(
        [([value for value, _ in part], [film for _, film in part]) for part in pairs if part]
    )


def split_by(
    scored: Sequence[Scored], key: Callable[[Scored], str | None]
) -> dict[str, list[Scored]]:
    """Questions by a key, in order of first appearance; those whose key is None are left out."""
    parts: dict[str, list[Scored]] = {}
    for one in scored:
        name = key(one)
        if name is not None:
            parts.setdefault(name, []).append(one)
    return parts


def clustered_mean(values: Sequence[float], clusters: Sequence[str]) -> Cell | None:
    """Mean of values of which those of a cluster may be correlated.

    Args:
        values: finite numbers.
        clusters: the cluster of each.

    Returns:
        `mean`; `stderr` = sqrt(G / (G - 1) * sum over clusters (sum of (value - mean))^2) / n with
        G clusters and n values, which is s / sqrt(n) where every cluster has one value, and None
        for one cluster; `n`. None for no values.
    """
    return mean_of_means([(values, clusters)]) if len(values) else None


def mean_of_means(parts: Sequence[tuple[Sequence[float], Sequence[str]]]) -> Cell | None:
    """The plain mean of the parts' means, with a standard error by the delta method.

    Args:
        parts: values and clusters of each part, at least one value each; a cluster may have values
            in several parts.

    Returns:
        As `clustered_mean`; `n` adds up the parts. None for no parts.
    """
    if not parts:
        return None
    pulls: dict[str, float] = {}
    means = []
    for values, clusters in parts:
        array = np.asarray(values, dtype=np.float64)
        means.append(float(array.mean()))
        for pull, cluster in zip(array - array.mean(), clusters, strict=True):
            pulls[cluster] = pulls.get(cluster, 0.0) + pull / len(array) / len(parts)
    count = len(pulls)
    spread = float(np.square(list(pulls.values())).sum())
    stderr = math.sqrt(count / (count - 1) * spread) if count > 1 else None
    return {
        "mean": float(np.mean(means)),
        "stderr": stderr,
        "n": sum(len(values) for values, _ in parts),
    }


def _right(question: VideoQuestion, reading: Reading) -> float | None:
    """1 or 0; None where the set keeps the answer secret, or it is none of options."""
    return None if question.answer is None else float(reading.choice == question.answer)


def _reading(one: Scored, name: str) -> Reading:
    return one.strict if name == "strict" else one.lenient


def _iou(one: Scored, name: str) -> float | None:
    truths = one.question.intervals
    return best(temporal_iou, _reading(one, name).interval, truths) if truths else None


def _recall(name: str, threshold: float) -> Measure:
    return lambda one: _at_least(_iou(one, name), threshold)


def _mean_iou(name: str) -> Measure:
    return lambda one: _iou(one, name)


def _unparsable(name: str) -> Measure:
    def measure(one: Scored) -> float:
        reading = _reading(one, name)
        return float((reading.choice if one.question.options else reading.interval) is None)

    return measure


def _evidence(one: Scored, overlap: Overlap) -> float | None:
    """The best overlap of the predicted stretch with the evidence."""
    truths = one.question.evidence
    return best(overlap, one.prediction.interval, truths) if truths else None


def _evidence_overlap(overlap: Overlap) -> Measure:
    return lambda one: _evidence(one, overlap)


def _evidence_recall(overlap: Overlap, threshold: float) -> Measure:
    return lambda one: _at_least(_evidence(one, overlap), threshold)


def _right_and_grounded(name: str) -> Measure:
    def measure(one: Scored) -> float | None:
        right, iop = _right(one.question, _reading(one, name)), _evidence(one, temporal_iop)
        return None if right is None or iop is None else float(right and iop >= GROUNDED)

    return measure


def _at_least(value: float | None, threshold: float) -> float | None:
    return None if value is None else float(value >= threshold)


def _count(number: int | None) -> float | None:
    return None if number is None else float(number)


def _seen(one: Scored, share: Callable[[Sequence[bool]], float]) -> float | None:
    seen = one.prediction.evidence_seen
    return None if not seen else float(share(seen))
