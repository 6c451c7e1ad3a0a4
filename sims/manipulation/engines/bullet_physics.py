"""PyBullet behind the physics interface.

The motors are Bullet's own: in every step, each joint is asked for the velocity that takes it a
share of the way to its target, and gets it, gravity or not, up to a largest force. The share is
that by which a joint falls `SERVO_SECONDS` behind a target that moves evenly, as in MuJoCo.

Bullet's own snapshot of a world goes on bit-identically, in any process that built an equal one: it
holds the contact points with the impulses that the solver starts from, not only poses. The motors'
targets are not in it, and are kept beside it.
"""

from __future__ import annotations

import math
import zlib
from collections import deque

import numpy as np

from sims.manipulation import panda
from sims.manipulation.cameras import local_pose
from sims.manipulation.config import RobotConfig
from sims.manipulation.engines.bullet_camera import draw
from sims.manipulation.engines.bullet_client import Client, memory_file
from sims.manipulation.engines.bullet_model import (
    PHYSICS_DT,
    BodyHandle,
    World,
    fill_world,
    make_world,
)
from sims.manipulation.kinematics import quat_of, rotation_of
from sims.manipulation.physics import Picture, Pose, SimulationDivergedError
from sims.manipulation.scene import Camera, Scene

MAX_SPEED, MAX_DISTANCE = 100.0, 20.0
"""Nothing sound is beyond: of a joint [rad/s]; from the origin [m], and as speed [m/s]."""
NUM_LAST_STATES, KEEP_EVERY = 3, 50
"""How many sound states are remembered, and after how many steps the next one is."""
RESETS_PER_CLIENT = 200
"""PyBullet loses some 10 kB with each scene that is taken away, until its client is closed."""
TOUCHING = 5e-4
"""Things nearer than this touch [m]."""


