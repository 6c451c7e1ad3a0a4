"""Pictures of the manipulation tasks: the start and the end of each, what each held-out split
changes, and a frame of a film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from policies.scripted import ExpertPolicy
from scripts.watching import Watched
from sims import make_env
from sims.config import ManipulationEnvConfig
from sims.manipulation.config import CAMERAS, SPLITS, TASKS, ManipulationConfig
from sims.manipulation.splits import KINDS
from training.drawing import MUTED, Canvas
from training.film_layout import draw_view
from training.film_motion import Motion, motion_views
from training.rollout import EpisodeSpec, LocalPool, collect_episodes

CELL, GAP, HEAD = 168, 8, 44
"""Size of a picture, and what is between and above them [px]."""
SHARE_DONE = 0.7
"""Of the task, when the wrist's picture is taken."""
MAX_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A row of pictures.

    Attributes:
        title: what they show.
        note: the instruction.
        pictures: uint8 (H, W, 3) each.
        labels: one for each, below it.
    """

    title: str
    note: str
    pictures: Sequence[np.ndarray]
    labels: Sequence[str]


def write_hand_sheets(folder: Path, seed: int) -> None:
    """Write `manipulation_tasks.png`, a row per task, `manipulation_splits.png`, a row per kind of
    held-out episode, and `manipulation_film.png`.
    """
    solved = [task_strip(task, seed + index) for index, task in enumerate(TASKS)]
    write_sheet(folder / "manipulation_tasks.png", solved)
    kinds = [(split, kind) for split in SPLITS for kind in KINDS[split]]
    strips = [split_strip(split, kind, seed) for split, kind in kinds]
    write_sheet(folder / "manipulation_splits.png", strips, columns=2)
    Image.fromarray(film_frame(seed)).save(folder / "manipulation_film.png", optimize=True)


def task_strip(task: str, seed: int) -> Strip:
    """A task at its start, on the way as both cameras see it, and solved by the expert.

    Raises:
        RuntimeError: where the expert does not solve it.
    """
    config = ManipulationConfig(cameras=[*CAMERAS], height=CELL, width=CELL)
    env = make(task, config)
    obs, info = env.reset(seed=seed)
    pictures, text = [*obs["images"]], obs["text"]
    middle: Sequence[np.ndarray] = ()
    done = False
    while not done:
        obs, _, terminated, truncated, info = env.step(env.unwrapped.expert_reply())
        done = terminated or truncated
        if not middle and info["truth"]["progress"] >= SHARE_DONE:
            middle = obs["images"]
    if not info["success"]:
        raise RuntimeError(f"the expert does not solve {task} with seed {seed}; choose another")
    env.close()
    pictures += [*(middle or obs["images"]), obs["images"][0]]
    labels = ("front", "wrist", "front, on the way", "wrist, on the way", "front, solved")
    return Strip(title=task, note=text, pictures=pictures, labels=labels)


def split_strip(split: str, kind: str, seed: int) -> Strip:
    """Starts of episodes of one kind: two tasks, the front camera alone.

    Raises:
        RuntimeError: where no seed gives the kind.
    """
    title = f"{split}: {kind}" if kind else split
    starts = [find_start(task, split, kind, seed) for task in ("pick_place", "open_drawer")]
    pictures, notes = zip(*starts, strict=True)
    return Strip(
        title=title, note=notes[0], pictures=pictures, labels=("pick_place", "open_drawer")
    )


def find_start(task: str, split: str, kind: str, seed: int) -> tuple[np.ndarray, str]:
    """The first picture and the instruction of an episode of a kind."""
    config = ManipulationConfig(split=split, height=CELL, width=CELL)
    env = make(task, config)
    for one in range(seed, seed + MAX_TRIES):
        obs, info = env.reset(seed=one)
        if info["truth"]["variation"] == kind:
            env.close()
            return obs["images"][0], obs["text"]
    raise RuntimeError(f"no episode of {task} is of the kind {kind} in {MAX_TRIES} seeds")


def film_frame(seed: int) -> np.ndarray:
    """A frame of the film of an expert that predicts its path, not quite rightly, and carries a
    thing along it.

    Raises:
        RuntimeError: where it solves nothing.
    """
    config = ManipulationConfig(
        control="text", cameras=[*CAMERAS], height=224, width=224, task_facts=True, max_steps=1
    )
    motions: dict[int, Motion] = {}
    pool = LocalPool(lambda: Watched(make("pick_place", config), motions), 1)
    specs = [EpisodeSpec(seed=one) for one in range(seed, seed + 8)]
    episodes = collect_episodes(pool, ExpertPolicy("noisy"), specs)
    pool.close()
    solved = [episode for episode in episodes if episode.success]
    if not solved:
        raise RuntimeError(f"the noisy expert solves no episode from seed {seed} on")
    motion = motions[solved[0].seed]
    views = [view for view, _ in motion_views(solved[0], held=1, short=1, motion=motion)]
    return draw_view(views[len(views) * 3 // 5])


def make(task: str, config: ManipulationConfig) -> Any:
    """A task's environment."""
    name = task.title().replace("_", "")
    return make_env(ManipulationEnvConfig(id=f"Manipulation/{name}-v0", config=config))


def write_sheet(path: Path, strips: Sequence[Strip], columns: int = 1) -> None:
    """One strip below the other, in so many columns: title and instruction above the pictures."""
    width = max(len(strip.pictures) for strip in strips) * (CELL + GAP)
    rows, step = -(-len(strips) // columns), HEAD + CELL + 20
    canvas = Canvas(GAP + columns * (width + GAP), rows * step + GAP)
    for index, strip in enumerate(strips):
        x, top = GAP + index // rows * (width + GAP), index % rows * step
        canvas.line(x, top + 20, strip.title, size=15)
        canvas.line(x, top + 37, strip.note, size=12, color=MUTED, width=width - GAP)
        for column, picture in enumerate(strip.pictures):
            left = x + column * (CELL + GAP)
            canvas.picture(picture, (left, top + HEAD, left + CELL, top + HEAD + CELL))
            baseline = top + HEAD + CELL + 14
            canvas.line(left, baseline, strip.labels[column], size=11, color=MUTED, width=CELL)
    Image.fromarray(canvas.array()).quantize(256, kmeans=3).save(path, optimize=True)
