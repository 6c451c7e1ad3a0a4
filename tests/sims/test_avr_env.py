"""The three ids as Gymnasium sees them: contract, vectors, processes, states, replies, texts."""

from __future__ import annotations

import json
import math
from contextlib import closing
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import sims
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import AvrEnv
from sims.avr.scene_types import KINDS
from sims.conformance import check_environment
from sims.conformance.case import same
from tests.sims.staging import small_config

pytestmark = pytest.mark.render
IDS = [f"AVR/{kind.title()}-v0" for kind in KINDS]
make_nursery = partial(gymnasium.make, "AVR/Occlusion-v0", config=nursery_config())
QUICK = {"stack": ["behind_tower"]}
CASES = {
    **{kind: (kind, small_config(scene_types=QUICK.get(kind, []))) for kind in KINDS},
    "nursery": ("occlusion", nursery_config()),
    "typed": ("composite", small_config(action_form="typed")),
}
TRUTH_KEYS = {
    *("gold", "gold_letter", "question_kind", "scene_type", "scene_kind", "sufficient"),
    *("kind", "choice", "action", "gained", "num_revealed", "num_closed", "visible", "station"),
    *("belief", "entropy", "entropy_drop", "logprob_gain", "expected_gains", "expected_gain"),
    *("relevance", "shown_evidence", "evidence_regions", "point_limits"),
}


def test_ids_are_registered():
    ours = sorted(i for i in gymnasium.registry if gymnasium.spec(i).namespace == "AVR")
    assert ours == sorted(IDS)


@pytest.mark.parametrize("case", CASES)
def test_the_contract_is_kept(case):
    kind, config = CASES[case]
    make_env = partial(
        gymnasium.make, f"AVR/{kind.title()}-v0", config=config, disable_env_checker=True
    )
    check_environment(make_env, seeds=(0, 1), num_steps=5, min_expert_success=0.95)


@pytest.mark.parametrize("env_id", IDS)
def test_the_defaults_pass_gymnasiums_own_check(env_id):
    check_env(gymnasium.make(env_id, disable_env_checker=True).unwrapped, skip_render_check=False)


def first_pictures(vector) -> list:
    with closing(vector):
        obs, _ = vector.reset(seed=[3, 4])
        pictures = [images[0] for images in obs["images"]]
        obs, _, terminated, _, _ = vector.step(["<answer>A</answer>", "no tag"])
        assert terminated.tolist() == [True, False]
        return [*pictures, *(images[0] for images in obs["images"]), *obs["text"]]


def test_vectors_of_environments_agree():
    """One after the other in this process, and each in a process of its own."""
    alone = [make_nursery().reset(seed=seed)[0]["images"][0] for seed in (3, 4)]
    in_turn = first_pictures(SyncVectorEnv([make_nursery] * 2))
    apart = first_pictures(AsyncVectorEnv([make_nursery] * 2, shared_memory=False, context="spawn"))
    assert same(alone, in_turn[:2])
    assert same(in_turn, apart)


@pytest.mark.parametrize("case", ["stack", "composite", "typed"])
def test_a_state_survives_a_file_and_replays_to_the_same_frames(case):
    """In the middle of an episode, and in another environment that has seen other worlds."""
    kind, config = CASES[case]
    env, other = AvrEnv(config, kind), AvrEnv(config, kind)
    steps = [env.reset(seed=5)]
    replies = [f"<action>{min(env.knowledge.options.actions)}</action>", "no tag"]
    for reply in replies:
        obs, _, _, _, info = env.step(reply)
        steps.append((obs, info))
    state = json.loads(json.dumps(env.get_state()))
    assert state["replies"] == replies
    other.reset(seed=6)
    assert same(other.set_state(state), steps[-1])
    assert same(other.step(last := env.expert_reply()), env.step(last))
    other.reset(seed=5)
    assert same(other.step(replies[0])[0], steps[1][0])


def test_a_void_reply_costs_a_turn_and_is_told_what_is_legal():
    env = make_nursery()
    env.reset(seed=0)
    obs, reward, terminated, truncated, info = env.step("I would say red.")
    assert "no <answer> or <action> tag" in obs["text"]
    assert "Give one letter from A to" in obs["text"]
    assert obs["text"].endswith("Turn 2 of 3.")
    assert (reward, terminated, truncated) == (0.0, False, False)
    truth = info["truth"]
    assert (truth["kind"], truth["choice"], truth["action"]) == ("invalid", None, None)
    assert (truth["entropy_drop"], truth["logprob_gain"]) == (0.0, 0.0)
    env.step("")
    assert env.step("")[3], "truncated by the third"
    with pytest.raises(RuntimeError, match="after the end of an episode"):
        env.unwrapped.step("")


def test_a_wrong_letter_names_the_legal_ones():
    env = AvrEnv(small_config())
    _, info = env.reset(seed=0)
    last = max(info["options"])
    obs = env.step("<answer>Z</answer>")[0]
    assert f"from A to {last}" in obs["text"]
    assert obs["text"].endswith("Turn 2 of 12.")


