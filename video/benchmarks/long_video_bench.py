"""LongVideoBench (arXiv 2407.15754): 3,763 films, 6,678 questions with up to five options.

Files of the release `longvideobench/LongVideoBench`: `lvb_val.json`, `lvb_test_wo_gt.json` (or the
Parquet files), films `videos/<video_path>`, subtitles `subtitles/<subtitle_path>`.
"""

from __future__ import annotations

from collections.abc import Mapping

from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.options import check_options, drop_padding, letter_of_index, read_list
from video.benchmarks.rows import Row, read_rows, to_number
from video.questions import LETTERS, VideoQuestion
from video.scoring import Prediction, read_leniently

SPLITS = ("val", "test")
ANNOTATIONS = {
    "val": ("lvb_val.json", "lvb_val.jsonl", "validation-*.parquet", "data/validation-*.parquet"),
    "test": (
        "lvb_test_wo_gt.json",
        "lvb_test_wo_gt.jsonl",
        "test-*.parquet",
        "data/test-*.parquet",
    ),
}
FILM_FOLDERS = ("videos", "video", "")
SUBTITLE_FOLDERS = ("subtitles", "subtitle")
DURATION_GROUPS = ("15", "60", "600", "3600")


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    path = find_annotations(collector.directory, ANNOTATIONS[split], what=f"LongVideoBench {split}")
    collector.add(read_rows(path), lambda row: _read(row, collector, secret=split == "test"))
    return collector.finish("long_video_bench", split)


def _read(row: Row, collector: Collector, *, secret: bool) -> VideoQuestion:
    options = check_options(drop_padding(_candidates(row)))
    video = collector.film(film_candidates(row.text("video_path"), FILM_FOLDERS))
    subtitle = row.optional_text("subtitle_path")
    groups = {
        name: row.optional_text(name)
        for name in ("duration_group", "question_category", "topic_category", "level")
    }
    choice = None if secret else row.need("correct_choice")
    return VideoQuestion(
        question_id=row.text("id"),
        video=video,
        text=row.text("question"),
        kind=groups["question_category"] or "unknown",
        options=options,
        answer=None if choice is None else letter_of_index(choice, options),
        subtitles=collector.subtitle(video, [f"{f}/{subtitle}" for f in SUBTITLE_FOLDERS])
        if subtitle
        else None,
        groups={name: value for name, value in groups.items() if value},
        extra={
            "starting_seconds": to_number(row.get("starting_timestamp_for_subtitles")) or 0.0,
            "duration_seconds": to_number(row.get("duration")),
        },
    )


def _candidates(row: Row) -> list[object]:
    """The list `candidates`, or the columns `option0`, `option1`, ... of a table."""
    if row.get("candidates") is not None:
        return read_list(row.need("candidates"))
    row.need("option0")
    return [row.get(f"option{index}") for index in range(len(LETTERS))]


def submission(benchmark: Benchmark, predictions: Mapping[str, Prediction]) -> dict[str, str]:
    """The content of a submission: id -> letter, read leniently; "" where there is none."""
    return {
        question.question_id: read_leniently(question, predictions[question.question_id]).choice
        or ""
        for question in benchmark.questions
        if question.question_id in predictions
    }
