"""How a question's total over unknown places is distributed, under the prior."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from sims.avr.prior import Prior
from sims.avr.question import Question, Total
from sims.avr.things import AREAS, COLUMN_X, Place, Thing

Areas = tuple[str, ...]
"""The areas of some places, sorted: places of one area are alike to a question."""


@dataclass
class TotalTable:
    """What a place of some area adds to the total.

    Attributes:
        odds: contribution -> its probability.
        outcomes: contribution -> the contents that make it, with their probabilities.
    """

    odds: dict[Total, float] = field(default_factory=dict)
    outcomes: dict[Total, dict[Thing | None, float]] = field(default_factory=dict)

    def add(self, contribution: Total, content: Thing | None, odds: float) -> None:
        """Count one more content."""
        self.odds[contribution] = self.odds.get(contribution, 0.0) + odds
        self.outcomes.setdefault(contribution, {})[content] = odds


class Totals:
    """The distributions of one question's totals, each worked out when first asked for."""

    def __init__(self, question: Question, prior: Prior) -> None:
        self._question = question
        self._outcomes = list(prior.outcomes())
        self._tables: dict[str, TotalTable] = {}
        self._sums: dict[Areas, dict[Total, float]] = {(): {question.nothing: 1.0}}

    def table(self, area: str) -> TotalTable:
        """What a single place of this area adds."""
        if area not in self._tables:
            x = COLUMN_X[AREAS.index(area)]
            place = Place(name=f"a place in the {area} area", pos=(x, 0.0, 0.0))
            table = TotalTable()
            for content, odds in self._outcomes:
                table.add(self._question.contribution(content, place), content, odds)
            self._tables[area] = table
        return self._tables[area]

    def over(self, areas: Areas) -> dict[Total, float]:
        """Total over unknown places in these areas -> its probability: a convolution."""
        if areas not in self._sums:
            sums: dict[Total, float] = {}
            for first, share in self.over(areas[:-1]).items():
                for second, odds in self.table(areas[-1]).odds.items():
                    total = self._question.combined(first, second)
                    sums[total] = sums.get(total, 0.0) + share * odds
            self._sums[areas] = sums
        return self._sums[areas]

    def count(self, areas: Areas, *, limit: int) -> int:
        """How many different totals there are; `limit` + 1 for more than that."""
        totals = {self._question.nothing}
        for area in areas:
            steps = self.table(area).odds
            totals = {self._question.combined(total, step) for total in totals for step in steps}
            if len(totals) > limit:
                return limit + 1
        return len(totals)


@lru_cache(maxsize=256)
def totals_of(question: Question, prior: Prior) -> Totals:
    """The totals of a question, shared by all beliefs about it: scenes are drawn until one fits."""
    return Totals(question, prior)
