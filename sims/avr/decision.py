"""What a reply decides: an answer, an action, or nothing that can be made out."""

from __future__ import annotations

from dataclasses import dataclass

from sims.avr.actions import Action
from sims.avr.candidates import OptionList
from sims.avr.sight import Sight
from sims.avr.typed import FORMS, TypedActionError, read_typed_action
from sims.avr.world import World
from sims.replies import explain_invalid, find_choice, find_tag


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reply, understood.

    Attributes:
        letter: the option chosen, or None.
        answer: the answer given, or None.
        action: the action asked for, or None.
        note: what was wrong and what is legal, where nothing could be made out; "" otherwise.
    """

    letter: str | None = None
    answer: str | None = None
    action: Action | None = None
    note: str = ""

    @property
    def kind(self) -> str:
        """One of "answer", "action" and "invalid"."""
        if self.answer is not None:
            return "answer"
        return "action" if self.action is not None else "invalid"


def read_decision(
    reply: str, options: OptionList, sight: Sight | None = None, world: World | None = None
) -> Decision:
    """Understand a reply. Never raises, whatever a model writes.

    Args:
        reply: the whole reply.
        options: the list on offer; in the typed form its answers alone count.
        sight, world: for the typed form, what is pointed into; None for the lettered form.
    """
    if sight is not None and world is not None:
        return _read_typed(reply, options, sight, world)
    letter = find_choice(reply, options.texts)
    if letter is None:
        return Decision(note=explain_invalid(reply, options.texts))
    return Decision(
        letter=letter, answer=options.answers.get(letter), action=options.actions.get(letter)
    )


def _read_typed(reply: str, options: OptionList, sight: Sight, world: World) -> Decision:
    spoken = find_tag(reply)
    answers = {answer.casefold(): (k, answer) for k, answer in options.answers.items()}
    if spoken is None:
        legal = f"Write <answer>...</answer> or <action>...</action>; actions: {FORMS}."
        return Decision(note=f"The reply had no <answer> or <action> tag. {legal}")
    tag, text = spoken
    if tag == "answer":
        found = answers.get(text.strip().rstrip(".").casefold())
        if found is None:
            legal = ", ".join(options.answers.values())
            return Decision(note=f"That is no answer here; legal: {legal}.")
        return Decision(letter=found[0], answer=found[1])
    try:
        return Decision(action=read_typed_action(text, sight, world))
    except TypedActionError as error:
        return Decision(note=f"{error}.")
