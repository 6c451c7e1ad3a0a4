"""NExT-GQA (arXiv 2309.01327): questions with five options, and where the evidence is.

Files of the release `doc-doc/NExT-GQA`: `datasets/nextgqa/{train,val,test}.csv`,
`gsub_{val,test}.json` (the evidence) and `map_vid_vidorID.json` (where each film lies), films
`NExTVideo/<as mapped>.mp4`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.options import check_options, letter_of_index, letter_of_text
from video.benchmarks.rows import Row, load_json, read_rows, show, to_number
from video.questions import LETTERS, Interval, VideoQuestion
from video.scoring import Prediction, read_leniently

SPLITS = ("test", "val", "train")
FOLDERS = ("", "nextgqa/", "datasets/nextgqa/", "datasets/", "annotations/")
FILM_FOLDERS = ("NExTVideo", "videos", "video", "data/videos", "")
NUM_OPTIONS = 5


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`. The train split has no
    evidence.
    """
    names = [f"{folder}{split}.csv" for folder in FOLDERS]
    path = find_annotations(collector.directory, names, what=f"NExT-GQA {split}")
    segments = {} if split == "train" else _load_object(path.with_name(f"gsub_{split}.json"))
    films = _load_map(collector.directory)
    collector.add(read_rows(path), lambda row: _read(row, collector, segments, films))
    return collector.finish("next_gqa", split)


def _load_object(path: Path) -> dict[str, Any]:
    content = load_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must be a JSON object, not {show(content)}")
    return content


def _load_map(directory: Path) -> dict[str, Any]:
    """video_id -> path of its film without suffix; empty where the file is not there."""
    for folder in FOLDERS:
        path = directory / f"{folder}map_vid_vidorID.json"
        if path.is_file():
            return _load_object(path)
    return {}


def _read(
    row: Row, collector: Collector, segments: Mapping[str, Any], films: Mapping[str, Any]
) -> VideoQuestion:
    name, qid = row.text("video_id"), row.text("qid")
    raw = [row.text(f"a{index}") for index in range(NUM_OPTIONS)]
    options = check_options(raw)
    answer = row.text("answer")
    # The release has the answer's text, and NExT-QA's own files its index.
    is_index = answer.isdigit() and answer not in options
    kind = row.text("type")
    mapped = str(films.get(name, name))
    candidates = film_candidates(mapped, FILM_FOLDERS)
    if mapped != name:
        candidates += film_candidates(name, FILM_FOLDERS)
    return VideoQuestion(
        question_id=f"{name}_{qid}",
        video=collector.film(candidates),
        text=row.text("question"),
        kind=kind,
        options=options,
        answer=(letter_of_index if is_index else letter_of_text)(answer, options),
        evidence=_evidence(row, collector, segments.get(name), qid),
        groups={"type": kind},
    )


def _evidence(row: Row, collector: Collector, film: Any, qid: str) -> tuple[Interval, ...]:
    """The question's segments; those that cannot be read are left out with a remark."""
    location = film.get("location") if isinstance(film, dict) else None
    given = location.get(qid, []) if isinstance(location, dict) else []
    intervals = []
    for pair in given if isinstance(given, list) else [given]:
        try:
            intervals.append(_interval(pair))
        except ValueError as error:
            collector.remark(row.place, f"evidence left out: {error}")
    return tuple(intervals)


def _interval(pair: Any) -> Interval:
    times = [to_number(time) for time in pair] if isinstance(pair, list) else []
    if len(times) != 2 or times[0] is None or times[1] is None:
        raise ValueError(f"{show(pair)} is no [start, end] in seconds")
    return Interval(start_seconds=times[0], end_seconds=times[1])


def answers_file(
    benchmark: Benchmark, predictions: Mapping[str, Prediction]
) -> dict[str, dict[str, int]]:
    """The content of `<split>-res.json`: video_qid -> index of the answer and of the prediction,
    read leniently; -1 where there is none.
    """
    return {
        question.question_id: {
            "answer": _index(question.answer),
            "prediction": _index(
                read_leniently(question, predictions[question.question_id]).choice
            ),
        }
        for question in benchmark.questions
        if question.question_id in predictions
    }


def grounding_file(
    benchmark: Benchmark, predictions: Mapping[str, Prediction]
) -> dict[str, list[float]]:
    """The content of `<split>_ground.json`: video_qid -> [start, end]. Where nothing was predicted
    [-2, -1], which overlaps nothing: the official scorer would leave a missing one out.
    """
    return {
        question.question_id: list(predictions[question.question_id].interval or (-2.0, -1.0))
        for question in benchmark.questions
        if question.question_id in predictions
    }


def _index(letter: str | None) -> int:
    return -1 if letter is None else LETTERS.index(letter)
