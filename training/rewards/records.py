"""What reward terms read of an episode, and clear errors where it is not there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from training.episode import Episode

Truth = Mapping[str, Any]


def family_of(episode: Episode) -> str:
    """Which family of a mixture an episode is of; its environment's id elsewhere."""
    truth = {} if episode.truth is None else episode.truth.initial
    return str(truth.get("family", episode.env_id))


def turn_truths(episode: Episode) -> list[dict[str, Any]]:
    """What the environment knew after each reply, oldest first.

    Raises:
        ValueError: where a turn has no truth.
    """
    if episode.truth is None or len(episode.truth.turns) != len(episode.turns):
        raise ValueError(f"episode {episode.episode_id} has no truth for each of its turns")
    return episode.truth.turns


def last_truth(episode: Episode) -> Truth:
    """What the environment knew at the end: that of the reset where nothing was replied."""
    turns = turn_truths(episode)
    assert episode.truth is not None  # checked with the turns
    return turns[-1] if turns else episode.truth.initial


def read_film_truth(episode: Episode, truth: Truth, key: str, *, term: str) -> Any:
    """One key of a truth of the film environment; its value may be None.

    Raises:
        ValueError: where the key is missing, as in the truth of any other environment; it names the
            term.
    """
    if key not in truth:
        raise ValueError(
            f"reward term {term!r} needs {key!r} in the truth of episode {episode.episode_id}; its "
            f"environment, {episode.env_id}, does not tell it: the term is for films "
            "(Video/Spotlight-v0)"
        )
    return truth[key]


def read_annotation(episode: Episode, name: str, *, term: str) -> float:
    """A number that an annotation pass has left in an episode.

    Raises:
        ValueError: where it is missing, or no finite number; it names the pass to run.
    """
    if name not in episode.annotations:
        raise ValueError(
            f"reward term {term!r} needs the annotation {name!r}, which episode "
            f"{episode.episode_id} lacks: run training.annotations.annotate(episodes, "
            f"[{name!r}], tools) before the rewards"
        )
    value = episode.annotations[name]
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    raise ValueError(
        f"annotation {name!r} of episode {episode.episode_id} is {value!r}; reward term {term!r} "
        "needs a finite number"
    )


def interval_overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Length of what two intervals (start, end) share, 0 or more; 0 for a reversed one [s]."""
    return max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
