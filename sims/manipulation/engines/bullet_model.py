"""Builds a robot and a scene in a PyBullet world."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sims.manipulation import panda
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.bullet_client import Client, memory_file
from sims.manipulation.engines.bullet_robot import RobotHandle, load_robot
from sims.manipulation.engines.bullet_textures import texture_png
from sims.manipulation.engines.bullet_urdf import LinkParts, body_urdf, link_parts
from sims.manipulation.engines.mujoco_model import FLOOR_Z, TABLE_CENTRE, TABLE_HALF
from sims.manipulation.scene import Body, Scene

PHYSICS_DT = 0.005
"""Time of one step [s]; MuJoCo's as well."""
TORSIONAL_FRICTION, ROLLING_FRICTION = 0.005, 0.0002
"""Coefficients of things, times a length [m]; only round parts have the latter."""
ROBOT_FRICTION = 0.5
"""Coefficient of sliding friction of all of the arm but its finger tips."""
ROBOT, TABLE = "robot", "table"
FINGERS = ("left_finger", "right_finger")


@dataclass(kw_only=True)
class BodyHandle:
    """A body of the scene in the world.

    Attributes:
        body: its id.
        link: -1 for the base, else the link that slides.
        to_frame: position and quaternion (x, y, z, w) of the base's frame in its inertial one,
            whose pose is all that the engine tells; None where they are the same.
        still: whether nothing can move it.
    """

    body: int
    link: int
    to_frame: tuple[Any, Any] | None
    still: bool


@dataclass(kw_only=True)
class World:
    """What was built.

    Attributes:
        robot: where it is.
        bodies: by name.
        labels: (body id, link) -> index into `label_names`.
        touching: (body id, link) -> name in contacts.
        label_names: see `Physics.label_names`.
        textures: name -> id of each that was loaded.
    """

    robot: RobotHandle
    bodies: dict[str, BodyHandle] = field(default_factory=dict)
    labels: dict[tuple[int, int], int] = field(default_factory=dict)
    touching: dict[tuple[int, int], str] = field(default_factory=dict)
    label_names: list[str] = field(default_factory=lambda: [ROBOT])
    textures: dict[str, int] = field(default_factory=dict)


def make_world(client: Client, config: RobotConfig) -> World:
    """An empty world with a robot at its origin. The arm is not driven yet.

    Raises:
        ValueError: where the robot's own file does not fit its configuration.
    """
    # This broadphase gives things that take the place of others the same numbers, by which a saved
    # state finds what touches; it is the faster one for few things, too.
    client.resetSimulation(client.RESET_USE_SIMPLE_BROADPHASE)
    client.setPhysicsEngineParameter(
        fixedTimeStep=PHYSICS_DT,
        deterministicOverlappingPairs=1,
        enableFileCaching=0,  # it goes by names, and those of memory files are used again
    )
    client.setGravity(0, 0, -9.81)
    return World(robot=load_robot(client, config))


def fill_world(client: Client, world: World, scene: Scene) -> World:
    """The world with a scene in it, in place of the one before.

    The robot stays: to load it takes ten times as long as all the rest. Things go in the reverse
    of the order in which they came, which leaves the engine's lists as they were before them, so
    nothing depends on what was there.
    """
    for index in reversed(range(client.getNumBodies())):
        body = client.getBodyUniqueId(index)
        if body != world.robot.body:
            client.removeBody(body)
    filled = World(robot=world.robot, textures=world.textures)
    name_robot(client, filled, scene)
    load_textures(client, filled, scene)
    add_table(client, filled, scene)
    for body in scene.bodies:
        add_body(client, filled, body, scene.table_friction)
    return filled


def name_robot(client: Client, world: World, scene: Scene) -> None:
    """Labels, names and friction of the robot's links."""
    robot = world.robot
    names = dict(zip(robot.fingers, FINGERS, strict=False))
    for link in range(-1, robot.num_links):
        world.labels[robot.body, link] = 0
        world.touching[robot.body, link] = names.get(link, ROBOT)
        friction = panda.FINGER_FRICTION if link in names else ROBOT_FRICTION
        client.changeDynamics(
            robot.body,
            link,
            lateralFriction=partner_friction(friction, scene.table_friction),
            spinningFriction=0,
            rollingFriction=0,
        )


