"""The first list of options: its words tell nothing about the world."""

from __future__ import annotations

from collections import Counter

import numpy as np

from sims.avr.candidates import draw_first_candidates
from sims.avr.config import AvrConfig
from sims.avr.marks import MAX_MARK, deal_marks
from sims.avr.scene_types import SCENE_TYPES
from tests.sims.staging import draw_world

CONFIG = AvrConfig()


def pattern(scene_type: str, seed: int, hide: float) -> tuple[tuple[str, int], ...]:
    """The kinds on the list, with how many there are of each."""
    world = draw_world(scene_type, seed, hide=hide)
    rng = np.random.default_rng(7)
    actions = draw_first_candidates(CONFIG, world, rng, with_open=True)
    return tuple(sorted(Counter(action.kind for action in actions).items()))


def test_the_same_kinds_in_every_world_hidden_or_not() -> None:
    patterns = {pattern(n, 0, hide) for n in SCENE_TYPES for hide in (0.0, 1.0)}
    assert len(patterns) == 1


def test_every_device_may_be_picked_and_all_actions_differ() -> None:
    rng = np.random.default_rng(0)
    for name in SCENE_TYPES:
        world = draw_world(name, 1)
        actions = draw_first_candidates(CONFIG, world, rng, with_open=False)
        assert len(set(actions)) == len(actions)
        assert CONFIG.min_actions <= len(actions) <= CONFIG.max_actions
        picked = [action.target for action in actions if action.kind == "pick"]
        assert picked == [device.handles[0] for device in world.layout.devices]


def test_marks_are_dealt_from_one_range_whatever_there_is_to_mark() -> None:
    rng = np.random.default_rng(0)
    few = [number for _ in range(2000) for number in deal_marks(["a", "b", "c"], rng).values()]
    assert min(few) == 1
    assert max(few) == MAX_MARK
    counts = np.bincount(few)[1:]
    assert abs(counts / counts.mean() - 1).max() < 0.25
    for name, scene_type in SCENE_TYPES.items():
        handles = [n for d in draw_world(name, 0).layout.devices for n in d.handles]
        assert len(handles) <= MAX_MARK, scene_type.name
