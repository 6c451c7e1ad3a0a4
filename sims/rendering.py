"""Headless MuJoCo pictures and segmentation: one GL context per process and size, made lazily.

MuJoCo's default look costs fifty times the stripped one on a CPU, nearly all of it for one
4096 x 4096 shadow map per light, so the settings that matter are chosen here: no multisampling, no
reflections, a shadow map of 512 for the one light that casts shadows, and software GL kept in the
calling thread.

GL contexts do not survive `fork`: start workers with `spawn`. Nothing GL is created before the
first render.
"""

from __future__ import annotations

import atexit
import ctypes.util
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mujoco

INSTALL_HINT = (
    "apt-get install -y libegl1 libegl-mesa0 libgl1-mesa-dri libgl1 libopengl0   (Debian, as root)"
)
BACKDROP_GROUP = 2
"""Geoms of this group, such as a floor, are drawn but are background in the segmentation: they
hide nothing that matters, and filling the picture with them would be half of its cost."""


class RenderingUnavailableError(RuntimeError):
    """No headless OpenGL library was found."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"Headless rendering does not work here: {cause}. Try: {INSTALL_HINT}")


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """What a picture costs.

    Attributes:
        height, width: size of the picture [px].
        shadows: whether the key light casts shadows (about three times the cost on a CPU).
    """

    height: int
    width: int
    shadows: bool = True


def choose_gl_backend() -> str:
    """Set `MUJOCO_GL` before MuJoCo is imported: what the user set, else EGL, else OSMesa.

    Returns the name of the back end. Raises `RenderingUnavailableError` where there is neither.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")  # llvmpipe: threads are lost on fork, and slower
    backend = os.environ.get("MUJOCO_GL")
    if backend is None:
        libraries = {"egl": "EGL", "osmesa": "OSMesa"}
        found = [name for name, library in libraries.items() if ctypes.util.find_library(library)]
        if not found:
            raise RenderingUnavailableError("neither libEGL nor libOSMesa is installed")
        backend = os.environ["MUJOCO_GL"] = found[0]
    return backend


@lru_cache(maxsize=1)
def import_mujoco() -> ModuleType:
    """MuJoCo, imported with a headless GL back end chosen."""
    choose_gl_backend()
    import mujoco

    return mujoco


