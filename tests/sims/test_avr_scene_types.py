"""The thirty scene types: at rest from the start, hiding what they should, and never for good."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest

from sims.avr.actions import Action, perform
from sims.avr.devices import PAINTS, DeviceDraw
from sims.avr.exposure import ABSENT_GROUP
from sims.avr.layouts import draw_layout
from sims.avr.scene_types import KINDS, SCENE_TYPES
from sims.avr.sight import look
from sims.avr.things import COLUMN_X, Contents, Layout, Place, Thing
from sims.avr.viewer import FIRST_STATION, Station
from sims.avr.vocabulary import ATTRIBUTE_VALUES, COLORS, CUBE_HALF_EDGE, SIZES
from sims.avr.world import World
from sims.rendering import BACKDROP_GROUP, RenderSettings, import_mujoco

HIDE_PATTERNS = tuple(product((True, False), repeat=len(COLUMN_X)))
ALL_HIDDEN = (True,) * len(COLUMN_X)
STATIONS = tuple(
    Station(azimuth=azimuth, elevation=elevation)
    for azimuth, elevation in product(range(0, 360, 45), ("low", "high"))
)
"""Every one is at most three moves of the viewer from the first."""
MAKERS = {make for scene_type in SCENE_TYPES.values() for make in scene_type.makers}

every_type = pytest.mark.parametrize("name", list(SCENE_TYPES))


def draw(name: str, seed: int, hide=ALL_HIDDEN, wall_probability=0.4) -> Layout:
    return draw_layout(
        np.random.default_rng(seed), name, hide=hide, wall_probability=wall_probability
    )


def fill(layout: Layout, seed: int, share: float = 0.7) -> tuple[Contents, dict[str, float]]:
    """Random contents, and turns."""
    rng = np.random.default_rng(seed)
    contents: Contents = {}
    for place in layout.places():
        values = {n: v[rng.integers(len(v))] for n, v in ATTRIBUTE_VALUES.items() if n != "size"}
        contents[place.name] = Thing(size="small", **values) if rng.random() < share else None
    return contents, {place.name: float(rng.uniform(0, 6)) for place in layout.places()}


def any_small_thing() -> np.ndarray:
    """Points round all small things at all turns, from the middle of their underside, (n, 3)."""
    radius = SIZES["small"]
    corner, cube_height = CUBE_HALF_EDGE * radius * math.sqrt(2), 2 * CUBE_HALF_EDGE * radius
    angles = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    rims = [(corner, share * cube_height) for share in (0.05, 0.5, 1.0)]
    rims += [(radius, 2 * radius), (0.5 * radius, 2 * radius)]
    return np.array([(r * math.cos(a), r * math.sin(a), z) for r, z in rims for a in angles])


def num_visible_points(world: World, place: Place) -> int:
    """How many points of any small thing at the place the first view's eye could see."""
    eye = FIRST_STATION.eye()
    underside = world.place_position(place) - (0, 0, SIZES["small"])
    rays = any_small_thing() + underside - eye
    groups = np.array([g not in (BACKDROP_GROUP, ABSENT_GROUP) for g in range(6)], dtype=np.uint8)
    geoms, lengths = np.zeros(len(rays), dtype=np.int32), np.zeros(len(rays))
    import_mujoco().mj_multiRay(
        world.model, world.data, eye, rays.ravel(), groups, 1, -1, geoms, lengths, None,
        len(rays), math.inf,
    )  # fmt: skip
    return int(np.sum((lengths < 0) | (lengths >= 1)))


def deepest_overlap(world: World) -> float:
    return max((-contact.dist for contact in world.data.contact[: world.data.ncon]), default=0.0)


def farthest_move(world: World) -> float:
    """How far the settling has moved a body from where it was drawn, at most [m]."""
    moved = world.data.xpos - world.model.body_pos
    return float(np.linalg.norm(moved, axis=1).max())


