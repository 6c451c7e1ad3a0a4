"""How the agreement of two engines is measured, and that MuJoCo and PyBullet do agree."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from configs.check_engines_schema import CheckEnginesScript
from configs.schemas import RunConfig
from scripts.check_engines import GOALS, expert_solves, main
from scripts.hydra_door import BadInputError
from sims.manipulation import agreement, panda
from sims.manipulation.agreement import (
    PATH_TOLERANCE_MM,
    POSITION_TOLERANCE_MM,
    TARGET_DT,
    PushAgreement,
    Track,
    compare_paths,
    compare_push,
    compare_tracks,
    find_lag,
    line_targets,
    position_errors,
    push_distance,
    pushes,
    random_positions,
    random_targets,
    work_targets,
)
from sims.manipulation.config import ManipulationConfig, RobotConfig
from sims.manipulation.env import ManipulationEnv
from sims.manipulation.kinematics import forward, panda_chain
from sims.manipulation.physics import (
    EngineUnavailableError,
    Physics,
    SimulationDivergedError,
    make_physics,
)

needs_bullet = pytest.mark.skipif(
    importlib.util.find_spec("pybullet") is None, reason="PyBullet is not installed"
)


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[Physics, Physics]]:
    both = make_physics("mujoco", RobotConfig()), make_physics("bullet", RobotConfig())
    yield both
    for physics in both:
        physics.close()


def wave(times: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(2 * times), np.cos(3 * times), 0.1 * times], axis=1)


@pytest.mark.parametrize("lag", [-0.0342, -0.01, 0.0, 0.0073, 0.06])
def test_a_known_lag_is_found(lag: float) -> None:
    times = TARGET_DT * np.arange(300)
    assert find_lag(wave(times), wave(times - lag), TARGET_DT) == pytest.approx(lag, abs=1e-4)


def test_the_lag_is_taken_out_and_a_distance_is_not() -> None:
    times = TARGET_DT * np.arange(400)
    aside = np.array([0.0, 0.003, 0.0])
    first = Track(joint_pos=wave(times), ee_position=wave(times))
    second = Track(joint_pos=wave(times - 0.02), ee_position=wave(times - 0.02) + aside)
    found = compare_tracks(first, second)
    assert found.lag_seconds == pytest.approx(0.02, abs=1e-4)
    assert found.mean_mm == pytest.approx(3.0, abs=0.3)
    assert found.raw_max_mm > 40
    same = compare_tracks(first, first)
    assert same.lag_seconds == pytest.approx(0.0, abs=1e-5) and same.max_mm < 0.02


def test_a_push_is_within_its_tolerance_by_share_or_by_length() -> None:
    far = PushAgreement(first_mm=200.0, second_mm=224.0)
    assert far.difference_mm == pytest.approx(24) and far.share == pytest.approx(0.12)
    assert far.of_tolerance == pytest.approx(0.8)
    near = PushAgreement(first_mm=10.0, second_mm=5.0)
    assert near.of_tolerance == pytest.approx(0.5)
    assert PushAgreement(first_mm=0.0, second_mm=20.0).of_tolerance == pytest.approx(2.0)


def test_all_joints_move_from_rest_to_rest_within_their_limits() -> None:
    targets = random_targets(np.random.default_rng(1), 4.0)
    assert targets.shape == (400, 7)
    assert targets[0] == pytest.approx(panda.HOME) and targets[-1] == pytest.approx(panda.HOME)
    assert (targets > panda.LOWER_LIMITS).all() and (targets < panda.UPPER_LIMITS).all()
    assert (np.ptp(targets, axis=0) > 0.05).all()
    speeds = np.abs(np.diff(targets, axis=0)) / TARGET_DT
    assert (speeds < panda.MAX_SPEEDS).all()
    again = random_targets(np.random.default_rng(1), 4.0)
    assert np.array_equal(targets, again)
    assert not np.array_equal(targets, random_targets(np.random.default_rng(2), 4.0))


def test_the_hand_goes_straight_and_points_down() -> None:
    start, end = np.array([0.4, -0.1, 0.1]), np.array([0.5, 0.1, 0.2])
    targets = line_targets(panda_chain(), [start, end], 0.25)
    assert len(targets) == math.ceil(np.linalg.norm(end - start) / 0.25 / TARGET_DT) + 1
    poses = [forward(panda_chain(), row) for row in targets]
    assert poses[0].position == pytest.approx(start, abs=2e-5)
    assert poses[-1].position == pytest.approx(end, abs=2e-5)
    along = (end - start) / np.linalg.norm(end - start)
    for pose in poses:
        off = pose.position - start
        assert np.linalg.norm(off - (off @ along) * along) < 5e-5
        assert abs(pose.quat @ agreement.DOWN) == pytest.approx(1.0, abs=1e-6)


@needs_bullet
def test_engines_follow_the_same_path(engines: tuple[Physics, Physics]) -> None:
    rng = np.random.default_rng(11)
    for targets in (random_targets(rng, 4.0), work_targets(rng, num_points=4)):
        found = compare_paths(*engines, targets)
        assert found.max_mm < PATH_TOLERANCE_MM
        assert abs(found.lag_seconds) < 0.003


@needs_bullet
def test_engines_put_the_hand_to_the_same_place(engines: tuple[Physics, Physics]) -> None:
    positions = random_positions(np.random.default_rng(5), 20)
    for physics in engines:
        assert position_errors(physics, positions).max() < 0.01 < POSITION_TOLERANCE_MM


@needs_bullet
@pytest.mark.parametrize("name", [name for name, _ in pushes()])
def test_engines_push_blocks_equally_far(engines: tuple[Physics, Physics], name: str) -> None:
    found = compare_push(*engines, dict(pushes())[name])
    assert min(found.first_mm, found.second_mm) > 60
    assert found.of_tolerance < 1


@needs_bullet
def test_a_push_past_the_middle_moves_a_block_less(engines: tuple[Physics, Physics]) -> None:
    push = replace(dict(pushes())["brick, 0.15 m/s"], aside=0.045)
    for physics in engines:
        straight = push_distance(physics, replace(push, aside=0.0))
        assert push_distance(physics, push) < straight - 0.005


def small(root: Path, **changes: object) -> CheckEnginesScript:
    settings: dict[str, object] = {
        "run": RunConfig(name="check", root=str(root)),
        "num_paths": 1,
        "path_seconds": 3.0,
        "num_positions": 3,
        "tasks": ["reach"],
        "num_seeds": 2,
    }
    return CheckEnginesScript(**(settings | changes))  # type: ignore[arg-type]


@needs_bullet
def test_the_script_writes_tables_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = list(pushes())[:1]
    monkeypatch.setattr("scripts.check_engines.pushes", lambda: iter(few))
    config = small(tmp_path)
    config.check()
    main(config, "yaml: true\n")
    summary = json.loads((tmp_path / "check" / "summary.json").read_text())
    assert set(summary["figures"]) == set(GOALS)
    assert set(summary["tables"]) == {"path", "position", "push", "expert"}
    assert summary["tables"]["push"][few[0][0]]["mujoco_mm"]["n"] == 1
    assert summary["tables"]["expert"]["reach"]["bullet"]["n"] == 2
    assert summary["figures"]["path.max_mm"] < PATH_TOLERANCE_MM
    assert "(goal: at most 2)" in capsys.readouterr().out


def test_the_script_without_pybullet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(engine: str, robot: RobotConfig) -> Physics:
        raise EngineUnavailableError("get PyBullet")

    monkeypatch.setattr("scripts.check_engines.make_physics", absent)
    with pytest.raises(BadInputError, match="get PyBullet"):
        main(small(tmp_path), "")
    assert not (tmp_path / "check").exists()


def test_a_diverging_episode_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    env = ManipulationEnv(ManipulationConfig(height=16, width=16), task="reach")

    def explode(num_steps: int) -> None:
        raise SimulationDivergedError("boom", [])

    env.reset(seed=0)
    monkeypatch.setattr(type(env.physics), "step", lambda self, num_steps: explode(num_steps))
    assert not expert_solves(env, 1)
    env.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_paths": 0}, "num_paths is 0; it must be at least 1"),
        ({"tasks": ["juggle"]}, "tasks names 'juggle'; legal: reach"),
        ({"path_seconds": 1.0}, "path_seconds is 1.0"),
    ],
)
def test_settings_out_of_range(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(tmp_path, **changes).check()
