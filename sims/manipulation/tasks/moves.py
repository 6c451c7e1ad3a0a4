"""What the experts' motions are made of. Each looks at the world anew, so that whatever went wrong
is put right by the next call, and none keeps a memory.
"""

from __future__ import annotations

import math

import numpy as np

from sims.manipulation.orders import Goal
from sims.manipulation.tasks.view import View, sideways

OPEN, CLOSED = -1.0, 1.0
CLEARANCE = 0.08
"""How high the hand travels over where it is going [m]."""
_LEVEL = 0.006
"""How near in height the hand must be to what it grasps [m]."""
_ASIDE = 0.012
"""How near sideways [m]."""
_FUNNEL_FROM, _FUNNEL_SLOPE = 0.035, 0.4
"""From this height over the goal on, the hand may come down at an angle: the funnel widens by so
much per metre."""
_YAW_WEIGHT = 0.06
"""Metres aside that one radian of wrong yaw counts."""
_EMPTY = 0.012
"""Fingers nearer than this hold nothing [m]."""
_WIDE = 0.06
"""Fingers are open from here on [m]."""


def turned_like(yaw: float, now: float, turns: float) -> float:
    """The yaw nearest to `now` among those that differ from `yaw` by multiples of `turns` [rad].

    0 for `turns` takes `now` itself, brought into [-pi/4, pi/4] so that the wrist stays free.
    """
    if turns == 0.0:
        return min(math.pi / 4, max(-math.pi / 4, now))
    nearest = yaw + turns * round((now - yaw) / turns)
    if abs(nearest) > math.pi / 2 + 0.2:  # the wrist is turned back in time
        nearest -= turns * round(nearest / turns)
    return nearest


def yaw_error(view: View, yaw: float) -> float:
    """How far the hand is turned from a yaw [rad], at least 0."""
    return abs(math.remainder(yaw - view.ee_yaw, 2 * math.pi))


def approach(
    view: View,
    point: np.ndarray,
    yaw: float,
    gripper: float,
    *,
    clearance: float = CLEARANCE,
    landing: float = 0.035,
) -> Goal:
    """Come down on a point from above: over it first, then straight down, up in between where the
    hand is too low to travel.

    Args:
        view: the world as it stands.
        point: where to, (3,) [m].
        yaw: of the hand there [rad].
        gripper: on the way, -1 open to 1 closed.
        clearance: how high over the point the hand travels [m].
        landing: how fast it comes down at the end [m per action].
    """
    hand = view.ee.position
    height = float(hand[2] - point[2])
    aside = sideways(hand, point)
    allowed = _ASIDE + _FUNNEL_SLOPE * max(0.0, height - _FUNNEL_FROM)
    if aside + _YAW_WEIGHT * yaw_error(view, yaw) <= allowed:
        speed = 0.035 if height > 0.07 else landing
        return Goal(position=point, yaw=yaw, gripper=gripper, speed=speed)
    over = point + np.array([0.0, 0.0, clearance])
    if aside > 0.05 and height < clearance - 0.03:
        over = np.array([hand[0], hand[1], over[2]])
        return Goal(position=over, yaw=view.ee_yaw, gripper=gripper)
    return Goal(position=over, yaw=yaw, gripper=gripper)


def is_at(view: View, point: np.ndarray, yaw: float) -> bool:
    """Whether the hand is at a point, turned as it should be."""
    hand = view.ee.position
    return bool(
        sideways(hand, point) + _YAW_WEIGHT * yaw_error(view, yaw) < _ASIDE
        and abs(hand[2] - point[2]) < _LEVEL
    )


def pick(view: View, point: np.ndarray, yaw: float, *, clearance: float = CLEARANCE) -> Goal:
    """Grasp what is at a point. Call until it is grasped."""
    height = float(view.ee.position[2] - point[2])
    if is_at(view, point, yaw):
        if view.finger_width < _EMPTY:  # closed beside it: once more from above
            return rise(view, OPEN)
        return Goal(position=point, yaw=yaw, gripper=CLOSED)
    goal = approach(view, point, yaw, OPEN, clearance=clearance)
    if view.finger_width < _WIDE and -0.03 < height < 0.06 and goal.position[2] < point[2] + 0.03:
        over = np.array([*view.ee.position[:2], point[2] + 0.07])
        return Goal(position=over, yaw=yaw, gripper=OPEN)
    return goal


def place(view: View, point: np.ndarray, yaw: float, *, clearance: float = 0.10) -> Goal:
    """Carry what is grasped until the hand is at a point, and let go there."""
    if is_at(view, point, yaw):
        return Goal(position=point, yaw=yaw, gripper=OPEN)
    return approach(view, point, yaw, CLOSED, clearance=clearance)


def rise(view: View, gripper: float, height: float = 0.1) -> Goal:
    """Straight up [m]."""
    hand = view.ee.position
    return Goal(position=hand + np.array([0.0, 0.0, height]), yaw=view.ee_yaw, gripper=gripper)
