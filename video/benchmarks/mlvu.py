"""MLVU (arXiv 2406.04264): the multiple-choice tasks of its dev and test sets.

Files of `MLVU/MVLU` (dev): `MLVU/json/1_plotQA.json` ... `7_topic_reasoning.json`, films
`MLVU/video/<task>/`. Files of `MLVU/MLVU_Test`: `test-ground-truth/test_mcq_gt.json`, or without
answers `test_multi_choice_tasks.json`, films `MLVU_Test/video/` or `video/`. The two open-ended
tasks need a language model as judge and are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from video.answers import answer_text
from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.options import check_options, letter_of_text, read_list
from video.benchmarks.rows import Row, read_rows, to_number
from video.questions import VideoQuestion
from video.scoring import Prediction, read_leniently

SPLITS = ("dev", "test")
DEV_TASKS = (
    "1_plotQA",
    "2_needle",
    "3_ego",
    "4_count",
    "5_order",
    "6_anomaly_reco",
    "7_topic_reasoning",
)
DEV_FOLDERS = ("MLVU/json", "json", "MLVU/MLVU/json")
TEST_ANNOTATIONS = tuple(
    f"{folder}{name}"
    for name in (
        "test-ground-truth/test_mcq_gt.json",
        "test_mcq_gt.json",
        "test_multi_choice_tasks.json",
        "test_question.json",
        "leaderboard/test_question.json",
    )
    for folder in ("", "MLVU_Test/")
)
NUMBER = "number of the row"
"""Not a field of the set; no release has one of this name."""
TEST_FILM_FOLDERS = ("video", "MLVU_Test/video", "videos", "MLVU_Test/videos", "test_video", "")


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`.

    Raises:
        FileNotFoundError: where a task's file is missing, since the mean over tasks needs all.
    """
    if split == "test":
        path = find_annotations(collector.directory, TEST_ANNOTATIONS, what="MLVU test")
        collector.add(read_rows(path), lambda row: _read_test(row, collector))
        return collector.finish("mlvu", split)
    for task in DEV_TASKS:
        names = [f"{folder}/{task}.json" for folder in DEV_FOLDERS]
        path = find_annotations(collector.directory, names, what=f"MLVU dev, task {task}")
        _add_task(collector, path, task)
    return collector.finish("mlvu", split)


def _add_task(collector: Collector, path: Path, task: str) -> None:
    """Read one task's file. Its rows have no ids; they get their number in the file."""
    folder = (path.parent.parent.relative_to(collector.directory) / "video").as_posix()
    rows = [
        replace(row, fields={**row.fields, NUMBER: number}) if isinstance(row, Row) else row
        for number, row in enumerate(read_rows(path))
    ]
    collector.add(rows, lambda row: _read_dev(row, collector, task, folder))


def _read_dev(row: Row, collector: Collector, task: str, folder: str) -> VideoQuestion:
    name = task.partition("_")[2]
    folders = tuple(dict.fromkeys((f"{folder}/{task}", folder, f"video/{task}", "video")))
    candidates = film_candidates(row.text("video"), folders)
    kind = row.optional_text("question_type", default=name)
    return _question(row, collector, f"{name}_{row.text(NUMBER)}", kind, candidates)


def _read_test(row: Row, collector: Collector) -> VideoQuestion:
    candidates = film_candidates(row.text("video"), TEST_FILM_FOLDERS)
    kind = row.text("question_type")
    return _question(row, collector, row.text("question_id"), kind, candidates, secret=True)


def _question(
    row: Row,
    collector: Collector,
    question_id: str,
    kind: str,
    candidates: list[str],
    *,
    secret: bool = False,
) -> VideoQuestion:
    raw = [str(option) for option in read_list(row.need("candidates"))]
    options = check_options([option.strip() for option in raw])
    told = row.get("answer") if secret else row.need("answer")
    return VideoQuestion(
        question_id=question_id,
        video=collector.film(candidates),
        text=row.text("question"),
        kind=kind,
        options=options,
        answer=None if told in (None, "") else letter_of_text(told, raw),
        groups={"question_type": kind},
        extra={"duration_seconds": to_number(row.get("duration"))},
    )


def submission(benchmark: Benchmark, predictions: Mapping[str, Prediction]) -> list[dict[str, str]]:
    """The content of a submission of the test set: question_id, question_type, option; the option
    is read leniently, and "" where there is none.
    """
    return [
        {
            "question_id": question.question_id,
            "question_type": question.kind,
            "option": read_leniently(question, predictions[question.question_id]).choice or "",
        }
        for question in benchmark.questions
        if question.question_id in predictions
    ]


def official_right(question: VideoQuestion, prediction: Prediction) -> bool:
    """Whether the set's own code (`check_ans`) counts a reply as right: what stands before its
    first closing bracket is the letter, to the letter. It puts `Best option: (` before the reply;
    where a reply has that opening bracket itself, it is left out here.
    """
    said = answer_text(prediction.reply_text).partition(")")[0].strip().removeprefix("(")
    return said == question.answer
