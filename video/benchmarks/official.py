"""The sets' own metrics, over their own denominators, from the replies as their scorers read them.

They stand beside ours, never in their place: some drop a question whose reply they cannot parse,
and some read a letter where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from video.benchmarks import longvideo_reason, lvbench, mlvu, video_holmes, video_mme
from video.metrics import (
    Measure,
    Row,
    Rows,
    Scored,
    choice_measures,
    gqa_measures,
    grounding_measures,
    macro_cell,
    row_of,
    split_by,
)

OVERALL = "overall"


def video_mme_rows(scored: Sequence[Scored]) -> Rows:
    """Accuracy over the questions from whose reply the official scorer reads a letter, as a whole
    and by length of film.
    """

    def accuracy(one: Scored) -> float | None:
        choice = video_mme.official_choice(one.question, one.prediction)
        return None if choice is None else float(choice == one.question.answer)

    return _rows(scored, {"accuracy": accuracy}, "duration")


def long_video_bench_rows(scored: Sequence[Scored]) -> Rows:
    """Accuracy of what is submitted, as a whole and by length of film. (A harness in wide use picks
    a random option where it cannot parse a reply; nothing here does.)
    """
    return _rows(scored, {"accuracy": choice_measures()["accuracy_lenient"]}, "duration_group")


def mlvu_rows(scored: Sequence[Scored]) -> Rows:
    """M-Avg, the plain mean of the tasks' accuracies, and those."""

    def accuracy(one: Scored) -> float | None:
        known = one.question.answer is not None
        return float(mlvu.official_right(one.question, one.prediction)) if known else None

    tasks = split_by(scored, lambda one: one.question.groups["question_type"])
    average = macro_cell(tasks.values(), accuracy)
    rows = {name: row_of(part, {"accuracy": accuracy}) for name, part in tasks.items()}
    return {} if average is None else {"M-Avg": {"accuracy": average}, **rows}


def lvbench_rows(scored: Sequence[Scored]) -> Rows:
    """Accuracy over the questions that were answered with A to E, as a whole and by category, of
    which a question may have several.
    """

    def accuracy(one: Scored) -> float | None:
        choice = one.lenient.choice
        counted = choice is not None and choice in lvbench.COUNTED
        return float(choice == one.question.answer) if counted else None

    def row(part: Sequence[Scored]) -> Row:
        return row_of(part, {"accuracy": accuracy})

    return {OVERALL: row(scored), **category_rows(scored, row)}


def category_rows(scored: Sequence[Scored], row: Callable[[Sequence[Scored]], Row]) -> Rows:
    """A row for each of LVBench's categories, in the order of its leaderboard."""
    parts: dict[str, list[Scored]] = {name: [] for name in lvbench.CATEGORIES.values()}
    for one in scored:
        categories = one.question.extra["categories"]
        assert isinstance(categories, list)  # as the loader made it
        for name in dict.fromkeys(categories):
            parts.setdefault(name, []).append(one)
    return {name: row(part) for name, part in parts.items() if part}


def video_holmes_rows(scored: Sequence[Scored]) -> Rows:
    """Accuracy over all questions, as the official scorer reads the replies, and by type."""

    def accuracy(one: Scored) -> float | None:
        choice = video_holmes.official_choice(one.question, one.prediction)
        return float(choice == one.question.answer)

    return _rows(scored, {"accuracy": accuracy}, "question_type")


def longvideo_reason_rows(scored: Sequence[Scored]) -> Rows:
    """Accuracy by exact comparison of the answers' text, and the share of replies in the prescribed
    format, as a whole and by type.
    """
    measures: dict[str, Measure] = {
        "accuracy": lambda one: float(
            longvideo_reason.official_right(one.question, one.prediction)
        ),
        "format_accuracy": lambda one: float(longvideo_reason.official_format(one.prediction)),
    }
    return _rows(scored, measures, "problem_type")


def charades_sta_rows(scored: Sequence[Scored]) -> Rows:
    """R@1 at IoU 0.3, 0.5, 0.7 and mIoU of the lenient reading; a reply without a stretch has 0."""
    measures = {
        name.removesuffix("_lenient"): measure
        for name, measure in grounding_measures().items()
        if name.endswith("_lenient") and "iou" in name
    }
    return {OVERALL: row_of(scored, measures)}


def next_gqa_rows(scored: Sequence[Scored]) -> Rows:
    """Acc@QA over all questions; Acc@GQA, IoP and IoU over those with evidence; of the lenient
    reading.
    """
    measures = {
        "acc_qa": choice_measures()["accuracy_lenient"],
        **{
            name.removesuffix("_lenient"): measure
            for name, measure in gqa_measures().items()
            if not name.endswith("_strict")
        },
    }
    return {OVERALL: row_of(scored, measures)}


def _rows(scored: Sequence[Scored], measures: dict[str, Measure], group: str) -> Rows:
    """A row for all questions, and one for each value of a group."""
    parts = split_by(scored, lambda one: one.question.groups.get(group))
    rows = {OVERALL: row_of(scored, measures)}
    return rows | {name: row_of(part, measures) for name, part in parts.items()}
