"""What the things seen so far say about the answer, in a sentence."""

from __future__ import annotations

from sims.avr.knowledge import Knowledge
from sims.avr.question import AREA_ANSWERS, Question
from sims.avr.selection import noun
from sims.avr.things import Place, Thing

Found = list[tuple[Thing, Place]]
"""Small things and the places that they stood in at the start."""


def found_things(knowledge: Knowledge) -> Found:
    """Every small thing seen so far."""
    places = {place.name: place for place in knowledge.belief.places}
    return [(thing, places[name]) for name, thing in knowledge.known.items() if thing is not None]


def describe_evidence(knowledge: Knowledge) -> str:
    """What of the things seen so far counts for the answer, e.g. "2 of the things count."."""
    question, found = knowledge.question, found_things(knowledge)
    members = [[(t, p) for t, p in found if s.matches(t, p)] for s in question.selections]
    if question.compares:
        return _comparison(question, len(members[0]), len(members[1]))
    if question.counts:
        return _count(question, len(members[0]))
    wanted = noun(question.selections[0].attributes)
    if not members[0]:
        return f"I have found no {wanted} where one would count."
    thing, place = members[0][0]
    what = f"{knowledge.name(thing)} in the {place.area} area"
    if question.kind == "query":
        return f"It is the {what}, and its {question.asked} is {getattr(thing, question.asked)}."
    return f"There is one, the {what}."


def _comparison(question: Question, first: int, second: int) -> str:
    if question.answers == AREA_ANSWERS:
        things = noun(question.selections[0].attributes, plural=True)
        return f"Of the {things} that count, {first} stood on the left and {second} on the right."
    found = [
        f"{number or 'no'} {noun(chosen.attributes, plural=number != 1)}"
        for number, chosen in zip((first, second), question.selections, strict=True)
    ]
    left = " left" if question.selections[0].without else ""
    return f"I have found {found[0]} and {found[1]}{left}."


def _count(question: Question, number: int) -> str:
    counted = f"{number or 'None'} of the things I have found {'count' + 's' * (number < 2)}"
    if question.added:
        return f"{counted}, and {question.added} more make {number + question.added}."
    return f"{counted}."
