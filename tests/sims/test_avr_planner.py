"""What is worth doing, and what the expert does, on beliefs and foresight made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from sims.avr.actions import Action
from sims.avr.belief import Belief
from sims.avr.candidates import OptionList
from sims.avr.expert import expert_reply
from sims.avr.knowledge import Knowledge, Look
from sims.avr.planner import HORIZON, Plan, best_gain, plan
from sims.avr.question import Question
from sims.avr.selection import Selection, make_attributes
from sims.avr.viewer import Station
from tests.sims.staging import (
    PRIOR,
    RED_CUBE,
    handles,
    still_world,
)

LEFT, RIGHT, UP = (Action(kind="move_viewer", direction=d) for d in ("left", "right", "up"))
PICKS = [Action(kind="pick", target=f"{column}:object") for column in range(3)]
IS_RED = Question(
    kind="exist",
    selections=(Selection(attributes=make_attributes({"color": "red"})),),
    answers=("yes", "no"),
)
NUMBER = Question(kind="count", selections=IS_RED.selections, answers=tuple("0123456"))


class ToldForesight:
    """Foresees what it is told: shown at once where the last steps of a plan are among the rules.

    Args:
        rules: steps -> places that they lay open.
        scene_type: of the world that may be acted on.
    """

    def __init__(
        self, rules: dict[Plan, set[str]], scene_type: str = "behind_large_object"
    ) -> None:
        self.rules, self.world = rules, still_world(scene_type, 0, hide=1.0)

    def shows(self, actions: Sequence[Action], known: dict) -> frozenset[str]:
        found: set[str] = set()
        for end, start in product(range(1, len(actions) + 1), range(len(actions))):
            found |= self.rules.get(tuple(actions[start:end]), set())
        return frozenset(found - known.keys())


def make_knowledge(
    actions: Sequence[Action],
    *,
    question: Question = IS_RED,
    known: dict | None = None,
    turns_left: int = 5,
    looks: int = 1,
) -> Knowledge:
    """One look at the world behind three large objects; nothing is known but what is said."""
    world = still_world("behind_large_object", 0, hide=1.0)
    places = world.layout.places()
    letters = dict(zip("ABCDEFG", question.answers, strict=False))
    dealt = dict(zip("MNOPQRSTUVWXYZ", actions, strict=False))
    names = {name: f"what is marked {i}" for i, name in enumerate(handles(world))}
    texts = {**letters, **{k: a.words(names, brief=False) for k, a in dealt.items()}}
    look = Look(station=Station(), sightings=(), emptied=(), handles={}, width=84, height=84)
    return Knowledge(
        question=question,
        belief=Belief(question, places, PRIOR),
        options=OptionList(texts=texts, answers=letters, actions=dealt),
        names=names,
        attributes=("size", "color"),
        turns_left=turns_left,
        looks=[look] * looks,
        known={"open0": None, "open1": None, "open2": None} if known is None else known,
    )


def value(knowledge: Knowledge, foresight: ToldForesight, steps: Plan) -> float:
    """What `plan` maximises: the expected gain of all that is shown so far, summed over steps."""
    belief, known = knowledge.belief, knowledge.known
    return sum(
        belief.expected_gain(known, foresight.shows(steps[:end], known))
        for end in range(1, len(steps) + 1)
    )


class TestBestGain:
    def test_the_action_that_tells_most(self):
        rules = {(PICKS[0],): {"hidden0"}, (PICKS[1],): {"hidden1", "hidden2"}, (UP,): set()}
        knowledge = make_knowledge([UP, *PICKS])
        assert best_gain(knowledge, ToldForesight(rules)) == (PICKS[1],)

    def test_what_is_known_already_tells_nothing(self):
        rules = {(PICKS[0],): {"hidden0"}, (PICKS[1],): {"hidden1"}}
        known = {"hidden1": None}
        knowledge = make_knowledge([PICKS[1], PICKS[0]], known=known)
        assert best_gain(knowledge, ToldForesight(rules)) == (PICKS[0],)

    def test_where_no_step_tells_anything_it_looks_further(self):
        opened = Action(kind="open", target="1:drawer")
        foresight = ToldForesight({(opened, UP): {"hidden1"}}, "in_drawer")
        knowledge = make_knowledge([LEFT, opened, RIGHT])
        assert best_gain(knowledge, foresight) == (opened, UP)

    def test_three_steps_are_within_reach_and_four_are_not(self):
        long = ToldForesight({(LEFT, LEFT, UP): {"hidden0"}})
        assert best_gain(make_knowledge([LEFT, RIGHT]), long) == (LEFT, LEFT, UP)
        longer = ToldForesight({(LEFT, LEFT, UP, RIGHT): {"hidden0"}})
        assert best_gain(make_knowledge([LEFT, RIGHT]), longer) == ()

    def test_nothing_is_worth_doing_where_nothing_would_be_seen(self):
        assert best_gain(make_knowledge([LEFT, *PICKS]), ToldForesight({})) == ()


class TestPlan:
    def test_it_prefers_what_pays_off_soonest_in_all(self):
        """One place at once, or three by way of a step that shows none."""
        rules = {(LEFT,): {"hidden0"}, (RIGHT, UP): {"hidden0", "hidden1", "hidden2"}}
        knowledge, foresight = make_knowledge([LEFT, RIGHT], question=NUMBER), ToldForesight(rules)
        assert best_gain(knowledge, foresight) == (LEFT,)
        chosen = plan(knowledge, foresight)
        assert chosen[0] == LEFT or value(knowledge, foresight, chosen) > 0
        rules[LEFT,] = set()
        assert plan(knowledge, ToldForesight(rules))[:2] == (RIGHT, UP)

    def test_it_finds_the_best_of_all_plans(self):
        """Beside every plan of three steps, for foresight made at random."""
        offered = [LEFT, RIGHT, *PICKS]
        turn = [Action(kind="rotate_viewer", direction=d) for d in ("left", "right")]
        every = [LEFT, RIGHT, UP, *turn, *PICKS]
        best = []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            hidden = ["hidden0", "hidden1", "hidden2"]
            rules = {
                steps: {hidden[int(rng.integers(3))]}
                for length in (1, 2, 3)
                for steps in product(every, repeat=length)
                if rng.random() < 0.5**length / len(every) ** (length - 1) * 4
            }
            knowledge, foresight = make_knowledge(offered, question=NUMBER), ToldForesight(rules)
            plans = [
                steps
                for steps in product(offered, every, every)
                if all(steps.count(pick) <= 1 for pick in PICKS)
            ]
            top = max(value(knowledge, foresight, steps) for steps in plans)
            found = plan(knowledge, foresight)
            assert not found or (len(found) == HORIZON and found[0] in offered)
            best.append(value(knowledge, foresight, found) >= top - 1e-9)
        assert np.mean(best) >= 0.9  # the beam may cut one off

    def test_nothing_is_planned_where_nothing_would_be_seen(self):
        assert plan(make_knowledge([LEFT, *PICKS]), ToldForesight({})) == ()


class TestExpert:
    rules = {(PICKS[0],): {"hidden0"}, (PICKS[1],): {"hidden1", "hidden2"}}

    @pytest.mark.parametrize("style", ["best", "plan"])
    def test_it_acts_while_the_answer_is_open(self, style):
        knowledge = make_knowledge([UP, *PICKS])
        reply = expert_reply(knowledge, ToldForesight(self.rules), style)
        assert reply.endswith("</think><action>O</action>")

    @pytest.mark.parametrize("style", ["best", "plan", "wander"])
    def test_it_answers_as_soon_as_the_answer_is_proven(self, style):
        knowledge = make_knowledge([UP, *PICKS], known={"open0": RED_CUBE})
        reply = expert_reply(knowledge, ToldForesight(self.rules), style)
        assert reply.startswith("<think>")
        assert reply.endswith("</think><answer>A</answer>")

    def test_it_gives_the_likeliest_answer_at_its_last_turn(self):
        """No red thing so far, and one place in eight holds one: probably there is none."""
        knowledge = make_knowledge([UP, *PICKS], turns_left=1)
        assert knowledge.posterior()["no"] > 0.6
        reply = expert_reply(knowledge, ToldForesight(self.rules))
        assert reply.endswith("<answer>B</answer>")

    def test_it_guesses_where_nothing_more_can_be_seen(self):
        reply = expert_reply(make_knowledge([UP, *PICKS]), ToldForesight({}))
        assert reply.endswith("<answer>B</answer>")

    def test_the_wandering_one_mostly_moves_the_viewer(self):
        letters = [
            expert_reply(
                make_knowledge([UP, LEFT, *PICKS], looks=number, turns_left=9),
                ToldForesight(self.rules),
                "wander",
            )[-10]
            for number in range(1, 60)
        ]
        moved = np.mean([letter in "MN" for letter in letters])
        assert 0.5 < moved < 0.9
        assert {"M", "N", "P"} <= set(letters)

    def test_it_says_the_same_when_asked_again(self):
        knowledge, foresight = make_knowledge([UP, *PICKS]), ToldForesight(self.rules)
        assert expert_reply(knowledge, foresight) == expert_reply(knowledge, foresight)

    def test_unknown_styles_are_refused(self):
        with pytest.raises(ValueError, match="'clever' is unknown; legal: best, plan, wander"):
            expert_reply(make_knowledge([UP]), ToldForesight({}), "clever")