def test_there_are_ten_types_of_each_kind_and_three_held_out():
    assert Counter(t.kind for t in SCENE_TYPES.values()) == dict.fromkeys(KINDS, 10)
    assert Counter(t.kind for t in SCENE_TYPES.values() if t.held_out) == dict.fromkeys(KINDS, 3)
    for name, scene_type in SCENE_TYPES.items():
        assert name == scene_type.name
        assert scene_type.summary.endswith(".") and scene_type.summary.count(".") == 1


def test_what_is_held_out_hides_in_no_way_that_is_trained_on():
    trained = {make for t in SCENE_TYPES.values() if not t.held_out for make in t.makers}
    for scene_type in SCENE_TYPES.values():
        if scene_type.held_out:
            assert not trained & set(scene_type.makers), scene_type.name


def test_paints_are_far_from_the_colors_that_questions_are_about():
    for paint, color in product(PAINTS.values(), COLORS.values()):
        assert math.dist(paint, color) > 60


@every_type
def test_a_layout_comes_from_its_seed(name):
    assert draw(name, 3) == draw(name, 3)
    assert draw(name, 3) != draw(name, 4)


@every_type
def test_a_layout_says_what_it_hides_and_what_can_be_acted_on(name):
    for seed, hide in enumerate(HIDE_PATTERNS):
        layout = draw(name, seed, hide)
        assert tuple(device.place.hidden for device in layout.devices) == hide
        assert [place.name for place in layout.places()] == [
            *(f"hidden{column}" for column in range(3)),
            *(f"open{index}" for index in range(3)),
        ]
        bodies = [body.name for body in layout.bodies()]
        handles = [handle for device in layout.devices for handle in device.handles]
        assert len(set(bodies)) == len(bodies)
        assert len(handles) >= 3 and set(handles) <= set(bodies)
        assert all(not body.below or body.below in bodies for body in layout.bodies())


@pytest.mark.parametrize("name", [n for n, t in SCENE_TYPES.items() if t.kind == "composite"])
def test_the_columns_of_a_composite_world_differ(name):
    for seed in range(8):
        parts = {
            tuple(handle.split(":")[1] for handle in device.handles)
            for device in draw(name, seed).devices
        }
        assert len(parts) >= 2


@pytest.mark.parametrize("make", sorted(MAKERS, key=lambda make: make.__name__))
def test_what_can_be_acted_on_does_not_tell_whether_a_device_hides(make):
    def handles(hides: bool) -> set[tuple[str, ...]]:
        rng = np.random.default_rng(0)
        sample = DeviceDraw(rng=rng, column=1, hides=hides, vocabulary=ATTRIBUTE_VALUES)
        return {make(sample).handles for _ in range(60)}

    assert handles(True) == handles(False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scene_type": "in_hat"}, "scene_type is 'in_hat'; choose from behind_large_object"),
        ({"hide": (True, False)}, "hide has 2 entries; give one per column"),
        ({"num_open_places": 4}, "num_open_places is 4; choose 0 to 3"),
    ],
)
def test_impossible_settings_are_named(changes, words):
    settings = {"scene_type": "in_box", "hide": ALL_HIDDEN, "num_open_places": 3, **changes}
    with pytest.raises(ValueError, match=words):
        draw_layout(np.random.default_rng(0), settings.pop("scene_type"), **settings)


def test_settings_of_the_world_are_obeyed():
    layout = draw_layout(
        np.random.default_rng(0),
        "behind_large_object",
        hide=ALL_HIDDEN,
        wall_probability=1.0,
        vocabulary={"color": ["cyan"], "shape": ["cube"], "material": ["metal"]},
        num_open_places=2,
    )
    assert layout.walls == ("left", "right", "back")
    assert [place.name for place in layout.open_places] == ["open0", "open1"]
    assert {body.thing.describe() for body in layout.bodies()} == {"large cyan metal cube"}


def check_start(name: str, seed: int, hide: tuple[bool, ...]) -> None:
    layout = draw(name, seed, hide)
    world = World(layout, *fill(layout, seed))
    where = f"{name}, seed {seed}, hide {hide}"
    assert farthest_move(world) < 0.005, where
    assert deepest_overlap(world) < 0.003, where
    shown = {place.name for place in layout.places() if not place.hidden}
    assert world.examined() == shown, where


