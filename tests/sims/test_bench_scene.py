"""The scenes that speed is measured on."""

from __future__ import annotations

import numpy as np
import pytest

from sims.avr.bench_scene import BenchScene, default_look, make_scenes
from sims.avr.scene_types import SCENE_TYPES
from sims.avr.sight import look
from sims.rendering import RenderSettings

pytestmark = pytest.mark.render
SETTINGS = RenderSettings(height=96, width=96)


@pytest.fixture(scope="module")
def scenes() -> list[BenchScene]:
    return make_scenes()


def test_every_type_is_there_with_something_left_to_find_out(scenes):
    assert [scene.task.scene_type.name for scene in scenes] == list(SCENE_TYPES)
    for scene in scenes:
        belief, known = scene.task.belief, scene.task.first_known()
        assert belief.proven(known) is None
        assert scene.task.layout.hidden_places()


def test_the_same_scenes_are_drawn_each_time(scenes):
    again = make_scenes()
    for one, two in zip(scenes, again, strict=True):
        assert one.task.layout == two.task.layout
        assert one.task.contents == two.task.contents
        assert np.array_equal(one.world.data.qpos, two.fresh_world().data.qpos)
        assert one.rng().random() == two.rng().random()
    assert make_scenes(1)[0].task.contents != scenes[0].task.contents


@pytest.mark.parametrize("index", [0, 14, 29])
def test_bodies_are_seen_alike_by_both_ways_of_rendering(scenes, index):
    scene = scenes[index]
    sight = look(scene.world, SETTINGS)
    picture, ids = default_look(scene, 96, 96)()
    assert picture.shape == sight.picture.shape
    assert sight.pixels
    for name, pixels in sight.pixels.items():
        body = scene.world.model.body(name).id
        assert np.count_nonzero(ids == body) == pytest.approx(pixels, rel=0.1, abs=6)
