"""Small photographs for the tests of the visual tool environments."""

from __future__ import annotations

from typing import Any

from sims.tools.config import LookConfig
from sims.tools.env import LookEnv

SMALL: dict[str, Any] = {
    "full_width": 768,
    "small_width": 56,
    "look_width": 112,
    "shadows": False,
    "num_items": 8,
    "num_scraps": 2,
}


def make_env(task: str = "search", **settings: Any) -> LookEnv:
    return LookEnv(LookConfig(**{**SMALL, **settings}), task)


def use(env: LookEnv, call: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Step with a tool: what the policy sees, and the truth."""
    obs, _, _, _, info = env.step(f"<think>so</think><action>{call}</action>")
    return obs, info["truth"]


def solve(env: LookEnv, seed: int, style: str = "best") -> dict[str, Any]:
    """Let the expert play an episode: the last info."""
    _, info = env.reset(seed=seed)
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(env.expert_reply(style))
        over = terminated or truncated
    return info
