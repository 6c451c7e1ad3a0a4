"""What a picture shows: pixels, boxes, and the places that rays say are in view."""

from __future__ import annotations

import numpy as np
import pytest

from sims.avr.actions import perform
from sims.avr.exposure import ABSENT_GROUP
from sims.avr.sight import Sight, look
from sims.avr.things import Place
from sims.avr.viewer import Station
from sims.avr.world import World
from sims.avr.world_model import MAX_GEOMS, empty_room_xml
from sims.rendering import RenderSettings, shared_renderer
from tests.sims.staging import (
    BLUE_BALL,
    FULL,
    PICTURE,
    RED_CUBE,
    STATIONS,
    TYPES,
    draw_deed,
    draw_parts,
    draw_station,
    draw_world,
)

pytestmark = pytest.mark.render
WIDE = RenderSettings(height=56, width=112, shadows=False)
SEEN_PIXELS, UNSEEN_PIXELS = 0.45, 0.8
"""A thing that counts as seen shows at least that share of its pixels, and one that does not shows
at most that share. Measured: 0.52 and 0.75 (rays go to a small sphere, whatever stands there)."""


def segmentation(world: World, settings: RenderSettings) -> np.ndarray:
    """The geom id at each pixel, -1 for none, (H, W)."""
    world.set_picture_size(settings.height, settings.width)
    renderer = shared_renderer(empty_room_xml(), settings, MAX_GEOMS)
    return renderer.render(world.model, world.data)[1]


def lone_pixels(world: World, name: str, settings: RenderSettings) -> int:
    """Pixels that a body would show with nothing else in the world."""
    groups, own = world.model.geom_group.copy(), world.geoms_of(name)
    world.model.geom_group[:] = ABSENT_GROUP
    world.model.geom_group[own] = groups[own]
    pixels = int((segmentation(world, settings) >= 0).sum())
    world.model.geom_group[:] = groups
    return pixels


def shares(world: World, sight: Sight) -> dict[str, float]:
    """Place -> how much of the thing that started there is in view, where it can be in view."""
    lone = {
        name: lone_pixels(world, name, PICTURE)
        for name, thing in world.contents.items()
        if thing is not None and name not in world.picked
    }
    return {name: sight.pixels.get(name, 0) / count for name, count in lone.items() if count}


def places(world: World) -> tuple[Place, ...]:
    return world.layout.places()


@pytest.mark.parametrize("scene_type", TYPES[::6])
def test_pixels_and_boxes_are_those_of_the_segmentation(scene_type):
    world, rng = draw_world(scene_type, 0, prior=FULL), np.random.default_rng(0)
    for _ in range(4):
        world.look_from(draw_station(rng))
        sight, geoms = look(world, PICTURE), segmentation(world, PICTURE)
        assert sight.picture.shape == (112, 112, 3)
        for index in range(1, world.model.nbody):
            body = world.model.body(index)
            mask = np.isin(geoms, range(body.geomadr[0], body.geomadr[0] + body.geomnum[0]))
            rows, columns = np.nonzero(mask)
            assert sight.pixels.get(body.name, 0) == len(rows)
            assert np.array_equal(sight.body_ids == index, mask)
            if len(rows):
                box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                assert sight.boxes[body.name] == box
            else:
                assert body.name not in sight.boxes


def test_rays_agree_with_the_pictures():
    """In every scene type, before and after random deeds, from random stations."""
    agree, count = 0, 0
    for index, scene_type in enumerate(TYPES):
        world, rng = draw_world(scene_type, 1), np.random.default_rng(index)
        for _ in range(3):
            sight = look(world, PICTURE)
            assert sight.shows == world.seen()
            for name, share in shares(world, sight).items():
                where = f"{scene_type}: {share:.2f} of {name} from {world.station}"
                if name in sight.shows:
                    assert share >= SEEN_PIXELS, where
                else:
                    assert share <= UNSEEN_PIXELS, where
                agree += (share >= 0.55) == (name in sight.shows)
                count += 1
            perform(draw_deed(world, rng), world)
            world.look_from(draw_station(rng))
    assert count > 250
    assert agree / count > 0.97


