"""Every world simulated, and worlds drawn by rejection: with physics that tells, and without."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from sims.avr.actions import Action
from sims.avr.belief import Belief
from sims.avr.calibration import CHOOSERS, make_prior, play
from sims.avr.config import AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.prior import Prior
from sims.avr.process import Task
from sims.avr.question import YES_NO
from sims.avr.reference import Reference
from sims.avr.replay import History, count_answers
from sims.avr.scene_types import KINDS, SCENE_TYPES
from tests.sims.asking import LAYOUT, question, selection, thing


@dataclass
class Ledge:
    """A world of three hidden places. Picking something lays the left one open, unless a thing in
    the middle holds the ledge up.
    """

    task: Task
    picked: list[str] = field(default_factory=list)

    def pick(self, name: str) -> bool:
        self.picked.append(name)
        return True

    def seen(self) -> frozenset[str]:
        falls = self.picked and self.task.contents["hidden1"] is None
        return frozenset({"hidden0"} if falls else ())


CUBES_AND_SPHERES = Prior(
    fill=0.6, vocabulary={"color": ["red"], "shape": ["cube", "sphere"], "material": ["rubber"]}
)
PICK = Action(kind="pick", target="1:object")


def ledge_task(asked, **contents) -> Task:
    """Whether there was a cube in the middle, or whatever is asked; the places named hold it."""
    layout = replace(LAYOUT, open_places=())
    held = {place.name: contents.get(place.name) for place in layout.places()}
    return Task(
        scene_type=SCENE_TYPES["in_box"],
        question=asked,
        offer=YES_NO,
        gold=asked.answer(held, layout.places()),
        layout=layout,
        contents=held,
        yaws={},
        belief=Belief(asked, layout.places(), CUBES_AND_SPHERES),
    )


CUBE_IN_THE_MIDDLE = question("exist", selection(area="middle", shape="cube"), answers=YES_NO)
SPHERE_ON_THE_RIGHT = question("exist", selection(area="right", shape="sphere"), answers=YES_NO)


class TestPhysicsThatTells:
    """What a picture does not show may tell as well, which the belief leaves out of account."""

    def realise(self, task):
        return Ledge(task), None

    def test_what_held_the_ledge_up(self):
        """A cube or a sphere in the middle, each with 0.3; else the ledge falls."""
        task = ledge_task(CUBE_IN_THE_MIDDLE, hidden1=thing(shape="sphere"))
        reference = Reference(task, CUBES_AND_SPHERES, self.realise, balanced=False)
        assert len(reference.alternatives) == 27
        assert reference.posterior() == pytest.approx({"yes": 0.3, "no": 0.7})
        divergence = reference.step(PICK, frozenset())
        assert reference.posterior() == pytest.approx({"yes": 0.5, "no": 0.5})
        assert len(reference.alternatives) == 18
        # 0.4 of the worlds show the left place; in 0.4 of those it is empty, as it truly is.
        assert (divergence.anywhere, divergence.elsewhere) == pytest.approx((0.4, 0.16))

    def test_the_ledge_that_fell(self):
        task = ledge_task(CUBE_IN_THE_MIDDLE, hidden0=thing(shape="sphere"))
        reference = Reference(task, CUBES_AND_SPHERES, self.realise, balanced=False)
        reference.step(PICK, frozenset({"hidden0"}))
        assert reference.posterior() == {"no": 1.0}
        shapes = [alternative.shapes for alternative in reference.alternatives]
        assert {(s["hidden0"], s["hidden1"]) for s in shapes} == {("sphere", None)}

    def test_worlds_that_the_process_turns_down(self):
        """No spheres on the right, says the process: 0.3 of the worlds go."""

        def realise(task):
            right = task.contents["hidden2"]
            return None if right and right.shape == "sphere" else (Ledge(task), None)

        task = ledge_task(SPHERE_ON_THE_RIGHT)
        reference = Reference(task, CUBES_AND_SPHERES, realise, balanced=False)
        assert reference.turned_down == pytest.approx(0.3)
        assert reference.posterior() == {"no": 1.0}

    def test_an_offer_is_evened_out_before_worlds_are_turned_down(self):
        task = ledge_task(CUBE_IN_THE_MIDDLE)
        reference = Reference(task, CUBES_AND_SPHERES, self.realise, balanced=True)
        assert reference.posterior() == pytest.approx({"yes": 0.5, "no": 0.5})
        # Of the worlds without a cube, 0.4 / 0.7 let the ledge fall; of those with one, none do.
        reference.step(PICK, frozenset())
        assert reference.posterior()["yes"] == pytest.approx(0.5 / (0.5 + 0.5 * 0.3 / 0.7))

    @pytest.mark.parametrize("balanced", [False, True])
    def test_rejection_sampling_finds_the_same(self, balanced):
        task = ledge_task(CUBE_IN_THE_MIDDLE, hidden1=thing(shape="sphere"))
        nothing = frozenset[str]()
        history = History(task=task, shows=(nothing, nothing), actions=(PICK,))
        reference = Reference(task, CUBES_AND_SPHERES, self.realise, balanced=balanced)
        first, then = count_answers(
            history,
            CUBES_AND_SPHERES,
            self.realise,
            np.random.default_rng(0),
            num_draws=4000,
            balanced=balanced,
        )
        assert first.total() == 4000
        assert 2000 < then.total() < 3500
        for counts in (first, then):
            expected = reference.posterior()["yes"]
            spread = math.sqrt(expected * (1 - expected) / counts.total())
            assert counts["yes"] / counts.total() == pytest.approx(expected, abs=4 * spread)
            reference.step(PICK, nothing)


@pytest.fixture(scope="module", params=KINDS)
def env(request):
    settings = AvrConfig(image_height=64, image_width=64, shadows=False, sufficient_share=0.0)
    return AvrEnv(settings, request.param)


@pytest.mark.render
class TestReference:
    @pytest.mark.parametrize("balanced", [False, True])
    def test_is_the_belief_where_only_the_viewer_moves(self, env, balanced):
        """Two ways to compute one number; the true world shows what the environment shows."""
        env.config.balanced = balanced
        up = Action(kind="move_viewer", direction="up")
        for seed in range(2):
            env.reset(seed=seed)
            task, known = env.task, dict(env.knowledge.known)
            prior = make_prior(env.config)
            reference = Reference(task, prior, env.realise, balanced=balanced)
            assert reference.posterior() == pytest.approx(task.belief.posterior(known), abs=1e-9)
            world = env.world
            world.look_from(world.station.moved("up"))
            shows = world.seen()
            assert reference.step(up, shows).anywhere == 0
            known |= {name: task.contents[name] for name in shows}
            assert reference.posterior() == pytest.approx(task.belief.posterior(known), abs=1e-9)

    def test_the_true_world_is_never_lost(self, env):
        env.config.balanced = False
        _, history = play(env, 4, CHOOSERS["deeds"], num_actions=3, with_reference=False)
        reference = Reference(history.task, make_prior(env.config), env.realise, balanced=False)
        for action, shows in zip(history.actions, history.shows[1:], strict=True):
            reference.step(action, shows)
            assert history.task.gold in reference.posterior()
