"""What an evaluation on a set of questions about films plays, and how it is summed up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from configs.schemas import EvaluateScript
from policies.interface import IMAGE_MARKER
from scripts.benchmark_job import Job
from scripts.hydra_door import BadInputError
from scripts.making import make_pool
from training.episode import Episode, Failure
from training.rollout import EpisodeSpec
from training.run_directory import Tables
from training.seeding import task_seeds
from video.benchmarks.benchmark import Benchmark
from video.benchmarks.catalogue import find_set, load_benchmark
from video.benchmarks.config import VideoBenchmarkConfig
from video.benchmarks.results import benchmark_tables, coverage, measures_of, write_official
from video.frames import FrameSource, VideoError
from video.predictions import prediction_of, save_predictions
from video.questions import VideoQuestion
from video.sampling import prompt_hash
from video.scoring import Prediction
from video.spotlight.config import SpotlightConfig, SpotlightEnvConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.opening import make_question_set
from video.spotlight.sources import QuestionSet
from video.spotlight.texts import instructions

NOT_OF_THE_PROMPT = (
    "data_dir",
    "benchmark",
    "split",
    "allow_links",
    "film",
    "num_films",
    "max_reply_chars",
)
"""Settings that say which films, or how they are decoded, and not how a question is asked."""
NUM_LISTED = 20
"""How many films that cannot be read are listed; the rest is counted."""


def make_video_job(config: EvaluateScript, chosen: VideoBenchmarkConfig) -> Job:
    """The job of a set of questions about films; what is missing or wrong is printed once.

    A film that turns out not to be readable is like one that is missing, the user's data: it is
    listed once, its questions are counted and have no prediction, and the run goes on, unless
    `benchmark.stop_on_missing` has it stop.

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
    # Films that are added before a run is resumed must not change the questions' numbers.
    questions = make_question_set(benchmark, settings, with_missing=True)
    questions = questions.keep(settings.question_kinds)
    asked = settings_of_the_prompt(settings)
    return Job(
        title=f"{find_set(chosen.name).title} {benchmark.split}, {config.policy.kind}",
        pool=make_pool(config.rollout, lambda: SpotlightEnv(settings, questions), config.num_envs),
        specs=_specs(benchmark, questions, chosen.num_questions),
        tabulate=lambda episodes: _tabulate(benchmark, episodes),
        figures=lambda episodes: _figures(benchmark, questions, episodes),
        save=lambda episodes, path: _save(benchmark, questions, episodes, path, settings),
        remarks=lambda episodes: _remarks(questions, episodes),
        excuses=lambda failure: _is_unreadable(failure) and not chosen.stop_on_missing,
        stops_at=lambda failure: _is_unreadable(failure) and chosen.stop_on_missing,
        is_current=lambda episode: _is_current(questions, episode),
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


def _specs(benchmark: Benchmark, questions: QuestionSet, num: int | None) -> list[EpisodeSpec]:
    """An episode for each question whose film is there, or for so many of them, evenly spread. The
    seed, counted round, is the question's number.
    """
    everything = len(questions.questions)
    seeds = {seed % everything: seed for seed in task_seeds("test", 0, everything)}
    missing = set(benchmark.missing_videos)
    asked = [n for n, q in enumerate(questions.questions) if q.video not in missing]
    total = len(asked)
    if not asked or (num is not None and num > total):
        raise BadInputError(
            f"benchmark.num_questions is {num}; {total} of {benchmark.name} can be asked"
        )
    kept = asked if num is None else [asked[i * total // num] for i in range(num)]
    return [EpisodeSpec(seed=seeds[number]) for number in kept]


def _tabulate(benchmark: Benchmark, episodes: Sequence[Episode]) -> Tables:
    return cast(Tables, benchmark_tables(benchmark, predictions_of(episodes)))


def _asked(questions: QuestionSet, seed: int) -> VideoQuestion:
    """The question that the environment asks at a seed: they are counted round."""
    return questions.questions[seed % len(questions.questions)]


def _is_current(questions: QuestionSet, episode: Episode) -> bool:
    """Whether an episode asked what its seed asks now: the set's own files may have changed."""
    told = {} if episode.truth is None else episode.truth.initial
    return bool(told.get("question_id") == _asked(questions, episode.seed).question_id)


def _is_unreadable(failure: Failure) -> bool:
    """Whether an episode failed at its film's file."""
    return failure.stage == "env" and failure.message.startswith(f"{VideoError.__name__}: ")


def _unreadable(questions: QuestionSet, episodes: Sequence[Episode]) -> dict[str, list[str]]:
    """Film -> why it cannot be read, once for each of its questions."""
    found: dict[str, list[str]] = {}
    for episode in episodes:
        if episode.failure is not None and _is_unreadable(episode.failure):
            reason = episode.failure.message.partition(": ")[2]
            found.setdefault(_asked(questions, episode.seed).video, []).append(reason)
    return found


def _figures(
    benchmark: Benchmark, questions: QuestionSet, episodes: Sequence[Episode]
) -> dict[str, float]:
    unreadable = _unreadable(questions, episodes)
    num_without = sum(len(reasons) for reasons in unreadable.values())
    num_failed = sum(episode.failure is not None for episode in episodes)
    return {
        **coverage(benchmark, predictions_of(episodes)),
        "num_unreadable_videos": float(len(unreadable)),
        "num_questions_with_unreadable_video": float(num_without),
        "num_failed": float(num_failed - num_without),
    }


def _save(
    benchmark: Benchmark,
    questions: QuestionSet,
    episodes: Sequence[Episode],
    path: Path,
    settings: SpotlightConfig,
) -> None:
    """Predictions, how they were asked for, and the files of the set's own scorer.

    Raises:
        BadInputError: where there is no prediction.
    """
    asked = settings_of_the_prompt(settings)
    told = {"prompt_sha256": prompt_hash(_template(settings), asked), "settings": asked}
    (path / "asked.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    predictions = predictions_of(episodes)
    if not predictions:
        remarks = "\n".join(_remarks(questions, episodes))
        raise BadInputError(f"none of {len(episodes)} questions could be asked\n{remarks}")
    save_predictions(path / "predictions.jsonl", benchmark, predictions, measures_of(benchmark))
    write_official(benchmark, predictions, path / "official")


def _remarks(questions: QuestionSet, episodes: Sequence[Episode]) -> list[str]:
    """The films that cannot be read, each once, and what else failed."""
    films = [f"  {reasons[0]}" for reasons in _unreadable(questions, episodes).values()]
    title, more = f"{len(films)} film(s) that cannot be read:", len(films) - NUM_LISTED
    listed = [*films[:NUM_LISTED], *([f"  and {more} more"] if more > 0 else [])]
    failures = [episode.failure for episode in episodes if episode.failure is not None]
    others = [f"failed: {f.message}" for f in failures if not _is_unreadable(f)]
    return ["\n".join([title, *listed]), *others] if films else others


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
