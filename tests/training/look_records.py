"""Episodes of looking written by hand, for tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from policies.interface import PolicyOutput
from training.episode import Episode, EpisodeTruth, Turn, encode_png
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rewards.terms import REWARD_TERMS

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ROOT / "configs" / "reward" / "look"
ANSWER = "<think>I see it.</think><answer>A</answer>"
CROP = "<think>the red mug</think><action>crop(0.1, 0.1, 0.2, 0.2)</action>"
OPTIONS = {"A": "8", "B": "10", "C": "red"}
INITIAL = {
    "kind": "reset",
    "needs_tool": True,
    "sufficient": False,
    "gold": "red",
    "evidence_regions": [[0.5, 0.5, 0.75, 0.75]],
    "point_limits": [1.0, 1.0],
}
EVIDENCE = [{"object_box_xyxy": [100.0, 100.0, 200.0, 200.0]}]


def piece(
    *,
    overlap: float = 0.5,
    covered: float = 1.0,
    shown: bool = True,
    needed: bool = True,
    salience: float = 1.0,
) -> dict[str, Any]:
    """How a look shows a piece of evidence."""
    return {
        "overlap": overlap,
        "covered": covered,
        "shown": shown,
        "needed": needed,
        "salience": salience,
    }


HIDDEN = piece(overlap=0.0, covered=0.0, shown=False)
NEW = {"kind": "look", "shown_evidence": [piece()]}
AGAIN = {"kind": "look", "shown_evidence": [piece(needed=False)]}
ASTRAY = {"kind": "look", "shown_evidence": [HIDDEN]}
FAILED = {"kind": "invalid", "error": "arguments"}
DONE = {"kind": "answer", "choice": "A"}


def drawing(kind: str, *points: tuple[float, float], label: str = "") -> dict[str, Any]:
    """The truth of a reply that draws."""
    drawn = {"kind": kind, "points": [list(point) for point in points], "label": label}
    return {"kind": "look", "drawn": drawn}


def look_episode(
    *steps: dict[str, Any],
    replies: Sequence[str] = (),
    success: bool = False,
    env_id: str = "Look/Search-v0",
    **initial: Any,
) -> Episode:
    """An episode with one turn per step, over pictures 200 wide and 100 high.

    Steps that look reply with a crop, others with an answer, unless `replies` say otherwise.
    """
    facts = INITIAL | initial
    empty = {"shown_evidence": None, "drawn": None, "evidence": EVIDENCE}
    truths = [facts | empty | step for step in steps]
    asks = [truth["kind"] in ("look", "invalid") for truth in truths]
    replies = replies or [CROP if ask else ANSWER for ask in asks]
    png = encode_png(np.zeros((100, 200, 3), dtype=np.uint8))
    turns = [
        Turn(
            text="Question",
            image_pngs=(png,),
            state=None,
            options=dict(OPTIONS),
            output=PolicyOutput(text=reply),
            reward=0.0,
        )
        for reply in replies
    ]
    return Episode(
        task_id="look/0",
        env_id=env_id,
        env_config_hash="",
        seed=0,
        turns=turns,
        success=success,
        terminated=True,
        truth=EpisodeTruth(initial=facts, turns=truths),
    )


def values_of(name: str, *episodes: Episode, **params: float) -> list[Any]:
    """What a term gives each: a number, or for terms per turn a list."""
    return [np.asarray(value).tolist() for value in REWARD_TERMS[name](episodes, **params)]


def load_preset(name: str) -> RewardConfig:
    """A preset of `configs/reward/look`, checked."""
    terms = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())["terms"]
    config = RewardConfig(terms={key: RewardTermConfig(**value) for key, value in terms.items()})
    config.check()
    return config
