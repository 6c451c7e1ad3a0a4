"""PyBullet behind the physics interface."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sims.manipulation import panda
from sims.manipulation.agreement import TARGET_DT, follow, line_targets
from sims.manipulation.cameras import WRIST
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines import bullet_client, bullet_physics
from sims.manipulation.engines.bullet_physics import BulletPhysics
from sims.manipulation.kinematics import forward, panda_chain, rotation_of
from sims.manipulation.physics import (
    EngineUnavailableError,
    Physics,
    SimulationDivergedError,
    make_physics,
)
from sims.manipulation.scene import Scene
from tests.sims.bullet_tabletop import HOME, OTHER, SCENE, cube, needs_bullet


@pytest.fixture
def bullet() -> Iterator[Physics]:
    physics = make_physics("bullet", RobotConfig())
    yield physics
    physics.close()


def sweep(physics: Physics, first: int = 0, last: int = 30) -> np.ndarray:
    """Swing the closed hand through the cubes; what is measured on the way."""
    seen = []
    for tick in range(first, last):
        swing = 0.4 * math.sin(0.25 * tick)
        target = HOME + np.array([swing, 0.55, 0.0, -0.1, 0.0, 0.6, 0.0])
        physics.set_targets(target, 0.04 + 0.04 * math.cos(0.3 * tick))
        physics.step(5)
        seen.append(
            np.concatenate(
                [
                    physics.joint_pos(),
                    physics.joint_vel(),
                    [physics.finger_width()],
                    *[physics.body_pose(n).position for n in ("low", "high")],
                    *[physics.body_pose(n).quat for n in ("low", "high")],
                    [physics.slide_value("drawer"), physics.body_speed("high")],
                ]
            )
        )
    return np.array(seen)


def test_without_the_package_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    bullet_client.import_pybullet.cache_clear()
    with pytest.raises(EngineUnavailableError, match=r'pip install "saccade\[bullet\]"'):
        make_physics("bullet", RobotConfig())


@needs_bullet
def test_nothing_is_printed() -> None:
    code = (
        "import numpy as np\n"
        "from sims.manipulation.config import RobotConfig\n"
        "from sims.manipulation.physics import make_physics\n"
        "from sims.manipulation.scene import Scene\n"
        "physics = make_physics('bullet', RobotConfig())\n"
        "physics.reset(Scene(), np.zeros(7), 0.08)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_bullet
def test_end_effector_is_where_kinematics_says(bullet: Physics) -> None:
    rng = np.random.default_rng(3)
    for joint_pos in rng.uniform(panda.LOWER_LIMITS, panda.UPPER_LIMITS, (10, 7)):
        bullet.reset(Scene(), joint_pos, 0.03)
        found, expected = bullet.ee_pose(), forward(panda_chain(), joint_pos)
        assert bullet.joint_pos() == pytest.approx(joint_pos, abs=1e-12)
        assert bullet.finger_width() == pytest.approx(0.03)
        assert found.position == pytest.approx(expected.position, abs=1e-6)
        assert rotation_of(found.quat) == pytest.approx(rotation_of(expected.quat), abs=1e-6)


@needs_bullet
def test_motors_hold_against_gravity_and_lag_as_told(bullet: Physics) -> None:
    bullet.reset(Scene(), HOME, 0.08)
    bullet.step(200)
    assert bullet.joint_pos() == pytest.approx(HOME, abs=1e-3)
    rates = np.array([0.6, 0.3, -0.5, 0.4, -0.6, 0.5, 0.8])
    targets = HOME + rates * TARGET_DT * np.arange(1, 61)[:, None]
    track = follow(bullet, targets, 0.08)
    behind = (targets[-1] - track.joint_pos[-1]) / rates
    # of a first-order lag at the end of each time that a target stands still
    expected = TARGET_DT / math.expm1(TARGET_DT / panda.SERVO_SECONDS)
    assert behind == pytest.approx(np.full(7, expected), abs=1e-4)


@needs_bullet
def test_fingers_close_to_their_gap_and_stay_alike(bullet: Physics) -> None:
    bullet.reset(Scene(), HOME, 0.08)
    for width in (0.0, 0.05):
        bullet.set_targets(HOME, width)
        bullet.step(200)
        assert bullet.finger_width() == pytest.approx(width, abs=1e-3)


@needs_bullet
def test_twins_are_bit_equal_whatever_came_before(
    bullet: Physics, monkeypatch: pytest.MonkeyPatch
) -> None:
    bullet.reset(SCENE, HOME, 0.08)
    expected = sweep(bullet)
    shown = bullet.render("front", 48, 64, depth=True, labels=True)
    monkeypatch.setattr(bullet_physics, "RESETS_PER_CLIENT", 3)
    other = make_physics("bullet", RobotConfig())
    for _ in range(4):
        other.reset(OTHER, HOME, 0.0)
        other.step(30)
        other.reset(SCENE, HOME, 0.08)
        assert np.array_equal(sweep(other), expected)
    again = other.render("front", 48, 64, depth=True, labels=True)
    assert np.array_equal(again.rgb, shown.rgb)
    assert np.array_equal(again.labels, shown.labels)
    assert np.array_equal(again.depth, shown.depth)
    other.close()


@needs_bullet
def test_a_state_goes_on_bit_equally_here_and_elsewhere(bullet: Physics) -> None:
    bullet.reset(SCENE, HOME, 0.08)
    start = sweep(bullet, 0, 12)
    assert start[-1, 15:18] != pytest.approx(start[0, 15:18], abs=1e-3)  # a cube was pushed
    state = bullet.get_state()
    expected = sweep(bullet, 12, 30)
    bullet.set_state(state)
    assert np.array_equal(sweep(bullet, 12, 30), expected)
    other = make_physics("bullet", RobotConfig())
    other.reset(OTHER, HOME, 0.08)
    other.step(20)
    other.reset(SCENE, HOME, 0.02)
    other.set_state(state)
    assert np.array_equal(sweep(other, 12, 30), expected)
    other.reset(OTHER, HOME, 0.08)
    with pytest.raises(ValueError, match="reset with an equal scene first"):
        other.set_state(state)
    other.close()


@needs_bullet
def test_looking_changes_nothing(bullet: Physics) -> None:
    def run(look: bool) -> np.ndarray:
        bullet.reset(SCENE, HOME, 0.08)
        for tick in range(6):
            if look:
                bullet.get_state()
                bullet.ee_pose()
                bullet.contacts()
                bullet.render("wrist", 24, 24)
            sweep(bullet, 3 * tick, 3 * tick + 3)
        return sweep(bullet, 18, 24)

    assert np.array_equal(run(False), run(True))


@needs_bullet
def test_worlds_do_not_disturb_each_other(bullet: Physics) -> None:
    bullet.reset(SCENE, HOME, 0.08)
    expected = sweep(bullet, 0, 10)
    other = make_physics("bullet", RobotConfig())
    bullet.reset(SCENE, HOME, 0.08)
    other.reset(OTHER, HOME + 0.1, 0.0)
    seen = []
    for tick in range(10):
        seen.append(sweep(bullet, tick, tick + 1))
        other.step(7)
    other.close()
    assert np.array_equal(np.concatenate(seen), expected)
    assert bullet.joint_pos().shape == (7,)


def digest_of_sweep(physics: Physics | None = None) -> str:
    """What a sweep gives, by an engine that is handed in or a new one."""
    physics = physics or make_physics("bullet", RobotConfig())
    physics.reset(SCENE, HOME, 0.08)
    return hashlib.sha256(sweep(physics, 0, 8).tobytes()).hexdigest()


@needs_bullet
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_get_the_same(bullet: Physics, method: str) -> None:
    expected = digest_of_sweep(bullet)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(digest_of_sweep) == expected
    assert digest_of_sweep(bullet) == expected


@needs_bullet
def test_a_simulation_that_explodes_is_stopped_and_can_go_on(bullet: Physics) -> None:
    bullet.reset(SCENE, HOME, 0.08)
    bullet.step(120)
    bullet.set_targets(np.full(7, math.nan), 0.08)
    with pytest.raises(SimulationDivergedError, match="engine=bullet: a joint is at nan") as caught:
        bullet.step(2)
    assert bullet.joint_pos() == pytest.approx(HOME, abs=1e-3)
    bullet.step(5)
    assert bullet.joint_pos() == pytest.approx(HOME, abs=1e-3)
    states = caught.value.last_states
    assert 1 <= len(states) <= 3
    bullet.reset(SCENE, HOME + 0.2, 0.0)
    bullet.set_state({key: np.array(value) for key, value in states[-1].items()})
    assert bullet.joint_pos() == pytest.approx(HOME, abs=1e-3)


@needs_bullet
@pytest.mark.parametrize("aside", [0.0, 0.012])
def test_a_grasped_cube_is_lifted_and_carried(bullet: Physics, aside: float) -> None:
    thing = cube("thing", 0.5, 0.1)
    above, at = np.array([0.5, 0.1 + aside, 0.2]), np.array([0.5, 0.1 + aside, 0.02])
    down = line_targets(panda_chain(), [above, at], 0.2)
    away = line_targets(panda_chain(), [at, above, above + np.array([-0.1, -0.3, 0.1])], 0.6)
    bullet.reset(Scene(bodies=(thing,)), down[0], 0.08)
    follow(bullet, down, 0.08)
    follow(bullet, np.repeat(down[-1:], 60, axis=0), 0.0)
    assert {("left_finger", "thing"), ("right_finger", "thing")} <= bullet.contacts()
    assert bullet.finger_width() == pytest.approx(0.04, abs=5e-3)
    follow(bullet, away, 0.0)
    follow(bullet, np.repeat(away[-1:], 100, axis=0), 0.0)
    assert ("table", "thing") not in bullet.contacts()
    assert bullet.body_pose("thing").position == pytest.approx(bullet.ee_pose().position, abs=0.006)


URDF = """<robot name="own">
<link name="base"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0"
  iyz="0"/></inertial></link>
