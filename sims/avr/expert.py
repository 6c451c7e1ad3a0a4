"""The scripted expert: looks, says what it sees, and acts only on that.

Its one argument is the visible history, so that two worlds with the same visible history get the
same words.
"""

from __future__ import annotations

from sims.avr.history import VisibleHistory
from sims.avr.options import Action, leads_to_front
from sims.avr.scene import REGION_NAMES

STYLES = ("best", "wander")
PURPOSEFUL_SHARE = 0.3
"""Share of its looks at which the wandering demonstrator does what the best one does."""
MOVE_GAIN = 1 / 3
"""Chance that a step of the viewer to one side opens a hiding place, whose sideways offset nobody
sees.
"""


def expert_reply(history: VisibleHistory, style: str = "best") -> str:
    """The expert's reply, with its reasoning.

    Args:
        history: what has been seen.
        style: "best" opens as many hiding places as it can expect to; "wander" sees and answers
            the same, but seven looks in ten it just moves the viewer, blindly.

    Raises:
        ValueError: for an unknown style.
    """
    if style not in STYLES:
        raise ValueError(f"expert style {style!r} is unknown; legal: {', '.join(STYLES)}")
    answer = history.known_answer()
    action = None if answer is not None else _choose_action(history, style)
    if answer is None and action is None:
        answers = list(history.options.answers.values())
        answer = answers[history.draw(len(answers), salt="guess")]
    meaning: str | Action = answer if answer is not None else action  # type: ignore[assignment]
    letter = history.options.letter_of(meaning)
    tag = "answer" if answer is not None else "action"
    text = history.options.texts[letter]
    return f"<think>{_describe(history)} {text}.</think><{tag}>{letter}</{tag}>"


def _choose_action(history: VisibleHistory, style: str) -> Action | None:
    """The next look, or None when only an answer is left to give."""
    actions = list(history.options.actions.values())
    if history.turns_left <= 1:
        return None
    moves = [action for action in actions if action.kind in ("move_viewer", "rotate_viewer")]
    if style == "wander" and moves and history.draw(100, salt="mood") >= 100 * PURPOSEFUL_SHARE:
        return moves[history.draw(len(moves), salt="move")]
    gains = [_expected_gain(action, history) for action in actions]
    return actions[gains.index(max(gains))] if max(gains) > 0 else None


def _expected_gain(action: Action, history: VisibleHistory) -> float:
    """How many hiding places an action can be expected to open; sure ones beat hoped-for ones."""
    closed = history.closed_columns()
    if action in history.actions:
        return 0.0  # done before: shows the same again
    first, now = history.looks[0], history.looks[-1]
    if now.station != "front":  # from the side, nothing that is picked opens anything
        return 1.0 if leads_to_front(action, now.station) else 0.1
    if action.kind == "pick":
        return float(action.column in closed)
    if action.kind == "move_object":
        return 0.5 * (action.column in closed)
    if action.kind == "move_viewer":
        return MOVE_GAIN * len(closed)
    enough_turns = len(closed) < history.turns_left
    hoped_for = 0.9 * (1 if enough_turns else len(closed))
    return 0.0 if action.direction in first.walls else hoped_for


def _describe(history: VisibleHistory) -> str:
    """What the present picture shows, what has been found so far, and what is still closed."""
    regions = REGION_NAMES[history.num_columns]
    name = history.name
    look, at_front = history.looks[-1], history.looks[-1].station == "front"
    things = [
        f"{regions[s.thing.column]} {name(s.thing)}" if at_front else name(s.thing)
        for s in look.sightings
    ]
    things += [f"wall {side}" for side in look.walls]
    found = [name(thing) for thing in history.question.relevant(history.seen())]
    closed = [regions[column] for column in history.closed_columns()]
    return f"I see {_listed(things)}. Found {_listed(found)}. Closed {_listed(closed)}."


def _listed(words: list[str]) -> str:
    return ", ".join(words) if words else "nothing"
