"""Cameras: projection against what is rendered; pictures, depth and labels against each other."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from sims.manipulation import panda
from sims.manipulation.cameras import (
    FRONT,
    WRIST,
    extrinsics,
    intrinsics,
    lift,
    lift_to_height,
    local_pose,
    project,
)
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.mujoco_physics import MujocoPhysics
from sims.manipulation.kinematics import rotation_of
from sims.manipulation.physics import Pose
from sims.manipulation.scene import TEXTURES, Body, Camera, Lighting, Part, Scene

HOME = np.array(panda.HOME)
SIZE = 128
DEEP = Camera(name="deep", position=(2.4, 1.0, 1.2), target=(0.4, 0.0, 0.1), fovy=30.0)


def box(name: str, position, color=(0.85, 0.15, 0.1), texture: str = "plain", size=0.02) -> Body:
    part = Part(shape="box", size=(size,) * 3, color=color, texture=texture)
    return Body(name=name, parts=(part,), position=position, mass=0.05)


MUG = Body(
    name="mug",
    parts=(
        Part(shape="cylinder", size=(0.03, 0.03, 0.04), color=(0.2, 0.5, 0.9)),
        Part(
            shape="box",
            size=(0.008, 0.02, 0.02),
            color=(0.9, 0.9, 0.2),
            position=(0.02, -0.04, 0.0),
            name="handle",
        ),
    ),
    position=(0.55, 0.12, 0.04),
    mass=0.1,
)
SCENE = Scene(
    bodies=(box("red", (0.5, -0.1, 0.02)), MUG, box("far", (0.4, 0.2, 0.02), (0.1, 0.7, 0.2))),
    cameras=(FRONT, WRIST, DEEP),
)


def make(scene: Scene = SCENE) -> MujocoPhysics:
    physics = MujocoPhysics(RobotConfig())
    physics.reset(scene, HOME, 0.08)
    return physics


def matrices(physics: MujocoPhysics, camera: Camera, size: int = SIZE):
    return intrinsics(camera.fovy, size, size), extrinsics(physics.camera_pose(camera.name))


def test_a_point_on_the_axis_is_in_the_middle():
    camera = Camera(name="c", position=(1.0, 0.0, 0.0), target=(0.0, 0.0, 0.0), fovy=90.0)
    world_to_camera = extrinsics(local_pose(camera))
    matrix = intrinsics(90.0, 100, 200)
    seen = project(np.array([[0.0, 0, 0], [0, 0.5, 0.25], [2.0, 0, 0]]), matrix, world_to_camera)
    assert seen[0] == pytest.approx([100.0, 50.0, 1.0])
    assert seen[1] == pytest.approx([125.0, 37.5, 1.0])  # y is to the right, seen from ahead
    assert np.isnan(seen[2, :2]).all()
    assert seen[2, 2] == pytest.approx(-1.0)


def test_straight_down_x_is_up():
    pose = local_pose(Camera(name="c", position=(0.0, 0.0, 1.0), target=(0.0, 0.0, 0.0)))
    assert rotation_of(pose.quat)[:, 1] == pytest.approx([1.0, 0.0, 0.0])


@pytest.mark.parametrize("camera", [FRONT, WRIST, DEEP], ids=lambda camera: camera.name)
def test_bodies_are_seen_where_they_project(camera):
    """The box of its pixels is the box of its projected corners, to a pixel and a half."""
    physics = make()
    picture = physics.render(camera.name, SIZE, SIZE, labels=True)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    corners = physics.body_pose("red").position + 0.02 * signs
    seen = project(corners, *matrices(physics, camera))
    rows, columns = np.nonzero(picture.labels == physics.label_names.index("red"))
    box_seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert box_seen == pytest.approx([*seen[:, :2].min(0), *seen[:, :2].max(0)], abs=1.5)


@pytest.mark.parametrize("camera", [FRONT, WRIST, DEEP], ids=lambda camera: camera.name)
def test_depth_lifts_pixels_onto_what_they_show(camera):
    """All pixels of a box's upper face lie on it; the table's lie in its plane."""
    physics = make()
    picture = physics.render(camera.name, SIZE, SIZE, depth=True, labels=True)
    matrix, world_to_camera = matrices(physics, camera)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    pixels = np.stack([columns, rows], axis=-1)
    points = lift(pixels, picture.depth, matrix, world_to_camera)
    again = project(points, matrix, world_to_camera)
    assert again[..., :2] == pytest.approx(pixels, abs=1e-6)
    assert again[..., 2] == pytest.approx(picture.depth, rel=1e-6)
    on_box = points[picture.labels == physics.label_names.index("red")]
    inside = np.abs(on_box - physics.body_pose("red").position).max(axis=1)
    assert len(on_box) > 20
    assert np.abs(inside - 0.02).max() < 1e-3  # each is on one of the faces
    inner = np.abs(points[..., :2] - [0.4, 0.0]).max(axis=-1) < 0.45
    on_table = (picture.labels == -1) & inner & (points[..., 2] > -0.02)  # the rest is floor
    assert on_table.sum() > 2000
    assert np.abs(points[on_table][:, 2]).max() < 1e-4
    flat = lift_to_height(pixels[on_table], 0.0, matrix, world_to_camera)
    assert np.linalg.norm(flat - points[on_table], axis=1).max() < 1e-3


def test_a_plane_behind_the_camera_is_nowhere():
    pose = local_pose(replace(FRONT, target=(0.4, 0.0, 1.5)))
    middle = np.array([[SIZE / 2, SIZE / 2]])
    points = lift_to_height(middle, 0.0, intrinsics(36.0, SIZE, SIZE), extrinsics(pose))
    assert np.isnan(points).all()


def test_the_wrist_camera_moves_with_the_hand():
    physics = make()
    before, hand = physics.camera_pose("wrist"), physics.ee_pose()
    turned = HOME.copy()
    turned[6] += 0.5
    physics.reset(SCENE, turned, 0.08)
    after = physics.camera_pose("wrist")
    offset = [(pose.position - hand.position)[:2] for pose in (before, after)]
    angles = [math.atan2(y, x) for x, y in offset]
    assert abs(angles[1] - angles[0]) == pytest.approx(0.5)
    at_hand = rotation_of(hand.quat).T @ (before.position - hand.position)
    assert at_hand == pytest.approx(np.array(WRIST.position) - [0, 0, panda.EE_LENGTH], abs=1e-9)


def test_a_named_part_has_its_own_label():
    physics = make()
    assert physics.label_names == ("robot", "red", "mug", "mug/handle", "far")
    labels = physics.render("front", SIZE, SIZE, labels=True).labels
    rgb = physics.render("front", SIZE, SIZE).rgb.astype(int)
    assert set(np.unique(labels)) == {-1, 0, 1, 2, 3, 4}
    yellow = rgb[labels == 3]
    assert len(yellow) > 4
    assert (yellow[:, 0] > 2 * yellow[:, 2]).all()
    blue = rgb[labels == 2]
    assert (blue[:, 2] > 2 * blue[:, 0]).all()


def test_what_else_is_asked_for_leaves_the_picture_alone():
    physics = make()
    alone = physics.render("front", SIZE, SIZE)
    full = physics.render("front", SIZE, SIZE, depth=True, labels=True)
    assert alone.depth is None
    assert alone.labels is None
    assert np.array_equal(alone.rgb, full.rgb)
    assert (full.depth.dtype, full.labels.dtype) == (np.float32, np.int16)
    assert full.depth.shape == full.labels.shape == (SIZE, SIZE)


@pytest.mark.parametrize("size", [84, 128])
@pytest.mark.parametrize("shadows", [False, True])
def test_pictures_are_bright_and_show_the_arm(size, shadows):
    physics = MujocoPhysics(RobotConfig(), shadows=shadows)
    physics.reset(SCENE, HOME, 0.08)
    picture = physics.render("front", size, size, labels=True)
    assert 100 < picture.rgb.mean() < 200
    share = [(picture.labels == index).mean() for index in range(5)]
    assert 0.03 < share[0] < 0.25
    assert min(share[1:]) * size * size >= 8


def test_every_texture_looks_different_in_the_same_colour():
    physics, faces = make(), {}
    for texture in TEXTURES:
        scene = replace(SCENE, bodies=(box("red", (0.48, 0.0, 0.1), texture=texture, size=0.1),))
        physics.reset(scene, HOME, 0.08)
        picture = physics.render("front", SIZE, SIZE, labels=True)
        faces[texture] = picture.rgb[picture.labels == 1].astype(float)
        mean = faces[texture].mean(axis=0)
        assert mean[0] > 2 * mean[1]
    for one, other in combinations(TEXTURES, 2):
        assert np.abs(faces[one] - faces[other]).mean() > 8, (one, other)


def test_light_and_colours_are_the_scene_s():
    looks = []
    for scene in (
        SCENE,
        replace(SCENE, lighting=Lighting(diffuse=0.2, ambient=0.2)),
        replace(SCENE, table_color=(0.2, 0.5, 0.2)),
        replace(SCENE, table_texture="wood"),
    ):
        looks.append(make(scene).render("front", SIZE, SIZE).rgb.astype(float))
    plain, dark, green, wood = looks
    assert dark.mean() < 0.6 * plain.mean()
    assert green[-1, :, 1].mean() > 1.5 * green[-1, :, 0].mean()
    assert wood[-20:].std() > plain[-20:].std() + 3
    assert np.abs(plain[0, 0] / 255 - SCENE.backdrop_color).max() < 0.2


def test_a_pose_is_turned_round_into_matrices_and_back():
    pose = Pose(position=np.array([0.3, -0.2, 0.9]), quat=np.array([0.5, 0.5, -0.1, 0.7]))
    matrix = extrinsics(pose)
    assert matrix[:3, :3] @ matrix[:3, :3].T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
    assert matrix @ [0.3, -0.2, 0.9, 1.0] == pytest.approx([0.0, 0.0, 0.0, 1.0], abs=1e-12)
