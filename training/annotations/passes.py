"""The named annotation passes, and what runs those that a reward needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from policies.interface import Policy
from training.annotations.semantics import SemanticScorer, annotate_cosines
from training.annotations.sufficiency import annotate_shuffled, annotate_sufficiency
from training.episode import Episode
from training.rewards.annotation_terms import ANNOTATIONS
from training.rewards.compose import RewardConfig

Tool = TypeVar("Tool")


@dataclass(frozen=True, kw_only=True)
class AnnotationTools:
    """What the passes work with. A pass that lacks its tool says so.

    Attributes:
        greedy_policy: the policy under training at temperature 0; asked by "causal_sufficiency".
        sampling_policy: the same at the temperature of its rollouts; asked by "shuffled_correct".
        scorer: how near a text is to pictures; asked by "semantic_cosine".
        sampling_seed: the run's seed of the sampling noise.
    """

    greedy_policy: Policy | None = None
    sampling_policy: Policy | None = None
    scorer: SemanticScorer | None = None
    sampling_seed: int = 0


AnnotationPass = Callable[[Sequence[Episode], AnnotationTools], None]


def causal_sufficiency(episodes: Sequence[Episode], tools: AnnotationTools) -> None:
    """See `sufficiency.annotate_sufficiency`."""
    policy = _needed(tools.greedy_policy, "causal_sufficiency", "greedy_policy")
    annotate_sufficiency(episodes, policy)


def shuffled_correct(episodes: Sequence[Episode], tools: AnnotationTools) -> None:
    """See `sufficiency.annotate_shuffled`."""
    policy = _needed(tools.sampling_policy, "shuffled_correct", "sampling_policy")
    annotate_shuffled(episodes, policy, sampling_seed=tools.sampling_seed)


def semantic_cosine(episodes: Sequence[Episode], tools: AnnotationTools) -> None:
    """See `semantics.annotate_cosines`."""
    annotate_cosines(episodes, _needed(tools.scorer, "semantic_cosine", "scorer"))


ANNOTATION_PASSES: dict[str, AnnotationPass] = {
    one.__name__: one for one in (causal_sufficiency, semantic_cosine, shuffled_correct)
}
"""Name of an annotation -> the pass that fills it in."""


def annotate(episodes: Sequence[Episode], names: Sequence[str], tools: AnnotationTools) -> None:
    """Run passes over finished episodes; each fills in the annotation of its name.

    Failed episodes are left alone. An episode that a pass cannot do is marked as failed at the
    stage "reward", so count failures after this.

    Args:
        episodes: any; those of a whole step at once make the largest batches.
        names: of `ANNOTATION_PASSES`.
        tools: what the passes work with.

    Raises:
        ValueError: for an unknown name, or a pass without its tool.
    """
    for name in names:
        if name not in ANNOTATION_PASSES:
            raise ValueError(
                f"unknown annotation {name!r}; legal: {', '.join(sorted(ANNOTATION_PASSES))}"
            )
    for name in names:
        ANNOTATION_PASSES[name]([e for e in episodes if e.failure is None], tools)


def annotations_needed(reward: RewardConfig) -> list[str]:
    """Names of the annotations that the terms of a reward read, gates and scales included."""
    return [ANNOTATIONS[term] for term in reward.used_terms() if term in ANNOTATIONS]


def _needed(tool: Tool | None, annotation: str, field: str) -> Tool:
    if tool is None:
        raise ValueError(f"annotation {annotation!r} needs AnnotationTools.{field}, which is None")
    return tool
