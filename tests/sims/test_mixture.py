"""A mixture plays its families' own episodes, as often as it is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sims import make_env
from sims.avr.config import nursery_config
from sims.config import (
    AvrEnvConfig,
    LookEnvConfig,
    ManipulationEnvConfig,
    MixtureConfig,
    MixtureEnvConfig,
)
from sims.conformance import check_environment
from sims.manipulation.config import ManipulationConfig
from sims.tools.config import LookConfig
from video.spotlight.config import SpotlightConfig, SpotlightEnvConfig
from video.synthetic.config import nursery_film_config

SCENES = AvrEnvConfig(config=nursery_config())
FILMS = SpotlightEnvConfig(config=SpotlightConfig(film=nursery_film_config(), brief=True))
HAND = ManipulationEnvConfig(config=ManipulationConfig(control="text", height=56, width=56))
TOOLS = LookEnvConfig(config=LookConfig(full_width=2560, shadows=False, brief=True))


def mixture(**settings) -> MixtureEnvConfig:
    parts = {"scenes": SCENES, "hand": HAND}
    return MixtureEnvConfig(config=MixtureConfig(**{"parts": parts, **settings}))


def families(config: MixtureEnvConfig, count: int) -> Counter[str]:
    env = make_env(config)
    return Counter(env.reset(seed=seed)[1]["truth"]["family"] for seed in range(count))


def test_it_keeps_the_contract():
    lit = AvrEnvConfig(config=replace(nursery_config(), shadows=True))
    parts = {"scenes": SCENES, "lit": lit}  # an arm's episodes are slow to play this often
    check_environment(lambda: make_env(mixture(parts=parts)), num_steps=4)


def test_all_four_families_solve_their_tasks_with_their_experts():
    parts = {"scenes": SCENES, "films": FILMS, "tools": TOOLS, "hand": HAND}
    env = make_env(mixture(parts=parts))
    solved: dict[str, bool] = {}
    for seed in range(40):
        _, info = env.reset(seed=seed)
        family = info["truth"]["family"]
        if family in solved:
            continue
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(env.unwrapped.expert_reply())
            over = terminated or truncated
        solved[family] = info["success"]
    assert solved == dict.fromkeys(parts, True)


def test_an_episode_is_the_one_of_the_family_itself():
    env, alone = make_env(mixture(shares={"scenes": 1.0})), make_env(SCENES)
    for seed in range(3):
        mixed, info = env.reset(seed=seed)
        plain, facts = alone.reset(seed=seed)
        assert mixed["text"] == plain["text"]
        assert info["options"] == facts["options"]
        assert all((a == b).all() for a, b in zip(mixed["images"], plain["images"], strict=True))


def test_families_come_as_often_as_their_shares():
    counts = families(mixture(shares={"scenes": 3.0, "hand": 1.0}), 400)
    assert counts["scenes"] == pytest.approx(300, abs=45)
    assert counts["scenes"] + counts["hand"] == 400


def test_a_family_without_a_share_never_comes():
    assert families(mixture(shares={"hand": 0.5}), 10) == {"hand": 10}


def test_a_state_brings_back_its_family():
    env = make_env(mixture())
    first = next(s for s in range(50) if env.reset(seed=s)[1]["truth"]["family"] == "scenes")
    obs, _ = env.reset(seed=first)
    state = env.unwrapped.get_state()
    other = next(s for s in range(50) if env.reset(seed=s)[1]["truth"]["family"] == "hand")
    env.reset(seed=other)
    again, info = env.unwrapped.set_state(state)
    assert again["text"] == obs["text"]
    assert info["truth"]["family"] == "scenes"


def test_the_demonstrator_acts_in_each_familys_own_style():
    env = make_env(mixture(shares={"scenes": 1}, demonstrators={"scenes": "wander"})).unwrapped
    alone = make_env(SCENES).unwrapped
    for seed in range(4):
        env.reset(seed=seed)
        alone.reset(seed=seed)
        assert env.expert_reply("demonstrator") == alone.expert_reply("wander")
        assert env.expert_reply("best") == alone.expert_reply("best")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": {}}, "parts is empty"),
        ({"shares": {"sums": 1.0}}, "shares names 'sums'; legal: scenes, hand"),
        ({"shares": {"hand": -1.0}}, "shares.hand is -1.0"),
        ({"shares": {"hand": float("nan")}}, "shares.hand is nan"),
        ({"shares": {"hand": 0.0}}, "shares are all 0"),
        ({"demonstrators": {"sums": "best"}}, "demonstrators names 'sums'"),
        ({"demonstrators": {"scenes": "drunk"}}, "demonstrators.scenes is 'drunk'; legal: best"),
        (
            {"parts": {"hand": ManipulationEnvConfig()}},
            "parts.hand is Manipulation/Reach-v0.*set parts.hand.config.control=text",
        ),
        (
            {"parts": {"scenes": replace(SCENES, config=replace(nursery_config(), max_turns=0))}},
            "parts.scenes: env.config.max_turns is 0",
        ),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_env(mixture(**settings))
