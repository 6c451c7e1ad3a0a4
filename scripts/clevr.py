"""Answer CLEVR's questions from CLEVR's scene files, or write worlds of ours in CLEVR's format.

Answering runs every question's functional program and compares with the answer in the file.
Writes runs/<name>/answers.json and summary.json, or scenes.json, questions.json and images/.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from configs.clevr_schema import ClevrScript
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from sims import make_env
from sims.avr.clevr_view import make_clevr_scene
from sims.avr.process import Task
from sims.clevr import (
    ClevrQuestion,
    answer_questions,
    load_questions,
    load_scenes,
    save_questions,
    save_scenes,
)
from training.progress import progress_bar
from training.run_directory import RunDirectory
from training.seeding import task_seeds
from training.statistics import mean_stderr

EXAMPLES = (
    "python scripts/clevr.py scenes=CLEVR_val_scenes.json questions=CLEVR_val_questions.json",
    "python scripts/clevr.py env=avr/composite num_scenes=50 run.name=exported",
)


def main(config: ClevrScript, config_yaml: str) -> None:
    """Answer the questions of the files that are named, or else write worlds of ours."""
    run = open_run(config.run, config_yaml)
    if config.scenes is not None and config.questions is not None:
        answer(run, Path(config.scenes), Path(config.questions))
    else:
        export(run, config)


def answer(run: RunDirectory, scenes: Path, questions: Path) -> None:
    """Answer every question of a file, and say how many answers are as the file has them."""
    try:
        asked = load_questions(questions)
        answers = answer_questions(asked, load_scenes(scenes))
    except (OSError, ValueError) as error:
        raise BadInputError(str(error)) from error
    told = [(q.answer, a) for q, a in zip(asked, answers, strict=True) if q.answer is not None]
    right = [float(theirs == ours) for theirs, ours in told]
    (run.path / "answers.json").write_text(json.dumps(answers, indent=1))
    row = {"accuracy": mean_stderr(right)} if right else {}
    run.write_summary(
        "clevr answer", {"num_questions": float(len(asked))}, {"clevr": {"answers": row}}
    )
    as_told = f"{int(sum(right))} of {len(right)} as the file has them"
    print(f"{len(asked)} questions answered; {as_told}")
    print(f"Answers: {run.path / 'answers.json'}")


def export(run: RunDirectory, config: ClevrScript) -> None:
    """Write worlds of ours, as they are at the start, in CLEVR's format."""
    env = make_env(config.env)
    images = run.path / "images"
    images.mkdir(exist_ok=True)
    scenes, questions = [], []
    info = {"split": config.purpose, "version": "1.0", "date": "", "license": ""}
    with progress_bar("export", 0, config.num_scenes) as advance:
        for index, seed in enumerate(task_seeds(config.purpose, 0, config.num_scenes)):
            obs, _ = env.reset(seed=seed)
            task: Task = env.get_wrapper_attr("task")
            name = f"saccade_{config.purpose}_{index:06d}.png"
            Image.fromarray(obs["images"][0]).save(images / name)
            scene = make_clevr_scene(
                task.layout,
                task.contents,
                task.yaws,
                image_index=index,
                image_filename=name,
                split=config.purpose,
            )
            scenes.append(scene)
            questions.append(
                ClevrQuestion(
                    question=task.question.text,
                    answer=task.gold,
                    program=[dict(node) for node in task.question.program],
                    image_index=index,
                    image_filename=name,
                    split=config.purpose,
                )
            )
            advance({})
    save_scenes(run.path / "scenes.json", scenes, info)
    save_questions(run.path / "questions.json", questions, info)
    run.write_summary("clevr export", {"num_scenes": float(len(scenes))}, {})
    print(f"Scenes, questions and pictures: {run.path}")


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="clevr", schema=ClevrScript, examples=EXAMPLES))
