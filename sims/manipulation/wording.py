"""How each task is put into words. Held-out wordings use words that training never says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Wordings:
    """Ways to ask for one thing, with the same fields in braces.

    Attributes:
        train: what training says; the first is the plain one.
        held_out: what only the held-out wordings say.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]


WORDINGS: dict[str, Wordings] = {
    "reach": Wordings(
        train=(
            "Touch the {target}.",
            "Reach the {target}.",
            "Move the hand to the {target}.",
            "Go to the {target}.",
            "Put your fingers on the {target}.",
            "Reach for the {target}.",
            "Bring the hand to the {target}.",
            "Touch the top of the {target}.",
            "Please reach the {target}.",
        ),
        held_out=(
            "Tap the {target}.",
            "Place the gripper right above the {target}.",
            "Make contact with the {target}.",
            "Hover over the {target} with the fingertips.",
            "Show me the {target} by pointing at it.",
        ),
    ),
    "push": Wordings(
        train=(
            "Push the {target} onto the {goal} mark.",
            "Push the {target} to the {goal} mark.",
            "Move the {target} onto the {goal} mark.",
            "Slide the {target} onto the {goal} mark.",
            "Slide the {target} to the {goal} circle.",
            "Push the {target} until it is on the {goal} circle.",
            "Bring the {target} to the {goal} mark by pushing.",
            "The {target} belongs on the {goal} mark; push it there.",
        ),
        held_out=(
            "Shove the {target} across to the {goal} spot.",
            "Nudge the {target} along until it covers the {goal} disc.",
            "Get the {target} over to the {goal} patch without lifting.",
            "Without picking anything up, shift the {target} to the {goal} area.",
        ),
    ),
    "pick_place": Wordings(
        train=(
            "Put the {target} on the {goal} plate.",
            "Place the {target} on the {goal} plate.",
            "Pick up the {target} and put it on the {goal} plate.",
            "Take the {target} and place it on the {goal} plate.",
            "Move the {target} to the {goal} plate.",
            "Lift the {target} onto the {goal} plate.",
            "Bring the {target} to the {goal} plate.",
            "The {target} goes on the {goal} plate.",
        ),
        held_out=(
            "Set the {target} down in the middle of the {goal} dish.",
            "Transfer the {target} to the {goal} dish.",
            "Grab the {target} and drop it off at the {goal} saucer.",
            "I want the {target} to rest on the {goal} saucer.",
        ),
    ),
    "stack": Wordings(
        train=(
            "Stack the {target} on the {goal}.",
            "Put the {target} on top of the {goal}.",
            "Place the {target} on the {goal}.",
            "Stack the {target} on top of the {goal}.",
            "Pick up the {target} and put it on the {goal}.",
            "Build a tower: the {target} on the {goal}.",
            "Set the {target} on the {goal}.",
            "The {target} goes on top of the {goal}.",
        ),
        held_out=(
            "Make a pile with the {goal} below and the {target} above.",
            "Balance the {target} upon the {goal}.",
            "Let the {goal} carry the {target}.",
            "Raise the {target} and leave it resting over the {goal}.",
        ),
    ),
    "sort_by_instruction": Wordings(
        train=(
            "Put every {target} thing on the {goal} plate.",
            "Put all {target} things on the {goal} plate.",
            "Place every {target} thing on the {goal} plate.",
            "Move all {target} things to the {goal} plate.",
            "Every {target} thing goes on the {goal} plate.",
            "Bring all the {target} things to the {goal} plate.",
            "Pick up every {target} thing and put it on the {goal} plate.",
            "All {target} things belong on the {goal} plate.",
        ),
        held_out=(
            "Gather whatever is {target} on the {goal} dish.",
            "Collect each {target} object in the {goal} dish.",
            "Clear the {target} objects away onto the {goal} saucer.",
            "Anything {target} should end up on the {goal} saucer.",
        ),
    ),
    "open_drawer": Wordings(
        train=(
            "Open the {target} drawer.",
            "Pull the {target} drawer open.",
            "Pull out the {target} drawer.",
            "Open the drawer with the {target} front.",
            "Please open the {target} drawer.",
            "Take the handle of the {target} drawer and pull.",
            "The {target} drawer should be open.",
            "Pull on the {target} drawer until it is open.",
        ),
        held_out=(
            "Slide out the compartment that is {target}.",
            "I need something from the {target} compartment; unlock a way in.",
            "Draw the {target} box out of the cabinet.",
            "Give me access to what the {target} tray holds.",
        ),
    ),
    "reveal_then_pick": Wordings(
        train=(
            "Find the {target} and pick it up.",
            "Pick up the {target}; it is under one of the covers.",
            "Look under the covers and lift the {target}.",
            "Find and lift the {target}.",
            "The {target} is hidden under a cover. Pick it up.",
            "Lift the cover over the {target}, then pick the {target} up.",
            "Search for the {target} and lift it.",
            "Take the {target} from under its cover and lift it.",
        ),
        held_out=(
            "Somewhere beneath these lids lies the {target}: fetch it.",
            "Uncover the {target} and raise it into the air.",
            "Which lid conceals the {target}? Grab what you discover.",
            "Dig out the {target} and hold it high.",
        ),
    ),
}
"""Task -> how it is asked for."""


def write_instruction(
    task: str,
    rng: np.random.Generator,
    *,
    paraphrases: bool,
    held_out: bool,
    fields: dict[str, str],
) -> str:
    """A task in words.

    Args:
        task: a key of `WORDINGS`.
        rng: chooses among the wordings.
        paraphrases: False always takes training's plain wording.
        held_out: whether to choose among the held-out wordings, whatever `paraphrases` says.
        fields: what stands for the braces.
    """
    wordings = WORDINGS[task]
    legal = wordings.held_out if held_out else wordings.train
    index = int(rng.integers(len(legal)))
    return legal[index if paraphrases or held_out else 0].format(**fields)
