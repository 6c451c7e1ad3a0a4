"""The scenes that speed is measured on, and how MuJoCo would show them by default."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sims.avr.config import AvrConfig
from sims.avr.process import Task, draw_task
from sims.avr.scene_types import SCENE_TYPES
from sims.avr.world import UnsettledError, World
from sims.avr.world_model import world_xml
from sims.rendering import import_mujoco

KEY_LIGHTS = (((-4, -6, 9), (0.3, 0.5, -0.8)), ((4, -6, 9), (-0.3, 0.5, -0.8)))
"""(position, direction) of the lights that the usual three-light set-up has beside ours."""


@dataclass(frozen=True, kw_only=True)
class BenchScene:
    """A question and its world, as they stand at the start.

    Attributes:
        seed: what they were drawn with.
        task: question, belief, layout, contents.
        world: the world in MuJoCo.
    """

    seed: tuple[int, int]
    task: Task
    world: World

    def fresh_world(self) -> World:
        """The same world once more, to be changed."""
        return World(self.task.layout, self.task.contents, self.task.yaws)

    def rng(self) -> np.random.Generator:
        """A generator for what is done in the scene; the same each time."""
        return np.random.default_rng((*self.seed, 1))


def make_scenes(seed: int = 0) -> list[BenchScene]:
    """One scene of each of the thirty types; the first view suffices for none of them."""
    config = AvrConfig(sufficient_share=0.0)
    scenes = []
    for index, scene_type in enumerate(SCENE_TYPES.values()):
        rng = np.random.default_rng((seed, index))
        task, world = draw_task(config, [scene_type], rng, _make_world)
        scenes.append(BenchScene(seed=(seed, index), task=task, world=world))
    return scenes


def _make_world(task: Task) -> World | None:
    try:
        return World(task.layout, task.contents, task.yaws)
    except UnsettledError:
        return None


def default_look(
    scene: BenchScene, height: int, width: int
) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """The scene through `mujoco.Renderer` with MuJoCo's own quality settings.

    Shadow maps of 4096 for three lights, fourfold multisampling, a floor that reflects.

    Args:
        scene: what is shown, from where its viewer stands now.
        height, width: size of the pictures [px].

    Returns:
        A function that renders one picture, uint8 (H, W, 3), and its segmentation, int32 (H, W):
        the id of the body at each pixel, 0 for floor and background.
    """
    mj = import_mujoco()
    task, world = scene.task, scene.world
    spec = mj.MjSpec.from_string(world_xml(task.layout, task.contents, task.yaws, textured=True))
    usual = mj.MjSpec().visual.quality
    for name in ("offsamples", "shadowsize", "numslices", "numstacks"):
        setattr(spec.visual.quality, name, getattr(usual, name))
    for position, direction in KEY_LIGHTS:
        spec.worldbody.add_light(pos=position, dir=direction, castshadow=True)
    spec.material("floor").reflectance = 0.2
    model = spec.compile()
    world.set_picture_size(height, width)
    for name in ("cam_fovy", "cam_pos", "cam_quat"):
        getattr(model, name)[:] = getattr(world.model, name)
    data = mj.MjData(model)
    data.qpos[:] = world.data.qpos
    mj.mj_kinematics(model, data)
    mj.mj_camlight(model, data)
    renderer = mj.Renderer(model, height, width)
    atexit.register(renderer.close)  # before the GL display is closed
    bodies = np.append(model.geom_bodyid, 0)

    def observe() -> tuple[np.ndarray, np.ndarray]:
        renderer.update_scene(data, camera="viewer")
        picture = renderer.render()
        renderer.enable_segmentation_rendering()
        ids = renderer.render()
        renderer.disable_segmentation_rendering()
        is_geom = ids[..., 1] == int(mj.mjtObj.mjOBJ_GEOM)
        return picture, bodies[np.where(is_geom, ids[..., 0], -1)]

    return observe
