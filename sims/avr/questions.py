"""Questions about the scene as it was at the start, their answers, and when they can be answered.

A question filters small objects by attributes and asks for an attribute of the one that matches
(query), whether any does (exist), or how many do (count). What can stand in a hiding place is
always small, so every question may hinge on what is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sims.avr.scene import SceneObject

COUNT_WORDS = ("0", "1", "2", "3", "4", "5")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question and the answers on offer.

    Attributes:
        kind: "query", "exist" or "count".
        attributes: what the objects in question have in common, besides being small.
        asked: for a query, the attribute asked for; "" otherwise.
        answers: the legal answers, in their natural order.
    """

    kind: str
    attributes: dict[str, str] = field(default_factory=dict)
    asked: str = ""
    answers: tuple[str, ...] = ()

    @property
    def filter(self) -> dict[str, str]:
        """All attributes that an object in question has."""
        return {"size": "small", **self.attributes}

    @property
    def noun(self) -> str:
        """The objects in question, in CLEVR's order of words: "small red metal cube"."""
        words = [self.attributes.get(name, "") for name in ("color", "material")]
        words.append(self.attributes.get("shape", "object"))
        return " ".join(["small", *(word for word in words if word)])

    @property
    def text(self) -> str:
        """The question as the policy reads it."""
        if self.kind == "query":
            return f"What {self.asked} was the {self.noun}?"
        if self.kind == "exist":
            return f"Was there a {self.noun}?"
        return f"How many {self.noun}s were there?"

    def relevant(self, things: Iterable[SceneObject]) -> list[SceneObject]:
        """The objects that the question is about."""
        return [thing for thing in things if thing.matches(self.filter)]

    def answer(self, things: Iterable[SceneObject]) -> str:
        """The true answer, given all objects of the scene at the start.

        Raises:
            ValueError: for a query whose object is missing or not unique.
        """
        found = self.relevant(things)
        if self.kind == "exist":
            return "yes" if found else "no"
        if self.kind == "count":
            return COUNT_WORDS[len(found)]
        if len(found) != 1:
            raise ValueError(f"{self.text!r} needs exactly one {self.noun}; there are {len(found)}")
        return str(getattr(found[0], self.asked))

    def known_answer(self, seen: Iterable[SceneObject], *, places_open: int) -> str | None:
        """The answer that what has been seen proves, or None.

        Args:
            seen: every object seen so far.
            places_open: hiding places that have not been looked into yet.
        """
        found = self.relevant(seen)
        if self.kind == "query":
            return str(getattr(found[0], self.asked)) if found else None
        if self.kind == "exist" and found:
            return "yes"
        return None if places_open else self.answer(found)
