"""The table of all sets: how each is read, what it is measured by, what its scorer reads.

`video.benchmarks.results` makes tables and files of predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video.benchmarks import (
    charades_sta,
    long_video_bench,
    longvideo_reason,
    lvbench,
    mlvu,
    next_gqa,
    official,
    synthetic,
    video_holmes,
    video_mme,
)
from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import check_folder
from video.metrics import (
    Measure,
    Rows,
    Scored,
    choice_measures,
    gqa_measures,
    grounding_measures,
)
from video.questions import VideoQuestion
from video.scoring import Prediction
from video.subtitles import Subtitles, load_subtitles

Writer = Callable[[Benchmark, Mapping[str, Prediction]], Any]


@dataclass(frozen=True, kw_only=True)
class BenchmarkSet:
    """One public set.

    Attributes:
        title: its name as its authors write it.
        splits: its parts; the first is the default.
        load: reads it with a collector.
        measures: its own measures, beside those of watching.
        groups: which of `question.groups` have a table of their own; `kind` is the question's kind.
        official: rows of the table `official`, each with the metric as the set's own scorer has it.
        files: name -> content of what that scorer reads; `{split}` in a name stands for the split,
            and a name in `.jsonl` has one entry of the list a line.
        macro_over: the group over whose values the set's main figure is the plain mean; "" for
            none.
    """

    title: str
    splits: tuple[str, ...]
    load: Callable[[Collector, str], Benchmark]
    measures: Callable[[], dict[str, Measure]] = choice_measures
    groups: tuple[str, ...] = ()
    official: Callable[[Sequence[Scored]], Rows] | None = None
    files: Mapping[str, Writer] | None = None
    macro_over: str = ""


BENCHMARKS: dict[str, BenchmarkSet] = {
    "video_mme": BenchmarkSet(
        title="Video-MME",
        splits=video_mme.SPLITS,
        load=video_mme.load,
        groups=("duration", "domain", "sub_category", "task_type"),
        official=official.video_mme_rows,
        files={"video_mme_results.json": video_mme.result_file},
    ),
    "long_video_bench": BenchmarkSet(
        title="LongVideoBench",
        splits=long_video_bench.SPLITS,
        load=long_video_bench.load,
        groups=("duration_group", "question_category", "topic_category"),
        official=official.long_video_bench_rows,
        files={"longvideobench_{split}_submission.json": long_video_bench.submission},
    ),
    "mlvu": BenchmarkSet(
        title="MLVU",
        splits=mlvu.SPLITS,
        load=mlvu.load,
        groups=("question_type",),
        official=official.mlvu_rows,
        files={"mlvu_{split}_submission.json": mlvu.submission},
        macro_over="question_type",
    ),
    "lvbench": BenchmarkSet(
        title="LVBench",
        splits=lvbench.SPLITS,
        load=lvbench.load,
        groups=("video_type",),
        official=official.lvbench_rows,
        files={"lvbench_answers.json": lvbench.answers_file},
    ),
    "video_holmes": BenchmarkSet(
        title="Video-Holmes",
        splits=video_holmes.SPLITS,
        load=video_holmes.load,
        groups=("question_type",),
        official=official.video_holmes_rows,
        files={"Results-video_holmes.json": video_holmes.result_file},
    ),
    "longvideo_reason": BenchmarkSet(
        title="LongVideo-Reason",
        splits=longvideo_reason.SPLITS,
        load=longvideo_reason.load,
        groups=("problem_type",),
        official=official.longvideo_reason_rows,
        files={"outputs.jsonl": longvideo_reason.outputs_file},
    ),
    "charades_sta": BenchmarkSet(
        title="Charades-STA",
        splits=charades_sta.SPLITS,
        load=charades_sta.load,
        measures=grounding_measures,
        official=official.charades_sta_rows,
        files={"charades_sta_results.json": charades_sta.results_file},
    ),
    "next_gqa": BenchmarkSet(
        title="NExT-GQA",
        splits=next_gqa.SPLITS,
        load=next_gqa.load,
        measures=lambda: {**choice_measures(), **gqa_measures()},
        groups=("type",),
        official=official.next_gqa_rows,
        files={
            "{split}-res.json": next_gqa.answers_file,
            "{split}_ground.json": next_gqa.grounding_file,
        },
    ),
    "synthetic": BenchmarkSet(
        title="Synthetic films",
        splits=synthetic.SPLITS,
        load=synthetic.load,
        measures=lambda: {**choice_measures(), **grounding_measures()},
        groups=("kind", "family", "needle", "cue"),
    ),
}
"""Name in configuration -> the set."""


def load_benchmark(
    name: str,
    data_dir: Path,
    *,
    split: str | None = None,
    with_subtitles: bool = False,
    allow_links: bool = False,
) -> Benchmark:
    """Read a set from its official files.

    A row that cannot be used is listed in `bad_rows`, a film that is not there in `missing_videos`;
    neither stops the reading. Paths in the files that lead out of the folder make a bad row.

    Args:
        name: a key of `BENCHMARKS`.
        data_dir: the folder that the release was unpacked to.
        split: which part; None for the set's default.
        with_subtitles: whether to look for subtitles.
        allow_links: whether symbolic links may lead out of the folder, as they do in a model hub's
            cache.

    Raises:
        ValueError: for an unknown set or split, or where its files cannot be read as a whole.
        FileNotFoundError: where there is no such folder, or the annotations are not in it; says
            what was looked for.
    """
    chosen = find_set(name)
    split = chosen.splits[0] if split is None else split
    if split not in chosen.splits:
        raise ValueError(f"{name} has no split {split!r}; legal: {', '.join(chosen.splits)}")
    collector = Collector(
        directory=check_folder(data_dir, chosen.title),
        with_subtitles=with_subtitles,
        allow_links=allow_links,
    )
    return chosen.load(collector, split)


def find_set(name: str) -> BenchmarkSet:
    """The set of a name.

    Raises:
        ValueError: where there is none.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"unknown video benchmark {name!r}; legal: {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def load_question_subtitles(benchmark: Benchmark, question: VideoQuestion) -> Subtitles:
    """The subtitles of a question's film, timed to the film; none where it has none.

    Raises:
        ValueError: where their file cannot be read.
    """
    if question.subtitles is None:
        return Subtitles(lines=())
    start, length = (question.extra.get(k) for k in ("starting_seconds", "duration_seconds"))
    return load_subtitles(
        benchmark.directory / question.subtitles,
        starting_seconds=float(start) if isinstance(start, int | float) else 0.0,
        duration_seconds=float(length) if isinstance(length, int | float) else None,
    )
