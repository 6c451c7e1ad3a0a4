"""Questions about the scene as it was at the start: what they say, what they count, their programs.

Every question is about the *small* things, those that stand in places. Its answer is a function of
a sum over places: each thing contributes a short vector of integers, and the total alone decides
(`contribution`, `combined`, `verdict`). That is what makes the exact belief of `sims.avr.belief`
cheap.

The same answer comes from a functional program in the manner of CLEVR (Johnson et al., 2017), with
CLEVR's functions and five more: `filter_area`, `subtract` (of sets), `add` (a number),
`compare_count` (more, fewer, equal) and `larger_area` (left, right, equal).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sims.avr.selection import (
    ATTRIBUTE_NAMES,
    Attributes,
    Node,
    Selection,
    extend,
    make_attributes,
    noun,
)
from sims.avr.things import Contents, Place, Thing

QUESTION_TYPES = ("query", "exist", "count", "compare", "math_count", "math_compare")
YES_NO = ("yes", "no")
GROUP_ANSWERS = ("more", "fewer", "equal")
AREA_ANSWERS = ("left", "right", "equal")
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six")

Total = tuple[int, ...]
"""A contribution, or a sum of them."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question and its possible answers.

    Attributes:
        kind: one of `QUESTION_TYPES`.
        selections: the things it is about: one set, or the two that are compared.
        answers: the possible answers in their natural order: the values in use, `YES_NO`, numbers,
            `GROUP_ANSWERS` (how the first set compares with the second) or `AREA_ANSWERS` (which
            set has more; the first stands in the left area, the second in the right).
        asked: for a query, the attribute asked for; "" otherwise.
        added: for math_count, how many things are added in thought before counting; all of them
            belong to the set.
        added_attributes: what those are called; () where none are added.
    """

    kind: str
    selections: tuple[Selection, ...]
    answers: tuple[str, ...]
    asked: str = ""
    added: int = 0
    added_attributes: Attributes = ()

    def __post_init__(self) -> None:
        if self.kind not in QUESTION_TYPES:
            raise ValueError(f"kind={self.kind!r} is unknown; legal: {QUESTION_TYPES}")
        needed = 2 if self.compares else 1
        if len(self.selections) != needed:
            raise ValueError(f"{self.kind} needs {needed} selections, not {len(self.selections)}")
        if self.asked not in (ATTRIBUTE_NAMES if self.kind == "query" else ("",)):
            raise ValueError(
                f"{self.kind}: asked={self.asked!r}; a query asks for one of "
                f"{ATTRIBUTE_NAMES}, others for ''"
            )
        if self.compares and self.answers not in (GROUP_ANSWERS, AREA_ANSWERS):
            raise ValueError(
                f"{self.kind}: answers={self.answers}; legal: {GROUP_ANSWERS} or {AREA_ANSWERS}"
            )

        covered = set(self.selections[0].attributes) <= set(self.added_attributes)
        if self.added and not (self.kind == "math_count" and covered):
            raise ValueError(
                f"{self.kind}: added={self.added} of {self.added_attributes}; only math_count "
                f"adds, and only what {self.selections[0].attributes} covers"
            )

    @property
    def compares(self) -> bool:
        """Whether it compares two sets."""
        return self.kind in ("compare", "math_compare")

    @property
    def counts(self) -> bool:
        """Whether its answers are numbers."""
        return self.kind in ("count", "math_count")

    @property
    def nothing(self) -> Total:
        """The total of no places."""
        return (0, 0) if self.kind == "query" else (0,)

    def contribution(self, thing: Thing | None, place: Place) -> Total:
        """What a thing that stands there adds to the total: zeros for an empty place (None).

        A query's is (1, index in `answers` of the attribute asked for), a comparison's is +1 for
        the first set and -1 for the second, any other's is 1.

        Raises:
            ValueError: for a query's thing whose value is not among the answers.
        """
        if thing is None:
            return self.nothing
        inside = [chosen.matches(thing, place) for chosen in self.selections]
        if self.kind != "query":
            return (inside[0] - sum(inside[1:]),)
        if not inside[0]:
            return (0, 0)
        value = getattr(thing, self.asked)
        if value not in self.answers:
            raise ValueError(f"{self.asked}={value!r} in {place.name!r}; legal: {self.answers}")
        return (1, self.answers.index(value))

    def combined(self, first: Total, second: Total) -> Total:
        """The total of two disjoint sets of places, given each set's total.

        Their sum, with totals made one that no further thing can tell apart: a second match spoils
        a query for good, and one match is as good as several for exist.
        """
        if self.kind == "exist":
            return max(first, second)
        if self.kind != "query":
            return (first[0] + second[0],)
        matches = first[0] + second[0]
        return (matches, first[1] + second[1]) if matches < 2 else (2, 0)

    def verdict(self, total: Total) -> str | None:
        """The answer, given the total over all places.

        None where the question is ill-posed: a query whose object is missing or not unique, a
        number that is not among the answers.
        """
        if self.kind == "query":
            return self.answers[total[1]] if total[0] == 1 else None
        if self.kind == "exist":
            return "yes" if total[0] else "no"
        if self.compares:
            return self.answers[0 if total[0] > 0 else 1 if total[0] < 0 else 2]
        number = str(total[0] + self.added)
        return number if number in self.answers else None

    def answer(self, contents: Contents, places: Sequence[Place]) -> str:
        """The true answer.

        Args:
            contents: what every place held at the start.
            places: all places of the world.

        Raises:
            ValueError: where the question is ill-posed.
        """
        total = self.nothing
        for place in places:
            total = self.combined(total, self.contribution(contents[place.name], place))
        verdict = self.verdict(total)
        if verdict is None and self.kind == "query":
            found = "several" if total[0] else "none"
            raise ValueError(f"{self.text!r} needs exactly one such object; there are {found}")
        if verdict is None:
            number = total[0] + self.added
            raise ValueError(f"{self.text!r}: {number} is not among the answers {self.answers}")
        return verdict

    def concerns(self, thing: Thing, place: Place) -> bool:
        """Whether the question's words fit a thing that stands there, taken away or not."""
        return any(chosen.covers(thing, place) for chosen in self.selections)

    @property
    def text(self) -> str:
        """The question as the policy reads it, in the past tense: it is about the start."""
        if self.kind == "query":
            return f"What {self.asked} was the {self._things(plural=False)}{self._place()}?"
        if self.kind == "exist":
            return f"Was there a {self._things(plural=False)}{self._place()}?"
        if self.compares:
            return self._taken() + self._comparison()
        many = f"How many {self._things()}"
        if self.added:
            return f"{self._given()}{many} were there{self._place()} then?"
        if self.kind == "count":
            return f"{many} were there{self._place()}?"
        # "left in the left area" would be hard to read.
        left = f"remained{self._place()}" if self.selections[0].area else "were left"
        return f"{self._taken()}{many} {left}?"

    def _things(self, index: int = 0, *, plural: bool = True) -> str:
        return noun(self.selections[index].attributes, plural=plural)

    def _place(self) -> str:
        area = self.selections[0].area
        return f" in the {area} area" if area else ""

    def _taken(self) -> str:
        groups = [f"all {noun(group, plural=True)}" for group in self.selections[0].without]
        return f"Take away {' and '.join(groups)}. " if groups else ""

    def _given(self) -> str:
        added = noun(self.added_attributes, plural=self.added > 1)
        area = self.selections[0].area
        return f"Add {NUMBER_WORDS[self.added]} {added}{f' to the {area} area' if area else ''}. "

    def _comparison(self) -> str:
        then = " then" if self.kind == "math_compare" else ""
        if self.answers == AREA_ANSWERS:
            return f"Which area{then} had more {self._things()}, the left or the right?"
        return (
            f"Compared with {self._things(1)}, "
            f"were {self._things(0)}{then} more, fewer or equally many?"
        )

    @property
    def program(self) -> list[Node]:
        """The steps that answer it, given everything that stood in the scene at the start.

        The last step gives the answer.
        """
        nodes: list[Node] = []
        found = [chosen.extend_program(nodes) for chosen in self.selections]
        if self.kind == "exist":
            extend(nodes, "exist", *found)
        elif self.kind == "query":
            extend(nodes, f"query_{self.asked}", extend(nodes, "unique", *found))
        else:
            counts = [extend(nodes, "count", index) for index in found]
            if self.compares:
                by_area = self.answers == AREA_ANSWERS
                extend(nodes, "larger_area" if by_area else "compare_count", *counts)
            elif self.added:
                extend(nodes, "add", *counts, literal=str(self.added))
        return nodes

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return {
            "kind": self.kind,
            "selections": [chosen.to_dict() for chosen in self.selections],
            "answers": list(self.answers),
            "asked": self.asked,
            "added": self.added,
            "added_attributes": dict(self.added_attributes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Question:
        """The inverse of `to_dict`."""
        return cls(
            kind=data["kind"],
            selections=tuple(Selection.from_dict(chosen) for chosen in data["selections"]),
            answers=tuple(data["answers"]),
            asked=data["asked"],
            added=data["added"],
            added_attributes=make_attributes(data["added_attributes"]),
        )
