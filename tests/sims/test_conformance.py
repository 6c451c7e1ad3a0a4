"""`check_environment` accepts one environment of each family and catches each kind of fault."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from gymnasium.spaces import Dict, Text

from sims.conformance import RULES, ConformanceError, check_environment
from sims.conformance.case import Broken, Case, random_action
from sims.spaces import ImagesSpace, ReplySpace
from tests.fakes import FakeArm, FakeFilm, FakeScene


def watch_and_answer(env, info, rng):
    """Actions for the film, which offers no options."""
    first, last = sorted(int(i) for i in rng.integers(12, size=2))
    return f"answer {first}" if rng.random() < 0.2 else f"watch {first}-{last}"


@pytest.mark.parametrize("make_env", [FakeScene, FakeArm])
def test_sound_environments_pass(make_env):
    check_environment(make_env)


def test_actions_may_be_chosen_by_the_user():
    check_environment(FakeFilm, choose_action=watch_and_answer)


class WarnsGymnasium(FakeScene):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(False, text="x" * 600)  # longer than the space says


class HasAForeignKey(FakeScene):
    def __init__(self):
        super().__init__()
        parts = dict(self.observation_space.items())
        self.observation_space = Dict({**parts, "truth": ReplySpace(10)})


class HasAGymnasiumText(FakeScene):
    def __init__(self):
        super().__init__()
        self.observation_space = Dict({"text": Text(500), "images": ImagesSpace(8, 8)})


class WritesALoneSurrogate(FakeScene):
    def picture_of_now(self, text):
        return super().picture_of_now(text + "\ud800")


class KeepsSuccessBack(FakeScene):
    def observe(self, success, **texts):
        obs, info = super().observe(success, **texts)
        del info["success"]
        return obs, info


class HasTruthThatJsonCannotHold(FakeScene):
    def observe(self, success, **texts):
        obs, info = super().observe(success, **texts)
        info["truth"]["box_xyxy"] = np.zeros(4)
        return obs, info


class HasNanInItsTruth(FakeScene):
    def observe(self, success, **texts):
        obs, info = super().observe(success, **texts)
        info["truth"]["gain"] = float("nan")
        return obs, info


class PrintsTheTruth(FakeScene):
    def picture_of_now(self, text):
        return super().picture_of_now(f"{text} debug: {self.facts}"[:400])


class ShapesItsReward(FakeScene):
    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, reward + 0.1 * self.facts["lifted"], *rest


class DrawsFromAGlobalGeneratorLate(FakeArm):
    def step(self, action):
        if self.facts["turn"] > 5:
            self.facts["hand"] += 0.01 * np.random.random()
        return super().step(action)


class AsksAFickleExpert(FakeScene):
    def expert_reply(self):
        return super().expert_reply() + f"<!-- {np.random.random()} -->"


class LeaksAcrossResets(FakeArm):
    wear = 0.0

    def step(self, action):
        self.wear += 1e-4
        self.facts["hand"] += self.wear
        return super().step(action)

    def reset(self, *, seed=None, options=None):
        wear, result = self.wear, super().reset(seed=seed)
        self.facts["hand"] = wear
        return self.observe(False) if wear else result


class IgnoresTheSeed(FakeScene):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return super().reset(seed=0)


class IgnoresItsGenerator(FakeScene):
    """Obeys `seed`, but begins every unseeded episode alike."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=0 if seed is None else seed)


class ReusesItsBuffer(FakeArm):
    def __init__(self):
        super().__init__()
        self.buffer = np.zeros((4, 32, 3), dtype=np.uint8)

    def picture_of_now(self):
        obs = super().picture_of_now()
        self.buffer[:] = obs["images"][0]
        return {**obs, "images": (self.buffer,)}


class ShowsOnePictureForEver(FakeScene):
    def picture_of_now(self, text):
        return {**super().picture_of_now(text), "images": (np.full((8, 8, 3), 9, np.uint8),)}


class HasADeadSensor(FakeArm):
    def picture_of_now(self):
        obs = super().picture_of_now()
        obs["state"][1] = 0.5
        return obs


class CrashesOnAnEmptyReply(FakeScene):
    def step(self, action):
        action[0]
        return super().step(action)


