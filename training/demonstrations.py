"""Demonstrations: an expert's episodes, with what it was about at every turn put into words.

A policy that drives by numbers says nothing. What it was doing is known to the simulator as the
task's stage, and is written beside each turn as two annotations: `subtask`, the stage, and
`rationale`, a sentence or two in the manner of a chain of thought. Neither names a place or a thing
that the instruction does not name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from training.checks import check_share
from training.episode import Episode
from training.traces import TraceConfig, draw_style

LABELS = ("subtask", "rationale")


@dataclass(kw_only=True)
class DemonstrationConfig:
    """Demonstrations by scripted experts.

    Attributes:
        name: of the dataset.
        env_ids: Gymnasium ids taken in turn, all configured as env is; empty for env.id alone.
        styles: how the expert acts -> its weight; each episode has one style.
        keep_unsolved: whether episodes that end without success are kept.
        keep_truth: whether the simulator's private truth lies beside each episode; it takes more
            space than all else but the pictures.
        rationale: whether what the expert is about is written beside each turn.
        max_failed_share: a larger share of broken episodes ends the run, in [0, 1].
    """

    name: str = "manipulation"
    env_ids: list[str] = field(default_factory=list)
    styles: dict[str, float] = field(default_factory=lambda: {"best": 1.0})
    keep_unsolved: bool = False
    keep_truth: bool = False
    rationale: bool = True
    max_failed_share: float = 0.01

    def check(self, prefix: str = "dataset.") -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        TraceConfig(name=self.name, styles=self.styles).check(prefix)
        check_share(self, prefix.rstrip("."), "max_failed_share")


def style_of(config: DemonstrationConfig, seed: int) -> str:
    """The style of the expert in the episode with this environment seed."""
    return draw_style(TraceConfig(name=config.name, styles=config.styles), seed)


def make_demonstration(episode: Episode, config: DemonstrationConfig) -> Episode:
    """An episode as it is kept: with its labels, and without the truth unless that is wanted."""
    labels = label_turns(episode) if config.rationale else {}
    annotations = {**episode.annotations, **labels}
    truth = episode.truth if config.keep_truth else None
    return replace(episode, annotations=annotations, truth=truth)


def label_turns(episode: Episode) -> dict[str, list[str]]:
    """The labels of an episode of actions, one text per turn.

    Returns:
        `subtask` and `rationale`; nothing for episodes of replies, which say what they think, and
        for worlds without stages.
    """
    truth = episode.truth
    if truth is None or any(turn.output.action is None for turn in episode.turns):
        return {}
    # What held when a turn was acted on is what the step before it left.
    seen = [truth.initial, *truth.turns][: len(episode.turns)]
    if not all({"stage", "stages", "instruction"} <= set(facts) for facts in seen):
        return {}
    return {
        "subtask": [str(facts["stage"]) for facts in seen],
        "rationale": [_rationale(facts) for facts in seen],
    }


def _rationale(facts: Mapping[str, Any]) -> str:
    """What is asked for, what is done of it, what to do now and what comes then."""
    stages: Sequence[str] = facts["stages"]
    now = stages.index(facts["stage"])
    said = [f'The task is: "{facts["instruction"]}"']
    if now > 0:
        said.append(f"Done so far: {', '.join(stages[:now])}.")
    said.append(f"Now: {stages[now]}.")
    if now + 1 < len(stages):
        said.append(f"Then: {', '.join(stages[now + 1 :])}.")
    return " ".join(said)
