"""The hand on a line of `tests.fakes`, as a world to learn in."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box

from tests.fakes import FakeArm


class Arm(FakeArm):
    """One velocity per step, towards a goal that the state names."""

    expert_styles = ("best",)

    def expert_reply(self, style: str = "best") -> np.ndarray:
        return super().expert_reply()


class ChunkArm(Arm):
    """Takes up to four velocities at a time; its expert plans them."""

    num_rows = 4

    def __init__(self) -> None:
        super().__init__()
        self.action_space = Box(-1.0, 1.0, shape=(self.num_rows, 1), dtype=np.float32)

    def step(self, action: np.ndarray) -> tuple:
        for row in np.asarray(action).reshape(-1, 1):
            obs, reward, terminated, truncated, info = super().step(row)
            if terminated or truncated:
                break
        return obs, reward, terminated, truncated, info

    def expert_reply(self, style: str = "best") -> np.ndarray:
        way, rows = self.facts["goal"] - self.facts["hand"], []
        for _ in range(self.num_rows):
            rows.append(float(np.clip(2 * way, -1, 1)))
            way -= 0.5 * rows[-1]
        return np.array(rows, dtype=np.float32)[:, None]


class HurriedArm(ChunkArm):
    """Has hardly more time than its expert needs, so that a vague policy fails."""

    max_turns = 8
