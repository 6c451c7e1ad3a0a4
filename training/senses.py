"""What of an episode a policy gets to see: controls that say what a score comes from.

A control is trained and evaluated on observations that lack something. The world behind them, its
facts and its expert stay the same.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

SENSES = ("all", "blind", "question", "first_view", "shuffled")
OTHER_WORLD = 0x0DD5
"""Keeps the seeds of the worlds whose pictures "shuffled" shows apart from all others."""


class Senses(gymnasium.Wrapper[dict[str, Any], Any, dict[str, Any], Any]):
    """An environment whose observations lack something.

    Args:
        env: the environment.
        senses: "blind" (every picture is black), "question" (there are no pictures, only
            text), "first_view" (pictures after the first turn's are black) or "shuffled" (pictures
            are those of another world, of the same kind and size); "all" takes nothing away.
        other: for "shuffled", a second environment of the same kind; None elsewhere.

    Raises:
        ValueError: for a name that is not in `SENSES`, or for "shuffled" without `other`.
    """

    def __init__(self, env: gymnasium.Env, senses: str, other: gymnasium.Env | None = None) -> None:
        super().__init__(env)
        check_senses(senses)
        if (senses == "shuffled") != (other is not None):
            raise ValueError(
                f"senses is {senses!r}; another environment goes with 'shuffled' alone"
            )
        self._senses, self._other = senses, other
        self._others: tuple[np.ndarray, ...] = ()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; see the environment."""
        obs, info = self.env.reset(seed=seed, options=options)
        if self._other is not None:
            entropy = [OTHER_WORLD, *([] if seed is None else [seed])]
            drawn = int(np.random.default_rng(entropy).integers(2**31))
            self._others = tuple(self._other.reset(seed=drawn)[0]["images"])
        return self._sensed(obs, is_first=True), info

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act; see the environment."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        return self._sensed(obs, is_first=False), float(reward), terminated, truncated, info

    def close(self) -> None:
        """Free both environments."""
        super().close()
        if self._other is not None:
            self._other.close()

    def _sensed(self, obs: dict[str, Any], *, is_first: bool) -> dict[str, Any]:
        images = tuple(obs["images"])
        if self._senses == "blind" or (self._senses == "first_view" and not is_first):
            images = tuple(np.zeros_like(image) for image in images)
        elif self._senses == "question":
            images = ()
        elif self._senses == "shuffled":
            images = tuple(self._swapped(image) for image in images)
        return {**obs, "images": images}

    def _swapped(self, image: np.ndarray) -> np.ndarray:
        """A picture of the other world of this one's size; black where it showed none."""
        alike = [other for other in self._others if other.shape == image.shape]
        return alike[0] if alike else np.zeros_like(image)


def check_senses(senses: str, name: str = "senses") -> None:
    """Raise `ValueError` for a name that is not in `SENSES`."""
    if senses not in SENSES:
        raise ValueError(f"{name} is {senses!r}; legal: {', '.join(SENSES)}")
