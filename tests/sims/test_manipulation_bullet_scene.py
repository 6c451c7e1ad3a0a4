"""A scene's bodies in PyBullet, and pictures of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from sims.manipulation.cameras import FRONT, extrinsics, intrinsics, lift, project
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.bullet_model import partner_friction
from sims.manipulation.engines.bullet_urdf import mass_properties, roll_pitch_yaw
from sims.manipulation.kinematics import rotation_of
from sims.manipulation.physics import (
    Physics,
    make_physics,
)
from sims.manipulation.scene import Body, Camera, Part, Scene, Slide
from tests.sims.bullet_tabletop import HOME, RED, SCENE, WOOD, cube, needs_bullet


@pytest.fixture
def bullet() -> Iterator[Physics]:
    physics = make_physics("bullet", RobotConfig())
    yield physics
    physics.close()


def test_part_of_two_boxes_has_the_mass_properties_of_the_sum() -> None:
    boxes = (
        Part(shape="box", size=(0.1, 0.1, 0.1), color=RED, position=(-0.1, 0.0, 0.0)),
        Part(shape="box", size=(0.1, 0.1, 0.1), color=RED, position=(0.1, 0.0, 0.0)),
    )
    center, inertia = mass_properties(boxes, 6.0)
    assert center == pytest.approx([0, 0, 0])
    # one box of 0.4 x 0.2 x 0.2 m: m (b^2 + c^2) / 12
    assert np.diag(inertia) == pytest.approx([0.04, 0.1, 0.1], abs=2e-7)


@pytest.mark.parametrize("shape", ["box", "cylinder", "sphere", "capsule"])
def test_mass_properties_by_brute_force(shape: str) -> None:
    quat = (0.9, 0.1, -0.3, 0.2)
    size = {"box": (0.3, 0.2, 0.1), "sphere": (0.3, 0.3, 0.3)}.get(shape, (0.2, 0.2, 0.3))
    part = Part(shape=shape, size=size, color=RED, position=(0.1, 0.2, -0.1), quat=quat)
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (700_000, 3))
    x, y, z = points.T
    flat = np.hypot(x, y)
    beyond = np.maximum(np.abs(z) - size[2], 0)
    inside = {
        "box": (np.abs(points) <= size).all(axis=1),
        "sphere": np.linalg.norm(points, axis=1) <= size[0],
        "cylinder": (flat <= size[0]) & (np.abs(z) <= size[2]),
        "capsule": np.hypot(flat, beyond) <= size[0],
    }[shape]
    solid = points[inside] @ rotation_of(np.array(quat)).T
    expected = np.eye(3) * (solid**2).sum(axis=1).mean() - solid.T @ solid / len(solid)
    center, inertia = mass_properties((part,), 1.0)
    assert center == pytest.approx(part.position)
    assert inertia == pytest.approx(expected, abs=8e-4)


@pytest.mark.parametrize("quat", [(1, 0, 0, 0), (0.5, -0.5, 0.5, 0.5), (0.7, 0.1, 0.7, 0.1),
                                  (0.3, 0.8, -0.2, 0.4), (0.6, 0.2, -0.6, 0.2)])  # fmt: skip
def test_angles_give_the_rotation_back(quat: tuple[float, ...]) -> None:
    roll, pitch, yaw = roll_pitch_yaw(quat)

    def about(axis: int, angle: float) -> np.ndarray:
        half = np.zeros(4)
        half[0], half[axis + 1] = math.cos(angle / 2), math.sin(angle / 2)
        return rotation_of(half)

    found = about(2, yaw) @ about(1, pitch) @ about(0, roll)
    assert found == pytest.approx(rotation_of(np.array(quat)), abs=1e-7)


def test_the_rougher_of_two_things_decides() -> None:
    table = 0.7
    for friction in (0.3, 0.7, 1.2):
        product = partner_friction(friction, table) * math.sqrt(table)
        assert product == pytest.approx(max(friction, table))


@needs_bullet
def test_things_rest_on_the_table(bullet: Physics) -> None:
    sizes = {"box": (0.02, 0.03, 0.01), "cylinder": (0.03, 0.03, 0.02), "sphere": (0.02,) * 3}
    bodies = [
        Body(
            name=shape,
            parts=(Part(shape=shape, size=size, color=RED),),
            position=(0.4, 0.1 * index, size[2] + 0.005),
            mass=0.1,
        )
        for index, (shape, size) in enumerate(sizes.items())
    ]
    bullet.reset(Scene(bodies=tuple(bodies)), HOME, 0.08)
    bullet.step(200)
    for shape, size in sizes.items():
        assert bullet.body_pose(shape).position[2] == pytest.approx(size[2], abs=8e-4)
        assert bullet.body_speed(shape) < 1e-3
    assert bullet.contacts() == {(name, "table") for name in sizes}


@needs_bullet
def test_pose_is_that_of_the_body_and_not_of_its_mass(bullet: Physics) -> None:
    half = math.sqrt(0.5)
    hammer = Body(
        name="hammer",
        parts=(
            Part(shape="box", size=(0.1, 0.01, 0.01), color=WOOD, position=(0.1, 0.0, 0.0)),
            Part(shape="box", size=(0.04, 0.05, 0.02), color=RED, position=(0.2, 0.0, 0.0)),
            Part(
                shape="sphere", size=(0.01,) * 3, color=RED, position=(0.0, 0.0, 0.03), name="top"
            ),
        ),
        position=(0.4, -0.1, 0.02),
        quat=(half, 0.0, 0.0, half),
        mass=0.3,
    )
    bullet.reset(Scene(bodies=(hammer,)), HOME, 0.08)
    pose = bullet.body_pose("hammer")
    assert pose.position == pytest.approx(hammer.position, abs=1e-7)
    assert rotation_of(pose.quat) == pytest.approx(rotation_of(np.array(hammer.quat)), abs=1e-7)
    bullet.step(200)
    assert bullet.body_pose("hammer").position == pytest.approx(hammer.position, abs=2e-3)


@needs_bullet
def test_a_slide_keeps_to_its_axis_its_damping_and_its_travel(bullet: Physics) -> None:
    part = Part(shape="box", size=(0.03, 0.03, 0.01), color=RED)
    slide = Slide(axis=(0.0, 0.0, -1.0), travel=0.1, start=0.01, damping=40.0)
    lift_body = Body(name="lift", parts=(part,), position=(0.5, 0.1, 0.3), mass=0.4, slide=slide)
    bullet.reset(Scene(bodies=(lift_body,)), HOME, 0.08)
    assert bullet.slide_value("lift") == pytest.approx(0.01)
    bullet.step(80)
    weight = 0.4 * 9.81
    assert bullet.body_speed("lift") == pytest.approx(weight / 40, rel=0.02)
    bullet.step(400)
    assert bullet.slide_value("lift") == pytest.approx(0.1, abs=1e-3)
    assert bullet.body_pose("lift").position == pytest.approx([0.5, 0.1, 0.2], abs=1e-3)


@needs_bullet
def test_what_cannot_move_or_be_touched(bullet: Physics) -> None:
    part = Part(shape="box", size=(0.03, 0.03, 0.01), color=RED)
    plate = Body(name="plate", parts=(part,), position=(0.5, 0.0, 0.01))
    ghost = Body(name="ghost", parts=(part,), position=(0.4, 0.0, 0.02), collides=False)
    thing = cube("thing", 0.4, 0.0)
    bullet.reset(Scene(bodies=(plate, ghost, thing, cube("on", 0.5, 0.0, 0.041))), HOME, 0.08)
    bullet.step(100)
    assert bullet.contacts() == {("on", "plate"), ("table", "thing")}
    assert bullet.body_pose("plate").position == pytest.approx(plate.position, abs=1e-7)
    assert bullet.body_pose("thing").position == pytest.approx(thing.position, abs=1e-3)


@needs_bullet
def test_pictures_labels_and_depth(bullet: Physics) -> None:
    bullet.reset(SCENE, HOME, 0.08)
    names = bullet.label_names
    assert names == ("robot", "low", "high", "drawer", "drawer/handle")
    picture = bullet.render("front", 96, 128, depth=True, labels=True)
    assert picture.rgb.shape == (96, 128, 3) and picture.rgb.dtype == np.uint8
    assert picture.depth is not None and picture.labels is not None
    assert picture.depth.dtype == np.float32 and picture.labels.dtype == np.int16
    assert set(np.unique(picture.labels)) == {-1, 0, 1, 2, 3, 4}
    camera = extrinsics(bullet.camera_pose("front"))
    matrix = intrinsics(FRONT.fovy, 96, 128)
    rows, columns = np.nonzero(picture.labels == names.index("high"))
    points = lift(
        np.stack([columns, rows], axis=1) + 0.5, picture.depth[rows, columns], matrix, camera
    )
    offsets = np.abs(points - bullet.body_pose("high").position)
    assert offsets.max() < 0.025 and points[:, 2].max() == pytest.approx(0.08, abs=1e-3)
    x, y, _ = project(np.array([0.4, 0.25, 0.0]), matrix, camera)
    below = picture.depth[int(y), int(x)]
    found = lift(np.array([x, y]), np.float64(below), matrix, camera)
    assert picture.labels[int(y), int(x)] == -1
    assert found[2] == pytest.approx(0.0, abs=0.01)
    plain = bullet.render("front", 96, 128)
    assert plain.depth is None and plain.labels is None
    assert np.array_equal(plain.rgb, picture.rgb)


@needs_bullet
def test_colors_light_backdrop_and_shadows() -> None:
    scene = Scene(bodies=(cube("a", 0.45, 0.0),), cameras=(FRONT,), backdrop_color=(0.0, 0.0, 1.0))
    pictures = []
    for shadows in (False, True):
        physics = make_physics("bullet", RobotConfig(), shadows=shadows)
        physics.reset(scene, HOME, 0.08)
        pictures.append(physics.render("front", 96, 96, labels=True))
        physics.close()
    plain, shaded = pictures
    assert plain.labels is not None
    red, green, blue = plain.rgb[plain.labels == 1].mean(axis=0)
    assert red > 3 * green and red > 3 * blue and red > 100
    assert plain.rgb[0, 0].tolist() == [0, 0, 255]
    table = plain.rgb[80, 48].astype(int)
    assert table.min() > 90 and np.ptp(table) < 30
    darker = shaded.rgb.astype(int).sum(axis=2) < plain.rgb.astype(int).sum(axis=2) - 15
    assert 0.005 < darker.mean() < 0.5


@needs_bullet
def test_the_wrist_camera_rides_on_the_hand(bullet: Physics) -> None:
    bullet.reset(SCENE, HOME, 0.08)
    before = bullet.camera_pose("wrist").position - bullet.ee_pose().position
    bullet.reset(SCENE, HOME + np.array([0.5, 0, 0, 0, 0, 0, 0]), 0.08)
    after = bullet.camera_pose("wrist").position - bullet.ee_pose().position
    turned = rotation_of(np.array([math.cos(0.25), 0, 0, math.sin(0.25)])) @ before
    assert after == pytest.approx(turned, abs=1e-6)


@needs_bullet
def test_a_cylinder_has_a_flat_top_and_a_round_side(bullet: Physics) -> None:
    tin = Part(shape="cylinder", size=(0.05, 0.05, 0.03), color=RED)
    above = Camera(name="above", position=(0.6, 0.0, 0.9), target=(0.6, 0.0, 0.0), fovy=20.0)
    body = Body(name="tin", parts=(tin,), position=(0.6, 0.0, 0.03))
    bullet.reset(Scene(bodies=(body,), cameras=(above,)), HOME, 0.08)
    picture = bullet.render("above", 100, 100, labels=True)
    assert picture.labels is not None
    top = picture.labels == 1
    height = 2 * 0.84 * math.tan(math.radians(10))  # of what the picture shows at the top [m]
    assert top.mean() == pytest.approx(math.pi * 0.05**2 / height**2, rel=0.05)
    assert np.ptp(picture.rgb[top].astype(int), axis=0).max() < 12
