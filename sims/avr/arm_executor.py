"""`executor=arm`: Pick and Move Object done by a robot arm, in a scaled copy of the world.

For each deed the world is set up on the arm's table as it stands (`handling.table`). The arm looks
for a grasp that it has room for, takes hold, and carries the body off or slides it along; what it
holds, carries, hits or lets fall moves as the physics says. Where everything then lies is taken
over into the world, which settles. Nothing outlives a deed but the world itself, so a deed's effect
depends on the world alone, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sims.avr.actions import Action
from sims.avr.handling.clearance import Clearance
from sims.avr.handling.grasps import PAD_HALF_WIDTH, Grasp, extent, grasps, pushes
from sims.avr.handling.hand import Hand, Watch
from sims.avr.handling.table import SCALE, loose_names, make_scene, pose_of, takes_along, to_world
from sims.avr.world import PUSH_DISTANCE, World
from sims.manipulation.physics import Pose
from sims.manipulation.rotations import rotation_of, rotation_vector

BY_ARM = ("pick", "move_object")
"""The kinds of action that the arm carries out; drawers and shutters open by themselves."""
TRAY_Y = 0.38
"""Beside the world, where what is picked is carried [m]."""
GONE_Y = 0.30
"""What lies farther out than this, or below the table, is gone [m]."""
LIFT = 0.0015
"""How high a body is lifted to be slid along [m]."""
MOVED = 0.5
"""A body has been moved when it went at least this share of the way that was asked for."""
LEAST_MOVE, LEAST_TURN = 0.0012, 0.03
"""What has moved less is left where it was [m on the table, rad]."""
PROBLEMS = {
    "fixed": "The hand pulled at it, but it is fixed.",
    "gone": "There is nothing left to take hold of.",
    "no room": "The hand found no way to take hold of it.",
    "slipped": "The hand could not get hold of it.",
    "lost": "The hand lost hold of it on the way.",
    "stuck": "The hand could not move it so far.",
}
"""What went wrong -> what the policy reads."""


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What became of a deed.

    Attributes:
        reached: whether the hand got to the body.
        grasped: whether its fingers held it.
        moved: whether what was asked for was done: the body is gone, or has moved along.
        problem: a key of `PROBLEMS`, or "".
    """

    reached: bool = False
    grasped: bool = False
    moved: bool = False
    problem: str = ""

    @property
    def note(self) -> str:
        """What the policy is told; "" where nothing went wrong."""
        return PROBLEMS.get(self.problem, "")


