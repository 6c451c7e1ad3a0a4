"""What each task asks for, when it is done, and that its expert does it."""

from __future__ import annotations

import math
from contextlib import closing

import numpy as np
import pytest

from sims.manipulation.config import TASKS, ManipulationConfig
from sims.manipulation.env import ManipulationEnv
from sims.manipulation.physics import Pose
from sims.manipulation.tasks.drawing import draw_episode
from sims.manipulation.tasks.moves import turned_like
from sims.manipulation.tasks.task import Task
from sims.manipulation.tasks.things import COVER_HALF, SHAPES
from sims.manipulation.tasks.view import View

SMALL = {"height": 16, "width": 16}


def make(task: str, **settings: object) -> ManipulationEnv:
    return ManipulationEnv(ManipulationConfig(**(SMALL | settings)), task)


def play(env: ManipulationEnv, seed: int, style: str = "best") -> list[dict]:
    """The truths of an expert's episode, from the start on."""
    _, info = env.reset(seed=seed)
    truths, over = [info["truth"]], False
    while not over:
        *_, terminated, truncated, info = env.step(env.expert_reply(style))
        truths.append(info["truth"])
        over = terminated or truncated
    return truths


def draw(task: str, seed: int, **settings: object):
    return draw_episode(task, ManipulationConfig(**settings), np.random.default_rng(seed)).task


@pytest.mark.parametrize("task", TASKS)
def test_the_expert_goes_through_all_stages_in_order(task):
    with closing(make(task)) as env:
        truths = play(env, 0)
    assert truths[-1]["success_once"]
    stages = truths[0]["stages"]
    met = [stages.index(truth["stage"]) for truth in truths]
    assert met[0] == 0
    assert max(met) == len(stages) - 1
    best = [truth["progress_best"] for truth in truths]
    assert best == sorted(best)
    assert truths[0]["progress"] < 0.5
    assert truths[-1]["progress"] == 1.0


@pytest.mark.parametrize("control", ["joint_pos", "waypoint"])
@pytest.mark.parametrize("task", TASKS)
def test_the_expert_speaks_every_control_mode(task, control):
    with closing(make(task, control=control)) as env:
        assert play(env, 1)[-1]["success_once"]


@pytest.mark.parametrize("task", ["push", "pick_place"])
def test_the_expert_plans_chunks(task):
    with closing(make(task, chunk_length=8)) as env:
        truths = play(env, 2)
    assert truths[-1]["success_once"]
    assert len(truths) < 9


def test_the_noisy_expert_strays_and_still_arrives():
    with closing(make("pick_place")) as env:
        best, noisy, again = (play(env, 3, style) for style in ("best", "noisy", "noisy"))
    assert noisy[-1]["success_once"]
    assert len(noisy) > len(best) + 5
    assert [t["ee_position"] for t in noisy] == [t["ee_position"] for t in again]


def test_episodes_are_short():
    limits = {"reach": 15, "push": 45, "pick_place": 45, "open_drawer": 35}
    for task, most in limits.items():
        with closing(make(task)) as env:
            assert len(play(env, 4)) - 1 <= most, task


@pytest.mark.parametrize("task", TASKS)
def test_things_start_clear_of_each_other_and_of_the_hand(task):
    with closing(make(task)) as env:
        for seed in range(4):
            _, info = env.reset(seed=seed)
            truth = info["truth"]
            movable = {n for n, b in truth["bodies"].items() if b["shape"] in SHAPES}
            for one, other in truth["contacts"]:
                assert not {one, other} <= movable
                assert not {one, other} & {"robot", "left_finger", "right_finger"}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("count", [0, 4])
def test_any_number_of_distractors_finds_room(task, count):
    few, many = draw(task, 0, num_distractors=0), draw(task, 0, num_distractors=count)
    assert len(many.words) >= len(few.words)


@pytest.mark.parametrize("task", ["reach", "push", "pick_place", "stack"])
def test_what_is_asked_for_is_the_only_one_of_its_color(task):
    for seed in range(30):
        found = draw(task, seed, num_distractors=4)
        color, shape = found.words[found.target]
        things = [name for name, words in found.words.items() if words[1] in SHAPES]
        assert f"{color} {shape}" in found.instruction
        assert [name for name in things if found.words[name][0] == color] == [found.target]


def test_sorting_asks_for_every_thing_of_a_color_and_no_other():
    for seed in range(12):
        found = draw("sort_by_instruction", seed, num_distractors=4)
        color = found.words[found.target][0]
        things = [name for name, words in found.words.items() if words[1] in SHAPES]
        assert {n for n in things if found.words[n][0] == color} == set(found.targets)
        assert set(found.targets) | set(found.others) == set(things)


def test_what_is_under_a_cover_cannot_be_seen():
    for seed in range(3):
        with closing(make("reveal_then_pick", height=96, width=96)) as env:
            _, info = env.reset(seed=seed)
            labels = env.physics.render("front", 96, 96, labels=True).labels
            seen = {env.physics.label_names[i] for i in np.unique(labels) if i >= 0}
            hidden = {n for n, b in info["truth"]["bodies"].items() if b["shape"] in SHAPES}
            assert len(hidden) == 3
            assert not seen & hidden


def test_covers_look_alike_and_fit_over_all_that_they_hide():
    found = draw("reveal_then_pick", 0)
    covers = [b for b in found.scene.bodies if found.words[b.name][1] == "cover"]
    assert len({tuple(part.color for part in cover.parts) for cover in covers}) == 1
    for shape in ("cube", "cylinder", "brick"):
        assert max(SHAPES[shape].size[:2]) < COVER_HALF - 0.006


