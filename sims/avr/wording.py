"""The expert's turns of phrase, and the choice among them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

Phrases = tuple[str, ...]
"""Ways to say one thing, with the same fields in braces."""

FIRST_VIEW: Phrases = (
    "I look from the front, {height}.",
    "The first picture shows the scene from the front, {height}.",
    "First view, from the front, {height}.",
    "I stand in front of the scene and see it {height}.",
)
LATER_VIEW: Phrases = (
    "I now look from {side}, {height}.",
    "The new picture shows the scene from {side}, {height}.",
    "The view is from {side} now, {height}.",
    "Now I see the scene from {side}, {height}.",
)
HEIGHTS: dict[str, Phrases] = {
    "low": ("at a low angle", "close to the floor", "along the floor"),
    "high": ("from high up", "looking down", "from above"),
}
THINGS: Phrases = (
    "I can make out {things}.",
    "I see {things}.",
    "Here I find {things}.",
    "Small objects in view: {things}.",
)
NO_THINGS: Phrases = (
    "I can make out no small object.",
    "No small object is in view.",
    "There is no small object to be seen here.",
)
HANDLES: Phrases = (
    "Marked: {handles}.",
    "The marks in view: {handles}.",
    "I can read these marks: {handles}.",
)
NEW_THING: Phrases = (
    "New: {place} holds {thing}.",
    "That shows {place}, and {thing} in it.",
    "I can look into {place} now: there is {thing}.",
)
NEW_EMPTY: Phrases = (
    "New: {place} is empty.",
    "That shows {place}, and nothing in it.",
    "I can look into {place} now: nothing is there.",
)
NO_NEWS: Phrases = (
    "That showed nothing new.",
    "I have learned nothing new from this look.",
    "All that lies open here I knew already.",
)

FITTING: Phrases = (
    "Of all I have seen, this bears on the question: {things}.",
    "What I have found so far that the question is about: {things}.",
    "The question concerns {things}.",
)
NOTHING_FITS: Phrases = (
    "Nothing that I have seen so far bears on the question.",
    "I have not seen anything yet that the question is about.",
    "So far I have found none of the objects that the question is about.",
)
UNSEEN: Phrases = (
    "I have not seen {places}.",
    "Still out of sight: {places}.",
    "I do not know what is in {places}.",
    "Something may stand in {places}.",
)
IRRELEVANT: Phrases = (
    "What is in {places} makes no difference.",
    "The answer does not hang on {places}.",
    "I need not know {places}.",
)
ALL_SEEN: Phrases = (
    "I have seen every place.",
    "No place is hidden any more.",
    "Nothing is left that I have not looked into.",
)
ODDS: Phrases = (
    "That leaves {odds}.",
    "My estimate: {odds}.",
    "I put the probabilities at {odds}.",
    "So far: {odds}.",
)
CERTAIN: Phrases = (
    "Only one answer is still possible: {answer}.",
    "That leaves no answer but {answer}.",
    "The answer can only be {answer}.",
)

SHOWS: Phrases = (
    "should show {places}",
    "would lay open {places}",
    "would let me see {places}",
)
SHOWS_NOTHING: Phrases = (
    "shows nothing that I do not know",
    "would tell me nothing new",
    "leaves hidden what is hidden",
)
SETTLES: Phrases = (
    "which settles the question",
    "and then I would know the answer",
    "enough to be certain",
)
NO_MORE_GAIN: Phrases = (
    "The answer is certain, so no action can add to it: every gain is 0.00 nats.",
    "There is nothing left to gain: 0.00 nats for every action.",
    "Whatever I did now would gain 0.00 nats.",
)

BEST: Phrases = (
    "{action} promises the most, {gain} nats. I choose {letter}.",
    "No other action should tell me more than {action} ({gain} nats), so {letter}.",
    "The best look is {letter}, {action}, at {gain} nats.",
    "I take {letter}, {action}: {gain} nats is the most on offer.",
)
PLAN: Phrases = (
    "I plan ahead: {plan}. So I begin with {letter}.",
    "It takes more than one step: {plan}. The first is {letter}.",
    "The way to go is this: {plan}. I choose {letter} now.",
)
WALK: Phrases = (
    "I try {letter}, {action}.",
    "I go on with {letter}, {action}.",
    "Let me see what {action} shows. I choose {letter}.",
)
STAYS: Phrases = (
    "What I have not seen cannot change that.",
    "What is still hidden makes no difference to it.",
    "That holds whatever is still hidden.",
)
ANSWER: Phrases = (
    "The answer is {answer}: {letter}.",
    "So I answer {answer}, which is {letter}.",
    "That proves {answer}. I choose {letter}.",
    "Hence {letter}, {answer}.",
)
LAST_TURN: Phrases = (
    "This is my last turn, so I cannot look again.",
    "No turn is left for another look.",
    "I have to answer now: there are no turns left.",
)
OUT_OF_REACH: Phrases = (
    "No look within reach would show more.",
    "I see no way to find out more.",
    "Nothing that I could do soon would show more.",
)
GUESS: Phrases = (
    "The likeliest answer is {answer}, at {odds}: {letter}.",
    "I answer {answer}, whose probability of {odds} nothing exceeds: {letter}.",
    "With {odds}, no answer is likelier than {answer}. I choose {letter}.",
)


class Wording:
    """Chooses among phrases: equal seeds choose alike.

    Args:
        seed: decides every choice; 0 or more.
    """

    def __init__(self, seed: int) -> None:
        self._digits = int.from_bytes(hashlib.sha256(str(seed).encode()).digest(), "big")

    def say(self, phrases: Sequence[str], **parts: str) -> str:
        """One of the phrases, with its fields filled in."""
        self._digits, index = divmod(self._digits, len(phrases))
        return phrases[index].format(**parts)


def listed(words: Sequence[str], last: str = "and") -> str:
    """The words in a row, such as "a, b and c"; "nothing" for none."""
    if not words:
        return "nothing"
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
