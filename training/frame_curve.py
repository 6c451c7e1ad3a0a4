"""Accuracy as a function of the frame budget, and whether one policy is no worse than another.

Policies are compared on the same questions: the differences of single questions vary less than two
means do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from training.episode import Episode
from training.rewards.terms import final_answer
from training.rewards.video_terms import frames_used
from training.statistics import mean_stderr

Measure = Callable[[Sequence[Episode]], np.ndarray]
"""One number per episode, (G,), as the per-episode reward terms give."""


@dataclass(frozen=True, kw_only=True)
class BudgetPoint:
    """One policy at one frame budget.

    Attributes:
        budget: most frames that an episode may show, those of the first scan included.
        mean: share of the questions that were answered rightly.
        stderr: of that share; None for one episode.
        n: episodes; failed ones are left out.
        frames_used: mean number of frames that an episode showed.
    """

    budget: int
    mean: float
    stderr: float | None
    n: int
    frames_used: float


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """New less reference, over questions that both were asked.

    Attributes:
        mean: of the differences.
        stderr: standard error of that mean.
        lower, upper: one-sided bounds: the true mean is above `lower` with the given confidence,
            and below `upper` with the same.
        n: pairs.
    """

    mean: float
    stderr: float
    lower: float
    upper: float
    n: int

    def is_no_worse(self, margin: float = 0.02) -> bool:
        """Whether new is not inferior: it is lower by less than `margin`, with the confidence of
        the bounds.
        """
        return self.lower > -margin

    def is_lower(self) -> bool:
        """Whether new is lower, with the confidence of the bounds."""
        return self.upper < 0


def accuracy_by_budget(episodes: Mapping[int, Sequence[Episode]]) -> list[BudgetPoint]:
    """The curve of one policy.

    Args:
        episodes: frame budget -> what the policy played under it.

    Returns:
        One point per budget, in ascending order.

    Raises:
        ValueError: where a budget is below 1, or no episode of a budget is whole.
    """
    return [_point(budget, episodes[budget]) for budget in sorted(episodes)]


def paired_difference(
    new: Sequence[Episode],
    reference: Sequence[Episode],
    *,
    measure: Measure = final_answer,
    confidence: float = 0.95,
) -> PairedDifference:
    """Mean difference of two policies on the same questions, with bounds from the normal
    distribution: mean -+ z s / sqrt(n), s the standard deviation of the differences.

    Args:
        new, reference: episodes of the same seeds, in any order.
        measure: what is compared: whether the answer is right, or another per-episode term.
        confidence: of each bound alone, in (0.5, 1).

    Raises:
        ValueError: for other seeds, a seed that stands for two questions, or fewer than 2 pairs in
            which neither episode failed.
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; legal: above 0.5 and below 1")
    pairs = pair_episodes(new, reference)
    if len(pairs) < 2:
        raise ValueError(f"{len(pairs)} pairs of whole episodes; a comparison needs at least 2")
    ours, theirs = zip(*pairs, strict=True)
    differences = measure(ours) - measure(theirs)
    mean = float(differences.mean())
    stderr = float(differences.std(ddof=1)) / math.sqrt(len(pairs))
    reach = NormalDist().inv_cdf(confidence) * stderr
    return PairedDifference(
        mean=mean, stderr=stderr, lower=mean - reach, upper=mean + reach, n=len(pairs)
    )


def pair_episodes(
    new: Sequence[Episode], reference: Sequence[Episode]
) -> list[tuple[Episode, Episode]]:
    """Episodes of the same question side by side, in the order of `new`; pairs in which one failed
    are left out.

    Raises:
        ValueError: where the seeds are not the same, each once, or a seed stands for two questions.
    """
    ours, theirs = ({episode.seed: episode for episode in some} for some in (new, reference))
    if ours.keys() != theirs.keys() or len(ours) < len(new) or len(theirs) < len(reference):
        raise ValueError(
            f"{len(new)} episodes of {len(ours)} seeds and {len(reference)} of {len(theirs)}, of "
            f"which {len(ours.keys() & theirs.keys())} are common; a paired comparison needs the "
            "same seeds, each once"
        )
    pairs = [(episode, theirs[episode.seed]) for episode in new]
    for one, other in pairs:
        if _question(one) != _question(other):
            raise ValueError(
                f"seed {one.seed} is question {_question(one)!r} in one list and "
                f"{_question(other)!r} in the other"
            )
    return [pair for pair in pairs if all(episode.failure is None for episode in pair)]


def _point(budget: int, episodes: Sequence[Episode]) -> BudgetPoint:
    if budget < 1:
        raise ValueError(f"frame budget {budget}; legal: at least 1")
    whole = [episode for episode in episodes if episode.failure is None]
    if not whole:
        raise ValueError(f"frame budget {budget} has no whole episode among {len(episodes)}")
    right = final_answer(whole)
    return BudgetPoint(
        budget=budget,
        mean=float(right.mean()),
        stderr=_stderr(right),
        n=len(whole),
        frames_used=float(frames_used(whole).mean()),
    )


def _stderr(values: np.ndarray) -> float | None:
    return mean_stderr(values)["stderr"]


def _question(episode: Episode) -> object:
    """What tells questions apart; None where the truth does not name them."""
    return None if episode.truth is None else episode.truth.initial.get("question_id")
