"""Forward and inverse kinematics of the arm, and of a user's own robot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sims.manipulation import panda
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.mujoco_physics import MujocoPhysics
from sims.manipulation.kinematics import (
    Chain,
    chain_of,
    forward,
    inverse,
    jacobian,
    panda_chain,
    quat_of,
    rotation_of,
    rotation_vector,
)
from sims.manipulation.physics import Pose
from sims.manipulation.scene import Scene

PANDA = panda_chain()
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
CRANE = """<mujoco><worldbody><body name="column" pos="0.1 0 0.2" quat="0.9 0.1 0 0.3">
  <joint name="turn" axis="0 0 1" range="-90 90"/><geom size="0.05" mass="1"/>
  <body name="jib" pos="0 0 0.5"><joint name="lift" type="slide" axis="0 0.6 0.8" range="0 0.4"/>
    <geom size="0.05" mass="1"/>
    <body name="arm" pos="0.3 0 0">
      <joint name="elbow" axis="0 1 0" pos="0.02 0 0" range="-120 120"/>
      <geom size="0.05" mass="1"/>
      <body name="hook" pos="0.2 0.1 0" quat="0.7 0 0.7 0"><geom size="0.02" mass="0.1"/></body>
    </body></body></body></worldbody></mujoco>"""


def random_joints(rng: np.random.Generator, chain: Chain) -> np.ndarray:
    return rng.uniform(chain.lower, chain.upper)


def apart(one: Pose, other: Pose) -> tuple[float, float]:
    """Distance [m] and angle [rad] between two poses."""
    turn = rotation_of(one.quat) @ rotation_of(other.quat).T
    distance = np.linalg.norm(one.position - other.position)
    return float(distance), float(np.linalg.norm(rotation_vector(turn)))


def crane_chain(tmp_path) -> tuple[RobotConfig, Chain]:
    path = tmp_path / "crane.xml"
    path.write_text(CRANE)
    robot = RobotConfig(
        name="file", path=str(path), arm_joints=["turn", "lift", "elbow"], ee_link="hook"
    )
    return robot, chain_of(robot)


def test_franka_s_own_ready_pose_is_where_franka_says():
    pose = forward(PANDA, np.array(panda.READY))
    assert pose.position == pytest.approx([0.306891, 0.0, 0.590282 - panda.EE_LENGTH], abs=1e-6)
    assert pose.quat == pytest.approx(DOWN, abs=1e-12)


def test_stretched_up_the_lengths_add_up():
    """At zero the flange hangs 88 mm ahead, 107 mm below the wrist's height."""
    pose = forward(PANDA, np.zeros(7))
    height = 0.333 + 0.316 + 0.384 - 0.107 - panda.EE_LENGTH
    assert pose.position == pytest.approx([0.088, 0.0, height], abs=1e-12)
    hand = np.array([0.0, math.cos(math.pi / 8), math.sin(math.pi / 8), 0.0])
    assert abs(pose.quat @ hand) == pytest.approx(1.0) or abs(
        pose.quat @ (hand * [1, 1, -1, 1])
    ) == pytest.approx(1.0)


def test_home_points_straight_down_over_the_workspace():
    pose = forward(PANDA, np.array(panda.HOME))
    assert pose.position == pytest.approx([0.45, 0.0, 0.28], abs=1e-3)
    assert pose.quat == pytest.approx(DOWN, abs=1e-9)


def test_forward_agrees_with_mujoco_s_bodies():
    physics, rng = MujocoPhysics(RobotConfig()), np.random.default_rng(0)
    for _ in range(20):
        joints = random_joints(rng, PANDA)
        physics.reset(Scene(), joints, 0.04)
        assert physics.ee_pose().position == pytest.approx(
            forward(PANDA, joints).position, abs=1e-9
        )
        frames = PANDA.frames(joints)
        for index in range(7):
            body = physics.data.body(f"robot/link{index + 1}")
            assert body.xpos == pytest.approx(frames[index, :3, 3], abs=1e-9)
            assert body.xmat.reshape(3, 3) == pytest.approx(frames[index, :3, :3], abs=1e-9)


def test_a_chain_read_from_a_file_agrees_with_mujoco(tmp_path):
    robot, chain = crane_chain(tmp_path)
    physics, rng = MujocoPhysics(robot), np.random.default_rng(1)
    for _ in range(10):
        joints = random_joints(rng, chain)
        physics.reset(Scene(), joints, 0.0)
        distance, angle = apart(physics.ee_pose(), forward(chain, joints))
        assert distance < 1e-9
        assert angle < 1e-7
    assert chain.slides.tolist() == [False, True, False]
    degrees = math.pi / 180
    assert chain.upper == pytest.approx([90 * degrees, 0.4, 120 * degrees])
    assert physics.model.jnt_range[:3, 1] == pytest.approx(chain.upper)