class ArmExecutor:
    """Carries out deeds of `BY_ARM`.

    Args:
        watch: called with the physics after each 0.05 s of a deed, e.g. to take pictures; None for
            nobody.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self.watch = watch

    def film(self, height: int, width: int, camera: str = "front") -> list[np.ndarray]:
        """Watch all further deeds with a camera.

        Args:
            height, width: of the pictures [px].
            camera: "front", which stands where the viewer stands at first, or "wrist".

        Returns:
            An empty list, to which each deed adds its pictures, 20 for a second, uint8 (H, W, 3).
        """
        frames: list[np.ndarray] = []
        self.watch = lambda physics: frames.append(physics.render(camera, height, width).rgb)
        return frames

    def perform(self, action: Action, world: World) -> Executed:
        """Carry a deed out.

        Args:
            action: of a kind in `BY_ARM`.
            world: is changed.

        Returns:
            What became of it.

        Raises:
            SimulationDivergedError: where the arm's physics fails. The world is as it was.
        """
        loose = loose_names(world)
        if action.target not in loose:
            return Executed(problem="gone" if action.target in world.picked else "fixed")
        deed = _Deed(world, action.target, self.watch)
        executed = deed.pick() if action.kind == "pick" else deed.move(action.direction)
        deed.take_over()
        return executed


class _Deed:
    """One deed on one body.

    Args:
        world: as it stands.
        target: a loose body of it.
        watch: as of `ArmExecutor`.
    """

    def __init__(self, world: World, target: str, watch: Watch | None) -> None:
        scene = make_scene(world)
        self._world, self._target = world, target
        self._hand = Hand(scene, watch)
        self._body = scene.body(target)
        self._loose = loose_names(world)
        self._start = {name: pose_of(world, name) for name in self._loose}
        physics = self._hand.physics
        self._clearance = Clearance(physics.model, physics.data)
        up = np.array([0.0, 0.0, 1.0])
        self._bottom = extent(self._body, self._start[target], up)[0]
        self._top = max(extent(b, physics.body_pose(b.name), up)[1] for b in scene.bodies)

    def pick(self) -> Executed:
        """Take the body, lift it over everything else, and carry it off to the nearer side."""
        grasp = self._find_grasp()
        if grasp is None:
            return Executed(problem="no room")
        hand, target = self._hand, self._target
        if not hand.take(target, grasp):
            return self._give_up(grasp, "slipped", grasped=False)
        hand.shift(0.0, 0.0, self._top - self._bottom + 0.012)
        if not hand.holds(target):
            return self._give_up(grasp, "lost")
        side = 1.0 if self._start[target].position[1] > 0 else -1.0
        way = side * TRAY_Y - grasp.pose.position[1]
        hand.shift(0.0, way, 0.0)
        hand.wait_for_calm(held=target)
        is_gone = self._is_gone(target)
        return Executed(
            reached=True, grasped=True, moved=is_gone, problem="" if is_gone else "lost"
        )

    def move(self, direction: str) -> Executed:
        """Slide the body along in the fingers, or push it where they have no room."""
        way = SCALE * PUSH_DISTANCE * (1.0 if direction == "right" else -1.0)
        grasp = self._find_grasp(along_y=True)
        if grasp is None:
            return self._push(way)
        if not self._hand.take(self._target, grasp):
            return self._give_up(grasp, "slipped", grasped=False)
        self._hand.shift(0.0, 0.0, LIFT)
        self._hand.shift(0.0, way, 0.0)
        self._hand.stop_pressing()
        self._hand.shift(0.0, 0.0, -LIFT)
        held = self._hand.holds(self._target)
        self._hand.let_go(grasp)
        self._hand.wait_for_calm()
        moved = self._moved_by(way)
        problem = "" if moved else "stuck" if held else "lost"
        return Executed(reached=True, grasped=True, moved=moved, problem=problem)

    def take_over(self) -> None:
        """Put the world into the state in which the table is now, and let it settle."""
        gone = [name for name in self._loose if self._is_gone(name)]
        poses = {}
        for name in self._loose:
            before, after = self._start[name], self._hand.physics.body_pose(name)
            if name not in gone and _differ(before, after):
                placed = to_world(after)
                poses[name] = (placed.position, placed.quat)
        taken = [
            place.name
            for place in self._world.layout.places()
            if place.carrier in gone
            and takes_along(self._world, place)
            and (self._world.contents.get(place.name) is None or place.name in gone)
        ]
        if gone or poses:
            self._world.rearrange(poses, gone=gone, lost_places=taken)

    def _push(self, way: float) -> Executed:
        """Push with closed fingers, low down, along y [m]."""
        side = 1.0 if way > 0 else -1.0
        starts = pushes(self._body, self._start[self._target], side)
        start = next((pose for pose in starts if self._clearance.has_way_down(pose, 0.0)), None)
        if start is None:
            return Executed(problem="no room")
        hand = self._hand
        hand.come_down(start, 0.0)
        gap = abs(self._hand_to_body(start))
        hand.shift(0.0, way + side * gap, 0.0)
        missing = way - self._way_gone()
        if missing * side > 0.001:
            hand.shift(0.0, min(missing * side, 0.03) * side, 0.0)
        hand.shift(0.0, -0.004 * side, 0.0)
        hand.shift(0.0, 0.0, 0.05)
        hand.wait_for_calm()
        moved = self._moved_by(way)
        return Executed(reached=True, moved=moved, problem="" if moved else "stuck")

    def _hand_to_body(self, start: Pose) -> float:
        """From where a push starts to the nearest side of the body, along y [m]."""
        low, high = extent(self._body, self._start[self._target], np.array([0.0, 1.0, 0.0]))
        y = float(start.position[1])
        return min(abs(y - low), abs(y - high)) - PAD_HALF_WIDTH

    def _find_grasp(self, *, along_y: bool = False) -> Grasp | None:
        """The first grasp that the hand has room for; those that have no finger ahead on a way
        along y come first where it is to go that way.
        """
        every = grasps(self._body, self._start[self._target])
        ordered = sorted(every, key=_has_finger_ahead) if along_y else every
        return next((grasp for grasp in ordered if self._clearance.can_grasp(grasp)), None)

    def _give_up(self, grasp: Grasp, problem: str, *, grasped: bool = True) -> Executed:
        """Leave the body where it is."""
        self._hand.let_go(grasp)
        self._hand.wait_for_calm()
        return Executed(reached=True, grasped=grasped, problem=problem)

    def _way_gone(self) -> float:
        """How far the body has come along y [m]."""
        before = self._start[self._target].position
        return float((self._hand.position(self._target) - before)[1])

    def _moved_by(self, way: float) -> bool:
        """Whether the body has come far enough along a way along y [m]."""
        return self._way_gone() / way >= MOVED

    def _is_gone(self, name: str) -> bool:
        """Whether a body lies beyond the world's edge, or below the table."""
        _, y, z = self._hand.position(name).tolist()
        return abs(y) > GONE_Y or z < -0.02


def _has_finger_ahead(grasp: Grasp) -> bool:
    """Whether a finger would go first on a way along y."""
    return abs(float(rotation_of(grasp.pose.quat)[1, 1])) > 0.5


def _differ(one: Pose, other: Pose) -> bool:
    """Whether two poses differ by more than the physics' own trembling."""
    turn = rotation_vector(rotation_of(one.quat).T @ rotation_of(other.quat))
    away = np.linalg.norm(other.position - one.position)
    return bool(away > LEAST_MOVE or np.linalg.norm(turn) > LEAST_TURN)
