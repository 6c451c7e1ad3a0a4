"""The suite's contract around an environment of another package."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from sims.external.camera import ModelCamera, is_upside_down
from sims.external.config import ExternalConfig
from sims.external.joints import joint_positions, robot_joints
from sims.spaces import ImagesSpace, ReplySpace

if TYPE_CHECKING:
    import mujoco

WORDINGS = ("{Do}.", "Please {do}.", "Your task: {do}.", "Robot, {do}.", "You are to {do}.")
"""How an instruction may be put. The first is the only one without paraphrases."""

MAX_STATE = 1e6
"""Bound of every number of the state."""


class ExternalEnv(gymnasium.Env[dict[str, Any], np.ndarray], ABC):
    """Another package's environment, one task of it.

    Observation: `text` (the instruction, the same at every step of an episode), `images` (one per
    camera of the configuration, uint8 (H, W, 3)) and `state` (float32, see `ExternalConfig.state`).
    Action: the package's own numbers, a Box (D,); those out of range are clipped, and an action
    that is not finite counts as zeros. Both are counted. Reward: 1.0 for success, which terminates;
    `max_steps` truncates. The package's own reward and all else that it says is in the truth.

    `info` holds `success`, `is_success` (the same), `options` (none), `truth`, and how many actions
    of the episode were clipped (`num_clipped`) or not finite (`num_invalid`).

    A subclass says how its package is driven; see the methods that start with an underscore.

    Args:
        config: which task, and what is shown of it; None takes the defaults.
        render_mode: "rgb_array" or None.

    Attributes:
        package_env: the package's own environment; private like `info["truth"]`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    default_task = ""
    default_camera = ""
    """The model's camera that "default" stands for; "" for a free one."""
    hidden_groups: Sequence[int] = ()
    """Groups of geoms that the package does not draw."""

    def __init__(
        self, config: ExternalConfig | None = None, render_mode: str | None = None
    ) -> None:
        self.config = config or ExternalConfig()
        self.config.check()
        self.render_mode = render_mode
        self.task = self.config.task or self.default_task
        self.package_env = self._make(self.task)
        self._joints = robot_joints(self._model)
        self._max_steps = self.config.max_steps or self._package_steps()
        low, high = self._action_bounds()
        self.action_space = Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)
        self._camera: ModelCamera | None = None
        self._camera_model: Any = None
        self._start(0)
        self._cameras = [self._find_camera(name) for name in self.config.cameras]
        size = self.config.height, self.config.width
        self.observation_space = Dict(
            {
                "text": ReplySpace(1000),
                "images": ImagesSpace(*size, max_images=len(self._cameras)),
                "state": Box(-MAX_STATE, MAX_STATE, self._state().shape, dtype=np.float32),
            }
        )
        self._over = True
        self._actions: list[np.ndarray] = []
        self._start_state: dict[str, Any] = {}

    @abstractmethod
    def _make(self, task: str) -> Any:
        """The package's environment, seeded alike every time.

        Raises:
            PackageUnavailableError: where the package is not installed as it should be.
            ValueError: for an unknown task; the message names the legal ones.
        """

    @abstractmethod
    def _start(self, seed: int) -> None:
        """Start an episode that the seed alone decides."""

    @abstractmethod
    def _act(self, action: np.ndarray) -> tuple[bool, float, dict[str, Any]]:
        """Take an action, float32 (D,) within the bounds: (success, the package's reward, the facts
        that it gives).
        """

    @abstractmethod
    def _package_state(self) -> np.ndarray:
        """All numbers that the package observes now, (S,)."""

    @abstractmethod
    def _action_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest action, (D,) each."""

    @abstractmethod
    def _package_steps(self) -> int:
        """After how many actions the package truncates an episode."""

    @abstractmethod
    def _describe(self, task: str) -> str:
        """What is to be done, in the imperative, without a capital and a full stop."""

    @property
    @abstractmethod
    def _model(self) -> mujoco.MjModel:
        """The model as it is now."""

    @property
    @abstractmethod
    def _data(self) -> mujoco.MjData:
        """The data of the model."""

    def _hand_position(self) -> np.ndarray:
        """Where the hand is [m], (3,), or (0,) where that is not known."""
        return np.zeros(0)

    def _free_camera(self) -> mujoco.MjvCamera:
        """The package's own view, where that is none of the model's cameras."""
        raise NotImplementedError(f"{type(self).__name__} has neither a camera nor a view")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the episode that the seed decides. `options` is not used."""
        super().reset(seed=seed)
        return self._begin()

    def _begin(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the episode that the generator's present state stands for."""
        self._restart()
        return self._observation(), self._info(success=False, reward=0.0, facts={})

    def _restart(self) -> None:
        rng = self.np_random
        self._start_state, self._actions = dict(rng.bit_generator.state), []
        self._start(int(rng.integers(2**31)))
        wording = WORDINGS[int(rng.integers(len(WORDINGS))) if self.config.paraphrases else 0]
        do = self._describe(self.task)
        self._instruction = wording.format(do=do, Do=do[:1].upper() + do[1:])
        self._num_clipped = self._num_invalid = 0
        self._over = self._success_once = False

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out an action.

        Raises:
            ValueError: for an action of another shape than the action space's.
        """
        if self._over:
            raise RuntimeError("step() after the end of an episode; call reset() first")
        success, reward, facts = self._carry_out(self._legal(action))
        truncated = not success and len(self._actions) >= self._max_steps
        self._over = success or truncated
        info = self._info(success=success, reward=reward, facts=facts)
        return self._observation(), float(success), success, truncated, info

    def _carry_out(self, action: np.ndarray) -> tuple[bool, float, dict[str, Any]]:
        self._actions.append(action)
        success, reward, facts = self._act(action.copy())
        self._success_once = self._success_once or success
        return success, reward, facts

    def _legal(self, action: Any) -> np.ndarray:
        """The nearest legal action, float32 (D,); what had to be changed is counted."""
        given, space = np.asarray(action, dtype=np.float32), self.action_space
        assert isinstance(space, Box)
        if given.shape != space.shape:
            raise ValueError(f"the action has shape {given.shape}; expected {space.shape}")
        if not np.isfinite(given).all():
            self._num_invalid += 1
            given = np.zeros_like(given)
        legal = np.clip(given, space.low, space.high)
        self._num_clipped += int((legal != given).any())
        return legal

    def _observation(self) -> dict[str, Any]:
        pictures = tuple(self._picture(camera) for camera in self._cameras)
        return {"text": self._instruction, "images": pictures, "state": self._state()}

    def _state(self) -> np.ndarray:
        if self.config.state == "package":
            return np.array(self._package_state(), dtype=np.float32).ravel()
        joints = joint_positions(self._model, self._data, self._joints)
        return np.concatenate([joints, self._hand_position()]).astype(np.float32)

    def _info(self, *, success: bool, reward: float, facts: dict[str, Any]) -> dict[str, Any]:
        truth = {
            "task": self.task,
            "instruction": self._instruction,
            "success_once": self._success_once,
            "package_reward": finite(reward),
            "package_facts": {name: finite(value) for name, value in facts.items()},
            "package_state": [finite(value) for value in self._package_state().ravel()],
        }
        counts = {"num_clipped": self._num_clipped, "num_invalid": self._num_invalid}
        return {
            "success": success,
            "is_success": success,
            "options": {},
            "truth": truth,
            **counts,
        }

    def _find_camera(self, name: str) -> int | mujoco.MjvCamera:
        """The number of a camera of the model, or a free camera.

        Raises:
            ValueError: for a name that the model does not have; the message names those it has.
        """
        wanted = self.default_camera if name == "default" else name
        if not wanted:
            return self._free_camera()
        names = [self._model.camera(i).name for i in range(self._model.ncam)]
        if wanted not in names:
            raise ValueError(
                f"env.config.cameras names {name!r}; {self.task} has default, {', '.join(names)}"
            )
        return names.index(wanted)

    def _picture(self, camera: int | mujoco.MjvCamera) -> np.ndarray:
        model = self._model
        if self._camera is None or self._camera_model is not model:
            self._close_camera()
            self._camera_model = model
            self._camera = ModelCamera(
                model,
                self.config.height,
                self.config.width,
                plain=self.config.look == "plain",
                hidden_groups=self.hidden_groups,
            )
        picture = self._camera.picture(self._data, camera)
        if isinstance(camera, int) and is_upside_down(model, self._data, camera):
            picture = np.ascontiguousarray(picture[::-1, ::-1])
        return picture

    def render(self) -> np.ndarray:
        """The first camera's picture, uint8 (H, W, 3)."""
        return self._picture(self._cameras[0])

    def get_state(self) -> dict[str, Any]:
        """The episode so far, JSON-able: where its generator stood at first, and every action."""
        actions = [[float(number) for number in action] for action in self._actions]
        return {"start": self._start_state, "actions": actions}

    def set_state(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Come back to a state of `get_state`, in this or any other process, by living it again.

        Much of what these packages remember lies outside of MuJoCo's state: goals, controllers,
        and what their next step takes from the last.

        Returns:
            The observation and info that the episode stood at; the counts start anew.
        """
        self.np_random.bit_generator.state = state["start"]
        self._restart()
        success, reward = False, 0.0
        facts: dict[str, Any] = {}
        for action in state["actions"]:
            success, reward, facts = self._carry_out(np.array(action, dtype=np.float32))
        self._over = success or len(self._actions) >= self._max_steps
        return self._observation(), self._info(success=success, reward=reward, facts=facts)

    def close(self) -> None:
        """Free the picture's context and the package's environment. Harmless when called twice."""
        self._close_camera()
        if self.package_env is not None:
            self._close_package()
            self.package_env = None

    def _close_package(self) -> None:
        self.package_env.close()

    def _close_camera(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def finite(value: Any) -> Any:
    """A number, truth value or text as JSON can hold it; None for anything else."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return value
    if np.isscalar(value) or (isinstance(value, np.ndarray) and value.size == 1):
        number = float(np.asarray(value).item())
        return number if math.isfinite(number) else None
    return None
