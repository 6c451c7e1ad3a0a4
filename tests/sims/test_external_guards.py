"""The adapters of other packages' environments, without the packages."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from scripts import external_venvs
from sims.conformance import check_environment
from sims.external import versions
from sims.external.config import EXTERNAL_IDS, ExternalConfig, ExternalEnvConfig
from sims.external.env import ExternalEnv, finite
from sims.external.instructions import (
    GYMNASIUM_ROBOTICS_TASKS,
    METAWORLD_TASKS,
    ROBOSUITE_TASKS,
    check_task,
    describe,
)
from sims.external.joints import robot_joints
from sims.external.versions import (
    GYMNASIUM_ROBOTICS,
    METAWORLD,
    ROBOSUITE,
    PackageUnavailableError,
    Range,
    check_versions,
    read_version,
)
from sims.rendering import import_mujoco

ROOT = Path(__file__).resolve().parents[2]
ARM = """
<mujoco>
  <option timestep="0.01"/>
  <visual><headlight ambient="0.6 0.6 0.6"/></visual>
  <worldbody>
    <camera name="front" pos="0 -2 1" xyaxes="1 0 0 0 0.447 0.894"/>
    <camera name="hanging" pos="0 -2 1" xyaxes="-1 0 0 0 -0.447 -0.894"/>
    <geom type="plane" size="2 2 0.1" rgba="0.4 0.5 0.6 1"/>
    <body name="base">
      <joint name="wheel" type="slide" axis="1 0 0" damping="1e9"/>
      <geom size="0.1" rgba="0.9 0.2 0.2 1"/>
      <body name="lower" pos="0 0 0.2">
        <joint name="shoulder" axis="0 1 0" damping="1"/>
        <geom type="capsule" size="0.05" fromto="0 0 0 0.5 0 0" rgba="0.9 0.9 0.2 1"/>
        <body name="upper" pos="0.5 0 0">
          <joint name="elbow" axis="0 1 0" damping="1"/>
          <geom type="capsule" size="0.05" fromto="0 0 0 0.5 0 0" rgba="0.2 0.9 0.2 1"/>
        </body>
      </body>
    </body>
    <body name="thing" pos="0.8 0.5 0.1"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
    <body name="door" pos="-1 1 0">
      <joint name="hinge"/><geom type="box" size="0.1 0.02 0.2"/>
    </body>
  </worldbody>
  <actuator><motor joint="elbow" gear="20"/><motor joint="shoulder" gear="20"/></actuator>
