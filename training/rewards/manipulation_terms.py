"""Reward terms about handling things: how well predicted boxes and paths agree with the
simulator's, and what came of acting on them.

All per episode save `progress_gain`. A prediction is that of the first reply that gave one, since
it is about the world as the truth of the start describes it; a term about boxes is 0 where a path
was predicted and the reverse, and both are 0 where nothing readable was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.episode import Episode
from training.rewards import regions, trajectories
from training.rewards.records import Truth, last_truth, turn_truths

Score = Callable[[Any, Any], float]
"""Takes the predicted and the right one."""


def vla_r1_format(group: Sequence[Episode]) -> np.ndarray:
    """Share of replies with `<think>...</think>` and then `<output>` with JSON in it, of the right
    kind or not: the format reward of VLA-R1 (arXiv 2510.01623), whose episodes have one reply.
    """
    term = "vla_r1_format"
    return np.array(
        [
            np.mean([float(_prediction(e, t, term)["well_formed"]) for t in turn_truths(e)] or [0])
            for e in group
        ]
    )


def region_iou(group: Sequence[Episode]) -> np.ndarray:
    """IoU of the predicted box with that of the graspable part."""
    return _score_boxes(group, "region_iou", regions.box_iou)


def region_giou_scaled(group: Sequence[Episode]) -> np.ndarray:
    """(GIoU + 1) / 2: the affordance reward of VLA-R1's code."""
    return _score_boxes(group, "region_giou_scaled", regions.box_giou_scaled)


def region_giou(group: Sequence[Episode]) -> np.ndarray:
    """GIoU, in [-1, 1]: the affordance reward of VLA-R1's paper."""
    return _score_boxes(group, "region_giou", regions.box_giou)


def region_point_in_box(group: Sequence[Episode]) -> np.ndarray:
    """1 where the middle of the predicted box lies in the right one, else 0."""

    def score(predicted: Any, right: Any) -> float:
        return float(regions.point_in_box(regions.box_center(predicted), right))

    return _score_boxes(group, "region_point_in_box", score)


def region_sharp(
    group: Sequence[Episode], *, iou_weight: float = 0.8, scale: float = 0.2
) -> np.ndarray:
    """IoU, and a share for nearness that shrinks with a wrong size. Ours; see
    `regions.sharp_box_score`.
    """

    def score(predicted: Any, right: Any) -> float:
        return regions.sharp_box_score(predicted, right, iou_weight=iou_weight, scale=scale)

    return _score_boxes(group, "region_sharp", score)


def region_salience(group: Sequence[Episode]) -> np.ndarray:
    """Share of what is seen of the graspable part that the predicted box holds, times how much of
    the box it fills. Ours; see `regions.salience_score`.
    """
    term = "region_salience"
    values = []
    for episode in group:
        affordance = _start(episode, "affordance", term)
        box, seen = (_key(episode, affordance, k, term) for k in ("box_xyxy_norm", "salience"))
        prediction = _first_prediction(episode, term)
        scored = prediction["kind"] == "box" and box is not None
        salience = np.asarray(seen, dtype=float) if scored else None
        values.append(
            0.0 if salience is None else regions.salience_score(prediction["value"], box, salience)
        )
    return np.array(values)


def region_detection(group: Sequence[Episode]) -> np.ndarray:
    """mAP of all predicted boxes x min(1, right ones / predicted ones): VLM-R1's odLength
    (arXiv 2504.07615). The right ones are `boxes_xyxy_norm` of the affordance, or its one box.
    """
    term = "region_detection"
    values = []
    for episode in group:
        affordance = _start(episode, "affordance", term)
        one = _key(episode, affordance, "box_xyxy_norm", term)
        right = affordance.get("boxes_xyxy_norm", [] if one is None else [one])
        prediction = _first_prediction(episode, term)
        predicted = prediction["boxes"] if prediction["kind"] == "box" else None
        values.append(0.0 if predicted is None else regions.detection_score(predicted, right))
    return np.array(values)


def trajectory_alaf(
    group: Sequence[Episode],
    *,
    angle_weight: float = trajectories.ANGLE_WEIGHT,
    ratio_weight: float = trajectories.RATIO_WEIGHT,
) -> np.ndarray:
    """1 - angle-length augmented Frechet distance / its normaliser: the trajectory reward of
    VLA-R1's code; see `trajectories.angle_length_score`.
    """

    def score(predicted: Any, right: Any) -> float:
        return trajectories.angle_length_score(
            right, predicted, angle_weight=angle_weight, ratio_weight=ratio_weight
        )

    return _score_paths(group, "trajectory_alaf", score)


def trajectory_frechet(group: Sequence[Episode]) -> np.ndarray:
    """1 - discrete Frechet distance / the picture's diagonal."""
    return _score_paths(group, "trajectory_frechet", _nearness(trajectories.discrete_frechet))


def trajectory_dtw(group: Sequence[Episode]) -> np.ndarray:
    """1 - dynamic time warping distance per point / the picture's diagonal."""
    return _score_paths(group, "trajectory_dtw", _nearness(trajectories.dynamic_time_warping))


def trajectory_hausdorff(group: Sequence[Episode]) -> np.ndarray:
    """1 - Hausdorff distance / the picture's diagonal. Blind to the direction of the path."""
    return _score_paths(group, "trajectory_hausdorff", _nearness(trajectories.hausdorff))


