"""Draw the documentation's contact sheets: every scene type and every question type, solved,
synthetic films, and the manipulation tasks with their held-out splits.

Each row of the former shows a world as the policy meets it first and as the expert leaves it, with
what is hidden named in words, so that the eye can check that hidden things are hidden and labels
are right.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from PIL import Image

from configs.gallery_schema import GalleryScript
from scripts.film_gallery import write_film_sheets
from scripts.hand_gallery import write_hand_sheets
from scripts.hydra_door import run_script
from sims.avr.config import QUESTION_TYPES, AvrConfig
from sims.avr.scene_types import KINDS, SCENE_TYPES, SceneType
from sims.config import AvrEnvConfig
from training.drawing import MUTED, Canvas
from training.progress import progress_bar

EXAMPLES = ("python scripts/gallery.py", "python scripts/gallery.py output_dir=/tmp/gallery")
PICTURE = 220
"""Size of a picture on the sheet [px]."""
WORDS = 300
MAX_PICTURES = 3
MAX_TRIES = 300


@dataclass(frozen=True, kw_only=True)
class Example:
    """One solved episode.

    Attributes:
        title: what it is an example of.
        note: what that is about.
        pictures: what the policy saw, first and last, and between them where there was more.
        lines: question, what was done, answer, what was hidden.
    """

    title: str
    note: str
    pictures: Sequence[np.ndarray]
    lines: Sequence[str]


def main(config: GalleryScript, config_yaml: str) -> None:
    """Write one sheet per kind of scene, one of the question types, and those of films and of
    manipulation.
    """
    folder = Path(config.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar("gallery", 0, len(SCENE_TYPES) + len(QUESTION_TYPES)) as advance:
        for kind in KINDS:
            examples = []
            for scene_type in SCENE_TYPES.values():
                if scene_type.kind == kind:
                    examples.append(scene_example(scene_type, config))
                    advance({})
            write_sheet(folder / f"avr_{kind}.png", examples)
        examples = []
        for question_type in QUESTION_TYPES:
            examples.append(question_example(question_type, config))
            advance({})
        write_sheet(folder / "avr_questions.png", examples)
    write_film_sheets(folder, config.seed)
    write_hand_sheets(folder, config.seed)
    print(f"Pictures: {folder}")


def scene_example(scene_type: SceneType, config: GalleryScript) -> Example:
    """An episode in a world of the type whose answer is hidden at first."""
    title = scene_type.name + (" (held out)" if scene_type.held_out else "")
    env_config = AvrConfig(scene_types=[scene_type.name])
    return solve(title, scene_type.summary, scene_type.kind, env_config, config)


def question_example(question_type: str, config: GalleryScript) -> Example:
    """An episode that asks a question of the type."""
    env_config = AvrConfig(question_types=[question_type])
    return solve(question_type, "", "composite", env_config, config)


def solve(
    title: str, note: str, scene_kind: str, env_config: AvrConfig, config: GalleryScript
) -> Example:
    """The first episode from the seed on that the expert has to look about in, and solves."""
    env_config.image_height = env_config.image_width = config.image_size
    env_config.sufficient_share = 0.0
    env_config.check()
    made = AvrEnvConfig(id=f"AVR/{scene_kind.title()}-v0", config=env_config)
    env = gymnasium.make(made.id, disable_env_checker=True, **made.kwargs()).unwrapped
    for seed in range(config.seed, config.seed + MAX_TRIES):
        example = play(title, note, env, seed)
        if example is not None:
            return example
    raise RuntimeError(f"no episode of {title} shows what it should in {MAX_TRIES} seeds")


def play(title: str, note: str, env: Any, seed: int) -> Example | None:
    """One episode of the expert; None where nothing of interest was hidden."""
    obs, info = env.reset(seed=seed)
    question = next(line for line in obs["text"].splitlines() if line.startswith("Question: "))
    first = {thing["place"] for thing in info["truth"]["visible"]}
    pictures, deeds = [obs["images"][0]], []
    found: dict[str, str] = {}
    done = False
    while not done:
        reply = env.expert_reply()
        options = info["options"]
        obs, _, terminated, truncated, info = env.step(reply)
        done = terminated or truncated
        if info["truth"]["kind"] == "action":
            pictures.append(obs["images"][0])
            deeds.append(options[info["truth"]["choice"]])
            found |= {t["place"]: t["name"] for t in info["truth"]["visible"]}
    hidden = [name for place, name in found.items() if place not in first]
    if not hidden or not info["success"] or len(pictures) > MAX_PICTURES:
        return None
    lines = [question, *deeds, f"Found: {', '.join(hidden)}", f"Answer: {info['truth']['gold']}"]
    return Example(title=title, note=note, pictures=pictures, lines=lines)


def write_sheet(path: Path, examples: Sequence[Example]) -> None:
    """One row per example: pictures on the left, words on the right."""
    columns = max(len(example.pictures) for example in examples)
    canvas = Canvas(columns * (PICTURE + 8) + WORDS + 24, len(examples) * (PICTURE + 12) + 12)
    for row, example in enumerate(examples):
        top = 12 + row * (PICTURE + 12)
        for column, picture in enumerate(example.pictures):
            left = 12 + column * (PICTURE + 8)
            canvas.picture(picture, (left, top, left + PICTURE, top + PICTURE))
        left = 16 + columns * (PICTURE + 8)
        box = (left, top + 30, left + WORDS - 12, top + PICTURE)
        canvas.line(left, top + 16, example.title, size=16, width=WORDS - 8)
        y = canvas.paragraph(box, example.note, sizes=(12,), color=MUTED)
        canvas.paragraph((left, y + 6, *box[2:]), "\n".join(example.lines), sizes=(12, 11, 10))
    image = Image.fromarray(canvas.array()).quantize(256)
    image.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="gallery", schema=GalleryScript, examples=EXAMPLES))
