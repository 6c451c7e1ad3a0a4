"""What the environment says: instructions, question, options, turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sims.avr.config import AvrConfig
from sims.avr.question import Question
from sims.avr.things import AREAS, Layout
from sims.avr.typed import FORMS

SETTING = (
    "You look at a scene in which small objects may be hidden: behind or in the large things of "
    "the front row. Nothing small stands behind the back row. The left, middle and right areas are "
    "those of the first picture. The question is about the scene as it was in the first picture, "
    "hidden objects included; what you do never changes the right answer. "
)
LETTERED = (
    "Each reply chooses one letter: an answer, which ends the episode, or an [action], which shows "
    "you a new picture. Numbers in the picture mark what can be acted on. Think inside "
    "<think></think>, then write <answer>letter</answer> or <action>letter</action>."
)
BY_ARM = (
    "A robot arm picks and pushes; what it cannot do stays undone, it may knock things over, and "
    "it takes what stands in a box along with the box. "
)
TYPED = (
    "Each reply gives the answer, which ends the episode, or asks for one action, which shows you "
    f"a new picture. Actions: {FORMS}; x and y point into the present picture, from 0 at the left "
    "and top to 1 at the right and bottom. Think inside <think></think>, then write "
    "<answer>answer</answer> or <action>action</action>."
)


def first_text(
    question: Question,
    offer: Sequence[str],
    options: Mapping[str, str] | None,
    config: AvrConfig,
    turn: str,
) -> str:
    """The first observation's text.

    Args:
        question: what is asked.
        offer: the answers on offer.
        options: letter -> text; None in the typed form.
        config: gives the form and whether to be brief.
        turn: what turn it is.
    """
    setting = SETTING + (BY_ARM if config.executor == "arm" else "")
    lines = [] if config.brief else [setting + (TYPED if options is None else LETTERED)]
    lines.append(f"Question: {question.text}")
    if options is None:
        lines.append(f"Answers: {', '.join(offer)}")
    else:
        lines += [f"{letter}. {words}" for letter, words in options.items()]
    return "\n".join([*lines, turn])


def turn_text(note: str, turn: int, max_turns: int) -> str:
    """What turn it is, after a note about the last reply where there is one."""
    return f"{note} Turn {min(turn + 1, max_turns)} of {max_turns}.".strip()


def name_targets(layout: Layout, marks: Mapping[str, int]) -> dict[str, str]:
    """What options call each handle: its mark; or, where there are none, the region of its column,
    counted where a column has several: left, left 2.
    """
    if marks:
        return {name: f"what is marked {number}" for name, number in marks.items()}
    return {
        name: region if number == 1 else f"{region} {number}"
        for device, region in zip(layout.devices, AREAS, strict=True)
        for number, name in enumerate(device.handles, start=1)
    }
