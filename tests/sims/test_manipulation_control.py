"""Control modes: what an action does to the arm, and what becomes of bad ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sims.manipulation.arm import (
    WORKSPACE_HIGH,
    WORKSPACE_LOW,
    gripper_number,
    gripper_width,
    pointing_down,
    turn,
)
from sims.manipulation.config import ManipulationConfig
from sims.manipulation.control import Control, Goal, make_control
from sims.manipulation.kinematics import inverse, panda_chain
from sims.manipulation.physics import Physics, Pose, make_physics
from sims.manipulation.rotations import rotation_of
from sims.manipulation.scene import Scene

START = np.array([0.40, 0.05, 0.25])
BOX_MODES = ("ee_delta", "joint_pos", "waypoint")


@pytest.fixture(scope="module")
def physics():
    config = ManipulationConfig()
    physics = make_physics(config.engine, config.robot)
    yield physics
    physics.close()


def begin(physics: Physics, mode: str, **settings: object) -> Control:
    """A control mode over an arm at rest, its hand at `START`."""
    control = make_control(replace(ManipulationConfig(), control=mode, **settings), physics)
    chain = panda_chain()
    pose = Pose(position=START, quat=pointing_down(0.0))
    physics.reset(Scene(), inverse(chain, pose, chain.home).joint_pos, 0.08)
    control.begin()
    return control


def carry_out(control: Control, action: object) -> int:
    """Carry an action out; returns for how many ticks."""
    return sum(1 for order in control.orders(action) for _ in control.ticks(order))


def delta(*, gripper: float = -1.0, **axes: float) -> np.ndarray:
    order = np.zeros(7)
    for name, value in axes.items():
        order[("x", "y", "z", "rx", "ry", "rz").index(name)] = value
    order[6] = gripper
    return order


def hold(control: Control, ticks: int, **how: float) -> None:
    for _ in range(ticks):
        carry_out(control, delta(**how))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_delta_moves_the_hand_along_the_worlds_axes_by_its_share(physics, axis):
    control = begin(physics, "ee_delta")
    carry_out(control, delta(**{axis: 0.6}))
    hold(control, 10)
    expected = START.copy()
    expected["xyz".index(axis)] += 0.03
    assert physics.ee_pose().position == pytest.approx(expected, abs=0.002)


def test_deltas_add_up_on_the_commanded_pose_however_far_the_arm_lags(physics):
    control = begin(physics, "ee_delta")
    for _ in range(4):
        carry_out(control, delta(y=1.0))
    assert physics.ee_pose().position[1] < START[1] + 0.18  # still on its way
    hold(control, 12)
    assert physics.ee_pose().position[1] == pytest.approx(START[1] + 0.20, abs=0.003)


def test_a_rotation_is_about_the_worlds_axes(physics):
    control = begin(physics, "ee_delta")
    for _ in range(2):
        carry_out(control, delta(rz=1.0))
    hold(control, 12)
    wanted = rotation_of(pointing_down(0.5))
    assert rotation_of(physics.ee_pose().quat) == pytest.approx(wanted, abs=0.02)
    assert physics.ee_pose().position == pytest.approx(START, abs=0.004)


def test_the_gripper_number_runs_from_open_to_closed(physics):
    control = begin(physics, "ee_delta")
    for gripper, width in ((1.0, 0.0), (0.0, 0.04), (-1.0, 0.08)):
        hold(control, 25, gripper=gripper)
        assert physics.finger_width() == pytest.approx(width, abs=0.002)


@given(st.floats(-1, 1))
def test_gripper_numbers_and_widths_are_inverse(gripper):
    assert gripper_number(gripper_width(gripper)) == pytest.approx(gripper)
    assert 0.0 <= gripper_width(gripper) <= 0.08


def test_joint_positions_are_reached(physics):
    control = begin(physics, "joint_pos")
    target = physics.joint_pos() + np.array([0.2, -0.1, 0.1, 0.15, -0.2, 0.1, 0.3])
    for _ in range(25):
        carry_out(control, np.append(target, -1.0))
    assert physics.joint_pos() == pytest.approx(target, abs=0.005)


@pytest.mark.parametrize("yaw", [-0.6, 0.0, 0.8])
def test_a_waypoint_is_one_action_that_arrives_and_then_moves_the_fingers(physics, yaw):
    control = begin(physics, "waypoint")
    goal = np.array([0.5, -0.15, 0.12])
    ticks = carry_out(control, [*goal, yaw, 1.0])
    assert physics.ee_pose().position == pytest.approx(goal, abs=0.004)
    assert rotation_of(physics.ee_pose().quat) == pytest.approx(
        rotation_of(pointing_down(yaw)), abs=0.03
    )
    assert physics.finger_width() < 0.01
    assert ticks < 60


def test_a_waypoint_is_approached_in_a_straight_line_at_bounded_speed(physics):
    control = begin(physics, "waypoint")
    goal = np.array([0.55, -0.2, 0.08])
    (order,) = control.orders([*goal, 0.0, -1.0])
    points = [physics.ee_pose().position.copy() for _ in control.ticks(order)]
    way = (goal - START) / np.linalg.norm(goal - START)
    aside = [np.linalg.norm((p - START) - ((p - START) @ way) * way) for p in points]
    assert max(aside) < 0.012
    assert max(np.linalg.norm(np.diff(points, axis=0), axis=1)) / 0.05 < 0.5


@pytest.mark.parametrize("mode", BOX_MODES)
def test_aiming_again_and_again_comes_to_the_goal(physics, mode):
    control = begin(physics, mode)
    goal = Goal(position=np.array([0.52, 0.18, 0.10]), yaw=0.4, gripper=1.0)
    for _ in range(2 if mode == "waypoint" else 30):
        order = control.aim(goal)
        assert order.dtype == np.float32
        assert control.space.contains(order)
        carry_out(control, order)
    assert physics.ee_pose().position == pytest.approx(goal.position, abs=0.004)
    assert control.counts.clipped == control.counts.unreachable == 0


@pytest.mark.parametrize("mode", BOX_MODES)
def test_numbers_out_of_range_act_as_the_nearest_in_range_and_are_counted(physics, mode):
    control = begin(physics, mode)
    space = control.space
    carry_out(control, space.high * np.float32(1.0))
    assert control.counts.clipped == 0
    expected = physics.joint_pos().copy()
    control = begin(physics, mode)
    carry_out(control, space.high + 1e6)
    assert control.counts.clipped == 1
    assert np.array_equal(physics.joint_pos(), expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", BOX_MODES)
def test_rows_that_are_not_finite_hold_still_and_are_counted(physics, mode, bad):
    control = begin(physics, mode)
    order = control.space.sample()
    order[1] = bad
    before = physics.ee_pose().position.copy()
    assert carry_out(control, order) == 1
    assert control.counts.invalid == 1
    assert physics.ee_pose().position == pytest.approx(before, abs=1e-3)


def test_a_target_out_of_reach_becomes_the_nearest_within_and_is_counted(physics):
    control = begin(physics, "ee_delta")
    for _ in range(30):
        carry_out(control, delta(x=1.0))
    assert control.counts.unreachable > 5
    hold(control, 10)
    hand = physics.ee_pose().position
    assert 0.55 < hand[0] <= WORKSPACE_HIGH[0] + 0.01
    assert hand[1:] == pytest.approx(START[1:], abs=0.03)
    carry_out(control, delta(x=-1.0))
    hold(control, 10)
    assert physics.ee_pose().position[0] < hand[0] - 0.03  # it comes back at once


def test_a_waypoint_out_of_reach_ends_in_time_and_is_counted(physics):
    control = begin(physics, "waypoint")
    far = np.array([*WORKSPACE_HIGH, 3.0, -1.0])
    assert carry_out(control, far) < 100
    assert control.counts.unreachable == 1


@pytest.mark.parametrize(
    "action",
    [
        np.zeros(6),
        np.zeros((1, 8)),
        np.zeros((4, 7)),
        np.zeros((0, 7)),
        np.zeros((1, 1, 7)),
        0.5,
        "left",
        None,
        [[0.0] * 7, [0.0] * 6],
        {"x": 1},
    ],
    ids=repr,
)
def test_wrong_shapes_are_refused_with_the_right_one(physics, action):
    control = begin(physics, "ee_delta", chunk_length=3)
    with pytest.raises(ValueError, match=r"\(7,\) or \(h, 7\) with 1 <= h <= 3"):
        control.orders(action)
    assert control.counts.clipped == control.counts.invalid == 0


def test_a_chunk_may_have_fewer_rows_than_the_space(physics):
    control = begin(physics, "ee_delta", chunk_length=3)
    assert control.space.shape == (3, 7)
    assert [len(control.orders(np.zeros((h, 7)))) for h in (1, 2, 3)] == [1, 2, 3]
    assert len(control.orders(np.zeros(7))) == 1


ANYTHING = arrays(np.float64, 7, elements=st.floats(allow_nan=True, allow_infinity=True))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ANYTHING, min_size=1, max_size=6))
def test_no_numbers_whatever_break_the_arm(physics, rows):
    control = begin(physics, "ee_delta")
    for row in rows:
        carry_out(control, row)
    counts, target = control.counts, control.arm.target
    assert counts.invalid == sum(not np.isfinite(row).all() for row in rows)
    in_range = [np.isfinite(row).all() and (np.abs(row) <= 1).all() for row in rows]
    assert counts.clipped == len(rows) - counts.invalid - sum(in_range)
    assert np.isfinite(physics.joint_pos()).all()
    assert (target.position >= np.array(WORKSPACE_LOW) - 0.05).all()
    assert (target.position <= np.array(WORKSPACE_HIGH) + 0.05).all()


@pytest.mark.parametrize("mode", BOX_MODES)
def test_a_state_goes_on_bit_for_bit(physics, mode):
    control = begin(physics, mode)
    control.space.seed(1)
    before, after = ([control.space.sample() for _ in range(3)] for _ in range(2))
    for order in before:
        carry_out(control, order)
    world, state = physics.get_state(), control.get_state()
    found = []
    for _ in range(2):
        physics.set_state(world)
        control.set_state(state)
        for order in after:
            carry_out(control, order)
        found.append((physics.joint_pos().tobytes(), physics.finger_width(), vars(control.counts)))
    assert found[0] == found[1]


def test_turning_back_and_forth_ends_where_it_began():
    quat = pointing_down(0.3)
    rotation = np.array([0.2, -0.4, 0.1])
    assert turn(turn(quat, rotation), -rotation) == pytest.approx(quat)


def test_an_unknown_mode_is_named_with_the_legal_ones(physics):
    config = ManipulationConfig()
    config.control = "thought"
    with pytest.raises(ValueError, match="control is 'thought'; legal: ee_delta, joint_pos"):
        make_control(config, physics)
