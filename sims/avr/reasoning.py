"""What the expert says before it chooses: what it sees, what is uncertain, what each action on
offer should tell, and what it does.

The four sections are those of PhysVLM-AVR (arXiv 2510.21111, appendix); the words are ours, and
vary with what has been seen. Everything said has been seen, is foreseen from what has been seen, or
follows from the exact belief: worlds that look the same so far get the same text.

Boxes are `bbox_2d(x0,y0,x1,y1)`: shares of the picture's width and height in [0, 1], with three
decimals, from the upper left corner.
"""

from __future__ import annotations

from collections.abc import Collection

from sims.avr import wording
from sims.avr.actions import Action
from sims.avr.evidence import describe_evidence, found_things
from sims.avr.knowledge import Knowledge, Look
from sims.avr.sight import Box
from sims.avr.things import Place
from sims.avr.wording import Wording, listed

SIDES = {
    0: "the front",
    45: "the front right",
    90: "the right",
    135: "the back right",
    180: "the back",
    225: "the back left",
    270: "the left",
    315: "the front left",
}
"""Azimuth of the viewer [degrees] -> where it stands."""
NOTHING = 1e-9
"""Gains below this are rounding [nats]."""
NUM_WORDINGS = 2**62
MARKED = "what is marked "
"""What the name of a target starts with, where it is a mark."""


def explain(knowledge: Knowledge, letter: str, steps: tuple[Action, ...]) -> str:
    """The reasoning before a reply.

    Args:
        knowledge: what has been seen; its `brief` asks for a line or two without sections.
        letter: the option that is going to be chosen.
        steps: the actions that are planned, the chosen one first; () before an answer.
    """
    if knowledge.brief:
        return _explain_briefly(knowledge, letter)
    words = Wording(knowledge.draw(NUM_WORDINGS, salt="words"))
    paragraphs = [
        "# Visual Reasoning",
        _view(knowledge, words),
        "## Uncertainty Hypothesis",
        _hypothesis(knowledge, words),
    ]
    if knowledge.foreseen:  # an environment that foresees nothing predicts no gain
        paragraphs += ["## Information Gain Prediction", _predictions(knowledge, words)]
    decision = _action if steps else _answer
    said = decision(knowledge, letter, steps, words)
    return "\n".join(["", *paragraphs, "## Decision", said, ""])


def _view(knowledge: Knowledge, words: Wording) -> str:
    """Where the viewer stands, what is in view, and what of it is new."""
    look = knowledge.looks[-1]
    height = words.say(wording.HEIGHTS[look.station.elevation])
    first = len(knowledge.looks) == 1
    phrases = wording.FIRST_VIEW if first else wording.LATER_VIEW
    sentences = [words.say(phrases, side=SIDES[look.station.azimuth], height=height)]
    things = [
        f"a {knowledge.name(s.thing)} {_box(s.box, look)} in the {s.place.area} area"
        for s in look.sightings
    ]
    sentences.append(
        words.say(wording.THINGS, things=listed(things)) if things else words.say(wording.NO_THINGS)
    )
    if look.handles:
        handles = [f"{_mark(knowledge, n)} {_box(b, look)}" for n, b in look.handles.items()]
        sentences.append(words.say(wording.HANDLES, handles=listed(handles)))
    if not first:
        sentences += _news(knowledge, words)
    return " ".join(sentences)


def _news(knowledge: Knowledge, words: Wording) -> list[str]:
    """What the last look has shown that no earlier one had."""
    *earlier, look = knowledge.looks
    before = {name for old in earlier for name in _shown(old)}
    new = [p for p in knowledge.belief.places if p.name in _shown(look) and p.name not in before]
    sentences = []
    for place in new:
        thing, where = knowledge.known[place.name], _call_places([place])
        if thing is None:
            sentences.append(words.say(wording.NEW_EMPTY, place=where))
        else:
            found = f"a {knowledge.name(thing)}"
            sentences.append(words.say(wording.NEW_THING, place=where, thing=found))
    return sentences or [words.say(wording.NO_NEWS)]


def _shown(look: Look) -> set[str]:
    """Names of the places whose content a look shows plainly."""
    return {s.place.name for s in look.sightings} | set(look.emptied)


def _hypothesis(knowledge: Knowledge, words: Wording) -> str:
    """What is known that matters, what is not, and how likely that makes each answer."""
    question = knowledge.question
    fitting = [
        f"the {knowledge.name(thing)} in the {place.area} area"
        for thing, place in found_things(knowledge)
        if question.concerns(thing, place)
    ]
    sentences = [
        words.say(wording.FITTING, things=listed(fitting))
        if fitting
        else words.say(wording.NOTHING_FITS)
    ]
    sentences += _open_questions(knowledge, words)
    answer = knowledge.proven()
    if answer is not None:
        return " ".join([*sentences, words.say(wording.CERTAIN, answer=answer)])
    posterior = knowledge.posterior()
    odds = [f"{a} at {_odds(posterior.get(a, 0.0))}" for a in knowledge.belief.answers]
    return " ".join([*sentences, words.say(wording.ODDS, odds=", ".join(odds))])


def _open_questions(knowledge: Knowledge, words: Wording) -> list[str]:
    """Which places nobody has looked into yet: those that matter, and those that do not."""
    unknown = knowledge.unknown_places()
    if not unknown:
        return [words.say(wording.ALL_SEEN)]
    belief, known = knowledge.belief, knowledge.known
    vital = [p for p in unknown if belief.expected_gain(known, [p.name]) > NOTHING]
    spare = [p for p in unknown if p not in vital]
    said = [
        (wording.UNSEEN, vital if knowledge.proven() is None else []),
        (wording.IRRELEVANT, spare if vital or knowledge.proven() is not None else []),
        (wording.UNSEEN, [] if vital or knowledge.proven() is not None else spare),
    ]
    return [words.say(ph, places=_call_places(some, knowledge)) for ph, some in said if some]


