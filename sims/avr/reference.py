"""The posterior with the simulator in it: every world that may lie behind what was seen, made and
acted on beside the true one.

Things of one shape fall, roll and hide alike, whatever their color and material, so worlds are
enumerated by the shapes that stand in the places which the first view hides: 64 for three places
and three shapes, fewer with every place that is seen. A world counts for as long as the process
accepts it and its pictures show the same places as the true one's. How things are turned is taken
as known, which can only bring the reference closer to the truth than an observer could come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product

from sims.avr.actions import Action, perform
from sims.avr.prior import Prior
from sims.avr.process import Task
from sims.avr.question import Total
from sims.avr.replay import Realise
from sims.avr.things import Contents, Thing
from sims.avr.world import World

Shapes = dict[str, str | None]
"""Place name -> the shape of what stands there, None for nothing."""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A world with other things in the hidden places, or the true one.

    Attributes:
        shapes: what stands in the places that the first view hides.
        world: the world as it stands.
    """

    shapes: Shapes
    world: World


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """How far apart worlds have moved over one action that looked the same before it.

    Attributes:
        anywhere: the probability, over what may be hidden, that the new picture shows other places
            than it does in the true world.
        elsewhere: the same, where the place that makes the difference holds what it truly holds.
    """

    anywhere: float
    elsewhere: float


class Reference:
    """What an observer should believe who has every world simulated.

    Args:
        task: the true world.
        prior: what may stand in places.
        realise: accepts worlds or turns them down.
        balanced: whether the answer was drawn from the offer first.

    Attributes:
        alternatives: the worlds that have shown the same so far.
        turned_down: the probability, over what may be hidden, that the process turns a world down.
    """

    def __init__(self, task: Task, prior: Prior, realise: Realise, *, balanced: bool) -> None:
        self.task = task
        self._places = {place.name: place for place in task.layout.places()}
        self._known = task.first_known()
        self._tables = {
            (name, shape): _contributions(task, prior, name, shape)
            for name in self._places
            for shape in (None, *prior.vocabulary["shape"])
        }
        self._weights = dict.fromkeys(task.question.answers, 1.0)
        hidden = [place.name for place in task.layout.hidden_places()]
        choices = product((None, *prior.vocabulary["shape"]), repeat=len(hidden))
        every: list[Shapes] = [dict(zip(hidden, chosen, strict=True)) for chosen in choices]
        if balanced:
            natural = _normalised(self._mass(every))
            self._weights = {a: 1 / natural[a] for a in task.offer if a in natural}
        self.alternatives = [
            Alternative(shapes=shapes, world=world)
            for shapes in every
            if (world := self._make(shapes, realise)) is not None
        ]
        self.turned_down = 1 - self._weight(self.alternatives) / sum(self._mass(every).values())

    def step(self, action: Action, shows: frozenset[str]) -> Divergence:
        """Do the same in every world, and keep those that show the same.

        Args:
            action: what was done in the true world.
            shows: the places that the picture then showed.
        """
        true, whole = self.task.contents, self._weight(self.alternatives)
        kept, apart, elsewhere = [], [], []
        for alternative in self.alternatives:
            perform(action, alternative.world)
            differing = alternative.world.seen() ^ shows
            unlike = {n for n, shape in alternative.shapes.items() if shape != _shape(true[n])}
            if differing:
                apart.append(alternative)
            if differing - unlike:
                elsewhere.append(alternative)
            if not differing and not unlike & shows:
                kept.append(alternative)
        divergence = Divergence(
            anywhere=self._weight(apart) / whole, elsewhere=self._weight(elsewhere) / whole
        )
        self.alternatives = kept
        self._known |= {name: true[name] for name in shows}
        return divergence

    def posterior(self) -> dict[str, float]:
        """The answers that are still possible, with their probabilities."""
        return _normalised(self._mass(a.shapes for a in self.alternatives))

    def _make(self, shapes: Shapes, realise: Realise) -> World | None:
        """A world with such things, or None where the process turns it down."""
        held = {name: _stand_in(self.task, name, shape) for name, shape in shapes.items()}
        made = realise(replace(self.task, contents={**self.task.contents, **held}))
        return None if made is None else made[0]

    def _weight(self, alternatives: Iterable[Alternative]) -> float:
        return sum(self._mass(a.shapes for a in alternatives).values())

    def _mass(self, worlds: Iterable[Shapes]) -> dict[str, float]:
        """Answer -> its mass in these worlds, given what is known."""
        question, seen = self.task.question, _total_of(self.task, self._known)
        mass: dict[str, float] = {}
        for shapes in worlds:
            sums: dict[Total, float] = {seen: 1.0}
            for name, shape in shapes.items():
                if name not in self._known:
                    sums = _convolved(self.task, sums, self._tables[name, shape])
            for total, odds in sums.items():
                answer = question.verdict(total)
                if answer is not None and answer in self._weights:
                    mass[answer] = mass.get(answer, 0.0) + odds * self._weights[answer]
        return mass


def _total_of(task: Task, known: Contents) -> Total:
    """The question's total over the places that are known."""
    places, total = {place.name: place for place in task.layout.places()}, task.question.nothing
    for name, thing in known.items():
        contribution = task.question.contribution(thing, places[name])
        total = task.question.combined(total, contribution)
    return total


def _contributions(task: Task, prior: Prior, name: str, shape: str | None) -> dict[Total, float]:
    """What a place adds to the total, with its probability, where a thing of that shape stands."""
    place = next(place for place in task.layout.places() if place.name == name)
    odds: dict[Total, float] = {}
    for content, share in prior.outcomes():
        if _shape(content) == shape:
            contribution = task.question.contribution(content, place)
            odds[contribution] = odds.get(contribution, 0.0) + share
    return odds


def _convolved(
    task: Task, first: Mapping[Total, float], second: Mapping[Total, float]
) -> dict[Total, float]:
    sums: dict[Total, float] = {}
    for (one, p), (other, q) in product(first.items(), second.items()):
        total = task.question.combined(one, other)
        sums[total] = sums.get(total, 0.0) + p * q
    return sums


def _stand_in(task: Task, name: str, shape: str | None) -> Thing | None:
    """Some thing of that shape; the true one where it fits."""
    true = task.contents[name]
    if shape == _shape(true):
        return true
    return (
        None if shape is None else Thing(color="red", shape=shape, size="small", material="rubber")
    )


def _shape(thing: Thing | None) -> str | None:
    return None if thing is None else thing.shape


def _normalised(mass: Mapping[str, float]) -> dict[str, float]:
    whole = sum(mass.values())
    return {answer: part / whole for answer, part in mass.items()}
