"""The scene that speed is measured on."""

from __future__ import annotations

import numpy as np
import pytest

from sims.avr.bench_scene import NUM_COLUMNS, default_look, ten_objects
from sims.avr.stage import Stage

pytestmark = pytest.mark.render


def test_all_ten_objects_are_seen_alike_by_both_ways_of_rendering():
    scene = ten_objects()
    stage = Stage(96, 96, shadows=True, num_columns=NUM_COLUMNS)
    view = stage.show(scene)
    picture, ids = default_look(stage, scene, 96, 96)()
    assert len(scene.objects) == 10
    assert all(view.seen)
    assert picture.shape == view.picture.shape
    for index, pixels in enumerate(view.pixels):
        assert np.count_nonzero(ids == stage.first_slot_geom + index) == pytest.approx(
            pixels, rel=0.1, abs=4
        )