def _predictions(knowledge: Knowledge, words: Wording) -> str:
    """What each action on the list should show, and the gain to expect of it."""
    if knowledge.proven() is not None:
        return words.say(wording.NO_MORE_GAIN)
    entropy = knowledge.belief.entropy(knowledge.known)
    places = {place.name: place for place in knowledge.belief.places}
    lines = []
    for letter, action in knowledge.options.actions.items():
        shown = [places[name] for name in places if name in knowledge.foreseen[letter]]
        gain = knowledge.gains[letter]
        said = words.say(
            wording.SHOWS if shown else wording.SHOWS_NOTHING,
            places=_call_places(shown),
        )
        end = f", {words.say(wording.SETTLES)}" if gain > entropy - NOTHING else ""
        lines.append(f"- {letter}, {_words(knowledge, action)}: {said}; gain {gain:.2f} nats{end}")
    return "\n".join(lines)


def _action(knowledge: Knowledge, letter: str, steps: tuple[Action, ...], words: Wording) -> str:
    """Why this action."""
    if len(steps) > 1:
        plan = ", then ".join(_step_words(knowledge, step) for step in steps)
        return words.say(wording.PLAN, plan=plan, letter=letter)
    gain = knowledge.gains.get(letter, 0.0)
    best = NOTHING < gain >= max(knowledge.gains.values()) - NOTHING
    return words.say(
        wording.BEST if best else wording.WALK,
        action=_words(knowledge, steps[0]),
        gain=f"{gain:.2f}",
        letter=letter,
    )


def _step_words(knowledge: Knowledge, step: Action) -> str:
    """A step of a plan, which may be about something that has not come into view yet."""
    seen = {name for look in knowledge.looks for name in look.handles}
    if step.moves_viewer or step.target in seen or step in knowledge.options.actions.values():
        return _words(knowledge, step)
    return step.words({step.target: "what comes to light then"}, brief=True)


def _answer(knowledge: Knowledge, letter: str, _: tuple[Action, ...], words: Wording) -> str:
    """Why this answer is proven or, where nothing more can be found out, why it is given."""
    answer = knowledge.options.answers[letter]
    if knowledge.proven() is None:
        odds = _odds(knowledge.posterior().get(answer, 0.0))
        reason = wording.LAST_TURN if knowledge.turns_left <= 1 else wording.OUT_OF_REACH
        guess = words.say(wording.GUESS, answer=answer, odds=odds, letter=letter)
        return f"{words.say(reason)} {guess}"
    sentences = [describe_evidence(knowledge)]
    if knowledge.unknown_places():
        sentences.append(words.say(wording.STAYS))
    return " ".join([*sentences, words.say(wording.ANSWER, answer=answer, letter=letter)])


def _call_places(places: Collection[Place], knowledge: Knowledge | None = None) -> str:
    """What hidden places are called, e.g. "the hidden place in the left area".

    With knowledge it says where to look for each, e.g. "(at mark 3 or 5)".
    """
    areas = [
        f"the {place.area} area{_landmarks(knowledge, place) if knowledge else ''}"
        for place in places
    ]
    return f"the hidden place{'s' * (len(areas) > 1)} in {listed(areas)}"


def _landmarks(knowledge: Knowledge, place: Place) -> str:
    """The marks of what hides a place, where some have been in view and not been taken away."""
    column = place.name.removeprefix("hidden")  # devices' parts and places are named by column
    done = [action for action in knowledge.actions if action and action not in knowledge.failed]
    gone = {action.target for action in done if action.kind == "pick"}
    seen = {name for look in knowledge.looks for name in look.handles} - gone
    calls = [knowledge.names[name] for name in seen if name.startswith(f"{column}:")]
    numbers = sorted(int(call.removeprefix(MARKED)) for call in calls if call.startswith(MARKED))
    return f" (at mark {listed([*map(str, numbers)], 'or')})" if numbers else ""


def _mark(knowledge: Knowledge, name: str) -> str:
    """A handle in a word or two: "mark 3", or the region that it stands in."""
    call = knowledge.names[name]
    number = call.removeprefix(MARKED)
    return f"the {call} one" if number == call else f"mark {number}"


def _words(knowledge: Knowledge, action: Action) -> str:
    return action.words(knowledge.names, brief=True)


def _box(box: Box, look: Look) -> str:
    x0, y0, x1, y1 = box
    w, h = look.width, look.height
    return f"bbox_2d({x0 / w:.3f},{y0 / h:.3f},{x1 / w:.3f},{y1 / h:.3f})"


def _odds(probability: float) -> str:
    """A probability with two decimals that never reads as certain where it is not."""
    if 0 < probability < 0.005:
        return "under 0.01"
    return "over 0.99" if 0.995 <= probability < 1 else f"{probability:.2f}"


def _explain_briefly(knowledge: Knowledge, letter: str) -> str:
    look = knowledge.looks[-1]
    at_front = look.station.azimuth == 0
    things = [
        f"{s.place.area} {knowledge.name(s.thing)}" if at_front else knowledge.name(s.thing)
        for s in look.sightings
    ]
    found = [
        knowledge.name(thing)
        for thing, place in found_things(knowledge)
        if knowledge.question.concerns(thing, place)
    ]
    closed = [place.area for place in knowledge.unknown_places()]
    text = knowledge.options.texts[letter]
    return f"I see {_brief(things)}. Found {_brief(found)}. Closed {_brief(closed)}. {text}."


def _brief(words: list[str]) -> str:
    return ", ".join(words) if words else "nothing"
