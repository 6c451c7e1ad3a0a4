"""What has been seen so far: the only thing an expert may know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from sims.avr.options import Action, OptionList
from sims.avr.questions import Question
from sims.avr.scene import Scene, SceneObject
from sims.avr.stage import View


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One object in one picture.

    Attributes:
        thing: the object as it looked and stood then.
        index: which of the scene's objects it is, so that a second look is not a second object.
        center_x: middle of its visible box [px].
    """

    thing: SceneObject
    index: int
    center_x: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """One picture, read as symbols.

    Attributes:
        station: where the viewer stood.
        sightings: recognisable objects, from left to right.
        walls: sides with a wall, as seen from the front; empty from elsewhere.
    """

    station: str
    sightings: tuple[Sighting, ...]
    walls: tuple[str, ...]


@dataclass(kw_only=True)
class VisibleHistory:
    """Question, options and every look and action so far.

    Attributes:
        question: what is asked.
        options: the lettered list.
        num_columns: 3 or 5.
        attributes: what objects are called by, in order; the words of one-word vocabularies are
            left out.
        turns_left: replies that may still be given, this one included.
        looks: one per picture.
        actions: what was done after each look but the last.
        examined: columns whose hiding place has lain open in some picture.
        occluded: columns at whose front a large object stood in the first picture.
    """

    question: Question
    options: OptionList
    num_columns: int
    attributes: tuple[str, ...]
    turns_left: int
    looks: list[Look] = field(default_factory=list)
    actions: list[Action | None] = field(default_factory=list)
    examined: set[int] = field(default_factory=set)
    occluded: tuple[int, ...] = ()

    def add(self, view: View, scene: Scene) -> None:
        """Take in what a picture shows, and nothing else of the scene."""
        sightings = [
            Sighting(thing=SceneObject(**vars(thing)), index=index, center_x=(box[0] + box[2]) / 2)
            for index, (thing, box) in enumerate(zip(scene.objects, view.boxes, strict=True))
            if view.seen[index] and box is not None
        ]
        sightings.sort(key=lambda sighting: sighting.center_x)
        walls = tuple(scene.walls) if scene.station == "front" else ()
        self.looks.append(Look(station=scene.station, sightings=tuple(sightings), walls=walls))
        self.examined |= view.examined
        if len(self.looks) == 1:
            fronts = (s.thing for s in sightings if s.thing.row == "front")
            self.occluded = tuple(sorted(t.column for t in fronts if t.size == "large"))

    def name(self, thing: SceneObject) -> str:
        """What an object is called in this episode, e.g. "large red cube"."""
        return " ".join(getattr(thing, attribute) for attribute in self.attributes)

    def seen(self) -> list[SceneObject]:
        """Every object seen so far, once, in the order of first sight."""
        found: dict[int, SceneObject] = {}
        for look in self.looks:
            for sighting in look.sightings:
                found.setdefault(sighting.index, sighting.thing)
        return list(found.values())

    def closed_columns(self) -> list[int]:
        """Columns behind whose occluder nobody has looked yet."""
        return [column for column in self.occluded if column not in self.examined]

    def known_answer(self) -> str | None:
        """The answer that the looks so far prove, or None."""
        return self.question.known_answer(self.seen(), places_open=len(self.closed_columns()))

    def draw(self, count: int, *, salt: str) -> int:
        """A number in [0, count) that depends on nothing but what has been seen and asked."""
        looks = [
            (
                look.station,
                look.walls,
                [
                    (s.thing.describe(), s.thing.column, round(s.center_x, 1))
                    for s in look.sightings
                ],
            )
            for look in self.looks
        ]
        text = repr((self.question.text, sorted(self.options.texts.items()), looks, salt))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % count
