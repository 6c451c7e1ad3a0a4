"""The moments that a robot's film shows: every action, what the cameras saw while it was carried
out where somebody watched, and the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from training.episode import Episode
from training.film_view import FilmView, make_view

Pictures = tuple[np.ndarray, ...]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A moment while an action is carried out.

    Attributes:
        row: which action of the turn's chunk that is, from 0.
        pictures: of the cameras, uint8 (H, W, 3) each, as a turn's.
        truth: of the moment, as an environment's `info["truth"]`; may be empty.
    """

    row: int
    pictures: Pictures
    truth: Mapping[str, Any]


@dataclass(kw_only=True)
class Motion:
    """What the cameras saw of an episode and the record does not hold: the policy was not shown it.

    Attributes:
        shots: per turn, in order.
        last: pictures after the last turn; empty where they are not known.
    """

    shots: list[list[Shot]] = field(default_factory=list)
    last: Pictures = ()


def motion_views(
    episode: Episode,
    *,
    held: int,
    short: int,
    motion: Motion | None = None,
    **options: Any,
) -> Iterator[tuple[FilmView, int]]:
    """What a film shows, and for how many frames.

    Where actions are numbers, a turn lasts as many frames as its chunk has rows; where they are
    words, there is time to read them before the hand moves.

    Args:
        episode: a robot's, with at least one turn.
        held: frames for reading a reply, and for the outcome.
        short: frames for a look at the start.
        motion: what else the cameras saw.
        options: as of `make_view`.
    """
    motion = motion or Motion()
    for turn, one in enumerate(episode.turns):
        action = one.output.action
        speaks = action is None
        if speaks or turn == 0:
            yield make_view(episode, turn, stage="before", **options), short
        shots = motion.shots[turn] if turn < len(motion.shots) else []
        num_rows = 1 if action is None else len(np.atleast_2d(action))
        still = 1 if shots else num_rows
        for row in range(still):
            view = make_view(episode, turn, stage="after", row=row, **options)
            yield view, held if speaks else 1
        yield from _shot_views(episode, turn, shots, options)
    view = make_view(episode, len(episode.turns) - 1, stage="end", row=num_rows - 1, **options)
    yield replace(view, pictures=motion.last or view.pictures), held


def _shot_views(
    episode: Episode, turn: int, shots: Sequence[Shot], options: Mapping[str, Any]
) -> Iterator[tuple[FilmView, int]]:
    for shot in shots:
        view = make_view(
            episode, turn, stage="after", row=shot.row, moment=shot.truth or None, **options
        )
        yield replace(view, pictures=shot.pictures), 1
