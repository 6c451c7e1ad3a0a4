"""Reward terms about the answers to questions about films, and what finding them took.

Terms are plain functions of a group of episodes, as in `training.rewards.terms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from policies.replies import read_reply
from training.episode import Episode
from training.rewards.records import interval_overlap, last_truth, read_film_truth


def well_formed(group: Sequence[Episode]) -> np.ndarray:
    """1 where every reply of the episode is `<think>...</think>` and one answer or action tag, and
    none was void to its environment, else 0.
    """
    return np.array([float(_is_well_formed(episode)) for episode in group])


def format_penalty(group: Sequence[Episode]) -> np.ndarray:
    """-1 where an episode is not `well_formed`, else 0: the form reward of REVISOR's code
    (arXiv 2511.13026).
    """
    return well_formed(group) - 1.0


def length_bonus(
    group: Sequence[Episode], *, shortest: float = 320, longest: float = 512
) -> np.ndarray:
    """1 where the policy sampled from `shortest` to `longest` tokens in the episode, both included,
    else 0; gate it by `final_answer` (the code of Video-R1 and of VideoRFT, arXiv 2505.12434).

    Raises:
        ValueError: where the policy has no tokens.
    """
    lengths = np.array([_num_tokens(episode) for episode in group])
    return ((lengths >= shortest) & (lengths <= longest)).astype(float)


def temporal_iou(group: Sequence[Episode]) -> np.ndarray:
    """Intersection over union of the stretch that was answered and the right one, in [0, 1]: the
    best over right ones, 0 where no stretch was answered or asked for.

    Temporal-R1 (arXiv 2506.01908) divides by the length from the first start to the last end, which
    is the union wherever the two meet and does not matter where they do not.
    """
    return np.array(
        [
            max((_iou(predicted, gold) for gold in golds), default=0.0)
            for predicted, golds, _ in _stretches(group, "temporal_iou")
        ]
    )


def temporal_iou_edges(group: Sequence[Episode]) -> np.ndarray:
    """IoU * (1 - |start error| / length of film) * (1 - |end error| / length of film), in [0, 1]:
    the best over right stretches.

    Time-R1, after a third party's note; not checked against the paper.
    """
    return np.array(
        [
            max((_iou(predicted, gold) * _edges(predicted, gold, t) for gold in golds), default=0.0)
            for predicted, golds, t in _stretches(group, "temporal_iou_edges")
        ]
    )


def frames_used(group: Sequence[Episode]) -> np.ndarray:
    """Frames shown in the episode, those of the first scan included. Weigh it negatively."""
    return np.array([_at_end(episode, "num_frames_used", "frames_used") for episode in group])


def frame_economy(group: Sequence[Episode]) -> np.ndarray:
    """Share of the frame budget that is left at the end, in [0, 1]. Ours. Gate it by
    `final_answer`: looking at nothing is no virtue where the answer is wrong.

    Raises:
        ValueError: where the environment has no frame budget.
    """
    return np.array([_share_left(episode) for episode in group])


def evidence_seen(group: Sequence[Episode]) -> np.ndarray:
    """Share of the evidence stretches of which some frame was shown, in [0, 1]; 0 where the set
    names no evidence. Ours.
    """
    seen = [
        read_film_truth(e, last_truth(e), "evidence_seen", term="evidence_seen") or []
        for e in group
    ]
    return np.array([float(np.mean([bool(s) for s in flags])) if flags else 0.0 for flags in seen])


def _is_well_formed(episode: Episode) -> bool:
    replies = [read_reply(turn.output.text or "") for turn in episode.turns]
    truths = [] if episode.truth is None else episode.truth.turns
    void = any(truth.get("kind") == "invalid" for truth in truths)
    return all(reply.well_formed for reply in replies) and not void


def _num_tokens(episode: Episode) -> int:
    replies = [turn.output.reply_ids for turn in episode.turns]
    if any(ids is None for ids in replies):
        raise ValueError(
            f"reward term 'length_bonus' counts tokens, and the policy of episode "
            f"{episode.episode_id} has none"
        )
    return sum(len(ids) for ids in replies if ids is not None)


def _stretches(group: Sequence[Episode], term: str) -> list[tuple[Any, list[Any], float]]:
    """Per episode: the stretch answered or None, the right ones, and the film's length [s]."""
    rows = []
    for episode in group:
        truth = last_truth(episode)
        keys = ("predicted_interval", "gold_intervals", "duration_seconds")
        predicted, golds, length = (read_film_truth(episode, truth, k, term=term) for k in keys)
        rows.append((predicted, golds or [], float(length)))
    return rows


def _iou(predicted: Sequence[float] | None, gold: Sequence[float]) -> float:
    if predicted is None:
        return 0.0
    shared = interval_overlap(predicted, gold)
    return shared / (max(predicted[1], gold[1]) - min(predicted[0], gold[0])) if shared else 0.0


def _edges(predicted: Sequence[float] | None, gold: Sequence[float], length: float) -> float:
    """How near both ends are, in [0, 1]."""
    if predicted is None or not length > 0:
        return 0.0
    errors = (abs(predicted[i] - gold[i]) / length for i in (0, 1))
    start, end = (max(0.0, 1.0 - error) for error in errors)
    return start * end


def _at_end(episode: Episode, key: str, term: str) -> float:
    return float(read_film_truth(episode, last_truth(episode), key, term=term))


def _share_left(episode: Episode) -> float:
    budget = read_film_truth(episode, last_truth(episode), "frame_budget", term="frame_economy")
    if not budget:
        raise ValueError(
            f"reward term 'frame_economy' needs a frame budget, which episode {episode.episode_id} "
            f"of {episode.env_id} has not: set env.config.frame_budget, or use 'frames_used'"
        )
    used = _at_end(episode, "num_frames_used", "frame_economy")
    return float(np.clip((budget - used) / budget, 0.0, 1.0))
