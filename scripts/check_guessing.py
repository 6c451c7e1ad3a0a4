"""Check that words alone give nothing away: train blind classifiers on first observations' texts.

They guess the right answer, whether the first view suffices, and which listed action is worth most,
each on questions they were not trained on, and are compared with the prior of each question type.
Blind and first-view guesses are also made on a benchmark's questions whose first view does not
suffice. Questions are kept as they are drawn, so run.resume=true goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium

from configs.benchmark_schema import CheckGuessingScript
from scripts.evaluate import print_tables
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from sims import make_env
from sims.avr.benchmark import Manifest, load_manifest
from sims.avr.benchmark_worlds import check_disjoint, hash_scene, make_entry_env
from sims.avr.scene_types import KINDS
from sims.config import AvrEnvConfig
from training.progress import progress_bar
from training.run_directory import write_atomic
from training.seeding import task_seed
from training.text_checks import benchmark_table, guessing_tables
from training.text_questions import TextQuestion

EXAMPLES = (
    "python scripts/check_guessing.py",
    "python scripts/check_guessing.py num_questions=3000 guesser.num_folds=3 run.name=try",
    "python scripts/check_guessing.py run.resume=true",
)


def main(config: CheckGuessingScript, config_yaml: str) -> None:
    """Draw the questions, train, compare."""
    manifest = None if config.benchmark is None else load_manifest(config.benchmark.name)
    envs = make_envs(config)
    run = open_run(config.run, config_yaml)
    drawn = draw_questions(envs, config.num_questions, run.path / "questions.jsonl")
    questions = [question for question, _ in drawn]
    print("Training blind classifiers ...", flush=True)
    tables: dict[str, Any] = {**guessing_tables(questions, config.guesser, config.seed)}
    figures = {"num_questions": float(len(questions))}
    if manifest is not None:
        count = check_disjoint(manifest, (scene_hash for _, scene_hash in drawn))
        figures["num_scenes_compared_with_the_benchmark"] = float(count)
        played = read_benchmark(manifest)
        tables["benchmark"] = benchmark_table(questions, played, config.guesser, config.seed)
    run.write_summary("check_guessing", figures, tables)
    print_tables(tables, figures)
    print(f"Results: {run.summary_path}")


def make_envs(config: CheckGuessingScript) -> list[gymnasium.Env]:
    """One environment of each kind, all scene types, small pictures.

    Raises:
        BadInputError: for other worlds, or a list without letters.
    """
    if not isinstance(config.env, AvrEnvConfig) or config.env.config.action_form != "lettered":
        raise BadInputError(
            "check_guessing reads the lettered lists of AVR worlds; choose env=avr/..."
        )
    shared = replace(
        config.env.config,
        image_height=config.image_size,
        image_width=config.image_size,
        shadows=False,
        scene_types=[],
        include_held_out=True,
        foresee=True,
    )
    return [make_env(AvrEnvConfig(id=f"AVR/{kind.title()}-v0", config=shared)) for kind in KINDS]


def draw_questions(
    envs: Sequence[gymnasium.Env], count: int, path: Path
) -> list[tuple[TextQuestion, str]]:
    """Questions of calibration seeds, each with the hash of its scene.

    Those in the file are not drawn again, others are added to it.
    """
    lines = path.read_text(encoding="utf-8").split("\n")[:-1][:count] if path.is_file() else []
    write_atomic(path, "".join(f"{line}\n" for line in lines))  # without a line that was cut off
    drawn = [_read(line) for line in lines]
    with progress_bar("draw", len(drawn), count) as advance, path.open("a") as file:
        for index in range(len(drawn), count):
            env = envs[index % len(envs)]
            obs, info = env.reset(seed=task_seed("calibration", index))
            question = TextQuestion.from_reset(obs["text"], info)
            scene_hash = hash_scene(env.unwrapped.task)  # type: ignore[attr-defined]
            file.write(json.dumps([question.to_dict(), scene_hash]) + "\n")
            drawn.append((question, scene_hash))
            advance({})
    return drawn


def read_benchmark(manifest: Manifest) -> list[TextQuestion]:
    """The first observations of a benchmark, as text."""
    questions = []
    with progress_bar("benchmark", 0, len(manifest.entries)) as advance:
        for entry in manifest.entries:
            env = make_entry_env(manifest, entry)
            obs, info = env.reset(seed=entry.seed)
            questions.append(TextQuestion.from_reset(obs["text"], info))
            env.close()
            advance({})
    return questions


def _read(line: str) -> tuple[TextQuestion, str]:
    record, scene_hash = json.loads(line)
    return TextQuestion(**record), scene_hash


if __name__ == "__main__":
    sys.exit(
        run_script(
            main, config_name="check_guessing", schema=CheckGuessingScript, examples=EXAMPLES
        )
    )
