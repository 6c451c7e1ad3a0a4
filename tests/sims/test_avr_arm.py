"""`executor=arm`: what the arm does to the worlds, and what becomes of belief and expert then."""

from __future__ import annotations

import json
import math
from functools import partial

import gymnasium
import numpy as np
import pytest

from sims.avr.actions import Action
from sims.avr.arm_executor import ArmExecutor, Executed
from sims.avr.config import AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.foresight import Foresight
from sims.avr.handling.grasps import grasps
from sims.avr.handling.room import Shapes
from sims.avr.handling.table import SCALE, loose_names, make_scene, pose_of, to_world
from sims.avr.viewer import Station
from sims.avr.world import PUSH_DISTANCE, World
from sims.conformance import check_environment
from sims.conformance.case import same
from sims.manipulation.arm import pointing_down
from sims.manipulation.physics import Pose
from sims.manipulation.rotations import rotation_of
from sims.manipulation.scene import Body, Part
from sims.rendering import import_mujoco
from tests.sims.staging import FULL, draw_world, handles, position, small_config, world_with

pytestmark = pytest.mark.render
LEFT, RIGHT = -1, 1
arm_config = partial(small_config, executor="arm")


def pick(name: str) -> Action:
    return Action(kind="pick", target=name)


def loose_box(world: World) -> str | None:
    """The name of a box that can be picked, with something in it."""
    for device in world.layout.devices:
        for body in device.bodies:
            held = world.contents[device.place.name] is not None
            if body.name == device.place.carrier and body.mount == "free" and held:
                return body.name
    return None


def test_an_unknown_executor_is_refused():
    with pytest.raises(ValueError, match=r"env\.config\.executor is 'robot'; legal: magic, arm"):
        AvrConfig(executor="robot").check("env.config.")


def test_poses_go_to_the_table_and_back():
    world = draw_world("behind_tower", 0)
    name = "1:upper block"
    there = pose_of(world, name)
    back = to_world(there)
    assert np.allclose(back.position, position(world, name), atol=1e-12)
    turn = world.data.xmat[world.model.body(name).id].reshape(3, 3)
    assert np.allclose(rotation_of(back.quat), turn, atol=1e-12)
    # The arm's x points to the viewer, who looks along y; its y to the viewer's right.
    x, y, z = position(world, name)
    assert np.allclose(there.position, (0.5 - y / 20, x / 20, z / 20))


def test_every_world_has_room_on_the_table():
    for scene_type in ("behind_large_object", "in_chimney", "on_high_shelf"):
        world = draw_world(scene_type, 1)
        scene = make_scene(world)
        movable = {body.name for body in scene.bodies if body.mass is not None}
        assert movable == set(loose_names(world))
        for body in scene.bodies:
            assert 0.3 < body.position[0] < 0.68
            assert abs(body.position[1]) < 0.2


def test_grasps_close_on_what_is_between_the_fingers():
    """A block 6 cm wide, 2 cm deep and 4 cm high, seen from above."""
    part = Part(shape="box", size=(0.03, 0.01, 0.02), color=(1, 0, 0))
    block = Body(name="block", parts=(part,), position=(0.5, 0.1, 0.02), mass=0.1)
    found = list(grasps(block, Pose(position=np.array(block.position), quat=pointing_down(0.0))))
    level = [g for g in found if g.approach[2] < -0.999]
    assert {round(g.width, 6) for g in level} == {0.06, 0.02}
    for grasp in level:
        closing = rotation_of(grasp.pose.quat)[:, 1]
        assert abs(closing[0 if grasp.width > 0.05 else 1]) == pytest.approx(1.0)
        tip = grasp.pose.position[2] - 0.009
        assert -1e-9 <= tip < 0.04
    middle = level[0].pose.position[:2]
    assert np.allclose(middle, (0.5, 0.1), atol=1e-9)


def test_nothing_wider_than_the_hand_is_grasped():
    part = Part(shape="sphere", size=(0.041,) * 3, color=(1, 0, 0))
    ball = Body(name="ball", parts=(part,), position=(0.5, 0.0, 0.041), mass=0.1)
    pose = Pose(position=np.array(ball.position), quat=np.array([1.0, 0.0, 0.0, 0.0]))
    assert list(grasps(ball, pose)) == []


