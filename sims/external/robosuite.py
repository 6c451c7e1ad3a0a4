"""`External/Robosuite-v0`: the tasks of robosuite."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.external.env import ExternalEnv
from sims.external.instructions import ROBOSUITE_TASKS, check_task, describe
from sims.external.versions import ROBOSUITE, check_versions
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

STEPS = 500
"""Of an episode, as robomimic's data sets of these tasks have it; robosuite's own 1000 is more than
any of them takes."""


class RobosuiteEnv(ExternalEnv):
    """One of robosuite, by default with a Panda and its own controller. See `ExternalEnv`.

    A reset keeps the model (`hard_reset=False`), which makes it a hundred times cheaper: places are
    drawn anew, but sizes of things are those of the first. `options={hard_reset: true}` brings
    robosuite's own default back.
    """

    default_task = "Lift"
    default_camera = "agentview"
    hidden_groups = (0,)  # what only collides

    def _make(self, task: str) -> Any:
        check_versions(ROBOSUITE)
        import_mujoco()  # chooses how to draw before anything else does
        package = importlib.import_module("robosuite")
        check_task(task, package.ALL_ENVIRONMENTS)
        settings: dict[str, Any] = {
            "robots": ["Panda", "Panda"] if task.startswith("TwoArm") else "Panda",
            "has_renderer": False,
            "has_offscreen_renderer": False,
            "use_camera_obs": False,
            "hard_reset": False,
            "ignore_done": True,
            "seed": 0,
        }
        return package.make(task, **(settings | self.config.options))

    def _start(self, seed: int) -> None:
        # In place: the samplers of the package hold the same generator.
        fresh = np.random.default_rng(seed)
        self.package_env.rng.bit_generator.state = fresh.bit_generator.state
        self._obs = self.package_env.reset()

    def _act(self, action: np.ndarray) -> tuple[bool, float, dict[str, Any]]:
        self._obs, reward, _, facts = self.package_env.step(action)
        return bool(self.package_env._check_success()), float(reward), facts

    def _package_state(self) -> np.ndarray:
        parts = [value for name, value in self._obs.items() if name.endswith("-state")]
        return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])

    def _action_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self.package_env.action_spec

    def _package_steps(self) -> int:
        return STEPS

    def _describe(self, task: str) -> str:
        return describe(task, ROBOSUITE_TASKS)

    @property
    def _model(self) -> mujoco.MjModel:
        return self.package_env.sim.model._model

    @property
    def _data(self) -> mujoco.MjData:
        return self.package_env.sim.data._data

    def _hand_position(self) -> np.ndarray:
        hands = [
            self._data.site_xpos[site]
            for robot in self.package_env.robots
            for site in robot.eef_site_id.values()
        ]
        return np.concatenate(hands)
