"""The scene that rendering speed is measured on, and how MuJoCo would show it by default."""

from __future__ import annotations

import atexit
from collections.abc import Callable

import numpy as np

from sims.avr.scene import BACK_Y, FRONT_Y, HidingPlace, Scene, SceneObject, column_x
from sims.avr.stage import Stage, stage_xml
from sims.avr.vocabulary import COLORS, MATERIALS, SHAPES
from sims.rendering import import_mujoco

NUM_COLUMNS = 5
NEAR_Y = -1.2
KEY_LIGHTS = (((-4, -6, 9), (0.3, 0.5, -0.8)), ((4, -6, 9), (-0.3, 0.5, -0.8)))
"""(position, direction) of the lights that the usual three-light set-up has beside ours."""


def ten_objects() -> Scene:
    """Five large objects behind five small ones, all of them seen, and two walls."""
    scene = Scene(num_columns=NUM_COLUMNS, walls=["left", "right"])
    for column in range(NUM_COLUMNS):
        x = column_x(column, NUM_COLUMNS)
        scene.hiding_places.append(HidingPlace(column=column, x=x, y=BACK_Y))
        for y, size in ((FRONT_Y, "large"), (NEAR_Y, "small")):
            index = len(scene.objects)
            thing = SceneObject(
                color=list(COLORS)[index % len(COLORS)],
                shape=SHAPES[index % len(SHAPES)],
                material=MATERIALS[index % len(MATERIALS)],
                size=size,
                column=column,
                row="front",
                x=x,
                y=y,
                yaw=0.2,
            )
            scene.objects.append(thing)
    return scene


def default_look(
    stage: Stage, scene: Scene, height: int, width: int
) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """The same scene through `mujoco.Renderer` with MuJoCo's own quality settings.

    Shadow maps of 4096 for three lights, fourfold multisampling, a floor that reflects.

    Args:
        stage: shows the scene in our way; gives the geometry and the viewpoint.
        scene: what is shown.
        height, width: size of the pictures [px].

    Returns:
        A function that renders one picture, uint8 (H, W, 3), and its segmentation, int32 (H, W):
        the geom at each pixel, -1 for none.
    """
    mj = import_mujoco()
    spec = mj.MjSpec.from_string(stage_xml())
    usual = mj.MjSpec().visual.quality
    for name in ("offsamples", "shadowsize", "numslices", "numstacks"):
        setattr(spec.visual.quality, name, getattr(usual, name))
    for position, direction in KEY_LIGHTS:
        spec.worldbody.add_light(pos=position, dir=direction, castshadow=True)
    spec.add_material(name="mirror", rgba=(0.73, 0.73, 0.72, 1), reflectance=0.2)
    spec.geom("floor").material = "mirror"
    model = spec.compile()
    stage.show(scene)
    model.cam_fovy[:] = stage.model.cam_fovy
    for name in ("geom_type", "geom_size", "geom_rbound", "geom_rgba", "geom_matid"):
        getattr(model, name)[1:] = getattr(stage.model, name)[1:]  # all but the floor
    renderer = mj.Renderer(model, height, width)
    atexit.register(renderer.close)  # before the GL display is closed

    def observe() -> tuple[np.ndarray, np.ndarray]:
        renderer.update_scene(stage.data, camera="viewer")
        picture = renderer.render()
        renderer.enable_segmentation_rendering()
        ids = renderer.render()
        renderer.disable_segmentation_rendering()
        return picture, np.where(ids[..., 1] == int(mj.mjtObj.mjOBJ_GEOM), ids[..., 0], -1)

    return observe