def test_what_is_picked_is_carried_off_and_the_rest_stays():
    world = world_with("behind_large_object", lambda w: w.layout.devices[1].place.hidden)
    before = world.data.qpos.copy()
    name = handles(world)[1]
    executed = ArmExecutor().perform(pick(name), world)
    assert executed == Executed(reached=True, grasped=True, moved=True)
    assert executed.note == ""
    assert world.picked == {name}
    for other in set(loose_names(world)):
        start = world.joint_address(other)
        assert np.abs(world.data.qpos[start : start + 7] - before[start : start + 7]).max() < 0.01
    assert "hidden1" in world.seen()


@pytest.mark.parametrize(("direction", "side"), [("left", LEFT), ("right", RIGHT)])
def test_what_is_moved_goes_as_far_as_magic_moves_it(direction, side):
    world = draw_world("behind_screen", 2)
    name = handles(world)[1]
    before = position(world, name)
    action = Action(kind="move_object", target=name, direction=direction)
    assert ArmExecutor().perform(action, world).moved
    way = position(world, name) - before
    assert way[0] == pytest.approx(side * PUSH_DISTANCE, abs=0.1)
    assert np.abs(way[1:]).max() < 0.1


def test_equal_worlds_come_out_bit_equal():
    def after() -> bytes:
        world = draw_world("behind_tower", 3)
        for name in handles(world)[:2]:
            ArmExecutor().perform(pick(name), world)
        return world.data.qpos.tobytes()

    assert after() == after()


def test_a_cover_leaves_its_place_and_what_stands_there():
    world = draw_world("under_two_covers", 0, prior=FULL, hide=1.0)
    for name in handles(world)[:2]:
        assert ArmExecutor().perform(pick(name), world).moved
    assert "hidden0" in world.seen()
    assert world.picked == set(handles(world)[:2])
    assert world.lost_places == set()


def test_a_box_takes_along_what_stands_in_it():
    """Magic leaves it behind; a hand does not, and foresight for a hand knows that."""
    wanted = partial(world_with, "in_box", lambda w: loose_box(w) is not None, prior=FULL, hide=1.0)
    world = wanted()
    box = loose_box(world)
    place = f"hidden{box[0]}"
    lids = [name for name in handles(world) if name.startswith(box[0]) and name != box]
    deeds = [pick(name) for name in (*lids, box)]
    assert place in Foresight(world).shows(deeds, {})
    assert place not in Foresight(world, by_arm=True).shows(deeds[-1:], {})
    for deed in deeds:
        assert ArmExecutor().perform(deed, world).moved
    assert world.picked >= {box, place}
    assert world.lost_places == {place}
    for azimuth in range(0, 360, 45):
        world.look_from(Station(azimuth=azimuth, elevation="high"))
        assert place not in world.seen() | world.examined()
    assert place not in Foresight(world, by_arm=True).shows([], {})


def test_what_is_fixed_or_gone_stays_so():
    world = draw_world("behind_wall", 0)
    before = world.get_state()
    executed = ArmExecutor().perform(pick(handles(world)[0]), world)
    assert executed == Executed(problem="fixed")
    assert "fixed" in executed.note
    assert world.get_state() == before
    world = draw_world("behind_large_object", 0)
    world.pick(handles(world)[0])
    assert ArmExecutor().perform(pick(handles(world)[0]), world) == Executed(problem="gone")


def test_what_loses_its_support_falls():
    """Upper block on lower block, and the lower one is slid away under it or with it."""
    world = draw_world("behind_tower", 2)
    upper, *_, lower = [n for n in handles(world) if n.startswith("1:")]
    ArmExecutor().perform(Action(kind="move_object", target=lower, direction="left"), world)
    assert world.max_speed() < 1e-3
    assert upper in loose_names(world)


