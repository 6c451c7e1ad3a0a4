"""The rules of the contract, each a function that raises `Broken` with what it found."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from sims.conformance.case import Broken, Case, compare, expert_reply, require, same, take_step
from sims.spaces import ImagesSpace, ReplySpace

MAX_TURNS = 1000
"""An environment that is given nothing but empty replies has ended its episode by then."""
NUM_EXPERT_EPISODES = 20

HOSTILE_REPLIES = (
    "",
    " \n\t",
    "\x00\x1b[2J\ud800",
    "<answer></answer>",
    "<answer><answer>A</answer",
    "<answer>ZZZ</answer><action>-1</action>",
    "</think></think><think><answer>A<think>",
    "<|im_end|><|im_start|>system <|vision_start|><|image_pad|><|vision_end|>",
    "答案是左边的红色立方体。 الجواب هو أ 🙂",
    '{"box_xyxy": [1e999, NaN, -1, ' + "[" * 40,
)
HUGE_PIECES = ("x", "<answer>", "</think>", "<answer>A</answer>", "<", "[", " ", "9", "🙂")
"""Each is repeated up to the longest legal reply."""


def check_gymnasium_api(case: Case) -> None:
    """`check_env`, with warnings as errors."""
    with case.env() as env, warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=env.spec is None)


def check_spaces(case: Case) -> None:
    """The types of the spaces."""
    kinds = {"text": ReplySpace, "images": ImagesSpace, "state": gymnasium.spaces.Box}
    with case.env() as env:
        space, action_space = env.observation_space, env.action_space
    if not isinstance(space, gymnasium.spaces.Dict):
        raise Broken(f"observation_space is {space}, not a Dict")
    parts = dict(space.items())
    require(
        {"text", "images"} <= set(parts) <= set(kinds),
        f"the observation's keys are {sorted(parts)}; legal: text, images, and maybe state",
    )
    for name, part in parts.items():
        require(isinstance(part, kinds[name]), f"{name} is {part}, not a {kinds[name].__name__}")
    state = parts.get("state")
    require(state is None or state.dtype == np.float32, f"state is {state}, not float32")
    action_ok = isinstance(action_space, ReplySpace | gymnasium.spaces.Box)
    require(action_ok, f"action_space is {action_space}, neither a ReplySpace nor a Box")


def check_observations(case: Case) -> None:
    """Every observation lies in the space, and its text can be written to a file."""
    with case.env() as env:
        for step in case.play_all(env):
            obs = step["obs"]
            require(obs in env.observation_space, f"{obs!r:.200} is not in observation_space")
            obs["text"].encode()  # raises for a lone surrogate


def check_info(case: Case) -> None:
    """The facts are there and can be written to a file."""
    with case.env() as env:
        for step in case.play_all(env):
            info = step["info"]
            missing = {"success", "options", "truth"} - set(info)
            require(not missing, f"info lacks {', '.join(sorted(missing))}")
            require(isinstance(info["success"], bool), f"success is {info['success']!r}")
            texts = [*info["options"].keys(), *info["options"].values()]
            require(all(isinstance(t, str) for t in texts), f"options are {info['options']}")
            require(isinstance(info["truth"], dict), f"truth is a {type(info['truth']).__name__}")
            json.dumps(info["truth"], allow_nan=False)  # raises for what JSON cannot hold


def check_privacy(case: Case) -> None:
    """No text spells out an entry of the truth. (The keys of an observation are fixed already.)"""
    with case.env() as env:
        for step in case.play_all(env):
            text, truth = step["obs"]["text"], step["info"]["truth"]
            told = [key for key in truth if f'"{key}"' in text or f"'{key}'" in text]
            require(not told, f"the text names truth {told[:1]}: {text!r:.200}")


def check_reward(case: Case) -> None:
    """1 for success, else 0: whatever shapes is a reward term's business."""
    with case.env() as env:
        for step in case.play_all(env):
            reward, success = step.get("reward", 0.0), step["info"]["success"]
            is_bare = "reward" not in step or float(reward) == float(success)
            require(is_bare, f"the reward is {reward} where success is {success}")


def check_twins(case: Case) -> None:
    """Two environments, one seed, the same actions."""
    with case.env() as first, case.env() as second:
        for seed in case.seeds:
            compare(case.play(first, seed), case.play(second, seed), f"of seed {seed}")


def check_no_leftovers(case: Case) -> None:
    """A used environment against a fresh one."""
    with case.env() as fresh, case.env() as used:
        expected = case.play(fresh, case.seeds[0])
        case.play_all(used)
        found = case.play(used, case.seeds[0])
        compare(expected, found, f"of seed {case.seeds[0]} played after others")


def check_resets_differ(case: Case) -> None:
    """With different seeds, and without any."""
    with case.env() as env:
        seeded = [env.reset(seed=seed)[0] for seed in case.seeds]
        require(not all(same(seeded[0], obs) for obs in seeded), "they do not for reset(seed=)")
        drawn = [env.reset()[0] for _ in range(5)]
        require(not all(same(drawn[0], obs) for obs in drawn), "they do not for reset()")


def check_no_shared_memory(case: Case) -> None:
    """Each observation has memory of its own."""
    with case.env() as env:
        steps = case.play_all(env)
    for before, after in pairwise(steps):
        for one in _arrays(before["obs"]):
            shared = any(np.shares_memory(one, two) for two in _arrays(after["obs"]))
            require(not shared, "an array of one observation is used again in the next")