def test_an_answer_at_the_last_turn_terminates():
    env = make_nursery()
    env.reset(seed=0)
    env.step("")
    env.step("")
    _, _, terminated, truncated, _ = env.step("<answer>A</answer>")
    assert (terminated, truncated) == (True, False)


@pytest.mark.parametrize("case", CASES)
def test_the_truth_is_complete_and_adds_up(case):
    """Keys as documented; beliefs are distributions that never rule the truth out; the drops of
    an episode add up to the drop over the episode.
    """
    kind, config = CASES[case]
    env, rng = AvrEnv(config, kind), np.random.default_rng(0)
    for seed in range(8):
        _, info = env.reset(seed=seed)
        truths = [json.loads(json.dumps(info["truth"], allow_nan=False))]
        first = truths[0]
        assert (first["kind"], first["choice"], first["entropy_drop"]) == ("reset", None, 0.0)
        over = False
        while not over:
            letters = sorted(env.knowledge.options.actions)
            reply = f"<action>{letters[int(rng.integers(len(letters)))]}</action>"
            _, _, terminated, truncated, info = env.step(reply)
            over = terminated or truncated
            truths.append(info["truth"])
        golds = [truth["belief"][truth["gold"]] for truth in truths]
        for truth, gold in zip(truths, golds, strict=True):
            assert set(truth) == TRUTH_KEYS
            assert truth["scene_kind"] == kind
            assert sum(truth["belief"].values()) == pytest.approx(1.0)
            assert gold > 0
            shares = [share for share in truth["belief"].values() if share]
            assert truth["entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares))
            assert truth["num_closed"] >= 0
            assert truth["gained"] == (truth["num_revealed"] > 0)
        drops = sum(truth["entropy_drop"] for truth in truths)
        assert drops == pytest.approx(truths[0]["entropy"] - truths[-1]["entropy"])
        gains = sum(truth["logprob_gain"] for truth in truths)
        assert gains == pytest.approx(math.log(golds[-1]) - math.log(golds[0]))
        env.close()


def test_expected_gains_stand_beside_the_actions_on_offer():
    env = AvrEnv(small_config(), "composite")
    for seed in range(6):
        _, info = env.reset(seed=seed)
        for _ in range(3):
            gains = info["truth"]["expected_gains"]
            actions = {k for k, text in info["options"].items() if text.startswith("[")}
            assert set(gains) == actions
            assert all(0 <= g <= info["truth"]["entropy"] + 1e-9 for g in gains.values())
            letter = max(gains, key=lambda k: gains[k])
            info = env.step(f"<action>{letter}</action>")[4]
            assert info["truth"]["expected_gain"] == gains[letter]
    quiet = AvrEnv(small_config(foresee=False), "composite")
    assert quiet.reset(seed=0)[1]["truth"]["expected_gains"] == {}


def test_the_text_says_what_the_question_is_about():
    obs, info = AvrEnv(small_config()).reset(seed=0)
    text = obs["text"]
    assert "The question is about the scene as it was in the first picture" in text
    assert "what you do never changes the right answer" in text
    assert [f"{k}. {v}" in text.splitlines() for k, v in info["options"].items()]
    assert text.endswith("Turn 1 of 12.")


def test_later_texts_hold_the_list_that_is_now_on_offer():
    env = AvrEnv(small_config(), "stack")
    _, first = env.reset(seed=1)
    lists, answers = [], {k: v for k, v in first["options"].items() if not v.startswith("[")}
    for _ in range(4):
        action = next(k for k, v in first["options"].items() if v.startswith("["))
        obs, _, _, _, info = env.step(f"<action>{action}</action>")
        first = info
        lines = obs["text"].splitlines()
        assert lines[:-1] == [f"{letter}. {text}" for letter, text in info["options"].items()]
        assert {k: info["options"][k] for k in answers} == answers, "an answer changed its letter"
        lists.append(tuple(info["options"].values()))
    assert len(set(lists)) > 1
    assert set(info["truth"]["belief"]) == set(answers.values())


def test_render_gives_the_present_picture_and_no_more():
    env = make_nursery(render_mode="rgb_array")
    obs, _ = env.reset(seed=1)
    frame = env.render()
    assert np.array_equal(frame, obs["images"][0])
    frame[:] = 0
    assert env.render().any()


def test_wrong_configurations_are_refused_at_once():
    with pytest.raises(ValueError, match="max_turns is 1; legal: 2 to 64"):
        gymnasium.make("AVR/Occlusion-v0", config=AvrConfig(max_turns=1))
    with pytest.raises(ValueError, match="scene_types has 'in_box'; legal for stack"):
        gymnasium.make("AVR/Stack-v0", config=AvrConfig(scene_types=["in_box"]))


def test_unknown_ids_are_refused_with_a_near_one():
    with pytest.raises(gymnasium.error.NameNotFound, match="Did you mean: `Occlusion`"):
        sims.make_env(sims.EnvConfig(id="AVR/Oclusion-v0"))
