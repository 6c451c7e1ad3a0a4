"""Reward terms: plain functions of a group of finished episodes.

A term returns one number per episode, ndarray (G,), or one number per turn, a list of G arrays
(turns,). It has no weight in it. The name of the function is its name in configuration and in the
logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from policies.replies import read_reply
from training.avr_metrics import ACTS
from training.episode import Episode
from training.rewards import (
    annotation_terms,
    consistency_terms,
    drawing_terms,
    evidence_terms,
    length_terms,
    look_shares,
    look_terms,
    manipulation_terms,
    pointing_terms,
    tool_incentive_terms,
    video_terms,
)
from training.rewards.records import turn_truths

TermValues = np.ndarray | list[np.ndarray]
RewardTerm = Callable[..., TermValues]
"""Takes a group, and its parameters by name: numbers, each with a default."""

ROUNDING = 1e-9
"""Expected gains below this are rounding [nats]."""


def final_answer(group: Sequence[Episode]) -> np.ndarray:
    """1 where the task was solved, else 0."""
    return np.array([float(episode.success) for episode in group])


def reply_format(group: Sequence[Episode]) -> np.ndarray:
    """Share of an episode's replies that are `<think>...</think>` and one answer or action
    tag, in [0, 1].
    """
    return np.array(
        [
            np.mean([read_reply(turn.output.text or "").well_formed for turn in episode.turns])
            for episode in group
        ]
    )


def information_gain(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: 1 where the action showed something that the question hinges on, else 0.

    The un-occlusion rule of CLEVR-AVR (arXiv 2510.21111, metric IGR), judged by the simulator.
    """
    return [np.array([float(turn.get("gained", False)) for turn in turn_truths(e)]) for e in group]


