"""The private truth that an environment reports beside each observation, JSON-able.

At the reset and after every step:

- `gold`, `gold_letter`: the right answer.
- `question_kind`, `scene_type`, `scene_kind`.
- `sufficient`: whether what had been seen before this reply proves the answer (at the reset:
  whether the first view does).
- `kind`: "reset", "answer", "action" or "invalid"; `choice`: its letter or None; `action`: its
  kind, target and direction, or None.
- `gained`: whether the action showed a place that the question still hinged on (the paper's rule);
  `num_revealed`: how many; `num_closed`: how many such places are left.
- `relevance` of an action's new picture: "correct" (it shows evidence that was still needed: that
  is `gained`), "redundant" (it shows only evidence that was not), "erroneous" (it shows none), or
  None without an action. Evidence is every place that was hidden at first and whose content may
  count for the answer; a picture shows what it lets one see and the picture before did not.
- `shown_evidence`: None where `relevance` is; else for each piece of evidence `shown`, `overlap`,
  `covered` (both 1.0 where shown, else 0.0: a place is seen or not), `needed` (whether the answer
  still hung on it) and `salience` (what was to be learned from it at first, over the most of any).
- `evidence_regions`: boxes of the visible things whose place may count for the answer, as shares of
  the picture; `point_limits`: the x and y that a policy writes for its right and lower edge.
- `visible`: name, place and box_xyxy [px, half-open] of each thing that can be made out in the new
  picture; `station`: azimuth and elevation of the viewer.
- `belief`: the exact probability of each answer on offer, after the new picture; `entropy`: of it
  [nats]; `entropy_drop`: what this step took off it, signed; `logprob_gain`: what it added to the
  log-probability of the right answer.
- `expected_gains`: letter -> expected entropy drop [nats] of each action on the list that is now
  on offer; `expected_gain`: that of the action just done, as it stood before, or None. Both empty
  where the configuration does not foresee.
- `executed`, only after a deed of a robot arm: `reached`, `grasped`, `moved`, `problem` as in
  `sims.avr.arm_executor.Executed`, and `num_failed`: such deeds of the episode so far in which the
  arm did not move what it was to move.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from sims.avr.actions import Action
from sims.avr.arm_executor import Executed
from sims.avr.knowledge import Knowledge, Look
from sims.avr.process import Task
from sims.avr.things import Contents

ROUNDING = 1e-9
"""Expected gains below this are rounding [nats]."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened since the last observation.

    Attributes:
        kind: "reset", "answer", "action" or "invalid".
        letter: the option chosen, or None.
        action: what was done, or None.
        known_before: what had been seen before; None at the reset.
        expected_gain: what was expected of the action [nats], or None.
        executed: what became of a deed of the arm's, or None.
        num_failed: the arm's deeds of the episode so far that did not move what they were to move.
    """

    kind: str
    letter: str | None = None
    action: Action | None = None
    known_before: Contents | None = field(default=None)
    expected_gain: float | None = None
    executed: Executed | None = None
    num_failed: int = 0

    @property
    def note(self) -> str:
        """What the policy is told about the deed; "" for nothing."""
        return "" if self.executed is None else self.executed.note


def make_truth(
    step: Step, task: Task, knowledge: Knowledge, answers: dict[str, str]
) -> dict[str, Any]:
    """The truth after a step; keys as above."""
    belief, known = task.belief, knowledge.known
    before = known if step.known_before is None else step.known_before
    revealed = [name for name in known if name not in before and _hinges(task, before, name)]
    posterior = belief.posterior(known)
    entropy_before, entropy = belief.entropy(before), belief.entropy(known)
    prior = belief.posterior(before)
    look = knowledge.looks[-1]
    return {
        "gold": task.gold,
        "gold_letter": next(k for k, answer in answers.items() if answer == task.gold),
        "question_kind": task.question.kind,
        "scene_type": task.scene_type.name,
        "scene_kind": task.scene_type.kind,
        "sufficient": belief.proven(before) is not None,
        "kind": step.kind,
        "choice": step.letter,
        "action": None if step.action is None else asdict(step.action),
        "gained": bool(revealed),
        "num_revealed": len(revealed),
        "num_closed": sum(_hinges(task, known, p.name) for p in belief.places),
        **_evidence(step, task, knowledge, before),
        "visible": [
            {"name": s.thing.describe(), "place": s.place.name, "box_xyxy": list(s.box)}
            for s in look.sightings
        ],
        "station": asdict(look.station),
        "belief": {answer: posterior.get(answer, 0.0) for answer in task.offer},
        "entropy": entropy,
        "entropy_drop": entropy_before - entropy,
        "logprob_gain": math.log(posterior[task.gold]) - math.log(prior[task.gold]),
        "expected_gains": dict(knowledge.gains),
        "expected_gain": step.expected_gain,
        **_deed(step),
    }


def _evidence(step: Step, task: Task, knowledge: Knowledge, before: Contents) -> dict[str, Any]:
    """What the new picture shows of the evidence, and where."""
    belief, look = task.belief, knowledge.looks[-1]
    counting = [s for s in look.sightings if belief.may_count(s.place.name)]
    size = (look.width, look.height) * 2
    pieces = None
    if step.kind == "action":
        names = [p.name for p in task.layout.hidden_places() if belief.may_count(p.name)]
        gains = {name: belief.expected_gain(task.first_known(), [name]) for name in names}
        seen_now = knowledge.known.keys() - before.keys()
        new = seen_now | (_shown(look) - _shown(knowledge.looks[-2]))
        most = max(gains.values(), default=0.0)
        pieces = [
            {
                "overlap": float(name in new),
                "covered": float(name in new),
                "shown": name in new,
                "needed": _hinges(task, before, name),
                "salience": gains[name] / most if most > ROUNDING else 1.0,
            }
            for name in names
        ]
    return {
        "relevance": None if pieces is None else _relevance(pieces),
        "shown_evidence": pieces,
        "evidence_regions": [
            [edge / side for edge, side in zip(s.box, size, strict=True)] for s in counting
        ],
        "point_limits": [1.0, 1.0],
    }


def _relevance(pieces: list[dict[str, Any]]) -> str:
    shown = [piece for piece in pieces if piece["shown"]]
    if not shown:
        return "erroneous"
    return "correct" if any(piece["needed"] for piece in shown) else "redundant"


def _shown(look: Look) -> set[str]:
    """Names of the places that a picture lets one look into."""
    return {*look.emptied, *(s.place.name for s in look.sightings)}


def _deed(step: Step) -> dict[str, Any]:
    """What became of a deed of the arm's, where there was one."""
    if step.executed is None:
        return {}
    return {"executed": {**asdict(step.executed), "num_failed": step.num_failed}}


def _hinges(task: Task, known: Contents, place: str) -> bool:
    """Whether the answer may still depend on what stands in a place nobody has looked into."""
    return place not in known and task.belief.expected_gain(known, [place]) > ROUNDING