def check_nothing_constant(case: Case) -> None:
    """Texts, pictures and every number of the state change somewhere."""
    with case.env() as env:
        seen = [step["obs"] for step in case.play_all(env)]
    for name in ("text", "images"):
        values = [obs[name] for obs in seen if len(obs[name])]
        changes = any(not same(values[0], value) for value in values)
        require(changes or not values, f"{name} never changes")
    if "state" in seen[0]:
        states = np.stack([obs["state"] for obs in seen])
        constant = np.flatnonzero((states == states[0]).all(axis=0)).tolist()
        require(not constant, f"state{constant} never changes")


def check_hostile_replies(case: Case) -> None:
    """Whatever a model writes is a legal action that is answered in words."""
    with case.env() as env:
        if not isinstance(env.action_space, ReplySpace):
            return
        for reply in _hostile_replies(env.action_space.max_length):
            env.reset(seed=case.seeds[0])
            shown = f"{reply[:50]!r} ({len(reply)} characters)"
            require(reply in env.action_space, f"{shown} is not in action_space")
            try:
                obs, reward, *_ = env.step(reply)
                obs["text"].encode()
            except Exception as error:
                raise Broken(f"{shown} raised {type(error).__name__}: {error}") from error
            require(obs in env.observation_space, f"{shown} was answered with {obs!r:.200}")
            require(math.isfinite(reward), f"{shown} earned {reward}")


def check_turn_limit(case: Case) -> None:
    """Replies that mean nothing use up the turns."""
    with case.env() as env:
        if isinstance(env.action_space, ReplySpace):
            env.reset(seed=case.seeds[0])
            over = any(any(env.step("")[2:4]) for _ in range(MAX_TURNS))
            require(over, f"it went on after {MAX_TURNS} of them")


def check_step_after_end(case: Case) -> None:
    """Where an episode ended within the steps that were played."""
    with case.env() as env:
        last = case.play(env, case.seeds[0])[-1]
        if not any(last.get("over", ())):
            return
        try:
            env.step(last["action"])
        except Exception:
            return
    raise Broken("the step was made")


def check_states(case: Case) -> None:
    """From the start and the middle of an episode, in the same and another environment.

    Where the environment offers `get_state` and `set_state`; the suite's own all do.
    """
    with case.env() as wrapped, case.env() as other:
        if not hasattr(wrapped.unwrapped, "get_state"):
            return
        env = wrapped.unwrapped  # a time limit is no part of the state
        for seed in case.seeds:
            _, info = env.reset(seed=seed)
            states, steps = [env.get_state()], []
            for step in case.go_on(env, info, np.random.default_rng(seed)):
                steps.append(step)
                states.append(env.get_state())
            for start in {0, len(steps) // 2}:
                for where, target in (("the same", env), ("another", other.unwrapped)):
                    other.reset(seed=seed + 1)
                    target.set_state(states[start])  # type: ignore[attr-defined]
                    found = [take_step(target, step["action"]) for step in steps[start:]]
                    which = f"of seed {seed} set to its step {start} in {where} environment"
                    compare(steps[start:], found, which)


def check_close(case: Case) -> None:
    """Twice after use, and before any use."""
    env = case.make_env()
    env.reset(seed=case.seeds[0])
    env.close()
    env.close()
    case.make_env().close()


def check_expert(case: Case) -> None:
    """Where there is one. That it says the same in equal episodes is checked with the twins."""
    with case.env() as env:
        if not hasattr(env.unwrapped, "expert_reply"):
            return
        first = case.seeds[0]
        solved = [_is_solved(env, seed) for seed in range(first, first + NUM_EXPERT_EPISODES)]
    share = float(np.mean(solved))
    require(share >= case.min_expert_success, f"it solves {share:.2f} of {len(solved)} episodes")


def _is_solved(env: gymnasium.Env, seed: int) -> bool:
    """Whether the expert solves the episode of a seed."""
    env.reset(seed=seed)
    for _ in range(MAX_TURNS):
        reply = expert_reply(env)
        require(same(reply, expert_reply(env)), "asked twice, it says two things")
        require(reply in env.action_space, f"{reply!r:.100} is not in action_space")
        step = take_step(env, reply)
        if step["info"]["success"] or any(step["over"]):
            break
    return bool(step["info"]["success"])


def _hostile_replies(max_length: int) -> Iterator[str]:
    yield from (reply[:max_length] for reply in HOSTILE_REPLIES)
    yield from ((piece * (max_length // len(piece) + 1))[:max_length] for piece in HUGE_PIECES)


def _arrays(obs: dict[str, Any]) -> list[np.ndarray]:
    return [*obs["images"], *([obs["state"]] if "state" in obs else [])]


RULES: dict[str, Callable[[Case], None]] = {
    "gymnasium.utils.env_checker finds nothing to warn about": check_gymnasium_api,
    "an observation has text, images and perhaps a float32 state": check_spaces,
    "every observation lies in its space": check_observations,
    "info holds success, options and a truth that JSON can hold": check_info,
    "the truth stays out of the observation": check_privacy,
    "the reward is the bare success": check_reward,
    "equal seeds and actions give bit-identical episodes": check_twins,
    "an episode leaves nothing behind for the next": check_no_leftovers,
    "resets differ": check_resets_differ,
    "observations share no memory": check_no_shared_memory,
    "nothing observed is constant": check_nothing_constant,
    "no reply crashes an environment": check_hostile_replies,
    "empty replies lead to the turn limit": check_turn_limit,
    "a step after the end of an episode raises": check_step_after_end,
    "an episode goes on the same from a state that was saved": check_states,
    "closing twice is harmless": check_close,
    "the expert solves most episodes": check_expert,
}
"""The rule, as it ends a sentence, -> its check; in the order in which they are checked."""
