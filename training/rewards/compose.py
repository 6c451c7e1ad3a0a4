"""Puts reward terms together as a configuration says: weights, gates, products, parameters, and
one sum per episode and turn.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.episode import Episode
from training.rewards.records import family_of
from training.rewards.terms import REWARD_TERMS, RewardTerm, TermValues


@dataclass(kw_only=True)
class RewardTermConfig:
    """One term of the reward.

    Attributes:
        weight: factor of the term in the sum.
        gate: name of a per-episode term; the term counts only in episodes where that one is above
            0.5. None for no gate.
        scale: name of a per-episode term that this one is multiplied by. None for no product.
        params: name -> number, for terms that take parameters; what is left out keeps its default.
        families: of a mixture (`Saccade/Mixture-v0`), in whose episodes alone the term counts; it
            is 0 in those of others, and reads nothing of them. Empty for all episodes.
    """

    weight: float = 1.0
    gate: str | None = None
    scale: str | None = None
    params: dict[str, float] = field(default_factory=dict)
    families: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class RewardConfig:
    """The whole reward.

    Attributes:
        terms: name -> how it counts. Per-episode terms add up to the outcome, per-turn terms to
            the reward of each turn. Empty stands for `final_answer` alone.
    """

    terms: dict[str, RewardTermConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Not a default of the field: a configuration file's terms would be added to it.
        self.terms = self.terms or {"final_answer": RewardTermConfig()}

    def check(self, known: dict[str, RewardTerm] | None = None) -> None:
        """Raise `ValueError` naming an unknown term, gate, scale or parameter, or a number that is
        not finite.
        """
        table = REWARD_TERMS if known is None else known
        for name, term in self.terms.items():
            for used in (name, term.gate, term.scale):
                if used is not None and used not in table:
                    raise ValueError(
                        f"reward term {used!r} is unknown; legal: {', '.join(sorted(table))}"
                    )
            _check_numbers(f"reward.terms.{name}", term, table[name])

    def used_terms(self) -> list[str]:
        """All terms that are computed, those of gates and scales included; each once."""
        parts = [(name, term.gate, term.scale) for name, term in self.terms.items()]
        return list(dict.fromkeys(name for names in parts for name in names if name is not None))


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
        logged[name] = np.zeros(len(group))
        members = [i for i, episode in enumerate(group) if _counts_in(term, episode)]
        if not members:
            continue
        chosen = [group[i] for i in members]
        values = table[name](chosen, **term.params)
        _check_values(name, values, chosen)
        factor = _factors(term, chosen, table)
        if isinstance(values, np.ndarray):
            outcome[members] += factor * values
            logged[name][members] = values
        else:
            for i, weight, earned in zip(members, factor, values, strict=True):
                turns[i] += weight * earned
                logged[name][i] = earned.sum()
    return GroupReward(outcome=outcome, turns=turns, terms=logged)


def _counts_in(term: RewardTermConfig, episode: Episode) -> bool:
    return not term.families or family_of(episode) in term.families


def _factors(
    term: RewardTermConfig, group: Sequence[Episode], table: Mapping[str, RewardTerm]
) -> np.ndarray:
    """(G,): what the values of a term are multiplied by in each episode."""
    factors = np.full(len(group), term.weight)
    if term.gate is not None:
        factors = factors * (_per_episode("gate", term.gate, group, table) > 0.5)
    if term.scale is not None:
        factors = factors * _per_episode("scale", term.scale, group, table)
    return factors


def _per_episode(
    role: str, name: str, group: Sequence[Episode], table: Mapping[str, RewardTerm]
) -> np.ndarray:
    values = table[name](group)
    _check_values(name, values, group)
    if isinstance(values, np.ndarray):
        return values
    raise ValueError(
        f"reward term {name!r} gives numbers per turn; a {role} needs one per episode, such as "
        "final_answer"
    )


def _check_numbers(place: str, config: RewardTermConfig, term: RewardTerm) -> None:
    """Raise `ValueError` naming a number that is not finite or a parameter that does not exist."""
    named = {"weight": config.weight} | {f"params.{k}": v for k, v in config.params.items()}
    for name, value in named.items():
        if not math.isfinite(value):
            raise ValueError(f"{place}.{name} is {value}; it must be finite")
    if not config.params:
        return
    known = inspect.signature(term).parameters.values()
    legal = [p.name for p in known if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in config.params:
        if name not in legal:
            raise ValueError(
                f"{place}.params.{name} is unknown; legal: {', '.join(legal) or 'none'}"
            )


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
