"""LongVideo-Reason (arXiv 2507.07966): reasoning about long films; options inside the problem.

Files of the release `LongVideo-Reason/longvideo-reason`: `test.jsonl`, `val.jsonl`, `train.jsonl`.
Films of the test split, `LongVideo-Reason/longvideo_eval_videos`, unpack to
`longvideo_eval_subset<N>/` although the rows say `longvila_videos/`; both are found.

Two of the 1,000 test problems have no options at all; they are listed as bad rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import check_relative, film_candidates, find_annotations
from video.benchmarks.options import letter_of, split_question
from video.benchmarks.rows import Row, read_rows
from video.questions import VideoQuestion
from video.scoring import Prediction

SPLITS = ("test", "val", "train")
TYPES = ("temporal", "goal", "plot", "spatial")
FILM_FOLDERS = (
    "longvila_videos",
    "videos/longvila_videos",
    "videos",
    *(f"{parent}longvideo_eval_subset{n}" for parent in ("", "videos/") for n in range(10)),
    "",
)
ANSWER = re.compile(r"<answer>(.*?)</answer>")
PHRASE = "Therefore the final answer is:"
PHRASED_ANSWER = re.compile(rf"<answer>{PHRASE} (.*?)</answer>")
FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    names = (f"{split}.jsonl", f"data/{split}.jsonl", f"{split}.json", f"data/{split}-*.parquet")
    path = find_annotations(collector.directory, names, what=f"LongVideo-Reason {split}")
    collector.add(read_rows(path), lambda row: _read(row, collector))
    return collector.finish("longvideo_reason", split)


def _read(row: Row, collector: Collector) -> VideoQuestion:
    problem = row.text("problem")
    text, options = split_question(problem)
    video = check_relative(row.text("videos", "video"))
    candidates = [video, *film_candidates(PurePosixPath(video).name, FILM_FOLDERS)]
    kind = row.optional_text("problem_type", default="unknown").lower()
    answer = row.text("answer")
    return VideoQuestion(
        question_id=row.optional_text("problem_id", default=row.place),
        video=collector.film(candidates),
        text=text,
        kind=kind,
        options=options,
        answer=letter_of(answer, options),
        groups={"problem_type": kind},
        extra={"problem": problem, "answer": answer},
    )


def official_answer(reply: str) -> str:
    """The text that the official `eval.py` compares, to the letter, with the answer: of the first
    `<answer>` block that is on one line, else the whole reply.
    """
    pattern = PHRASED_ANSWER if PHRASE in reply else ANSWER
    found = pattern.search(reply)
    return (found.group(1) if found else reply).strip()


def official_right(question: VideoQuestion, prediction: Prediction) -> bool:
    """Whether the official `eval.py` counts a reply as right (its string comparison; the symbolic
    one that comes before it finds nothing in letters).
    """
    return official_answer(prediction.reply_text) == official_answer(str(question.extra["answer"]))


def official_format(prediction: Prediction) -> bool:
    """Whether a reply begins with a think block and an answer block, as the official `eval.py`
    asks.
    """
    return FORMAT.match(prediction.reply_text) is not None


def outputs_file(
    benchmark: Benchmark, predictions: Mapping[str, Prediction]
) -> list[dict[str, Any]]:
    """The lines of the official `outputs.jsonl`."""
    return [
        {
            "video_id": PurePosixPath(question.video).name.split(".")[0],
            "question": question.extra["problem"],
            "response": predictions[question.question_id].reply_text,
            "answer": question.extra["answer"],
        }
        for question in benchmark.questions
        if question.question_id in predictions
    ]
