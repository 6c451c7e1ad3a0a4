"""The process that makes an episode: a question, the answers on offer, and a world.

Balanced episodes draw the question, the answers on offer, the right one among them, the scene type,
and whether the first view is to suffice, each without regard to the others. Then the part of the
world that the first view shows is drawn until it fits: it must leave every answer on offer possible
or, if it is to suffice, prove the right one. What it hides is drawn last, from the prior, given the
right answer. So given what the first view shows, and all the more given the words alone, every
answer on offer is as likely as the others.

Natural episodes draw a world from the prior for as long as the question has no answer in it, and
offer every answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sims.avr.belief import Belief, Prior
from sims.avr.config import AvrConfig
from sims.avr.layouts import draw_layout
from sims.avr.question import Question
from sims.avr.question_types import draw_offer, draw_question
from sims.avr.scene_types import SCENE_TYPES, SceneType
from sims.avr.selection import Selection
from sims.avr.things import Contents, Layout, Thing

MAX_SCENES = 1000
"""Scenes drawn for one question before another question is drawn."""
MAX_QUESTIONS = 40

T = TypeVar("T")


class SceneGenerationError(RuntimeError):
    """No scene fits the configuration."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What an episode is about.

    Attributes:
        scene_type: how the world hides things.
        question: what is asked.
        offer: the answers on offer, in their natural order.
        gold: the right answer.
        layout: devices, places and walls.
        contents: what every place holds at the start.
        yaws: place name -> how the thing there is turned [rad].
        belief: the exact belief under the process that made the task.
    """

    scene_type: SceneType
    question: Question
    offer: tuple[str, ...]
    gold: str
    layout: Layout
    contents: Contents
    yaws: dict[str, float]
    belief: Belief

    def first_known(self) -> Contents:
        """What the first view shows: the content of every place that it does not hide."""
        return visible_part(self.layout, self.contents)


def choose_scene_types(
    kind: str, names: Sequence[str], *, include_held_out: bool
) -> list[SceneType]:
    """The scene types of a kind.

    Args:
        kind: "occlusion", "stack" or "composite".
        names: which of them; empty for all.
        include_held_out: whether "all" means those held out of training too.

    Raises:
        ValueError: for an unknown kind, or a name that is none of the kind's.
    """
    of_kind = {name: t for name, t in SCENE_TYPES.items() if t.kind == kind}
    if not of_kind:
        kinds = sorted({t.kind for t in SCENE_TYPES.values()})
        raise ValueError(f"scene_kind is {kind!r}; legal: {', '.join(kinds)}")
    for name in names:
        if name not in of_kind:
            raise ValueError(f"scene_types has {name!r}; legal for {kind}: {', '.join(of_kind)}")
    if names:
        return [of_kind[name] for name in names]
    return [t for t in of_kind.values() if include_held_out or not t.held_out]


def visible_part(layout: Layout, contents: Contents) -> Contents:
    """The content of every place that the first view does not hide."""
    return {p.name: contents[p.name] for p in layout.places() if not p.hidden}


def draw_task(
    config: AvrConfig,
    scene_types: list[SceneType],
    rng: np.random.Generator,
    realise: Callable[[Task], T | None],
) -> tuple[Task, T]:
    """A task, and what `realise` made of it.

    Args:
        config: vocabulary, question types, probabilities.
        scene_types: to draw from.
        rng: all randomness.
        realise: makes the world; None where it does not show and hide what it is meant to.

    Raises:
        SceneGenerationError: where nothing fits.
    """
    draw = _draw_balanced if config.balanced else _draw_natural
    for _ in range(MAX_QUESTIONS):
        scene_type = pick(rng, scene_types)
        question = draw_question(
            rng,
            config.vocabulary(),
            config.question_types,
            filter_attributes=config.filter_attributes,
            query_attributes=config.query_attributes,
            max_count=config.max_count,
            brief=config.brief,
        )
        drawn = draw(config, scene_type, question, rng, realise)
        if drawn is not None:
            return drawn
    raise SceneGenerationError(
        f"no scene of {[t.name for t in scene_types]} fits questions of {config.question_types}; "
        "loosen the env configuration (max_count, num_open_places, hide_probability)"
    )


def _draw_balanced(
    config: AvrConfig,
    scene_type: SceneType,
    question: Question,
    rng: np.random.Generator,
    realise: Callable[[Task], T | None],
) -> tuple[Task, T] | None:
    offer = draw_offer(question, rng, max_answers=config.max_answers)
    gold = pick(rng, offer)
    sufficient = bool(rng.random() < config.sufficient_share)
    prior = Prior(fill=config.fill_probability, vocabulary=config.vocabulary())
    for _ in range(MAX_SCENES):
        layout = _draw_layout(config, scene_type, rng, sufficient=sufficient)
        known = _draw_visible(config, layout, question, rng)
        belief = Belief(question, layout.places(), prior)
        possible = set(belief.posterior(known))
        fits = possible == {gold} if sufficient else set(offer) <= possible
        if not fits or (not sufficient and len(possible) < 2):
            continue
        hidden = belief.sample(known, rng, answer=gold)
        task = Task(
            scene_type=scene_type,
            question=question,
            offer=offer,
            gold=gold,
            layout=layout,
            contents={**known, **hidden},
            yaws=_draw_yaws(layout, rng),
            belief=Belief(question, layout.places(), prior, offer=offer, first_known=known),
        )
        made = realise(task)
        if made is not None:
            return task, made
    return None


def _draw_natural(
    config: AvrConfig,
    scene_type: SceneType,
    question: Question,
    rng: np.random.Generator,
    realise: Callable[[Task], T | None],
) -> tuple[Task, T] | None:
    prior = Prior(fill=config.fill_probability, vocabulary=config.vocabulary())
    for _ in range(MAX_SCENES):
        layout = _draw_layout(config, scene_type, rng, sufficient=False)
        belief = Belief(question, layout.places(), prior)
        if not belief.posterior({}):  # no world of this layout answers it
            continue
        contents = belief.sample({}, rng)
        task = Task(
            scene_type=scene_type,
            question=question,
            offer=question.answers,
            gold=question.answer(contents, layout.places()),
            layout=layout,
            contents=contents,
            yaws=_draw_yaws(layout, rng),
            belief=belief,
        )
        made = realise(task)
        if made is not None:
            return task, made
    return None


def _draw_layout(
    config: AvrConfig, scene_type: SceneType, rng: np.random.Generator, *, sufficient: bool
) -> Layout:
    """A layout; where the first view is to suffice, half of them hide nothing at all."""
    chance = config.hide_probability
    if sufficient:
        chance = 0.0 if rng.random() < 0.5 else chance / 2
    hide = [bool(rng.random() < chance) for _ in range(3)]
    return draw_layout(
        rng,
        scene_type.name,
        hide=hide,
        wall_probability=config.wall_probability,
        vocabulary=config.large_vocabulary(),
        num_open_places=config.num_open_places,
    )


def _draw_visible(
    config: AvrConfig, layout: Layout, question: Question, rng: np.random.Generator
) -> Contents:
    """What the places in view hold. The belief about hidden places does not depend on how these
    are drawn, so things that the question is about are made as common as it takes.
    """
    share = rng.random()
    known: Contents = {}
    for place in layout.places():
        if not place.hidden:
            empty = rng.random() >= config.fill_probability
            fitting = rng.random() < share and not empty
            known[place.name] = None if empty else _draw_thing(config, question, rng, fitting)
    return known


def _draw_thing(
    config: AvrConfig, question: Question, rng: np.random.Generator, fitting: bool
) -> Thing:
    """A small thing of any sort, or (fitting) one that some selection of the question names."""
    drawn = {name: pick(rng, values) for name, values in config.vocabulary().items()}
    if fitting:
        selection: Selection = pick(rng, question.selections)
        drawn.update(dict(selection.attributes))
    return Thing(size="small", **drawn)


def _draw_yaws(layout: Layout, rng: np.random.Generator) -> dict[str, float]:
    """How things are turned: up to a quarter turn, for every place, occupied or not."""
    return {place.name: float(rng.uniform(0.0, np.pi / 2)) for place in layout.places()}


def pick(rng: np.random.Generator, values: list[T] | tuple[T, ...]) -> T:
    """One of the values, each as likely as the others."""
    return values[int(rng.integers(len(values)))]
