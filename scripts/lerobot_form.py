"""The form of a LeRobot export, as far as the environment's settings decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scripts.hydra_door import BadInputError
from training.lerobot.config import MAX_FPS, LerobotConfig

CLOCKED = ("ee_delta", "joint_pos")
"""Controls of which one action takes `control_dt`."""


@contextmanager
def needs_parquet() -> Iterator[None]:
    """Says what to install where the extra `parquet` is missing.

    Raises:
        BadInputError: then.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        told = "this needs pyarrow, which the light install leaves out"
        raise BadInputError(f"{told}: pip install -e '.[parquet]'") from error


def filled_in(form: LerobotConfig, env: Mapping[str, Any]) -> LerobotConfig:
    """The form with what the environment's settings say, where it is silent itself.

    Args:
        form: as configured.
        env: settings of a manipulation environment; others say nothing.

    Raises:
        ValueError: where the environment's clock has no whole number of ticks per second.
    """
    control = env.get("control")
    if control is None:
        return form
    fps = form.fps
    if fps is None:
        fps = _turns_per_second(env) if control in CLOCKED else 1
    robot = env.get("robot")
    name = robot.get("name") if isinstance(robot, Mapping) else None
    cameras = form.cameras or [str(camera) for camera in env.get("cameras") or []]
    return replace(form, fps=fps, cameras=cameras, robot_type=form.robot_type or name)


def _turns_per_second(env: Mapping[str, Any]) -> int:
    """Of chunks of actions, by the length of a whole one."""
    seconds = float(env["control_dt"]) * int(env.get("chunk_length", 1))
    fps = round(1 / seconds)
    if not 1 <= fps <= MAX_FPS or abs(1 / seconds - fps) > 1e-6:
        raise ValueError(
            f"a turn takes {seconds} s (env.config.control_dt * env.config.chunk_length), and "
            "LeRobot asks for a whole number of frames per second; give lerobot.fps"
        )
    return fps
