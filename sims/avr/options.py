"""The lettered list: answers and actions together, and what each action does to the scene."""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np

from sims.avr.config import AvrConfig
from sims.avr.questions import Question
from sims.avr.scene import COLUMN_SPACING, REGION_NAMES, Scene

_MOVES = {
    # station after moving (or turning) from a station: (left, right)
    "move_viewer": {
        "front": ("half left", "half right"),
        "half left": ("half left", "front"),
        "half right": ("front", "half right"),
        "left side": ("left side", "half left"),
        "right side": ("half right", "right side"),
    },
    "rotate_viewer": {
        "front": ("left side", "right side"),
        "half left": ("left side", "right side"),
        "half right": ("left side", "right side"),
        "left side": ("left side", "front"),
        "right side": ("front", "right side"),
    },
}
SLIDE = COLUMN_SPACING / 2
"""How far Move Object slides an object sideways [m]."""
CLEARANCE = 1.35
"""Large objects whose centres are at least this far apart do not touch [m]."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something to do to the scene or the viewer.

    Attributes:
        kind: "pick", "move_viewer", "rotate_viewer" or "move_object".
        column: the column acted on, for pick and move_object; -1 otherwise.
        direction: "left" or "right", except for pick.
    """

    kind: str
    column: int = -1
    direction: str = ""


@dataclass(frozen=True, kw_only=True)
class OptionList:
    """The options of an episode.

    Attributes:
        texts: letter -> what the policy reads.
        answers: letter -> answer.
        actions: letter -> action.
    """

    texts: dict[str, str]
    answers: dict[str, str]
    actions: dict[str, Action]

    def letter_of(self, meaning: str | Action) -> str:
        """The letter of an answer or action on the list."""
        table: dict[str, str] | dict[str, Action] = (
            self.answers if isinstance(meaning, str) else self.actions
        )
        return next(letter for letter, value in table.items() if value == meaning)


def draw_options(config: AvrConfig, rng: np.random.Generator, question: Question) -> OptionList:
    """Answers and 5-8 actions, drawn without looking at the scene: the list gives nothing away."""
    actions = _draw_actions(config, rng)
    regions = REGION_NAMES[config.num_columns]
    meanings: list[str | Action] = [*question.answers, *actions]
    if config.shuffle_options:
        meanings = [meanings[i] for i in rng.permutation(len(meanings))]
    letters = string.ascii_uppercase[: len(meanings)]
    pairs = list(zip(letters, meanings, strict=True))
    return OptionList(
        texts={
            letter: m if isinstance(m, str) else action_text(m, regions, brief=config.brief)
            for letter, m in pairs
        },
        answers={letter: m for letter, m in pairs if isinstance(m, str)},
        actions={letter: m for letter, m in pairs if isinstance(m, Action)},
    )


def _draw_actions(config: AvrConfig, rng: np.random.Generator) -> list[Action]:
    """All picks that fit, then a random choice of the other actions, in a fixed order."""
    columns = range(config.num_columns)
    total = int(rng.integers(config.min_actions, config.max_actions + 1))
    picks = [Action(kind="pick", column=c) for c in columns][: total - 1]
    sides = ("left", "right")
    others = [Action(kind=kind, direction=side) for kind in _MOVES for side in sides]
    mover = int(rng.integers(config.num_columns))
    others.append(Action(kind="move_object", column=mover, direction=sides[int(rng.integers(2))]))
    chosen = sorted(rng.permutation(len(others))[: max(total - len(picks), 0)])
    return picks + [others[i] for i in chosen]


def action_text(action: Action, regions: tuple[str, ...], *, brief: bool) -> str:
    """What the policy reads, e.g. "[Pick] the front object on the left aside"."""
    region = regions[action.column] if action.column >= 0 else ""
    side = action.direction
    if brief:
        words = {
            "pick": f"[Pick] {region}",
            "move_viewer": f"[Move Viewer] {side}",
            "rotate_viewer": f"[Rotate Viewer] {side}",
            "move_object": f"[Move Object] {region} to {side}",
        }
        return words[action.kind]
    where = f"the front object of the {region} column"
    words = {
        "pick": f"[Pick] {where} and put it aside",
        "move_viewer": f"[Move Viewer] a step to the {side}",
        "rotate_viewer": f"[Rotate Viewer] around the scene, a quarter turn to the {side}",
        "move_object": f"[Move Object] slide {where} half a column to the {side}",
    }
    return words[action.kind]


def leads_to_front(action: Action, station: str) -> bool:
    """Whether an action takes the viewer from a station back to the front."""
    side = 0 if action.direction == "left" else 1
    return action.kind in _MOVES and _MOVES[action.kind][station][side] == "front"


def perform(action: Action, scene: Scene) -> bool:
    """Carry an action out on the scene, in place. Returns whether anything changed."""
    side = 0 if action.direction == "left" else 1
    if action.kind in _MOVES:
        before = scene.station
        scene.station = _MOVES[action.kind][before][side]
        return scene.station != before
    thing = scene.front_object(action.column)
    if thing is None:
        return False
    if action.kind == "pick":
        thing.present = False
        return True
    target = thing.x + (SLIDE if side else -SLIDE)
    others = (o for o in scene.objects if o.present and o is not thing)
    if any(abs(o.x - target) < CLEARANCE and abs(o.y - thing.y) < CLEARANCE for o in others):
        return False  # no room there
    thing.x = target
    return True