def test_a_film_shows_the_deed():
    executor = ArmExecutor()
    frames = executor.film(48, 64)
    world = draw_world("behind_screen", 0)
    executor.perform(pick(handles(world)[0]), world)
    assert len(frames) > 20
    assert frames[0].shape == (48, 64, 3)
    assert not same(frames[0], frames[len(frames) // 2])


def test_the_contract_is_kept_with_an_arm():
    config = arm_config(scene_types=["behind_tower"], sufficient_share=0.0)
    make_env = partial(gymnasium.make, "AVR/Stack-v0", config=config, disable_env_checker=True)
    check_environment(make_env, seeds=(0, 1), num_steps=3, min_expert_success=1.0)


def test_a_state_with_deeds_in_it_is_restored_to_the_bit():
    config = arm_config(scene_types=["under_two_covers"], sufficient_share=0.0)
    env, other = (AvrEnv(config, "stack") for _ in range(2))
    env.reset(seed=1)
    for _ in range(2):
        obs, _, _, _, info = env.step(env.expert_reply())
    assert info["truth"]["executed"]["moved"]
    again, info_again = other.set_state(json.loads(json.dumps(env.get_state())))
    assert same(obs, again)
    assert info_again["truth"] == info["truth"]


class Clumsy(ArmExecutor):
    """A hand that can do nothing."""

    def perform(self, action: Action, world: World) -> Executed:
        return Executed(problem="no room")


def test_where_the_arm_fails_it_says_so_and_the_expert_goes_on():
    config = arm_config(scene_types=["under_two_covers"], sufficient_share=0.0)
    env = AvrEnv(config, "stack")
    env.reset(seed=0)
    env.executor = Clumsy()
    before = env.task.gold
    deeds, failed, over = [], 0, False
    while not over:
        entropy = env.knowledge.belief.entropy(env.knowledge.known)
        obs, _, terminated, truncated, info = env.step(env.expert_reply())
        over, truth = terminated or truncated, info["truth"]
        if "executed" in truth:
            failed += 1
            assert truth["executed"]["num_failed"] == failed
            assert not truth["executed"]["moved"]
            assert "found no way to take hold" in obs["text"]
            assert truth["entropy"] == entropy
            deeds.append(tuple(truth["action"].values()))
    assert terminated
    assert deeds
    assert len(deeds) == len(set(deeds)), "it tries in vain what it was told it cannot do"
    assert truth["gold"] == before


def test_without_an_arm_nothing_is_said_of_it():
    env = AvrEnv(small_config(), "stack")
    obs, info = env.reset(seed=0)
    assert env.executor is None
    assert "executed" not in info["truth"]
    assert "arm" not in obs["text"].split("Question:")[0]
    with_arm = AvrEnv(arm_config(), "stack")
    told, _ = with_arm.reset(seed=0)
    assert "A robot arm picks and pushes" in told["text"]
    assert same(obs["images"], told["images"])


def test_room_is_called_taken_where_a_point_lies_in_a_shape():
    """Box, cylinder and sphere of half size 1 at x = 0, 10, 20; a corner is in the box alone."""
    mujoco = import_mujoco()
    geoms = "".join(
        f'<geom type="{kind}" size="1 1 1" pos="{x} 0 0" euler="0 0 90"/>'
        for kind, x in (("box", 0), ("cylinder", 10), ("sphere", 20))
    )
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{geoms}</worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    shapes = Shapes(model, data, np.arange(3))
    inside = {
        (x, offset): shapes.hold_any(np.array([[x + offset[0], *offset[1:]]]))
        for x in (0.0, 10.0, 20.0)
        for offset in ((0.9, 0.9, 0.9), (0.6, 0.6, 0.9), (0.5, 0.5, 0.5), (0.0, 0.0, 1.1))
    }
    expected = {0.0: (True, True, True), 10.0: (False, True, True), 20.0: (False, False, True)}
    for x, answers in expected.items():
        assert [answer for (at, _), answer in inside.items() if at == x] == [*answers, False]


def test_the_scale_fits_the_hand():
    """The widest thing of the vocabulary, a large sphere, passes between the open fingers."""
    assert 2 * 0.7 * SCALE < 0.08 - 0.004
    assert math.isclose(SCALE * 20, 1.0)
