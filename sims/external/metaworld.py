"""`External/Metaworld-v0`: the fifty tasks of Meta-World, with its scripted policies as experts."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.external.env import ExternalEnv
from sims.external.instructions import METAWORLD_TASKS, check_task, describe
from sims.external.versions import METAWORLD, check_versions
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

STYLES = ("best",)


class MetaworldEnv(ExternalEnv):
    """One of Meta-World, its goal drawn anew for every episode. See `ExternalEnv`.

    Attributes:
        expert_styles: the ways in which its expert can act.
    """

    default_task = "pick-place-v3"
    default_camera = "corner2"
    expert_styles = STYLES

    def _make(self, task: str) -> Any:
        check_versions(METAWORLD)
        import_mujoco()  # chooses how to draw before anything else does
        tasks = importlib.import_module("metaworld.env_dict").ALL_V3_ENVIRONMENTS
        check_task(task, tasks)
        policies = importlib.import_module("metaworld.policies").ENV_POLICY_MAP
        env = tasks[task](**self.config.options)
        env._set_task_called = True  # the package's benchmarks hand it a goal from a fixed list
        env._freeze_rand_vec, env.seeded_rand_vec = False, True
        env._partially_observable = False  # its expert needs to know the goal
        vars(env).pop("sawyer_observation_space", None)  # cached without the goal
        if self.config.max_steps is not None:
            env.max_path_length = self.config.max_steps
        self._policy = policies[task]()
        return env

    def _start(self, seed: int) -> None:
        self.package_env.seed(seed)
        self._obs, _ = self.package_env.reset()

    def _act(self, action: np.ndarray) -> tuple[bool, float, dict[str, Any]]:
        self._obs, reward, _, _, facts = self.package_env.step(action)
        return bool(facts["success"]), float(reward), facts

    def expert_reply(self, style: str = "best") -> np.ndarray:
        """The action of the package's scripted policy, float32 (4,); it knows the goal and where
        things are.

        Raises:
            ValueError: for a style that is none of `expert_styles`.
        """
        if style not in STYLES:
            raise ValueError(f"style is {style!r}; legal: {', '.join(STYLES)}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says when its actions are about to be clipped
            action = self._policy.get_action(np.array(self._obs))
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _package_state(self) -> np.ndarray:
        return np.asarray(self._obs)

    def _action_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self.package_env.action_space.low, self.package_env.action_space.high

    def _package_steps(self) -> int:
        return int(self.package_env.max_path_length)

    def _describe(self, task: str) -> str:
        return describe(task, METAWORLD_TASKS)

    @property
    def _model(self) -> mujoco.MjModel:
        return self.package_env.model

    @property
    def _data(self) -> mujoco.MjData:
        return self.package_env.data

    def _hand_position(self) -> np.ndarray:
        return np.array(self.package_env.get_endeff_pos())
