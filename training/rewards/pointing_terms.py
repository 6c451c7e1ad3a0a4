"""Reward terms about places in the picture that a reply names, as "(0.42, 0.55)".

Terms that are held against the truth need an environment that tells where the evidence is in what
it shows, and in which coordinates places are written (see `training.rewards.looking`).
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from policies.replies import read_reply
from training.episode import Episode
from training.rewards.looking import read_look_truth
from training.rewards.records import Truth, turn_truths
from training.rewards.regions import point_in_box

_NUMBER = r"(-?\d{1,7}(?:\.\d{1,7})?)"
_POINT = re.compile(rf"[(\[]\s*{_NUMBER}\s*,\s*{_NUMBER}\s*[)\]]")
"""A place in brackets; four numbers are a box and no place."""
_CALL = re.compile(r"<(?:action|tool_call)>([^<]{0,1500})</(?:action|tool_call)>")
_CALLED_PLACE = re.compile(rf"[(\[]\s*{_NUMBER}\s*,\s*{_NUMBER}\s*[),\]]")
Place = tuple[float, float]


def cites_point(group: Sequence[Episode]) -> np.ndarray:
    """1 where the thoughts of an episode name a place, true or not: the coordinate reward of ViGoRL
    (arXiv 2505.23678, single turn).
    """
    return np.array(
        [float(any(_thought_points(turn.output.text) for turn in e.turns)) for e in group]
    )


def distinct_calls(
    group: Sequence[Episode], *, apart: float = 10.0, bonus: float = 0.2
) -> np.ndarray:
    """1 + `bonus` (n - 1), and 1 for n = 0, where n counts the places called for that are at least
    `apart` pixels from all counted before: the multi-turn reward of ViGoRL's code. Multiply it by
    `well_formed` (`scale`).

    Places are those that calls begin with; pixels are those of the episode's first picture. Without
    `point_limits` in the truth places are taken to be in pixels, as ViGoRL's are.
    """
    return np.array([1.0 + bonus * max(0, _num_distinct(e, apart) - 1) for e in group])


def grounded_points(group: Sequence[Episode]) -> np.ndarray:
    """Share of the places named in the thoughts that lie on evidence, in [0, 1]; 0 where none is
    named. Ours: ViGoRL rewards that a place is named, this that it is true.

    A place counts as in the picture that the reply answers to.
    """
    return np.array([_share_grounded(episode) for episode in group])


def _share_grounded(episode: Episode) -> float:
    hits: list[bool] = []
    turns = turn_truths(episode)
    assert episode.truth is not None  # checked with the turns
    for turn, seen in zip(episode.turns, [episode.truth.initial, *turns], strict=False):
        points = _thought_points(turn.output.text)
        if points:
            hits += [_is_on_evidence(episode, seen, point) for point in points]
    return float(np.mean(hits)) if hits else 0.0


def _is_on_evidence(episode: Episode, seen: Truth, point: Place) -> bool:
    regions, limits = (
        read_look_truth(episode, seen, key, term="grounded_points")
        for key in ("evidence_regions", "point_limits")
    )
    share = (point[0] / limits[0], point[1] / limits[1])
    return any(point_in_box(share, region) for region in regions)


def _thought_points(text: str | None) -> list[Place]:
    """The places that a reply's thinking names, each once."""
    thought = read_reply(text or "").think or ""
    return list(dict.fromkeys((float(x), float(y)) for x, y in _POINT.findall(thought)))


def _num_distinct(episode: Episode, apart: float) -> int:
    places = [
        place
        for turn in episode.turns
        for call in _CALL.findall(turn.output.text or "")
        if (place := _first_place(call)) is not None
    ]
    if not places:
        return 0
    scale = _pixels_per_unit(episode)
    counted: list[Place] = []
    for x, y in places:
        pixel = (x * scale[0], y * scale[1])
        if all(math.dist(pixel, other) >= apart for other in counted):
            counted.append(pixel)
    return len(counted)


def _first_place(call: str) -> Place | None:
    found = _CALLED_PLACE.search(call)
    return None if found is None else (float(found[1]), float(found[2]))


def _pixels_per_unit(episode: Episode) -> Place:
    initial = {} if episode.truth is None else episode.truth.initial
    limits = initial.get("point_limits")
    pngs = [png for turn in episode.turns[:1] for png in turn.image_pngs]
    if limits is None or not pngs:
        return 1.0, 1.0
    with Image.open(io.BytesIO(pngs[0])) as picture:
        return picture.width / limits[0], picture.height / limits[1]
