"""Reward terms about what a policy looks at, by the truth about every look (see
`training.rewards.looking`): they work in scenes, in photographs and in films.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.episode import Episode
from training.rewards.looking import (
    CORRECT,
    ERRONEOUS,
    REDUNDANT,
    needs_look,
    num_calls,
    read_look_truth,
    relevance,
    shown_pieces,
    shows,
)
from training.rewards.records import last_truth, turn_truths


def look_alignment(
    group: Sequence[Episode],
    *,
    correct: float = 1.0,
    redundant: float = -0.25,
    erroneous: float = -0.5,
    min_overlap: float = 0.0,
    min_covered: float = 0.0,
) -> list[np.ndarray]:
    """Per turn: `correct` for a look that shows evidence still needed, `redundant` for one that
    shows only evidence known before, `erroneous` for one that shows none; 0 without a look.

    The division is that of ViRL (Visual Rationale Learning); its reward is not public, so the
    numbers and the thresholds are ours.

    Args:
        group: episodes.
        correct, redundant, erroneous: what a look of each kind is worth.
        min_overlap: a piece of evidence counts only in a look of this IoU with it or more.
        min_covered: and only where this share of it or more was looked at.
    """
    worth = {CORRECT: correct, REDUNDANT: redundant, ERRONEOUS: erroneous, None: 0.0}
    return [
        np.array(
            [
                worth[
                    relevance(
                        episode,
                        truth,
                        min_overlap=min_overlap,
                        min_covered=min_covered,
                        term="look_alignment",
                    )
                ]
                for truth in turn_truths(episode)
            ]
        )
        for episode in group
    ]


def look_bonus(
    group: Sequence[Episode],
    *,
    each: float = 0.5,
    most: float = 0.5,
    min_overlap: float = 0.0,
    min_covered: float = 0.0,
) -> np.ndarray:
    """min(`most`, `each` x valid looks): the region reward of VLM-R3 (arXiv 2505.16192). Gate it by
    `final_answer`, as the paper does.

    A look is valid where it was carried out, so its box could be read and lies in the picture, and
    where it shows a piece of evidence: the latter is our reading, with the truth for the paper's
    judge.
    """
    return np.array(
        [min(most, each * _num_valid(e, min_overlap, min_covered, "look_bonus")) for e in group]
    )


def salience_overlap(group: Sequence[Episode]) -> np.ndarray:
    """sum of w IoU / sum of w over the pieces of evidence, in [0, 1], where IoU is the best of any
    look that shows the piece and w its salience; 0 without looks.

    Ours, in the spirit of GRiP (Guiding the Inner Eye), whose salience-weighted IoU is not public.
    """
    return np.array([_salient_overlap(episode) for episode in group])


def seen_enough(group: Sequence[Episode]) -> np.ndarray:
    """1 where what had been seen before the last reply decides the answer, else 0.

    For a gate: the right answer for the right visual reason. Ours.

    Raises:
        ValueError: where the environment does not know, as for films without named evidence.
    """
    return np.array([_seen_enough(episode) for episode in group])


def tool_necessity(
    group: Sequence[Episode],
    *,
    used: float = 1.0,
    spared: float = 1.0,
    needless: float = -0.5,
    missed: float = -1.0,
) -> np.ndarray:
    """`used` or `missed` where the first view leaves the answer open and the policy did or did not
    look on; `spared` or `needless` where it does not and the policy answered at once or did not.

    In the sense of Look Less, Reason More (RGRL), which estimates the need from rollouts with and
    without tools; here it is known. Its constants are not public, so these are ours.
    """
    return np.array([_necessity(e, used, spared, needless, missed) for e in group])


def _seen_enough(episode: Episode) -> float:
    sufficient = read_look_truth(episode, last_truth(episode), "sufficient", term="seen_enough")
    if sufficient is None:
        raise ValueError(
            f"reward term 'seen_enough' needs to know what evidence there is; the question of "
            f"episode {episode.episode_id} of {episode.env_id} names none"
        )
    return float(sufficient)


def _necessity(
    episode: Episode, used: float, spared: float, needless: float, missed: float
) -> float:
    looked = num_calls(episode) > 0
    if needs_look(episode, term="tool_necessity"):
        return used if looked else missed
    return needless if looked else spared


def _num_valid(episode: Episode, min_overlap: float, min_covered: float, term: str) -> int:
    """How many looks show evidence."""
    looks = [shown_pieces(episode, truth, term=term) or [] for truth in turn_truths(episode)]
    return sum(
        any(shows(piece, min_overlap=min_overlap, min_covered=min_covered) for piece in pieces)
        for pieces in looks
    )


def _salient_overlap(episode: Episode) -> float:
    term = "salience_overlap"
    looks = [shown_pieces(episode, truth, term=term) for truth in turn_truths(episode)]
    per_piece = list(zip(*(pieces for pieces in looks if pieces), strict=True))
    weights = [float(views[0]["salience"]) for views in per_piece]
    if not sum(weights):
        return 0.0
    best = [max(v["overlap"] if v["shown"] else 0.0 for v in views) for views in per_piece]
    return float(np.dot(weights, best) / sum(weights))
