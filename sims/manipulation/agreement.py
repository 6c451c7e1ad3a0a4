"""How well two physics engines agree on what one arm does.

Everything is measured by plain motor targets, the same numbers for both engines: no controller
that looks at an engine stands between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sims.manipulation import panda
from sims.manipulation.kinematics import Chain, forward, inverse, panda_chain
from sims.manipulation.physics import MAX_FINGER_WIDTH, Physics, Pose
from sims.manipulation.scene import Body, Part, Scene

TARGET_DT = 0.01
"""Time between new motor targets [s]; a whole number of either engine's steps."""
MAX_LAG = 0.1
"""Longest delay of one engine behind the other that is looked for [s]."""
PUSH_HEIGHT = 0.02
"""Of the finger tips above the table while they push [m]."""
PUSH_START, PUSH_DISTANCE = 0.08, 0.14
"""How far before a block's middle the hand starts, and how far it goes from there [m]."""
SETTLE_SECONDS = 0.5
PATH_TOLERANCE_MM = 2.0
"""End effectors that follow the same targets, the lag taken out, stay this near [mm]."""
POSITION_TOLERANCE_MM = 1.0
"""End effectors at the same joint positions are this near to forward kinematics' [mm]."""
PUSH_TOLERANCE_SHARE, PUSH_TOLERANCE_MM = 0.15, 10.0
"""The same push moves a block equally far, up to a share of the way or up to so much [mm]."""
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
"""Quaternion of a hand that points straight down."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """What an arm did while its motors followed targets.

    Attributes:
        joint_pos: float64 (T, 7) [rad], after each `TARGET_DT`.
        ee_position: float64 (T, 3) [m].
    """

    joint_pos: np.ndarray
    ee_position: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PathAgreement:
    """How far apart two tracks of the same targets are.

    Attributes:
        lag_seconds: by which the second one comes later than the first; negative where earlier.
        max_mm, mean_mm: distance of the end effectors, the lag taken out [mm].
        raw_max_mm: the largest distance with the lag left in [mm].
    """

    lag_seconds: float
    max_mm: float
    mean_mm: float
    raw_max_mm: float


@dataclass(frozen=True, kw_only=True)
class Push:
    """A straight push of a block by closed fingers.

    Attributes:
        block: what is pushed.
        speed: of the hand [m/s].
        aside: of the hand's way from the block's middle, across the push [m].
        direction: of the push on the table, from the x axis towards y [rad].
    """

    block: Body
    speed: float
    aside: float = 0.0
    direction: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PushAgreement:
    """How far a push moves its block in two engines.

    Attributes:
        first_mm, second_mm: the way of the block in each [mm].
    """

    first_mm: float
    second_mm: float

    @property
    def difference_mm(self) -> float:
        """How much farther it goes in the second [mm]."""
        return self.second_mm - self.first_mm

    @property
    def share(self) -> float:
        """The difference as a share of the way in the first; infinite where that is none."""
        return self.difference_mm / self.first_mm if self.first_mm else math.inf

    @property
    def of_tolerance(self) -> float:
        """The difference as a share of what is tolerated; engines agree up to 1."""
        return min(
            abs(self.share) / PUSH_TOLERANCE_SHARE, abs(self.difference_mm) / PUSH_TOLERANCE_MM
        )


def follow(physics: Physics, targets: np.ndarray, finger_width: float = 0.0) -> Track:
    """Drive an arm that stands at the first of the targets (T, 7) along them [rad].

    Args:
        physics: after `reset`.
        targets: of the motors, one row for each `TARGET_DT`.
        finger_width: gap of the fingers all along [m].
    """
    num_steps = round(TARGET_DT / physics.physics_dt)
    joints, positions = [], []
    for target in targets:
        physics.set_targets(target, finger_width)
        physics.step(num_steps)
        joints.append(physics.joint_pos().copy())
        positions.append(physics.ee_pose().position)
    return Track(joint_pos=np.array(joints), ee_position=np.array(positions))


def random_targets(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A smooth way of all joints about the home pose, from rest and to rest: (T, 7) [rad].

    Each joint swings with three waves of up to 0.5 Hz, by up to a quarter of its range.
    """
    times = np.arange(0.0, seconds, TARGET_DT)
    lower, upper = np.array(panda.LOWER_LIMITS), np.array(panda.UPPER_LIMITS)
    home = np.array(panda.HOME)
    room = 0.9 * np.minimum(home - lower, upper - home)
    most = np.minimum(room, (upper - lower) / 8)
    phases = rng.uniform(0, 2 * math.pi, (3, 7))
    rates = 2 * math.pi * rng.uniform(0.1, 0.5, (3, 7))
    waves = np.sin(rates * times[:, None, None] + phases).sum(axis=1) / 3
    fade = np.clip(np.minimum(times, times[-1] - times) / 1.0, 0, 1)
    ease = fade * fade * (3 - 2 * fade)
    return home + most * ease[:, None] * waves


def line_targets(
    chain: Chain, points: Sequence[np.ndarray], speed: float, quat: np.ndarray = DOWN
) -> np.ndarray:
    """Joint positions (T, n) [rad] along straight lines of the end effector, eased at both ends.

    Args:
        chain: the robot.
        points: corners of the way, (3,) each [m].
        speed: mean speed on each line [m/s]; it is half as high again in its middle.
        quat: of the hand, all along.
    """
    joint_pos = chain.home
    targets: list[np.ndarray] = []
    for start, end in pairwise(points):
        num = max(2, math.ceil(float(np.linalg.norm(end - start)) / speed / TARGET_DT))
        for share in np.linspace(0, 1, num + 1)[1 if targets else 0 :]:
            along = start + share * share * (3 - 2 * share) * (end - start)
            joint_pos = inverse(chain, Pose(position=along, quat=quat), joint_pos).joint_pos
            targets.append(joint_pos)
    return np.array(targets)


