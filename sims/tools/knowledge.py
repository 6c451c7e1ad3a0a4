"""What the pictures of an episode have shown, to an eye that misses nothing that can be seen."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sims.tools.config import READABLE_PX
from sims.tools.coordinates import Box, Point
from sims.tools.desk import Desk, Shown
from sims.tools.questions import Question
from sims.tools.sight import SEEN_SHARE, readable_side


class Sign(NamedTuple):
    """A sign that a tool has read, and where [px]."""

    symbol: str
    place: Point


@dataclass(kw_only=True)
class Knowledge:
    """What may be known, which is all that the expert acts on.

    Attributes:
        question: what is asked; its `gold` is not looked at.
        desk: the pictures; of the scene's labels only those are looked at that were readable.
        letters: letter -> answer.
        turns_left: replies that are left.
        brief: whether few words are wanted.
        known: index of an item -> what its label shows, of those that could be read.
        replies: how many there were.
        detections: what a tool was asked to find -> where it said that is, right or wrong.
        readings: for each part that a tool has read, the signs it told, right or wrong.
    """

    question: Question
    desk: Desk
    letters: dict[str, str]
    turns_left: int
    brief: bool
    known: dict[int, str] = field(default_factory=dict)
    replies: int = 0
    detections: dict[str, list[Box]] = field(default_factory=dict)
    readings: list[list[Sign]] = field(default_factory=list)

    def note(self, shown: Shown) -> list[int]:
        """Read what a picture makes readable.

        Returns:
            Indices of the items whose labels could be read for the first time.
        """
        new = [i for i in readable_items(self.desk, shown) if i not in self.known]
        self.known.update({i: self.desk.scene.items[i].symbol for i in new})
        return new

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Take over what a tool says, by its facts: where things are and what labels show."""
        told = facts.get("told", {})
        for index, item in enumerate(self.desk.scene.items):
            if item.name in told:
                self.known.setdefault(index, told[item.name])
        if "searched" in facts:
            self.detections[facts["searched"]] = [Box(*box) for _, box in facts["detected"]]
        if "signs" in facts:
            signs = [Sign(symbol, Point(x, y)) for symbol, x, y in facts["signs"]]
            self.readings.append(signs)

    def missing(self) -> list[int]:
        """The items that the question hangs on whose labels have not been read."""
        return [index for index in self.question.targets if index not in self.known]

    def box_of(self, index: int) -> Box:
        """Where an item is in the photograph, as the small picture shows it."""
        sighting = self.desk.photograph().sightings[index]
        assert sighting.box is not None, "what is asked about is in view"
        return sighting.box

    def letter_of(self, answer: str) -> str:
        """The letter of an answer."""
        return next(letter for letter, text in self.letters.items() if text == answer)

    def draw(self, count: int, salt: str) -> int:
        """A number in [0, count) that depends on the visible history alone."""
        history = (
            self.question.text,
            self.letters,
            [self.box_of(index) for index in self.question.targets],
            self.desk.shown,
            sorted(self.known.items()),
            self.replies,
            salt,
        )
        return zlib.crc32(repr(history).encode()) % count


def readable_items(desk: Desk, shown: Shown) -> list[int]:
    """Indices of the items whose labels a picture shows large enough to be read."""
    sightings = desk.photograph().sightings
    return [
        index
        for index, sighting in enumerate(sightings)
        if readable_side(sighting.label, shown.region, shown.size) >= READABLE_PX
        and sighting.label_share >= SEEN_SHARE
    ]
