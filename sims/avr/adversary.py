"""A search for ways to be paid for nothing: loops of actions whose gains add up to more than what
was newly seen.

A walk is a sequence of actions from an episode's start. The search keeps the walks with the best
score, makes each longer by every action on the list, and goes on (a beam search).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sims.avr.env import AvrEnv

ROUNDING = 3
"""Decimals of positions [m] to which two states of the world must agree to be the same."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where a walk stands.

    Attributes:
        state: what tells this state of world and viewer from others.
        num_known: places seen so far.
        entropy: of the belief about the answer [nats].
        drop: `entropy_drop` of the action that led here [nats]; 0 at the start.
        logprob_gain: the same for `logprob_gain`.
        expected: `expected_gain` of that action [nats]; 0 at the start.
    """

    state: tuple[Any, ...]
    num_known: int
    entropy: float
    drop: float
    logprob_gain: float
    expected: float


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A sequence of actions and what it was worth.

    Attributes:
        letters: the actions, as they stood on the lists.
        moments: the start, and what followed each action.
        options: letters of the actions now on the list.
        env_state: from `AvrEnv.get_state`.
    """

    letters: tuple[str, ...]
    moments: tuple[Moment, ...]
    options: tuple[str, ...]
    env_state: dict[str, Any]


Score = Callable[[Walk], float]


def total_drop(walk: Walk) -> float:
    """The sum of all entropy drops [nats]."""
    return sum(moment.drop for moment in walk.moments)


def overpaid(walk: Walk) -> float:
    """How far the drops add up to more than the entropy at the start less that at the end; 0 if
    they telescope [nats].
    """
    return total_drop(walk) - (walk.moments[0].entropy - walk.moments[-1].entropy)


def best_loop(walk: Walk) -> float:
    """The largest sum of entropy drops between two moments at which the world stood the same and
    as much had been seen [nats]; -inf for a walk without such a loop.
    """
    paid = np.cumsum([moment.drop for moment in walk.moments])
    keys = [(moment.state, moment.num_known) for moment in walk.moments]
    return max(
        (
            float(paid[last] - paid[first])
            for last in range(len(keys))
            for first in range(last)
            if keys[first] == keys[last]
        ),
        default=-np.inf,
    )


def paid_when_proven(walk: Walk) -> float:
    """Everything that was paid, in entropy, log-probability or expectation, once an answer had been
    proven: the sum of absolute values [nats].
    """
    paid = 0.0
    for before, after in zip(walk.moments, walk.moments[1:], strict=False):
        if before.entropy <= 0:
            paid += abs(after.drop) + abs(after.logprob_gain) + abs(after.expected)
    return paid


def idle_expectation(walk: Walk) -> float:
    """The sum of the expected gains of actions that then showed no new place [nats]: what a reward
    for expected gain pays for nothing.
    """
    steps = zip(walk.moments, walk.moments[1:], strict=False)
    return sum(after.expected for before, after in steps if after.num_known == before.num_known)


def start_walk(env: AvrEnv, seed: int) -> Walk:
    """The walk of no actions."""
    _, info = env.reset(seed=seed)
    return _walk(env, (), (_moment(env, info),))


def extend_walk(env: AvrEnv, walk: Walk, letter: str) -> Walk:
    """One action more."""
    if env.get_state() != walk.env_state:
        env.set_state(walk.env_state)
    info = env.step(f"<action>{letter}</action>")[4]
    return _walk(env, (*walk.letters, letter), (*walk.moments, _moment(env, info)))


def search(env: AvrEnv, seed: int, score: Score, *, depth: int, width: int) -> list[Walk]:
    """Look for the walk with the highest score.

    Args:
        env: the environment; its `max_turns` must be above `depth`.
        seed: of the episode.
        score: what is to be large.
        depth: actions of the longest walks.
        width: how many walks are made longer at each step.

    Returns:
        Every walk that was tried, the best first.
    """
    tried = beam = [start_walk(env, seed)]
    for _ in range(depth):
        longer = [extend_walk(env, walk, letter) for walk in beam for letter in walk.options]
        tried = tried + longer
        beam = sorted(longer, key=score, reverse=True)[:width]
    return sorted(tried, key=score, reverse=True)


def wander(env: AvrEnv, seed: int, rng: np.random.Generator, *, depth: int) -> Walk:
    """A walk of random actions, many of them taken back at once: look away and back, open and
    close.
    """
    walk = start_walk(env, seed)
    while len(walk.letters) < depth:
        back = _way_back(env, walk.options)
        letters = back if back and rng.random() < 0.5 else walk.options
        walk = extend_walk(env, walk, letters[int(rng.integers(len(letters)))])
    return walk


def _way_back(env: AvrEnv, options: Sequence[str]) -> Sequence[str]:
    """The options that undo the last action."""
    done = env.knowledge.actions[-1:]
    if not done or done[0] is None:
        return ()
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up", "": ""}
    kinds = {"open": "close", "close": "open"}
    last = done[0]
    return [
        letter
        for letter in options
        if (action := env.knowledge.options.actions[letter]).target == last.target
        and action.kind == kinds.get(last.kind, last.kind)
        and action.direction == opposite[last.direction]
    ]


def _walk(env: AvrEnv, letters: tuple[str, ...], moments: tuple[Moment, ...]) -> Walk:
    return Walk(
        letters=letters,
        moments=moments,
        options=tuple(env.knowledge.options.actions),
        env_state=env.get_state(),
    )


def _moment(env: AvrEnv, info: dict[str, Any]) -> Moment:
    truth, state = info["truth"], env.world.get_state()
    acted = truth["kind"] == "action"
    return Moment(
        state=(
            tuple(np.round(state["qpos"], ROUNDING).tolist()),
            tuple(state["picked"]),
            tuple(sorted(state["open"].items())),
            tuple(state["station"]),
        ),
        num_known=len(env.knowledge.known),
        entropy=truth["entropy"],
        drop=truth["entropy_drop"] if acted else 0.0,
        logprob_gain=truth["logprob_gain"] if acted else 0.0,
        expected=truth["expected_gain"] or 0.0 if acted else 0.0,
    )
