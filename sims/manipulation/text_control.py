"""Text control: a reply predicts where to act in the front camera's picture, and the arm acts on it
by waypoints (VLA-R1, arXiv 2510.01623, whose reward never executes anything).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium.spaces import Space

from sims.manipulation.config import ManipulationConfig
from sims.manipulation.control import Goal, WaypointControl
from sims.manipulation.lifting import Sight, plan_waypoints
from sims.manipulation.physics import Physics
from sims.manipulation.rationale import Seen, name_places, think_of_box, think_of_path
from sims.manipulation.spoken import Prediction, read_prediction, write_reply
from sims.manipulation.tasks.open_drawer import OpenDrawer
from sims.manipulation.tasks.pick_place import Placing
from sims.manipulation.tasks.push import Push
from sims.manipulation.tasks.reach import Reach
from sims.manipulation.tasks.reveal_then_pick import RevealThenPick
from sims.manipulation.tasks.sort_by_instruction import SortByInstruction
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.view import View
from sims.spaces import ReplySpace

HANDLING_OF: tuple[tuple[type[Task], str], ...] = (
    (Reach, "reach"),
    (Push, "push"),
    (Placing, "carry"),
    (SortByInstruction, "carry"),
    (RevealThenPick, "carry"),
    (OpenDrawer, "pull"),
)
"""Task -> how a predicted path is acted on; see `lifting.HANDLINGS`."""
MAX_REPLY_CHARS = 20_000
REACHED = 0.015
"""A waypoint was reached when the hand came this near [m]."""
_NOISE = 0.01
"""Spread of the noisy expert's points, in shares of the picture."""
_BRIEF_DECIMALS = 2


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What acting on a prediction takes.

    Attributes:
        sight: what the front camera sees now.
        handling: how a path is acted on now, one of `lifting.HANDLINGS`.
    """

    sight: Sight
    handling: str


class TextControl:
    """`text`: a whole reply, read by `spoken.read_prediction` and carried out waypoint by waypoint.

    A reply that predicts nothing holds still for a tick and counts as invalid; numbers outside the
    picture are clipped and counted, and so are waypoints out of reach.

    Args:
        config: of the environment.
        physics: moves the arm.
        look: tells how things stand when a reply is acted on.
        asked: tells what the reply should predict, "trajectory" or "box".
    """

    def __init__(
        self,
        config: ManipulationConfig,
        physics: Physics,
        look: Callable[[], Situation],
        asked: Callable[[], str],
    ) -> None:
        self._look, self._asked, self._execute = look, asked, config.execute
        self._arm = WaypointControl(replace(config, control="waypoint", chunk_length=1), physics)
        self._physics = physics
        self.space: Space[Any] = ReplySpace(MAX_REPLY_CHARS)
        self.counts = self._arm.counts
        self._facts: dict[str, Any] = {}

    def begin(self) -> None:
        """Take over an arm that was just reset."""
        self._arm.begin()
        self.counts, self._facts = self._arm.counts, {}

    def orders(self, action: Any) -> list[Prediction]:
        """What a reply predicts.

        Raises:
            ValueError: for what is no text.
        """
        if not isinstance(action, str):
            raise ValueError(
                f"the action is a {type(action).__name__}; with env.config.control=text it must "
                "be a reply, a string"
            )
        return [read_prediction(action[:MAX_REPLY_CHARS], self._asked())]

    def ticks(self, order: Prediction) -> Iterator[None]:
        """Act on a prediction."""
        self._facts = {"prediction": order.facts(), "executed": None}
        if order.value is None:
            self.counts.invalid += 1
            self._arm.arm.tick()
            yield
            return
        self.counts.clipped += order.num_clipped > 0
        if not self._execute:
            return
        now = self._look()
        plan = plan_waypoints(order.kind, order.value, now.sight, now.handling)
        executed: dict[str, Any] = {"start": self._hand(), "end": self._hand(), "reached": True}
        self._facts["executed"] = executed
        for waypoint in plan:
            for _ in self._arm.ticks(waypoint):
                executed["end"] = self._hand()
                yield
            away = np.linalg.norm(np.array(self._hand()) - waypoint[:3])
            executed["reached"] = executed["reached"] and bool(away <= REACHED)

    def aim(self, goal: Goal) -> np.ndarray:
        """A reply is about a whole task, not about the hand's next goal.

        Raises:
            TypeError: always; `expert_prediction` says what the expert replies.
        """
        raise TypeError("text control takes no single goals; see text_control.expert_prediction")

    def facts(self) -> dict[str, Any]:
        """`prediction` and `executed` of the latest reply; nothing before the first.

        `executed` is None where nothing was predicted, else `start` and `end` of the hand [m], and
        `reached`: whether it came to every waypoint it was sent to so far.
        """
        return {name: value and dict(value) for name, value in self._facts.items()}

    def get_state(self) -> dict[str, Any]:
        """The arm's targets, the counts and the facts."""
        return {"arm": self._arm.get_state(), "facts": self.facts()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._arm.set_state(state["arm"])
        self.counts = self._arm.counts
        self._facts = {name: value and dict(value) for name, value in state["facts"].items()}

    def _hand(self) -> list[float]:
        position: list[float] = self._physics.ee_pose().position.tolist()
        return position


def find_situation(task: Task, physics: Physics, camera: Mapping[str, Any]) -> Situation:
    """How things stand now.

    Args:
        task: what is asked for.
        physics: the world.
        camera: the front camera's entry of `truth.camera_facts`.
    """
    picture = physics.render("front", camera["height"], camera["width"], depth=True)
    assert picture.depth is not None  # asked for
    sight = Sight(
        depth=picture.depth,
        camera_matrix=camera["intrinsics"],
        world_to_camera=camera["extrinsics"],
    )
    return Situation(sight=sight, handling=find_handling(task, View(physics)))


def find_handling(task: Task, view: View) -> str:
    """How a path is acted on in a task as it stands: what was uncovered is lifted."""
    if isinstance(task, RevealThenPick) and not task.is_covered(view):
        return "grasp"
    return next(handling for kind, handling in HANDLING_OF if isinstance(task, kind))


def expert_prediction(
    task: Task,
    physics: Physics,
    facts: Mapping[str, Any],
    config: ManipulationConfig,
    rng: np.random.Generator,
    *,
    kind: str,
    noisy: bool = False,
) -> str:
    """What the expert replies: four steps of thought, or what is where in brief, and the right box
    or path.

    Args:
        task: what is asked for.
        physics: the world.
        facts: `affordance` and `expert_path` of now, as of `ManipulationEnv.task_facts`.
        config: of the environment.
        rng: chooses the words, and the errors of the noisy expert.
        kind: "trajectory" or "box": what is asked for.
        noisy: whether the numbers are off by `_NOISE`.
    """
    seen = find_seen(task, physics, config.height, config.width)
    target, instruction = spoken_name(task, task.graspable()), task.instruction
    spread = _NOISE if noisy else 0.0
    value: list[Any]
    if kind == "box":
        box = np.array(facts["affordance"]["box_xyxy_norm"] or [0.0, 0.0, 1.0, 1.0])
        box = box + np.tile(rng.normal(0.0, spread, size=2), 2)
        value = np.clip(box, 0.0, 1.0).tolist()
    else:
        path = np.array(facts["expert_path"]["points"])
        value = np.clip(path + rng.normal(0.0, spread, size=path.shape), 0.0, 1.0).tolist()
    if config.brief:
        return write_reply(name_places(seen), value, kind, decimals=_BRIEF_DECIMALS)
    if kind == "box":
        return write_reply(think_of_box(instruction, target, seen, value, rng), value, kind)
    handling = find_handling(task, View(physics))
    thought = think_of_path(instruction, target, seen, value, handling, rng)
    return write_reply(thought, value, kind)


def find_seen(task: Task, physics: Physics, height: int, width: int) -> Seen:
    """What the front camera sees of a task's things, from left to right."""
    labels = physics.render("front", height, width, labels=True).labels
    assert labels is not None  # asked for
    found = []
    for name in task.words:
        numbers = [i for i, n in enumerate(physics.label_names) if n.partition("/")[0] == name]
        rows, columns = np.nonzero(np.isin(labels, numbers))
        if len(rows):
            middle = (float(columns.mean() + 0.5) / width, float(rows.mean() + 0.5) / height)
            found.append((spoken_name(task, name), middle))
    return sorted(found, key=lambda thing: thing[1])


def spoken_name(task: Task, label: str) -> str:
    """A body or one of its parts as it is called, such as "knob of the brown cover"."""
    name, _, part = label.partition("/")
    called = " ".join(task.words[name])
    return f"{part} of the {called}" if part else called
