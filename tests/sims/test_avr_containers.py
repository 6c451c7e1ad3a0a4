"""Drawers and shutters that open, and boxes and covers that take along what stands in them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sims.avr.viewer import Station
from sims.avr.world import World
from tests.sims.staging import (
    BLUE_BALL,
    FULL,
    RED_CUBE,
    draw_world,
    position,
    world_with,
)


class TestWhatOpens:
    @pytest.mark.parametrize(
        ("scene_type", "part"), [("in_drawer", "drawer"), ("in_cupboard", "shutter")]
    )
    def test_it_slides_by_its_travel_and_back(self, scene_type, part):
        world = draw_world(scene_type, 1, prior=FULL)
        name = f"1:{part}"
        body, before = world.body(name), position(world, name)
        assert world.is_open(name) is False
        assert world.set_open(name, True)
        assert not world.set_open(name, True), "it is open already"
        assert world.is_open(name) is True
        way = position(world, name) - before
        assert np.linalg.norm(way) == pytest.approx(math.hypot(*body.travel), abs=0.01)
        if part == "drawer":
            assert way[1] < -0.8, "not towards the viewer"
        else:
            assert way[2] > 0.8, "not upwards"
        assert world.set_open(name, False)
        assert position(world, name) == pytest.approx(before, abs=0.01)
        assert world.max_speed() == 0

    def test_a_drawer_takes_its_content_and_its_place_along(self):
        world = draw_world("in_drawer", 1, prior=FULL, hide=1.0)
        place = world.layout.devices[1].place
        thing, spot = position(world, place.name), world.place_position(place)
        world.set_open("1:drawer", True)
        drawn = world.place_position(place) - spot
        assert drawn[1] < -0.8
        assert position(world, place.name) - thing == pytest.approx(drawn, abs=0.3)
        world.look_from(Station(elevation="high"))
        assert place.name in world.seen()
        world.set_open("1:drawer", False)
        assert place.name not in world.seen()

    def test_other_bodies_neither_open_nor_close(self):
        world = draw_world("in_box", 0)
        assert world.is_open("0:box") is None
        assert not world.set_open("0:box", True)


class TestContainers:
    @pytest.mark.parametrize(
        ("scene_type", "part"),
        [
            ("in_box", "box"),
            ("in_stacked_boxes", "lower box"),
            ("objects_and_covers", "cover"),
            ("under_two_covers", "inner cover"),
            ("in_chimney", "bottom ring"),
        ],
    )
    @pytest.mark.parametrize("direction", ["left", "right"])
    def test_what_is_pushed_takes_its_place_along(self, scene_type, part, direction):
        """Whether or not something stands in it: what a look then shows is the same."""

        def loose(world: World) -> list[int]:
            bodies = [world.body(f"{column}:{part}") for column in range(3)]
            return [i for i, body in enumerate(bodies) if body and body.mount == "free"]

        world = world_with(scene_type, loose, hide=1.0)
        column = loose(world)[0]
        place, seen = world.layout.devices[column].place, []
        for content in (RED_CUBE, BLUE_BALL, None):
            world = World(world.layout, {**world.contents, place.name: content})
            start = world.place_position(place)
            world.push(f"{column}:{part}", direction)
            assert abs(world.place_position(place) - start)[0] > 0.7
            if content is not None:
                assert not world._has_strayed(place)
            seen.append(place.name in world.seen())
        assert len(set(seen)) == 1

    @pytest.mark.parametrize("content", [RED_CUBE, BLUE_BALL, None])
    def test_a_box_comes_down_with_its_place(self, content):
        world = draw_world("in_raised_box", 0, hide=1.0)
        place = world.layout.devices[1].place
        world = World(world.layout, {**world.contents, place.name: content})
        start = world.place_position(place)
        world.pick("1:block")
        assert (world.place_position(place) - start)[2] < -0.25
        assert not world._has_strayed(place)
        world.pick("1:lid")
        world.look_from(Station(elevation="high"))
        assert place.name in world.seen()

    def test_a_picked_cover_leaves_its_place_where_it_was(self):
        world = draw_world("under_two_covers", 0, prior=FULL, hide=1.0)
        place = world.layout.devices[1].place
        start = world.place_position(place)
        world.pick("1:outer cover")
        world.pick("1:inner cover")
        assert world.place_position(place) == pytest.approx(start, abs=0.01)
        assert place.name in world.seen()
