"""Which source of questions a configuration means."""

from __future__ import annotations

from pathlib import Path

from video.benchmarks.benchmark import Benchmark
from video.frames import FrameSource, VideoError
from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.sources import QuestionSet, TaskSource
from video.subtitles import SubtitleLine


def make_source(config: SpotlightConfig, questions: QuestionSet | None) -> TaskSource:
    """The questions given, those of the configuration's directory, or synthetic films.

    Raises:
        ValueError: where both a set and a directory are given, the questions asked for do not
            occur, or the directory's files cannot be read as a whole.
        FileNotFoundError: where the directory or its annotations are not there.
    """
    if questions is not None and config.data_dir:
        raise ValueError(
            f"env.config.data_dir is {config.data_dir!r}, but questions were given too; set at "
            "most one"
        )
    if questions is not None:
        return questions.keep(config.question_kinds)
    if config.data_dir:
        from video.benchmarks.catalogue import load_benchmark

        benchmark = load_benchmark(
            config.benchmark,
            Path(config.data_dir),
            split=config.split or None,
            with_subtitles=config.subtitles,
            allow_links=config.allow_links,
        )
        return make_question_set(benchmark, config).keep(config.question_kinds)
    from video.spotlight.synthetic_tasks import SyntheticTasks

    return SyntheticTasks(config)


def make_question_set(
    benchmark: Benchmark, config: SpotlightConfig, *, with_missing: bool = False
) -> QuestionSet:
    """The questions of a set whose films are there.

    Args:
        benchmark: the set as it was read.
        config: how films are decoded, and whether subtitles are shown.
        with_missing: whether the other questions are among them too, so that the number of a
            question does not depend on which films are there; their episodes fail at the reset.

    Raises:
        ValueError: where no film is there.
    """
    playable = benchmark.playable()
    if not playable:
        raise ValueError(
            f"none of the {len(benchmark.missing_videos)} films of {benchmark.name} is in "
            f"{benchmark.directory}"
        )

    def open_film(question: VideoQuestion, size: tuple[int, int] | None) -> FrameSource:
        path = benchmark.video_paths.get(question.video)
        if path is None:
            raise VideoError(question.video, f"is not in {benchmark.directory}")
        return open_file(path, config, size)

    def captions_of(question: VideoQuestion) -> tuple[SubtitleLine, ...]:
        from video.benchmarks.catalogue import load_question_subtitles

        return load_question_subtitles(benchmark, question).lines

    return QuestionSet(
        questions=benchmark.questions if with_missing else playable,
        open_film=open_film,
        captions_of=captions_of if config.subtitles else None,
    )


def open_file(path: Path, config: SpotlightConfig, size: tuple[int, int] | None) -> FrameSource:
    """A film on disk, read through the cache that the process's readers share.

    Args:
        path: of the film.
        config: how it is decoded.
        size: (height, width) of its frames [px]; None for the film's own.

    Raises:
        VideoError: where it cannot be read.
    """
    from video.cache import shared_cache
    from video.reader import VideoReader

    return VideoReader(
        path,
        config.reader_backend,
        size=size,
        cache=shared_cache(config.reader_cache_mib << 20),
        num_decoders=config.reader_num_decoders,
        keep_between=config.reader_keep_between and config.reader_backend == "pyav",
    )