def test_what_lies_beyond_the_edge_of_the_picture_is_not_seen():
    """From the side and above, a wide picture cuts off what stands nearest."""
    cut_off = 0
    for seed in range(4):
        world = draw_world("behind_wall", seed, hide=0.0, prior=FULL)
        for azimuth in (90, 135, 180, 270):
            world.look_from(Station(azimuth=azimuth, elevation="high"))
            tall, wide = look(world, PICTURE), look(world, WIDE)
            assert wide.shows <= tall.shows
            cut_off += len(tall.shows - wide.shows)
            for place in places(world):  # as many pixels across, so things are as large
                share = wide.pixels.get(place.name, 0) / lone_pixels(world, place.name, PICTURE)
                if place.name in wide.shows:
                    assert share >= SEEN_PIXELS
    assert cut_off > 5


def test_a_thing_that_has_come_away_counts_as_seen_where_it_is():
    """Not where it stood: a thing that lies out of view is not seen, however open its place."""
    layout, contents, yaws = draw_parts("behind_large_object", 2, hide=0.0)
    world = World(layout, {**contents, "open0": BLUE_BALL}, yaws)
    assert "open0" in world.seen()
    start = world.joint_address("open0")
    world.data.qpos[start + 1] -= 0.8  # a step towards the viewer
    world.look_from(Station())
    assert "open0" in world.seen()
    world.data.qpos[start : start + 3] = (0.0, -30.0, 0.35)  # behind the viewer
    world.look_from(Station())
    assert "open0" in world.examined()
    assert "open0" not in world.seen()
    world.data.qpos[start : start + 3] = (9.0, 0.0, 0.35)  # beside the picture
    world.look_from(Station())
    assert "open0" not in look(world, PICTURE).boxes
    assert "open0" not in world.seen()


@pytest.mark.parametrize("scene_type", TYPES)
def test_what_is_examined_does_not_depend_on_what_stands_there(scene_type):
    layout, contents, yaws = draw_parts(scene_type, 4, hide=1.0)
    place, seen = layout.hidden_places()[TYPES.index(scene_type) % 3], []
    for content in (None, RED_CUBE, BLUE_BALL):
        world = World(layout, {**contents, place.name: content}, yaws)
        shown = []
        for station in STATIONS:
            world.look_from(station)
            shown.append(place.name in world.seen())
        seen.append(shown)
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("scene_type", TYPES)
def test_the_first_view_hides_what_is_hidden_and_shows_the_rest(scene_type):
    """Nearly always: a world that does not is drawn again."""
    worlds = [draw_world(scene_type, seed) for seed in range(5)]
    kept = [
        world.seen() == {place.name for place in places(world) if not place.hidden}
        for world in worlds
    ]
    assert np.mean(kept) >= 0.6


def test_the_station_and_the_camera_agree():
    """The middle of what the viewer looks at is the middle of the picture, from everywhere."""
    world = draw_world("behind_wall", 0)
    for station in STATIONS:
        world.look_from(station)
        assert world.data.cam_xpos[0] == pytest.approx(station.eye())
        assert world.data.cam_xmat[0].reshape(3, 3) == pytest.approx(station.frame(), abs=1e-6)


@pytest.mark.parametrize(
    ("steps", "azimuth", "elevation"),
    [
        (["right"], 45, "low"),
        (["left"], 315, "low"),
        (["right", "left", "up"], 0, "high"),
        (["up", "up", "down", "down"], 0, "low"),
        (["left"] * 8, 0, "low"),
    ],
)
def test_steps_between_stations(steps, azimuth, elevation):
    station = Station()
    for step in steps:
        station = station.moved(step)
    assert station == Station(azimuth=azimuth, elevation=elevation)


def test_a_quarter_turn_is_two_steps():
    for station in STATIONS:
        for side in ("left", "right"):
            assert station.rotated(side) == station.moved(side).moved(side)
    assert Station(azimuth=90).eye()[0] > 8, "to the right of the first view"