class Posed:
    """Physics in which everything stands still where a scene or a test puts it."""

    def __init__(self, task: Task, **positions: tuple[float, float, float]) -> None:
        self.task, self.positions = task, positions
        self.slides: dict[str, float] = {}
        self.touching: set[tuple[str, str]] = set()
        self.speed = 0.0

    def body_pose(self, name: str) -> Pose:
        body = self.task.scene.body(name)
        position = self.positions.get(name, body.position)
        return Pose(position=np.array(position), quat=np.array(body.quat))

    def ee_pose(self) -> Pose:
        return Pose(position=np.array([0.3, 0.0, 0.3]), quat=np.array([0.0, 1.0, 0.0, 0.0]))

    def body_speed(self, name: str) -> float:
        return self.speed

    def slide_value(self, name: str) -> float:
        return self.slides.get(name, 0.0)

    def contacts(self) -> set[tuple[str, str]]:
        return {(min(pair), max(pair)) for pair in self.touching}

    def is_done(self) -> bool:
        return self.task.is_done(View(self))


def half_of(task: Task, name: str) -> float:
    return SHAPES[task.words[name][1]].half_height


@pytest.mark.parametrize(("away", "done"), [(0.0, True), (0.029, True), (0.031, False)])
def test_push_is_done_within_three_centimetres_of_the_mark_and_at_rest(away, done):
    task = draw("push", 0)
    x, y, _ = task.scene.body(task.mark).position
    world = Posed(task, **{task.target: (x + away, y, half_of(task, task.target))})
    assert world.is_done() is done
    assert task.distance(View(world)) == pytest.approx(away)
    world.speed = 0.2
    assert not world.is_done()


def test_pick_place_is_done_on_its_own_plate_and_out_of_the_hand():
    task = draw("pick_place", 0)
    plates = [name for name, words in task.words.items() if words[1] == "plate"]
    up = 0.01 + half_of(task, task.target)
    for plate in plates:
        x, y, _ = task.scene.body(plate).position
        world = Posed(task, **{task.target: (x + 0.02, y, up)})
        assert world.is_done() is (plate == task.onto)
    x, y, _ = task.scene.body(task.onto).position
    world = Posed(task, **{task.target: (x, y, up)})
    world.touching = {("left_finger", task.target)}
    assert not world.is_done()


@pytest.mark.parametrize(
    ("away", "up", "done"), [(0.0, 0.0, True), (0.03, 0.0, False), (0.0, 0.03, False)]
)
def test_stack_is_done_right_on_top(away, up, done):
    task = draw("stack", 0)
    x, y, _ = task.scene.body(task.onto).position
    top = 0.048 + half_of(task, task.target)
    assert Posed(task, **{task.target: (x, y + away, top + up)}).is_done() is done


@pytest.mark.parametrize(("count", "others", "done"), [(1, 0, False), (2, 0, True), (2, 1, False)])
def test_sorting_is_done_with_all_on_the_plate_and_no_other(count, others, done):
    task = draw("sort_by_instruction", 0)
    x, y, _ = task.scene.body(task.plate).position
    names = [*task.targets[:count], *task.others[:others]]
    moved = {name: (x, y + 0.03 * i, 0.01 + half_of(task, name)) for i, name in enumerate(names)}
    assert Posed(task, **moved).is_done() is done


def test_opening_another_drawer_changes_nothing():
    task = draw("open_drawer", 0)
    for name, words in task.words.items():
        world = Posed(task)
        world.slides = {name: 0.1}
        assert world.is_done() is (name == task.target)
        assert words[1] in ("cabinet", "drawer")


def test_reveal_is_done_with_the_thing_in_the_hand_and_its_cover_off():
    task = draw("reveal_then_pick", 0)
    fingers = {("left_finger", task.target), ("right_finger", task.target)}
    aside = {task.cover: (0.3, 0.4, 0.03)}
    x, y, z = task.scene.body(task.target).position
    lifted = {task.target: (x, y, z + 0.07)}
    for moved, held, done in (
        ({**lifted, **aside}, fingers, True),
        ({**lifted, **aside}, set(), False),
        (aside, fingers, False),
        (lifted, fingers, False),
    ):
        world = Posed(task, **moved)
        world.touching = set(held)
        assert world.is_done() is done


def test_lifting_the_cover_alone_is_not_enough():
    with closing(make("reveal_then_pick")) as env:
        env.reset(seed=0)
        task, stages = env.draw.task, set()
        while not env.physics.body_pose(task.cover).position[2] > 0.12:
            *_, terminated, _, info = env.step(env.expert_reply())
            stages.add(info["truth"]["stage"])
            assert not terminated
        assert info["truth"]["grasped"] == task.cover
        assert "uncover" in stages


@pytest.mark.parametrize("turns", [math.pi / 2, math.pi])
def test_the_hand_turns_to_the_nearest_yaw_that_fits(turns):
    for yaw in np.linspace(-3, 3, 13):
        for now in np.linspace(-1.2, 1.2, 7):
            found = turned_like(yaw, now, turns)
            assert math.remainder(found - yaw, turns) == pytest.approx(0, abs=1e-9)
            assert abs(found) <= math.pi / 2 + 0.2
            if turns < math.pi:
                assert abs(found - now) <= turns / 2 + 1e-9 or abs(now) > 0.9