class BulletPhysics:
    """See `Physics`. Each instance has a world of its own.

    Args:
        robot: which arm.
        shadows: whether pictures have shadows; they double the cost.

    Raises:
        EngineUnavailableError: where PyBullet is not installed.
    """

    physics_dt = PHYSICS_DT

    def __init__(self, robot: RobotConfig, *, shadows: bool = False) -> None:
        self._robot, self._shadows = robot, shadows
        self._client, self._num_resets, self._steps_since_kept = Client(), 0, 0
        self._world: World | None = None
        self._scene = Scene()
        self._last_states: deque[dict[str, np.ndarray]] = deque(maxlen=NUM_LAST_STATES)

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(self._built.label_names)

    @property
    def _built(self) -> World:
        if self._world is None:
            raise RuntimeError("no scene yet; call reset(scene, joint_pos, finger_width) first")
        return self._world

    def reset(self, scene: Scene, joint_pos: np.ndarray, finger_width: float) -> None:
        if self._num_resets % RESETS_PER_CLIENT == 0:
            self._client.close()
            self._client = Client()
            self._world = make_world(self._client, self._robot)
        self._num_resets += 1
        self._world, self._scene = fill_world(self._client, self._built, scene), scene
        self._scene_code = zlib.crc32(repr(scene).encode())
        robot, width = self._world.robot, self._per_finger(finger_width)
        for joint in range(robot.num_links):
            self._client.resetJointState(robot.body, joint, 0.0, 0.0)
        values = [*map(float, joint_pos), *[width] * len(robot.fingers)]
        for joint, value in zip([*robot.arm, *robot.fingers], values, strict=True):
            self._client.resetJointState(robot.body, joint, value, 0.0)
        self.set_targets(joint_pos, finger_width)
        self._last_states.clear()
        self._keep()

    def set_targets(self, joint_pos: np.ndarray, finger_width: float) -> None:
        robot = self._built.robot
        width = self._per_finger(finger_width)
        self._targets = np.array([*joint_pos, finger_width], dtype=float)
        num_arm, num_fingers = len(robot.arm), len(robot.fingers)
        grip = motor_gain(panda.FINGER_DAMPING / panda.FINGER_STIFFNESS)
        self._client.setJointMotorControlArray(
            robot.body,
            [*robot.arm, *robot.fingers],
            self._client.POSITION_CONTROL,
            targetPositions=[*map(float, joint_pos), *[width] * num_fingers],
            forces=robot.forces,
            positionGains=[*[motor_gain(panda.SERVO_SECONDS)] * num_arm, *[grip] * num_fingers],
            velocityGains=[1.0] * (num_arm + num_fingers),
        )

    def _per_finger(self, finger_width: float) -> float:
        """How far one finger is open [m]."""
        num_fingers = max(1, len(self._built.robot.fingers))
        return float(np.clip(finger_width / num_fingers, 0.0, self._robot.finger_travel))

    def step(self, num_steps: int) -> None:
        step, _ = self._client.stepSimulation, self._built
        for _ in range(num_steps):
            step()
        self._steps_since_kept += num_steps
        self._check_sound()
        if self._steps_since_kept >= KEEP_EVERY:
            self._keep()

    def _keep(self) -> None:
        """Remember this sound state, in case that what follows is not."""
        self._last_states.append(self.get_state())
        self._steps_since_kept = 0

    def _check_sound(self) -> None:
        """Raise `SimulationDivergedError` where anything is out of all reason, and go back."""
        client, world = self._client, self._built
        joints = [*world.robot.arm, *world.robot.fingers]
        for state in client.getJointStates(world.robot.body, joints):
            if not (abs(state[0]) < MAX_DISTANCE and abs(state[1]) < MAX_SPEED):
                self._diverged(f"a joint is at {state[0]:.3g} and moves at {state[1]:.3g}")
        for name, body in world.bodies.items():
            if body.still:
                continue
            if body.link >= 0:
                place, speed = client.getJointState(body.body, 0)[:2]
                numbers = (place, speed)
            else:
                position, _ = client.getBasePositionAndOrientation(body.body)
                velocity, _ = client.getBaseVelocity(body.body)
                numbers = (*position, *velocity)
            if not all(abs(number) < MAX_DISTANCE for number in numbers):
                self._diverged(f"{name} has place and speed {np.round(numbers, 3).tolist()}")

    def _diverged(self, what: str) -> None:
        last = [{key: value.tolist() for key, value in s.items()} for s in self._last_states]
        sound, self._num_resets = self._last_states[-1], 0  # numbers that are none linger on
        self.reset(self._scene, np.zeros(len(self._built.robot.arm)), 0.0)
        self.set_state(sound)
        raise SimulationDivergedError(
            f"engine=bullet: {what}; nothing sound is beyond {MAX_DISTANCE:g} m, {MAX_DISTANCE:g} "
            f"m/s or {MAX_SPEED:g} rad/s",
            last,
        )

    def _joint_states(self, joints: list[int]) -> np.ndarray:
        """Positions and velocities, (2, number of joints)."""
        if not joints:  # PyBullet gives None for none
            return np.zeros((2, 0))
        states = self._client.getJointStates(self._built.robot.body, joints)
        return np.array([state[:2] for state in states]).reshape(-1, 2).T

    def joint_pos(self) -> np.ndarray:
        return self._joint_states(self._built.robot.arm)[0].copy()

    def joint_vel(self) -> np.ndarray:
        return self._joint_states(self._built.robot.arm)[1].copy()

    def finger_width(self) -> float:
        return float(self._joint_states(self._built.robot.fingers)[0].sum())

    def ee_pose(self) -> Pose:
        robot = self._built.robot
        return self._link_pose(robot.body, robot.ee_link, robot.ee_offset)

    def _link_pose(self, body: int, link: int, along_z: float = 0.0) -> Pose:
        state = self._client.getLinkState(body, link, computeForwardKinematics=1)
        quat = to_wxyz(state[5])
        position = np.array(state[4]) + along_z * rotation_of(quat)[:, 2]
        return Pose(position=position, quat=quat)

    def body_pose(self, name: str) -> Pose:
        position, quat = self._frame(self._built.bodies[name])
        return Pose(position=np.array(position), quat=to_wxyz(quat))

    def _frame(self, handle: BodyHandle) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Position and quaternion (x, y, z, w) of a body's frame."""
        if handle.link >= 0:
            pose = self._client.getLinkState(handle.body, handle.link, computeForwardKinematics=1)
            return pose[4], pose[5]
        position, quat = self._client.getBasePositionAndOrientation(handle.body)
        if handle.to_frame is None:
            return position, quat
        return self._client.multiplyTransforms(position, quat, *handle.to_frame)

    def _velocity(self, handle: BodyHandle) -> np.ndarray:
        """Of a body's frame [m/s], (3,)."""
        if handle.link >= 0:
            state = self._client.getLinkState(handle.body, handle.link, computeLinkVelocity=1)
            return np.array(state[6])
        linear, angular = self._client.getBaseVelocity(handle.body)
        centre = self._client.getBasePositionAndOrientation(handle.body)[0]
        return np.array(linear) + np.cross(angular, np.subtract(self._frame(handle)[0], centre))

    def body_speed(self, name: str) -> float:
        return float(np.linalg.norm(self._velocity(self._built.bodies[name])))

    def slide_value(self, name: str) -> float:
        handle = self._built.bodies[name]
        if handle.link < 0:
            raise KeyError(f"{name!r} has no slide joint")
        return float(self._client.getJointState(handle.body, 0)[0])

    def contacts(self) -> set[tuple[str, str]]:
        names, pairs = self._built.touching, set()
        for point in self._client.getContactPoints():
            first, second = names[point[1], point[3]], names[point[2], point[4]]
            if point[8] < TOUCHING and first != second:
                pairs.add((min(first, second), max(first, second)))
        return pairs

    def render(
        self, camera: str, height: int, width: int, *, depth: bool = False, labels: bool = False
    ) -> Picture:
        return draw(
            self._client,
            self._built,
            self._scene,
            self._camera(camera),
            self.camera_pose(camera),
            (height, width),
            shadows=self._shadows,
            depth=depth,
            labels=labels,
        )

    def _camera(self, name: str) -> Camera:
        for camera in self._scene.cameras:
            if camera.name == name:
                return camera
        raise KeyError(f"no camera {name!r}; there are {[c.name for c in self._scene.cameras]}")

    def camera_pose(self, camera: str) -> Pose:
        seen = self._camera(camera)
        pose = local_pose(seen)
        if not seen.on_hand:
            return pose
        hand = self._link_pose(self._built.robot.body, self._built.robot.ee_link)
        turn = rotation_of(hand.quat)
        return Pose(
            position=hand.position + turn @ pose.position,
            quat=quat_of(turn @ rotation_of(pose.quat)),
        )

    def get_state(self) -> dict[str, np.ndarray]:
        return {
            "targets": self._targets.copy(),
            "scene": np.array([self._scene_code]),
            "world": snapshot(self._client),
        }

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        if state["scene"][0] != self._scene_code:
            raise ValueError("the state is of another scene; reset with an equal scene first")
        restore(self._client, state["world"])
        self.set_targets(state["targets"][:-1], float(state["targets"][-1]))
        self._last_states.clear()
        self._last_states.append(state)
        self._steps_since_kept = 0

    def close(self) -> None:
        self._client.close()
        self._world, self._num_resets = None, 0


def motor_gain(seconds: float) -> float:
    """Share of the way to its target that a motor asks for in each step, to lag so far behind."""
    return 1 - math.exp(-PHYSICS_DT / seconds)


def snapshot(client: Client) -> np.ndarray:
    """A world as Bullet writes it, uint8 (n,)."""
    with memory_file() as path:
        client.saveBullet(path)
        return np.fromfile(path, dtype=np.uint8)


def restore(client: Client, world: np.ndarray) -> None:
    """Bring a world that holds the same things back to a `snapshot`."""
    with memory_file(np.asarray(world, dtype=np.uint8).tobytes()) as path:
        client.restoreState(fileName=path)


def to_wxyz(quat: tuple[float, ...]) -> np.ndarray:
    """PyBullet's (x, y, z, w) as (w, x, y, z)."""
    x, y, z, w = quat
    return np.array([w, x, y, z])