def partner_friction(friction: float, table_friction: float) -> float:
    """What a coefficient must be for Bullet, which multiplies those of the two things that touch,
    to find the larger one, as MuJoCo does. Exact where things are as rough as the table.
    """
    return max(friction, table_friction) / math.sqrt(table_friction)


def load_textures(client: Client, world: World, scene: Scene) -> None:
    """Load the textures that the scene shows and the world does not have yet."""
    names = {part.texture for body in scene.bodies for part in body.parts} | {scene.table_texture}
    for name in sorted(names - {"plain", *world.textures}):
        with memory_file(texture_png(name)) as path:
            world.textures[name] = client.loadTexture(path)


def add_table(client: Client, world: World, scene: Scene) -> None:
    """The table, and the floor that nobody sees."""
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=TABLE_HALF)
    look = client.createVisualShape(
        client.GEOM_BOX, halfExtents=TABLE_HALF, rgbaColor=(*scene.table_color, 1.0)
    )
    table = client.createMultiBody(0, shape, look, (*TABLE_CENTRE, -TABLE_HALF[2]))
    plane = client.createCollisionShape(client.GEOM_PLANE)
    speck = client.createVisualShape(  # without any, the plane itself would be drawn
        client.GEOM_BOX, halfExtents=[1e-4] * 3, visualFramePosition=[0, 0, -1]
    )
    floor = client.createMultiBody(0, plane, speck, (0, 0, FLOOR_Z))
    for body in (table, floor):
        world.touching[body, -1] = TABLE
        client.changeDynamics(body, -1, lateralFriction=math.sqrt(scene.table_friction))
    if scene.table_texture != "plain":
        client.changeVisualShape(table, -1, textureUniqueId=world.textures[scene.table_texture])


def add_body(client: Client, world: World, body: Body, table_friction: float) -> None:
    """A body at its start."""
    w, x, y, z = body.quat
    with memory_file(body_urdf(body).encode()) as path:
        index = client.loadURDF(
            path,
            body.position,
            (x, y, z, w),
            useFixedBase=body.mass is None or body.slide is not None,
            flags=client.URDF_USE_INERTIA_FROM_FILE | client.URDF_USE_IMPLICIT_CYLINDER,
        )
    first = -1 if body.slide is None else 0
    to_frame = client.invertTransform(*client.getDynamicsInfo(index, -1)[3:5])
    world.bodies[body.name] = BodyHandle(
        body=index,
        link=first,
        to_frame=None if to_frame == ((0, 0, 0), (0, 0, 0, 1)) else to_frame,
        still=body.mass is None,
    )
    world.label_names.append(body.name)
    label = len(world.label_names) - 1
    for link, group in enumerate(link_parts(body), start=first):
        world.touching[index, link] = body.name
        world.labels[index, link] = label
        if group.part_name:
            world.labels[index, link] = len(world.label_names)
            world.label_names.append(f"{body.name}/{group.part_name}")
        client.changeDynamics(
            index,
            link,
            lateralFriction=partner_friction(body.friction, table_friction),
            spinningFriction=TORSIONAL_FRICTION,
            rollingFriction=ROLLING_FRICTION if is_round(group) else 0,
            linearDamping=0,
            angularDamping=0,
        )
        put_textures(client, (index, link), group, world.textures)
    if body.slide is not None:
        client.resetJointState(index, 0, body.slide.start)
        client.setJointMotorControl2(index, 0, client.VELOCITY_CONTROL, force=0)


def put_textures(
    client: Client, link: tuple[int, int], group: LinkParts, textures: dict[str, int]
) -> None:
    """Texture the parts of a link (body id, link)."""
    for index, part in enumerate(group.parts):
        if part.texture != "plain":
            client.changeVisualShape(
                *link, shapeIndex=index, textureUniqueId=textures[part.texture]
            )


def is_round(group: LinkParts) -> bool:
    """Whether parts can roll."""
    return any(part.shape != "box" for part in group.parts)
