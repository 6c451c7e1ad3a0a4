"""What `info` says about the world, and what only its private part, the truth, says."""

from __future__ import annotations

from typing import Any

import numpy as np

from sims.manipulation.cameras import extrinsics, intrinsics, project
from sims.manipulation.physics import Physics
from sims.manipulation.scene import Scene
from sims.manipulation.tasks.drawing import Draw
from sims.manipulation.tasks.task import Standing, Task
from sims.manipulation.tasks.view import View


def world_truth(draw: Draw, view: View, standing: Standing, physics: Physics) -> dict[str, Any]:
    """The facts about a moment, JSON-able; lengths in metres, angles in radians.

    Args:
        draw: the episode.
        view: the moment.
        standing: how far the task is done then.
        physics: the world, for the joints.
    """
    task = draw.task
    return {
        "instruction": task.instruction,
        "target": task.target,
        "stage": standing.stage,
        "stages": list(task.stages),
        "progress": standing.progress,
        "distance": task.distance(view),
        "ee_position": view.ee.position.tolist(),
        "ee_quat": view.ee.quat.tolist(),
        "joint_pos": physics.joint_pos().tolist(),
        "finger_width": float(view.finger_width),
        "bodies": {name: _body(task, view, name) for name in task.words},
        "contacts": sorted([one, two] for one, two in view.contacts),
        "grasped": next((name for name in task.words if view.grasped(name)), None),
        "split": draw.variation.split,
        "variation": draw.variation.kind,
    }


def _body(task: Task, view: View, name: str) -> dict[str, Any]:
    pose, (color, shape) = view.pose(name), task.words[name]
    return {
        "position": pose.position.tolist(),
        "quat": pose.quat.tolist(),
        "color": color,
        "shape": shape,
    }


def camera_facts(
    scene: Scene, physics: Physics, height: int, width: int, *, moving_only: bool = False
) -> dict[str, dict[str, Any]]:
    """How each camera of a scene maps the world to its picture.

    Args:
        scene: with the cameras.
        physics: where they are now.
        height, width: of the pictures [px].
        moving_only: whether to leave out those that stand still.

    Returns:
        Name -> `intrinsics` float64 (3, 3) [px], `extrinsics` float64 (4, 4) from the world to the
        camera (x right, y down, z forward), `height` and `width` [px].
    """
    return {
        camera.name: {
            "intrinsics": intrinsics(camera.fovy, height, width),
            "extrinsics": extrinsics(physics.camera_pose(camera.name)),
            "height": height,
            "width": width,
        }
        for camera in scene.cameras
        if camera.on_hand or not moving_only
    }


def affordance(
    task: Task, physics: Physics, camera: str, height: int, width: int
) -> dict[str, Any]:
    """The box round what the hand takes hold of first, as far as a camera sees it.

    Returns:
        `camera`, `body`, `box_xyxy_norm`: four shares of the picture's width and height, and
        `salience`: rows of 0 and 1 over that box, 1 for the pixels that show it. The last two are
        None where nothing of it is in view.
    """
    name = task.graspable()
    picture = physics.render(camera, height, width, labels=True)
    assert picture.labels is not None
    shown = np.isin(picture.labels, _labels_of(name, physics.label_names))
    rows, columns = np.nonzero(shown)
    box = salience = None
    if len(rows):
        x, y = (columns.min(), columns.max() + 1), (rows.min(), rows.max() + 1)
        box = [float(n) for n in (x[0] / width, y[0] / height, x[1] / width, y[1] / height)]
        salience = shown[slice(*y), slice(*x)].astype(int).tolist()
    return {"camera": camera, "body": name, "box_xyxy_norm": box, "salience": salience}


def _labels_of(name: str, label_names: tuple[str, ...]) -> list[int]:
    """Of a body with all its parts, or of one part."""
    return [
        index
        for index, label in enumerate(label_names)
        if label == name or label.startswith(f"{name}/")
    ]


def shown_path(path: np.ndarray, camera: dict[str, Any], num_points: int) -> list[list[float]]:
    """A path as a camera sees it: points evenly spread along it, as shares of the picture.

    Args:
        path: (n, 3) [m], n at least 2.
        camera: one entry of `camera_facts`.
        num_points: how many, at least 2.

    Returns:
        `num_points` times [x, y] in [0, 1]; what is outside the picture is put on its edge.
    """
    pixels = project(path, camera["intrinsics"], camera["extrinsics"])[:, :2]
    shares = pixels / (camera["width"], camera["height"])
    lengths = np.linalg.norm(np.diff(shares, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0.0, along[-1], num_points)
    spread = [np.interp(wanted, along, shares[:, axis]) for axis in range(2)]
    return np.clip(np.stack(spread, axis=1), 0.0, 1.0).tolist()
