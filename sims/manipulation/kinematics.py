"""Where joint positions put the end effector, and which joint positions put it where it should be.

Plain numpy over an abstract chain of joints, so that it serves the Panda and a user's own robot,
whichever engine simulates them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sims.manipulation import panda
from sims.manipulation.config import RobotConfig
from sims.manipulation.physics import Pose
from sims.manipulation.rotations import quat_of, rotation_of, rotation_vector

POSITION_TOLERANCE = 1e-5
"""A pose is reached when its position is this near [m] ..."""
ROTATION_TOLERANCE = 1e-4
"""... and its rotation as well [rad]."""
ROTATION_LENGTH = 0.2
"""How many metres one radian weighs, where a pose can only nearly be reached [m]."""
MAX_STEP = 0.5
"""Most that a joint moves in one iteration [rad or m]."""
HOME_PULL = 0.05
"""Share of the way to the home pose that each iteration goes where it costs the target nothing."""
NEAR = 0.1
PULLED_ITERATIONS = 8
"""The home pose pulls in an attempt's first iterations, once little is missing [m or rad]: before,
it would slow the descent, and for ever, it would keep it from its end at joint limits."""
NUM_RESTARTS = 14
"""Other starts that are tried where the first leads nowhere."""


@dataclass(frozen=True)
class Chain:
    """Joints one after the other, from the world to the end effector.

    Attributes:
        origins: float64 (n, 4, 4), the frame of each joint at 0 in the frame of the one before it.
        axes: float64 (n, 3), unit axes about or along which they move, in their own frames.
        slides: bool (n,), whether they slide; the others turn.
        end: float64 (4, 4), the end effector's frame in the last joint's.
        lower, upper: float64 (n,), their limits [rad or m].
        home: float64 (n,), where they rest [rad or m].
    """

    origins: np.ndarray
    axes: np.ndarray
    slides: np.ndarray
    end: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    home: np.ndarray

    def __post_init__(self) -> None:
        """Prepare what `transforms` needs: local transforms are affine in sin, cos and value."""
        x, y, z = self.axes.T
        zero = np.zeros_like(x)
        cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
        dyad = self.axes[:, :, None] * self.axes[:, None, :]
        turns = ~self.slides[:, None, None]
        terms = np.zeros((4, len(x), 4, 4))
        terms[0] = np.eye(4)
        terms[0, :, :3, :3] = np.where(turns, dyad, np.eye(3))
        terms[1, :, :3, :3] = np.where(turns, cross, 0.0)
        terms[2, :, :3, :3] = np.where(turns, np.eye(3) - dyad, 0.0)
        terms[3, :, :3, 3] = np.where(turns[..., 0], 0.0, self.axes)
        object.__setattr__(self, "_terms", self.origins @ terms)
        object.__setattr__(self, "_all_turn", not self.slides.any())

    @property
    def num_joints(self) -> int:
        """How many joints move the end effector."""
        return len(self.axes)

    def frames(self, joint_pos: np.ndarray) -> np.ndarray:
        """Frames of the joints, moved, and of the end effector, in the world: (n + 1, 4, 4)."""
        constant, sines, cosines, values = self._terms  # type: ignore[attr-defined]
        turned = joint_pos[:, None, None]
        local = constant + np.sin(turned) * sines + np.cos(turned) * cosines
        if not self._all_turn:  # type: ignore[attr-defined]
            local += turned * values
        frames = np.empty((len(local) + 1, 4, 4))
        frame = frames[0] = local[0]
        for index in range(1, len(local)):
            frame = frames[index] = frame @ local[index]
        frames[-1] = frame @ self.end
        return frames


class Solution(NamedTuple):
    """What inverse kinematics found.

    Attributes:
        joint_pos: float64 (n,), within the limits [rad or m].
        reached: whether they put the end effector where it should be, within the tolerances.
        error: what is missing: the distance [m], plus `ROTATION_LENGTH` per radian.
    """

    joint_pos: np.ndarray
    reached: bool
    error: float


def chain_of(robot: RobotConfig) -> Chain:
    """The joints of a robot, from its configuration."""
    if robot.name != "file":
        return panda_chain()
    from sims.manipulation.engines.mujoco_files import read_chain

    return read_chain(robot)


@lru_cache(maxsize=1)
def panda_chain() -> Chain:
    """The Panda's seven joints, to the point between its finger tips."""
    last = _screw(0.0, 0.0, panda.HAND_TURN, panda.FLANGE_LENGTH + panda.EE_LENGTH)
    return Chain(
        origins=np.stack([_screw(a, r, 0.0, d) for a, r, d in panda.DH_PARAMETERS]),
        axes=np.tile([0.0, 0.0, 1.0], (7, 1)),
        slides=np.zeros(7, dtype=bool),
        end=last,
        lower=np.array(panda.LOWER_LIMITS),
        upper=np.array(panda.UPPER_LIMITS),
        home=np.array(panda.HOME),
    )


