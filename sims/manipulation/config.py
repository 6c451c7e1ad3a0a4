"""Configuration of the manipulation environments. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

TASKS = (
    "reach",
    "push",
    "pick_place",
    "stack",
    "sort_by_instruction",
    "open_drawer",
    "reveal_then_pick",
)
MIXED = "mixed"
"""The task that is another one in every episode."""
CONTROLS = ("ee_delta", "joint_pos", "waypoint", "text")
CAMERAS = ("front", "wrist")
SPLITS = ("train", "vision", "semantics", "execution")
ROBOTS = ("panda", "panda_mesh", "file")
PREDICTIONS = ("trajectory", "box", "either")
MAX_PATH_POINTS = 64
"""Most points of a path that is shown, and of one that is read."""


@dataclass(kw_only=True)
class RobotConfig:
    """Which arm.

    Attributes:
        name: "panda" (primitive shapes, no files), "panda_mesh" (the meshes that PyBullet brings
            along), or "file" for a robot of the user's own.
        path: of that robot's URDF or MJCF file; null otherwise.
        arm_joints: names of its seven or fewer arm joints, from the base on; empty for all but the
            fingers'.
        finger_joints: names of the joints that close the gripper, all sliding; empty for none.
        ee_link: name of the link (URDF) or body (MJCF) whose frame is the end effector.
        home: joint positions at rest [rad], as many as arm joints; empty for zeros.
        finger_travel: how far each finger joint opens [m], above 0.
    """

    name: str = "panda"
    path: str | None = None
    arm_joints: list[str] = field(default_factory=list)
    finger_joints: list[str] = field(default_factory=list)
    ee_link: str = ""
    home: list[float] = field(default_factory=list)
    finger_travel: float = 0.04

    def check(self, prefix: str) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.name not in ROBOTS:
            raise ValueError(f"{prefix}name is {self.name!r}; legal: {', '.join(ROBOTS)}")
        if (self.name == "file") != (self.path is not None):
            raise ValueError(
                f"{prefix}path is {self.path!r} with {prefix}name={self.name}; a path goes with "
                "name=file, and only with that"
            )
        if self.name == "file" and not self.ee_link:
            raise ValueError(f"{prefix}ee_link is empty; name the link of the end effector")
        if len(self.home) not in (0, len(self.arm_joints)):
            raise ValueError(
                f"{prefix}home has {len(self.home)} numbers for {len(self.arm_joints)} arm_joints"
            )
        if not self.finger_travel > 0:
            raise ValueError(f"{prefix}finger_travel is {self.finger_travel}; it must be above 0")


@dataclass(kw_only=True)
class ManipulationConfig:
    """A language-conditioned task for an arm with a gripper.

    Attributes:
        tasks: for `Manipulation/Mixed-v0`, the tasks of which an episode's seed chooses one, at
            least one, each as likely.
        engine: "mujoco" or "bullet".
        robot: which arm.
        control: what an action is: "ee_delta" (7 numbers in [-1, 1]: translation, rotation vector,
            gripper), "joint_pos" (7 joint positions [rad], gripper), "waypoint" (position [m],
            rotation about the vertical [rad], gripper), or "text" (a reply in words).
        prediction: for text control, what the reply gives: "trajectory" of the end effector, "box"
            of what to grasp, or "either": the episode's seed decides which, and the text asks for
            it.
        path_points: of the expert's path that is shown in the truth and said by the text expert, 2
            to 64.
        brief: for text control, whether the expert says no more than what is where, always in the
            same words, and writes all numbers with two decimals: what small models learn to see
            from.
        execute: for text control, whether what a reply predicts is carried out. Where it is not, a
            reply moves nothing and solves nothing, which is all that rewards of predictions need.
        show_format: for text control, whether the first text says how to reply, with an example.
        cameras: what is shown, any of "front" and "wrist", at least one.
        height, width: of each picture [px], at least 16.
        front_fovy: vertical field of view of the front camera [degrees], from 5 to 120. A picture
            that is wider than high sees as much more to the sides.
        shadows: whether the light casts shadows; dearer.
        depth: whether `info["depth"]` holds the depth pictures.
        control_dt: time of one action of "ee_delta" and "joint_pos" [s], above 0.
        chunk_length: most actions that one step takes, at least 1; above 1, an action is a chunk of
            shape (chunk_length, D), and fewer rows are legal.
        max_translation: of one "ee_delta" action [m], where its numbers are 1.
        max_rotation: of one "ee_delta" action [rad], where its numbers are 1.
        max_steps: an episode is truncated after this many actions (replies, for text), at least 1.
        split: "train", or one of the held-out splits "vision" (textures, light, camera),
            "semantics" (new words, colours and targets) and "execution" (poses, dynamics).
        num_distractors: how many things that are not asked for, 0 to 4.
        paraphrases: whether instructions are worded in many ways; False always words them alike.
        task_facts: whether the truth at reset also holds `affordance` and `expert_path`, which cost
            a rollout of the expert.
    """

    tasks: list[str] = field(default_factory=lambda: ["reach", "push"])
    engine: str = "mujoco"
    robot: RobotConfig = field(default_factory=RobotConfig)
    control: str = "ee_delta"
    prediction: str = "trajectory"
    path_points: int = 8
    brief: bool = False
    execute: bool = True
    show_format: bool = True
    cameras: list[str] = field(default_factory=lambda: ["front"])
    height: int = 128
    width: int = 128
    front_fovy: float = 38.0
    shadows: bool = False
    depth: bool = False
    control_dt: float = 0.05
    chunk_length: int = 1
    max_translation: float = 0.05
    max_rotation: float = 0.25
    max_steps: int = 120
    split: str = "train"
    num_distractors: int = 2
    paraphrases: bool = True
    task_facts: bool = False

    def check(self, prefix: str = "env.config.") -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        named: dict[str, tuple[str, ...]] = {
            "engine": ("mujoco", "bullet"),
            "control": CONTROLS,
            "prediction": PREDICTIONS,
            "split": SPLITS,
        }
        for name, legal in named.items():
            if getattr(self, name) not in legal:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)!r}; legal: {', '.join(legal)}"
                )
        for name, legal in (("tasks", TASKS), ("cameras", CAMERAS)):
            chosen = getattr(self, name)
            if not chosen or not set(chosen) <= set(legal):
                raise ValueError(
                    f"{prefix}{name} is {chosen}; legal: one or more of {', '.join(legal)}"
                )
        at_least = {"height": 16, "width": 16, "chunk_length": 1, "max_steps": 1}
        for name, least in at_least.items():
            if getattr(self, name) < least:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)}; it must be at least {least}"
                )
        if not 2 <= self.path_points <= MAX_PATH_POINTS:
            raise ValueError(
                f"{prefix}path_points is {self.path_points}; it must be from 2 to {MAX_PATH_POINTS}"
            )
        for name in ("control_dt", "max_translation", "max_rotation"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{prefix}{name} is {value}; it must be above 0 and finite")
        if not 5 <= self.front_fovy <= 120:
            raise ValueError(
                f"{prefix}front_fovy is {self.front_fovy}; it must be from 5 to 120 degrees"
            )
        if not 0 <= self.num_distractors <= 4:
            raise ValueError(
                f"{prefix}num_distractors is {self.num_distractors}; it must be from 0 to 4"
            )
        self.robot.check(f"{prefix}robot.")

    def action_width(self) -> int:
        """Numbers of one action; 0 for text."""
        return {"ee_delta": 7, "joint_pos": 8, "waypoint": 5, "text": 0}[self.control]
