"""The private truth that the environment reports beside each observation, JSON-able.

All boxes are (x0, y0, x1, y1) in pixels of the photograph, whatever the policy writes. At the reset
and after every step:

- `gold`, `gold_letter`: the right answer. `question_kind`, `task`, `layout`, `symbols`.
- `full_size`, `small_size`: (width, height) of the photograph and of the small picture [px].
- `evidence`: for each label that the answer hangs on: `thing` (its name), `box_xyxy` (of the
  label), `object_box_xyxy`, `symbol`, `small_px` and `object_small_px` (shorter side of the label
  and of its thing in the small picture [px]), `readable_small` (whether the small picture shows it
  large enough to be read).
- `needs_tool`: whether any evidence cannot be read in the small picture.
- `things`: name, `object_box_xyxy` (None where out of view), `label_box_xyxy`, `label_share` (how
  much of the label is in view) and `symbol` of every named thing.
- `kind`: "reset", "answer", "look" (a tool was used) or "invalid"; `choice`: letter answered, or
  None; `tool`: that was used, or None; `error`: "" or why a reply was invalid: "format", "option",
  "call", "tool", "arguments", "refused".
- `look`: of a picture that a tool showed, or None: `box_xyxy`, `shown_size`, `magnification` (over
  the small picture), `readable_things` (names of those whose labels it makes readable), and
  `overlaps` with each piece of evidence: `iou` (with the label), `object_iou`, `covered` and
  `object_covered` (shares of label and thing in the look), `shown_px` (the label's shorter side in
  it) and `readable`.
- `relevance` of a look at a part: "correct" (it shows evidence not read before), "redundant" (it
  shows only evidence that had been read), "erroneous" (it shows none), or None where no part was
  looked at: the whole that is shown again with something drawn on it is no such look.
  `gained`: whether evidence was read for the first time.
- `shown_evidence`: None where `relevance` is; else for each piece of evidence `overlap` and
  `covered` (IoU of the look with its thing, and the thing's share in the look), `shown` (whether it
  can be read), `needed` (whether it had not been read before) and `salience`: 1 where it alone
  decides the answer, else 1 / the number of pieces.
- `evidence_regions`: boxes of the things with evidence, as shares of the whole picture;
  `point_limits`: the x and y that a policy writes for its right and lower edge.
- `drawn`, `detected`, `segmented`, `told`, `distance`: what the other tools did, where they did.
- `seen`: of each piece of evidence, whether it has been read; `sufficient`: whether what had been
  read before this reply decides the answer (at the reset: whether the small picture does).
- `looks`: boxes of all looks so far; `num_looks`, `num_calls` (tools used), `num_invalid`,
  `num_marks`, `num_relevant` ({correct, redundant, erroneous} so far).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sims.tools.config import READABLE_PX
from sims.tools.coordinates import Box
from sims.tools.desk import Desk, Shown
from sims.tools.knowledge import Knowledge, readable_items
from sims.tools.photograph import Sighting
from sims.tools.sight import readable_side
from sims.tools.tool import WHOLE

RELEVANCE = ("correct", "redundant", "erroneous")
_FACTS = ("drawn", "detected", "segmented", "told", "distance")


@dataclass(kw_only=True)
class Tally:
    """What an episode's replies came to.

    Attributes:
        looks: boxes of the pictures that tools showed.
        num_calls: tools used.
        num_invalid: replies that came to nothing.
        relevance: how many looks were what.
    """

    looks: list[list[float]] = field(default_factory=list)
    num_calls: int = 0
    num_invalid: int = 0
    relevance: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RELEVANCE, 0))


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened since the last observation.

    Attributes:
        kind: "reset", "answer", "look" or "invalid".
        choice: letter answered, or None.
        tool: that was used, or None.
        error: why a reply was invalid; "" otherwise.
        shown: the picture that a tool showed, or None.
        relevance: one of `RELEVANCE`, or None.
        known: indices of the items that had been read before.
        sufficient: whether the answer was decided before.
        gained: whether evidence was read for the first time.
        facts: a tool's.
    """

    kind: str
    choice: str | None = None
    tool: str | None = None
    error: str = ""
    shown: Shown | None = None
    relevance: str | None = None
    known: frozenset[int] = frozenset()
    sufficient: bool = False
    gained: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def judge(knowledge: Knowledge, shown: Shown) -> str:
    """Which of `RELEVANCE` a look is; to be asked before its labels are noted."""
    shows = set(readable_items(knowledge.desk, shown)) & set(knowledge.question.targets)
    if not shows:
        return "erroneous"
    return "redundant" if shows <= knowledge.known.keys() else "correct"


