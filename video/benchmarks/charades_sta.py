"""Charades-STA (arXiv 1705.02101): where in a film does a sentence happen?

Files: `charades_sta_test.txt`, `charades_sta_train.txt` with lines `videoid start end##sentence`,
films `Charades_v1_480/<videoid>.mp4`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from video.answers import answer_text
from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.rows import Row, RowError, RowFault, check_encoding, read_text, show
from video.questions import Interval, VideoQuestion
from video.scoring import Prediction

SPLITS = ("test", "train")
FILM_FOLDERS = ("Charades_v1_480", "Charades_v1", "videos", "rgb_videos_30fps_480", "")
LINE = re.compile(r"\s*(\S+)\s+(\S+)\s+(\S+?)\s*##\s*(.*?)\s*")
THRESHOLDS = (0.3, 0.5, 0.7)


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    name = f"charades_sta_{split}.txt"
    names = (name, f"*/{name}")
    path = find_annotations(collector.directory, names, what=f"Charades-STA {split}")
    collector.add(_rows(path), lambda row: _read(row, collector))
    return collector.finish("charades_sta", split)


def _rows(path: Path) -> Iterator[Row | RowFault]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        place = f"{path.name}:{number}"
        if not line.strip():
            continue
        try:
            check_encoding(line)
        except RowError as error:
            yield RowFault(place=place, reason=str(error))
            continue
        found = LINE.fullmatch(line)
        if found:
            names = ("video", "start", "end", "sentence")
            fields = {**dict(zip(names, found.groups(), strict=True)), "line": number}
            yield Row(place=place, fields=fields)
        else:
            reason = f"must be `videoid start end##sentence`, not {show(line)}"
            yield RowFault(place=place, reason=reason)


def _read(row: Row, collector: Collector) -> VideoQuestion:
    name, sentence = row.text("video"), row.text("sentence")
    interval = Interval(start_seconds=row.number("start"), end_seconds=row.number("end"))
    return VideoQuestion(
        question_id=f"{name}:{row.text('line')}",
        video=collector.film(film_candidates(name, FILM_FOLDERS)),
        text=f"When does this happen: {sentence}",
        kind="grounding",
        intervals=(interval,),
        evidence=(interval,),
        extra={"video": name, "sentence": sentence},
    )


def results_file(benchmark: Benchmark, predictions: Mapping[str, Prediction]) -> dict[str, str]:
    """The set has no result file of its own; this is the one that the widely used `eval_tvg.py`
    reads: `video>>>sentence>>>[start, end]` -> what was answered.
    """
    results = {}
    for question in benchmark.questions:
        if question.question_id in predictions:
            truth = [question.intervals[0].start_seconds, question.intervals[0].end_seconds]
            key = f"{question.extra['video']}>>>{question.extra['sentence']}>>>{truth}"
            results[key] = answer_text(predictions[question.question_id].reply_text)
    return results
