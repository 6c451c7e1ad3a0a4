"""LVBench (arXiv 2406.08035): 103 films of up to two hours, options inside the questions' text.

Files of the release `zai-org/LVBench` (`THUDM/LVBench`): `video_info.meta.jsonl`, one film a line
with its questions, and films `all_videos/<key>.mp4`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.options import letter_of, split_question
from video.benchmarks.rows import Row, RowFault, read_rows, show
from video.intervals import read_reference
from video.questions import Interval, VideoQuestion
from video.scoring import Prediction, read_leniently

SPLITS = ("test",)
ANNOTATIONS = (
    "video_info.meta.jsonl",
    "data/video_info.meta.jsonl",
    "video_info.meta.json",
    "*/video_info.meta.jsonl",
)
FILM_FOLDERS = ("all_videos", "videos", "data/all_videos", "scripts/videos", "video", "data", "")
CATEGORIES = {
    "key information retrieval": "KIR",
    "event understanding": "EU",
    "summarization": "Sum",
    "entity recognition": "ER",
    "reasoning": "Rea",
    "temporal grounding": "TG",
}
"""The set's categories -> how its leaderboard calls them. A question may have several."""
COUNTED = "ABCDE"
"""Answers that the official scorer counts; it skips all others."""


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    path = find_annotations(collector.directory, ANNOTATIONS, what="LVBench")
    collector.add(_questions(read_rows(path)), lambda row: _read(row, collector))
    return collector.finish("lvbench", split)


def _questions(films: Iterator[Row | RowFault]) -> Iterator[Row | RowFault]:
    """The questions of every film, each as a row that has the film's fields too."""
    for film in films:
        questions = film.get("qa") if isinstance(film, Row) else None
        if not isinstance(film, Row):
            yield film
        elif not isinstance(questions, list):
            yield RowFault(place=film.place, reason="the field 'qa' must be a list of questions")
        else:
            for number, question in enumerate(questions, start=1):
                place = f"{film.place} question {number}"
                if isinstance(question, dict):
                    yield Row(place=place, fields={**film.fields, **question})
                else:
                    yield RowFault(place=place, reason=f"must be an object, not {show(question)}")


def _read(row: Row, collector: Collector) -> VideoQuestion:
    text, options = split_question(row.text("question"))
    types = row.need("question_type")
    categories = [str(name).strip() for name in (types if isinstance(types, list) else [types])]
    video_type = row.optional_text("type")
    return VideoQuestion(
        question_id=row.text("uid"),
        video=collector.film(film_candidates(row.text("key"), FILM_FOLDERS)),
        text=text,
        kind=", ".join(categories),
        options=options,
        answer=letter_of(row.need("answer"), options),
        evidence=_evidence(row, collector),
        groups={"video_type": video_type} if video_type else {},
        extra={"categories": [CATEGORIES.get(name.lower(), name) for name in categories]},
    )


def _evidence(row: Row, collector: Collector) -> tuple[Interval, ...]:
    """The time reference; none, with a remark, where it cannot be read."""
    reference = row.optional_text("time_reference")
    if not reference:
        return ()
    try:
        return (read_reference(reference),)
    except ValueError as error:
        collector.remark(row.place, f"no evidence: {error}")
        return ()


def answers_file(benchmark: Benchmark, predictions: Mapping[str, Prediction]) -> dict[str, str]:
    """The content of the answers' file: uid -> letter, read leniently; "" where there is none."""
    return {
        question.question_id: read_leniently(question, predictions[question.question_id]).choice
        or ""
        for question in benchmark.questions
        if question.question_id in predictions
    }
