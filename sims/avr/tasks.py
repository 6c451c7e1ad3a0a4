"""Draws tasks: a question, a scene that gives it the answer drawn for it, and a list of options.

Question type, answer and whether the first view suffices are drawn first and independently; the
scene is then built to fit. So neither the question's words nor the options say anything about the
answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sims.avr.config import AvrConfig
from sims.avr.questions import COUNT_WORDS, Question
from sims.avr.scene import BACK_Y, FRONT_Y, HidingPlace, Scene, SceneObject, column_x

MAX_DRAWS = 200
HIDDEN_OFFSET = 0.25
"""How far from behind the middle of its occluder a hiding place may lie sideways [m]."""


class SceneGenerationError(RuntimeError):
    """No scene fits the configuration."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What an episode is about.

    Attributes:
        question: what is asked.
        gold: the true answer.
        sufficient: whether the first view is meant to suffice.
        scene: the world at the start.
    """

    question: Question
    gold: str
    sufficient: bool
    scene: Scene


def draw_task(config: AvrConfig, rng: np.random.Generator, fits: Callable[[Task], bool]) -> Task:
    """A task whose scene `fits`, that is, shows and hides what it is meant to.

    Raises:
        SceneGenerationError: after `MAX_DRAWS` scenes that do not.
    """
    question, gold, sufficient = _draw_question(config, rng)
    for _ in range(MAX_DRAWS):
        scene = _SceneBuilder(config, rng, question).build(gold, sufficient=sufficient)
        task = Task(question=question, gold=gold, sufficient=sufficient, scene=scene)
        if question.kind == "query" and len(question.relevant(scene.objects)) != 1:
            continue
        if question.answer(scene.objects) == gold and fits(task):
            return task
    raise SceneGenerationError(
        f"{MAX_DRAWS} scenes did not fit the question {question.text!r} with the answer {gold!r}; "
        "loosen the env configuration (num_columns, max_occluders, colors, shapes)"
    )


def _draw_question(config: AvrConfig, rng: np.random.Generator) -> tuple[Question, str, bool]:
    vocabulary = {"color": config.colors, "shape": config.shapes, "material": config.materials}
    kind = _pick(rng, config.question_types)
    asked = _pick(rng, config.query_attributes) if kind == "query" else ""
    usable = [name for name in config.filter_attributes if name != asked]
    usable = [name for name in usable if len(vocabulary[name]) > 1]
    fewest = 1 if kind == "exist" and usable else 0
    most = min(len(usable), 2 if kind == "query" else 1)
    count = int(rng.integers(fewest, most + 1)) if most >= fewest else 0
    names = list(rng.permutation(usable)[:count]) if count else []
    attributes = {str(name): _pick(rng, vocabulary[name]) for name in names}
    answers = {
        "query": tuple(vocabulary.get(asked, ())),
        "exist": ("yes", "no"),
        "count": COUNT_WORDS[: config.max_count + 1],
    }[kind]
    question = Question(kind=kind, attributes=attributes, asked=asked, answers=answers)
    return question, _pick(rng, answers), bool(rng.random() < config.sufficient_share)


class _SceneBuilder:
    """Builds one scene for a question with a given answer."""

    def __init__(self, config: AvrConfig, rng: np.random.Generator, question: Question) -> None:
        self.config, self.rng, self.question = config, rng, question
        self.scene = Scene(num_columns=config.num_columns)

    def build(self, gold: str, *, sufficient: bool) -> Scene:
        """A scene in which the answer is `gold`, provable or not from the first view."""
        hidden = self._choose_occluded(gold, sufficient=sufficient)
        opened = [c for c in range(self.config.num_columns) if c not in hidden]
        places = self._choose_places(gold, hidden, opened, sufficient=sufficient)
        for column in hidden:
            self._add("large", column, "front", x=column_x(column, self.config.num_columns))
            offset = self.rng.uniform(-HIDDEN_OFFSET, HIDDEN_OFFSET)
            place = HidingPlace(
                column=column, x=column_x(column, self.config.num_columns) + offset, y=BACK_Y
            )
            self.scene.hiding_places.append(place)
            self._fill(column, "back", places, self.config.hidden_fill_probability, x=place.x)
        for column in opened:
            jitter = self.rng.uniform(-0.15, 0.15)
            x = column_x(column, self.config.num_columns) + jitter
            self._fill(column, "front", places, self.config.visible_fill_probability, x=x)
            if self.rng.random() < self.config.back_large_probability:
                self._add("large", column, "back", x=column_x(column, self.config.num_columns))
        sides = self.rng.random(2) < self.config.wall_probability
        self.scene.walls = [s for s, up in zip(("left", "right"), sides, strict=True) if up]
        return self.scene

    def _choose_occluded(self, gold: str, *, sufficient: bool) -> list[int]:
        """Columns with an occluder. None where a hiding place would leave the answer open."""
        if sufficient and (self.question.kind == "count" or gold == "no"):
            return []
        count = int(self.rng.integers(self.config.min_occluders, self.config.max_occluders + 1))
        if sufficient:  # leave a column open for the object in question to stand in
            count = min(count, self.config.num_columns - 1)
        return sorted(int(c) for c in self.rng.permutation(self.config.num_columns)[:count])

    def _choose_places(
        self, gold: str, hidden: list[int], opened: list[int], *, sufficient: bool
    ) -> set[int]:
        """Columns that hold an object in question (behind the occluder, if there is one)."""
        if self.question.kind == "count":
            pool, count = hidden + opened, int(gold)
        elif self.question.kind == "exist" and gold == "no":
            return set()
        else:
            pool, count = (opened if sufficient else hidden), 1
        return {int(c) for c in self.rng.permutation(pool)[:count]}

    def _fill(
        self, column: int, row: str, places: set[int], probability: float, *, x: float
    ) -> None:
        """Put an object in question at its place, or perhaps another small one that is not."""
        if column in places:
            self._add("small", column, row, x=x, matching=True)
        elif self.rng.random() < probability and self.question.attributes:
            self._add("small", column, row, x=x, matching=False)

    def _add(
        self, size: str, column: int, row: str, *, x: float, matching: bool | None = None
    ) -> None:
        color, material, shape = self._draw_attributes(matching)
        thing = SceneObject(
            color=color,
            material=material,
            shape=shape,
            size=size,
            column=column,
            row=row,
            x=float(x),
            y=(FRONT_Y if row == "front" else BACK_Y),
            yaw=float(self.rng.uniform(-0.4, 0.4)),
        )
        self.scene.objects.append(thing)

    def _draw_attributes(self, matching: bool | None) -> tuple[str, str, str]:
        """Colour, material and shape: of an object in question, of another, or (None) of any."""
        config, wanted = self.config, self.question.attributes
        vocabulary = {"color": config.colors, "shape": config.shapes, "material": config.materials}
        while True:
            drawn = {name: _pick(self.rng, values) for name, values in vocabulary.items()}
            if matching:
                drawn.update(wanted)
            is_other = any(drawn[name] != value for name, value in wanted.items())
            if matching is not False or is_other:
                return drawn["color"], drawn["material"], drawn["shape"]


def _pick(rng: np.random.Generator, values: list[str] | tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]