@every_type
def test_worlds_start_at_rest_and_show_what_they_do_not_hide(name):
    for seed, hide in enumerate(HIDE_PATTERNS):
        check_start(name, seed, hide)


@pytest.mark.slow
@every_type
def test_many_worlds_start_at_rest_and_show_what_they_do_not_hide(name):
    for seed, hide in product(range(100, 112), HIDE_PATTERNS):
        check_start(name, seed, hide)


@every_type
def test_hidden_places_hide_any_small_thing_whole(name):
    for seed in range(6):
        layout = draw(name, seed)
        world = World(layout, {place.name: None for place in layout.places()})
        for place in layout.hidden_places():
            assert num_visible_points(world, place) == 0, f"seed {seed}, {place.name}"


@pytest.mark.render
@every_type
def test_the_first_picture_does_not_depend_on_what_is_hidden(name):
    """Nothing of a hidden thing shows, not even its shadow."""
    settings = RenderSettings(height=168, width=168)
    for seed, hide in enumerate((ALL_HIDDEN, (True, False, True))):
        layout = draw(name, seed, hide)
        contents, yaws = fill(layout, seed, share=1.0)
        hidden = {place.name for place in layout.hidden_places()}
        pictures = []
        for shown in (contents, {n: None if n in hidden else t for n, t in contents.items()}):
            world = World(layout, shown, yaws)
            # As it was drawn: what a box holds may press it down by micrometres.
            world.data.qpos[:] = world.model.qpos0
            import_mujoco().mj_kinematics(world.model, world.data)
            sight = look(world, settings)
            assert not hidden & set(sight.pixels)
            pictures.append(sight.picture)
        assert np.array_equal(*pictures)


def deeds(layout: Layout, column: int) -> list[Action]:
    """Everything that can be picked or opened in a column."""
    device = layout.devices[column]
    return [
        Action(kind="pick" if body.mount == "free" else "open", target=body.name)
        for body in device.bodies
        if body.mount != "fixed"
    ]


def shows_somewhere(world: World, place: Place) -> bool:
    for station in STATIONS:
        world.look_from(station)
        if place.name in world.examined():
            return True
    return False


def can_be_shown(layout: Layout, contents: Contents, column: int) -> bool:
    """Whether at most two deeds and a walk show what stands in a column."""
    place, actions = layout.devices[column].place, deeds(layout, column)
    plans = [(), *((a,) for a in actions), *permutations(actions, 2)]
    for plan in plans:
        world = World(layout, contents)
        for action in plan:
            perform(action, world)
        if shows_somewhere(world, place):
            return True
    return False


@every_type
@pytest.mark.parametrize("wall_probability", [0.0, 1.0])
def test_whatever_is_hidden_can_be_shown(name, wall_probability):
    layout = draw(name, 7, wall_probability=wall_probability)
    contents, _ = fill(layout, 7)
    for column in range(3):
        assert can_be_shown(layout, contents, column), f"column {column}"


FALLING = [
    name
    for name, t in SCENE_TYPES.items()
    if t.kind == "stack" and name not in ("in_block_ring", "under_two_covers")
]
"""In a ring, three blocks bear the slab as well as four; covers stand on the floor."""


def has_fallen(world: World, name: str, start: np.ndarray) -> bool:
    """Whether a body has come down by more than 10 cm, or leans by more than 10 degrees."""
    body = world.data.body(name)
    upright = body.xmat.reshape(3, 3)[2, 2]
    return body.xpos[2] < start[2] - 0.1 or upright < math.cos(math.radians(10))


@pytest.mark.parametrize("name", FALLING)
def test_what_stands_on_a_picked_block_falls(name):
    num_fallen = 0
    for layout in (draw(name, seed) for seed in range(3)):
        device = layout.devices[1]
        loose = {body.name for body in device.bodies if body.mount == "free"}
        for body in device.bodies:
            if body.below in loose:
                world = World(layout, {place.name: None for place in layout.places()})
                start = world.data.body(body.name).xpos.copy()
                assert world.pick(body.below)
                assert has_fallen(world, body.name, start), body.name
                num_fallen += 1
    assert num_fallen > 0
