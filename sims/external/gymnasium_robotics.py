"""`External/GymnasiumRobotics-v0`: the environments of gymnasium-robotics that use MuJoCo."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from sims.external.env import ExternalEnv
from sims.external.instructions import GYMNASIUM_ROBOTICS_TASKS, check_task, describe
from sims.external.versions import GYMNASIUM_ROBOTICS, check_versions
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

PHYSICS_OWNERS = ("robot_env", "point_env")
"""What the kitchen and the mazes call the part that simulates and draws."""


class GymnasiumRoboticsEnv(ExternalEnv):
    """One of gymnasium-robotics: Fetch, Shadow hand, Adroit, kitchen and point mazes. See
    `ExternalEnv`. The mazes of the ant are left out: the package's own view shows none of it.

    The marks that show a goal are put where it is after every step, with or without a picture.
    """

    default_task = "FetchPickAndPlace-v4"

    def _make(self, task: str) -> Any:
        check_versions(GYMNASIUM_ROBOTICS)
        import_mujoco()  # chooses how to draw before anything else does
        package = importlib.import_module("gymnasium_robotics")
        gymnasium.register_envs(package)
        check_task(task, filter(_is_theirs, gymnasium.registry))
        self._spec = gymnasium.spec(task)
        env = gymnasium.make(task, disable_env_checker=True, **self.config.options).unwrapped
        parts = [getattr(env, name) for name in PHYSICS_OWNERS if hasattr(env, name)]
        self._physics: Any = [*parts, env][0]
        return env

    def _start(self, seed: int) -> None:
        self._obs, _ = self.package_env.reset(seed=seed)
        self._show_goal()

    def _act(self, action: np.ndarray) -> tuple[bool, float, dict[str, Any]]:
        self._obs, reward, terminated, _, facts = self.package_env.step(action)
        self._show_goal()
        said = facts.get("success", facts.get("is_success"))
        if said is None:  # the kitchen ends when all is done
            said = terminated
        return bool(said), float(reward), facts

    def _show_goal(self) -> None:
        """Move the marks that show the goal, which the package does whenever it draws."""
        show = getattr(self.package_env, "_render_callback", None)
        if show is not None:
            show()

    def _package_state(self) -> np.ndarray:
        if not isinstance(self._obs, dict):
            return np.asarray(self._obs)
        goal = self._obs.get("desired_goal", ())
        goals = list(goal.values()) if isinstance(goal, dict) else [goal]
        parts = [self._obs["observation"], *goals]
        return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])

    def _action_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self.package_env.action_space.low, self.package_env.action_space.high

    def _package_steps(self) -> int:
        return self._spec.max_episode_steps or 1000

    def _describe(self, task: str) -> str:
        return describe(task, GYMNASIUM_ROBOTICS_TASKS)

    @property
    def _model(self) -> mujoco.MjModel:
        return self._physics.model

    @property
    def _data(self) -> mujoco.MjData:
        return self._physics.data

    def _hand_position(self) -> np.ndarray:
        names = [self._model.site(i).name for i in range(self._model.nsite)]
        if "robot0:grip" not in names:
            return np.zeros(0)
        return np.array(self._data.site_xpos[names.index("robot0:grip")])

    def _free_camera(self) -> mujoco.MjvCamera:
        mj = import_mujoco()
        camera = mj.MjvCamera()
        camera.lookat[:] = np.median(self._data.geom_xpos, axis=0)  # as gymnasium's renderer does
        camera.distance = self._model.stat.extent
        for name, value in (self._physics.mujoco_renderer.default_cam_config or {}).items():
            if isinstance(value, np.ndarray):
                getattr(camera, name)[:] = value
            else:
                setattr(camera, name, value)
        return camera


def _is_theirs(name: str) -> bool:
    """Whether a registered environment is of the package, described here, and runs today."""
    entry = str(gymnasium.registry[name].entry_point)
    described = any(name.startswith(beginning) for beginning in GYMNASIUM_ROBOTICS_TASKS)
    return described and entry.startswith("gymnasium_robotics") and "MujocoPy" not in entry
