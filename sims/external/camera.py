"""Pictures of a MuJoCo model that another package made."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco


class ModelCamera:
    """Draws a model from any of its cameras, in a GL context of its own.

    The context belongs to the thread that made it. The package's own renderers are not used: some
    of them draw into whichever context was made last.

    Args:
        model: what is drawn.
        height, width: of the pictures [px].
        plain: draw no shadows, reflections or multisampling; otherwise as the model asks.
        hidden_groups: groups of geoms that are not drawn, such as those that only collide.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        height: int,
        width: int,
        *,
        plain: bool,
        hidden_groups: Sequence[int] = (),
    ) -> None:
        mj = import_mujoco()
        model.vis.global_.offheight, model.vis.global_.offwidth = height, width
        if plain:
            model.vis.quality.offsamples, model.vis.quality.shadowsize = 0, 0
        self._option = mj.MjvOption()
        for group in hidden_groups:
            self._option.geomgroup[group] = 0
        self._renderer: Any = mj.Renderer(model, height, width)
        if plain:
            for flag in (mj.mjtRndFlag.mjRND_SHADOW, mj.mjtRndFlag.mjRND_REFLECTION):
                self._renderer.scene.flags[flag] = 0
        atexit.register(_close_at_exit, weakref.ref(self))  # before the GL display is closed

    def picture(self, data: mujoco.MjData, camera: int | mujoco.MjvCamera) -> np.ndarray:
        """What a camera sees, by its number or as a free camera: a fresh uint8 (H, W, 3)."""
        self._renderer.update_scene(data, camera, scene_option=self._option)
        return np.array(self._renderer.render())

    def close(self) -> None:
        """Free the context. Harmless when called twice."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def is_upside_down(model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> bool:
    """Whether a camera that is fixed to the world has its top below its middle, as three of
    Meta-World's have; its pictures are turned round.
    """
    is_fixed = int(model.cam_bodyid[camera]) == 0
    return is_fixed and float(data.cam_xmat[camera].reshape(3, 3)[2, 1]) < -0.1


def _close_at_exit(reference: weakref.ref[ModelCamera]) -> None:
    camera = reference()
    if camera is not None:
        camera.close()
