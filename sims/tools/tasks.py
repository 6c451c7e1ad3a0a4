"""Draws what an episode is about: a scene, a question, and what the labels say."""

from __future__ import annotations

import numpy as np

from sims.tools.config import QUESTION_KINDS, LookConfig
from sims.tools.question_drawing import DRAW, Request
from sims.tools.questions import Question
from sims.tools.scenes import Scene, draw_scene
from sims.tools.sight import SEEN_SHARE, compile_scene, label_shares
from sims.tools.symbols import symbols_of

MAX_DRAWS = 200


def draw_task(task: str, config: LookConfig, rng: np.random.Generator) -> tuple[Scene, Question]:
    """A scene and a question about it.

    Args:
        task: one of `config.TASKS`.
        config: what is drawn from.
        rng: the only source of chance.

    Raises:
        RuntimeError: where no scene shows enough labels.
    """
    kinds = [
        k for k in QUESTION_KINDS[task] if k in (config.question_kinds or QUESTION_KINDS[task])
    ]
    kind = kinds[int(rng.integers(len(kinds)))]
    layout = config.layouts[int(rng.integers(len(config.layouts)))]
    symbols = config.symbols[int(rng.integers(len(config.symbols)))]
    symbols = "dots" if kind in ("most", "sum") else symbols
    is_large = rng.random() < config.readable_share
    side = None if is_large else config.label_pixels / config.small_width
    num = config.num_targets(kind)
    for _ in range(MAX_DRAWS):
        scene = draw_scene(
            layout,
            num_items=config.num_items,
            num_scraps=config.num_scraps,
            label_side=side,
            num_alike=num if task == "inspect" else 0,
            palette=config.palette(),
            rng=rng,
        )
        shares = label_shares(scene, *compile_scene(scene))
        pool = range(num) if task == "inspect" else range(len(scene.items))
        plain = [index for index in pool if shares[index] >= SEEN_SHARE]
        if len(plain) >= num:
            targets = tuple(sorted(plain[i] for i in rng.permutation(len(plain))[:num].tolist()))
            request = Request(
                scene=scene, targets=targets, symbols=symbols, num_options=config.num_options
            )
            question, labels = DRAW[kind](request, rng)
            return _write_labels(scene, question, labels, rng), question
    raise RuntimeError(f"no {layout} shows {num} labels in {MAX_DRAWS} draws")


def _write_labels(
    scene: Scene, question: Question, labels: dict[int, str], rng: np.random.Generator
) -> Scene:
    """The scene with labels: those that the question hangs on, and any others. A sign that is asked
    for by name is on no other label.
    """
    others = [s for s in symbols_of(question.symbols) if s != question.wanted]
    every = [
        labels.get(index) or others[int(rng.integers(len(others)))]
        for index in range(len(scene.items))
    ]
    return scene.with_labels([f"{question.symbols}-{symbol}" for symbol in every])