def work_targets(rng: np.random.Generator, num_points: int = 6, speed: float = 0.3) -> np.ndarray:
    """A way of a hand that points down between random points above the table: (T, 7) [rad]."""
    low, high = np.array([0.35, -0.25, 0.03]), np.array([0.62, 0.25, 0.3])
    return line_targets(panda_chain(), list(rng.uniform(low, high, (num_points, 3))), speed)


def find_lag(first: np.ndarray, second: np.ndarray, dt: float) -> float:
    """By how much the second path (T, n) comes later than the first one [s].

    The shift, to a fraction of `dt`, at which the paths' velocities correlate best.
    """
    one, other = np.diff(first, axis=0), np.diff(second, axis=0)
    most = min(round(MAX_LAG / dt), len(one) // 4)
    core = one[most : len(one) - most]
    shifts = np.arange(-most, most + 1)
    windows = [other[most + s : len(other) - most + s] for s in shifts]
    fits = np.array([-((core - window) ** 2).sum() for window in windows])
    best = int(fits.argmax())
    if best in (0, len(fits) - 1):
        return float(shifts[best] * dt)
    before, at, after = fits[best - 1 : best + 2]
    curve = before - 2 * at + after
    return float((shifts[best] + (0.5 * (before - after) / curve if curve else 0.0)) * dt)


def compare_tracks(first: Track, second: Track) -> PathAgreement:
    """How far apart two tracks of the same targets are."""
    lag = find_lag(first.joint_pos, second.joint_pos, TARGET_DT)
    times = TARGET_DT * np.arange(len(first.ee_position))
    inside = (times + lag >= 0) & (times + lag <= times[-1])
    moved = np.stack(
        [np.interp(times[inside] + lag, times, axis) for axis in second.ee_position.T], axis=1
    )
    apart = 1000 * np.linalg.norm(first.ee_position[inside] - moved, axis=1)
    raw = 1000 * np.linalg.norm(first.ee_position - second.ee_position, axis=1)
    return PathAgreement(
        lag_seconds=lag,
        max_mm=float(apart.max()),
        mean_mm=float(apart.mean()),
        raw_max_mm=float(raw.max()),
    )


def compare_paths(first: Physics, second: Physics, targets: np.ndarray) -> PathAgreement:
    """Both engines follow the same motor targets (T, 7) [rad] under gravity, from rest."""
    tracks = []
    for physics in (first, second):
        physics.reset(Scene(), targets[0], MAX_FINGER_WIDTH)
        tracks.append(follow(physics, targets, MAX_FINGER_WIDTH))
    return compare_tracks(*tracks)


def position_errors(physics: Physics, joint_pos: np.ndarray) -> np.ndarray:
    """Distances (N,) [mm] of an engine's end effector from where forward kinematics puts it, for
    joint positions (N, 7) [rad].
    """
    errors = []
    for row in joint_pos:
        physics.reset(Scene(), row, MAX_FINGER_WIDTH)
        found = physics.ee_pose().position - forward(panda_chain(), row).position
        errors.append(1000 * float(np.linalg.norm(found)))
    return np.array(errors)


def random_positions(rng: np.random.Generator, num: int) -> np.ndarray:
    """Joint positions (num, 7) [rad], anywhere within the limits."""
    return rng.uniform(panda.LOWER_LIMITS, panda.UPPER_LIMITS, (num, 7))


def push_distance(physics: Physics, push: Push) -> float:
    """How far a push moves its block, from rest to rest [m]."""
    along = np.array([math.cos(push.direction), math.sin(push.direction), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    middle = np.array([*push.block.position[:2], PUSH_HEIGHT])
    start = middle - PUSH_START * along + push.aside * across
    end = start + PUSH_DISTANCE * along
    targets = line_targets(panda_chain(), [start, end], push.speed)
    rest = np.repeat(targets[-1:], round(SETTLE_SECONDS / TARGET_DT), axis=0)
    physics.reset(Scene(bodies=(push.block,)), targets[0], 0.0)
    before = physics.body_pose(push.block.name).position
    follow(physics, np.concatenate([targets, rest]))
    return float(np.linalg.norm(physics.body_pose(push.block.name).position - before))


def compare_push(first: Physics, second: Physics, push: Push) -> PushAgreement:
    """How far the same push moves its block in two engines."""
    ways = [1000 * push_distance(physics, push) for physics in (first, second)]
    return PushAgreement(first_mm=ways[0], second_mm=ways[1])


def pushes() -> Iterator[tuple[str, Push]]:
    """The pushes on which engines are compared, each with a name that says what it is."""
    shapes = {
        "cube": (Part(shape="box", size=(0.02, 0.02, 0.02), color=(0.8, 0.2, 0.2)), 0.05),
        "brick": (Part(shape="box", size=(0.03, 0.05, 0.025), color=(0.2, 0.2, 0.8)), 0.2),
        "tin": (Part(shape="cylinder", size=(0.03, 0.03, 0.025), color=(0.2, 0.7, 0.2)), 0.1),
    }
    for name, (part, mass) in shapes.items():
        block = Body(name=name, parts=(part,), position=(0.48, 0.0, part.size[2]), mass=mass)
        for speed in (0.05, 0.15, 0.3):
            yield f"{name}, {speed} m/s", Push(block=block, speed=speed)
        yield f"{name}, to the left", Push(block=block, speed=0.15, direction=math.pi / 2)
        if part.shape == "box":
            yield f"{name}, off its middle", Push(block=block, speed=0.15, aside=0.008)