<link name="upper"><inertial><origin xyz="0.2 0 0"/><mass value="1"/><inertia ixx="0.01" iyy="0.01"
  izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial><visual><origin xyz="0.2 0 0"/><geometry><box
  size="0.4 0.05 0.05"/></geometry></visual></link>
<link name="claw"><inertial><mass value="0.1"/><inertia ixx="0.001" iyy="0.001" izz="0.001" ixy="0"
  ixz="0" iyz="0"/></inertial></link>
<link name="tip"/>
<joint name="lift" type="revolute"><parent link="base"/><child link="upper"/><origin xyz="0 0 0.5"/>
  <axis xyz="0 -1 0"/><limit lower="-2" upper="2" effort="50" velocity="2"/></joint>
<joint name="grip" type="prismatic"><parent link="upper"/><child link="claw"/>
  <origin xyz="0.4 0.02 0"/><axis xyz="0 1 0"/><limit lower="0" upper="0.03" effort="20"
  velocity="1"/></joint>
<joint name="end" type="fixed"><parent link="upper"/><child link="tip"/><origin xyz="0.45 0 0"/>
</joint></robot>"""


def own_robot(folder: Path, **changes: object) -> RobotConfig:
    path = folder / "own.urdf"
    path.write_text(URDF)
    settings: dict[str, object] = {
        "name": "file",
        "path": str(path),
        "arm_joints": ["lift"],
        "finger_joints": ["grip"],
        "ee_link": "tip",
        "finger_travel": 0.03,
    }
    return RobotConfig(**(settings | changes))  # type: ignore[arg-type]


@needs_bullet
def test_a_robot_of_ones_own(tmp_path: Path) -> None:
    physics = make_physics("bullet", own_robot(tmp_path))
    physics.reset(Scene(cameras=(WRIST,)), np.array([0.5]), 0.02)
    expected = [0.45 * math.cos(0.5), 0.0, 0.5 + 0.45 * math.sin(0.5)]
    assert physics.ee_pose().position == pytest.approx(expected, abs=1e-6)
    physics.set_targets(np.array([-0.3]), 0.01)
    physics.step(300)
    assert physics.joint_pos() == pytest.approx([-0.3], abs=5e-3)
    assert physics.finger_width() == pytest.approx(0.01, abs=1e-3)
    assert physics.render("wrist", 16, 16).rgb.shape == (16, 16, 3)
    physics.close()


@needs_bullet
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "nowhere.urdf"}, "env.config.robot.path is 'nowhere.urdf'"),
        ({"arm_joints": ["elbow"]}, "arm_joints names 'elbow'; the file has lift, grip"),
        ({"finger_joints": ["thumb"]}, "finger_joints names 'thumb'"),
        ({"ee_link": "nose"}, "ee_link names 'nose'; the file has upper, claw, tip"),
    ],
)
def test_a_robot_that_does_not_fit_its_configuration(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    physics = make_physics("bullet", own_robot(tmp_path, **changes))
    with pytest.raises(ValueError, match=message):
        physics.reset(Scene(), np.array([0.5]), 0.0)
    physics.close()


@needs_bullet
def test_misuse_is_told(bullet: Physics) -> None:
    with pytest.raises(RuntimeError, match="no scene yet"):
        bullet.step(1)
    bullet.reset(SCENE, HOME, 0.08)
    with pytest.raises(KeyError, match="nothing"):
        bullet.body_pose("nothing")
    with pytest.raises(KeyError, match="'low' has no slide joint"):
        bullet.slide_value("low")
    with pytest.raises(KeyError, match="no camera 'back'"):
        bullet.render("back", 16, 16)
    bullet.close()
    bullet.close()
    assert isinstance(bullet, BulletPhysics)
