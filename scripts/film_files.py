"""Films on disk, as `generate.py dataset=long_video` writes them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from configs.dataset_schema import FilmDatasetConfig
from configs.generate_schema import GenerateScript
from scripts.making import open_run
from training.progress import progress_bar
from training.seeding import task_seeds
from video.synthetic.dataset import write_dataset
from video.synthetic.film import draw_film


def generate_films(config: GenerateScript, dataset: FilmDatasetConfig, config_yaml: str) -> None:
    """Write the films that are missing, and all questions."""
    path = Path(config.run.root) / config.run.name
    if (path / "logs").is_dir() and not (path / "summary.json").exists():
        config.run.resume = not config.run.overwrite  # what an interrupted run left is gone on with
    run = open_run(config.run, config_yaml)
    (run.path / "logs").mkdir(exist_ok=True)  # says that this is a folder of films, from the start
    there = len(list((run.path / "logs").glob("*.json")))
    seeds = task_seeds(dataset.purpose, dataset.first_index, dataset.num_films)
    start = time.perf_counter()
    try:
        with progress_bar("films", 0, len(seeds)) as advance:
            questions = write_dataset(
                dataset.film,
                run.path,
                seeds,
                num_questions=dataset.num_questions,
                num_workers=config.num_workers,
                report=lambda done, total: advance({}),
            )
    except KeyboardInterrupt as stop:
        run.set_status("interrupted")
        raise KeyboardInterrupt(
            f"interrupted; the same command goes on with the films that are missing ({run.path})"
        ) from stop
    seconds = time.perf_counter() - start
    lengths = [draw_film(dataset.film, seed).duration_seconds for seed in seeds]
    kinds = Counter(question.kind for question in questions)
    figures = {
        "num_films": float(len(seeds)),
        "num_questions": float(len(questions)),
        "hours": sum(lengths) / 3600,
        **{f"num_questions.{kind}": float(count) for kind, count in sorted(kinds.items())},
    }
    if not there:
        figures["times_real_time"] = sum(lengths) / seconds
    run.write_summary("generate", figures, {})
    print(f"{len(seeds)} films, {len(questions)} questions, {figures['hours']:.2f} h")
    print(f"Films: {run.path / 'videos'}\nQuestions: {run.path / 'questions.jsonl'}")
