"""Brute force beside the belief: the same deeds, done in worlds that the process draws, by the real
simulator.

The belief of `sims.avr.belief` takes it that *which* places a deed lays open does not depend on
what stands in places that nobody has seen. Physics may break that: a falling block comes to rest on
what is hidden under it. Here nothing of the kind is taken for granted. A drawn world counts if the
process accepts it and if, from picture to picture, it shows the same places with the same contents
as the true one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sims.avr.actions import Action, perform
from sims.avr.prior import Prior
from sims.avr.process import Task
from sims.avr.things import Contents, Thing
from sims.avr.world import World

Realise = Callable[[Task], tuple[World, Any] | None]
"""Makes a task's world, or None where the process turns it down."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What happened in an episode.

    Attributes:
        task: what it was about.
        shows: the places that each picture shows, the first view's first.
        actions: what was done between one picture and the next.
    """

    task: Task
    shows: tuple[frozenset[str], ...]
    actions: tuple[Action, ...]

    def known(self, turn: int) -> Contents:
        """Everything that the pictures up to this turn's have shown; turn 0 has the first view."""
        names: frozenset[str] = frozenset().union(*self.shows[: turn + 1])
        return {name: self.task.contents[name] for name in names}


def replay(world: World, actions: Sequence[Action]) -> Iterator[frozenset[str]]:
    """Do the deeds, and give the places that each picture shows, the present one's first."""
    yield world.seen()
    for action in actions:
        perform(action, world)
        yield world.seen()


def count_answers(
    history: History,
    prior: Prior,
    realise: Realise,
    rng: np.random.Generator,
    *,
    num_draws: int,
    balanced: bool = False,
) -> list[Counter[str]]:
    """Rejection sampling of the process: how often each answer is the right one, among the drawn
    worlds that have shown just what the true one has.

    Layout, question and offer are the true ones. A world is simulated once however often it is
    drawn.

    Args:
        history: the true world, what was done in it, and what it showed.
        prior: what may stand in places.
        realise: accepts worlds or turns them down.
        rng: what to draw with.
        num_draws: worlds drawn, those turned down included.
        balanced: whether, as in balanced episodes, an answer is drawn from the offer first, and
            then worlds with the true first view until one has it.

    Returns:
        Per picture, answer -> number of worlds that have shown the same up to there.
    """
    counts: list[Counter[str]] = [Counter() for _ in history.shows]
    lengths: dict[tuple[Thing | None, ...], int] = {}
    for _ in range(num_draws):
        contents = (_draw_balanced if balanced else _draw_natural)(history, prior, rng)
        answer = _answer(history.task, contents)
        if answer is None:
            continue
        key = tuple(contents.values())
        if key not in lengths:
            lengths[key] = _agreement(history, contents, realise)
        for count in counts[: lengths[key]]:
            count[answer] += 1
    return counts


def _draw_natural(history: History, prior: Prior, rng: np.random.Generator) -> Contents:
    return {place.name: prior.draw(rng) for place in history.task.layout.places()}


def _draw_balanced(history: History, prior: Prior, rng: np.random.Generator) -> Contents:
    offer, first = history.task.offer, history.known(0)
    gold = offer[int(rng.integers(len(offer)))]
    while True:
        contents = {**_draw_natural(history, prior, rng), **first}
        if _answer(history.task, contents) == gold:
            return contents


def _answer(task: Task, contents: Contents) -> str | None:
    """The right answer, or None where the question is ill-posed."""
    try:
        return task.question.answer(contents, task.layout.places())
    except ValueError:
        return None


def _agreement(history: History, contents: Contents, realise: Realise) -> int:
    """How many pictures in a row, from the first on, show the same in a world with these contents
    as in the true one.
    """
    true = history.task.contents
    if any(contents[name] != true[name] for name in history.shows[0]):
        return 0
    made = realise(replace(history.task, contents=contents))
    if made is None:
        return 0
    shown = zip(replay(made[0], history.actions), history.shows, strict=True)
    for turn, (here, there) in enumerate(shown):
        if here != there or any(contents[name] != true[name] for name in there):
            return turn
    return len(history.shows)