class RefusesLongReplies(FakeScene):
    def step(self, action):
        if len(action) > 150:
            raise ValueError("too long")
        return super().step(action)


class EchoesWhatItWasTold(FakeScene):
    def picture_of_now(self, text):
        return super().picture_of_now(text + getattr(self, "said", ""))

    def step(self, action):
        self.said = "" if "<answer>" in action else action
        return super().step(action)


class NeverEnds(FakeScene):
    max_turns = 10**9


class StepsOnAfterTheEnd(FakeScene):
    def count_turn(self):
        self.facts["turn"] += 1


class ForgetsItsLid(FakeScene):
    def set_state(self, state):
        super().set_state(state)
        self.facts["lifted"] = False


class HandsOutItsLiveState(FakeArm):
    def get_state(self):
        return {"rng": self.np_random.bit_generator.state, "facts": self.facts}

    def set_state(self, state):
        self.facts = state["facts"]


class ClosesOnce(FakeScene):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class HasAPoorExpert(FakeScene):
    def expert_reply(self):
        return "<answer>A</answer>"


FAULTS = {
    WarnsGymnasium: "env_checker finds nothing",
    HasAForeignKey: "text, images and perhaps",
    HasAGymnasiumText: "text, images and perhaps",
    WritesALoneSurrogate: "every observation lies",
    KeepsSuccessBack: "info holds success",
    HasTruthThatJsonCannotHold: "info holds success",
    HasNanInItsTruth: "info holds success",
    PrintsTheTruth: "the truth stays out",
    ShapesItsReward: "the reward is the bare",
    DrawsFromAGlobalGeneratorLate: "equal seeds and actions",
    AsksAFickleExpert: "equal seeds and actions",
    LeaksAcrossResets: "leaves nothing behind",
    IgnoresTheSeed: "resets differ",
    IgnoresItsGenerator: "resets differ",
    ReusesItsBuffer: "share no memory",
    ShowsOnePictureForEver: "nothing observed is constant",
    HasADeadSensor: "nothing observed is constant",
    CrashesOnAnEmptyReply: "no reply crashes",
    RefusesLongReplies: "no reply crashes",
    EchoesWhatItWasTold: "no reply crashes",
    NeverEnds: "empty replies lead",
    StepsOnAfterTheEnd: "a step after the end",
    ForgetsItsLid: "from a state that was saved",
    HandsOutItsLiveState: "from a state that was saved",
    ClosesOnce: "closing twice",
    HasAPoorExpert: "the expert solves",
}


RAISE_BY_THEMSELVES = (
    WarnsGymnasium,
    WritesALoneSurrogate,
    HasTruthThatJsonCannotHold,
    HasNanInItsTruth,
    HandsOutItsLiveState,
    ClosesOnce,
)
"""Their rule lets another's exception speak; `check_environment` puts it in a sentence."""


@pytest.mark.parametrize("env_class", FAULTS, ids=lambda x: x.__name__)
def test_the_rule_catches_the_fault(env_class):
    """The very rule, whatever the others say."""
    case = Case(
        make_env=env_class,
        seeds=(0, 1, 2),
        num_steps=24,
        choose_action=random_action,
        min_expert_success=0.9,
    )
    (check,) = [check for sentence, check in RULES.items() if FAULTS[env_class] in sentence]
    with pytest.raises(Exception if env_class in RAISE_BY_THEMSELVES else Broken):
        check(case)


@pytest.mark.parametrize("env_class", FAULTS, ids=lambda x: x.__name__)
def test_faults_are_reported_as_broken_rules(env_class):
    with pytest.raises(ConformanceError, match=f"^{env_class.__name__} breaks the rule that .+: "):
        check_environment(env_class)


def test_every_rule_has_a_fault_that_breaks_it():
    unproven = [s for s in RULES if not any(rule in s for rule in FAULTS.values())]
    assert unproven == []


def test_one_seed_cannot_show_a_difference():
    with pytest.raises(ValueError, match=r"seeds is \(3,\); at least two"):
        check_environment(FakeScene, seeds=(3,))


def test_a_state_is_not_changed_by_what_follows():
    env = FakeFilm()
    env.reset(seed=1)
    state = env.get_state()
    before = copy.deepcopy(state)
    env.step("watch 0-3")
    assert state == before
