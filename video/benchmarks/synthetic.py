"""The suite's own films: what `scripts/generate.py dataset=long_video` wrote.

Files: `questions.jsonl`, a question a line, films `videos/<name>.mp4`, subtitles
`subtitles/<name>.srt`.
"""

from __future__ import annotations

from dataclasses import replace

from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.rows import Row, read_rows
from video.questions import VideoQuestion

SPLITS = ("test",)
ANNOTATIONS = ("questions.jsonl",)


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    path = find_annotations(collector.directory, ANNOTATIONS, what="Synthetic films")
    collector.add(read_rows(path), lambda row: _read(row, collector))
    return collector.finish("synthetic", split)


def _read(row: Row, collector: Collector) -> VideoQuestion:
    from video.synthetic.dataset import read_question  # which needs the renderer

    question = read_question(dict(row.fields))
    video = collector.film(film_candidates(question.video, ("",)))
    subtitles = question.subtitles
    if subtitles is not None:
        subtitles = collector.subtitle(video, [subtitles])
    return replace(question, video=video, subtitles=subtitles)
