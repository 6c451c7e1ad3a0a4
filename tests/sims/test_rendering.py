"""Pictures and segmentation, here and in a process of their own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sims.avr.sight import Sight, look
from sims.avr.things import Layout, Place, Thing
from sims.avr.viewer import Station
from sims.avr.vocabulary import COLORS, MATERIALS, SHAPES
from sims.avr.world import World
from sims.avr.world_model import MAX_GEOMS, empty_room_xml
from sims.rendering import (
    RenderingUnavailableError,
    RenderSettings,
    SceneRenderer,
    choose_gl_backend,
    import_mujoco,
    shared_renderer,
)
from tests.sims.staging import STATIONS, TYPES, draw_world

pytestmark = pytest.mark.render
ROOT = Path(__file__).parents[2]
FIRST_PICTURES = """
import hashlib, json, sys
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import AvrEnv
hashes = {}
for name, config in (("nursery", nursery_config()), ("full", AvrConfig())):
    env = AvrEnv(config)
    for seed in (0, 7, 100000):
        obs, _ = env.reset(seed=seed)
        digest = hashlib.sha256(obs["images"][0].tobytes() + obs["text"].encode())
        hashes[f"{name} {seed}"] = digest.hexdigest()
print(json.dumps(hashes))
"""


SETTINGS = RenderSettings(height=160, width=200, shadows=False)


def lone(shape="sphere", color="red", material="rubber", x=0.0, y=0.3) -> World:
    """A world with a single small thing on the floor."""
    place = Place(name="open0", pos=(x, y, 0.0))
    thing = Thing(color=color, shape=shape, size="small", material=material)
    layout = Layout(scene_type="lone thing", devices=(), open_places=(place,))
    return World(layout, {"open0": thing}, {"open0": 0.4})


def show(world: World, settings: RenderSettings = SETTINGS) -> Sight:
    return look(world, settings)


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


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("station", [Station(), Station(azimuth=225, elevation="high")])
def test_a_lone_thing_is_where_the_camera_model_puts_it(shape, station):
    """The pinhole projection of its centre lies at the middle of its box."""
    world = lone(shape, x=0.8)
    world.look_from(station)
    x0, y0, x1, y1 = show(world).boxes["open0"]
    column, row = project(world, world.data.body("open0").xpos)
    assert abs(column - (x0 + x1) / 2) < 2
    assert abs(row - (y0 + y1) / 2) < 4  # seen from above, a cube's top face counts too


def project(world: World, point: np.ndarray) -> tuple[float, float]:
    """Pixel (column, row) of a world point, by the textbook formula."""
    camera = world.data.cam_xmat[0].reshape(3, 3).T @ (point - world.data.cam_xpos[0])
    focal = 160 / (2 * np.tan(np.radians(world.model.cam_fovy[0]) / 2))
    return 100 + focal * camera[0] / -camera[2], 80 - focal * camera[1] / -camera[2]


def test_visible_pixels_are_those_that_change_with_the_colour():
    """The segmentation agrees with the picture itself: paint the thing, and only it changes."""
    red, green = (show(lone("cylinder", color=color)) for color in ("red", "green"))
    changed = (red.picture != green.picture).any(axis=2)
    assert changed.sum() == pytest.approx(red.pixels["open0"], rel=0.02)
    rows, columns = np.nonzero(changed)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.abs(np.subtract(box, red.boxes["open0"])).max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_a_lone_thing_is_seen_whole_from_everywhere(shape):
    """It shows 0.8 to 2.1 times the pixels of a small sphere, more from above."""
    world = lone(shape)
    for station in STATIONS:
        world.look_from(station)
        sight = show(world)
        assert sight.shows == {"open0"}
        assert 0.8 < sight.pixels["open0"] / world.full_pixels(200) < 2.1


def own_pixels(world: World) -> np.ndarray:
    """The colours of the pixels that show the lone thing, (n, 3)."""
    sight = show(world)
    return sight.picture[sight.body_ids == world.model.body("open0").id].astype(float)


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("color", COLORS)
def test_colours_are_recognisable(color, material):
    """The mean of its pixels is nearer, in hue and shade, to its own colour than to any other."""
    mean = own_pixels(lone("cube", color=color, material=material)).mean(axis=0)

    def unlike(name: str) -> float:
        wanted = np.array(COLORS[name], dtype=float)
        return float(np.abs(mean / mean.sum() - wanted / wanted.sum()).sum())

    assert min(COLORS, key=unlike) == color


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("color", COLORS)
def test_metal_and_rubber_look_different(color, shape):
    """From one pixel to the next, metal changes more."""
    rough = {}
    for material in MATERIALS:
        shade = own_pixels(lone(shape, color=color, material=material)).sum(axis=1)
        rough[material] = np.abs(np.diff(shade)).mean() / shade.mean()
    assert rough["metal"] > 1.4 * rough["rubber"], rough


@pytest.mark.parametrize("shadows", [True, False])
def test_pictures_are_bright_enough_to_read(shadows):
    settings = RenderSettings(height=112, width=112, shadows=shadows)
    for scene_type in TYPES[::3]:
        picture = show(draw_world(scene_type, 0), settings).picture
        assert 60 < picture.mean() < 230
        assert picture.std() > 10


def test_shadows_darken_the_floor_and_change_no_truth():
    lit, shaded = (
        show(lone(), RenderSettings(height=240, width=240, shadows=on)) for on in (False, True)
    )
    assert (lit.pixels, lit.boxes) == (shaded.pixels, shaded.boxes)
    darker = shaded.picture.astype(int).sum(axis=2) < lit.picture.astype(int).sum(axis=2) - 30
    assert darker.sum() > 30


def test_every_world_fits_the_renderer_that_all_share():
    for scene_type in TYPES:
        assert draw_world(scene_type, 0).model.ngeom <= MAX_GEOMS


def test_one_renderer_serves_a_thread_and_a_size():
    settings = RenderSettings(height=30, width=40)
    assert shared_renderer(empty_room_xml(), settings) is shared_renderer(
        empty_room_xml(), settings
    )
    other = shared_renderer(empty_room_xml(), RenderSettings(height=31, width=40))
    assert other is not shared_renderer(empty_room_xml(), settings)


def test_a_renderer_names_its_driver_and_closes_twice():
    model = import_mujoco().MjModel.from_xml_string(empty_room_xml())
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
