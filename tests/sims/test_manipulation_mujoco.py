"""The arm and its scenes in MuJoCo: motors, grasps, names, states."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sims.manipulation import panda
from sims.manipulation.cameras import FRONT, WRIST
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines import mujoco_arm
from sims.manipulation.engines.mujoco_physics import MujocoPhysics
from sims.manipulation.kinematics import forward, inverse, panda_chain
from sims.manipulation.physics import EngineUnavailableError, Pose, SimulationDivergedError
from sims.manipulation.scene import Body, Part, Scene, Slide

HOME = np.array(panda.HOME)
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
TICK = 20
"""Steps of 0.05 s."""
URDF = """<robot name="pole"><link name="base"/>
  <link name="beam"><inertial><mass value="2"/><origin xyz="0.2 0 0"/>
    <inertia ixx="0.01" iyy="0.03" izz="0.03" ixy="0" ixz="0" iyz="0"/></inertial>
    <visual><origin xyz="0.2 0 0"/><geometry><box size="0.4 0.05 0.05"/></geometry></visual>
    <collision><origin xyz="0.2 0 0"/><geometry><box size="0.4 0.05 0.05"/></geometry></collision>
  </link>
  <link name="tip"/>
  <joint name="shoulder" type="revolute"><origin xyz="0 0 0.5"/><parent link="base"/>
    <child link="beam"/><axis xyz="0 1 0"/>
    <limit lower="-1.5" upper="1.5" effort="60" velocity="2"/></joint>
  <joint name="fixed" type="fixed"><origin xyz="0.4 0 0"/><parent link="beam"/>
    <child link="tip"/></joint></robot>"""


def cube(name: str, x: float, y: float, **more) -> Body:
    part = Part(shape="box", size=(0.02, 0.02, 0.02), color=(0.8, 0.1, 0.1))
    return Body(name=name, **{"parts": (part,), "position": (x, y, 0.02), "mass": 0.05, **more})


DRAWER = Body(
    name="drawer",
    parts=(
        Part(shape="box", size=(0.08, 0.08, 0.03), color=(0.5, 0.4, 0.3)),
        Part(
            shape="capsule",
            size=(0.008, 0.008, 0.03),
            color=(0.1, 0.1, 0.1),
            position=(-0.11, 0.0, 0.0),
            quat=(math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0),
            name="handle",
        ),
    ),
    position=(0.6, 0.1, 0.035),
    mass=0.4,
    slide=Slide(axis=(-1.0, 0.0, 0.0), travel=0.15, start=0.03),
)
SCENE = Scene(
    bodies=(
        cube("red cube", 0.45, 0.0),
        DRAWER,
        cube("mat", 0.5, -0.15, mass=None, collides=False),
    ),
    cameras=(FRONT, WRIST),
)


def make(scene: Scene = SCENE, joints: np.ndarray = HOME, width: float = 0.08) -> MujocoPhysics:
    physics = MujocoPhysics(RobotConfig())
    physics.reset(scene, joints, width)
    return physics


def joints_at(position, start: np.ndarray = HOME) -> np.ndarray:
    solution = inverse(panda_chain(), Pose(position=np.array(position), quat=DOWN), start)
    assert solution.reached
    return solution.joint_pos


def move(physics: MujocoPhysics, start: np.ndarray, position, width: float, speed: float = 0.25):
    """Along a straight line; returns the joint targets at its end."""
    joints, begin = start, forward(panda_chain(), start).position
    count = max(1, round(float(np.linalg.norm(position - begin)) / (speed * 0.05)))
    for index in range(count):
        after = joints_at(begin + (position - begin) * (index + 1) / count, joints)
        for part in range(1, 6):
            physics.set_targets(joints + (after - joints) * part / 5, width)
            physics.step(TICK // 5)
        joints = after
    return joints


def grasped() -> tuple[MujocoPhysics, np.ndarray]:
    """The red cube between the fingers, on the table."""
    joints = joints_at([0.45, 0.0, 0.02])
    physics = make(joints=joints)
    physics.set_targets(joints, 0.0)
    physics.step(6 * TICK)
    return physics, joints


def test_at_rest_the_arm_does_not_sag():
    physics = make()
    physics.step(40 * TICK)
    assert np.abs(physics.joint_pos() - HOME).max() < 1e-6
    assert np.abs(physics.joint_vel()).max() < 1e-6
    assert physics.ee_pose().position == pytest.approx(forward(panda_chain(), HOME).position)


def test_motors_follow_a_smooth_path_within_millimetres():
    """A circle at 0.2 m/s: 4 mm behind at most, and 0.3 mm off the path."""
    physics, joints = make(Scene()), joints_at([0.45, 0.0, 0.2])
    physics.reset(Scene(), joints, 0.04)
    centre = np.array([0.45, -0.1, 0.2])
    for index in range(1, 64):
        angle = 0.1 * index
        target = centre + 0.1 * np.array([math.sin(angle), math.cos(angle), 0.0])
        joints = move(physics, joints, target, 0.04, speed=0.2)
        reached = physics.ee_pose().position
        assert np.linalg.norm(reached - target) < 4e-3
        if index > 5:
            assert abs(np.linalg.norm(reached - centre) - 0.1) < 3e-4
            assert abs(reached[2] - 0.2) < 3e-4


def test_fingers_close_together_and_open_to_their_width():
    physics = make(Scene(), width=0.0)
    physics.set_targets(HOME, 0.05)
    physics.step(10 * TICK)
    assert physics.finger_width() == pytest.approx(0.05, abs=1e-4)
    assert np.ptp(physics.data.qpos[7:9]) < 1e-4
    physics.set_targets(HOME, 1.0)
    physics.step(10 * TICK)
    assert physics.finger_width() == pytest.approx(0.08, abs=1e-3)


def test_a_grasped_cube_stays_grasped():
    """Lifted, carried to and fro for 1.7 m at 0.25 m/s and held for 5 s, it moves by 3 mm."""
    physics, joints = grasped()
    assert {("left_finger", "red cube"), ("red cube", "right_finger")} <= physics.contacts()
    assert physics.finger_width() == pytest.approx(0.04, abs=1e-3)
    before = physics.body_pose("red cube").position - physics.ee_pose().position
    for goal in ([0.45, 0.0, 0.25], [0.5, 0.2, 0.3], [0.4, -0.2, 0.25], [0.5, 0.2, 0.3]):
        joints = move(physics, joints, np.array(goal), 0.0)
    physics.step(100 * TICK)
    after = physics.body_pose("red cube").position - physics.ee_pose().position
    assert np.linalg.norm(after - before) < 3e-3
    assert ("red cube", "table") not in physics.contacts()
    physics.set_targets(joints, 0.08)
    physics.step(20 * TICK)
    assert physics.body_pose("red cube").position[2] == pytest.approx(0.02, abs=1e-3)


def test_pushing_a_drawer_moves_it_along_its_joint_only():
    physics, joints = make(), joints_at([0.42, 0.12, 0.035])
    assert physics.slide_value("drawer") == pytest.approx(0.03)
    assert physics.body_pose("drawer").position == pytest.approx([0.57, 0.1, 0.035])
    physics.reset(SCENE, joints, 0.0)
    move(physics, joints, np.array([0.465, 0.12, 0.035]), 0.0, speed=0.1)
    assert 0.002 < physics.slide_value("drawer") < 0.02
    assert physics.body_pose("drawer").position[1:] == pytest.approx([0.1, 0.035], abs=1e-4)
    assert ("drawer", "left_finger") in physics.contacts()


def test_speeds_are_told():
    physics = make(replace(SCENE, bodies=(cube("red cube", 0.45, 0.0, position=(0.3, 0.3, 0.4)),)))
    physics.step(40)
    assert physics.body_speed("red cube") == pytest.approx(9.81 * 0.1, rel=1e-3)
    assert make().body_speed("mat") == 0.0


def test_what_does_not_collide_touches_nothing():
    stack = (cube("mat", 0.45, 0.0, mass=None, collides=False), cube("block", 0.45, 0.0))
    physics = make(replace(SCENE, bodies=stack))
    physics.step(TICK)
    assert physics.contacts() == {("block", "table")}


@pytest.mark.parametrize("friction", [0.2, 0.5])
def test_friction_slows_what_slides(friction):
    """To rest within v^2 / (2 mu g), whichever of body and table is rougher."""
    scene = Scene(bodies=(cube("block", 0.3, 0.0, friction=friction),), table_friction=0.1)
    physics = make(scene)
    physics.step(TICK)
    start = physics.body_pose("block").position[0]
    physics.data.qvel[9] = 0.5
    physics.step(20 * TICK)
    slid = physics.body_pose("block").position[0] - start
    assert slid == pytest.approx(0.5**2 / (2 * friction * 9.81), rel=0.15)


def walk(physics: MujocoPhysics, count: int) -> bytes:
    seen = []
    for index in range(count):
        physics.set_targets(HOME + 0.2 * math.sin(index) * np.ones(7), 0.02)
        physics.step(TICK)
        seen += [physics.joint_pos(), physics.joint_vel(), physics.body_pose("red cube").position]
        seen.append(physics.render("front", 32, 32).rgb.astype(float).ravel())
    return np.concatenate(seen).tobytes()


def test_equal_calls_give_equal_bits():
    one, other = make(), make(Scene())
    other.step(50)
    other.reset(SCENE, HOME, 0.08)
    assert walk(one, 8) == walk(other, 8)


def test_asking_changes_nothing():
    asked, silent = make(), make()
    for _ in range(5):
        for physics in (asked, silent):
            physics.set_targets(HOME - 0.3, 0.0)
            physics.step(TICK)
        asked.contacts()
        asked.render("wrist", 24, 24, depth=True, labels=True)
        asked.get_state()
    assert asked.get_state()["state"].tobytes() == silent.get_state()["state"].tobytes()


def test_a_state_is_gone_back_to_bit_for_bit():
    physics, joints = grasped()
    move(physics, joints, np.array([0.45, 0.0, 0.1]), 0.0)
    state, touching = physics.get_state(), physics.contacts()
    first = walk(physics, 5)
    physics.set_state(state)
    assert physics.contacts() == touching
    assert walk(physics, 5) == first
    twin = make()
    twin.set_state(json.loads(json.dumps({"state": state["state"].tolist()})))
    assert walk(twin, 5) == first


def test_a_state_of_another_scene_is_refused():
    with pytest.raises(ValueError, match="reset with an equal scene"):
        make(Scene()).set_state(make().get_state())


@pytest.mark.parametrize("value", [math.nan, 1e6])
def test_a_simulation_that_runs_away_says_so_and_stands_where_it_was(value):
    physics = make()
    for _ in range(5):
        physics.step(TICK)
    sound = physics.get_state()
    physics.data.qvel[9] = value
    with pytest.raises(SimulationDivergedError, match="after 0.300 s") as caught:
        physics.step(TICK)
    states = json.loads(json.dumps(caught.value.last_states))
    assert len(states) == 3
    assert states[-1]["state"] == sound["state"].tolist()
    assert physics.get_state()["state"].tobytes() == sound["state"].tobytes()
    assert not Path("MUJOCO_LOG.TXT").exists()


def test_names_that_are_not_there_are_named():
    physics = make()
    with pytest.raises(KeyError, match="no body 'blue'"):
        physics.body_pose("blue")
    with pytest.raises(KeyError, match="no camera 'side'"):
        physics.render("side", 16, 16)
    with pytest.raises(KeyError, match="no slide"):
        physics.slide_value("red cube")
    with pytest.raises(RuntimeError, match="reset"):
        MujocoPhysics(RobotConfig()).step(1)


def test_a_robot_from_a_urdf_file_is_driven(tmp_path):
    path = tmp_path / "pole.urdf"
    path.write_text(URDF)
    robot = RobotConfig(name="file", path=str(path), arm_joints=["shoulder"], ee_link="tip")
    physics = MujocoPhysics(robot)
    physics.reset(SCENE, np.array([-0.5]), 0.0)
    physics.set_targets(np.array([-1.0]), 0.0)
    physics.step(20 * TICK)
    assert physics.joint_pos() == pytest.approx([-1.0], abs=2e-3)
    tip = [0.4 * math.cos(1.0), 0.0, 0.5 + 0.4 * math.sin(1.0)]
    assert physics.ee_pose().position == pytest.approx(tip, abs=2e-3)
    assert physics.finger_width() == 0.0
    assert physics.render("wrist", 24, 24, labels=True).labels is not None


def test_fingers_of_a_file_open_to_either_side(tmp_path):
    path = tmp_path / "hand.xml"
    path.write_text(
        """<mujoco><worldbody><body name="hand" pos="0 0 0.5"><geom size="0.03" mass="1"/>
        <joint name="lift" type="slide" axis="0 0 1"/>
        <body name="one" pos="0 0.01 0.05"><joint name="a" type="slide" axis="0 1 0"
          range="0 0.03"/><geom size="0.01" mass="0.02"/></body>
        <body name="two" pos="0 -0.01 0.05"><joint name="b" type="slide" axis="0 1 0"
          range="-0.03 0"/><geom size="0.01" mass="0.02"/></body></body></worldbody></mujoco>"""
    )
    robot = RobotConfig(
        name="file",
        path=str(path),
        arm_joints=["lift"],
        finger_joints=["a", "b"],
        ee_link="hand",
        finger_travel=0.03,
    )
    physics = MujocoPhysics(robot)
    physics.reset(Scene(), np.zeros(1), 0.0)
    physics.set_targets(np.zeros(1), 0.04)
    physics.step(10 * TICK)
    assert physics.finger_width() == pytest.approx(0.04, abs=1e-4)
    assert physics.data.qpos[1:3] == pytest.approx([0.02, -0.02], abs=1e-4)
    physics.set_targets(np.zeros(1), 1.0)
    physics.step(10 * TICK)
    assert physics.finger_width() == pytest.approx(0.06, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ee_link": "nose"}, "ee_link names 'nose'.*beam"),
        ({"arm_joints": ["knee"]}, "arm_joints names 'knee'.*shoulder"),
        ({"path": "nowhere.urdf"}, "path is 'nowhere.urdf', which is not a file"),
    ],
)
def test_a_file_that_does_not_fit_its_config_says_how(tmp_path, change, message):
    path = tmp_path / "pole.urdf"
    path.write_text(URDF)
    settings = {"path": str(path), "arm_joints": ["shoulder"], "ee_link": "tip", **change}
    with pytest.raises(ValueError, match=message):
        MujocoPhysics(RobotConfig(name="file", **settings))


def test_a_mesh_that_is_missing_is_named(tmp_path):
    path = tmp_path / "pole.urdf"
    path.write_text(URDF.replace("<box size", '<mesh filename="package://a/b.obj"/><box size'))
    robot = RobotConfig(name="file", path=str(path), arm_joints=["shoulder"], ee_link="tip")
    with pytest.raises(ValueError, match="package://a/b.obj"):
        MujocoPhysics(robot)


def test_the_mesh_arm_moves_as_the_plain_one():
    pytest.importorskip("pybullet_data")
    plain, meshed = make(), MujocoPhysics(RobotConfig(name="panda_mesh"))
    meshed.reset(SCENE, HOME, 0.08)
    for physics in (plain, meshed):
        physics.set_targets(HOME + 0.1, 0.0)
        physics.step(TICK)
    assert meshed.joint_pos() == pytest.approx(plain.joint_pos(), abs=1e-9)
    seen = [physics.render("front", 64, 64).rgb.astype(int) for physics in (plain, meshed)]
    assert np.abs(seen[0] - seen[1]).max() > 50


def test_without_pybullet_the_mesh_arm_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    mujoco_arm.mesh_files.cache_clear()
    with pytest.raises(EngineUnavailableError, match="pip install pybullet"):
        mujoco_arm.mesh_files()
