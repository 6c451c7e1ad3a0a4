"""An environment as TRL plays it, without TRL; tests/external/test_trl_environment.py trains."""

from __future__ import annotations

import inspect

import gymnasium
import numpy as np
import pytest

from policies.interface import Observation
from tests.training.guessing import GuessEnv
from training.adapters.chat_worlds import chat_content
from training.adapters.trl import OVER, TrlEnvironment, make_rows
from training.seeding import purpose_of


def patience_of(seed: int) -> int:
    """Replies that a `GuessEnv` of this seed takes."""
    env = GuessEnv()
    env.reset(seed=seed)
    return env._patience


def right_reply(seed: int) -> str:
    env = GuessEnv()
    env.reset(seed=seed)
    return env.expert_reply()


LONG = next(seed for seed in range(20) if patience_of(seed) == 3)


def test_an_episode_is_shown_reply_by_reply_and_scored_at_the_end() -> None:
    world = TrlEnvironment(GuessEnv)
    shown = world.reset(seed=LONG, prompt=[{"role": "user", "content": "hello"}])
    picture, words = shown
    assert words == {"type": "text", "text": "Look 1.\nA. red\nB. blue\nC. green"}
    env = GuessEnv()
    obs, _ = env.reset(seed=LONG)
    np.testing.assert_array_equal(np.asarray(picture["image"]), obs["images"][0])
    assert world.act("hm")[1]["text"].startswith("Look 2.")
    assert world.act("hm")[1]["text"].startswith("Look 3.")
    assert world.get_reward() == 0.0
    assert world.act(right_reply(LONG)) == OVER
    assert (world.get_reward(), world.success, world.num_turns) == (1.0, True, 3)
    with pytest.raises(RuntimeError, match="The episode is over"):
        world.act("more")
    world.reset(seed=LONG)
    assert (world.get_reward(), world.success, world.num_turns) == (0.0, False, 0)


def test_equal_seeds_are_equal_worlds() -> None:
    first, second = TrlEnvironment(GuessEnv), TrlEnvironment(GuessEnv)
    pictures = [np.asarray(world.reset(seed=5)[0]["image"]) for world in (first, second, second)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_the_only_tool_is_act() -> None:
    functions = inspect.getmembers(TrlEnvironment, predicate=inspect.isfunction)
    public = {name for name, _ in functions if not name.startswith("_")}
    assert public == {"reset", "act", "get_reward"}


def test_success_instead_of_the_return() -> None:
    class Paying(GuessEnv):
        def step(self, action: str):
            obs, _, terminated, truncated, info = super().step(action)
            return obs, 0.25, terminated, truncated, info

    for reward, earned in (("return", 0.75), ("success", 1.0)):
        world = TrlEnvironment(Paying, reward=reward)
        world.reset(seed=LONG)
        for _ in range(3):
            world.act(right_reply(LONG))
        assert world.get_reward() == earned


def test_a_world_that_breaks_is_over_and_left_out() -> None:
    world = TrlEnvironment(lambda: GuessEnv(broken_resets=[1], broken_steps=[2]))
    assert world.reset(seed=1) == OVER
    assert world.get_reward() is None
    assert "no world for 1" in world.failure
    world.reset(seed=2)
    assert world.failure is None
    assert world.act("x") == OVER
    assert world.get_reward() is None
    assert "the floor fell out" in world.failure


def test_words_alone_are_a_string_and_pictures_stand_where_they_are_marked() -> None:
    assert chat_content(Observation(text="only words")) == "only words"
    pictures = tuple(np.full((2, 3, 3), level, dtype=np.uint8) for level in (1, 2))
    observation = Observation(text="before <image> between <image>", images=pictures)
    blocks = chat_content(observation)
    assert [block["type"] for block in blocks] == ["text", "image", "text", "image"]
    assert blocks[3]["image"].size == (3, 2)
    assert np.asarray(blocks[3]["image"]).max() == 2


def test_rows_are_training_worlds_with_a_seed_each() -> None:
    rows = make_rows(3)
    assert len({row["seed"] for row in rows}) == 3
    assert {purpose_of(row["seed"]) for row in rows} == {"train"}
    assert [row["seed"] for row in make_rows(2, seeds=iter([7, 8, 9]))] == [7, 8]
    assert "`act`" in rows[0]["prompt"][0]["content"]


def test_what_does_not_fit_is_refused() -> None:
    class Numbers(GuessEnv):
        def __init__(self) -> None:
            super().__init__()
            self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,))

    with pytest.raises(ValueError, match="Numbers takes actions of numbers.*control=text"):
        TrlEnvironment(Numbers)
    with pytest.raises(ValueError, match="reward is 'shaped'; legal: return, success"):
        TrlEnvironment(GuessEnv, reward="shaped")
    with pytest.raises(ValueError, match="train_dataset has no column seed"):
        TrlEnvironment(GuessEnv).reset(prompt=[])
