"""The same reward terms for photographs, scenes and films, on episodes that were really played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest

from policies.interface import PolicyOutput
from sims.avr.config import nursery_config
from sims.avr.env import AvrEnv
from tests.sims.looking import make_env as make_look_env
from tests.training.look_records import load_preset
from tests.video.fake_films import choice, question_set
from tests.video.spotlighting import make_env as make_film_env
from training.episode import Episode, EpisodeTruth, Turn, encode_png
from training.rewards.compose import reward_group
from training.rewards.terms import REWARD_TERMS
from video.questions import Interval

pytestmark = pytest.mark.render


def play(env: gymnasium.Env, seed: int, replies: Sequence[str]) -> Episode:
    """The episode that replies make, with its truth."""
    obs, info = env.reset(seed=seed)
    initial, truths, turns = info["truth"], [], []
    over = False
    for reply in replies:
        assert not over, "the episode is over"
        after, reward, terminated, truncated, more = env.step(reply)
        pngs = tuple(encode_png(np.asarray(picture)) for picture in obs["images"])
        turns.append(
            Turn(
                text=obs["text"],
                image_pngs=pngs,
                state=None,
                options=info["options"],
                output=PolicyOutput(text=reply),
                reward=reward,
            )
        )
        obs, info, over = after, more, terminated or truncated
        truths.append(info["truth"])
    return Episode(
        task_id=f"{type(env).__name__}/{seed}",
        env_id=type(env).__name__,
        env_config_hash="",
        seed=seed,
        turns=turns,
        success=bool(info["success"]),
        terminated=True,
        truth=EpisodeTruth(initial=initial, turns=truths),
    )


def ask(words: str) -> str:
    return f"<think>so</think><action>{words}</action>"


def answer(letter: str) -> str:
    return f"<think>so</think><answer>{letter}</answer>"


def photograph() -> Episode:
    env = make_look_env()
    truth = env.reset(seed=3)[1]["truth"]
    x0, y0, x1, y1 = truth["evidence"][0]["object_box_xyxy"]
    crop = f"crop({x0 / 768:.4f}, {y0 / 576:.4f}, {x1 / 768:.4f}, {y1 / 576:.4f})"
    far = "crop(0.01, 0.01, 0.1, 0.1)"
    return play(env, 3, [ask(crop), ask(far), ask(crop), answer(truth["gold_letter"])])


def scene() -> Episode:
    env = AvrEnv(replace(nursery_config(), max_turns=8))
    _, info = env.reset(seed=5)
    letters = {text: letter for letter, text in info["options"].items()}
    left, right = (letters[f"[Rotate Viewer] {side}"] for side in ("left", "right"))
    gold = info["truth"]["gold_letter"]
    return play(env, 5, [ask(left), ask(right), ask(left), answer(gold)])


def film() -> Episode:
    evidence = (Interval(start_seconds=20.0, end_seconds=21.0),)
    env = make_film_env(
        question_set(choice(evidence=evidence)), tools=["find_frame"], max_turns=9, scan_frames=4
    )
    frames = [ask(f"find frame {frame}") for frame in (205, 300, 206)]
    return play(env, 0, [*frames, answer("B")])


FAMILIES = {"photograph": photograph, "scene": scene, "film": film}


@pytest.fixture(scope="module", params=FAMILIES)
def episode(request: pytest.FixtureRequest) -> Episode:
    """A look that finds evidence, one that finds none, the first again, and the right answer."""
    return FAMILIES[request.param]()


def value(name: str, *group: Episode, **params: float) -> Any:
    return [np.asarray(v).tolist() for v in REWARD_TERMS[name](group, **params)]


def blank(episode: Episode) -> Episode:
    """The same question, answered at once."""
    assert episode.truth is not None
    initial = episode.truth.initial
    last = episode.truth.turns[-1] | {"sufficient": initial["sufficient"]}
    truth = EpisodeTruth(initial=initial, turns=[last])
    return replace(episode, turns=episode.turns[-1:], truth=truth, success=False)


def test_looks_are_judged_alike(episode: Episode) -> None:
    assert value("look_alignment", episode) == [[1.0, -0.5, -0.25, 0.0]]
    assert value("look_bonus", episode, each=0.2) == [pytest.approx(0.4)]
    assert value("seen_enough", episode, blank(episode)) == [1.0, 0.0]
    assert value("tool_necessity", episode, blank(episode)) == [1.0, -1.0]
    assert 0 < value("salience_overlap", episode)[0] <= 1
    assert value("information_gain", episode) == [[1.0, 0.0, 0.0, 0.0]]


def test_calls_are_counted_alike(episode: Episode) -> None:
    group = [episode, *(blank(episode) for _ in range(3))]
    np.testing.assert_allclose(value("curiosity", *group), [0.05, 0, 0, 0])
    np.testing.assert_allclose(value("curiosity_code", *group), [0.1, 0, 0, 0])
    assert value("calls_beyond", *group) == [2, 0, 0, 0]
    assert value("last_call_held", *group) == [1, 1, 1, 1]
    assert value("group_aware_order", *group) == [1.0, 0.0, 0.0, 0.0]


def test_a_place_that_nothing_is_at_is_not_grounded(episode: Episode) -> None:
    text = "<think>at (0.999, 0.001)</think><answer>A</answer>"
    turn = replace(episode.turns[-1], output=PolicyOutput(text=text))
    lied = replace(episode, turns=[*episode.turns[:-1], turn])
    assert value("cites_point", lied) == [1.0]
    assert value("grounded_points", lied) == [0.0]


@pytest.mark.parametrize("preset", ["alignment", "evidence", "salience", "necessity", "vlm_r3"])
def test_presets_pay_for_the_right_reason_everywhere(episode: Episode, preset: str) -> None:
    guess = replace(blank(episode), success=True)
    earned = reward_group([episode, guess], load_preset(preset)).total
    assert earned[0] > earned[1]
