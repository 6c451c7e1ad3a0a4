"""Playing an environment and comparing what it showed: what the rules are written with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from sims.spaces import ReplySpace

MakeEnv = Callable[[], gymnasium.Env]
ChooseAction = Callable[[gymnasium.Env, dict[str, Any], np.random.Generator], Any]
"""(environment, latest info, generator) -> action. The generator is its only source of chance."""
Step = dict[str, Any]
"""What one reset or step gave: obs and info; for a step also action, reward, over and expert."""


class Broken(Exception):  # noqa: N818  (a finding, which `check_environment` makes an error of)
    """What was found against a rule."""


def require(condition: Any, what: str) -> None:
    """Raise `Broken(what)` unless the condition holds."""
    if not condition:
        raise Broken(what)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What `check_environment` was asked to check. Attributes as its arguments."""

    make_env: MakeEnv
    seeds: tuple[int, ...]
    num_steps: int
    choose_action: ChooseAction
    min_expert_success: float

    @contextmanager
    def env(self) -> Iterator[gymnasium.Env]:
        """A fresh environment, closed afterwards."""
        with closing(self.make_env()) as env:
            yield env

    def play(self, env: gymnasium.Env, seed: int) -> list[Step]:
        """An episode from its reset to its end or to `num_steps`."""
        obs, info = env.reset(seed=seed)
        return [{"obs": obs, "info": info}, *self.go_on(env, info, np.random.default_rng(seed))]

    def play_all(self, env: gymnasium.Env) -> list[Step]:
        """One episode of each seed, in a row."""
        return [step for seed in self.seeds for step in self.play(env, seed)]

    def go_on(
        self, env: gymnasium.Env, info: dict[str, Any], rng: np.random.Generator
    ) -> Iterator[Step]:
        """Steps from where the environment stands, each as it is made."""
        for _ in range(self.num_steps):
            step = take_step(env, self.choose_action(env, info, rng))
            info = step["info"]
            yield step
            if any(step["over"]):
                return


def take_step(env: gymnasium.Env, action: Any) -> Step:
    """Step the environment and write down all it gave, with what its expert said before."""
    expert = expert_reply(env)
    obs, reward, terminated, truncated, info = env.step(action)
    over = (terminated, truncated)
    return {
        "obs": obs,
        "info": info,
        "reward": reward,
        "over": over,
        "action": action,
        "expert": expert,
    }


def random_action(env: gymnasium.Env, info: dict[str, Any], rng: np.random.Generator) -> Any:
    """A random option where there are options, else a sample of the action space."""
    letters = sorted(info["options"])
    if isinstance(env.action_space, ReplySpace) and letters:
        return f"<answer>{letters[int(rng.integers(len(letters)))]}</answer>"
    env.action_space.seed(int(rng.integers(2**31)))
    return env.action_space.sample()


def expert_reply(env: gymnasium.Env) -> Any:
    """What the environment's expert says now; None where it has no expert."""
    ask = getattr(env.unwrapped, "expert_reply", None)
    return None if ask is None else ask()


def compare(expected: Sequence[Step], found: Sequence[Step], which: str) -> None:
    """Require two records of an episode to be equal bit for bit."""
    for index, (one, two) in enumerate(zip(expected, found, strict=False)):
        for name in one:
            where = f"{name} differs at step {index} of the episode {which}"
            require(same(one[name], two[name]), where)
    require(len(expected) == len(found), f"the length differs for the episode {which}")


def same(one: Any, two: Any) -> bool:
    """Bit-for-bit equality of nested dicts, lists, tuples, arrays and scalars."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple) and type(one) is type(two):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        same_kind = one.dtype == two.dtype and one.shape == two.shape
        return same_kind and one.tobytes() == two.tobytes()
    both_nan = one != one and two != two
    return type(one) is type(two) and bool(one == two or both_nan)
