"""Groups of episodes with what they earned, the families among them, and a step's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.episode import Episode
from training.rewards.compose import GroupReward
from training.rewards.records import family_of


@dataclass(frozen=True, kw_only=True)
class ScoredGroup:
    """A group with what it earned.

    Attributes:
        collected: all members that did not fail.
        reward: what they earned.
        episodes: the members to train on.
        advantages: per member to train on (turns,).
    """

    collected: list[Episode]
    reward: GroupReward
    episodes: list[Episode]
    advantages: list[np.ndarray]

    @property
    def family(self) -> str:
        """The family of a mixture that its episodes are of; their environment's id elsewhere."""
        return family_of(self.collected[0])


def rescale_families(groups: Sequence[ScoredGroup], *, eps: float = 1e-4) -> list[ScoredGroup]:
    """Divide the advantages of each family of a mixture by their spread, so that all families weigh
    alike whatever their rewards are made of. Ours.

    The spread is the root of the mean square over all turns of the family's groups: advantages are
    centred within their groups already.

    Args:
        groups: of one step, of one family or more.
        eps: added to the spread, >= 0.

    Returns:
        The same groups in the same order; a family without any signal keeps its zeros.
    """
    by_family: dict[str, list[np.ndarray]] = {}
    for group in groups:
        by_family.setdefault(group.family, []).extend(group.advantages)
    spreads = {
        family: float(np.sqrt(np.mean(np.concatenate(rows) ** 2)))
        for family, rows in by_family.items()
    }
    return [
        replace(group, advantages=[row / (spreads[group.family] + eps) for row in group.advantages])
        for group in groups
    ]


def measure_groups(tried: Sequence[ScoredGroup], kept: Sequence[ScoredGroup]) -> dict[str, float]:
    """Metrics of a step: over all groups that were tried, and apart for each family of a mixture.

    Args:
        tried: all groups that were collected.
        kept: those with signal.
    """
    metrics = {"signal_share": len(kept) / max(1, len(tried))}
    if not tried:
        return metrics
    metrics |= _means(tried)
    for name in tried[0].reward.terms:
        values = np.concatenate([group.reward.terms[name] for group in tried])
        metrics[f"reward/{name}"] = float(values.mean())
    families = sorted({group.family for group in tried})
    if len(families) > 1:
        for family in families:
            means = _means([group for group in tried if group.family == family])
            metrics |= {f"{family}/{name}": value for name, value in means.items()}
    return metrics


def _means(groups: Sequence[ScoredGroup]) -> dict[str, float]:
    episodes = [episode for group in groups for episode in group.collected]
    return {
        "reward": float(np.concatenate([group.reward.total for group in groups]).mean()),
        "success": float(np.mean([episode.success for episode in episodes])),
        "turns": float(np.mean([len(episode.turns) for episode in episodes])),
    }
