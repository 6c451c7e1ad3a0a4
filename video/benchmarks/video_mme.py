"""Video-MME (arXiv 2405.21075): 900 films, 2,700 questions with four options.

Files of the release `lmms-lab/Video-MME`: `videomme/test-00000-of-00001.parquet` (or an export of
its columns), films `data/<videoID>.mp4`, subtitles `subtitle/<videoID>.srt`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from video.answers import answer_text
from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.options import letter_of, read_list, strip_letters
from video.benchmarks.rows import Row, read_rows
from video.questions import VideoQuestion
from video.scoring import Prediction

SPLITS = ("test",)
ANNOTATIONS = tuple(
    f"{folder}{name}"
    for name in ("test-*-of-*.parquet", "test.jsonl", "test.json", "test.csv", "test_qa.json")
    for folder in ("videomme/", "", "*/")
)
FILM_FOLDERS = ("data", "videos/data", "videos", "video", "")
SUBTITLE_FOLDERS = ("subtitle", "subtitles")
DURATIONS = ("short", "medium", "long")

PREFIXES = (
    "The best answer is",
    "The correct answer is",
    "The answer is",
    "The answer",
    "The best option isThe correct option is",
    "Best answer:Best option:",
)
"""What the official scorer cuts out. The last two are two entries each that a missing comma joined,
so that in effect they are never cut out."""


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    path = find_annotations(collector.directory, ANNOTATIONS, what="Video-MME")
    collector.add(read_rows(path), lambda row: _read(row, collector))
    return collector.finish("video_mme", split)


def _read(row: Row, collector: Collector) -> VideoQuestion:
    name = row.text("videoID")
    raw = read_list(row.need("options"))
    options = strip_letters(raw)
    video = collector.film(film_candidates(name, FILM_FOLDERS))
    duration = row.text("duration").lower()
    groups = {
        "duration": duration,
        "domain": row.optional_text("domain"),
        "sub_category": row.optional_text("sub_category"),
        "task_type": row.optional_text("task_type", default="unknown"),
    }
    return VideoQuestion(
        question_id=row.text("question_id"),
        video=video,
        text=row.text("question"),
        kind=groups["task_type"],
        options=options,
        answer=letter_of(row.need("answer"), options),
        subtitles=collector.subtitle(video, [f"{f}/{name}.srt" for f in SUBTITLE_FOLDERS]),
        groups={key: value for key, value in groups.items() if value},
        extra={"video_id": row.text("video_id"), "options": [str(option) for option in raw]},
    )


def official_choice(question: VideoQuestion, prediction: Prediction) -> str | None:
    """The letter that the official scorer (`eval_your_results.py`) reads from `response`: after
    some phrases are cut out, the first A, B, C or D; None, and the question is dropped, where there
    is none.
    """
    text = answer_text(prediction.reply_text).strip()
    for prefix in PREFIXES:
        text = text.replace(prefix, "")
    found = re.search("[ABCD]", text)
    return found.group() if found else None


def result_file(
    benchmark: Benchmark, predictions: Mapping[str, Prediction]
) -> list[dict[str, Any]]:
    """The content of the official result file: films with their questions and `response`s.

    A film of which a question has no prediction has `missing`: true, so that the official scorer
    run with skip_missing leaves it out; questions without a prediction have an empty response.
    """
    films: dict[object, dict[str, Any]] = {}
    for question in benchmark.questions:
        name = question.extra["video_id"]
        film = films.setdefault(
            name,
            {
                "video_id": name,
                "duration": question.groups["duration"],
                "domain": question.groups.get("domain", ""),
                "sub_category": question.groups.get("sub_category", ""),
                "missing": False,
                "questions": [],
            },
        )
        prediction = predictions.get(question.question_id)
        film["missing"] = film["missing"] or prediction is None
        film["questions"].append(
            {
                "question_id": question.question_id,
                "task_type": question.kind,
                "question": question.text,
                "options": question.extra["options"],
                "answer": question.answer,
                "response": "" if prediction is None else answer_text(prediction.reply_text),
            }
        )
    return list(films.values())
