"""How well a predicted box agrees with the right one: pure functions.

Boxes are (x0, y0, x1, y1) with x to the right and y down, in any one unit; those of pictures are
normalised by width and height. A box with x1 <= x0 or y1 <= y0 is empty: its area is 0. Numbers
that are not finite raise `ValueError`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Box = Sequence[float]

THRESHOLDS = tuple(np.arange(50, 100, 5) / 100)
"""Overlaps from which a detection counts as right, averaged over, as in COCO."""
RECALLS = tuple(np.arange(101) / 100)
"""Where precision is read off, as in COCO."""


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union, in [0, 1]; 0 where both are empty."""
    shared, union = _overlap(first, second)
    return shared / union if union > 0 else 0.0


def box_giou(first: Box, second: Box) -> float:
    """Generalised IoU (arXiv 1902.09630): IoU - (hull - union) / hull, in [-1, 1].

    The hull is the smallest box around both. -1 where it has no area: two empty boxes agree on
    nothing.
    """
    shared, union = _overlap(first, second)
    lows = [min(pair) for pair in zip(first[:2], second[:2], strict=True)]
    highs = [max(pair) for pair in zip(first[2:], second[2:], strict=True)]
    hull = _area([*lows, *highs])
    if hull <= 0:
        return -1.0
    iou = shared / union if union > 0 else 0.0
    return iou - (hull - union) / hull


def box_giou_scaled(first: Box, second: Box) -> float:
    """(GIoU + 1) / 2, in [0, 1]: the region reward of VLA-R1's code (arXiv 2510.01623)."""
    return (box_giou(first, second) + 1.0) / 2.0


def point_in_box(point: Sequence[float], box: Box) -> bool:
    """Whether a point (x, y) lies in a box, edges included (the accuracy of ViGoRL,
    arXiv 2505.23678); never in an empty one.
    """
    _check_finite(point)
    x0, y0, x1, y1 = _check_box(box)
    return _area(box) > 0 and x0 <= point[0] <= x1 and y0 <= point[1] <= y1


def box_center(box: Box) -> tuple[float, float]:
    """The middle (x, y) of a box."""
    x0, y0, x1, y1 = _check_box(box)
    return (x0 + x1) / 2, (y0 + y1) / 2


def area_ratio(first: Box, second: Box) -> float:
    """Smaller area / larger area, in [0, 1]; 0 where one is empty."""
    small, large = sorted((_area(_check_box(first)), _area(_check_box(second))))
    return small / large if small > 0 else 0.0


def sharp_box_score(
    predicted: Box, right: Box, *, iou_weight: float = 0.8, scale: float = 0.2
) -> float:
    """w IoU + (1 - w) area ratio exp(-d / scale), in [0, 1], 1 for the right box alone; d is the
    distance of the centres. Ours.

    The second part ranks boxes that miss, as GIoU does; but a box that is too large earns by its
    share of the area only, so that one around everything is worth as little as it tells.

    Args:
        predicted, right: normalised boxes.
        iou_weight: w, in [0, 1].
        scale: distance at which closeness has fallen to 1/e, above 0 [picture widths].
    """
    distance = math.dist(box_center(predicted), box_center(right))
    closeness = area_ratio(predicted, right) * math.exp(-distance / scale)
    return iou_weight * box_iou(predicted, right) + (1 - iou_weight) * closeness


def salience_score(predicted: Box, right: Box, salience: np.ndarray) -> float:
    """Share of the salience that a box holds x mean salience in it, over the largest there is, in
    [0, 1]: recall times precision. Ours; the published salience-weighted IoU of GRiP is not known
    in its exact form.

    Args:
        predicted: a normalised box.
        right: the normalised box that the map covers; there is no salience outside.
        salience: (H, W), at least 0 and not all 0: how much each cell matters, such as 1 where the
            thing is seen and 0 where the background shows through. Cells that a box cuts count in
            part.

    Raises:
        ValueError: for a map that is not two-dimensional, has a negative or no salience.
    """
    cells = np.asarray(salience, dtype=float)
    if cells.ndim != 2 or not np.isfinite(cells).all() or cells.min(initial=0) < 0:
        raise ValueError(
            f"salience has shape {cells.shape}; it must be (H, W), finite and at least 0"
        )
    if not (cells.sum() > 0 and _area(_check_box(right)) > 0):
        raise ValueError("salience is 0 everywhere, or its box is empty")
    rows = _covered(cells.shape[0], right[1], right[3], predicted[1], predicted[3])
    columns = _covered(cells.shape[1], right[0], right[2], predicted[0], predicted[2])
    held = float(rows @ cells @ columns)  # in cells
    size_in_cells = _area(_check_box(predicted)) / _area(right) * cells.size
    if size_in_cells <= 0:
        return 0.0
    return held / float(cells.sum()) * min(1.0, held / size_in_cells / float(cells.max()))


def mean_average_precision(predicted: Sequence[Box], right: Sequence[Box]) -> float:
    """Average precision of boxes of one kind over the thresholds 0.50, 0.55 ... 0.95 of IoU, in
    [0, 1], as COCO computes it: precision is made monotone and read at 101 recalls.

    Boxes come without confidence: they rank as they are named. 1 where there is nothing to name and
    nothing is named, 0 where there is one without the other.
    """
    if not predicted or not right:
        return float(not predicted and not right)
    overlaps = np.array([[box_iou(p, r) for r in right] for p in predicted])
    return float(np.mean([_average_precision(overlaps, t) for t in THRESHOLDS]))


def detection_score(predicted: Sequence[Box], right: Sequence[Box]) -> float:
    """mAP * min(1, number of right boxes / number of predicted ones), in [0, 1]: VLM-R1's odLength
    (arXiv 2504.07615), against naming boxes until one fits. 1 where both are empty.
    """
    penalty = min(1.0, len(right) / len(predicted)) if predicted else 1.0
    return penalty * mean_average_precision(predicted, right)


def _average_precision(overlaps: np.ndarray, threshold: float) -> float:
    """Of one threshold. Each prediction takes the right box it overlaps most of those not taken."""
    free = overlaps.copy()
    hits = np.zeros(len(overlaps))
    for index in range(len(overlaps)):
        best = int(free[index].argmax())
        if free[index, best] >= threshold:
            hits[index] = 1
            free[:, best] = -1
    found = hits.cumsum()
    precision = found / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = found / overlaps.shape[1]
    places = np.searchsorted(recall, RECALLS, side="left")
    return float(np.mean([precision[p] if p < len(precision) else 0.0 for p in places]))


def _covered(count: int, start: float, end: float, low: float, high: float) -> np.ndarray:
    """(count,): how much of each of the equal cells of [start, end] lies in [low, high]."""
    edges = np.linspace(start, end, count + 1)
    width = (end - start) / count
    shared = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return np.clip(shared / width, 0.0, 1.0)


def _overlap(first: Box, second: Box) -> tuple[float, float]:
    """Areas of intersection and union."""
    a, b = _check_box(first), _check_box(second)
    shared = _area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    return shared, _area(a) + _area(b) - shared


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _check_box(box: Box) -> Box:
    if len(box) != 4:
        raise ValueError(f"a box has four numbers (x0, y0, x1, y1); this one has {len(box)}")
    _check_finite(box)
    return box


def _check_finite(numbers: Sequence[float]) -> None:
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"a box or point has numbers that are not finite: {[*numbers]}")
