"""An environment with frame budgets whose every episode is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from sims.spaces import ImagesSpace, ReplySpace


class CountEnv(gymnasium.Env[dict[str, Any], str]):
    """A reply is a number of frames to look at, and ends the episode. Seed s needs 1 + s mod 4 of
    them; a scan shows the whole budget, whatever is asked for, and needs twice as many.
    """

    def __init__(
        self,
        budget: int,
        scan_only: bool,
        seeds: list[int | None],
        *,
        names_evidence: bool = False,
    ) -> None:
        images = ImagesSpace(28, 28)
        self.observation_space = Dict({"text": ReplySpace(99), "images": images})
        self.action_space = ReplySpace(99)
        self._budget, self._scan_only, self._seeds = budget, scan_only, seeds
        self._names_evidence = names_evidence

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self._seeds.append(seed)
        self._needed = (1 + (seed or 0) % 4) * (2 if self._scan_only else 1)
        self._question = f"q{seed}"
        return self._obs(), {"truth": self._truth(0), "options": {"A": "yes", "B": "no"}}

    def step(self, action: str):
        shown = self._budget if self._scan_only else min(int(action), self._budget)
        success = shown >= self._needed
        info = {"success": success, "truth": self._truth(shown)}
        return self._obs(), float(success), True, False, info

    def _obs(self) -> dict[str, Any]:
        picture = np.zeros((28, 28, 3), dtype=np.uint8)
        return {"text": f"{self._budget} frames at most.", "images": (picture,)}

    def _truth(self, shown: int) -> dict[str, Any]:
        truth = {"question_id": self._question, "num_frames_used": shown, "frame_budget": 9}
        if not self._names_evidence:
            return truth
        hit = self._scan_only and self._budget >= self._needed
        return {**truth, "kind": "answer", "gained": False, "sufficient": hit}


class Variants:
    """Makes environments, and keeps the seeds that each kind was reset with."""

    def __init__(self, *, names_evidence: bool = False) -> None:
        self._seeds: dict[tuple[int, bool], list[int | None]] = {}
        self._names_evidence = names_evidence

    def __call__(self, settings: Mapping[str, Any]) -> CountEnv:
        budget, scan_only = settings["frame_budget"], settings["scan_only"]
        seeds = self._seeds.setdefault((budget, scan_only), [])
        return CountEnv(budget, scan_only, seeds, names_evidence=self._names_evidence)

    @property
    def seeds(self) -> dict[tuple[int, bool], list[int | None]]:
        """Of every variant that was played, in order."""
        return {variant: seeds for variant, seeds in self._seeds.items() if seeds}
