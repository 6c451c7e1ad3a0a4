"""Puts reward terms together as a configuration says: weights, gates, and one sum per
episode and turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from training.episode import Episode
from training.rewards.terms import REWARD_TERMS, RewardTerm, TermValues


@dataclass(kw_only=True)
class RewardTermConfig:
    """One term of the reward.

    Attributes:
        weight: factor of the term in the sum.
        gate: name of a per-episode term; the term counts only in episodes where that one is above
            0.5. None for no gate.
    """

    weight: float = 1.0
    gate: str | None = None


@dataclass(kw_only=True)
class RewardConfig:
    """The whole reward.

    Attributes:
        terms: name -> weight and gate. Per-episode terms add up to the outcome, per-turn terms to
            the reward of each turn.
    """

    terms: dict[str, RewardTermConfig] = field(
        default_factory=lambda: {"final_answer": RewardTermConfig()}
    )

    def check(self, known: dict[str, RewardTerm] | None = None) -> None:
        """Raise `ValueError` naming an unknown term or gate, or a weight that is no number."""
        table = REWARD_TERMS if known is None else known
        for name, term in self.terms.items():
            for used in (name, term.gate):
                if used is not None and used not in table:
                    raise ValueError(
                        f"reward term {used!r} is unknown; legal: {', '.join(sorted(table))}"
                    )
            if not math.isfinite(term.weight):
                raise ValueError(f"reward.terms.{name}.weight is {term.weight}; it must be finite")


@dataclass(frozen=True, kw_only=True)
class GroupReward:
    """What a group earned.

    Attributes:
        outcome: (G,), the weighted sum of the per-episode terms.
        turns: per episode (turns,), the weighted sum of the per-turn terms.
        terms: name -> (G,), unweighted; per-turn terms are summed over the episode.
    """

    outcome: np.ndarray
    turns: list[np.ndarray]
    terms: dict[str, np.ndarray]

    @property
    def total(self) -> np.ndarray:
        """(G,): outcome plus the sum over turns."""
        return self.outcome + np.array([values.sum() for values in self.turns])

    def take(self, members: Sequence[int]) -> GroupReward:
        """What these members of the group earned."""
        chosen = list(members)
        return GroupReward(
            outcome=self.outcome[chosen],
            turns=[self.turns[i] for i in chosen],
            terms={name: values[chosen] for name, values in self.terms.items()},
        )


def reward_group(
    group: Sequence[Episode],
    config: RewardConfig,
    known: dict[str, RewardTerm] | None = None,
) -> GroupReward:
    """Score a group of finished episodes.

    Args:
        group: episodes without failure.
        config: the composition.
        known: name -> term; None for the suite's own.

    Raises:
        ValueError: where a term gives a wrong shape or a number that is not finite; nothing is
            turned to 0.
    """
    table = REWARD_TERMS if known is None else known
    outcome = np.zeros(len(group))
    turns = [np.zeros(len(episode.turns)) for episode in group]
    logged: dict[str, np.ndarray] = {}
    for name, term in config.terms.items():
        values = table[name](group)
        _check_values(name, values, group)
        gate = np.ones(len(group))
        if term.gate is not None:
            gate = (np.asarray(table[term.gate](group)) > 0.5).astype(float)
        if isinstance(values, np.ndarray):
            outcome = outcome + term.weight * gate * values
            logged[name] = values
        else:
            turns = [t + term.weight * g * v for t, g, v in zip(turns, gate, values, strict=True)]
            logged[name] = np.array([v.sum() for v in values])
    return GroupReward(outcome=outcome, turns=turns, terms=logged)


def _check_values(name: str, values: TermValues, group: Sequence[Episode]) -> None:
    if isinstance(values, np.ndarray):
        got: object = values.shape
        wanted: object = (len(group),)
        flat = values
    else:
        got = [len(value) for value in values]
        wanted = [len(episode.turns) for episode in group]
        flat = np.concatenate(values) if values else np.zeros(0)
    if got != wanted:
        raise ValueError(f"reward term {name!r} gave shape {got}; expected {wanted}")
    if not np.isfinite(flat).all():
        bad = flat[~np.isfinite(flat)][0]
        raise ValueError(f"reward term {name!r} gave {bad}; rewards must be finite")
