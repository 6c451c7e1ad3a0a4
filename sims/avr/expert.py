"""The scripted expert: looks, says what it sees, and acts only on that.

It knows the visible history and can foresee what actions would show, which depends on nothing that
has not been seen; so two worlds with the same visible history get the same words.
"""

from __future__ import annotations

from sims.avr.actions import Action
from sims.avr.foresight import Foresight
from sims.avr.knowledge import Knowledge
from sims.avr.planner import best_gain, plan
from sims.avr.reasoning import explain

STYLES = ("best", "plan", "wander")
PURPOSEFUL_SHARE = 0.3
"""Share of its looks at which the wandering demonstrator does what the best one does."""


def expert_reply(knowledge: Knowledge, foresight: Foresight, style: str = "best") -> str:
    """The expert's reply, with its reasoning.

    Args:
        knowledge: what has been seen.
        foresight: what actions would show, as the world stands.
        style: "best" takes the action with the largest expected gain, and looks further ahead only
            where none has any; "plan" always looks several steps ahead; "wander" sees and answers
            the same, but seven looks in ten it just moves the viewer, blindly.

    Raises:
        ValueError: for an unknown style.
    """
    if style not in STYLES:
        raise ValueError(f"expert style {style!r} is unknown; legal: {', '.join(STYLES)}")
    answer = knowledge.proven()
    steps = () if answer is not None else _choose_steps(knowledge, foresight, style)
    meaning: str | Action = steps[0] if steps else (answer or _likeliest(knowledge))
    letter = knowledge.options.letter_of(meaning)
    tag = "answer" if isinstance(meaning, str) else "action"
    return f"<think>{explain(knowledge, letter, steps)}</think><{tag}>{letter}</{tag}>"


def _choose_steps(knowledge: Knowledge, foresight: Foresight, style: str) -> tuple[Action, ...]:
    """The next look and what is to follow it; () when only an answer is left to give."""
    if knowledge.turns_left <= 1:
        return ()
    moves = [a for a in knowledge.options.actions.values() if a.moves_viewer]
    if style == "wander" and moves and knowledge.draw(100, salt="mood") >= 100 * PURPOSEFUL_SHARE:
        return (moves[knowledge.draw(len(moves), salt="move")],)
    return (plan if style == "plan" else best_gain)(knowledge, foresight)


def _likeliest(knowledge: Knowledge) -> str:
    """The likeliest answer on offer; among equals, one that the visible history decides."""
    posterior = knowledge.posterior()
    offered = list(knowledge.options.answers.values())
    best = max(posterior.get(answer, 0.0) for answer in offered)
    likeliest = [a for a in offered if posterior.get(a, 0.0) >= best - 1e-9]
    return likeliest[knowledge.draw(len(likeliest), salt="guess")]
