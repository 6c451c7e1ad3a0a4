"""Terms for tables: how often a policy looks, and what its looks are, by the truth about each (see
`training.rewards.looking`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.episode import Episode
from training.rewards.looking import CORRECT, ERRONEOUS, REDUNDANT, relevance
from training.rewards.records import turn_truths


def num_looks(group: Sequence[Episode]) -> np.ndarray:
    """Looks at something, whatever they show; oracles that answer in words are none."""
    return np.array([float(len(_kinds(episode, "num_looks"))) for episode in group])


def looked(group: Sequence[Episode]) -> np.ndarray:
    """1 where an episode has a look, else 0: a mark for `EvaluationConfig.terms`."""
    return np.array([float(bool(_kinds(episode, "looked"))) for episode in group])


def looks_correct(group: Sequence[Episode]) -> np.ndarray:
    """Share of an episode's looks that show evidence still needed; 0 without looks."""
    return _shares(group, CORRECT, "looks_correct")


def looks_redundant(group: Sequence[Episode]) -> np.ndarray:
    """Share of an episode's looks that show only evidence known before; 0 without looks."""
    return _shares(group, REDUNDANT, "looks_redundant")


def looks_erroneous(group: Sequence[Episode]) -> np.ndarray:
    """Share of an episode's looks that show no evidence; 0 without looks."""
    return _shares(group, ERRONEOUS, "looks_erroneous")


def _shares(group: Sequence[Episode], kind: str, term: str) -> np.ndarray:
    looks = [_kinds(episode, term) for episode in group]
    return np.array([some.count(kind) / len(some) if some else 0.0 for some in looks])


def _kinds(episode: Episode, term: str) -> list[str]:
    """What each look of an episode is."""
    found = [
        relevance(episode, truth, min_overlap=0.0, min_covered=0.0, term=term)
        for truth in turn_truths(episode)
    ]
    return [kind for kind in found if kind is not None]
