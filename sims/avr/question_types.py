"""Draws questions of the six types, and the answers to offer, from nothing but the vocabulary.

What is drawn here knows no scene, so a question's words and its offered answers cannot give the
answer away. Every draw treats all values of an attribute alike, and left like right. Attributes
with a single value in use are never used as a filter or asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sims.avr.question import AREA_ANSWERS, GROUP_ANSWERS, QUESTION_TYPES, YES_NO, Question
from sims.avr.selection import ATTRIBUTE_NAMES, Attributes, Selection, make_attributes
from sims.avr.things import AREAS, COLUMN_X, OPEN_SPOTS, area_of

AREA_SHARE = 1 / 3
"""How often a question that may name an area does."""
PLACES_PER_AREA = max(
    Counter(area_of(x) for x in (*COLUMN_X, *(spot[0] for spot in OPEN_SPOTS))).values()
)
"""The most places that an area holds."""
MAX_ADDED = 2
"""The most things that a question adds in thought."""
NUMBERS_OFFERED = 3
"""How many consecutive numbers are offered, where no area is named."""
NUMBERS_OFFERED_IN_AREA = 2


def draw_question(
    rng: np.random.Generator,
    vocabulary: Mapping[str, Sequence[str]],
    kinds: Sequence[str],
    *,
    filter_attributes: Sequence[str],
    query_attributes: Sequence[str],
    max_count: int,
    brief: bool = False,
) -> Question:
    """Draw a question.

    Args:
        rng: what to draw with.
        vocabulary: "color", "shape" and "material" -> the values in use.
        kinds: the types to draw from, each as likely, out of `QUESTION_TYPES`.
        filter_attributes: attributes that may say which things are meant.
        query_attributes: attributes that a query may ask for.
        max_count: the largest number that a count may have; places in the world, or fewer.
        brief: at most one filter, no area (but a comparison of areas, where sets cannot be
            compared): for very small models.

    Raises:
        ValueError: for an unknown type or attribute, for a vocabulary too small for the type, and
            for a `max_count` below 1.
    """
    if unknown := set(kinds) - set(QUESTION_TYPES):
        raise ValueError(f"question types {sorted(unknown)} are unknown; legal: {QUESTION_TYPES}")
    for names in (filter_attributes, query_attributes):
        if unknown := set(names) - set(ATTRIBUTE_NAMES):
            raise ValueError(f"attributes {sorted(unknown)} are unknown; legal: {ATTRIBUTE_NAMES}")
    if max_count < 1:
        raise ValueError(f"max_count={max_count}; legal: 1 or more")
    drawer = _Drawer(rng, vocabulary, filter_attributes, query_attributes, max_count, brief)
    return _DRAWS[kinds[int(rng.integers(len(kinds)))]](drawer)


def draw_offer(
    question: Question, rng: np.random.Generator, *, max_answers: int = 4
) -> tuple[str, ...]:
    """Draw the answers to offer, in their natural order, from the question alone.

    Numbers are a window of consecutive ones: three, or two where an area is named. Others are any
    subset.

    Args:
        question: what is asked.
        rng: what to draw with.
        max_answers: how many to offer at most, 2 or more.

    Raises:
        ValueError: for a smaller `max_answers`.
    """
    if max_answers < 2:
        raise ValueError(f"max_answers={max_answers}; legal: 2 or more")
    answers = question.answers
    size = min(max_answers, len(answers))
    if question.counts:
        in_area = question.selections[0].area is not None
        size = min(size, NUMBERS_OFFERED_IN_AREA if in_area else NUMBERS_OFFERED)
        start = int(rng.integers(len(answers) - size + 1))
        return answers[start : start + size]
    chosen = sorted(rng.choice(len(answers), size=size, replace=False))
    return tuple(answers[index] for index in chosen)


class _Drawer:
    """Draws the parts that questions are made of.

    Attributes:
        rng: what to draw with.
        vocabulary: attribute -> the values in use.
        names: the attributes that can be filters.
        asked: the attributes that a query may ask for.
        max_count: the largest number that a count may have.
        brief: whether to use at most one filter, and no area.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        vocabulary: Mapping[str, Sequence[str]],
        filter_attributes: Sequence[str],
        query_attributes: Sequence[str],
        max_count: int,
        brief: bool,
    ) -> None:
        self.rng = rng
        self.vocabulary = vocabulary
        telling = [name for name in ATTRIBUTE_NAMES if len(vocabulary.get(name, ())) > 1]
        self.names = [name for name in telling if name in filter_attributes]
        self.asked = [name for name in telling if name in query_attributes]
        self.max_count = max_count
        self.brief = brief

    def happens(self, share: float) -> bool:
        """True with probability `share`."""
        return bool(self.rng.random() < share)

    def pick(self, values: Sequence[str]) -> str:
        """Any of `values`."""
        return values[int(self.rng.integers(len(values)))]

    def filters(self, least: int, most: int, *, besides: Sequence[str] = ()) -> Attributes:
        """`least` to `most` filters, fewer where there are not that many attributes."""
        names = [name for name in self.names if name not in besides]
        most = min(most, len(names), 1 if self.brief else len(names))
        number = int(self.rng.integers(min(least, most), most + 1))
        chosen = [names[index] for index in self.rng.choice(len(names), number, replace=False)]
        return make_attributes({name: self.pick(self.vocabulary[name]) for name in chosen})

    def area(self) -> str | None:
        """An area, or None."""
        return None if self.brief or not self.happens(AREA_SHARE) else self.pick(AREAS)

    def numbers(self, area: str | None, *, added: int = 0) -> tuple[str, ...]:
        """The numbers that a count can have."""
        most = self.max_count if area is None else min(self.max_count, PLACES_PER_AREA)
        return tuple(str(number + added) for number in range(most + 1))

    def groups(self, *, besides: Sequence[str]) -> tuple[Attributes, ...]:
        """One group to take away, or two, with filters other than `besides`.

        Neither of two groups contains the other, and together they leave something over.
        """
        first = self.filters(1, 2, besides=besides)
        if self.brief or self.happens(0.5):
            return (first,)
        second = self.filters(1, 2, besides=besides)
        nested = set(first) <= set(second) or set(second) <= set(first)
        (name, _), *more = first
        covering = not more and _names(second) == [name] and len(self.vocabulary[name]) == 2
        return (first,) if nested or covering else (first, second)

    def compared(self, kind: str, taken: tuple[Attributes, ...]) -> Question:
        """A comparison of two areas or of two sets, once `taken` are taken away."""
        besides = [name for group in taken for name in _names(group)]
        names = [name for name in self.names if name not in besides]
        if not names or not (self.brief or self.happens(0.5)):
            shared = self.filters(0, 1 if taken else 2, besides=besides)
            sets = [Selection(attributes=shared, area=a, without=taken) for a in ("left", "right")]
            return Question(kind=kind, selections=tuple(sets), answers=AREA_ANSWERS)
        name = self.pick(names)
        shared = () if self.brief else self.filters(0, 1, besides=[*besides, name])
        values = self.rng.choice(len(self.vocabulary[name]), 2, replace=False)
        sets = [
            Selection(
                attributes=make_attributes({**dict(shared), name: self.vocabulary[name][value]}),
                without=taken,
            )
            for value in values
        ]
        return Question(kind=kind, selections=tuple(sets), answers=GROUP_ANSWERS)