def _screw(alpha: float, a: float, theta: float, d: float) -> np.ndarray:
    """Craig's transform between neighbouring joint frames, (4, 4); see `panda.DH_PARAMETERS`."""
    ca, sa, ct, st = math.cos(alpha), math.sin(alpha), math.cos(theta), math.sin(theta)
    return np.array(
        [
            [ct, -st, 0.0, a],
            [st * ca, ct * ca, -sa, -d * sa],
            [st * sa, ct * sa, ca, d * ca],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def forward(chain: Chain, joint_pos: np.ndarray) -> Pose:
    """Where the end effector is.

    Args:
        chain: the robot.
        joint_pos: (n,) [rad or m].
    """
    end = chain.frames(np.asarray(joint_pos, dtype=np.float64))[-1]
    return Pose(position=end[:3, 3].copy(), quat=quat_of(end[:3, :3]))


def jacobian(chain: Chain, joint_pos: np.ndarray) -> np.ndarray:
    """How the end effector moves with the joints, in the world's frame: (6, n).

    Its rows are the velocity [m] and the angular velocity [rad], per unit of each joint's.
    """
    return _jacobian(chain, chain.frames(np.asarray(joint_pos, dtype=np.float64)))


def _jacobian(chain: Chain, frames: np.ndarray) -> np.ndarray:
    axes = (frames[:-1, :3, :3] @ chain.axes[:, :, None])[:, :, 0].T
    levers = (frames[-1, :3, 3] - frames[:-1, :3, 3]).T
    result = np.empty((6, chain.num_joints))
    result[0] = axes[1] * levers[2] - axes[2] * levers[1]
    result[1] = axes[2] * levers[0] - axes[0] * levers[2]
    result[2] = axes[0] * levers[1] - axes[1] * levers[0]
    result[3:] = axes
    if chain.slides.any():
        result[:3, chain.slides] = axes[:, chain.slides]
        result[3:, chain.slides] = 0.0
    return result


def inverse(
    chain: Chain,
    target: Pose,
    start: np.ndarray,
    *,
    max_iterations: int = 60,
    restarts: bool = True,
) -> Solution:
    """Joint positions that put the end effector into a pose, or as near to it as they can.

    Damped least squares within the joint limits (Wampler 1986; the damping follows Sugihara 2011:
    it is the error itself, so it fades near the solution), pulled to the home pose where that costs
    the target nothing. Where the start leads nowhere, others are tried.

    Args:
        chain: the robot.
        target: pose of the end effector in the world.
        start: (n,) where to start from; near solutions are found first.
        max_iterations: of each attempt.
        restarts: whether to try other starts, which takes up to 0.1 s for what cannot be reached;
            leave it out where a near solution is wanted at once, as in following a target.
    """
    wanted = np.eye(4)
    wanted[:3, :3], wanted[:3, 3] = rotation_of(target.quat), target.position
    best = _descend(chain, wanted, np.asarray(start, dtype=np.float64), max_iterations)
    if best.reached or not restarts:
        return best
    for other in _other_starts(chain):
        found = _descend(chain, wanted, other, max_iterations)
        if found.reached:
            return found
        if found.error < best.error - 1e-3:  # a jump to another posture must be worth it
            best = found
    return best


def _descend(chain: Chain, wanted: np.ndarray, start: np.ndarray, max_iterations: int) -> Solution:
    joint_pos = np.clip(start, chain.lower, chain.upper)
    best = Solution(joint_pos, False, math.inf)
    stalled = 0
    for iteration in range(max_iterations):
        frames = chain.frames(joint_pos)
        error = _error(frames[-1], wanted)
        distance, angle = _norm(error[:3]), _norm(error[3:])
        size = distance + ROTATION_LENGTH * angle
        if distance < POSITION_TOLERANCE and angle < ROTATION_TOLERANCE:
            return Solution(joint_pos, True, size)
        stalled = 0 if size < 0.999 * best.error else stalled + 1
        if size < best.error:
            best = Solution(joint_pos, False, size)
        if stalled > 8:
            break
        pulled = iteration < PULLED_ITERATIONS and _norm(error) < NEAR
        pull = (chain.home - joint_pos) * (HOME_PULL if pulled else 0.0)
        joint_pos = _improve(chain, joint_pos, _jacobian(chain, frames), error, pull)
    return best


def _improve(
    chain: Chain, joint_pos: np.ndarray, slopes: np.ndarray, error: np.ndarray, pull: np.ndarray
) -> np.ndarray:
    """One step of damped least squares, (n,); joints that would leave their limits stay out."""
    error = error.copy()
    size = _norm(error)
    if size > 0.5:  # far away: in steps along which the linearization holds
        error *= 0.5 / size
    damping = np.diag(np.full(6, 1e-6 + 0.02 * min(size, 0.5) ** 2))
    free = np.ones(len(joint_pos))
    for _ in range(3):
        used = slopes * free
        along = used.T @ np.linalg.solve(used @ used.T + damping, error - used @ pull)
        step = along + pull * free
        step *= min(1.0, MAX_STEP / max(np.abs(step).max(), 1e-12))
        moved = joint_pos + step
        stuck = (free > 0) & ((moved > chain.upper) | (moved < chain.lower))
        at_limit = (joint_pos >= chain.upper) & (step > 0) | (joint_pos <= chain.lower) & (step < 0)
        if not (stuck & at_limit).any():
            break
        free = np.where(stuck & at_limit, 0.0, free)
    return np.clip(moved, chain.lower, chain.upper)


def _error(frame: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """What is missing to a pose: (6,), translation [m] and rotation vector [rad] in the world."""
    result = np.empty(6)
    result[:3] = wanted[:3, 3] - frame[:3, 3]
    result[3:] = rotation_vector(wanted[:3, :3] @ frame[:3, :3].T)
    return result


def _other_starts(chain: Chain) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    low, high = np.maximum(chain.lower, -math.pi), np.minimum(chain.upper, math.pi)
    return [chain.home, *(rng.uniform(low, high) for _ in range(NUM_RESTARTS))]


def _norm(vector: np.ndarray) -> float:
    return math.sqrt(vector.dot(vector))