def trajectory_rmse(group: Sequence[Episode]) -> np.ndarray:
    """1 - root mean square distance at equal shares of the lengths / the picture's diagonal."""
    return _score_paths(group, "trajectory_rmse", _nearness(trajectories.path_rmse))


def trajectory_end(group: Sequence[Episode]) -> np.ndarray:
    """1 - distance of the ends / the picture's diagonal."""

    def error(predicted: Any, right: Any) -> float:
        return trajectories.end_errors(predicted, right)[1]

    return _score_paths(group, "trajectory_end", _nearness(error))


def trajectory_sharp(group: Sequence[Episode], *, scale: float = 0.1) -> np.ndarray:
    """Frechet distance of the resampled paths and error of their ends, each as exp(-d / scale).
    Ours; see `trajectories.sharp_path_score`.
    """

    def score(predicted: Any, right: Any) -> float:
        return trajectories.sharp_path_score(predicted, right, scale=scale)

    return _score_paths(group, "trajectory_sharp", score)


def asked_for_box(group: Sequence[Episode]) -> np.ndarray:
    """1 where a box was asked for, 0 where a path was: no reward, but what tells the two apart in
    tables.
    """
    return _asked_for(group, "box", "asked_for_box")


def asked_for_path(group: Sequence[Episode]) -> np.ndarray:
    """1 where a path was asked for, 0 where a box was."""
    return _asked_for(group, "trajectory", "asked_for_path")


def success_once(group: Sequence[Episode]) -> np.ndarray:
    """1 where the task was solved at any time, else 0 (RLinf's metric of that name);
    `final_answer` is about the end.
    """
    term = "success_once"
    return np.array([float(_key(e, last_truth(e), "success_once", term)) for e in group])


def progress(group: Sequence[Episode]) -> np.ndarray:
    """How far the episode got through the stages of its task at its best, in [0, 1]. Ours."""
    return np.array([float(_key(e, last_truth(e), "progress_best", "progress")) for e in group])


def progress_gain(group: Sequence[Episode]) -> list[np.ndarray]:
    """Per turn: what it added to the best progress so far, 0 or more. Ours. The sum over an episode
    is its best progress less that of the start, so that no loop of actions gains anything.
    """
    return [np.diff(_best_progress(episode)) for episode in group]


def execution_reached(group: Sequence[Episode]) -> np.ndarray:
    """1 where the hand got to the end of what was predicted, right or wrong, else 0. Ours."""
    term = "execution_reached"
    values = []
    for episode in group:
        executed = _key(episode, last_truth(episode), "executed", term)
        values.append(float(bool(executed and executed["reached"])))
    return np.array(values)


def _asked_for(group: Sequence[Episode], kind: str, term: str) -> np.ndarray:
    return np.array([float(_start(e, "asked", term) == kind) for e in group])


def _score_boxes(group: Sequence[Episode], term: str, score: Score) -> np.ndarray:
    return _score(group, term, score, kind="box", place=("affordance", "box_xyxy_norm"))


def _score_paths(group: Sequence[Episode], term: str, score: Score) -> np.ndarray:
    return _score(group, term, score, kind="trajectory", place=("expert_path", "points"))


def _score(
    group: Sequence[Episode], term: str, score: Score, *, kind: str, place: tuple[str, str]
) -> np.ndarray:
    """(G,): the score where something of that kind is predicted and there is a right one, else 0;
    the right one stands in the truth of the start.
    """
    values = []
    for episode in group:
        prediction = _first_prediction(episode, term)
        value = 0.0
        if prediction["kind"] == kind:
            right = _key(episode, _start(episode, place[0], term), place[1], term)
            value = score(prediction["value"], right) if right else 0.0
        values.append(value)
    return np.array(values)


def _nearness(distance: Score) -> Score:
    return lambda predicted, right: 1.0 - distance(predicted, right) / trajectories.DIAGONAL


def _first_prediction(episode: Episode, term: str) -> dict[str, Any]:
    """That of the first reply that gave one, else that of the last."""
    predictions = [_prediction(episode, turn, term) for turn in turn_truths(episode)]
    given = [prediction for prediction in predictions if prediction["kind"] != "none"]
    return [*given, *predictions[-1:], {"kind": "none"}][0]


def _prediction(episode: Episode, turn: Truth, term: str) -> dict[str, Any]:
    found: dict[str, Any] = _key(episode, turn, "prediction", term)
    return found


def _start(episode: Episode, key: str, term: str) -> Any:
    """A part of the truth of the reset."""
    turn_truths(episode)  # raises where there is no truth at all
    assert episode.truth is not None
    return _key(episode, episode.truth.initial, key, term)


def _best_progress(episode: Episode) -> np.ndarray:
    """(turns + 1,): the best so far, from the start on."""
    turns = turn_truths(episode)
    assert episode.truth is not None  # checked with the turns
    truths = [episode.truth.initial, *turns]
    best = [float(_key(episode, t, "progress_best", "progress_gain")) for t in truths]
    return np.array(best)


def _key(episode: Episode, truth: Truth, key: str, term: str) -> Any:
    """One key of a truth of a manipulation environment; its value may be None.

    Raises:
        ValueError: where it is missing; it names the term.
    """
    if key in truth:
        return truth[key]
    raise ValueError(
        f"reward term {term!r} needs {key!r} in the truth of episode {episode.episode_id}; its "
        f"environment, {episode.env_id}, does not tell it: the term is for Manipulation/ "
        "environments, those about predictions for env.config.control=text"
    )