def needless_action(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: 1 where the policy acted, or looked on, although what it had seen proved the
    answer. Weigh it negatively.
    """
    return [np.array([float(_is_needless(turn)) for turn in turn_truths(e)]) for e in group]


def num_turns(group: Sequence[Episode]) -> np.ndarray:
    """Replies given. Weigh it negatively for economy."""
    return np.array([float(len(episode.turns)) for episode in group])


def entropy_drop(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: what the new picture took off the entropy of the exact belief about the answer
    [nats].

    Signed, since a look may leave an observer less sure. The sum over an episode is the entropy at
    its start less that at its end, whatever was done between: no loop of actions gains anything.
    """
    return [np.array([_number(e, turn, "entropy_drop") for turn in turn_truths(e)]) for e in group]


def truth_logprob_gain(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: what the new picture added to the log-probability that the exact belief gives the
    right answer [nats]. Signed, and it telescopes like `entropy_drop`.
    """
    return [np.array([_number(e, turn, "logprob_gain") for turn in turn_truths(e)]) for e in group]


def expected_gain(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: the entropy drop that was to be expected of the chosen action [nats], 0 or more; 0
    for answers and void replies.

    It pays for the choice, whatever luck made of it, and never for looking once the answer is
    proven. It is a forecast, so unlike `entropy_drop` it may be earned again where an action fails
    to show what it should have.
    """
    return [np.array([_expected_gain(e, turn) for turn in turn_truths(e)]) for e in group]


def relative_gain(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: the expected gain of the chosen action over that of the best one on the list, in
    [0, 1]; 0 where no action on the list is expected to gain anything, and for answers and void
    replies. Ours. A forecast, as `expected_gain` is.
    """
    return [np.array(_relative_gains(episode)) for episode in group]


def _expected_gain(episode: Episode, turn: dict[str, Any]) -> float:
    if turn.get("kind") not in ACTS:
        return 0.0
    if turn.get("expected_gain") is None:
        raise ValueError(_no_forecast(episode))
    return float(turn["expected_gain"])


def _relative_gains(episode: Episode) -> list[float]:
    turns = turn_truths(episode)
    assert episode.truth is not None  # checked with the turns
    # A truth holds the list that its own picture comes with: the reply to it is the next turn.
    lists = [before.get("expected_gains") for before in (episode.truth.initial, *turns)]
    values = []
    for turn, gains in zip(turns, lists, strict=False):
        gain = _expected_gain(episode, turn)
        if turn.get("kind") == "action" and not gains:
            raise ValueError(_no_forecast(episode))
        best = max((gains or {}).values(), default=0.0)
        values.append(gain / best if best > ROUNDING else 0.0)
    return values


def _number(episode: Episode, turn: dict[str, Any], name: str) -> float:
    if turn.get(name) is None:
        raise ValueError(
            f"the truth of episode {episode.episode_id} has no {name!r}: its environment, "
            f"{episode.env_id}, keeps no belief about the answer (those of AVR/ do)"
        )
    return float(turn[name])


def _no_forecast(episode: Episode) -> str:
    return (
        f"the truth of episode {episode.episode_id} has no expected gains: set "
        'env.config.foresee=true and env.config.action_form="lettered"'
    )


def _is_needless(turn: dict[str, Any]) -> bool:
    return turn.get("kind") in ACTS and bool(turn.get("sufficient", False))


REWARD_TERMS: dict[str, RewardTerm] = {
    term.__name__: term
    for term in (
        final_answer,
        reply_format,
        information_gain,
        entropy_drop,
        truth_logprob_gain,
        expected_gain,
        relative_gain,
        needless_action,
        num_turns,
        length_terms.overlong,
        length_terms.text_bonus,
        look_terms.look_alignment,
        look_terms.look_bonus,
        look_terms.salience_overlap,
        look_terms.seen_enough,
        look_terms.tool_necessity,
        look_shares.num_looks,
        look_shares.looked,
        look_shares.looks_correct,
        look_shares.looks_redundant,
        look_shares.looks_erroneous,
        tool_incentive_terms.curiosity,
        tool_incentive_terms.curiosity_code,
        tool_incentive_terms.calls_beyond,
        tool_incentive_terms.last_call_held,
        tool_incentive_terms.group_aware_order,
        pointing_terms.cites_point,
        pointing_terms.distinct_calls,
        pointing_terms.grounded_points,
        drawing_terms.relative_accuracy,
        drawing_terms.partly_right,
        drawing_terms.drew,
        drawing_terms.redrew,
        drawing_terms.drawn_on_evidence,
        drawing_terms.acts_first,
        drawing_terms.answers_last,
        video_terms.well_formed,
        video_terms.format_penalty,
        video_terms.length_bonus,
        video_terms.temporal_iou,
        video_terms.temporal_iou_edges,
        video_terms.frames_used,
        video_terms.frame_economy,
        video_terms.evidence_seen,
        evidence_terms.evidence_fraction,
        evidence_terms.evidence_fraction_ours,
        consistency_terms.consistent,
        consistency_terms.chose_frames,
        consistency_terms.asked_time,
        consistency_terms.asked_named_time,
        annotation_terms.causal_sufficiency,
        annotation_terms.semantic_consistency,
        annotation_terms.temporal_order,
        manipulation_terms.vla_r1_format,
        manipulation_terms.region_iou,
        manipulation_terms.region_giou,
        manipulation_terms.region_giou_scaled,
        manipulation_terms.region_point_in_box,
        manipulation_terms.region_sharp,
        manipulation_terms.region_salience,
        manipulation_terms.region_detection,
        manipulation_terms.trajectory_alaf,
        manipulation_terms.trajectory_frechet,
        manipulation_terms.trajectory_dtw,
        manipulation_terms.trajectory_hausdorff,
        manipulation_terms.trajectory_rmse,
        manipulation_terms.trajectory_end,
        manipulation_terms.trajectory_sharp,
        manipulation_terms.asked_for_box,
        manipulation_terms.asked_for_path,
        manipulation_terms.success_once,
        manipulation_terms.progress,
        manipulation_terms.progress_gain,
        manipulation_terms.execution_reached,
    )
}
"""Name in configuration -> term."""
