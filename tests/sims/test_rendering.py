"""Pictures and segmentation, here and in a process of their own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sims.avr.scene import STATIONS, Scene, SceneObject
from sims.avr.stage import SEEN_FRACTION, Stage, stage_xml
from sims.avr.vocabulary import COLORS
from sims.rendering import (
    RenderingUnavailableError,
    RenderSettings,
    SceneRenderer,
    choose_gl_backend,
    import_mujoco,
    shared_renderer,
)

pytestmark = pytest.mark.render
ROOT = Path(__file__).parents[2]
FIRST_PICTURES = """
import hashlib, json, sys
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import OcclusionEnv
hashes = {}
for name, config in (("nursery", nursery_config()), ("full", AvrConfig())):
    env = OcclusionEnv(config)
    for seed in (0, 7, 100000):
        obs, _ = env.reset(seed=seed)
        digest = hashlib.sha256(obs["images"][0].tobytes() + obs["text"].encode())
        hashes[f"{name} {seed}"] = digest.hexdigest()
print(json.dumps(hashes))
"""


def lone(shape="sphere", size="large", color="red", material="rubber", x=0.0, y=0.0) -> Scene:
    thing = SceneObject(
        shape=shape, size=size, color=color, material=material, column=1, row="front", x=x, y=y
    )
    return Scene(num_columns=3, objects=[thing])


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(160, 200, shadows=False, num_columns=3)


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "something was said at exit"
    return done.stdout


def test_a_fresh_process_sees_the_same_to_the_bit(nursery, full):
    there = json.loads(run_python(FIRST_PICTURES))
    here = {}
    for name, env in (("nursery", nursery), ("full", full)):
        for seed in (0, 7, 100000):
            obs, _ = env.reset(seed=seed)
            digest = hashlib.sha256(obs["images"][0].tobytes() + obs["text"].encode())
            here[f"{name} {seed}"] = digest.hexdigest()
    assert there == here


def test_nothing_is_rendered_or_even_imported_before_the_first_reset():
    code = (
        "import sys, sims; env = sims.make_env(sims.EnvConfig())\n"
        "print(sorted({'mujoco', 'OpenGL'} & set(sys.modules)))"
    )
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_a_lone_object_is_where_the_camera_model_puts_it(stage, shape, size):
    """The pinhole projection of its centre lies at the middle of its box."""
    scene = lone(shape, size, x=0.8)
    view = stage.show(scene)
    x0, y0, x1, y1 = view.boxes[0]
    centre = stage.data.geom_xpos[stage.first_slot_geom]
    column, row = project(stage, centre)
    assert abs(column - (x0 + x1) / 2) < 2
    assert abs(row - (y0 + y1) / 2) < 4  # seen a little from above
    assert view.seen == (True,)


def project(stage: Stage, point: np.ndarray) -> tuple[float, float]:
    """Pixel (column, row) of a world point, by the textbook formula."""
    camera = stage.data.cam_xmat[0].reshape(3, 3).T @ (point - stage.data.cam_xpos[0])
    focal = 160 / (2 * np.tan(np.radians(stage.model.cam_fovy[0]) / 2))
    return 100 + focal * camera[0] / -camera[2], 80 - focal * camera[1] / -camera[2]


def test_visible_pixels_are_those_that_change_with_the_colour(stage):
    """The segmentation agrees with the picture itself: paint the object, and only it changes."""
    red, green = (stage.show(lone("cylinder", color=c)) for c in ("red", "green"))
    changed = (red.picture != green.picture).any(axis=2)
    assert changed.sum() == pytest.approx(red.pixels[0], rel=0.02)
    rows, columns = np.nonzero(changed)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.abs(np.subtract(box, red.boxes[0])).max() <= 1


@pytest.mark.parametrize("station", STATIONS)
def test_an_object_in_the_middle_is_in_every_view(stage, station):
    scene = lone("cube")
    scene.station = station
    assert stage.show(scene).seen == (True,)


def test_seen_means_a_share_of_what_nothing_would_hide(stage):
    """A lone object shows 0.8 to 1.4 of its reckoned pixels, far above the threshold."""
    for shape in ("cube", "sphere", "cylinder"):
        scene = lone(shape)
        view = stage.show(scene)
        share = view.pixels[0] / stage._full_pixels(scene.objects[0])
        assert 0.8 < share < 1.4
        assert share > 1.5 * SEEN_FRACTION


@pytest.mark.parametrize("color", COLORS)
def test_colours_are_recognisable(stage, color):
    """The pixel at the middle is nearer, in hue or shade, to its own colour than to any other."""
    view = stage.show(lone("cube", color=color))
    x0, y0, x1, y1 = view.boxes[0]
    patch = view.picture[(y0 + 2 * y1) // 3, (x0 + x1) // 2].astype(float)

    def unlike(name: str) -> float:
        wanted = np.array(COLORS[name], dtype=float)
        return float(np.abs(patch / patch.sum() - wanted / wanted.sum()).sum())

    assert min(COLORS, key=unlike) == color


@pytest.mark.parametrize("shadows", [True, False])
def test_pictures_are_bright_enough_to_read(shadows, full_worlds, nursery_worlds):
    for world in [*full_worlds[:10], *nursery_worlds[:10]]:
        picture = world.view.picture
        assert 60 < picture.mean() < 220
        assert picture.std() > 10


def test_shadows_darken_the_floor_and_change_no_truth():
    lit, shaded = (Stage(120, 120, shadows=on, num_columns=3).show(lone()) for on in (False, True))
    assert (lit.pixels, lit.boxes) == (shaded.pixels, shaded.boxes)
    darker = shaded.picture.astype(int).sum(axis=2) < lit.picture.astype(int).sum(axis=2) - 30
    assert darker.sum() > 30


def test_more_objects_than_slots_is_an_error(stage):
    scene = lone()
    scene.objects *= 13
    with pytest.raises(ValueError, match="13 objects; the stage has 12 slots"):
        stage.show(scene)


def test_one_renderer_serves_a_thread_and_a_size():
    settings = RenderSettings(height=30, width=40)
    assert shared_renderer(stage_xml(), settings) is shared_renderer(stage_xml(), settings)
    other = shared_renderer(stage_xml(), RenderSettings(height=31, width=40))
    assert other is not shared_renderer(stage_xml(), settings)


def test_a_renderer_names_its_driver_and_closes_twice():
    model = import_mujoco().MjModel.from_xml_string(stage_xml())
    renderer = SceneRenderer(model, RenderSettings(height=20, width=20))
    assert renderer.gl_renderer_name()
    renderer.close()
    renderer.close()


def test_without_a_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(RenderingUnavailableError, match="neither libEGL nor .+ apt-get install"):
        choose_gl_backend()


def test_the_users_choice_of_library_stands(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert choose_gl_backend() == "osmesa"