def make_truth(step: Step, task: str, knowledge: Knowledge, tally: Tally) -> dict[str, Any]:
    """The truth after a step; keys as above."""
    question, desk = knowledge.question, knowledge.desk
    evidence = [_evidence(desk, index) for index in question.targets]
    return {
        "gold": question.gold,
        "gold_letter": knowledge.letter_of(question.gold),
        "question_kind": question.kind,
        "task": task,
        "layout": desk.scene.layout,
        "symbols": question.symbols,
        "full_size": list(desk.config.full_size),
        "small_size": list(desk.config.small_size),
        "evidence": evidence,
        "needs_tool": not all(piece["readable_small"] for piece in evidence),
        "things": [_thing(desk, index) for index in range(len(desk.scene.items))],
        "kind": step.kind,
        "choice": step.choice,
        "tool": step.tool,
        "error": step.error,
        "look": None if step.shown is None else _look(knowledge, step.shown),
        "relevance": step.relevance,
        "gained": step.gained,
        "shown_evidence": _shown_evidence(step, knowledge),
        "evidence_regions": [
            region for index in question.targets if (region := _region(desk, index)) is not None
        ],
        "point_limits": list(desk.frame(WHOLE).limits),
        **{name: step.facts.get(name) for name in _FACTS},
        "seen": [index in knowledge.known for index in question.targets],
        "sufficient": step.sufficient,
        "looks": [list(box) for box in tally.looks],
        "num_looks": len(tally.looks),
        "num_calls": tally.num_calls,
        "num_invalid": tally.num_invalid,
        "num_marks": len(desk.marks),
        "num_relevant": dict(tally.relevance),
    }


def _shown_evidence(step: Step, knowledge: Knowledge) -> list[dict[str, Any]] | None:
    """How a look at a part shows each piece of evidence."""
    if step.shown is None or step.relevance is None:
        return None
    desk, region = knowledge.desk, step.shown.region
    readable = readable_items(desk, step.shown)
    pieces = []
    for index in knowledge.question.targets:
        thing = desk.photograph().sightings[index].box
        pieces.append(
            {
                "overlap": 0.0 if thing is None else region.iou(thing),
                "covered": 0.0 if thing is None else thing.share_in(region),
                "shown": index in readable,
                "needed": index not in step.known,
                "salience": _salience(knowledge, index),
            }
        )
    return pieces


def _salience(knowledge: Knowledge, index: int) -> float:
    """1 for a label that alone decides the answer, else 1 / the number of labels it hangs on."""
    question, scene = knowledge.question, knowledge.desk.scene
    alone = question.decided({index: scene.items[index].symbol}, scene) is not None
    return 1.0 if alone else 1.0 / len(question.targets)


def _region(desk: Desk, index: int) -> list[float] | None:
    """Where an item is in the whole picture, as shares of its sides; None where out of view."""
    box = desk.photograph().sightings[index].box
    if box is None:
        return None
    width, height = desk.whole.width, desk.whole.height
    return [box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height]


def _evidence(desk: Desk, index: int) -> dict[str, Any]:
    sighting, item = desk.photograph().sightings[index], desk.scene.items[index]
    side = readable_side(sighting.label, desk.whole, desk.config.small_size)
    return {
        "thing": item.name,
        "box_xyxy": list(sighting.label),
        "object_box_xyxy": _listed(sighting.box),
        "symbol": item.symbol,
        "small_px": side,
        "object_small_px": _small_side(desk, sighting),
        "readable_small": side >= READABLE_PX,
    }


def _small_side(desk: Desk, sighting: Sighting) -> float:
    if sighting.box is None:
        return 0.0
    scale = desk.config.small_size[0] / desk.whole.width
    return min(sighting.box.width, sighting.box.height) * scale


def _thing(desk: Desk, index: int) -> dict[str, Any]:
    sighting, item = desk.photograph().sightings[index], desk.scene.items[index]
    return {
        "name": item.name,
        "object_box_xyxy": _listed(sighting.box),
        "label_box_xyxy": list(sighting.label),
        "label_share": sighting.label_share,
        "symbol": item.symbol,
    }


def _look(knowledge: Knowledge, shown: Shown) -> dict[str, Any]:
    desk, region = knowledge.desk, shown.region
    readable = readable_items(desk, shown)
    scale = shown.size[0] / region.width
    return {
        "box_xyxy": list(region),
        "shown_size": list(shown.size),
        "magnification": scale * desk.whole.width / desk.config.small_size[0],
        "overlaps": [
            _overlap(desk.photograph().sightings[index], shown, is_readable=index in readable)
            for index in knowledge.question.targets
        ],
        "readable_things": [desk.scene.items[index].name for index in readable],
    }


def _overlap(sighting: Sighting, shown: Shown, *, is_readable: bool) -> dict[str, Any]:
    region, thing = shown.region, sighting.box
    return {
        "iou": region.iou(sighting.label),
        "object_iou": 0.0 if thing is None else region.iou(thing),
        "covered": sighting.label.share_in(region),
        "object_covered": 0.0 if thing is None else thing.share_in(region),
        "shown_px": readable_side(sighting.label, region, shown.size, full=False),
        "readable": is_readable,
    }


def _listed(box: Box | None) -> list[float] | None:
    return None if box is None else list(box)
