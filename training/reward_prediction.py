"""How well a reward predicts success, rollout by rollout: ROC curves and the areas under them.

An area is the chance that of two rollouts, one that succeeded and one that did not, the reward is
higher for the one that did; ties count half. Rollouts from one start are not independent of each
other, so that standard errors take each start as one draw: to first order, the area moves by the
sum of what the rollouts of a start pull at it (for starts of one rollout each, DeLong's variance;
for more, Obuchowski's; Biometrics 44, 1988, and 53, 1997).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.avr_metrics import Cell, ratio
from training.statistics import mean_stderr


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """What became of rollouts, and what rewards said of them.

    Attributes:
        starts: (N,), the seed that each began with.
        successes: bool (N,).
        rewards: name -> finite numbers (N,).
    """

    starts: np.ndarray
    successes: np.ndarray
    rewards: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        count = len(self.starts)
        for name, values in {"successes": self.successes, **self.rewards}.items():
            if np.shape(values) != (count,):
                raise ValueError(f"{name} has shape {np.shape(values)}; expected ({count},)")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} has values that are not finite")

    def where(self, chosen: np.ndarray) -> Rollouts:
        """Those where `chosen`, bool (N,), holds."""
        return Rollouts(
            starts=self.starts[chosen],
            successes=self.successes[chosen],
            rewards={name: values[chosen] for name, values in self.rewards.items()},
        )


@dataclass(frozen=True, kw_only=True)
class RocCurve:
    """Shares of failures and of successes that a threshold lets pass, from the strictest on.

    Attributes:
        false_rates: (K,), from 0 to 1, never falling.
        true_rates: (K,), the same.
    """

    false_rates: np.ndarray
    true_rates: np.ndarray


def roc_curve(scores: np.ndarray, successes: np.ndarray) -> RocCurve:
    """One point per distinct score; tied rollouts pass together.

    Raises:
        ValueError: where all rollouts ended alike.
    """
    check_both(successes)
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    passed = np.cumsum(successes[order])[ends]
    wrong = ends + 1 - passed
    return RocCurve(
        false_rates=np.concatenate([[0.0], wrong / wrong[-1]]),
        true_rates=np.concatenate([[0.0], passed / passed[-1]]),
    )


def area(scores: np.ndarray, successes: np.ndarray, starts: np.ndarray) -> Cell:
    """Area under the ROC curve.

    Args:
        scores: (N,), what predicts success.
        successes: bool (N,), at least one of each kind.
        starts: (N,), which rollouts belong together.

    Returns:
        `mean`, the area in [0, 1], 0.5 for a score that tells nothing; `stderr`, None for one
        start; `n` rollouts.

    Raises:
        ValueError: where all rollouts ended alike.
    """
    value, pulls = _area_and_pulls(scores, successes)
    return {"mean": value, "stderr": _spread(pulls, starts), "n": len(scores)}


def area_difference(
    first: np.ndarray, second: np.ndarray, successes: np.ndarray, starts: np.ndarray
) -> Cell:
    """Area of the first score less that of the second, over the same rollouts; as `area`."""
    (one, pulls), (other, others) = (_area_and_pulls(some, successes) for some in (first, second))
    return {"mean": one - other, "stderr": _spread(pulls - others, starts), "n": len(first)}


def area_within_starts(
    scores: np.ndarray, successes: np.ndarray, starts: np.ndarray
) -> Cell | None:
    """The same chance for two rollouts from one start: what a reward tells an algorithm that
    compares rollouts within groups, whatever makes some starts easier than others.

    Returns:
        As `area`, where `n` counts pairs; None where no start has both a success and a failure.
    """
    rights, counts = [], []
    for start in np.unique(starts):
        chosen = starts == start
        won, lost = scores[chosen & successes], scores[chosen & ~successes]
        if len(won) and len(lost):
            rights.append(float(_wins(won, lost).sum()))
            counts.append(float(len(won) * len(lost)))
    return ratio(rights, counts) if counts else None


def prediction_row(rollouts: Rollouts, name: str) -> dict[str, Cell]:
    """A table row about one reward: `auc`, `auc_within`, `success` (of the rollouts) and the mean
    reward where they `earned_by_success` and where they `earned_by_failure`.

    Cells that the rollouts do not tell are left out.
    """
    scores, won = rollouts.rewards[name], rollouts.successes
    row: dict[str, Cell | None] = {"success": mean_stderr(won) if len(won) else None}
    if won.any() and not won.all():
        row["auc"] = area(scores, won, rollouts.starts)
        row["auc_within"] = area_within_starts(scores, won, rollouts.starts)
    for label, chosen in (("earned_by_success", won), ("earned_by_failure", ~won)):
        row[label] = mean_stderr(scores[chosen]) if chosen.any() else None
    return {key: cell for key, cell in row.items() if cell is not None}


def check_both(successes: np.ndarray) -> None:
    """Raise `ValueError` unless there are successes and failures."""
    count = int(np.sum(successes))
    if not 0 < count < len(successes):
        raise ValueError(
            f"{count} of {len(successes)} rollouts succeeded; what predicts success shows only "
            "where some do and some do not"
        )


def _area_and_pulls(scores: np.ndarray, successes: np.ndarray) -> tuple[float, np.ndarray]:
    """The area, and how far each rollout pulls it, (N,); the pulls sum to 0."""
    check_both(successes)
    wins = _wins(scores[successes], scores[~successes])
    value = float(wins.mean())
    pulls = np.zeros(len(scores))
    pulls[successes] = (wins.mean(axis=1) - value) / wins.shape[0]
    pulls[~successes] = (wins.mean(axis=0) - value) / wins.shape[1]
    return value, pulls


def _wins(won: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """(W, L): 1 where a success has more than a failure, 0.5 where they have the same."""
    return (won[:, None] > lost) + 0.5 * (won[:, None] == lost)


def _spread(pulls: np.ndarray, starts: np.ndarray) -> float | None:
    """Standard error of a sum of pulls, each start one draw."""
    _, member = np.unique(starts, return_inverse=True)
    sums = np.bincount(member, weights=pulls)
    count = len(sums)
    if count < 2:
        return None
    return math.sqrt(count / (count - 1) * float(np.square(sums).sum()))
