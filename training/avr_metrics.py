"""What active visual reasoning is judged by, each number with its standard error.

A *decision about looking* is every action, and every answer or void reply given while what had been
seen did not prove the answer. Shares of decisions are ratios over episodes: the decisions of one
episode are not independent, so standard errors treat each episode as one draw (the delta method;
Cochran, Sampling Techniques, 1977, section 2.11).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.episode import Episode
from training.statistics import mean_stderr

Cell = dict[str, float | int | None]
Row = dict[str, Cell]

ACTS = ("action", "look", "time")
"""Kinds of reply that act: in a scene; by choosing frames; by asking for a frame's number."""
GAINED = 1e-9
"""An entropy drop above this is no rounding [nats]."""


def acc_fa(episodes: Sequence[Episode]) -> Cell | None:
    """Share of right final answers (arXiv 2510.21111)."""
    return _mean([float(episode.success) for episode in episodes])


def acc_isj(episodes: Sequence[Episode]) -> Cell | None:
    """Share of first replies that judged rightly whether the first view suffices: an answer where
    it does, an action where it does not (arXiv 2510.21111); a void reply is wrong.
    """
    return _mean([float(judged_rightly(_turns(episode)[0])) for episode in episodes])


def acc_isj_balanced(episodes: Sequence[Episode]) -> Cell | None:
    """The same over all decisions, at every turn: the mean of the share judged rightly where what
    had been seen sufficed and of that where it did not, so that neither always acting nor always
    answering gets more than 0.5. None where one of the two never came up.
    """
    parts = []
    for sufficient in (False, True):
        decisions = [
            [turn for turn in _turns(episode) if turn["sufficient"] is sufficient]
            for episode in episodes
        ]
        rights = np.array([sum(map(judged_rightly, some)) for some in decisions], dtype=float)
        counts = np.array([len(some) for some in decisions], dtype=float)
        if not counts.sum():
            return None
        parts.append((rights, counts))
    return _mean_of_ratios(parts)


def igr(episodes: Sequence[Episode]) -> Cell | None:
    """Share of the decisions about looking that gained information by the paper's rule: the action
    un-hid what the question still hinged on (arXiv 2510.21111; its denominator is our reading).
    """
    return _share_of_decisions(episodes, lambda turn: bool(turn["gained"]))


def igr_entropy(episodes: Sequence[Episode]) -> Cell | None:
    """Share of the same decisions after which the answer was less uncertain than before."""
    if not all("entropy_drop" in turn for episode in episodes for turn in _turns(episode)):
        return None
    return _share_of_decisions(episodes, lambda turn: turn["entropy_drop"] > GAINED)


def information(episodes: Sequence[Episode]) -> Cell | None:
    """Of the uncertainty about the answer that the first view leaves, the share that the episode
    removed; over the episodes where it leaves any. Negative where the looks misled.
    """
    shares = []
    for episode in episodes:
        first = _initial(episode).get("entropy", 0.0)
        if first > GAINED:
            shares.append(sum(turn["entropy_drop"] for turn in _turns(episode)) / first)
    return _mean(shares)


def turns(episodes: Sequence[Episode]) -> Cell | None:
    """Replies per episode."""
    return _mean([float(len(episode.turns)) for episode in episodes])


def invalid(episodes: Sequence[Episode]) -> Cell | None:
    """Share of replies from which no choice could be read."""
    voids = [sum(t["kind"] == "invalid" for t in _turns(episode)) for episode in episodes]
    return ratio(voids, [len(_turns(episode)) for episode in episodes])


def path_efficiency(episodes: Sequence[Episode], optimal_turns: Sequence[int]) -> Cell | None:
    """Optimal turns / turns where the answer was right, at most 1; 0 where it was wrong: success
    weighted by path length (Anderson et al., arXiv 1807.06757).

    Args:
        episodes: any.
        optimal_turns: of each, what the planning expert needs.
    """
    return _mean(
        [
            float(episode.success) * min(1.0, optimum / len(episode.turns))
            for episode, optimum in zip(episodes, optimal_turns, strict=True)
        ]
    )


METRICS: dict[str, Callable[[Sequence[Episode]], Cell | None]] = {
    "acc_isj": acc_isj,
    "acc_isj_balanced": acc_isj_balanced,
    "igr": igr,
    "igr_entropy": igr_entropy,
    "acc_fa": acc_fa,
    "information": information,
    "invalid": invalid,
    "turns": turns,
}
"""Metric -> how it is computed from episodes, None where they say nothing about it."""


def judged_rightly(turn: dict[str, Any]) -> bool:
    """Whether a reply answered where what had been seen sufficed, and acted where it did not."""
    if turn["sufficient"]:
        return bool(turn["kind"] == "answer")
    return turn["kind"] in ACTS


def is_about_looking(turn: dict[str, Any]) -> bool:
    """Whether a reply was a decision about looking."""
    return turn["kind"] in ACTS or not turn["sufficient"]


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Cell | None:
    """Sum over sum, of episodes that are independent of each other.

    Returns:
        `mean` = sum(a) / sum(b); `stderr` by the delta method, None for one episode; `n` = sum(b).
        None where sum(b) is 0.
    """
    above, below = (np.asarray(values, dtype=float) for values in (numerators, denominators))
    return _mean_of_ratios([(above, below)]) if below.sum() else None


def _mean_of_ratios(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Cell:
    """The mean of several ratios of sums over the same episodes; n adds up their denominators."""
    ratios = [above.sum() / below.sum() for above, below in parts]
    # How far each episode pulls the result, to first order; these sum to 0.
    pulls = sum(
        (above - value * below) / below.sum() / len(parts)
        for value, (above, below) in zip(ratios, parts, strict=True)
    )
    count = len(parts[0][0])
    stderr = None
    if count > 1:
        stderr = math.sqrt(count / (count - 1) * float(np.square(pulls).sum()))
    total = sum(below.sum() for _, below in parts)
    return {"mean": float(np.mean(ratios)), "stderr": stderr, "n": round(total)}


def _share_of_decisions(
    episodes: Sequence[Episode], is_gain: Callable[[dict[str, Any]], bool]
) -> Cell | None:
    decisions = [[t for t in _turns(episode) if is_about_looking(t)] for episode in episodes]
    return ratio([sum(map(is_gain, some)) for some in decisions], [len(some) for some in decisions])


def _mean(values: Sequence[float]) -> Cell | None:
    return mean_stderr(values) if values else None


def _turns(episode: Episode) -> list[dict[str, Any]]:
    return [] if episode.truth is None else episode.truth.turns


def _initial(episode: Episode) -> dict[str, Any]:
    return {} if episode.truth is None else episode.truth.initial