@pytest.mark.parametrize("name", ["panda", "crane"])
def test_the_jacobian_is_the_slope(name, tmp_path):
    chain = PANDA if name == "panda" else crane_chain(tmp_path)[1]
    rng, step = np.random.default_rng(2), 1e-6
    for _ in range(10):
        joints = random_joints(rng, chain)
        slopes = jacobian(chain, joints)
        for index in range(chain.num_joints):
            nudge = step * np.eye(chain.num_joints)[index]
            behind, ahead = forward(chain, joints - nudge), forward(chain, joints + nudge)
            moved = (ahead.position - behind.position) / (2 * step)
            turn = rotation_of(ahead.quat) @ rotation_of(behind.quat).T
            turned = rotation_vector(turn) / (2 * step)
            assert slopes[:, index] == pytest.approx([*moved, *turned], abs=1e-7)


def test_inverse_finds_what_forward_made():
    """From the home pose, for poses anywhere in the joints' ranges."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(200):
        target = forward(PANDA, random_joints(rng, PANDA))
        solution = inverse(PANDA, target, np.array(panda.HOME))
        assert np.all(solution.joint_pos >= PANDA.lower)
        assert np.all(solution.joint_pos <= PANDA.upper)
        if solution.reached:
            distance, angle = apart(target, forward(PANDA, solution.joint_pos))
            assert distance < 1e-5
            assert angle < 1e-4
            found += 1
    assert found == 200


def test_every_downward_pose_over_the_table_is_found_at_once():
    rng, start = np.random.default_rng(4), np.array(panda.HOME)
    for _ in range(60):
        yaw = rng.uniform(-math.pi / 2, math.pi / 2)
        target = Pose(
            position=rng.uniform([0.35, -0.25, 0.01], [0.65, 0.25, 0.3]),
            quat=np.array([0.0, math.cos(yaw / 2), math.sin(yaw / 2), 0.0]),
        )
        assert inverse(PANDA, target, start, restarts=False).reached


def test_following_a_path_never_jumps():
    joints = np.array(panda.HOME)
    middle = forward(PANDA, joints).position
    for angle in np.linspace(0, 2 * math.pi, 120):
        offset = np.array([0.12 * math.sin(angle), 0.2 * math.sin(2 * angle), -0.1])
        target = Pose(position=middle + offset * min(1.0, angle), quat=DOWN)
        solution = inverse(PANDA, target, joints, restarts=False)
        assert solution.reached
        assert np.abs(solution.joint_pos - joints).max() < 0.15
        joints = solution.joint_pos


def test_what_is_out_of_reach_is_said_and_neared():
    start = np.array(panda.HOME)
    target = Pose(position=np.array([1.5, 0.0, 0.28]), quat=DOWN)
    solution = inverse(PANDA, target, start)
    nearest = forward(PANDA, solution.joint_pos)
    assert not solution.reached
    assert 0.6 < solution.error < 0.75
    assert nearest.position[0] > 0.8
    assert abs(nearest.position[1]) < 1e-6


def test_equal_calls_give_equal_bits():
    target = forward(PANDA, random_joints(np.random.default_rng(5), PANDA))
    one, other = (inverse(PANDA, target, np.array(panda.HOME)) for _ in range(2))
    assert one.joint_pos.tobytes() == other.joint_pos.tobytes()


def test_a_joint_that_carries_nothing_is_named(tmp_path):
    path = tmp_path / "crane.xml"
    path.write_text(CRANE)
    robot = RobotConfig(name="file", path=str(path), arm_joints=["elbow"], ee_link="jib")
    with pytest.raises(ValueError, match="'elbow' does not move ee_link 'jib'"):
        chain_of(robot)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 2.0, math.pi - 1e-7, math.pi])
def test_rotations_survive_every_form(angle):
    axis = np.array([0.48, -0.6, 0.64])
    quat = np.array([math.cos(angle / 2), *(math.sin(angle / 2) * axis)])
    rotation = rotation_of(3.0 * quat)
    assert abs(quat_of(rotation) @ quat) == pytest.approx(1.0, abs=1e-12)
    vector = rotation_vector(rotation)
    assert np.linalg.norm(vector) == pytest.approx(angle, abs=1e-7)
    if 0.1 < angle < 3.0:
        assert vector == pytest.approx(angle * axis)
