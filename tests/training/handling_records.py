"""Episodes of manipulation with predictions written by hand, for tests of what is computed from
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.training.records import make_episode
from training.episode import Episode
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rewards.terms import REWARD_TERMS

PRESETS = Path(__file__).resolve().parents[2] / "configs" / "reward" / "manipulation"
BOX = [0.40, 0.44, 0.49, 0.56]
"""The right box: 9 by 12 hundredths of the picture."""
PATH = [[0.30, 0.50], [0.35, 0.50], [0.40, 0.50], [0.45, 0.50]]
"""The right path."""


def predicted(
    kind: str, value: Any = None, *, well_formed: bool = True, **more: Any
) -> dict[str, Any]:
    """The truth of a reply: what it predicts, and whatever else is said."""
    prediction = {
        "kind": kind,
        "value": value,
        "problem": "" if kind != "none" else "no output",
        "well_formed": well_formed,
        "num_clipped": 0,
        "boxes": [value] if kind == "box" else [],
    }
    return {"kind": "action", "prediction": prediction} | more


def handling_episode(*turns: dict[str, Any], success: bool = False, **start: Any) -> Episode:
    """An episode with one turn per truth, and a box and a path in the truth of its start."""
    episode = make_episode(*turns, success=success)
    assert episode.truth is not None
    episode.truth.initial |= {
        "affordance": {"camera": "front", "box_xyxy_norm": BOX, "body": "cube"},
        "expert_path": {"camera": "front", "points": PATH},
        "progress_best": 0.0,
        "success_once": False,
        **start,
    }
    return episode


def values_of(name: str, *episodes: Episode, **params: float) -> list[float]:
    """What a per-episode term gives each."""
    return REWARD_TERMS[name](episodes, **params).tolist()


def load_preset(name: str) -> RewardConfig:
    """A preset of `configs/reward/manipulation`, checked."""
    terms = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())["terms"]
    config = RewardConfig(terms={key: RewardTermConfig(**value) for key, value in terms.items()})
    config.check()
    return config


def moved(path: Sequence[Sequence[float]], dx: float, dy: float) -> list[list[float]]:
    """A path that is so much off."""
    return [[x + dx, y + dy] for x, y in path]
