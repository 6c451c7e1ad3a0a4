"""What has been seen and done so far: the only thing an expert may know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from sims.avr.actions import Action
from sims.avr.belief import Belief
from sims.avr.candidates import OptionList
from sims.avr.marks import shows_mark
from sims.avr.question import Question
from sims.avr.sight import Box, Sight
from sims.avr.things import Contents, Place, Thing
from sims.avr.viewer import Station
from sims.avr.world import World


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One thing in one picture.

    Attributes:
        place: the place that it stood in at the start.
        thing: what it looks like.
        box: where it is in the picture [px].
    """

    place: Place
    thing: Thing
    box: Box


@dataclass(frozen=True, kw_only=True)
class Look:
    """One picture, read as symbols.

    Attributes:
        station: where the viewer stood.
        sightings: the things that can be made out, from left to right in the picture.
        emptied: names of the places that are plainly empty.
        handles: visible boxes, by name, of the devices' handles that show enough to carry a mark.
        width, height: of the picture [px].
    """

    station: Station
    sightings: tuple[Sighting, ...]
    emptied: tuple[str, ...]
    handles: dict[str, Box]
    width: int
    height: int


@dataclass(kw_only=True)
class Knowledge:
    """Question, options and every look and action so far.

    Attributes:
        question: what is asked.
        belief: the posterior's machinery; knows the places, not what they hold.
        options: the list now on offer.
        names: body name -> what a target is called.
        attributes: what things are called by, in order; the words of one-word vocabularies are left
            out.
        turns_left: replies that may still be given, this one included.
        looks: one per picture.
        actions: what was done after each look but the last; None for a void reply.
        failed: deeds that a robot arm has said it could not do when it last tried; always empty
            where no arm carries them out.
        known: place -> what stood there at the start (None: nothing), for every place seen so far.
        gains: expected gain of each action on the list [nats], or empty where none is foreseen.
        foreseen: letter -> names of the unknown places that this action should show; or empty
            where none is foreseen.
        brief: whether to reason in a line or two, for very small models.
    """

    question: Question
    belief: Belief
    options: OptionList
    names: dict[str, str]
    attributes: tuple[str, ...]
    turns_left: int
    looks: list[Look] = field(default_factory=list)
    actions: list[Action | None] = field(default_factory=list)
    failed: set[Action] = field(default_factory=set)
    known: Contents = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)
    foreseen: dict[str, frozenset[str]] = field(default_factory=dict)
    brief: bool = False

    def add(self, sight: Sight, world: World) -> None:
        """Take in what a picture shows, and nothing else of the world."""
        places = {place.name: place for place in world.layout.places()}
        shown = [name for name in places if name in sight.shows]
        sightings = [
            Sighting(place=places[name], thing=thing, box=sight.boxes[name])
            for name in shown
            if (thing := world.contents[name]) is not None and name in sight.boxes
        ]
        sightings.sort(key=lambda s: s.box[0] + s.box[2])
        handles = [name for device in world.layout.devices for name in device.handles]
        self.looks.append(
            Look(
                station=world.station,
                sightings=tuple(sightings),
                emptied=tuple(name for name in shown if world.contents[name] is None),
                handles={name: sight.boxes[name] for name in handles if shows_mark(name, sight)},
                width=sight.picture.shape[1],
                height=sight.picture.shape[0],
            )
        )
        self.known.update({name: world.contents[name] for name in shown})

    def learn(self, action: Action, *, is_possible: bool) -> None:
        """Take in what was said of a deed of the arm's: whether it could do it."""
        if is_possible:
            self.failed.discard(action)
        else:
            self.failed.add(action)

    def name(self, thing: Thing) -> str:
        """What a thing is called in this episode, e.g. "small red cube"."""
        return " ".join(getattr(thing, attribute) for attribute in self.attributes)

    def unknown_places(self) -> list[Place]:
        """The places that nobody has looked into yet and that the question may hinge on."""
        return [place for place in self.belief.places if place.name not in self.known]

    def posterior(self) -> dict[str, float]:
        """The probability of each answer that is still possible."""
        return self.belief.posterior(self.known)

    def proven(self) -> str | None:
        """The answer that the looks so far prove, or None."""
        return self.belief.proven(self.known)

    def draw(self, count: int, *, salt: str) -> int:
        """A number in [0, count) that depends on nothing but what has been seen and asked."""
        looks = [
            (look.station, [(s.thing.describe(), s.box) for s in look.sightings], look.emptied)
            for look in self.looks
        ]
        text = repr((self.question.text, sorted(self.options.texts.items()), looks, salt))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % count