def _names(attributes: Attributes) -> list[str]:
    return [name for name, _ in attributes]


def _query(drawer: _Drawer) -> Question:
    if not drawer.asked:
        raise ValueError(
            "query needs an attribute with two values or more to ask for; "
            f"vocabulary={dict(drawer.vocabulary)}"
        )
    asked = drawer.pick(drawer.asked)
    chosen = Selection(attributes=drawer.filters(0, 2, besides=[asked]), area=drawer.area())
    answers = tuple(drawer.vocabulary[asked])
    return Question(kind="query", selections=(chosen,), answers=answers, asked=asked)


def _exist(drawer: _Drawer) -> Question:
    chosen = Selection(attributes=drawer.filters(1, 2), area=drawer.area())
    return Question(kind="exist", selections=(chosen,), answers=YES_NO)


def _count(drawer: _Drawer) -> Question:
    chosen = Selection(attributes=drawer.filters(0, 2), area=drawer.area())
    answers = drawer.numbers(chosen.area)
    return Question(kind="count", selections=(chosen,), answers=answers)


def _compare(drawer: _Drawer) -> Question:
    return drawer.compared("compare", ())


def _math_count(drawer: _Drawer) -> Question:
    return _added(drawer) if not drawer.names or drawer.happens(0.5) else _left_over(drawer)


def _added(drawer: _Drawer) -> Question:
    attributes, area = drawer.filters(0, 1), drawer.area()
    more = () if drawer.brief else drawer.filters(0, 1, besides=_names(attributes))
    added = int(drawer.rng.integers(1, MAX_ADDED + 1))
    return Question(
        kind="math_count",
        selections=(Selection(attributes=attributes, area=area),),
        answers=drawer.numbers(area, added=added),
        added=added,
        added_attributes=make_attributes(dict(attributes) | dict(more)),
    )


def _left_over(drawer: _Drawer) -> Question:
    # Groups are named by other attributes than the set: each takes a part of it away, none all.
    most = 0 if drawer.brief else min(1, len(drawer.names) - 1)
    attributes, area = drawer.filters(0, most), drawer.area()
    groups = drawer.groups(besides=_names(attributes))
    chosen = Selection(attributes=attributes, area=area, without=groups)
    return Question(kind="math_count", selections=(chosen,), answers=drawer.numbers(area))


def _math_compare(drawer: _Drawer) -> Question:
    if not drawer.names:
        raise ValueError(
            "math_compare needs a filter attribute with two values or more to take things away by; "
            f"vocabulary={dict(drawer.vocabulary)}"
        )
    most = max(1, min(2, len(drawer.names) - 1))
    return drawer.compared("math_compare", (drawer.filters(1, most),))


_DRAWS: dict[str, Callable[[_Drawer], Question]] = {
    "query": _query,
    "exist": _exist,
    "count": _count,
    "compare": _compare,
    "math_count": _math_count,
    "math_compare": _math_compare,
}