</mujoco>
"""


class ArmEnv(ExternalEnv):
    """A package of our own: success is an elbow beyond 0.3 rad."""

    default_task = "Bend"
    default_camera = "front"

    def _make(self, task: str) -> Any:
        check_task(task, ["Bend", "Stretch"])
        mj = import_mujoco()
        model = mj.MjModel.from_xml_string(ARM)
        return {"model": model, "data": mj.MjData(model)}

    def _start(self, seed: int) -> None:
        mj = import_mujoco()
        mj.mj_resetData(self._model, self._data)
        self._data.qpos[1:3] = np.random.default_rng(seed).uniform(-0.2, 0.0, 2)
        mj.mj_forward(self._model, self._data)

    def _act(self, action: np.ndarray) -> tuple[bool, float, dict[str, Any]]:
        self._data.ctrl[:] = action
        import_mujoco().mj_step(self._model, self._data, 5)
        facts = {"elbow": self._data.qpos[2], "odd": float("nan"), "names": ["a"]}
        return bool(self._data.qpos[2] > 0.3), -1.0, facts

    def _package_state(self) -> np.ndarray:
        return np.concatenate([self._data.qpos, [np.inf]])

    def _action_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return -np.ones(2), np.ones(2)

    def _package_steps(self) -> int:
        return 30

    def _describe(self, task: str) -> str:
        return "bend the elbow"

    def _close_package(self) -> None:
        self.package_env.clear()

    @property
    def _model(self) -> Any:
        return self.package_env["model"]

    @property
    def _data(self) -> Any:
        return self.package_env["data"]


def small(**settings: Any) -> ArmEnv:
    return ArmEnv(ExternalConfig(height=32, width=32, **settings))


@pytest.mark.render
def test_what_is_built_on_the_adapter_keeps_the_contract():
    check_environment(small, num_steps=10)


@pytest.mark.render
def test_an_episode_is_truncated_or_ends_with_success():
    env = small(max_steps=4)
    env.reset(seed=0)
    overs = [env.step(np.zeros(2, np.float32))[2:4] for _ in range(4)]
    assert overs == [(False, False)] * 3 + [(False, True)]
    with pytest.raises(RuntimeError, match="after the end of an episode"):
        env.step(np.zeros(2, np.float32))
    env.reset(seed=0)
    step = env.step(np.array([1.0, 0.0]))
    while not (step[2] or step[3]):
        assert step[1] == 0.0
        step = env.step(np.array([1.0, 0.0]))
    assert step[1:4] == (1.0, True, False)
    assert step[4]["success"] and step[4]["is_success"]


@pytest.mark.render
def test_actions_out_of_range_are_clipped_and_those_that_are_no_numbers_count_as_nothing():
    env, twin = small(), small()
    env.reset(seed=1)
    twin.reset(seed=1)
    obs, *_, info = env.step(np.array([0.0, 7.0]))
    assert (info["num_clipped"], info["num_invalid"]) == (1, 0)
    assert np.array_equal(obs["state"], twin.step(np.array([0.0, 1.0]))[0]["state"])
    obs, *_, info = env.step(np.array([np.nan, 0.5]))
    assert (info["num_clipped"], info["num_invalid"]) == (1, 1)
    assert np.array_equal(obs["state"], twin.step(np.zeros(2))[0]["state"])
    with pytest.raises(ValueError, match=r"the action has shape \(1, 2\); expected \(2,\)"):
        env.step(np.zeros((1, 2)))
    assert env.reset(seed=1)[1]["num_clipped"] == 0


@pytest.mark.render
def test_the_truth_holds_what_the_package_says_as_json_can_hold_it():
    env = small()
    env.reset(seed=0)
    truth = json.loads(json.dumps(env.step(np.zeros(2))[-1]["truth"], allow_nan=False))
    assert truth["package_reward"] == -1.0
    assert truth["package_facts"]["odd"] is None
    assert truth["package_facts"]["names"] is None
    assert truth["package_facts"]["elbow"] == pytest.approx(env._data.qpos[2])
    assert truth["package_state"][-1] is None
    assert not truth["success_once"]


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.True_, True), (np.float32(0.5), 0.5), (np.array([2]), 2.0), ("near", "near")],
)
def test_facts_become_plain(value, plain):
    assert finite(value) == plain
    assert type(finite(value)) is type(plain)


@pytest.mark.render
def test_the_instruction_is_worded_in_several_ways_only_where_asked():
    env, plain = small(), small(paraphrases=False)
    assert len({env.reset(seed=seed)[0]["text"] for seed in range(20)}) == 5
    assert {plain.reset(seed=seed)[0]["text"] for seed in range(5)} == {"Bend the elbow."}


@pytest.mark.render
def test_a_camera_that_hangs_upside_down_shows_the_world_upright():
    env = small(cameras=["front", "hanging", "default"])
    front, hanging, default = env.reset(seed=0)[0]["images"]
    assert np.array_equal(front, default)
    assert np.abs(front.astype(int) - hanging).mean() < 1.0
    with pytest.raises(ValueError, match=r"cameras names 'side'; Bend has default, front, hanging"):
        small(cameras=["side"])


@pytest.mark.render
def test_the_plain_look_draws_no_shadows():
    plain, full = (small(look=look).reset(seed=0)[0]["images"][0] for look in ("plain", "package"))
    assert plain.shape == full.shape == (32, 32, 3)
    assert not np.array_equal(plain, full)


def test_the_robots_joints_are_those_that_something_drives():
    model = import_mujoco().MjModel.from_xml_string(ARM)
    names = [model.joint(joint).name for joint in robot_joints(model)]
    assert names == ["shoulder", "elbow"], "neither the stuck wheel, nor the thing, nor the door"


@pytest.mark.render
def test_the_packages_own_state_can_be_observed():
    env = small(state="package")
    assert env.observation_space["state"].shape == (12,)


MISSING = [
    (
        "External/GymnasiumRobotics-v0",
        "gymnasium_robotics",
        "gymnasium-robotics 1.4.2 to 1.4.x with mujoco 3.3.7 to 3.11.x",
    ),
    ("External/Robosuite-v0", "robosuite", "robosuite 1.5.2 to 1.5.x with mujoco 3.3.7 to 3.9.x"),
    ("External/Metaworld-v0", "metaworld", "metaworld 3.1.1 to 3.1.x with mujoco 3.3.0 to 3.13.x"),
]


@pytest.mark.parametrize(("env_id", "module", "works"), MISSING)
def test_a_missing_package_is_an_error_that_says_what_to_type(env_id, module, works, monkeypatch):
    monkeypatch.setattr(versions, "installed_version", lambda name: None)
    file, _, name = EXTERNAL_IDS[env_id].partition(":")
    env_class = getattr(importlib.import_module(file), name)
    package = module.replace("_", "-")
    with pytest.raises(PackageUnavailableError) as caught:
        env_class()
    message = str(caught.value)
    assert message.startswith(f"{package} is not installed; what works is {works}")
    assert f"python scripts/external_venvs.py {package} makes one" in message
    assert f"constraints/external-{package}.txt" in message
    assert isinstance(caught.value, gymnasium.error.Error), "the scripts show it without traceback"


@pytest.mark.parametrize(
    ("ranges", "version", "problem"),
    [
        (GYMNASIUM_ROBOTICS, "3.13.0", "mujoco 3.13.0 is installed; .* mujoco 3.3.7 to 3.11"),
        (GYMNASIUM_ROBOTICS, "4.0.0", "mujoco 4.0.0 is installed; .* AssertionError"),
        (ROBOSUITE, "3.10.0", "mujoco 3.10.0 is installed; .* mujoco 3.3.7 to 3.9.x .*mj_fullM"),
        (ROBOSUITE, "3.3.2", "mujoco 3.3.2 is installed"),
        (METAWORLD, "3.17.0", "mujoco 3.17.0 is installed; .* mujoco 3.3.0 to 3.13"),
    ],
)
def test_a_mujoco_that_does_not_work_is_named(ranges, version, problem, monkeypatch):
    found = {"mujoco": version}
    monkeypatch.setattr(versions, "installed_version", lambda n: found.get(n, ranges[0].first))
    with pytest.raises(PackageUnavailableError, match=problem):
        check_versions(ranges)


@pytest.mark.parametrize(
    ("ranges", "version"),
    [(GYMNASIUM_ROBOTICS, "3.11.0"), (ROBOSUITE, "3.9.0"), (METAWORLD, "3.3.0")],
)
def test_versions_that_work_pass(ranges, version, monkeypatch):
    found = {"mujoco": version, "packaging": "26.3"}
    monkeypatch.setattr(versions, "installed_version", lambda n: found.get(n, ranges[0].first))
    check_versions(ranges)


def test_another_package_that_is_forgotten_is_named(monkeypatch):
    found = {"mujoco": "3.3.0", "metaworld": "3.1.1"}
    monkeypatch.setattr(versions, "installed_version", found.get)
    with pytest.raises(PackageUnavailableError, match="packaging is not installed; .*forgets"):
        check_versions(METAWORLD)


@pytest.mark.parametrize(
    ("version", "inside"),
    [("3.3.7", True), ("3.9", True), ("3.9.12", True), ("3.3.6", False), ("3.10.0", False)],
)
def test_a_range_counts_up_to_as_many_numbers_as_its_ends_have(version, inside):
    assert Range(distribution="x", first="3.3.7", last="3.9").contains(version) is inside


def test_a_version_is_read_up_to_its_release():
    assert read_version("3.17.0rc1") == (3, 17, 0)
    assert read_version("10.2.post1+cpu") == (10, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"look": "nice"}, "env.config.look is 'nice'; legal: plain, package"),
        ({"state": "all"}, "env.config.state is 'all'; legal: robot, package"),
        ({"cameras": []}, "env.config.cameras is \\[\\]; name one or more"),
        ({"width": 8}, "env.config.width is 8; it must be at least 16"),
        ({"max_steps": 0}, "env.config.max_steps is 0; it must be at least 1, or null"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        ExternalEnvConfig(config=ExternalConfig(**settings)).check()


def test_tasks_are_described_and_unknown_ones_answered_with_near_ones():
    assert describe("FetchPickAndPlaceDense-v4", GYMNASIUM_ROBOTICS_TASKS).startswith("bring")
    assert describe("HandManipulateBlockRotateZ-v1", GYMNASIUM_ROBOTICS_TASKS).startswith("turn")
    assert describe("push-back-v3", METAWORLD_TASKS) == "pull the puck back to the goal"
    assert describe("Unknown", ROBOSUITE_TASKS) == "do the task Unknown"
    with pytest.raises(ValueError, match="env.config.task is 'Strech'; near are Stretch"):
        check_task("Strech", ["Bend", "Stretch"])


def test_importing_the_adapters_imports_none_of_the_packages():
    for file in (ROOT / "sims" / "external").glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert not {"robosuite", "metaworld", "gymnasium_robotics"} & set(names)
    assert not {"robosuite", "metaworld", "gymnasium_robotics"} & sys.modules.keys()


@pytest.mark.parametrize("name", external_venvs.REQUIREMENTS)
def test_every_environment_pins_what_it_is_for(name):
    pins = external_venvs.constraints_of(name).read_text().casefold().splitlines()
    packages = {line.partition("==")[0].replace("_", "-") for line in pins if "==" in line}
    wanted = {package.replace("_", "-") for package in external_venvs.REQUIREMENTS[name]}
    assert wanted | {"mujoco", "pytest", "gymnasium"} <= packages


@pytest.mark.parametrize("ranges", [GYMNASIUM_ROBOTICS, ROBOSUITE, METAWORLD])
def test_the_pinned_versions_are_those_that_the_guard_accepts(ranges):
    pins = external_venvs.constraints_of(ranges[0].distribution).read_text().splitlines()
    found = dict(line.split("==") for line in pins if "==" in line)
    assert all(needed.contains(found[needed.distribution]) for needed in ranges)


def test_an_environment_is_made_once_and_again_when_its_versions_change(tmp_path, monkeypatch):
    calls = []

    class Done:
        returncode = 0

    def run(command, **_):
        calls.append(command)
        (tmp_path / "robosuite").mkdir(exist_ok=True)
        return Done()

    monkeypatch.setattr(external_venvs.subprocess, "run", run)
    assert external_venvs.make_venv("robosuite", tmp_path) == 0
    assert [c[2] for c in calls] == ["venv", "pip"]
    assert calls[1][-1] == "robosuite"
    assert external_venvs.make_venv("robosuite", tmp_path) == 0
    assert len(calls) == 2, "it is up to date"
    (tmp_path / "robosuite" / ".installed").write_text("older")
    assert external_venvs.make_venv("robosuite", tmp_path) == 0
    assert len(calls) == 4


def test_an_installation_that_fails_is_no_installation(tmp_path, monkeypatch):
    class Failed:
        returncode = 3

    monkeypatch.setattr(external_venvs.subprocess, "run", lambda command, **_: Failed())
    assert external_venvs.make_venv("metaworld", tmp_path) == 3
    assert not (tmp_path / "metaworld" / ".installed").exists()


def test_commands_run_with_the_environments_programs_first(capfd, tmp_path):
    (tmp_path / "robosuite" / "bin").mkdir(parents=True)
    code = external_venvs.run_in("robosuite", ["sh", "-c", "echo $PATH; exit 4"], tmp_path)
    assert code == 4
    assert f"{tmp_path}/robosuite/bin:" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["mujoco"], "no environment 'mujoco'; legal"), (["robosuite", "--"], "no command after --")],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    assert external_venvs.main(arguments) == 2
    assert message in capsys.readouterr().err
