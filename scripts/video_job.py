"""What an evaluation on a set of questions about films plays, and how it is summed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from configs.schemas import EvaluateScript
from policies.interface import IMAGE_MARKER
from scripts.benchmark_job import Job
from scripts.hydra_door import BadInputError
from training.episode import Episode
from training.rollout import EpisodeSpec, LocalPool
from training.run_directory import Tables
from training.seeding import task_seeds
from video.benchmarks.benchmark import Benchmark
from video.benchmarks.catalogue import find_set, load_benchmark
from video.benchmarks.config import VideoBenchmarkConfig
from video.benchmarks.results import benchmark_tables, coverage, measures_of, write_official
from video.frames import FrameSource
from video.predictions import prediction_of, save_predictions
from video.questions import VideoQuestion
from video.sampling import prompt_hash
from video.scoring import Prediction
from video.spotlight.config import SpotlightConfig, SpotlightEnvConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.opening import make_question_set
from video.spotlight.sources import QuestionSet
from video.spotlight.texts import instructions

NOT_OF_THE_PROMPT = ("data_dir", "benchmark", "split", "film", "num_films", "max_reply_chars")
"""Settings that say which films, or how they are decoded, and not how a question is asked."""


def make_video_job(config: EvaluateScript, chosen: VideoBenchmarkConfig) -> Job:
    """The job of a set of questions about films; what is missing or wrong is printed once.

    Raises:
        BadInputError: for an environment that shows no films, or films that are missing where that
            is to stop the run.
        FileNotFoundError, ValueError: where the set cannot be read.
    """
    if not isinstance(config.env, SpotlightEnvConfig):
        raise BadInputError(
            f"env.id is {config.env.id!r}, which shows no films; choose env=video/single_pass, "
            "env=video/spotlight or another of env=video/..."
        )
    settings = config.env.config
    benchmark = _load(config, chosen, settings)
    questions = _spread(make_question_set(benchmark, settings), chosen.num_questions)
    asked = settings_of_the_prompt(settings)
    return Job(
        title=f"{find_set(chosen.name).title} {benchmark.split}, {config.policy.kind}",
        pool=LocalPool(lambda: SpotlightEnv(settings, questions), config.num_envs),
        specs=[EpisodeSpec(seed=s) for s in task_seeds("test", 0, len(questions.questions))],
        tabulate=lambda episodes: _tabulate(benchmark, episodes),
        figures=lambda episodes: _figures(benchmark, episodes),
        save=lambda episodes, path: _save(benchmark, episodes, path),
        notes=[
            f"Asked with {_describe(asked)}; prompt {prompt_hash(_template(settings), asked)}.",
            *filter(None, [benchmark.report()]),
        ],
    )


def settings_of_the_prompt(settings: SpotlightConfig) -> dict[str, Any]:
    """What decides how a question is asked, and which frames are seen."""
    return {
        name: value
        for name, value in asdict(settings).items()
        if name not in NOT_OF_THE_PROMPT and not name.startswith("reader_")
    }


def predictions_of(episodes: Sequence[Episode]) -> list[Prediction]:
    """A prediction for every episode that did not fail."""
    predictions = []
    for episode in episodes:
        if episode.failure is None and episode.truth is not None:
            facts = [episode.truth.initial, *episode.truth.turns]
            reply = episode.turns[-1].output.text or ""
            predictions.append(prediction_of(facts[0]["question_id"], reply, facts))
    return predictions


def _load(
    config: EvaluateScript, chosen: VideoBenchmarkConfig, settings: SpotlightConfig
) -> Benchmark:
    if not config.data_dir:
        title = find_set(chosen.name).title
        raise BadInputError(f"data_dir is empty; give the folder with the files of {title}")
    benchmark = load_benchmark(
        chosen.name,
        Path(config.data_dir),
        split=chosen.split,
        with_subtitles=settings.subtitles,
        allow_links=chosen.allow_links,
    )
    report = benchmark.report()
    if benchmark.missing_videos and chosen.stop_on_missing:
        raise BadInputError(f"{report}\nbenchmark.stop_on_missing=false leaves them out")
    if report:
        print(report)
    return benchmark


def _spread(questions: QuestionSet, num: int | None) -> QuestionSet:
    """So many of them, evenly spread; all where none is said."""
    total = len(questions.questions)
    if num is None:
        return questions
    if num > total:
        raise BadInputError(f"benchmark.num_questions is {num}; {total} can be asked")
    kept: list[VideoQuestion] = [questions.questions[i * total // num] for i in range(num)]
    return QuestionSet(
        questions=kept, open_film=questions.open_film, captions_of=questions.captions_of
    )


def _tabulate(benchmark: Benchmark, episodes: Sequence[Episode]) -> Tables:
    return cast(Tables, benchmark_tables(benchmark, predictions_of(episodes)))


def _figures(benchmark: Benchmark, episodes: Sequence[Episode]) -> dict[str, float]:
    failed = sum(episode.failure is not None for episode in episodes)
    return {**coverage(benchmark, predictions_of(episodes)), "num_failed": float(failed)}


def _save(benchmark: Benchmark, episodes: Sequence[Episode], path: Path) -> None:
    """Predictions, the files of the set's own scorer, and what failed."""
    predictions = predictions_of(episodes)
    save_predictions(path / "predictions.jsonl", benchmark, predictions, measures_of(benchmark))
    write_official(benchmark, predictions, path / "official")
    for episode in episodes:
        if episode.failure is not None:
            print(f"failed: {episode.failure.message}")


def _template(settings: SpotlightConfig) -> str:
    """The prompt's fixed words, for a film and a question that stand for all."""
    film = SimpleNamespace(num_frames=1000, duration_seconds=40.0, average_fps=25.0)
    question = VideoQuestion(
        question_id="", video="", text="{question}", kind="", options=("{option}",)
    )
    words = instructions(question, cast(FrameSource, film), settings)
    return f"{words}\n{question.text}\n{IMAGE_MARKER}"


def _describe(settings: dict[str, Any]) -> str:
    usual = asdict(SpotlightConfig())
    own = [f"{name}={value}" for name, value in settings.items() if value != usual[name]]
    return ", ".join(own) or "the default settings"
