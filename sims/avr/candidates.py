"""The lettered list: answers and actions together.

The first list names the same kinds of action in every world of a kind, and marks are dealt at
random, so that its words tell nothing about what the picture shows: each device may be picked, one
of them opened, one pushed, and the viewer lifted or turned. Later lists go by what can be done: a
key to each device (the next of its handles, picked or opened), up or down, the quarter turns, then
others in random choice. Most lists hold several actions that show nothing new.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np

from sims.avr.actions import SIDES, Action
from sims.avr.config import AvrConfig
from sims.avr.things import Device
from sims.avr.world import World

OPENABLE = ("drawer", "shutter")
"""Parts that are opened and closed, as the ends of their names; all others are picked."""


@dataclass(frozen=True, kw_only=True)
class OptionList:
    """The options on offer at one turn.

    Attributes:
        texts: letter -> what the policy reads.
        answers: letter -> answer; the same all through an episode.
        actions: letter -> action.
    """

    texts: dict[str, str]
    answers: dict[str, str]
    actions: dict[str, Action]

    def letter_of(self, meaning: str | Action) -> str:
        """The letter of an answer or action on the list. Raises `KeyError` for any other."""
        table: dict[str, str] | dict[str, Action] = (
            self.answers if isinstance(meaning, str) else self.actions
        )
        for letter, value in table.items():
            if value == meaning:
                return letter
        raise KeyError(f"{meaning!r} is not on the list: {self.texts}")


def deal_letters(offer: tuple[str, ...], rng: np.random.Generator | None) -> dict[str, str]:
    """Letters for the answers: among the first 8 more than there are answers, or (None) the first.

    An answer keeps its letter through the episode; actions take the letters between.
    """
    letters = string.ascii_uppercase[: len(offer) + 5]
    chosen = range(len(offer)) if rng is None else rng.permutation(len(letters))[: len(offer)]
    pairs = {letters[int(i)]: answer for i, answer in zip(chosen, offer, strict=True)}
    return dict(sorted(pairs.items()))


def make_list(
    answers: dict[str, str],
    actions: list[Action],
    names: dict[str, str],
    *,
    brief: bool,
    rng: np.random.Generator | None,
) -> OptionList:
    """One list of answers and actions.

    Args:
        answers: letter -> answer.
        actions: what can be done, in their natural order.
        names: body name -> what a target is called.
        brief: short texts.
        rng: deals the letters of the actions; None keeps their order.
    """
    free = [letter for letter in string.ascii_uppercase if letter not in answers]
    order = range(len(actions)) if rng is None else rng.permutation(len(actions))
    dealt = {letter: actions[int(i)] for letter, i in zip(free, order, strict=False)}
    texts = {**answers, **{k: action.words(names, brief=brief) for k, action in dealt.items()}}
    return OptionList(texts=dict(sorted(texts.items())), answers=answers, actions=dealt)


def draw_candidates(config: AvrConfig, world: World, rng: np.random.Generator) -> list[Action]:
    """5 to 8 actions for the world as it stands.

    Returns:
        Different actions: the key to each device, up or down, the quarter turns as far as there is
        room, then others in random choice.
    """
    count = int(rng.integers(config.min_actions, config.max_actions + 1))
    lift = "up" if world.station.elevation == "low" else "down"
    chosen = [key_action(device, world) for device in world.layout.devices]
    if config.offer_lift:
        chosen.append(Action(kind="move_viewer", direction=lift))
    turns = [Action(kind="rotate_viewer", direction=side) for side in SIDES]
    others = [a for a in _other_actions(world) if a not in chosen and a not in turns]
    for pool in (turns, others):
        room = max(count - len(chosen), 0)
        chosen += [pool[i] for i in sorted(rng.permutation(len(pool))[:room])]
    return chosen


def draw_first_candidates(
    config: AvrConfig, world: World, rng: np.random.Generator, *, with_open: bool
) -> list[Action]:
    """As many actions as may be on offer, for a world at its start; the kinds are always the same.

    Args:
        config: gives how many.
        world: has the devices; each is named by its first handle alone.
        rng: all randomness.
        with_open: whether one of them is offered to be opened, be it a drawer or not.
    """
    handles = [device.handles[0] for device in world.layout.devices]
    chosen = [Action(kind="pick", target=name) for name in handles]
    if config.offer_lift:
        chosen.append(Action(kind="move_viewer", direction="up"))
    drawers = [name for name in handles if is_openable(name)] or handles
    opened, pushed = (names[int(rng.integers(len(names)))] for names in (drawers, handles))
    side = SIDES[int(rng.integers(2))]
    others = [Action(kind="rotate_viewer", direction=turn) for turn in SIDES]
    others.append(Action(kind="move_object", target=pushed, direction=side))
    if with_open:
        chosen.append(Action(kind="open", target=opened))
    else:
        others.append(Action(kind="move_viewer", direction=SIDES[int(rng.integers(2))]))
    return chosen + others[: config.max_actions - len(chosen)]


def key_action(device: Device, world: World) -> Action:
    """What to do next about a device: deal with the first handle that has not been dealt with."""
    for name in device.handles:
        if name not in world.picked and not (is_openable(name) and _was_opened(name, world)):
            return Action(kind="open" if is_openable(name) else "pick", target=name)
    last = device.handles[-1]
    return Action(kind="close" if is_openable(last) else "pick", target=last)


def is_openable(name: str) -> bool:
    """Whether a body is one to open, by its name; what is laid open from the start is, too."""
    return name.rsplit(":", 1)[-1].rstrip("0123456789") in OPENABLE


def _was_opened(name: str, world: World) -> bool:
    """Whether the policy has opened it; what stood open at first still looks like one to open."""
    body = world.body(name)
    return bool(world.is_open(name)) and body is not None and not body.is_open


def _other_actions(world: World) -> list[Action]:
    """Everything else that can be tried, in a fixed order."""
    steps = [Action(kind="move_viewer", direction=side) for side in SIDES]
    handles = [name for device in world.layout.devices for name in device.handles]
    solid = [name for name in handles if not is_openable(name) and name not in world.picked]
    pushes = [Action(kind="move_object", target=n, direction=side) for n in solid for side in SIDES]
    picks = [Action(kind="pick", target=name) for name in solid]
    closes = [
        Action(kind="close", target=n) for n in handles if is_openable(n) and _was_opened(n, world)
    ]
    return steps + pushes + picks + closes
