"""What is asked about a scene, and what may be concluded from the labels that have been read.

Kinds, by task:

- search: `symbol` (what is on the label of a named thing).
- compare: `same` (do two labels show the same), `most` (which of several shows the most dots),
  `carrier` (which of several shows a given sign).
- inspect, about all things of one colour: `count` (how many show a given sign), `sum` (of their
  dots), `only` (which one shows a given sign).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sims.tools.scenes import Scene
from sims.tools.symbols import symbols_of

Known = Mapping[int, str]
"""Index of an item -> what its label was seen to show."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about a scene.

    Attributes:
        kind: see above.
        text: as it is put.
        answers: those on offer, in their own order.
        gold: the right one.
        targets: indices of the items whose labels it hangs on.
        symbols: what labels show, one of `symbols.KINDS`.
        wanted: the sign that it names; "" for none.
    """

    kind: str
    text: str
    answers: tuple[str, ...]
    gold: str
    targets: tuple[int, ...]
    symbols: str
    wanted: str = ""

    def possible(self, known: Known, scene: Scene) -> list[str]:
        """The answers that what has been seen leaves possible; all, where it contradicts itself, as
        what a noisy tool tells may do.

        Args:
            known: what has been read.
            scene: gives the names; its labels are not looked at.
        """
        left = [a for a in self.answers if _POSSIBLE[self.kind](self, a, known, scene)]
        return left or list(self.answers)

    def decided(self, known: Known, scene: Scene) -> str | None:
        """The answer that what has been seen leaves; None where it leaves several."""
        left = self.possible(known, scene)
        return left[0] if len(left) == 1 else None


def _symbol_possible(question: Question, answer: str, known: Known, scene: Scene) -> bool:
    del scene
    return known.get(question.targets[0], answer) == answer


def _same_possible(question: Question, answer: str, known: Known, scene: Scene) -> bool:
    del scene
    shown = [known[index] for index in question.targets if index in known]
    return len(shown) < 2 or (shown[0] == shown[1]) == (answer == "yes")


def _most_possible(question: Question, answer: str, known: Known, scene: Scene) -> bool:
    """The named one may still have strictly more dots than each of the others."""
    faces = [int(symbol) for symbol in symbols_of(question.symbols)]
    dots = {scene.items[i].name: int(known[i]) for i in question.targets if i in known}
    mine = dots.pop(answer, faces[-1])
    return mine > max(dots.values(), default=faces[0])


def _carrier_possible(question: Question, answer: str, known: Known, scene: Scene) -> bool:
    """Exactly one of the targets carries the sign."""
    read = [index for index in question.targets if index in known]
    carries = {scene.items[index].name: known[index] == question.wanted for index in read}
    return carries.pop(answer, True) and not any(carries.values())


def _count_possible(question: Question, answer: str, known: Known, scene: Scene) -> bool:
    del scene
    shown = [known[index] == question.wanted for index in question.targets if index in known]
    return sum(shown) <= int(answer) <= sum(shown) + len(question.targets) - len(shown)


def _sum_possible(question: Question, answer: str, known: Known, scene: Scene) -> bool:
    del scene
    faces = [int(symbol) for symbol in symbols_of(question.symbols)]
    shown = [int(known[index]) for index in question.targets if index in known]
    left = len(question.targets) - len(shown)
    return left * faces[0] <= int(answer) - sum(shown) <= left * faces[-1]


_POSSIBLE: dict[str, Callable[[Question, str, Known, Scene], bool]] = {
    "symbol": _symbol_possible,
    "same": _same_possible,
    "most": _most_possible,
    "carrier": _carrier_possible,
    "count": _count_possible,
    "sum": _sum_possible,
    "only": _carrier_possible,
}
