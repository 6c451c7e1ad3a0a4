"""What can be done to a world or its viewer, in words and in deed."""

from __future__ import annotations

from dataclasses import dataclass

from sims.avr.world import World

KINDS = ("pick", "move_object", "open", "close", "move_viewer", "rotate_viewer")
TITLES = {kind: kind.replace("_", " ").title() for kind in KINDS}
"""Kind -> the paper's name of it: "Pick", "Move Viewer"."""
SIDES = ("left", "right")
VIEWER_DIRECTIONS = {"move_viewer": ("left", "right", "up", "down"), "rotate_viewer": SIDES}


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something to do.

    Attributes:
        kind: one of `KINDS`.
        target: name of the body acted on; "" where the viewer moves.
        direction: "left" or "right" for move_object and rotate_viewer; those, "up" and "down" for
            move_viewer; "" otherwise.
    """

    kind: str
    target: str = ""
    direction: str = ""

    @property
    def moves_viewer(self) -> bool:
        """Whether it leaves the world as it is."""
        return self.kind in VIEWER_DIRECTIONS

    def words(self, names: dict[str, str], *, brief: bool) -> str:
        """What the policy reads, e.g. "[Pick] what is marked 3, and put it aside".

        Args:
            names: body name -> what the target is called, e.g. "what is marked 3".
            brief: for very small models.
        """
        title, target, side = f"[{TITLES[self.kind]}]", names.get(self.target, ""), self.direction
        if brief:
            where = f"{target} to {side}" if self.kind == "move_object" else target or side
            return f"{title} {where}"
        return {
            "pick": f"{title} {target}, and put it aside",
            "move_object": f"{title} push {target} to the {side}",
            "open": f"{title} {target}",
            "close": f"{title} {target}",
            "move_viewer": f"{title} {_STEPS.get(side, side)}",
            "rotate_viewer": f"{title} round the scene, a quarter turn to the {side}",
        }[self.kind]


_STEPS = {
    "left": "an eighth of the way round to the left",
    "right": "an eighth of the way round to the right",
    "up": "up, to look down on the scene",
    "down": "down, to look along the floor",
}


def perform(action: Action, world: World) -> bool:
    """Carry an action out. Returns whether anything changed."""
    if action.moves_viewer:
        before = world.station
        move = before.moved if action.kind == "move_viewer" else before.rotated
        world.look_from(move(action.direction))
        return world.station != before
    if action.kind == "pick":
        return world.pick(action.target)
    if action.kind == "move_object":
        return world.push(action.target, action.direction)
    return world.set_open(action.target, action.kind == "open")
