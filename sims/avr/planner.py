"""Which action is worth most, under the exact belief and what is foreseen.

`best_gain` looks one step ahead, and further only where no single step would show anything: open
the drawer, then look. `plan` always looks several steps ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sims.avr.actions import Action
from sims.avr.candidates import is_openable
from sims.avr.foresight import Foresight
from sims.avr.knowledge import Knowledge
from sims.avr.viewer import Station
from sims.avr.world import World

HORIZON = 3
"""How many steps `plan` looks ahead."""
BEAM = 12
"""How many beginnings of a plan are followed to its last step."""
NOTHING = 1e-9
"""Gains below this are rounding [nats]."""

Plan = tuple[Action, ...]


def best_gain(knowledge: Knowledge, foresight: Foresight) -> Plan:
    """The plan whose last step is expected to gain most, among the shortest that gain anything.

    Returns:
        Its steps, the first of them on offer; () where nothing within `HORIZON` would show
        anything.
    """
    plans: list[Plan] = [(action,) for action in knowledge.options.actions.values()]
    value = _valuer(knowledge, foresight)
    for depth in range(1, HORIZON + 1):
        values = [value(plan) for plan in plans]
        best = max(values, default=0.0)
        if best > NOTHING:
            equals = [plan for plan, v in zip(plans, values, strict=True) if v > best - NOTHING]
            return min(equals, key=lambda plan: _idleness(plan, best, value))
        if depth < HORIZON:
            plans = [(*plan, step) for plan in plans for step in _next_steps(plan, foresight)]
    return ()


def plan(knowledge: Knowledge, foresight: Foresight) -> Plan:
    """The plan of `HORIZON` steps that knows most soonest: the sum over its steps of the expected
    gain so far is largest.

    Returns:
        Its steps, the first of them on offer; () where nothing within reach would show anything.
    """
    value = _valuer(knowledge, foresight)
    scored: list[tuple[float, Plan]] = [(0.0, ())]
    for depth in range(HORIZON):
        longer = [
            (score, (*steps, step))
            for score, steps in scored
            for step in (
                _next_steps(steps, foresight) if steps else knowledge.options.actions.values()
            )
        ]
        scored = [(score + value(steps), steps) for score, steps in longer]
        if depth:
            scored = sorted(scored, key=lambda pair: -pair[0])[:BEAM]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, ()))
    return best[1] if best[0] > NOTHING else ()


def _idleness(plan: Plan, gain: float, value: Callable[[Plan], float]) -> int:
    """0 where the first step is needed for what comes after it; 1 where it merely passes the time
    by moving the viewer, 2 where it meddles with the world to no end.
    """
    if len(plan) == 1 or value(plan[1:]) < gain - NOTHING:
        return 0
    return 1 if plan[0].moves_viewer else 2


def _valuer(knowledge: Knowledge, foresight: Foresight) -> Callable[[Plan], float]:
    """Plan -> expected gain of all that it would show [nats]."""
    gains: dict[frozenset[str], float] = {}

    def value(steps: Plan) -> float:
        shown = foresight.shows(steps, knowledge.known)
        if shown not in gains:
            gains[shown] = knowledge.belief.expected_gain(knowledge.known, shown)
        return gains[shown]

    return value


def _next_steps(done: Sequence[Action], foresight: Foresight) -> list[Action]:
    """What may be worth doing after some steps, whether or not it will be on the list."""
    world = foresight.world
    station = _station_after(done, world.station)
    lift = "up" if station.elevation == "low" else "down"
    steps = [Action(kind="move_viewer", direction=side) for side in ("left", "right", lift)]
    steps += [Action(kind="rotate_viewer", direction=side) for side in ("left", "right")]
    touched = {action.target for action in done}
    return steps + [action for action in _deeds(world) if action.target not in touched]


def _deeds(world: World) -> list[Action]:
    """Every handle that is still there to be picked or opened."""
    handles = [name for device in world.layout.devices for name in device.handles]
    return [
        Action(kind="open" if is_openable(name) else "pick", target=name)
        for name in handles
        if name not in world.picked and not world.is_open(name)
    ]


def _station_after(actions: Sequence[Action], station: Station) -> Station:
    for action in actions:
        if action.moves_viewer:
            move = station.moved if action.kind == "move_viewer" else station.rotated
            station = move(action.direction)
    return station
