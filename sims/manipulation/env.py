"""`Manipulation/<Task>-v0`: an arm with a gripper does what an instruction asks for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from sims.manipulation.arm import pointing_down
from sims.manipulation.config import ManipulationConfig
from sims.manipulation.control import Control, make_control
from sims.manipulation.experts import STYLES, Wobble, expert_chunk, expert_path
from sims.manipulation.fact_cache import remember, start_key
from sims.manipulation.kinematics import chain_of, inverse
from sims.manipulation.physics import MAX_FINGER_WIDTH, Picture, Pose, make_physics
from sims.manipulation.spoken import describe_format
from sims.manipulation.tasks.drawing import Draw, draw_episode
from sims.manipulation.tasks.view import View
from sims.manipulation.text_control import (
    Situation,
    TextControl,
    expert_prediction,
    find_situation,
)
from sims.manipulation.truth import affordance, camera_facts, shown_path, world_truth
from sims.spaces import ImagesSpace, ReplySpace

_STATE_BOUND = 10.0
"""No joint [rad], length [m] or part of a quaternion is beyond it."""
_PATH_ORDERS = 240
"""Most actions of the expert that shows its path; far fewer do."""
_REQUESTS = {
    "trajectory": "Predict the path of the hand.",
    "box": "Predict the box to grasp.",
}
"""What is asked for -> how the text says so, where that changes from episode to episode."""


class ManipulationEnv(gymnasium.Env[dict[str, Any], Any]):
    """An arm, things on a table, and an instruction.

    Observation: `text` (the instruction, then what was wrong with the last action, if anything),
    `images` (one per configured camera, uint8 (H, W, 3)) and `state`, float32 (n + 8,): joint
    positions n [rad], finger gap [m], end effector position 3 [m] and quaternion 4 (w, x, y, z).
    Action: as the control mode says, such as a reply for "text"; a chunk may have fewer rows than
    the space. Rows out of range are clipped, rows with NaN or infinities hold still, and targets
    out of reach become the nearest within; all are counted in `info`. Reward: 1.0 when the task is
    done, which terminates; `max_steps` actions truncate.

    `info` holds `success` and `is_success` (alike), `options` (empty), `truth` (private, see
    `sims.manipulation.truth`), `num_clipped`, `num_invalid`, `num_unreachable` (in the episode so
    far), `num_executed` (actions of this step), `cameras`, and `depth` where configured.

    Args:
        config: robot, control, cameras and what varies; None takes the defaults.
        task: one of `sims.manipulation.config.TASKS`, or "mixed" for those that `config.tasks`
            names.
        render_mode: "rgb_array" or None.

    Attributes:
        physics: the world; private like `info["truth"]`, and so are the next two.
        draw: what the episode began with.
        control: how the arm is commanded.
        expert_styles: the ways in which its expert can act.

    Raises:
        ValueError: for settings out of range.
        EngineUnavailableError: where the physics engine is not installed.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    expert_styles = STYLES

    def __init__(
        self,
        config: ManipulationConfig | None = None,
        task: str = "reach",
        render_mode: str | None = None,
    ) -> None:
        self.config = config or ManipulationConfig()
        self.config.check()
        self.task_name, self.render_mode = task, render_mode
        self._chain = chain_of(self.config.robot)
        self.physics = make_physics(
            self.config.engine, self.config.robot, shadows=self.config.shadows
        )
        self.control = self._make_control()
        height, width = self.config.height, self.config.width
        num_cameras, bound = len(self.config.cameras), _STATE_BOUND
        self.observation_space = Dict(
            {
                "text": ReplySpace(10_000),
                "images": ImagesSpace(height, width, max_images=num_cameras),
                "state": Box(-bound, bound, (self._chain.num_joints + 8,), np.float32),
            }
        )
        self.action_space = self.control.space
        self.draw: Draw
        self._start_state: dict[str, Any] = {}
        self._over = True

    def _make_control(self) -> Control:
        if self.config.control == "text":
            return TextControl(self.config, self.physics, self._situation, self.asked)
        return make_control(self.config, self.physics)

    def asked(self) -> str:
        """What a reply should predict in this episode, "trajectory" or "box"."""
        kinds = tuple(_REQUESTS)
        kind = self.config.prediction
        return kinds[self.draw.noise_seed % len(kinds)] if kind == "either" else kind

    def _situation(self) -> Situation:
        return find_situation(self.draw.task, self.physics, self._cameras()["front"])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw a scene, an instruction and a start from the seed. `options` is not used."""
        super().reset(seed=seed)
        self._begin()
        info = self._info(num_executed=0)
        if self.config.task_facts:
            info["truth"] |= self.task_facts()
        return self._observation(info), info

    def _begin(self) -> None:
        """Start the episode that the generator's present state stands for."""
        self._start_state = dict(deepcopy(self.np_random.bit_generator.state))
        self.draw = draw_episode(self.task_name, self.config, self.np_random)
        self._build()
        self._num_actions = self._num_held = 0
        self._success = self._success_once = self._over = False
        self._progress_best, self._note = 0.0, ""
        self._look()

    def _build(self) -> None:
        """Put the world and the arm to where the episode starts."""
        pose = Pose(position=np.array(self.draw.hand), quat=pointing_down(self.draw.hand_yaw))
        joint_pos = inverse(self._chain, pose, self._chain.home).joint_pos
        self.physics.reset(self.draw.task.scene, joint_pos, MAX_FINGER_WIDTH)
        self.control.begin()
        scene, (height, width) = self.draw.task.scene, (self.config.height, self.config.width)
        self._still_cameras = camera_facts(scene, self.physics, height, width)

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out an action, or the rows of a chunk until the episode ends.

        Raises:
            ValueError: for a wrong shape, naming the right one.
            SimulationDivergedError: with the last sound states.
        """
        if self._over:
            raise RuntimeError("step() after the end of an episode; call reset() first")
        orders, before = self.control.orders(action), replace(self.control.counts)
        num_executed, self._over = 0, True  # it stays so where the simulation diverges
        for order in orders:
            self._carry_out(order)
            num_executed += 1
            self._num_actions += 1
            if self._success or self._num_actions >= self.config.max_steps:
                break
        problem = self.control.facts().get("prediction", {}).get("problem", "")
        self._note = problem or self.control.counts.note_since(before)
        truncated = not self._success and self._num_actions >= self.config.max_steps
        self._over = self._success or truncated
        info = self._info(num_executed=num_executed)
        obs = self._observation(info)
        return obs, float(self._success), self._success, truncated, info

    def _carry_out(self, order: Any) -> None:
        """An order, until the task is done."""
        for _ in self.control.ticks(order):
            self._look()
            if self._success:
                return

    def _look(self) -> None:
        """See how far the task is done now."""
        self._view, task = View(self.physics), self.draw.task
        self._standing = task.standing(self._view)
        self._num_held = self._num_held + 1 if self._standing.is_done else 0
        self._success = self._num_held >= task.hold_ticks
        self._success_once = self._success_once or self._standing.is_done
        self._progress_best = max(self._progress_best, self._standing.progress)

    def expert_reply(self, style: str = "best") -> np.ndarray | str:
        """What the scripted expert does now, float32, of the action space's shape, or its reply
        where actions are text. It reads the simulator; for a chunk, and for a path that it
        predicts, it lives ahead and puts the world back.
        """
        if self.config.control == "text":
            return self._expert_words(noisy=style == "noisy")
        wobble = Wobble(self.draw.noise_seed) if style == "noisy" else None
        length, first = self.config.chunk_length, self._num_actions
        task = self.draw.task
        chunk = expert_chunk(task, self.physics, self.control, wobble, first, length)
        return chunk if length > 1 else chunk[0]

    def _expert_words(self, *, noisy: bool) -> str:
        rng = np.random.default_rng((self.draw.noise_seed, self._num_actions))
        return expert_prediction(
            self.draw.task,
            self.physics,
            self.task_facts(),
            self.config,
            rng,
            kind=self.asked(),
            noisy=noisy,
        )

    def task_facts(self) -> dict[str, Any]:
        """What is asked for, in the front camera's picture, meant for the episode's start:
        `affordance`, and `expert_path` by living an expert's episode ahead. See
        `sims.manipulation.truth`. Those of a start are kept for the next time that it comes up.
        """
        if self._num_actions:
            return self._find_task_facts()
        key = start_key(self.task_name, self.config, self._start_state)
        return remember(key, self._find_task_facts)

    def _find_task_facts(self) -> dict[str, Any]:
        height, width = self.config.height, self.config.width
        by_delta = replace(self.config, control="ee_delta", chunk_length=1)
        box = affordance(self.draw.task, self.physics, "front", height, width)
        camera = self._cameras()["front"]
        control = make_control(by_delta, self.physics)
        path = expert_path(self.draw.task, self.physics, control, _PATH_ORDERS)
        shown = {"camera": "front", "points": shown_path(path, camera, self.config.path_points)}
        return {"affordance": box, "expert_path": shown}

    def render(self) -> np.ndarray:
        """What the first camera sees now, uint8 (H, W, 3)."""
        return self._picture(self.config.cameras[0]).rgb

    def get_state(self) -> dict[str, Any]:
        """The episode as it stands, copied: NumPy arrays and plain data."""
        return {
            "start": deepcopy(self._start_state),
            "physics": self.physics.get_state(),
            "control": self.control.get_state(),
            "num_actions": self._num_actions,
            "num_held": self._num_held,
            "progress_best": self._progress_best,
            "success_once": self._success_once,
            "over": self._over,
            "note": self._note,
        }

    def set_state(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Come back to a state of `get_state`, in this or any other process.

        Returns:
            The observation and info that the episode stood at, `task_facts` left out.
        """
        if state["start"] == self._start_state:
            self._build()
        else:
            self.np_random.bit_generator.state = deepcopy(state["start"])
            self._begin()
        self.physics.set_state(state["physics"])
        self.control.set_state(state["control"])
        self._num_actions, self._note = state["num_actions"], state["note"]
        self._look()
        self._num_held, self._over = state["num_held"], state["over"]
        self._success = self._num_held >= self.draw.task.hold_ticks
        self._success_once = state["success_once"]
        self._progress_best = state["progress_best"]
        info = self._info(num_executed=0)
        return self._observation(info), info

    def close(self) -> None:
        """Free the physics. Harmless when called twice."""
        self.physics.close()

    def _picture(self, camera: str) -> Picture:
        config = self.config
        return self.physics.render(camera, config.height, config.width, depth=config.depth)

    def _observation(self, info: dict[str, Any]) -> dict[str, Any]:
        """What is shown now; the depth pictures, where configured, go into `info`."""
        pictures = {name: self._picture(name) for name in self.config.cameras}
        if self.config.depth:
            info["depth"] = {name: picture.depth for name, picture in pictures.items()}
        ee, width = self._view.ee, self._view.finger_width
        state = np.concatenate([self.physics.joint_pos(), [width], ee.position, ee.quat])
        return {
            "text": " ".join(
                filter(None, (self.draw.task.instruction, *self._requests(), self._note))
            ),
            "images": tuple(picture.rgb for picture in pictures.values()),
            "state": state.clip(-_STATE_BOUND, _STATE_BOUND).astype(np.float32),
        }

    def _requests(self) -> list[str]:
        """What a reply should predict, and how."""
        config = self.config
        asked = [_REQUESTS[self.asked()]] if config.prediction == "either" else []
        if config.control == "text" and config.show_format and not self._num_actions:
            asked.append(describe_format(self.asked()))
        return asked

    def _cameras(self) -> dict[str, dict[str, Any]]:
        """Fresh facts of what moves, and copies of the others'."""
        scene, (height, width) = self.draw.task.scene, (self.config.height, self.config.width)
        still = {
            name: {key: np.copy(v) if isinstance(v, np.ndarray) else v for key, v in facts.items()}
            for name, facts in self._still_cameras.items()
        }
        return still | camera_facts(scene, self.physics, height, width, moving_only=True)

    def _info(self, *, num_executed: int) -> dict[str, Any]:
        counts = self.control.counts
        truth = {
            "task": self.draw.name,
            **world_truth(self.draw, self._view, self._standing, self.physics),
            "progress_best": self._progress_best,
            "success_once": self._success_once,
            "engine": self.config.engine,
            **({"asked": self.asked()} if self.config.control == "text" else {}),
            **self.control.facts(),
        }
        return {
            "success": self._success,
            "is_success": self._success,
            "options": {},
            "truth": truth,
            "num_clipped": counts.clipped,
            "num_invalid": counts.invalid,
            "num_unreachable": counts.unreachable,
            "num_executed": num_executed,
            "cameras": self._cameras(),
        }