class SceneRenderer:
    """Renders any model of one structure from any camera.

    The GL context belongs to the thread that made it. Models that differ only in what is edited in
    place (geom type, size, colour, material; poses) share one renderer.

    Args:
        model: gives the light, texture and quality settings of the context.
        settings: size and shadows.
        max_geoms: most geoms that a model to be shown may have; None takes those of `model`.
    """

    def __init__(
        self, model: mujoco.MjModel, settings: RenderSettings, max_geoms: int | None = None
    ) -> None:
        mj = import_mujoco()
        self._mj, self.settings, self._owner = mj, settings, _this_thread()
        model.vis.global_.offheight, model.vis.global_.offwidth = settings.height, settings.width
        model.vis.quality.offsamples = 0
        model.vis.quality.shadowsize = 512 if settings.shadows else 0
        try:
            self._gl = mj.GLContext(settings.width, settings.height)
            self._gl.make_current()
        except Exception as error:  # the GL loaders raise whatever they like
            raise RenderingUnavailableError(f"{type(error).__name__}: {error}") from error
        self._context = mj.MjrContext(model, mj.mjtFontScale.mjFONTSCALE_100)
        mj.mjr_setBuffer(mj.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mj.mjtDepthMap.mjDEPTH_ZEROFAR  # finest far away
        self._scene = mj.MjvScene(model, maxgeom=(max_geoms or model.ngeom) + 8)
        self._option, self._truth_option = mj.MjvOption(), mj.MjvOption()
        self._truth_option.geomgroup[BACKDROP_GROUP] = 0
        self._geom_objtype = int(mj.mjtObj.mjOBJ_GEOM)
        self._camera = mj.MjvCamera()
        self._camera.type = mj.mjtCamera.mjCAMERA_FIXED
        self._rect = mj.MjrRect(0, 0, settings.width, settings.height)
        self._set_flag("mjRND_SHADOW", settings.shadows)
        self._set_flag("mjRND_REFLECTION", False)
        atexit.register(_close_at_exit, weakref.ref(self))  # runs before the GL display is closed

    def _set_flag(self, name: str, value: bool) -> None:
        self._scene.flags[getattr(self._mj.mjtRndFlag, name)] = value

    def render(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        camera: int = 0,
        *,
        labels: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One picture and its ground truth.

        Args:
            model, data: what is shown.
            camera: id of the camera.
            labels: what the segmentation says for each geom, int16 (`ngeom` + 1,), the last for
                the background; None for its id, and -1 for the background.

        Returns:
            The picture, uint8 (H, W, 3), and the segmentation, int16 (H, W): the label of the geom
            at each pixel. Geoms of `BACKDROP_GROUP` are background. Both are fresh arrays.
        """
        picture, _ = self.photograph(model, data, camera)
        return picture, self.segment(model, data, camera, labels=labels)

    def photograph(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        camera: int = 0,
        *,
        depth: bool = False,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """One picture without its segmentation.

        Args:
            model, data: what is shown.
            camera: id of the camera.
            depth: whether distances are wanted too.

        Returns:
            The picture, uint8 (H, W, 3), and distances along the optical axis, float32 (H, W) [m],
            None where not wanted. What is beyond the far plane has the far plane's distance. Both
            are fresh arrays.
        """
        self._gl.make_current()
        self._camera.fixedcamid = camera
        buffer = (
            np.empty((self.settings.height, self.settings.width), np.float32) if depth else None
        )
        picture = np.ascontiguousarray(self._draw(model, data, truth=False, depth=buffer))
        return picture, None if buffer is None else _distances(buffer[::-1], model)

    def segment(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        camera: int = 0,
        *,
        labels: np.ndarray | None = None,
    ) -> np.ndarray:
        """The segmentation alone, int16 (H, W); see `render`."""
        self._gl.make_current()
        self._camera.fixedcamid = camera
        if labels is None:
            labels = np.append(np.arange(model.ngeom, dtype=np.int16), np.int16(-1))
        return self._labels(self._draw(model, data, truth=True), labels)

    def _draw(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        *,
        truth: bool,
        depth: np.ndarray | None = None,
    ) -> np.ndarray:
        """Pixels of the picture, or those that code its segmentation; top row first. The depth
        buffer goes into `depth`, bottom row first.
        """
        self._set_flag("mjRND_SEGMENT", truth)
        self._set_flag("mjRND_IDCOLOR", truth)
        self._set_flag("mjRND_SKYBOX", not truth)
        option = self._truth_option if truth else self._option
        category = self._mj.mjtCatBit.mjCAT_ALL
        self._mj.mjv_updateScene(model, data, option, None, self._camera, category, self._scene)
        pixels = np.empty((self.settings.height, self.settings.width, 3), dtype=np.uint8)
        self._mj.mjr_render(self._rect, self._scene, self._context)
        self._mj.mjr_readPixels(pixels, depth, self._rect, self._context)
        return pixels[::-1]  # GL counts rows from the bottom

    def _labels(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Labels of the geoms at pixels that code segment id + 1, 0 for the background, in their
        bytes.
        """
        table = np.full(self._scene.ngeom + 1, labels[-1], dtype=np.int16)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == self._geom_objtype:
                table[geom.segid + 1] = labels[geom.objid]
        if len(table) <= 256:  # the first byte says it all
            return np.take(table, pixels[..., 0])
        codes = pixels.astype(np.int32)
        return np.take(table, codes[..., 0] + (codes[..., 1] << 8) + (codes[..., 2] << 16))

    def gl_renderer_name(self) -> str:
        """What draws: the driver's `GL_RENDERER`, so that a fall-back to software is seen."""
        from OpenGL import GL

        self._gl.make_current()
        return GL.glGetString(GL.GL_RENDERER).decode()

    def close(self) -> None:
        """Free the context. Harmless when called twice."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None


def _distances(buffer: np.ndarray, model: mujoco.MjModel) -> np.ndarray:
    """Distances along the optical axis [m] from a depth buffer, which MuJoCo fills from 1 at the
    near plane to 0 at the far plane, evenly in the reciprocal of the distance.
    """
    near, far = (getattr(model.vis.map, name) * model.stat.extent for name in ("znear", "zfar"))
    return (1.0 / (1.0 / far + buffer * (1.0 / near - 1.0 / far))).astype(np.float32)


def _this_thread() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _close_at_exit(reference: weakref.ref[SceneRenderer]) -> None:
    renderer = reference()
    if renderer is None or renderer._context is None:
        return
    if renderer._owner == _this_thread():
        renderer.close()
    else:  # no other thread may free its context, and MuJoCo must not try when it is collected
        renderer._gl._context = None


_SHARED: OrderedDict[Hashable, SceneRenderer] = OrderedDict()
_SHARED_LOCK = threading.RLock()
MAX_SHARED = 8
"""Renderers that are kept, the ones used last."""


def shared_renderer(
    structure: str,
    settings: RenderSettings,
    max_geoms: int | None = None,
    *,
    make_model: Callable[[], mujoco.MjModel] | None = None,
) -> SceneRenderer:
    """This thread's renderer for models of one structure.

    Args:
        structure: XML text of a model with their textures and meshes, or what else tells it from
            others where `make_model` is given.
        settings: size and shadows.
        max_geoms: most geoms that they have; None: as many as that model.
        make_model: makes that model.
    """
    key = (structure, settings, max_geoms, _this_thread())
    with _SHARED_LOCK:
        if key not in _SHARED:
            read = import_mujoco().MjModel.from_xml_string
            model = make_model() if make_model else read(structure)
            _SHARED[key] = SceneRenderer(model, settings, max_geoms)
        _SHARED.move_to_end(key)
        if len(_SHARED) > MAX_SHARED:
            _SHARED.popitem(last=False)
        return _SHARED[key]
