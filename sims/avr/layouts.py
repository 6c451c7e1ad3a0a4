"""Draws worlds: which devices stand in the columns, what lies open, which sides are walled off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sims.avr.devices import DeviceDraw
from sims.avr.scene_types import SCENE_TYPES, DeviceMaker, SceneType
from sims.avr.things import COLUMN_X, OPEN_SPOTS, WALL_SIDES, Layout, Place
from sims.avr.vocabulary import ATTRIBUTE_VALUES

OPEN_SPOT_JITTER = 0.1
"""How far a place in the open is from its spot, at most, in x and in y [m]."""


def draw_layout(
    rng: np.random.Generator,
    scene_type: str,
    *,
    hide: Sequence[bool],
    wall_probability: float = 0.3,
    vocabulary: Mapping[str, Sequence[str]] = ATTRIBUTE_VALUES,
    num_open_places: int = 3,
) -> Layout:
    """Draw a world of a scene type, without its small things.

    Args:
        rng: source of all its randomness.
        scene_type: a name in `SCENE_TYPES`.
        hide: for each column, from left to right, whether its device hides its place.
        wall_probability: of a wall, for each side of the world by itself, in [0, 1].
        vocabulary: attribute -> values that large objects may take.
        num_open_places: places in the open, 0 to 3.

    Raises:
        ValueError: for settings that no world has.
    """
    check_layout_settings(scene_type, hide, num_open_places)
    makers = _choose_makers(rng, SCENE_TYPES[scene_type])
    devices = tuple(
        make(DeviceDraw(rng=rng, column=column, hides=bool(hides), vocabulary=vocabulary))
        for column, (make, hides) in enumerate(zip(makers, hide, strict=True))
    )
    return Layout(
        scene_type=scene_type,
        devices=devices,
        open_places=_draw_open_places(rng, num_open_places),
        walls=tuple(side for side in WALL_SIDES if rng.random() < wall_probability),
    )


def check_layout_settings(scene_type: str, hide: Sequence[bool], num_open_places: int) -> None:
    """Raise `ValueError` where no layout can be drawn with these settings."""
    if scene_type not in SCENE_TYPES:
        raise ValueError(f"scene_type is {scene_type!r}; choose from {', '.join(SCENE_TYPES)}")
    if len(hide) != len(COLUMN_X):
        raise ValueError(f"hide has {len(hide)} entries; give one per column ({len(COLUMN_X)})")
    if not 0 <= num_open_places <= len(OPEN_SPOTS):
        raise ValueError(f"num_open_places is {num_open_places}; choose 0 to {len(OPEN_SPOTS)}")


def _choose_makers(rng: np.random.Generator, scene_type: SceneType) -> list[DeviceMaker]:
    """One maker per column: each of a composite type's at least once, others as they come."""
    makers = list(scene_type.makers)
    extra = len(COLUMN_X) - len(makers) if scene_type.kind == "composite" else len(COLUMN_X)
    drawn = [makers[int(len(makers) * rng.random())] for _ in range(extra)]
    if scene_type.kind != "composite":
        return drawn
    chosen = makers + drawn
    return [chosen[index] for index in rng.permutation(len(chosen))]


def _draw_open_places(rng: np.random.Generator, count: int) -> tuple[Place, ...]:
    """`count` of the spots in the open, named from left to right."""
    spots = sorted(OPEN_SPOTS[index] for index in rng.permutation(len(OPEN_SPOTS))[:count])
    return tuple(
        Place(name=f"open{index}", pos=(x + _jitter(rng), y + _jitter(rng), 0.0))
        for index, (x, y) in enumerate(spots)
    )


def _jitter(rng: np.random.Generator) -> float:
    return OPEN_SPOT_JITTER * (2.0 * float(rng.random()) - 1.0)
